//! The part of a machine that has decided something.

use super::Phase;
use crate::reason::{Drop, Note, Step};

/// A part of a machine, as a packet meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The network card and its driver.
    Interface,
    /// The Address Resolution Protocol.
    Arp,
    /// The routing tables.
    Route,
    /// The Internet Protocol: headers, fragments, tunnels.
    Ip,
    /// iptables and arptables.
    Netfilter,
    /// Address translation and connection tracking.
    Nat,
    /// The load balancer.
    Ipvs,
    /// The neighbour table.
    Neighbour,
    /// The Internet Control Message Protocol.
    Icmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Sockets that see whole packets.
    Raw,
    /// keepalived.
    Vrrp,
    /// A setting was changed.
    Configuration,
}

impl Stage {
    /// What it is called, in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Interface => "interface",
            Stage::Arp => "arp",
            Stage::Route => "route",
            Stage::Ip => "ip",
            Stage::Netfilter => "netfilter",
            Stage::Nat => "nat",
            Stage::Ipvs => "ipvs",
            Stage::Neighbour => "neighbour",
            Stage::Icmp => "icmp",
            Stage::Tcp => "tcp",
            Stage::Udp => "udp",
            Stage::Raw => "raw",
            Stage::Vrrp => "vrrp",
            Stage::Configuration => "configuration",
        }
    }

    /// Who has made a note.
    pub const fn of(note: &Note) -> Stage {
        match note {
            Note::Drop(drop) => of_drop(drop),
            Note::Arp(_) => Stage::Arp,
            Note::Ip(_) => Stage::Ip,
            Note::Rule(_) => Stage::Netfilter,
            Note::Nat(_) => Stage::Nat,
            Note::Ipvs(_) => Stage::Ipvs,
            Note::Tcp(_) => Stage::Tcp,
            Note::Vrrp(_) => Stage::Vrrp,
            Note::Step(step) => of_step(step),
            Note::Machine(_) | Note::Change(_) | Note::Process(_) | Note::Console(_) => Stage::Configuration,
        }
    }
}

const fn of_drop(drop: &Drop) -> Stage {
    match drop {
        Drop::OtherHost => Stage::Interface,
        Drop::Ip(_) => Stage::Ip,
        Drop::Netfilter(_) | Drop::Guarded { .. } => Stage::Netfilter,
        Drop::ConntrackFull { .. } | Drop::ConntrackClash | Drop::MasqueradeMoved | Drop::NoAddressToTranslateTo => {
            Stage::Nat
        }
        Drop::Ipvs(_) => Stage::Ipvs,
        Drop::Transport(_) => Stage::Tcp,
    }
}

const fn of_step(step: &Step) -> Stage {
    match step {
        Step::ForUs { .. } | Step::Routed { .. } => Stage::Route,
        Step::Accepted(_) => Stage::Netfilter,
        Step::Neighbour { .. } | Step::Waits { .. } | Step::Released { .. } => Stage::Neighbour,
        Step::Fragment | Step::Joined { .. } | Step::Igmp => Stage::Ip,
        Step::Tcp { .. } => Stage::Tcp,
        Step::Udp { .. } => Stage::Udp,
        Step::Raw { .. } => Stage::Raw,
        Step::Icmp { .. } => Stage::Icmp,
        Step::Arp(_) => Stage::Arp,
    }
}

impl Phase<'_> {
    /// Who has decided.
    pub const fn stage(&self) -> Stage {
        Stage::of(self.note)
    }
}
