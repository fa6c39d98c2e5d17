//! ip link.

use std::fmt::Write;

use super::{Result, Style, USAGE, WRONG, Words, answered, device, failure, index, number};
use crate::host::{Interface, Kernel, Link};
use crate::wire::MacAddr;

pub(super) fn run(kernel: &mut Kernel, style: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    match words.command(&["add", "change", "delete", "set", "show", "list", "lst"])? {
        "add" => super::newlink::add(kernel, words),
        "delete" => super::newlink::delete(kernel, words),
        "set" | "change" => set(kernel, words),
        _ => show(kernel, style, words, out),
    }
}

fn set(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let first = words.required()?;
    let name = if first == "dev" { words.required()? } else { first };
    let index = index(kernel, name)?;
    while let Some(word) = words.next() {
        match word {
            "up" => kernel.set_interface_up(index, true).map_err(answered)?,
            "down" => kernel.set_interface_up(index, false).map_err(answered)?,
            "mtu" => {
                let mtu = number("\"mtu\" value", words.required()?)?;
                kernel.set_interface_mtu(index, mtu).map_err(answered)?;
            }
            "address" => {
                let text = words.required()?;
                let wrong = || failure(USAGE, format!("\"{text}\" is invalid lladdr.\n"));
                let mac: MacAddr = text.parse().map_err(|_| wrong())?;
                kernel.set_interface_mac(index, mac).map_err(answered)?;
            }
            "arp" => kernel.set_interface_arp(index, on_off("arp", words.required()?)?),
            "promisc" => kernel.set_interface_promiscuous(index, on_off("promisc", words.required()?)?),
            "multicast" | "allmulticast" | "txqueuelen" | "qlen" | "alias" => drop(words.required()?),
            _ => {
                return Err(failure(
                    WRONG,
                    format!("Error: either \"dev\" is duplicate, or \"{word}\" is a garbage.\n"),
                ));
            }
        }
    }
    Ok(())
}

fn on_off(name: &str, text: &str) -> Result<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(failure(USAGE, format!("Error: argument of \"{name}\" must be \"on\" or \"off\", not \"{text}\"\n"))),
    }
}

fn show(kernel: &Kernel, style: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let (mut wanted, mut up, mut kind) = (None, false, None);
    while let Some(word) = words.next() {
        match word {
            "dev" => wanted = Some(words.required()?),
            "up" => up = true,
            "type" => kind = Some(words.required()?),
            name => wanted = Some(name),
        }
    }
    if let Some(name) = wanted {
        device(kernel, name).map_err(|_| failure(WRONG, format!("Device \"{name}\" does not exist.\n")))?;
    }
    for interface in kernel.interfaces() {
        let is_of_kind = kind.is_none_or(|kind| self::kind(interface) == Some(kind));
        if wanted.is_some_and(|name| name != interface.name) || up && !interface.up || !is_of_kind {
            continue;
        }
        if style.brief {
            let (name, state, (address, _)) = (full_name(kernel, interface), state(interface), ends(interface));
            let _ = writeln!(out, "{name:<16} {state:<14} {address} <{}> ", flags(interface));
        } else {
            describe(kernel, interface, " mode DEFAULT", style, out);
        }
    }
    Ok(())
}

/// The operational state (RFC 2863): only network cards know theirs.
pub(super) fn state(interface: &Interface) -> &'static str {
    match interface {
        Interface { up: false, .. } => "DOWN",
        Interface { link: Link::Loopback | Link::Dummy | Link::Tunnel(_), .. } => "UNKNOWN",
        Interface { link: Link::Macvlan(_), carrier: false, .. } => "LOWERLAYERDOWN",
        Interface { carrier: true, .. } => "UP",
        _ => "DOWN",
    }
}

/// IFLA_INFO_KIND
fn kind(interface: &Interface) -> Option<&'static str> {
    match &interface.link {
        Link::Loopback | Link::Card(_) => None,
        Link::Dummy => Some("dummy"),
        Link::Macvlan(_) => Some("macvlan"),
        Link::Tunnel(tunnel) => Some(tunnel.parameters.mode.name()),
    }
}

/// The name, with that of the interface below a tunnel.
pub(super) fn full_name(kernel: &Kernel, interface: &Interface) -> String {
    let below = match &interface.link {
        Link::Tunnel(tunnel) => tunnel.parameters.over,
        Link::Macvlan(lower) => Some(*lower),
        _ => return interface.name.clone(),
    };
    let is_it = |under: &&Interface| Some(under.index) == below;
    format!("{}@{}", interface.name, kernel.interfaces().find(is_it).map_or("NONE", |under| &under.name))
}

/// The hardware address, and the one that reaches everybody, or the other end.
fn ends(interface: &Interface) -> (String, String) {
    match &interface.link {
        Link::Loopback => (interface.mac.to_string(), MacAddr::ZERO.to_string()),
        Link::Card(_) | Link::Dummy | Link::Macvlan(_) => (interface.mac.to_string(), MacAddr::BROADCAST.to_string()),
        Link::Tunnel(tunnel) => (tunnel.parameters.local.to_string(), tunnel.parameters.remote.to_string()),
    }
}

fn flags(interface: &Interface) -> String {
    let is_ethernet = interface.is_ethernet() || matches!(interface.link, Link::Dummy);
    let names = [
        (interface.up && !interface.carrier, "NO-CARRIER"),
        (interface.is_loopback(), "LOOPBACK"),
        (is_ethernet, "BROADCAST"),
        (interface.is_point_to_point(), "POINTOPOINT"),
        (interface.is_ethernet(), "MULTICAST"),
        (!interface.is_loopback() && !interface.arp, "NOARP"),
        (interface.promiscuous, "PROMISC"),
        (interface.up, "UP"),
        (interface.is_running(), "LOWER_UP"),
    ];
    names.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

/// An interface's lines; `mode` is what only `ip link` says.
pub(super) fn describe(kernel: &Kernel, interface: &Interface, mode: &str, style: Style, out: &mut String) {
    let link = match &interface.link {
        Link::Loopback => "loopback",
        Link::Card(_) | Link::Dummy | Link::Macvlan(_) => "ether",
        Link::Tunnel(tunnel) => tunnel.parameters.mode.name(),
    };
    let (address, other) = ends(interface);
    let reaches = if interface.is_point_to_point() { "peer" } else { "brd" };
    let queueing = if interface.up { "noqueue" } else { "noop" };
    let break_ = if style.oneline { "\\" } else { "\n" };
    let _ = write!(
        out,
        "{}: {}: <{}> mtu {} qdisc {queueing} state {}{mode} group default qlen 1000{break_}    link/{link} {address} {reaches} {other}",
        interface.index.0,
        full_name(kernel, interface),
        flags(interface),
        interface.mtu,
        state(interface),
    );
    if style.details
        && let Some(tunnel) = interface.tunnel()
    {
        super::newlink::details(kernel, tunnel, interface.promiscuous, break_, out);
    }
    out.push('\n');
    if style.statistics {
        let counters = &interface.counters;
        let _ = writeln!(out, "    RX:  bytes packets errors dropped  missed   mcast           ");
        let _ = writeln!(out, "{:>13} {:>7}      0       0       0       0 ", counters.rx_bytes, counters.rx_packets);
        let _ = writeln!(out, "    TX:  bytes packets errors dropped carrier collsns           ");
        let _ = writeln!(out, "{:>13} {:>7}      0       0       0       0 ", counters.tx_bytes, counters.tx_packets);
    }
}
