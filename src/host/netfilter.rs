//! Packet filtering: iptables' tables as far as clusters use them.

use super::interface::IfIndex;
use super::packet::Packet;

/// The rules of a host.
#[derive(Debug, Default)]
pub struct Netfilter {}

/// The chains of the filter table, named after their hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Packets for this host.
    Input,
    /// Packets passing through.
    Forward,
    /// Packets made here.
    Output,
}

/// What the rules say about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Accept,
    /// Stop here, silently.
    Drop,
    /// Stop here, and tell the sender with this ICMP destination-unreachable code, or with a TCP reset.
    Reject(Reject),
}

/// How a rejected sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// ICMP destination unreachable with this code.
    Unreachable(u8),
    /// A TCP segment with RST.
    TcpReset,
}

impl Netfilter {
    /// Puts a packet to the filter table's rules: `iif` and `oif` are where it came in and will go out, where known.
    pub fn filter(&mut self, _chain: Chain, _packet: &Packet, _iif: Option<IfIndex>, _oif: Option<IfIndex>) -> Verdict {
        Verdict::Accept
    }
}
