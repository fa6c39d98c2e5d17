//! Conditions of extensions (`-m`).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::conntrack::States;
use super::limit::{Limit, Statistic};
use super::rule::{Maybe, Network};
use super::view::View;
use crate::host::route::Kind;
use crate::ipvs::Method;
use crate::wire::{Frame, MacAddr};

/// Ports from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports(pub u16, pub u16);

impl Ports {
    /// All of them.
    pub const ALL: Ports = Ports(0, u16::MAX);

    pub(super) fn contains(self, port: u16) -> bool {
        self.0 <= port && port <= self.1
    }
}

/// A condition of an extension.
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
    /// `-m connmark`
    Connmark(Maybe<MarkBits>),
    /// `-m state` or `-m conntrack --ctstate`
    State {
        /// Whether it was written as `-m conntrack`.
        conntrack: bool,
        /// The states.
        states: Maybe<States>,
    },
    /// `-m addrtype`
    AddressType {
        /// `--src-type`
        source: Option<Maybe<AddressKinds>>,
        /// `--dst-type`
        destination: Option<Maybe<AddressKinds>>,
    },
    /// `-m iprange`
    IpRange {
        /// `--src-range`
        source: Option<Maybe<(Ipv4Addr, Ipv4Addr)>>,
        /// `--dst-range`
        destination: Option<Maybe<(Ipv4Addr, Ipv4Addr)>>,
    },
    /// `-m ttl`
    Ttl(TtlTest, u8),
    /// `-m limit`
    Limit(Limit),
    /// `-m statistic`
    Statistic(Maybe<Statistic>),
    /// `-m ipvs`
    Ipvs(Box<IpvsMatch>),
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

impl MarkBits {
    /// Whether a mark has these bits.
    fn fits(self, mark: u32) -> bool {
        mark & self.mask == self.value
    }
}

/// What an address is to the routing tables (RTN_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say all there is")]
pub enum AddressType {
    Unspecified,
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
}

impl AddressType {
    /// The names of `--src-type` and `--dst-type`, in the order in which they are printed.
    pub const NAMES: [(&str, AddressType); 9] = [
        ("UNSPEC", AddressType::Unspecified),
        ("UNICAST", AddressType::Unicast),
        ("LOCAL", AddressType::Local),
        ("BROADCAST", AddressType::Broadcast),
        ("ANYCAST", AddressType::Anycast),
        ("MULTICAST", AddressType::Multicast),
        ("BLACKHOLE", AddressType::Blackhole),
        ("UNREACHABLE", AddressType::Unreachable),
        ("PROHIBIT", AddressType::Prohibit),
    ];
}

/// A set of address types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressKinds(u16);

impl AddressKinds {
    /// With one more type.
    pub fn with(self, kind: AddressType) -> AddressKinds {
        AddressKinds(self.0 | 1 << kind as u16)
    }

    /// Whether a type is among them.
    pub fn contains(self, kind: AddressType) -> bool {
        self.0 & 1 << kind as u16 != 0
    }
}

/// How `-m ttl` compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlTest {
    /// `--ttl-eq`
    Equal,
    /// `! --ttl-eq`
    NotEqual,
    /// `--ttl-lt`
    Less,
    /// `--ttl-gt`
    Greater,
}

/// `-m ipvs`: what IPVS has made of the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpvsMatch {
    /// `--ipvs`: IPVS has dealt with it, or `!` it has not.
    pub property: Option<Maybe<()>>,
    /// `--vproto`
    pub protocol: Option<Maybe<u8>>,
    /// `--vaddr`
    pub address: Option<Maybe<Network>>,
    /// `--vport`
    pub port: Option<Maybe<u16>>,
    /// `--vdir`: whether it is a reply.
    pub is_reply: Option<bool>,
    /// `--vmethod`
    pub method: Option<Maybe<Method>>,
    /// `--vportctl`: the port of the connection that controls this one.
    pub control_port: Option<Maybe<u16>>,
}

