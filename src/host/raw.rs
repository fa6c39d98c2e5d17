//! Sockets below the transport: raw and ping sockets (IPv4), packet sockets (whole frames).

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;
use crate::wire::Frame;

/// The raw, ping and packet sockets of a host.
#[derive(Debug, Default)]
pub struct RawSockets {}

/// Which way a frame passes an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the host.
    In,
    /// Out of it.
    Out,
}

impl Kernel {
    /// Shows an IPv4 packet for this host to the raw and ping sockets, before its protocol gets it. True if somebody took it.
    pub(super) fn raw_receive(&mut self, _packet: &Packet) -> bool {
        false
    }

    /// ping_err, raw_err: an ICMP error about a packet that this host has sent; see [`Kernel::tcp_icmp_error`].
    pub(super) fn raw_icmp_error(
        &mut self,
        _icmp_type: u8,
        _code: u8,
        _mtu: u16,
        _quoted: &[u8],
        _from: std::net::Ipv4Addr,
    ) {
    }

    /// Shows a frame that passes an interface to the packet sockets.
    pub(super) fn packet_sockets_see(&mut self, _interface: IfIndex, _direction: Direction, _frame: &Frame) {}
}
