//! The sockets of the synchronisation daemons: make_send_sock, make_receive_sock.

use std::fmt;
use std::net::SocketAddrV4;

use crate::host::interface::{IfIndex, Scope};
use crate::host::kernel::Kernel;
use crate::host::socket::{Bind, Errno, SocketId};
use crate::ipvs::Error;
use crate::ipvs::sync::{Role, Settings};

/// The sockets of the daemons that run, one for each of a daemon's ports.
#[derive(Debug, Default)]
pub struct SyncSockets {
    senders: Vec<SocketId>,
    receivers: Vec<SocketId>,
}

/// Why a daemon could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// IPVS refuses.
    Ipvs(Error),
    /// The interface or its addresses will not do.
    Socket(Errno),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Ipvs(error) => error.fmt(f),
            StartError::Socket(error) => error.fmt(f),
        }
    }
}

impl Kernel {
    /// Starts a synchronisation daemon (start_sync_thread).
    ///
    /// # Errors
    ///
    /// No such interface, one that is down, or a daemon that runs already.
    pub fn start_sync(&mut self, role: Role, settings: Settings) -> Result<(), StartError> {
        let interface = self.interface(&settings.interface).ok_or(StartError::Socket(Errno::NoSuchDevice))?;
        let (index, mtu) = (interface.index, interface.mtu);
        if self.ipvs.daemon(role).is_some() {
            return Err(StartError::Ipvs(Error::DaemonRuns));
        }
        let now = self.now;
        // The daemons that run together have equally many threads.
        let ports = match self.sync_sockets.of(role.other()).len() {
            0 => self.ipvs().config.sync_ports as u16,
            running => running as u16,
        };
        for place in 0..ports {
            let to = SocketAddrV4::new(settings.group, settings.port.wrapping_add(place));
            let socket = match role {
                Role::Master => self.sync_sender(to, index, settings.ttl),
                Role::Backup => self.sync_receiver(to, index),
            };
            match socket {
                Ok(socket) => self.sync_sockets.of(role).push(socket),
                Err(error) => {
                    self.close_sync_sockets(role);
                    return Err(StartError::Socket(error));
                }
            }
        }
        self.ipvs.start_daemon(role, settings, mtu, now).map_err(StartError::Ipvs)
    }

    /// Stops a synchronisation daemon (stop_sync_thread).
    ///
    /// # Errors
    ///
    /// [`Error::NoDaemon`]
    pub fn stop_sync(&mut self, role: Role) -> Result<(), Error> {
        self.close_sync_sockets(role);
        self.ipvs.stop_daemon(role)
    }

    fn close_sync_sockets(&mut self, role: Role) {
        for socket in std::mem::take(self.sync_sockets.of(role)) {
            self.udp_close(socket);
        }
    }

    fn sync_sender(&mut self, to: SocketAddrV4, interface: IfIndex, ttl: u8) -> Result<SocketId, Errno> {
        let address = self.select_address(interface, None, Scope::Global);
        let address = Some(address).filter(|address| !address.is_unspecified());
        let socket = self.udp_bind(Bind { address, ..Bind::ANY })?;
        self.udp_set_multicast(socket, interface, ttl);
        match self.udp_connect(socket, to) {
            Ok(()) => Ok(socket),
            Err(error) => {
                self.udp_close(socket);
                Err(error)
            }
        }
    }

    fn sync_receiver(&mut self, at: SocketAddrV4, interface: IfIndex) -> Result<SocketId, Errno> {
        let local = Bind { device: Some(interface), ..Bind::to(at) };
        let socket = self.udp_bind(local)?;
        match self.udp_join(socket, *at.ip(), interface) {
            Ok(()) => Ok(socket),
            Err(error) => {
                self.udp_close(socket);
                Err(error)
            }
        }
    }

    /// sync_thread_master: what is due leaves. What cannot be sent is lost.
    pub(super) fn send_sync(&mut self) {
        let now = self.now;
        for (place, message) in self.ipvs.messages(now) {
            if let Some(socket) = self.sync_sockets.senders.get(usize::from(place)).copied() {
                let _ = self.udp_send(socket, &message, None, None);
            }
        }
    }

    /// sync_thread_backup: what has come in at one of its sockets.
    pub(in crate::host) fn take_sync(&mut self, socket: SocketId) {
        if !self.sync_sockets.receivers.contains(&socket) {
            return;
        }
        let now = self.now;
        self.ipvs.notes.wanted = self.out.tracing;
        while let Ok(datagram) = self.udp_take(socket) {
            self.ipvs().receive(&datagram.bytes, now);
            self.tell_ipvs_notes(self.out.handling);
        }
    }
}

impl SyncSockets {
    fn of(&mut self, role: Role) -> &mut Vec<SocketId> {
        match role {
            Role::Master => &mut self.senders,
            Role::Backup => &mut self.receivers,
        }
    }
}
