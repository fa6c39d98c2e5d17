//! Routing: where a packet goes next.

use std::net::Ipv4Addr;

use super::interface::IfIndex;

/// What a look-up found: the kernel's struct rtable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What kind of destination it is.
    pub kind: RouteKind,
    /// The interface that the packet leaves by.
    pub oif: IfIndex,
    /// The gateway, if the destination is not on the link.
    pub gateway: Option<Ipv4Addr>,
    /// The source address for packets that have none yet.
    pub source: Ipv4Addr,
    /// The largest datagram that fits, in bytes: the interface's MTU, or less where a path MTU is known.
    pub mtu: u32,
}

/// Kinds of destinations (RTN_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Another machine.
    Unicast,
    /// This machine.
    Local,
    /// All machines of a link.
    Broadcast,
    /// A group of machines.
    Multicast,
}
