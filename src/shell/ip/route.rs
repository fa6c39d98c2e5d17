//! ip route, and what ip rule shows.

use std::fmt::Write;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::addr::scope_name;
use super::{Failure, Result, Style, WRONG, Words, address, answered, failure, index, number, prefix, told};
use crate::host::route::{FibRoute, Kind, Protocol, RouteError, Table};
use crate::host::{Errno, IfIndex, Kernel, RouteKind, Scope};

pub(super) fn run(kernel: &mut Kernel, _: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let commands = ["list", "show", "lst", "get", "add", "append", "change", "chg", "replace", "delete", "flush"];
    match words.command(&commands)? {
        "get" => get(kernel, words, out),
        "add" | "append" => change(kernel, words, How::Add),
        "change" | "chg" => change(kernel, words, How::Change),
        "replace" => change(kernel, words, How::Replace),
        "delete" => delete(kernel, words),
        "flush" => flush(kernel, words),
        _ => show(kernel, words, out),
    }
}

/// ip rule: the three that are always there.
pub(super) fn rules(_: &mut Kernel, _: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    words.command(&["show", "list", "lst"])?;
    out.push_str("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n");
    Ok(())
}

/// Who else makes entries (/etc/iproute2/rt_protos).
const PROTOCOLS: &[(u8, &str)] = &[
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

/// What is done about an entry that is there, or is not.
enum How {
    Add,
    Change,
    Replace,
}

/// What is said about a route on the command line.
struct Given {
    prefix: Ipv4Net,
    kind: Option<Kind>,
    gateway: Option<Ipv4Addr>,
    device: Option<IfIndex>,
    source: Option<Ipv4Addr>,
    metric: Option<u32>,
    scope: Option<Scope>,
    protocol: Option<Protocol>,
    table: Table,
    onlink: bool,
    mtu: Option<u32>,
}

fn parse(kernel: &Kernel, words: &mut Words<'_>) -> Result<Given> {
    let mut given = Given {
        prefix: Ipv4Net::default(),
        kind: None,
        gateway: None,
        device: None,
        source: None,
        metric: None,
        scope: None,
        protocol: None,
        table: Table::Main,
        onlink: false,
        mtu: None,
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
            "table" => given.table = table(words.required()?)?,
            "onlink" => given.onlink = true,
            "mtu" => {
                let word = words.required()?;
                let word = if word == "lock" { words.required()? } else { word };
                given.mtu = Some(number("\"mtu\" value", word)?);
            }
            "nexthop" => return Err(failure(WRONG, "Error: only one next hop is supported here.\n")),
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
        _ => Err(failure(WRONG, format!("Error: argument \"{text}\" is wrong: invalid \"scope\" value\n\n"))),
    }
}

fn protocol(text: &str) -> Result<Protocol> {
    match text {
        "kernel" => Ok(Protocol::Kernel),
        "boot" => Ok(Protocol::Boot),
        "static" => Ok(Protocol::Static),
        _ => {
            let known = PROTOCOLS.iter().find(|(_, name)| *name == text).map(|(number, _)| *number);
            let wrong = || format!("Error: argument \"{text}\" is wrong: \"protocol\" value is invalid\n\n");
            let number = known.or_else(|| text.parse().ok()).ok_or_else(|| failure(WRONG, wrong()))?;
            Ok(Protocol::Other(number))
        }
    }
}

fn table(text: &str) -> Result<Table> {
    match text {
        "main" | "254" => Ok(Table::Main),
        "local" | "255" => Ok(Table::Local),
        _ => Err(failure(WRONG, format!("Error: argument \"{text}\" is wrong: table id value is invalid\n\n"))),
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
        _ => None,
    }
}

fn refused(error: RouteError) -> Failure {
    match error {
        RouteError::Errno(Errno::NetworkDown) => told("Device for nexthop is not up"),
        RouteError::Errno(error) => answered(error),
        RouteError::Text(text) => told(text),
    }
}

impl Given {
    /// iproute_modify: what is left out follows from the rest.
    fn into_route(self) -> FibRoute {
        let kind = self.kind.unwrap_or(Kind::Unicast);
        let usual = match kind {
            Kind::Local => Scope::Host,
            Kind::Broadcast => Scope::Link,
            Kind::Unicast if self.gateway.is_none() => Scope::Link,
            _ => Scope::Global,
        };
        let is_dead_end = matches!(kind, Kind::Unreachable | Kind::Blackhole | Kind::Prohibit);
        FibRoute {
            prefix: self.prefix,
            kind,
            scope: self.scope.unwrap_or(usual),
            protocol: self.protocol.unwrap_or(Protocol::Boot),
            metric: self.metric.unwrap_or(0),
            source: self.source,
            oif: self.device.filter(|_| !is_dead_end),
            gateway: self.gateway,
            onlink: self.onlink,
            mtu: self.mtu,
        }
    }
}

fn change(kernel: &mut Kernel, words: &mut Words<'_>, how: How) -> Result<()> {
    let given = parse(kernel, words)?;
    if given.prefix.trunc() != given.prefix {
        return Err(told("Invalid prefix for given prefix length"));
    }
    let table = if given.kind == Some(Kind::Local) { Table::Local } else { given.table };
    let is_there = |route: &FibRoute| route.prefix == given.prefix && given.metric.is_none_or(|m| m == route.metric);
    if matches!(how, How::Change) && !kernel.routes().list(table).iter().any(is_there) {
        return Err(answered(Errno::NoSuchFile));
    }
    let route = given.into_route();
    match how {
        How::Add => kernel.add_route(table, route),
        How::Change | How::Replace => kernel.replace_route(table, route),
    }
    .map_err(refused)
}

fn delete(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let given = parse(kernel, words)?;
    let is_it = |route: &FibRoute| {
        route.prefix == given.prefix
            && given.kind.is_none_or(|kind| kind == route.kind)
            && given.metric.is_none_or(|metric| metric == route.metric)
            && given.device.is_none_or(|device| Some(device) == route.oif)
            && given.gateway.is_none_or(|gateway| Some(gateway) == route.gateway)
            && given.source.is_none_or(|source| Some(source) == route.source)
            && given.scope.is_none_or(|scope| scope == route.scope)
            && given.protocol.is_none_or(|protocol| protocol == route.protocol)
    };
    let table = if given.kind == Some(Kind::Local) { Table::Local } else { given.table };
    kernel.delete_route(table, is_it).map_err(answered)
}

fn flush(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    if words.peek() == Some("cache") {
        kernel.flush_route_cache();
        return Ok(());
    }
    let wanted = Wanted::parse(kernel, words)?;
    while kernel.delete_route(wanted.table, |route| wanted.matches(route)).is_ok() {}
    Ok(())
}

/// Which routes are meant by show and flush.
struct Wanted {
    table: Table,
    device: Option<IfIndex>,
    prefix: Option<Ipv4Net>,
    exact: bool,
    gateway: Option<Ipv4Addr>,
    protocol: Option<Protocol>,
    scope: Option<Scope>,
    kind: Option<Kind>,
}

impl Wanted {
    fn parse(kernel: &Kernel, words: &mut Words<'_>) -> Result<Wanted> {
        let mut wanted = Wanted {
            table: Table::Main,
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
                "table" => wanted.table = table(words.required()?)?,
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

    fn matches(&self, route: &FibRoute) -> bool {
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

fn show(kernel: &Kernel, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let wanted = Wanted::parse(kernel, words)?;
    let mut routes: Vec<_> = kernel.routes().list(wanted.table).iter().filter(|route| wanted.matches(route)).collect();
    // The trie is walked by address, and shorter prefixes of one address come last.
    routes.sort_by_key(|route| (route.prefix.addr(), std::cmp::Reverse(route.prefix.prefix_len()), route.metric));
    routes.sort_by_key(|route| route.prefix != Ipv4Net::default());
    for route in routes {
        describe(kernel, route, wanted.table, wanted.device.is_some(), out);
    }
    Ok(())
}

fn describe(kernel: &Kernel, route: &FibRoute, table: Table, device_is_known: bool, out: &mut String) {
    match route.kind {
        Kind::Unicast => {}
        Kind::Local => out.push_str("local "),
        Kind::Broadcast => out.push_str("broadcast "),
        Kind::Unreachable => out.push_str("unreachable "),
        Kind::Blackhole => out.push_str("blackhole "),
        Kind::Prohibit => out.push_str("prohibit "),
    }
    let _ = match route.prefix {
        net if net == Ipv4Net::default() => write!(out, "default "),
        net if net.prefix_len() == 32 => write!(out, "{} ", net.addr()),
        net => write!(out, "{net} "),
    };
    if let Some(gateway) = route.gateway {
        let _ = write!(out, "via {gateway} ");
    }
    let interface = route.oif.and_then(|index| kernel.interfaces().find(|interface| interface.index == index));
    if let Some(interface) = interface.filter(|_| !device_is_known) {
        let _ = write!(out, "dev {} ", interface.name);
    }
    match route.protocol {
        Protocol::Kernel => out.push_str("proto kernel "),
        Protocol::Static => out.push_str("proto static "),
        Protocol::Other(number) => match PROTOCOLS.iter().find(|(known, _)| *known == number) {
            Some((_, name)) => drop(write!(out, "proto {name} ")),
            None => drop(write!(out, "proto {number} ")),
        },
        Protocol::Boot => {}
    }
    if route.scope != Scope::Global || table == Table::Local && route.kind != Kind::Unicast {
        let _ = write!(out, "scope {} ", scope_name(route.scope));
    }
    if let Some(source) = route.source {
        let _ = write!(out, "src {source} ");
    }
    if route.metric != 0 {
        let _ = write!(out, "metric {} ", route.metric);
    }
    if let Some(mtu) = route.mtu {
        let _ = write!(out, "mtu {mtu} ");
    }
    if interface.is_some_and(|interface| interface.up && !interface.carrier) {
        out.push_str("linkdown ");
    }
    if route.onlink {
        out.push_str("onlink ");
    }
    out.push('\n');
}

/// ip route get: what a look-up finds.
fn get(kernel: &mut Kernel, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let (mut to, mut from, mut oif) = (None, None, None);
    while let Some(word) = words.next() {
        match word {
            "to" => to = Some(prefix(words.required()?)?.addr()),
            "from" => from = Some(address(words.required()?)?),
            "dev" | "oif" => oif = Some(index(kernel, words.required()?)?),
            "uid" | "mark" => drop(words.required()?),
            text => to = Some(prefix(text)?.addr()),
        }
    }
    let to = to.ok_or_else(|| failure(WRONG, "need at least a destination address\n"))?;
    let route = kernel.route_output(to, from, oif).map_err(answered)?;
    let kind = match route.kind {
        RouteKind::Local => "local ",
        RouteKind::Broadcast => "broadcast ",
        RouteKind::Multicast => "multicast ",
        RouteKind::Unicast => "",
    };
    let _ = write!(out, "{kind}{to} ");
    if let Some(from) = from {
        let _ = write!(out, "from {from} ");
    }
    if let Some(gateway) = route.gateway {
        let _ = write!(out, "via {gateway} ");
    }
    let name = kernel.interfaces().find(|interface| interface.index == route.oif).map_or("?", |found| &found.name);
    let _ = write!(out, "dev {name} ");
    if from.is_none() {
        let _ = write!(out, "src {} ", route.source);
    }
    out.push_str("uid 0 \n    cache");
    match route.kind {
        RouteKind::Local => out.push_str(" <local>"),
        RouteKind::Broadcast => out.push_str(" <local,brd>"),
        RouteKind::Multicast => out.push_str(" <mc>"),
        RouteKind::Unicast => {}
    }
    if let Some(exception) = kernel.path_exception(to).filter(|_| route.kind == RouteKind::Unicast) {
        if exception.gateway.is_some() {
            out.push_str(" <redirected>");
        }
        let _ = write!(out, " expires {}sec", exception.expires.since(kernel.now).as_secs());
        if let Some(mtu) = exception.mtu {
            let _ = write!(out, " mtu {mtu}");
        }
    }
    out.push_str(" \n");
    Ok(())
}
