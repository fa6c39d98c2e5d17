//! Packet filtering: iptables' tables, and the places on a packet's way where they are asked.

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;

/// The tables of a host.
#[derive(Debug, Default)]
pub struct Netfilter {}

/// A place on a packet's way (NF_INET_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Every packet that has come in, before it is routed.
    Prerouting,
    /// Packets for this host.
    Input,
    /// Packets passing through.
    Forward,
    /// Packets made here.
    Output,
    /// Every packet that is about to leave.
    Postrouting,
}

impl Kernel {
    /// nf_hook: puts a packet to the rules of this place; `iif` and `oif` are where it came in and will go out, where known.
    ///
    /// Gives it back, perhaps marked, if it is to go on. Otherwise all is done: counted, noted, its sender told if a rule
    /// says so. A sender on this host whose packet ends in [`Hook::Output`] gets [`Errno::NotPermitted`](super::socket::Errno).
    pub(super) fn netfilter(
        &mut self,
        _hook: Hook,
        packet: Packet,
        _iif: Option<IfIndex>,
        _oif: Option<IfIndex>,
    ) -> Option<Packet> {
        Some(packet)
    }
}
