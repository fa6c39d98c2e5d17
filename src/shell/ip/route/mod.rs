//! ip route.

mod show;
mod words;

use std::fmt::Write;

use super::{
    Failure, REFUSED, Result, Style, USAGE, WRONG, Words, address, answered, failure, index, prefix, told, unsigned,
};
use crate::host::route::{FibRoute, Kind, Query, RouteError, Table};
use crate::host::{Errno, Kernel, RouteKind};
use show::show;
pub(super) use words::{PROTOCOLS, protocol, table};
use words::{Wanted, parse};

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

/// What is done about an entry that is there, or is not.
enum How {
    Add,
    Change,
    Replace,
}

/// No such table has ever been written to.
fn missing(what: &str) -> Failure {
    failure(REFUSED, format!("Error: ipv4: FIB table does not exist.\n{what} terminated\n"))
}

fn refused(error: RouteError) -> Failure {
    match error {
        RouteError::Errno(Errno::NetworkDown) => told("Device for nexthop is not up"),
        RouteError::Errno(error) => answered(error),
        RouteError::Text(text) => told(text),
    }
}

fn change(kernel: &mut Kernel, words: &mut Words<'_>, how: How) -> Result<()> {
    let given = parse(kernel, words)?;
    if given.prefix.trunc() != given.prefix {
        return Err(told("Invalid prefix for given prefix length"));
    }
    let is_dead_end = matches!(given.kind, Some(Kind::Unreachable | Kind::Blackhole | Kind::Prohibit | Kind::Throw));
    if is_dead_end && !given.hops.is_empty() {
        return Err(told("Gateway, device and multipath can not be specified for this route type"));
    }
    if given.gateway.is_some() && given.hops.first().is_some_and(|hop| hop.gateway != given.gateway) {
        return Err(told("Nexthop gateway does not match RTA_GATEWAY or RTA_VIA"));
    }
    let table = if given.kind == Some(Kind::Local) { Table::LOCAL } else { given.table };
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
            && given.source.is_none_or(|source| Some(source) == route.source)
            && given.scope.is_none_or(|scope| scope == route.scope)
            && given.protocol.is_none_or(|protocol| protocol == route.protocol)
            && given.fits_hops(route)
    };
    let table = if given.kind == Some(Kind::Local) { Table::LOCAL } else { given.table };
    if !kernel.routes().tables().contains(&table) {
        return Err(told("FIB table does not exist"));
    }
    kernel.delete_route(table, is_it).map_err(answered)
}

fn flush(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    if words.peek() == Some("cache") {
        kernel.flush_route_cache();
        return Ok(());
    }
    let wanted = Wanted::parse(kernel, words)?;
    for table in wanted.tables(kernel).ok_or_else(|| missing("Flush"))? {
        while kernel.delete_route(table, |route| wanted.matches(route)).is_ok() {}
    }
    Ok(())
}

/// ip route get: what a look-up finds.
fn get(kernel: &mut Kernel, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let (mut to, mut from, mut oif, mut tos, mut mark) = (None, None, None, 0, 0);
    while let Some(word) = words.next() {
        match word {
            "to" => to = Some(prefix(words.required()?)?.addr()),
            "from" => from = Some(address(words.required()?)?),
            "dev" | "oif" => oif = Some(index(kernel, words.required()?)?),
            "uid" => drop(words.required()?),
            "mark" => {
                let word = words.required()?;
                let wrong = || failure(USAGE, format!("Error: argument \"{word}\" is wrong: invalid mark\n\n"));
                mark = unsigned(word).ok_or_else(wrong)?;
            }
            "tos" | "dsfield" => tos = super::rule::tos(words.required()?)?,
            text => to = Some(prefix(text)?.addr()),
        }
    }
    let to = to.ok_or_else(|| failure(WRONG, "need at least a destination address\n"))?;
    let route = kernel.route_query(&Query { source: from, oif, tos, mark, ..Query::to(to) }).map_err(answered)?;
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
    if route.table != Table::MAIN {
        let _ = write!(out, "table {} ", route.table);
    }
    if from.is_none() {
        let _ = write!(out, "src {} ", route.source);
    }
    let _ = match mark {
        0 => Ok(()),
        1..16 => write!(out, "mark {mark} "),
        _ => write!(out, "mark {mark:#x} "),
    };
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
