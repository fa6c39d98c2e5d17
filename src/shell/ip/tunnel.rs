//! ip tunnel, and the words that it shares with ip link add.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::{Result, Style, USAGE, WRONG, Words, address, failure, index};
use crate::host::tunnel::{GueParameters, Mode, Parameters};
use crate::host::{Errno, Interface, Kernel};

pub(super) fn run(kernel: &mut Kernel, _: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    match words.command(&["add", "change", "del", "show", "list", "lst"])? {
        "add" => add(kernel, words),
        "change" => change(kernel, words),
        "del" => delete(kernel, words),
        _ => show(kernel, words, out),
    }
}

/// What the words of a call say: the mode if it was named, the tunnel's name, and all else.
struct Given {
    mode: Option<Mode>,
    name: String,
    parameters: Parameters,
}

/// parse_args; `known` are the parameters of a tunnel that is there already, by its name.
fn parse(kernel: &Kernel, words: &mut Words<'_>, known: impl Fn(&Kernel, &str) -> Option<Parameters>) -> Result<Given> {
    let mut given = Given { mode: None, name: String::new(), parameters: Parameters::new(Mode::Ipip) };
    while let Some(word) = words.next() {
        if word == "mode" {
            let mode = mode(words.required()?)?;
            given.mode = Some(mode);
            given.parameters.mode = mode;
        } else if !parameter(kernel, word, words, &mut given.parameters)? {
            let name = if word == "name" { words.required()? } else { word };
            if !given.name.is_empty() {
                let text = format!("Error: either \"name\" is duplicate, or \"{name}\" is a garbage.\n");
                return Err(failure(USAGE, text));
            }
            given.name = name.to_owned();
            if let Some(known) = known(kernel, name) {
                given.mode = Some(known.mode);
                given.parameters = known;
            }
        }
    }
    if given.mode == Some(Mode::Ipip) && (given.parameters.in_key.is_some() || given.parameters.out_key.is_some()) {
        return Err(failure(USAGE, "keys are not allowed with ipip and sit tunnels\n"));
    }
    if given.parameters.ttl != 0 && !given.parameters.path_mtu {
        return Err(failure(USAGE, "ttl != 0 and nopmtudisc are incompatible\n"));
    }
    Ok(given)
}

fn mode(text: &str) -> Result<Mode> {
    match text {
        "ipip" | "ip/ip" => Ok(Mode::Ipip),
        "gre" | "gre/ip" => Ok(Mode::Gre),
        _ => Err(failure(USAGE, format!("Unknown tunnel mode \"{text}\"\n"))),
    }
}

