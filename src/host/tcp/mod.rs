//! The Transmission Control Protocol as Linux speaks it: net/ipv4/tcp*.c.

mod calls;

use super::kernel::Kernel;
use super::packet::Packet;
use super::socket::SocketId;

/// The TCP sockets of a host.
#[derive(Debug, Default)]
pub struct Tcp {}

impl Kernel {
    /// tcp_v4_rcv: a segment for this host.
    pub(super) fn tcp_receive(&mut self, _packet: Packet) {}

    /// tcp_v4_err: an ICMP error about a segment that this host has sent. `quoted` begins with its IPv4 header; `mtu` is
    /// the one that a fragmentation-needed names.
    pub(super) fn tcp_icmp_error(&mut self, _icmp_type: u8, _code: u8, _mtu: u16, _quoted: &[u8]) {}

    /// A socket's timer has fired.
    pub(super) fn tcp_timer(&mut self, _socket: SocketId) {}
}
