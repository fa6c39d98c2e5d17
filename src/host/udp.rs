//! The User Datagram Protocol (RFC 768): net/ipv4/udp.c.

use super::kernel::Kernel;
use super::packet::Packet;

/// The UDP sockets of a host.
#[derive(Debug, Default)]
pub struct Udp {}

impl Kernel {
    /// udp_rcv: a datagram for this host.
    pub(super) fn udp_receive(&mut self, _packet: Packet) {}

    /// udp_err: an ICMP error about a datagram that this host has sent; see [`Kernel::tcp_icmp_error`].
    pub(super) fn udp_icmp_error(&mut self, _icmp_type: u8, _code: u8, _mtu: u16, _quoted: &[u8]) {}
}
