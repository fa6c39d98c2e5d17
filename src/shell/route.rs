//! route, of net-tools 2.10.

use std::fmt::Write;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::host::route::{FibRoute, Kind, Protocol, RouteError, Table};
use crate::host::{Errno, IfIndex, Io, Kernel, Scope};

/// route \[-n\] \[add|del ...\]
pub(super) fn route(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let words: Vec<&str> = args[1..]
        .iter()
        .map(String::as_str)
        .filter(|word| !matches!(*word, "-n" | "-4" | "-v" | "-e" | "-ne"))
        .collect();
    match words.split_first() {
        None => {
            let numeric = args.iter().any(|word| word == "-n" || word == "-ne");
            show(kernel, numeric, &mut io.out);
            0
        }
        Some((&verb @ ("add" | "del" | "delete"), rest)) => match parse(kernel, rest) {
            Ok(given) => change(kernel, verb == "add", given, &mut io.err),
            Err(Wrong::Text(text)) => {
                io.err.push_str(&text);
                4
            }
            Err(Wrong::Errno(error)) => {
                let _ = writeln!(io.err, "SIOC{}RT: {error}", if verb == "add" { "ADD" } else { "DEL" });
                7
            }
        },
        Some(_) => {
            io.err.push_str("Usage: inet_route [-vF] del {-host|-net} Target[/prefix] [gw Gw] [metric M] [[dev] If]\n");
            4
        }
    }
}

enum Wrong {
    Text(String),
    Errno(Errno),
}

struct Given {
    prefix: Ipv4Net,
    gateway: Option<Ipv4Addr>,
    metric: Option<u32>,
    device: Option<IfIndex>,
    reject: bool,
}

fn parse(kernel: &Kernel, words: &[&str]) -> Result<Given, Wrong> {
    let mut words = words.iter().copied();
    let (mut target, mut is_host, mut mask) = (None, None, None);
    let mut given = Given { prefix: Ipv4Net::default(), gateway: None, metric: None, device: None, reject: false };
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_default();
        match word {
            "-net" => is_host = Some(false),
            "-host" => is_host = Some(true),
            "gw" | "gateway" => given.gateway = Some(address(next())?),
            "netmask" => mask = Some(address(next())?),
            "metric" => given.metric = next().parse().ok(),
            "dev" | "device" => given.device = Some(device(kernel, next())?),
            "reject" => given.reject = true,
            "mss" | "window" | "irtt" => drop(next()),
            text if target.is_none() => target = Some(text),
            text => given.device = Some(device(kernel, text)?),
        }
    }
    let target = target.ok_or_else(|| Wrong::Text("route: no target\n".to_owned()))?;
    let (ip, len) = match target.split_once('/') {
        _ if target == "default" => (Ipv4Addr::UNSPECIFIED, Some(0)),
        Some((ip, len)) => (address(ip)?, len.parse().ok().filter(|len| *len <= 32)),
        None => (address(target)?, None),
    };
    let by_mask = match mask {
        Some(mask) => {
            let wrong = || Wrong::Text(format!("route: bogus netmask {mask}\n"));
            Some(ipnet::ipv4_mask_to_prefix(mask).map_err(|_| wrong())?)
        }
        None => None,
    };
    let len = len.or(by_mask).unwrap_or(match is_host {
        Some(false) => class_len(ip),
        _ if ip.is_unspecified() => 0,
        _ => 32,
    });
    given.prefix = Ipv4Net::new_assert(ip, len);
    if given.prefix.trunc() != given.prefix {
        return Err(Wrong::Text("route: netmask doesn't match route address\n".to_owned()));
    }
    Ok(given)
}

/// The length of the prefix that a network's address suggests: the bytes that are not 0.
fn class_len(ip: Ipv4Addr) -> u8 {
    match ip.octets() {
        [_, 0, 0, 0] => 8,
        [_, _, 0, 0] => 16,
        [_, _, _, 0] => 24,
        _ => 32,
    }
}

fn address(text: &str) -> Result<Ipv4Addr, Wrong> {
    text.parse().map_err(|_| Wrong::Text(format!("{text}: Unknown host\n")))
}

