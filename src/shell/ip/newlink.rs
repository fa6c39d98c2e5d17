//! ip link add and ip link delete.

use std::fmt::Write;

use super::tunnel::{encapsulation, end, free_name, parameter, ttl_and_tos};
use super::{Result, USAGE, Words, answered, failure, index, told};
use crate::host::Kernel;
use crate::host::tunnel::{Mode, Parameters, Tunnel};

pub(super) fn add(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let (mut name, mut mtu) = (None, None);
    let kind = loop {
        let missing = || failure(USAGE, "Not enough information: \"type\" argument is required\n");
        match words.next().ok_or_else(missing)? {
            "type" => break words.required()?,
            "name" => name = Some(words.required()?.to_owned()),
            "mtu" => mtu = Some(super::number("\"mtu\" value", words.required()?)?),
            "txqueuelen" | "qlen" => drop(words.required()?),
            word if name.is_none() => name = Some(word.to_owned()),
            word => {
                return Err(failure(
                    USAGE,
                    format!("Error: either \"name\" is duplicate, or \"{word}\" is a garbage.\n"),
                ));
            }
        }
    };
    let made = match kind {
        "dummy" => kernel.add_dummy(&name.unwrap_or_else(|| free_dummy(kernel))),
        "ipip" => add_tunnel(kernel, Mode::Ipip, name, words)?,
        "gre" => add_tunnel(kernel, Mode::Gre, name, words)?,
        _ => return Err(told("Unknown device type")),
    };
    let index = made.map_err(answered)?;
    match mtu {
        Some(mtu) => kernel.set_interface_mtu(index, mtu).map_err(answered),
        None => Ok(()),
    }
}

type Made = std::result::Result<crate::host::IfIndex, crate::host::Errno>;

fn add_tunnel(kernel: &mut Kernel, mode: Mode, name: Option<String>, words: &mut Words<'_>) -> Result<Made> {
    let mut parameters = Parameters::new(mode);
    while let Some(word) = words.next() {
        if !parameter(kernel, word, words, &mut parameters)? && !encapsulation(word, words, &mut parameters)? {
            return Err(failure(USAGE, usage(mode)));
        }
    }
    // A fixed TTL keeps packets from going round for ever only if no piece of them gets a new one.
    parameters.path_mtu |= parameters.ttl != 0;
    let name = name.unwrap_or_else(|| free_name(kernel, mode));
    Ok(kernel.add_tunnel(&name, parameters, false))
}

fn usage(mode: Mode) -> String {
    format!(
        "Usage: ... {} [ remote ADDR ] [ local ADDR ] [ ttl TTL ] [ tos TOS ] [ [no]pmtudisc ] [ dev PHYS_DEV ]\n\
         \t[ [i|o]key KEY ] [ [i|o]csum ] [ encap {{ gue | none }} ] [ encap-sport {{ PORT | auto }} ] [ encap-dport PORT ]\n",
        mode.name()
    )
}

fn free_dummy(kernel: &Kernel) -> String {
    let mut names = (0..u32::MAX).map(|number| format!("dummy{number}"));
    names.find(|name| kernel.interface(name).is_none()).unwrap_or_default()
}

pub(super) fn delete(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let mut first = words.required()?;
    if matches!(first, "dev" | "name") {
        first = words.required()?;
    }
    let index = index(kernel, first)?;
    let is_fallback = kernel.interface(first).and_then(|interface| interface.tunnel()).is_some_and(Tunnel::is_fallback);
    // ip_tunnel_dellink says nothing about it, and does nothing.
    if is_fallback { Ok(()) } else { kernel.delete_interface(index).map_err(answered) }
}

/// What `-d` tells of a tunnel.
pub(super) fn details(kernel: &Kernel, tunnel: &Tunnel, promiscuous: bool, break_: &str, out: &mut String) {
    let parameters = &tunnel.parameters;
    let (least, most) = if tunnel.is_by_ioctl { (68, tunnel.largest_mtu()) } else { (0, 0) };
    let _ = write!(out, " promiscuity {}  allmulti 0 minmtu {least} maxmtu {most} {break_}    ", u8::from(promiscuous));
    out.push_str(match parameters.mode {
        Mode::Ipip if !tunnel.is_by_ioctl => "ipip any",
        Mode::Ipip => "ipip ipip",
        Mode::Gre => "gre",
    });
    let _ = write!(out, " remote {} local {}", end(parameters.remote), end(parameters.local));
    if let Some(over) = parameters.over {
        let under = kernel.interfaces().find(|interface| interface.index == over);
        let _ = write!(out, " dev {}", under.map_or("?", |under| &under.name));
    }
    out.push_str(&ttl_and_tos(parameters));
    match (parameters.mode, parameters.path_mtu) {
        (_, false) => out.push_str(" nopmtudisc"),
        (Mode::Ipip, true) => out.push_str(" pmtudisc"),
        (Mode::Gre, true) => {}
    }
    let dotted = |key: u32| std::net::Ipv4Addr::from(key);
    let _ = parameters.in_key.map(|key| write!(out, " ikey {}", dotted(key)));
    let _ = parameters.out_key.map(|key| write!(out, " okey {}", dotted(key)));
    out.push_str(if parameters.in_checksum { " icsum" } else { "" });
    out.push_str(if parameters.out_checksum { " ocsum" } else { "" });
    if let Some(gue) = parameters.gue {
        let source = if gue.source_port == 0 { "auto".to_owned() } else { gue.source_port.to_string() };
        let checksum = if gue.checksum { "encap-csum" } else { "noencap-csum" };
        let _ = write!(
            out,
            " encap gue encap-sport {source} encap-dport {} {checksum} noencap-csum6 noencap-remcsum",
            gue.destination_port
        );
    }
    out.push_str(
        " numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 tso_max_size 65536 tso_max_segs 65535 \
         gro_max_size 65536 ",
    );
}
