//! Rules as data: what a packet must look like, and what then happens to it.

use std::net::Ipv4Addr;

use super::conntrack::States;
use super::table::ChainId;
use crate::wire::{Frame, MacAddr, proto};

/// A condition, or its opposite (`!`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maybe<T> {
    /// Whether the condition must not hold.
    pub inverted: bool,
    /// The condition.
    pub is: T,
}

impl<T> Maybe<T> {
    fn holds(&self, test: impl FnOnce(&T) -> bool) -> bool {
        test(&self.is) != self.inverted
    }
}

/// A rule of a chain.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    /// `-s`
    pub source: Option<Maybe<Network>>,
    /// `-d`
    pub destination: Option<Maybe<Network>>,
    /// `-i`
    pub iif: Option<Maybe<InterfaceName>>,
    /// `-o`
    pub oif: Option<Maybe<InterfaceName>>,
    /// `-p`
    pub protocol: Option<Maybe<u8>>,
    /// `-f`: second and further fragments only.
    pub fragment: Option<Maybe<()>>,
    /// `-m`, in the order in which they were given.
    pub matches: Vec<Match>,
    /// `-j`
    pub target: Target,
    /// What the rule has matched so far.
    pub counters: Counters,
}

impl Rule {
    /// Whether it is the same rule, whatever it has counted.
    pub fn is_same(&self, other: &Rule) -> bool {
        let Rule { source, destination, iif, oif, protocol, fragment, matches, target, counters: _ } = self;
        *source == other.source
            && *destination == other.destination
            && *iif == other.iif
            && *oif == other.oif
            && *protocol == other.protocol
            && *fragment == other.fragment
            && *matches == other.matches
            && *target == other.target
    }

    pub(super) fn matches(&self, view: &View<'_>) -> bool {
        fn open<T>(condition: &Option<Maybe<T>>, test: impl FnOnce(&T) -> bool) -> bool {
            condition.as_ref().is_none_or(|condition| condition.holds(test))
        }
        open(&self.protocol, |protocol| *protocol == view.protocol)
            && open(&self.source, |network| network.contains(view.source))
            && open(&self.destination, |network| network.contains(view.destination))
            && open(&self.iif, |name| name.matches(view.iif))
            && open(&self.oif, |name| name.matches(view.oif))
            && open(&self.fragment, |()| view.is_later_fragment)
            && self.matches.iter().all(|condition| condition.matches(view))
    }
}

/// How many packets, and how many bytes from their IPv4 headers on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Counters {
    pub(super) fn count(&mut self, view: &View<'_>) {
        self.packets += 1;
        self.bytes += view.len as u64;
    }
}

/// Addresses that agree in the bits of a mask, which need not be contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The common bits; the others are zero.
    pub address: Ipv4Addr,
    /// Which bits count.
    pub mask: Ipv4Addr,
}

impl Network {
    fn contains(&self, address: Ipv4Addr) -> bool {
        address & self.mask == self.address
    }
}

/// An interface's name, or with a `+` at its end the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceName(pub String);

impl InterfaceName {
    fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('+') {
            Some(beginning) => name.starts_with(beginning),
            None => name == self.0,
        }
    }
}

/// Ports from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports(pub u16, pub u16);

impl Ports {
    /// All of them.
    pub const ALL: Ports = Ports(0, u16::MAX);

    fn contains(self, port: u16) -> bool {
        self.0 <= port && port <= self.1
    }
}

/// A condition of an extension (`-m`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `-m tcp`
    Tcp {
        /// `--sport`
        source: Option<Maybe<Ports>>,
        /// `--dport`
        destination: Option<Maybe<Ports>>,
        /// `--tcp-flags`: which are looked at, and which of those must be set.
        flags: Option<Maybe<(u8, u8)>>,
    },
    /// `-m udp`
    Udp {
        /// `--sport`
        source: Option<Maybe<Ports>>,
        /// `--dport`
        destination: Option<Maybe<Ports>>,
    },
    /// `-m multiport`
    Multiport {
        /// Which of the packet's ports are looked at.
        side: Side,
        /// The ports.
        ports: Maybe<Vec<Ports>>,
    },
    /// `-m icmp`
    Icmp(Maybe<IcmpTypes>),
    /// `-m mac --mac-source`
    Mac(Maybe<MacAddr>),
    /// `-m pkttype`
    PacketType(Maybe<PacketType>),
    /// `-m mark`
    Mark(Maybe<MarkBits>),
    /// `-m state` or `-m conntrack --ctstate`
    State {
        /// Whether it was written as `-m conntrack`.
        conntrack: bool,
        /// The states.
        states: Maybe<States>,
    },
    /// `-m comment`: always true.
    Comment(String),
}

/// Which ports `-m multiport` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `--sports`
    Source,
    /// `--dports`
    Destination,
    /// `--ports`: either of them.
    Either,
}

/// Types and codes of ICMP messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpTypes {
    /// The type; 255 means any.
    pub icmp_type: u8,
    /// The first code.
    pub first_code: u8,
    /// The last one.
    pub last_code: u8,
}

/// To whom a frame was addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    /// One machine.
    Unicast,
    /// Everybody.
    Broadcast,
    /// A group.
    Multicast,
}

