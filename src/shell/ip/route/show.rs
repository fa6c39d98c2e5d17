//! ip route show.

use std::cmp::Reverse;
use std::fmt::Write;

use ipnet::Ipv4Net;

use super::super::addr::scope_name;
use super::super::{Result, Words};
use super::missing;
use super::words::{PROTOCOLS, Wanted};
use crate::host::route::{FibRoute, Hop, Kind, Protocol, Table};
use crate::host::{Kernel, Scope};

pub(super) fn show(kernel: &Kernel, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let wanted = Wanted::parse(kernel, words)?;
    for table in wanted.tables(kernel).ok_or_else(|| missing("Dump"))? {
        let mut routes: Vec<_> = kernel.routes().list(table).iter().filter(|route| wanted.matches(route)).collect();
        // The trie is walked by address, and shorter prefixes of one address come last.
        routes.sort_by_key(|route| (route.prefix.addr(), Reverse(route.prefix.prefix_len()), route.metric));
        routes.sort_by_key(|route| route.prefix != Ipv4Net::default());
        for route in routes {
            describe(kernel, route, table, &wanted, out);
        }
    }
    Ok(())
}

fn describe(kernel: &Kernel, route: &FibRoute, table: Table, wanted: &Wanted, out: &mut String) {
    match route.kind {
        Kind::Unicast => {}
        Kind::Local => out.push_str("local "),
        Kind::Broadcast => out.push_str("broadcast "),
        Kind::Unreachable => out.push_str("unreachable "),
        Kind::Blackhole => out.push_str("blackhole "),
        Kind::Prohibit => out.push_str("prohibit "),
        Kind::Throw => out.push_str("throw "),
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
    if let Some(interface) = interface.filter(|_| wanted.device.is_none()) {
        let _ = write!(out, "dev {} ", interface.name);
    }
    if table != Table::MAIN && wanted.table.is_none() {
        let _ = write!(out, "table {table} ");
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
    if route.scope != Scope::Global || table == Table::LOCAL && route.kind != Kind::Unicast {
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
    for hop in &route.hops {
        describe_hop(kernel, hop, out);
    }
}

fn describe_hop(kernel: &Kernel, hop: &Hop, out: &mut String) {
    out.push_str("\tnexthop ");
    if let Some(gateway) = hop.gateway {
        let _ = write!(out, "via {gateway} ");
    }
    let interface = hop.oif.and_then(|index| kernel.interfaces().find(|interface| interface.index == index));
    let _ = write!(out, "dev {} weight {} ", interface.map_or("?", |interface| &interface.name), hop.weight);
    if hop.dead {
        out.push_str("dead ");
    }
    if hop.onlink {
        out.push_str("onlink ");
    }
    if interface.is_some_and(|interface| !interface.is_running()) {
        out.push_str("linkdown ");
    }
    out.push('\n');
}
