//! ip fou: UDP ports whose datagrams carry packets.

use std::fmt::Write;

use super::tunnel::port;
use super::{Result, Style, USAGE, WRONG, Words, answered, failure};
use crate::host::tunnel::Decapsulation;
use crate::host::{Errno, Kernel};
use crate::wire::proto;

const HELP: &str = "\
Usage: ip fou add port PORT { ipproto PROTO | gue }
       ip fou del port PORT
       ip fou show
";

pub(super) fn run(kernel: &mut Kernel, _: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let command = words.command(&["add", "del", "show", "help"])?;
    if command == "help" {
        return Err(failure(USAGE, HELP));
    }
    if !kernel.has_fou() {
        let text = format!("RTNETLINK answers: {}\nError talking to the kernel\n", Errno::NoSuchFile);
        return Err(failure(WRONG, text));
    }
    match command {
        "add" => {
            let (port, carries) = parse(words)?;
            let carries = carries.ok_or_else(|| failure(USAGE, "fou: missing --type option\n"))?;
            kernel.add_fou(port, carries).map_err(answered)
        }
        "del" => {
            let (port, _) = parse(words)?;
            kernel.delete_fou(port).map_err(answered)
        }
        _ => {
            show(kernel, out);
            Ok(())
        }
    }
}

fn parse(words: &mut Words<'_>) -> Result<(u16, Option<Decapsulation>)> {
    let (mut number, mut carries) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "port" => number = Some(port(words.required()?)?),
            "gue" => carries = Some(Decapsulation::Gue),
            "ipproto" => {
                let text = words.required()?;
                let protocol = match text {
                    "ipip" | "ipencap" => Some(proto::IPIP),
                    "gre" => Some(proto::GRE),
                    _ => text.parse().ok(),
                };
                let wrong = || failure(USAGE, format!("fou: invalid protocol \"{text}\"\n"));
                carries = Some(Decapsulation::Protocol(protocol.ok_or_else(wrong)?));
            }
            _ => return Err(failure(USAGE, format!("fou: unknown command \"{word}\"?\n{HELP}"))),
        }
    }
    let number = number.ok_or_else(|| failure(USAGE, "fou: missing port\n"))?;
    Ok((number, carries))
}

fn show(kernel: &Kernel, out: &mut String) {
    for (port, fou) in kernel.fou_ports() {
        let _ = match fou.carries {
            Decapsulation::Gue => writeln!(out, "port {port} gue"),
            Decapsulation::Protocol(protocol) => writeln!(out, "port {port} ipproto {protocol}"),
        };
    }
}
