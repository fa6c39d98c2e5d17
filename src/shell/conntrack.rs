//! conntrack 1.4.7: `-L`, `-C`, `-F`, with `-p`, `-s` and `-d`.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::host::netfilter::{PROTOCOLS, Tuple};
use crate::host::{Io, Kernel};

const NAME: &str = "conntrack v1.4.7 (conntrack-tools)";

/// What a connection has to look like to be meant.
#[derive(Default)]
struct Wanted {
    protocol: Option<u8>,
    source: Option<Ipv4Addr>,
    destination: Option<Ipv4Addr>,
}

impl Wanted {
    fn fits(&self, tuple: Tuple) -> bool {
        self.protocol.is_none_or(|protocol| protocol == tuple.protocol)
            && self.source.is_none_or(|source| source == tuple.source.0)
            && self.destination.is_none_or(|destination| destination == tuple.destination.0)
    }
}

/// conntrack -L|-C|-F \[-p PROTOCOL\] \[-s ADDRESS\] \[-d ADDRESS\]
pub(super) fn conntrack(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    match run(kernel, args.get(1..).unwrap_or_default(), io) {
        Ok(()) => 0,
        Err(text) => {
            let _ = writeln!(io.err, "{NAME}: {text}\nTry `conntrack -h' or 'conntrack --help' for more information.");
            2
        }
    }
}

fn run(kernel: &mut Kernel, args: &[String], io: &mut Io) -> Result<(), String> {
    let mut command = None;
    let mut wanted = Wanted::default();
    let mut words = args.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("option `{word}' requires an argument"));
        let address = |text: &str| text.parse().map_err(|_| format!("Invalid IP address `{text}'"));
        match word {
            "-L" | "--dump" | "-C" | "--count" | "-F" | "--flush" | "-V" | "--version" => command = Some(word),
            // The only table, and the only family.
            "conntrack" => {}
            "-f" | "--family" => drop(value()?),
            "-p" | "--proto" | "--protonum" => {
                let text = value()?;
                let known = PROTOCOLS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
                let number = known.or_else(|| text.parse().ok());
                wanted.protocol = Some(number.ok_or_else(|| format!("`{text}' unsupported protocol"))?);
            }
            "-s" | "--src" | "--orig-src" => wanted.source = Some(address(value()?)?),
            "-d" | "--dst" | "--orig-dst" => wanted.destination = Some(address(value()?)?),
            _ => return Err(format!("unknown option `{word}'")),
        }
    }
    match command {
        Some("-C" | "--count") => {
            let _ = writeln!(io.out, "{}", kernel.connections().len());
        }
        Some("-F" | "--flush") => {
            kernel.flush_connections();
            let _ = writeln!(io.err, "{NAME}: connection tracking table has been emptied.");
        }
        Some("-V" | "--version") => {
            let _ = writeln!(io.out, "{NAME}");
        }
        Some(_) => list(kernel, &wanted, io),
        None => return Err("you must specify a command".to_owned()),
    }
    Ok(())
}

fn list(kernel: &Kernel, wanted: &Wanted, io: &mut Io) {
    let connections = kernel.connections();
    let meant = connections.iter().filter(|connection| wanted.fits(connection.original()));
    let mut count = 0;
    for connection in meant {
        count += 1;
        let _ = writeln!(io.out, "{connection}");
    }
    let _ = writeln!(io.err, "{NAME}: {count} flow entries have been shown.");
}
