//! The User Datagram Protocol (RFC 768) as Linux has it: net/ipv4/udp.c.

mod calls;
mod input;
mod table;

use std::net::{Ipv4Addr, SocketAddrV4};

use super::interface::IfIndex;
use super::socket::SocketId;

pub use table::{Udp, UdpCounters};

/// Bytes of a UDP header.
const HEADER_LEN: usize = 8;

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

/// A UDP socket as `ss` lists it.
#[derive(Clone, Debug)]
pub struct UdpSocketView {
    /// Its name.
    pub id: SocketId,
    /// This side; the address 0.0.0.0 stands for any.
    pub local: SocketAddrV4,
    /// The peer, if it is connected to one.
    pub remote: Option<SocketAddrV4>,
    /// The interface that it is bound to.
    pub device: Option<IfIndex>,
    /// Bytes that the program has not taken.
    pub receive_queue: u32,
}