impl PacketType {
    /// The type of this frame.
    fn of(frame: &Frame) -> PacketType {
        match frame.destination() {
            MacAddr::BROADCAST => PacketType::Broadcast,
            mac if mac.is_group() => PacketType::Multicast,
            _ => PacketType::Unicast,
        }
    }
}

/// Some bits of a packet's mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkBits {
    /// Their values.
    pub value: u32,
    /// Which bits.
    pub mask: u32,
}

impl Match {
    fn matches(&self, view: &View<'_>) -> bool {
        match self {
            Match::Tcp { source, destination, flags } => {
                ports_match(view, source, destination)
                    && flags.as_ref().is_none_or(|flags| {
                        view.tcp_flags().is_some_and(|set| flags.holds(|(mask, wanted)| set & mask == *wanted))
                    })
            }
            Match::Udp { source, destination } => ports_match(view, source, destination),
            Match::Multiport { side, ports } => {
                let Some((source, destination)) = view.ports() else { return false };
                let contains = |list: &Vec<Ports>, port| list.iter().any(|ports| ports.contains(port));
                ports.holds(|list| match side {
                    Side::Source => contains(list, source),
                    Side::Destination => contains(list, destination),
                    Side::Either => contains(list, source) || contains(list, destination),
                })
            }
            Match::Icmp(types) => view.icmp().is_some_and(|(icmp_type, code)| {
                types.holds(|types| {
                    types.icmp_type == 255
                        || types.icmp_type == icmp_type && (types.first_code..=types.last_code).contains(&code)
                })
            }),
            Match::Mac(mac) => view.came_by_ethernet && mac.holds(|mac| *mac == view.frame.source()),
            Match::PacketType(kind) => kind.holds(|kind| *kind == PacketType::of(view.frame)),
            Match::Mark(bits) => bits.holds(|bits| view.mark & bits.mask == bits.value),
            Match::State { states, .. } => states.holds(|states| states.contains(view.state)),
            Match::Comment(_) => true,
        }
    }
}

fn ports_match(view: &View<'_>, source: &Option<Maybe<Ports>>, destination: &Option<Maybe<Ports>>) -> bool {
    let Some((source_port, destination_port)) = view.ports() else { return false };
    let fits = |ports: &Option<Maybe<Ports>>, port| {
        ports.as_ref().is_none_or(|ports| ports.holds(|ports: &Ports| ports.contains(port)))
    };
    fits(source, source_port) && fits(destination, destination_port)
}

/// What a rule does with the packets that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// No `-j`: they are counted.
    #[default]
    Count,
    /// They leave this table, and go on.
    Accept,
    /// They end here.
    Drop,
    /// They end here, and their sender is told.
    Reject(Reject),
    /// They go back to the chain that sent them here, or get its policy.
    Return,
    /// They are noted, and go on in this chain.
    Log {
        /// What the note begins with.
        prefix: String,
        /// The syslog level; 4 is "warning".
        level: u8,
    },
    /// Their mark changes, and they go on in this chain.
    Mark(MarkBits),
    /// They visit another chain.
    Jump(ChainId),
    /// They move to another chain.
    Goto(ChainId),
}

/// How a rejected sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// ICMP destination unreachable with this code.
    Unreachable(u8),
    /// A TCP segment with RST.
    TcpReset,
}

/// The kinds of `--reject-with`: name, alias, what it is.
pub const REJECTS: [(&str, &str, Reject); 8] = [
    ("icmp-net-unreachable", "net-unreach", Reject::Unreachable(0)),
    ("icmp-host-unreachable", "host-unreach", Reject::Unreachable(1)),
    ("icmp-proto-unreachable", "proto-unreach", Reject::Unreachable(2)),
    ("icmp-port-unreachable", "port-unreach", Reject::Unreachable(3)),
    ("icmp-net-prohibited", "net-prohib", Reject::Unreachable(9)),
    ("icmp-host-prohibited", "host-prohib", Reject::Unreachable(10)),
    ("tcp-reset", "tcp-rst", Reject::TcpReset),
    ("icmp-admin-prohibited", "admin-prohib", Reject::Unreachable(13)),
];

impl Reject {
    /// The name that `--reject-with` knows it by.
    pub fn name(self) -> &'static str {
        let (name, ..) = REJECTS.iter().find(|(.., reject)| *reject == self).expect("rules are made from this list");
        name
    }
}

/// What rules see of a packet.
pub(super) struct View<'a> {
    pub frame: &'a Frame,
    pub came_by_ethernet: bool,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub protocol: u8,
    pub is_later_fragment: bool,
    pub len: usize,
    /// What follows the IPv4 header.
    pub payload: &'a [u8],
    pub iif: &'a str,
    pub oif: &'a str,
    pub mark: u32,
    pub state: States,
}

impl View<'_> {
    /// Source and destination port, where the packet has them.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.payload {
            &[a, b, c, d, ..] if !self.is_later_fragment && matches!(self.protocol, proto::TCP | proto::UDP) => {
                Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
            }
            _ => None,
        }
    }

    pub fn tcp_flags(&self) -> Option<u8> {
        if self.protocol != proto::TCP || self.is_later_fragment {
            return None;
        }
        self.payload.get(13).map(|flags| flags & 0x3f)
    }

    /// Type and code of an ICMP message.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        match self.payload {
            &[icmp_type, code, ..] if self.protocol == proto::ICMP && !self.is_later_fragment => {
                Some((icmp_type, code))
            }
            _ => None,
        }
    }
}