/// An interface, by its own name or by that of an alias on it.
fn device(kernel: &Kernel, name: &str) -> Result<IfIndex, Wrong> {
    let found = kernel.interface(name.split(':').next().unwrap_or(name));
    found.map(|interface| interface.index).ok_or(Wrong::Errno(Errno::NoSuchDevice))
}

fn change(kernel: &mut Kernel, add: bool, given: Given, err: &mut String) -> i32 {
    let result = if add { add_route(kernel, &given) } else { delete(kernel, &given) };
    match result {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(err, "SIOC{}RT: {error}", if add { "ADD" } else { "DEL" });
            7
        }
    }
}

/// rtentry_to_fib_config: a route to a device prefers the address of that name.
fn add_route(kernel: &mut Kernel, given: &Given) -> Result<(), Errno> {
    let source =
        given.device.filter(|_| given.gateway.is_none() && given.prefix.prefix_len() == 32).and_then(|index| {
            let interface = kernel.interfaces().find(|interface| interface.index == index)?;
            interface.addresses.iter().find(|address| address.ip == given.prefix.addr()).map(|address| address.ip)
        });
    let kind = if given.reject { Kind::Unreachable } else { Kind::Unicast };
    let route = FibRoute {
        prefix: given.prefix,
        kind,
        scope: if given.gateway.is_some() || given.reject { Scope::Global } else { Scope::Link },
        protocol: Protocol::Boot,
        metric: given.metric.unwrap_or(0),
        source,
        oif: given.device.filter(|_| !given.reject),
        gateway: given.gateway,
        onlink: false,
        mtu: None,
        hops: Box::default(),
    };
    kernel.add_route(Table::MAIN, route).map_err(|error| match error {
        RouteError::Errno(error) => error,
        RouteError::Text(_) => Errno::NetworkUnreachable,
    })
}

fn delete(kernel: &mut Kernel, given: &Given) -> Result<(), Errno> {
    kernel.delete_route(Table::MAIN, |route| {
        route.prefix == given.prefix
            && given.gateway.is_none_or(|gateway| Some(gateway) == route.gateway)
            && given.device.is_none_or(|device| Some(device) == route.oif)
            && given.metric.is_none_or(|metric| metric == route.metric)
    })
}

fn show(kernel: &Kernel, numeric: bool, out: &mut String) {
    out.push_str("Kernel IP routing table\n");
    out.push_str("Destination     Gateway         Genmask         Flags Metric Ref    Use Iface\n");
    let mut routes: Vec<_> = kernel.routes().list(Table::MAIN).iter().collect();
    routes.sort_by_key(|route| (route.prefix.addr(), std::cmp::Reverse(route.prefix.prefix_len()), route.metric));
    for route in routes {
        let is_refused = matches!(route.kind, Kind::Unreachable | Kind::Prohibit);
        let none = if numeric { "0.0.0.0" } else { "*" };
        let gateway = match route.gateway {
            _ if is_refused => "-".to_owned(),
            Some(gateway) => gateway.to_string(),
            None => none.to_owned(),
        };
        let destination = match route.prefix.prefix_len() {
            0 if !numeric => "default".to_owned(),
            _ => route.prefix.addr().to_string(),
        };
        let mut flags = if is_refused { "!" } else { "U" }.to_owned();
        if route.gateway.is_some() {
            flags.push('G');
        }
        if route.prefix.prefix_len() == 32 && !is_refused {
            flags.push('H');
        }
        let name = match route.oif.and_then(|index| kernel.interfaces().find(|interface| interface.index == index)) {
            Some(interface) => interface.name.as_str(),
            None if is_refused => "-",
            None => "*",
        };
        let reference = if is_refused { "-" } else { "0" };
        let _ = writeln!(
            out,
            "{destination:<15} {gateway:<15} {:<15} {flags:<5} {:<6} {reference:<4} {:>6} {name}",
            route.prefix.netmask().to_string(),
            route.metric,
            0
        );
    }
}
