//! The daemons that tell another director about connections: ip_vs_sync.c.
//!
//! The master writes entries into messages (`master`, `message`), the backup makes connections of them (`backup`). Neither
//! has a socket: messages come out of [`Ipvs::messages`], and go into [`Ipvs::receive`].

mod backup;
mod master;
mod message;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use super::{Error, Ipvs};
use crate::time::Time;
use master::Master;
pub(super) use master::Synced;

/// Which end of the synchronisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tells about its connections.
    Master,
    /// Listens.
    Backup,
}

impl Role {
    /// The other end.
    pub const fn other(self) -> Role {
        match self {
            Role::Master => Role::Backup,
            Role::Backup => Role::Master,
        }
    }

    /// As ipvsadm calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Backup => "backup",
        }
    }
}

/// How a daemon is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The interface that messages leave or come in by.
    pub interface: String,
    /// What tells clusters apart; 0 at a backup: any.
    pub id: u8,
    /// The longest message, in bytes; none: what fits into the interface's frames.
    pub max_len: Option<u16>,
    /// The multicast group.
    pub group: Ipv4Addr,
    /// The UDP port.
    pub port: u16,
    /// The messages' TTL.
    pub ttl: u8,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            interface: "eth0".to_owned(),
            id: 0,
            max_len: None,
            group: Ipv4Addr::new(224, 0, 0, 81),
            port: 8848,
            ttl: 1,
        }
    }
}

/// A daemon that runs, as listings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The interface that messages leave or come in by.
    pub interface: String,
    /// What tells clusters apart; 0 at a backup: any.
    pub id: u8,
    /// The longest message, in bytes.
    pub max_len: u16,
    /// The multicast group.
    pub group: Ipv4Addr,
    /// The UDP port.
    pub port: u16,
    /// The messages' TTL.
    pub ttl: u8,
}

/// What the IP and UDP headers of a message take, in bytes.
const HEADERS: u32 = 28;

impl Daemon {
    /// start_sync_thread, which clamps the longest message.
    fn new(role: Role, settings: Settings, mtu: u32) -> Daemon {
        let Settings { interface, id, max_len, group, port, ttl } = settings;
        let max_len = match (role, max_len) {
            (Role::Master, Some(len)) => len,
            (Role::Backup, Some(len)) => len.max(1024),
            (Role::Master, None) => (1500 - HEADERS) as u16,
            (Role::Backup, None) => (mtu.clamp(1500, 65_535) - HEADERS) as u16,
        };
        Daemon { interface, id, max_len, group, port, ttl }
    }
}

/// The daemons of a host.
#[derive(Debug, Default)]
pub struct Daemons {
    master: Option<Master>,
    backup: Option<Daemon>,
}

impl Daemons {
    /// When the master has something to do.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.master.as_ref()?.next_deadline()
    }
}

impl Ipvs {
    /// Starts a daemon on an interface with this MTU, in bytes (start_sync_thread).
    ///
    /// # Errors
    ///
    /// [`Error::DaemonRuns`]
    pub fn start_daemon(&mut self, role: Role, settings: Settings, mtu: u32, now: Time) -> Result<(), Error> {
        if self.daemon(role).is_some() {
            return Err(Error::DaemonRuns);
        }
        let daemon = Daemon::new(role, settings, mtu);
        match role {
            Role::Master => self.daemons.master = Some(Master::new(daemon, self.config.sync_ports, now)),
            Role::Backup => self.daemons.backup = Some(daemon),
        }
        Ok(())
    }

    /// Stops a daemon; what it has not sent is lost (stop_sync_thread).
    ///
    /// # Errors
    ///
    /// [`Error::NoDaemon`]
    pub fn stop_daemon(&mut self, role: Role) -> Result<(), Error> {
        let was_there = match role {
            Role::Master => self.daemons.master.take().is_some(),
            Role::Backup => self.daemons.backup.take().is_some(),
        };
        if was_there { Ok(()) } else { Err(Error::NoDaemon) }
    }

    /// The daemon of a role.
    pub fn daemon(&self, role: Role) -> Option<&Daemon> {
        match role {
            Role::Master => self.daemons.master.as_ref().map(|master| &master.daemon),
            Role::Backup => self.daemons.backup.as_ref(),
        }
    }

    /// Whether this host only listens to another director (sysctl_backup_only).
    pub(super) fn is_backup_only(&self) -> bool {
        self.config.backup_only != 0 && self.daemons.backup.is_some()
    }
}
