//! What is said about a route on the command line.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::{Failure, Result, USAGE, Words, address, failure, index, number, prefix, unsigned};
use crate::host::route::{FibRoute, Hop, Kind, Protocol, Table};
use crate::host::{IfIndex, Kernel, Scope};

/// Who else makes entries (/etc/iproute2/rt_protos).
pub(in crate::shell::ip) const PROTOCOLS: &[(u8, &str)] = &[
    (1, "redirect"),
    (9, "ra"),
    (11, "zebra"),
    (12, "bird"),
    (16, "dhcp"),
    (18, "keepalived"),
    (42, "babel"),
    (186, "bgp"),
    (188, "ospf"),
];

/// What is said about a route on the command line.
pub(super) struct Given {
    pub prefix: Ipv4Net,
    pub kind: Option<Kind>,
    pub gateway: Option<Ipv4Addr>,
    pub device: Option<IfIndex>,
    pub source: Option<Ipv4Addr>,
    pub metric: Option<u32>,
    pub scope: Option<Scope>,
    pub protocol: Option<Protocol>,
    pub table: Table,
    pub onlink: bool,
    pub mtu: Option<u32>,
    pub hops: Vec<Hop>,
}

/// The words of `ip route add`, and of those that are like it.
pub(super) fn parse(kernel: &Kernel, words: &mut Words<'_>) -> Result<Given> {
    let mut given = Given {
        prefix: Ipv4Net::default(),
        kind: None,
        gateway: None,
        device: None,
        source: None,
        metric: None,
        scope: None,
        protocol: None,
        table: Table::MAIN,
        onlink: false,
        mtu: None,
        hops: Vec::new(),
    };
    let mut has_prefix = false;
    while let Some(word) = words.next() {
        match word {
            "via" => given.gateway = Some(address(words.required()?)?),
            "dev" | "oif" => given.device = Some(index(kernel, words.required()?)?),
            "src" => given.source = Some(address(words.required()?)?),
            "metric" | "priority" | "preference" => given.metric = Some(number("\"metric\" value", words.required()?)?),
            "scope" => given.scope = Some(scope(words.required()?)?),
            "proto" | "protocol" => given.protocol = Some(protocol(words.required()?)?),
            "table" => given.table = table(words.required()?, "\"table\" value is invalid")?,
            "onlink" => given.onlink = true,
            "mtu" => {
                let word = words.required()?;
                let word = if word == "lock" { words.required()? } else { word };
                given.mtu = Some(number("\"mtu\" value", word)?);
            }
            "nexthop" => {
                given.hops = hops(kernel, words)?;
                break;
            }
            "to" if !has_prefix => {
                given.prefix = prefix(words.required()?)?;
                has_prefix = true;
            }
            word => match kind(word).filter(|_| given.kind.is_none() && !has_prefix) {
                Some(kind) => given.kind = Some(kind),
                None if has_prefix => return Err(Words::garbage(word)),
                None => {
                    given.prefix = prefix(word)?;
                    has_prefix = true;
                }
            },
        }
    }
    Ok(given)
}

fn scope(text: &str) -> Result<Scope> {
    match text {
        "global" | "universe" => Ok(Scope::Global),
        "link" => Ok(Scope::Link),
        "host" => Ok(Scope::Host),
        "nowhere" => Ok(Scope::Nowhere),
        _ => Err(failure(USAGE, format!("Error: argument \"{text}\" is wrong: invalid \"scope\" value\n\n"))),
    }
}

pub(in crate::shell::ip) fn protocol(text: &str) -> Result<Protocol> {
    match text {
        "kernel" => Ok(Protocol::Kernel),
        "boot" => Ok(Protocol::Boot),
        "static" => Ok(Protocol::Static),
        _ => {
            let known = PROTOCOLS.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
            let wrong = || format!("Error: argument \"{text}\" is wrong: \"protocol\" value is invalid\n\n");
            let number = known.or_else(|| text.parse().ok()).ok_or_else(|| failure(USAGE, wrong()))?;
            Ok(Protocol::Other(number))
        }
    }
}

/// A table by its name or number.
pub(in crate::shell::ip) fn table(text: &str, wrong: &str) -> Result<Table> {
    match text {
        "main" => Ok(Table::MAIN),
        "local" => Ok(Table::LOCAL),
        "default" => Ok(Table::DEFAULT),
        _ => unsigned(text).map(Table).ok_or_else(|| {
            failure(
                USAGE,
                format!(
                    "Error: argument \"{text}\" is wrong: {wrong}

"
                ),
            )
        }),
    }
}

fn kind(text: &str) -> Option<Kind> {
    match text {
        "unicast" => Some(Kind::Unicast),
        "local" => Some(Kind::Local),
        "broadcast" => Some(Kind::Broadcast),
        "unreachable" => Some(Kind::Unreachable),
        "blackhole" => Some(Kind::Blackhole),
        "prohibit" => Some(Kind::Prohibit),
        "throw" => Some(Kind::Throw),
        _ => None,
    }
}

