//! The User Datagram Protocol (RFC 768): net/ipv4/udp.c.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;
use super::socket::{Bind, Errno, SocketId};

/// A datagram that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// What it carried.
    pub bytes: Vec<u8>,
    /// Who sent it.
    pub from: SocketAddrV4,
    /// The address that it was sent to (IP_PKTINFO).
    pub to: Ipv4Addr,
    /// The interface that it came in by (IP_PKTINFO).
    pub iif: IfIndex,
}

/// The UDP sockets of a host.
#[derive(Debug, Default)]
pub struct Udp {}

impl Kernel {
    /// udp_rcv: a datagram for this host.
    pub(super) fn udp_receive(&mut self, _packet: Packet) {}

    /// udp_err: an ICMP error about a datagram that this host has sent; see [`Kernel::tcp_icmp_error`].
    pub(super) fn udp_icmp_error(&mut self, _icmp_type: u8, _code: u8, _mtu: u16, _quoted: &[u8]) {}

    /// socket, bind.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressInUse`], [`Errno::AddressNotAvailable`].
    pub fn udp_bind(&mut self, _local: Bind) -> Result<SocketId, Errno> {
        Err(Errno::NetworkDown)
    }

    /// connect.
    ///
    /// # Errors
    ///
    /// No route.
    pub fn udp_connect(&mut self, _socket: SocketId, _remote: SocketAddrV4) -> Result<(), Errno> {
        Err(Errno::NetworkDown)
    }

    /// sendmsg: to the connected peer if `to` is unset; from `source` if that is set (IP_PKTINFO).
    ///
    /// # Errors
    ///
    /// An ICMP error that came in before, or why it could not be sent.
    pub fn udp_send(
        &mut self,
        _socket: SocketId,
        _bytes: &[u8],
        _to: Option<SocketAddrV4>,
        _source: Option<Ipv4Addr>,
    ) -> Result<(), Errno> {
        Err(Errno::NetworkDown)
    }

    /// recvmsg.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when there is none; an ICMP error on a connected socket.
    pub fn udp_take(&mut self, _socket: SocketId) -> Result<Datagram, Errno> {
        Err(Errno::NetworkDown)
    }

    /// IP_ADD_MEMBERSHIP.
    ///
    /// # Errors
    ///
    /// [`Errno::InvalidArgument`] if it is no group, [`Errno::NoSuchDevice`].
    pub fn udp_join(&mut self, _socket: SocketId, _group: Ipv4Addr, _interface: IfIndex) -> Result<(), Errno> {
        Err(Errno::NetworkDown)
    }

    /// IP_MULTICAST_IF and IP_MULTICAST_TTL.
    pub fn udp_set_multicast(&mut self, _socket: SocketId, _interface: IfIndex, _ttl: u8) {}

    /// close.
    pub fn udp_close(&mut self, _socket: SocketId) {}

    /// getsockname.
    pub fn udp_local(&self, _socket: SocketId) -> Option<SocketAddrV4> {
        None
    }
}
