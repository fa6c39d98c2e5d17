//! ip link.

use std::fmt::Write;

use super::{Result, Style, USAGE, WRONG, Words, answered, device, failure, index, number};
use crate::host::{Interface, Kernel};
use crate::wire::MacAddr;

pub(super) fn run(kernel: &mut Kernel, style: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    match words.command(&["set", "show", "list", "lst"])? {
        "set" => set(kernel, words),
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
    let (mut wanted, mut up) = (None, false);
    while let Some(word) = words.next() {
        match word {
            "dev" => wanted = Some(words.required()?),
            "up" => up = true,
            name => wanted = Some(name),
        }
    }
    if let Some(name) = wanted {
        device(kernel, name).map_err(|_| failure(WRONG, format!("Device \"{name}\" does not exist.\n")))?;
    }
    for interface in kernel.interfaces() {
        if wanted.is_some_and(|name| name != interface.name) || up && !interface.up {
            continue;
        }
        if style.brief {
            let (name, state) = (&interface.name, state(interface));
            let _ = writeln!(out, "{name:<16} {state:<14} {} <{}> ", interface.mac, flags(interface));
        } else {
            describe(interface, style, out);
        }
    }
    Ok(())
}

/// The operational state (RFC 2863): `lo` knows none.
pub(super) fn state(interface: &Interface) -> &'static str {
    match interface {
        Interface { up: false, .. } => "DOWN",
        interface if interface.is_loopback() => "UNKNOWN",
        Interface { carrier: true, .. } => "UP",
        _ => "DOWN",
    }
}

fn flags(interface: &Interface) -> String {
    let names = [
        (interface.up && !interface.carrier, "NO-CARRIER"),
        (interface.is_loopback(), "LOOPBACK"),
        (!interface.is_loopback(), "BROADCAST"),
        (!interface.is_loopback() && !interface.arp, "NOARP"),
        (!interface.is_loopback(), "MULTICAST"),
        (interface.promiscuous, "PROMISC"),
        (interface.up, "UP"),
        (interface.is_running(), "LOWER_UP"),
    ];
    names.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

pub(super) fn describe(interface: &Interface, style: Style, out: &mut String) {
    let (kind, broadcast) = match interface.is_loopback() {
        true => ("loopback", MacAddr::ZERO),
        false => ("ether", MacAddr::BROADCAST),
    };
    let queueing = if interface.up { "noqueue" } else { "noop" };
    let break_ = if style.oneline { "\\" } else { "\n" };
    let _ = writeln!(
        out,
        "{}: {}: <{}> mtu {} qdisc {queueing} state {} group default qlen 1000{break_}    link/{kind} {} brd {broadcast}",
        interface.index.0,
        interface.name,
        flags(interface),
        interface.mtu,
        state(interface),
        interface.mac,
    );
    if style.statistics {
        let counters = &interface.counters;
        let _ = writeln!(out, "    RX:  bytes packets errors dropped  missed   mcast           ");
        let _ = writeln!(out, "{:>13} {:>7}      0       0       0       0 ", counters.rx_bytes, counters.rx_packets);
        let _ = writeln!(out, "    TX:  bytes packets errors dropped carrier collsns           ");
        let _ = writeln!(out, "{:>13} {:>7}      0       0       0       0 ", counters.tx_bytes, counters.tx_packets);
    }
}
