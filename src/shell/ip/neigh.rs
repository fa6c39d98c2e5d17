//! ip neighbour.

use std::fmt::Write;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Failure, Result, Style, USAGE, WRONG, Words, address, answered, failure, index, prefix};
use crate::host::neighbour::{Neighbour, State};
use crate::host::{IfIndex, Kernel};
use crate::wire::MacAddr;

pub(super) fn run(kernel: &mut Kernel, _: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    match words.command(&["add", "change", "chg", "replace", "delete", "get", "show", "list", "lst", "flush"])? {
        "add" => set(kernel, words, true, false),
        "change" | "chg" => set(kernel, words, false, true),
        "replace" => set(kernel, words, true, true),
        "delete" => delete(kernel, words),
        "flush" => flush(kernel, words),
        _ => show(kernel, words, out),
    }
}

struct Given {
    ip: Ipv4Addr,
    device: IfIndex,
    mac: Option<MacAddr>,
    state: State,
}

fn parse(kernel: &Kernel, words: &mut Words<'_>) -> Result<Given> {
    let (mut ip, mut device, mut mac, mut state) = (None, None, None, State::Permanent);
    while let Some(word) = words.next() {
        match word {
            "lladdr" => {
                let text = words.required()?;
                let wrong = || failure(WRONG, format!("\"{text}\" is invalid lladdr.\n"));
                mac = Some(text.parse().map_err(|_| wrong())?);
            }
            "nud" => state = parse_state(words.required()?)?,
            "dev" => device = Some(index(kernel, words.required()?)?),
            "to" => ip = Some(address(words.required()?)?),
            text if ip.is_none() => ip = Some(address(text)?),
            text => return Err(Words::garbage(text)),
        }
    }
    match (ip, device) {
        (Some(ip), Some(device)) => Ok(Given { ip, device, mac, state }),
        _ => Err(failure(WRONG, "Device and destination are required arguments.\n")),
    }
}

fn parse_state(text: &str) -> Result<State> {
    let states = [
        State::Permanent,
        State::Reachable,
        State::Noarp,
        State::Stale,
        State::Incomplete,
        State::Delay,
        State::Probe,
        State::Failed,
    ];
    let found = states.into_iter().find(|state| state.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| wrong_state(text))
}

fn wrong_state(text: &str) -> Failure {
    failure(USAGE, format!("Error: argument \"{text}\" is wrong: nud state is bad\n\n"))
}

fn set(kernel: &mut Kernel, words: &mut Words<'_>, create: bool, replace: bool) -> Result<()> {
    let Given { ip, device, mac, state } = parse(kernel, words)?;
    kernel.set_neighbour(device, ip, mac, state, create, replace).map_err(answered)
}

fn delete(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let Given { ip, device, .. } = parse(kernel, words)?;
    kernel.delete_neighbour(device, ip).map_err(answered)
}

/// Which entries are meant by show and flush.
#[derive(Default)]
struct Wanted {
    device: Option<IfIndex>,
    to: Option<Ipv4Net>,
    state: Option<State>,
    all: bool,
}

impl Wanted {
    fn parse(kernel: &Kernel, words: &mut Words<'_>) -> Result<Wanted> {
        let mut wanted = Wanted::default();
        while let Some(word) = words.next() {
            match word {
                "dev" => wanted.device = Some(index(kernel, words.required()?)?),
                "to" => wanted.to = Some(prefix(words.required()?)?),
                "nud" => match words.required()? {
                    "all" => wanted.all = true,
                    text => wanted.state = Some(parse_state(text)?),
                },
                "unused" => {}
                "all" => wanted.all = true,
                text => wanted.to = Some(prefix(text)?),
            }
        }
        Ok(wanted)
    }

    fn matches(&self, entry: &Neighbour) -> bool {
        self.device.is_none_or(|device| device == entry.interface)
            && self.to.is_none_or(|net| net.contains(&entry.ip))
            && self.state.is_none_or(|state| state == entry.state)
            && (self.all || self.state.is_some() || entry.state != State::Noarp)
    }
}

/// As the real one, entries that somebody has typed in for good are left alone unless asked for.
fn flush(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    if words.peek().is_none() {
        return Err(failure(USAGE, "Flush requires arguments.\n"));
    }
    let wanted = Wanted::parse(kernel, words)?;
    let keeps_permanent = !wanted.all && wanted.state.is_none();
    let is_meant = |entry: &&Neighbour| wanted.matches(entry) && !(keeps_permanent && entry.state == State::Permanent);
    let chosen: Vec<_> = kernel.neighbours().iter().filter(is_meant).map(|entry| (entry.interface, entry.ip)).collect();
    for (interface, ip) in chosen {
        kernel.delete_neighbour(interface, ip).map_err(answered)?;
    }
    Ok(())
}

fn show(kernel: &Kernel, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let wanted = Wanted::parse(kernel, words)?;
    for entry in kernel.neighbours().iter().filter(|entry| wanted.matches(entry)) {
        let _ = write!(out, "{} ", entry.ip);
        if wanted.device.is_none() {
            let found = kernel.interfaces().find(|interface| interface.index == entry.interface);
            let _ = write!(out, "dev {} ", found.map_or("?", |interface| &interface.name));
        }
        if !matches!(entry.state, State::Incomplete | State::Failed) {
            let _ = write!(out, "lladdr {} ", entry.mac);
        }
        let _ = writeln!(out, "{} ", entry.state.name());
    }
    Ok(())
}