/// parse_nexthops: everything behind the first `nexthop`.
fn hops(kernel: &Kernel, words: &mut Words<'_>) -> Result<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut hop = Hop::default();
    if words.peek().is_none() {
        return Err(failure(USAGE, "Error: unexpected end of line after \"nexthop\"\n"));
    }
    while let Some(word) = words.next() {
        match word {
            "via" => hop.gateway = Some(address(words.required()?)?),
            "dev" | "oif" => {
                let unknown =
                    |failure: Failure| Failure { text: failure.text + "Error: cannot parse nexthop\n", status: USAGE };
                hop.oif = Some(index(kernel, words.required()?).map_err(unknown)?);
            }
            "weight" => {
                let word = words.required()?;
                let wrong =
                    || failure(USAGE, format!("Error: argument \"{word}\" is wrong: \"weight\" is invalid\n\n"));
                hop.weight = unsigned(word).filter(|weight| (1..=256).contains(weight)).ok_or_else(wrong)?;
            }
            "onlink" => hop.onlink = true,
            "nexthop" => hops.push(std::mem::take(&mut hop)),
            _ => {
                let text = "Error: \"nexthop\" or end of line is expected instead of";
                return Err(failure(USAGE, format!("{text} \"{word}\"\n")));
            }
        }
    }
    hops.push(hop);
    Ok(hops)
}

impl Given {
    /// iproute_modify: what is left out follows from the rest.
    pub fn into_route(self) -> FibRoute {
        let kind = self.kind.unwrap_or(Kind::Unicast);
        let usual = match kind {
            Kind::Local => Scope::Host,
            Kind::Broadcast => Scope::Link,
            Kind::Unicast if self.gateway.is_none() && self.hops.is_empty() => Scope::Link,
            _ => Scope::Global,
        };
        let is_dead_end = matches!(kind, Kind::Unreachable | Kind::Blackhole | Kind::Prohibit | Kind::Throw);
        // One next hop is no choice.
        let (only, hops) = match <[Hop; 1]>::try_from(self.hops) {
            Ok([hop]) => (hop, Vec::new()),
            Err(hops) => (Hop { oif: self.device, gateway: self.gateway, onlink: self.onlink, ..Hop::default() }, hops),
        };
        let only = if hops.is_empty() { only } else { Hop::default() };
        FibRoute {
            prefix: self.prefix,
            kind,
            scope: self.scope.unwrap_or(usual),
            protocol: self.protocol.unwrap_or(Protocol::Boot),
            metric: self.metric.unwrap_or(0),
            source: self.source,
            oif: only.oif.filter(|_| !is_dead_end),
            gateway: only.gateway,
            onlink: only.onlink,
            mtu: self.mtu,
            hops: hops.into(),
        }
    }

    /// fib_nh_match: the next hops of a route that is to go. Of one that has several, a single one is compared with the first.
    pub fn fits_hops(&self, route: &FibRoute) -> bool {
        let fits = |device: Option<IfIndex>, gateway: Option<Ipv4Addr>, hop: &Hop| {
            device.is_none_or(|device| Some(device) == hop.oif)
                && gateway.is_none_or(|gateway| Some(gateway) == hop.gateway)
        };
        let only = [Hop { oif: route.oif, gateway: route.gateway, ..Hop::default() }];
        let there = if route.hops.is_empty() { &only } else { &*route.hops };
        match self.hops.is_empty() {
            true => fits(self.device, self.gateway, &there[0]),
            false => {
                let mut pairs = self.hops.iter().zip(there);
                self.hops.len() == there.len() && pairs.all(|(hop, known)| fits(hop.oif, hop.gateway, known))
            }
        }
    }
}

/// Which routes are meant by show and flush.
pub(super) struct Wanted {
    pub table: Option<Table>,
    pub device: Option<IfIndex>,
    pub prefix: Option<Ipv4Net>,
    pub exact: bool,
    pub gateway: Option<Ipv4Addr>,
    pub protocol: Option<Protocol>,
    pub scope: Option<Scope>,
    pub kind: Option<Kind>,
}

impl Wanted {
    pub fn parse(kernel: &Kernel, words: &mut Words<'_>) -> Result<Wanted> {
        let mut wanted = Wanted {
            table: Some(Table::MAIN),
            device: None,
            prefix: None,
            exact: false,
            gateway: None,
            protocol: None,
            scope: None,
            kind: None,
        };
        while let Some(word) = words.next() {
            match word {
                "dev" | "oif" => wanted.device = Some(index(kernel, words.required()?)?),
                "table" => {
                    wanted.table = match words.required()? {
                        "all" | "0" => None,
                        word => Some(table(word, "table id value is invalid")?),
                    }
                }
                "via" => wanted.gateway = Some(address(words.required()?)?),
                "proto" | "protocol" => wanted.protocol = Some(protocol(words.required()?)?),
                "scope" => wanted.scope = Some(scope(words.required()?)?),
                "type" => wanted.kind = kind(words.required()?),
                "to" | "exact" => wanted.exact = true,
                "root" | "match" => wanted.exact = false,
                text => {
                    wanted.prefix = Some(prefix(text)?);
                    wanted.exact = true;
                }
            }
        }
        Ok(wanted)
    }

    /// The tables that are meant; none if there is none of this number.
    pub fn tables(&self, kernel: &Kernel) -> Option<Vec<Table>> {
        let all = kernel.routes().tables();
        match self.table {
            None => Some(all),
            Some(table) => all.contains(&table).then(|| vec![table]),
        }
    }

    pub fn matches(&self, route: &FibRoute) -> bool {
        self.device.is_none_or(|device| Some(device) == route.oif)
            && self.prefix.is_none_or(|prefix| match self.exact {
                true => route.prefix == prefix,
                false => prefix.contains(&route.prefix),
            })
            && self.gateway.is_none_or(|gateway| Some(gateway) == route.gateway)
            && self.protocol.is_none_or(|protocol| protocol == route.protocol)
            && self.scope.is_none_or(|scope| scope == route.scope)
            && self.kind.is_none_or(|kind| kind == route.kind)
    }
}
