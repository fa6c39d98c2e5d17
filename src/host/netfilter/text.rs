//! The values in rules as iptables writes them.

use std::fmt::{self, Display, Formatter, Write};
use std::net::Ipv4Addr;

use super::conntrack::States;
use super::matches::{AddressKinds, AddressType, IcmpTypes, MarkBits, PacketType, Ports};
use super::nat::Range;
use super::rule::{InterfaceName, Maybe, Network};

/// The protocols that have names: /etc/protocols, as far as anybody uses them.
pub const PROTOCOLS: [(&str, u8); 17] = [
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("tcp", 6),
    ("egp", 8),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ospf", 89),
    ("ipip", 94),
    ("pim", 103),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// A protocol's name, if it has one.
pub fn protocol_name(number: u8) -> Option<&'static str> {
    PROTOCOLS.iter().find(|(_, known)| *known == number).map(|(name, _)| *name)
}

/// What `-S` writes for a condition that may be inverted: the option in front of it.
pub(super) struct Condition<'a, T>(pub &'a str, pub &'a Maybe<T>);

impl<T: Display> Display for Condition<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Condition(option, Maybe { inverted, is }) = self;
        write!(f, " {}{option} {is}", if *inverted { "! " } else { "" })
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bits = u32::from(self.mask);
        if bits.leading_ones() + bits.trailing_zeros() >= 32 {
            write!(f, "{}/{}", self.address, bits.leading_ones())
        } else {
            write!(f, "{}/{}", self.address, self.mask)
        }
    }
}

impl Display for InterfaceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for Ports {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 { write!(f, "{}", self.0) } else { write!(f, "{}:{}", self.0, self.1) }
    }
}

impl Display for PacketType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PacketType::Unicast => "unicast",
            PacketType::Broadcast => "broadcast",
            PacketType::Multicast => "multicast",
        })
    }
}

impl Display for IcmpTypes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.icmp_type == 255 {
            return f.write_str("any");
        }
        write!(f, "{}", self.icmp_type)?;
        if self.first_code == self.last_code { write!(f, "/{}", self.first_code) } else { Ok(()) }
    }
}

impl Display for MarkBits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.value)?;
        if self.mask == u32::MAX { Ok(()) } else { write!(f, "/{:#x}", self.mask) }
    }
}

impl Display for States {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            States::NAMES.iter().filter(|(_, state)| self.contains(*state)).map(|(name, _)| *name).collect();
        f.write_str(&names.join(","))
    }
}

impl Display for AddressKinds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            AddressType::NAMES.iter().filter(|(_, kind)| self.contains(*kind)).map(|(name, _)| *name).collect();
        f.write_str(&names.join(","))
    }
}

/// Addresses and ports of SNAT and DNAT.
pub fn range_text(range: &Range) -> String {
    let mut text = match range.addresses {
        Some((first, last)) if first == last => first.to_string(),
        Some((first, last)) => format!("{first}-{last}"),
        None => String::new(),
    };
    if let Some(ports) = range.ports {
        text.push(':');
        text.push_str(&ports_text(ports));
    }
    text
}

/// Ports as targets of the nat table write them.
pub fn ports_text(Ports(first, last): Ports) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// Names of TCP's flags, joined by commas.
pub fn tcp_flags(flags: u8) -> String {
    const NAMES: [(u8, &str); 6] = [(1, "FIN"), (2, "SYN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG")];
    let names: Vec<&str> = NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    if names.is_empty() { "NONE".to_owned() } else { names.join(",") }
}

/// Ports joined by commas.
pub fn port_list(ports: &[Ports], show: impl Fn(Ports) -> String) -> String {
    let shown: Vec<String> = ports.iter().map(|&ports| show(ports)).collect();
    shown.join(",")
}

/// A text in quotes, if it needs them to stay one word.
pub(super) struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !self.0.is_empty() && self.0.chars().all(is_plain) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\' | '\'') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        f.write_char('"')
    }
}

/// A network as `-L` writes it: a whole address without its mask.
pub fn listed(network: &Network) -> String {
    if network.mask == Ipv4Addr::BROADCAST { network.address.to_string() } else { network.to_string() }
}