/// One word about a tunnel, with what belongs to it; false if it is none.
pub(super) fn parameter(
    kernel: &Kernel,
    word: &str,
    words: &mut Words<'_>,
    parameters: &mut Parameters,
) -> Result<bool> {
    let end = |text: &str| if text == "any" { Ok(Ipv4Addr::UNSPECIFIED) } else { address(text) };
    match word {
        "remote" => parameters.remote = end(words.required()?)?,
        "local" => parameters.local = end(words.required()?)?,
        "dev" => parameters.over = Some(index(kernel, words.required()?)?),
        "ttl" | "hoplimit" => parameters.ttl = inherited("TTL", words.required()?, 0)?,
        "tos" | "tclass" | "dsfield" => parameters.tos = inherited("TOS", words.required()?, 1)?,
        "key" => {
            let key = key(word, words.required()?)?;
            (parameters.in_key, parameters.out_key) = (Some(key), Some(key));
        }
        "ikey" => parameters.in_key = Some(key(word, words.required()?)?),
        "okey" => parameters.out_key = Some(key(word, words.required()?)?),
        "csum" => (parameters.in_checksum, parameters.out_checksum) = (true, true),
        "icsum" => parameters.in_checksum = true,
        "ocsum" => parameters.out_checksum = true,
        "pmtudisc" => parameters.path_mtu = true,
        "nopmtudisc" => parameters.path_mtu = false,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A number, or the word that stands for what the packet inside has.
fn inherited(name: &str, text: &str, inherit: u8) -> Result<u8> {
    if text == "inherit" {
        return Ok(inherit);
    }
    let number = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| wrong(text, &format!("invalid {name}")))
}

/// tnl_parse_key
fn key(name: &str, text: &str) -> Result<u32> {
    if text.contains('.') {
        return address(text).map(u32::from);
    }
    text.parse().map_err(|_| {
        failure(USAGE, format!("invalid value for \"{name}\": \"{text}\"; it should be an unsigned integer\n"))
    })
}

fn wrong(text: &str, what: &str) -> super::Failure {
    failure(USAGE, format!("Error: argument \"{text}\" is wrong: {what}\n"))
}

/// The words that ip link add knows besides: `encap` and its kin.
pub(super) fn encapsulation(word: &str, words: &mut Words<'_>, parameters: &mut Parameters) -> Result<bool> {
    let blank = GueParameters { source_port: 0, destination_port: 0, checksum: false };
    let gue = parameters.gue;
    match word {
        "encap" => {
            parameters.gue = match words.required()? {
                "gue" => Some(gue.unwrap_or(blank)),
                "none" => None,
                text => return Err(wrong(text, "Invalid encap type.")),
            }
        }
        "encap-sport" => {
            let text = words.required()?;
            let source_port = if text == "auto" { 0 } else { port(text)? };
            parameters.gue = Some(GueParameters { source_port, ..gue.unwrap_or(blank) });
        }
        "encap-dport" => {
            let destination_port = port(words.required()?)?;
            parameters.gue = Some(GueParameters { destination_port, ..gue.unwrap_or(blank) });
        }
        "encap-csum" | "encap-udp-csum" => parameters.gue = gue.map(|gue| GueParameters { checksum: true, ..gue }),
        "noencap-csum" | "noencap-udp-csum" => {
            parameters.gue = gue.map(|gue| GueParameters { checksum: false, ..gue });
        }
        "noencap" => parameters.gue = None,
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn port(text: &str) -> Result<u16> {
    text.parse().map_err(|_| wrong(text, "Invalid port"))
}

fn add(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let Given { mode, name, mut parameters } = parse(kernel, words, |_, _| None)?;
    // Some names tell the mode.
    let told = [("gre", Mode::Gre), ("ipip", Mode::Ipip)];
    let by_name = told.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, mode)| mode);
    let Some(mode) = mode.or(by_name) else {
        return Err(failure(WRONG, "cannot determine tunnel mode (ipip, gre, vti or sit)\n"));
    };
    parameters.mode = mode;
    let name = if name.is_empty() { free_name(kernel, mode) } else { name };
    kernel.add_tunnel(&name, parameters, true).map(|_| ()).map_err(|error| refused("add", mode.fallback(), error))
}

/// The name of a tunnel that was given none: the first of ipip0, ipip1, ... that is free.
pub(super) fn free_name(kernel: &Kernel, mode: Mode) -> String {
    let mut names = (0..u32::MAX).map(|number| format!("{}{number}", mode.name()));
    names.find(|name| kernel.interface(name).is_none()).unwrap_or_default()
}

fn refused(what: &str, name: &str, error: Errno) -> super::Failure {
    failure(WRONG, format!("{what} tunnel \"{name}\" failed: {error}\n"))
}

fn parameters_of(kernel: &Kernel, name: &str) -> Option<Parameters> {
    kernel.interface(name).and_then(Interface::tunnel).map(|tunnel| tunnel.parameters)
}

fn change(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let Given { mode, name, parameters } = parse(kernel, words, parameters_of)?;
    if mode.is_none() {
        return Err(failure(WRONG, "cannot determine tunnel mode (ipip, gre, vti or sit)\n"));
    }
    let found = kernel.interface(&name).map(|interface| interface.index).ok_or(Errno::NoSuchDevice);
    found.and_then(|index| kernel.change_tunnel(index, parameters)).map_err(|error| refused("change", &name, error))
}

fn delete(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let Given { name, .. } = parse(kernel, words, parameters_of)?;
    let found = kernel.interface(&name).filter(|interface| interface.tunnel().is_some());
    let result = found.map(|interface| interface.index).ok_or(Errno::NoSuchDevice);
    result.and_then(|index| kernel.delete_interface(index)).map_err(|error| refused("delete", &name, error))
}

fn show(kernel: &Kernel, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let Given { mode, name, .. } = parse(kernel, words, |_, _| None)?;
    let wanted = |interface: &&Interface| name.is_empty() || interface.name == name;
    for interface in kernel.interfaces().filter(wanted) {
        let Some(tunnel) = interface.tunnel() else { continue };
        if mode.is_none_or(|mode| mode == tunnel.parameters.mode) {
            let is_for_any = !tunnel.is_by_ioctl && tunnel.parameters.mode == Mode::Ipip;
            describe(kernel, &interface.name, is_for_any, &tunnel.parameters, out);
        }
    }
    Ok(())
}

/// print_tunnel
fn describe(kernel: &Kernel, name: &str, is_for_any: bool, parameters: &Parameters, out: &mut String) {
    let protocol = match parameters.mode {
        _ if is_for_any => "any",
        Mode::Ipip => "ip",
        Mode::Gre => "gre",
    };
    let _ = write!(out, "{name}: {protocol}/ip remote {} local {}", end(parameters.remote), end(parameters.local));
    if let Some(over) = parameters.over {
        let under = kernel.interfaces().find(|interface| interface.index == over);
        let _ = write!(out, " dev {}", under.map_or("?", |under| &under.name));
    }
    out.push_str(&ttl_and_tos(parameters));
    out.push_str(if parameters.path_mtu { "" } else { " nopmtudisc" });
    match (parameters.in_key, parameters.out_key) {
        (Some(key), Some(same)) if key == same => drop(write!(out, " key {key}")),
        (in_key, out_key) => {
            let _ = in_key.map(|key| write!(out, " ikey {key}"));
            let _ = out_key.map(|key| write!(out, " okey {key}"));
        }
    }
    out.push_str(if parameters.in_checksum { "\n  Checksum in received packet is required." } else { "" });
    out.push_str(if parameters.out_checksum { "\n  Checksum output packets." } else { "" });
    out.push('\n');
}

pub(super) fn end(ip: Ipv4Addr) -> String {
    if ip.is_unspecified() { "any".to_owned() } else { ip.to_string() }
}

pub(super) fn ttl_and_tos(parameters: &Parameters) -> String {
    let ttl = if parameters.ttl == 0 { "inherit".to_owned() } else { parameters.ttl.to_string() };
    match parameters.tos {
        0 => format!(" ttl {ttl}"),
        1 => format!(" ttl {ttl} tos inherit"),
        tos => format!(" ttl {ttl} tos {tos:#04x}"),
    }
}
