//! The Internet Protocol: input, forwarding, output.

use std::net::Ipv4Addr;

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;
use super::route::Route;
use super::socket::Errno;

/// What a sender says about a packet besides its payload: the kernel's struct flowi4 and inet_cork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source address; unset: what the route prefers.
    pub source: Option<Ipv4Addr>,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Protocol number.
    pub protocol: u8,
    /// Time to live; unset: the host's default, 64 (1 for multicast).
    pub ttl: Option<u8>,
    /// Type of service.
    pub tos: u8,
    /// Whether routers may not fragment it.
    pub dont_fragment: bool,
    /// Identification, where the sender counts by itself as connected sockets do (inet_id); unset: what IP chooses.
    pub id: Option<u16>,
    /// Leave by this interface only (SO_BINDTODEVICE).
    pub oif: Option<IfIndex>,
}

impl Kernel {
    /// ip_route_output_key: the way of a packet made here. `source` must be an address of this host if it is given.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn route_output(
        &mut self,
        _destination: Ipv4Addr,
        _source: Option<Ipv4Addr>,
        _oif: Option<IfIndex>,
    ) -> Result<Route, Errno> {
        Err(Errno::NetworkUnreachable)
    }

    /// ip_queue_xmit, ip_push_pending_frames: makes a packet and sends it on its way through LOCAL_OUT.
    pub(super) fn send_ipv4(&mut self, _flow: &Flow, _write_payload: impl FnOnce(&mut Vec<u8>)) -> Result<(), Errno> {
        Err(Errno::NetworkUnreachable)
    }

    /// ip_output: POST_ROUTING, fragmentation, neighbour, device. For packets that have passed LOCAL_OUT or FORWARD.
    pub(super) fn ip_output(&mut self, _packet: Packet, _route: &Route) {}

    /// icmp_send: tells the sender of a packet about it, rate limits and the rules about when not to permitting.
    /// `info` is the header's last four bytes (a redirect's gateway; an MTU in the last two).
    pub(super) fn icmp_send(&mut self, _about: &Packet, _icmp_type: u8, _code: u8, _info: [u8; 4]) {}

    /// inet_addr_type == RTN_LOCAL: whether the address is one of this host's, as the local table has it.
    pub fn is_local(&self, _address: Ipv4Addr) -> bool {
        false
    }
}
