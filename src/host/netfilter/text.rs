//! Rules as `iptables -S` writes them.

use std::fmt::{self, Display, Formatter, Write};
use std::net::Ipv4Addr;

use super::conntrack::States;
use super::rule::{IcmpTypes, InterfaceName, MarkBits, Match, Maybe, Network, PacketType, Ports, Rule, Side, Target};
use super::table::Table;

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
struct Condition<'a, T>(&'a str, &'a Maybe<T>);

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
struct Quoted<'a>(&'a str);

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

impl Table {
    /// A rule's conditions and target, each with a blank before it, as they would be typed.
    pub fn specification<'a>(&'a self, rule: &'a Rule) -> impl Display + 'a {
        Specification { table: self, rule }
    }
}

struct Specification<'a> {
    table: &'a Table,
    rule: &'a Rule,
}

impl Display for Specification<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Rule { source, destination, iif, oif, protocol, fragment, matches, target, counters: _ } = self.rule;
        source.iter().try_for_each(|it| Condition("-s", it).fmt(f))?;
        destination.iter().try_for_each(|it| Condition("-d", it).fmt(f))?;
        iif.iter().try_for_each(|it| Condition("-i", it).fmt(f))?;
        oif.iter().try_for_each(|it| Condition("-o", it).fmt(f))?;
        if let Some(Maybe { inverted, is }) = protocol {
            let is = protocol_name(*is).map_or_else(|| is.to_string(), str::to_owned);
            Condition("-p", &Maybe { inverted: *inverted, is }).fmt(f)?;
        }
        if let Some(fragment) = fragment {
            f.write_str(if fragment.inverted { " ! -f" } else { " -f" })?;
        }
        matches.iter().try_for_each(|condition| write_match(f, condition))?;
        self.write_target(f, target)
    }
}

fn write_match(f: &mut Formatter<'_>, condition: &Match) -> fmt::Result {
    let ports = |f: &mut Formatter<'_>, option, ports: &Option<Maybe<Ports>>| {
        ports.iter().try_for_each(|ports| Condition(option, ports).fmt(f))
    };
    match condition {
        Match::Tcp { source, destination, flags } => {
            f.write_str(" -m tcp")?;
            ports(f, "--sport", source)?;
            ports(f, "--dport", destination)?;
            flags.iter().try_for_each(|Maybe { inverted, is: (mask, set) }| {
                let is = format!("{} {}", tcp_flags(*mask), tcp_flags(*set));
                Condition("--tcp-flags", &Maybe { inverted: *inverted, is }).fmt(f)
            })
        }
        Match::Udp { source, destination } => {
            f.write_str(" -m udp")?;
            ports(f, "--sport", source)?;
            ports(f, "--dport", destination)
        }
        Match::Multiport { side, ports: Maybe { inverted, is } } => {
            let option = match side {
                Side::Source => "--sports",
                Side::Destination => "--dports",
                Side::Either => "--ports",
            };
            let is = port_list(is, |ports| ports.to_string());
            write!(f, " -m multiport{}", Condition(option, &Maybe { inverted: *inverted, is }))
        }
        Match::Icmp(types) => write!(f, " -m icmp{}", Condition("--icmp-type", types)),
        Match::Mac(mac) => write!(f, " -m mac{}", Condition("--mac-source", mac)),
        Match::PacketType(kind) => write!(f, " -m pkttype{}", Condition("--pkt-type", kind)),
        Match::Mark(bits) => write!(f, " -m mark{}", Condition("--mark", bits)),
        Match::State { conntrack: true, states } => write!(f, " -m conntrack{}", Condition("--ctstate", states)),
        Match::State { conntrack: false, states } => write!(f, " -m state{}", Condition("--state", states)),
        Match::Comment(text) => write!(f, " -m comment --comment {}", Quoted(text)),
    }
}

impl Specification<'_> {
    fn write_target(&self, f: &mut Formatter<'_>, target: &Target) -> fmt::Result {
        match target {
            Target::Count => Ok(()),
            Target::Accept => f.write_str(" -j ACCEPT"),
            Target::Drop => f.write_str(" -j DROP"),
            Target::Return => f.write_str(" -j RETURN"),
            Target::Reject(reject) => write!(f, " -j REJECT --reject-with {}", reject.name()),
            Target::Log { prefix, level } => {
                f.write_str(" -j LOG")?;
                if !prefix.is_empty() {
                    write!(f, " --log-prefix {}", Quoted(prefix))?;
                }
                if *level == 4 { Ok(()) } else { write!(f, " --log-level {level}") }
            }
            Target::Mark(MarkBits { value, mask }) => write!(f, " -j MARK --set-xmark {value:#x}/{mask:#x}"),
            Target::Jump(chain) => write!(f, " -j {}", self.table.chain(*chain).name),
            Target::Goto(chain) => write!(f, " -g {}", self.table.chain(*chain).name),
        }
    }
}

/// A network as `-L` writes it: a whole address without its mask.
pub fn listed(network: &Network) -> String {
    if network.mask == Ipv4Addr::BROADCAST { network.address.to_string() } else { network.to_string() }
}
