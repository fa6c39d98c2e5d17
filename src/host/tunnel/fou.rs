//! UDP ports whose datagrams carry packets (foo over UDP): fou_udp_recv, gue_udp_recv.

use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::socket::{Bind, Errno, SocketId};
use crate::reason::IpDrop;
use crate::wire::proto;
use crate::wire::tunnel::read_gue;

/// Bytes of a UDP header.
const UDP_LEN: usize = 8;

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decapsulation {
    /// A GUE header, which names the protocol.
    Gue,
    /// A packet of this protocol.
    Protocol(u8),
}

/// A port whose datagrams are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FouPort {
    /// What they carry.
    pub carries: Decapsulation,
    /// The socket that holds the port.
    socket: SocketId,
}

impl Kernel {
    /// fou_create: `ip fou add`.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressInUse`].
    pub fn add_fou(&mut self, port: u16, carries: Decapsulation) -> Result<(), Errno> {
        let socket = self.udp_bind(Bind { reuse: false, ..Bind::port(port) })?;
        self.tunnels.fou.insert(port, FouPort { carries, socket });
        Ok(())
    }

    /// fou_destroy: `ip fou del`.
    ///
    /// # Errors
    ///
    /// [`Errno::InvalidArgument`] if there is no such port.
    pub fn delete_fou(&mut self, port: u16) -> Result<(), Errno> {
        let FouPort { socket, .. } = self.tunnels.fou.remove(&port).ok_or(Errno::InvalidArgument)?;
        self.udp_close(socket);
        Ok(())
    }

    /// The ports whose datagrams are opened.
    pub fn fou_ports(&self) -> impl Iterator<Item = (u16, FouPort)> {
        self.tunnels.fou.iter().map(|(port, fou)| (*port, *fou))
    }

    /// What the datagrams to a port carry, if they are to be opened.
    pub(in crate::host) fn fou_port(&self, port: u16) -> Option<Decapsulation> {
        self.tunnels.fou.get(&port).map(|fou| fou.carries)
    }

    /// gue_udp_recv, fou_udp_recv: a sound datagram for such a port. What is in it is delivered as if there were no UDP.
    pub(in crate::host) fn fou_receive(&mut self, packet: &Packet, carries: Decapsulation) {
        let header = packet.header_len() + UDP_LEN;
        let (inner, protocol) = match carries {
            Decapsulation::Protocol(protocol) => (header, protocol),
            Decapsulation::Gue => match read_gue(packet.ip().get(header..).unwrap_or_default()) {
                Ok((len, protocol)) => (header + len, protocol),
                Err(bad) => return self.drop_packet(packet, IpDrop::TunnelHeader(bad)),
            },
        };
        match protocol {
            proto::IPIP => self.ipip_receive(packet, inner),
            proto::GRE => self.gre_receive(packet, inner),
            _ => self.refuse_protocol(packet),
        }
    }
}