impl IpvsMatch {
    /// ipvs_mt
    fn matches(&self, view: &View<'_>) -> bool {
        fn open<T>(condition: &Option<Maybe<T>>, test: impl FnOnce(&T) -> bool) -> bool {
            condition.as_ref().is_none_or(|condition| condition.holds(test))
        }
        let IpvsMatch { property, protocol, address, port, is_reply, method, control_port } = self;
        let asks_more = protocol.is_some()
            || address.is_some()
            || port.is_some()
            || is_reply.is_some()
            || method.is_some()
            || control_port.is_some();
        if !asks_more {
            return open(property, |()| view.ipvs_property);
        }
        if !view.ipvs_property || !open(protocol, |protocol| *protocol == view.protocol) {
            return false;
        }
        let (source_port, destination_port) = view.ports().unwrap_or_default();
        let client = SocketAddrV4::new(view.source, source_port);
        let server = SocketAddrV4::new(view.destination, destination_port);
        let Some(ipvs) = view.ipvs else { return false };
        let Some(conn) = ipvs.connection_with(view.protocol, client, server) else { return false };
        open(address, |network| network.contains(*conn.virtual_address().ip()))
            && open(port, |port| *port == conn.virtual_address().port())
            && is_reply.is_none_or(|is_reply| view.is_reply == Some(is_reply))
            && open(method, |method| *method == conn.method())
            && open(control_port, |port| ipvs.control_port(conn) == Some(*port))
    }
}

impl Match {
    pub(super) fn matches(&mut self, view: &mut View<'_>) -> bool {
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
            Match::Mark(bits) => bits.holds(|bits| bits.fits(view.mark)),
            // connmark_mt: what has no connection has no mark, neither this nor another.
            Match::Connmark(bits) => view.connmark.is_some_and(|mark| bits.holds(|bits| bits.fits(mark))),
            Match::State { states, .. } => states.holds(|states| states.contains(view.state)),
            Match::AddressType { source, destination } => {
                kind_matches(view, source, view.source) && kind_matches(view, destination, view.destination)
            }
            Match::IpRange { source, destination } => {
                let fits = |range: &Option<Maybe<(Ipv4Addr, Ipv4Addr)>>, ip: Ipv4Addr| {
                    range.as_ref().is_none_or(|range| range.holds(|(first, last)| *first <= ip && ip <= *last))
                };
                fits(source, view.source) && fits(destination, view.destination)
            }
            Match::Ttl(test, ttl) => match test {
                TtlTest::Equal => view.ttl == *ttl,
                TtlTest::NotEqual => view.ttl != *ttl,
                TtlTest::Less => view.ttl < *ttl,
                TtlTest::Greater => view.ttl > *ttl,
            },
            Match::Limit(limit) => limit.allows(view.now),
            Match::Statistic(Maybe { inverted, is }) => is.picks(view.random) != *inverted,
            Match::Ipvs(ipvs) => ipvs.matches(view),
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

/// match_type: inet_dev_addr_type of an address is one of these.
fn kind_matches(view: &View<'_>, kinds: &Option<Maybe<AddressKinds>>, address: Ipv4Addr) -> bool {
    let Some(kinds) = kinds else { return true };
    let kind = match view.routes.map(|routes| routes.kind_of(address)) {
        _ if address.octets()[0] == 0 || address.is_broadcast() => AddressType::Broadcast,
        _ if address.is_multicast() => AddressType::Multicast,
        Some(Kind::Local) => AddressType::Local,
        Some(Kind::Broadcast) => AddressType::Broadcast,
        Some(Kind::Blackhole) => AddressType::Blackhole,
        Some(Kind::Unreachable) => AddressType::Unreachable,
        Some(Kind::Prohibit) => AddressType::Prohibit,
        _ => AddressType::Unicast,
    };
    kinds.holds(|kinds| kinds.contains(kind))
}
