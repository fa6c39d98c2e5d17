//! ip, of iproute2 6.1: addr, link, route, rule, neigh, tunnel, fou.

mod addr;
mod fou;
mod link;
mod neigh;
mod newlink;
mod route;
mod rule;
mod tunnel;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::host::{Errno, IfIndex, Interface, Io, Kernel};

/// The exit status of a call that makes no sense.
const USAGE: i32 = 255;
/// The exit status when the kernel refuses.
const REFUSED: i32 = 2;
/// The exit status of a call with a wrong word.
const WRONG: i32 = 1;

/// How much is to be shown.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    brief: bool,
    oneline: bool,
    details: bool,
    statistics: bool,
}

/// Why a call went no further: what it says, and its exit status.
struct Failure {
    text: String,
    status: i32,
}

type Result<T> = std::result::Result<T, Failure>;

fn failure(status: i32, text: impl Into<String>) -> Failure {
    Failure { text: text.into(), status }
}

/// What the kernel has answered over netlink.
fn answered(error: Errno) -> Failure {
    failure(REFUSED, format!("RTNETLINK answers: {error}\n"))
}

/// What the kernel has answered in words of its own (extack).
fn told(text: &str) -> Failure {
    failure(REFUSED, format!("Error: {text}.\n"))
}

/// ip \[OPTIONS\] OBJECT COMMAND...
pub(super) fn ip(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    match run(kernel, args, &mut io.out) {
        Ok(status) => status,
        Err(Failure { text, status }) => {
            io.err.push_str(&text);
            status
        }
    }
}

/// An object's commands.
type Object = fn(&mut Kernel, Style, &mut Words<'_>, &mut String) -> Result<()>;

/// The objects in the order in which ip tries their names' beginnings.
const OBJECTS: &[(&str, Object)] = &[
    ("address", addr::run),
    ("route", route::run),
    ("link", link::run),
    ("neighbor", neigh::run),
    ("neighbour", neigh::run),
    ("rule", rule::run),
    ("tunnel", tunnel::run),
    ("tunl", tunnel::run),
    ("fou", fou::run),
];

fn run(kernel: &mut Kernel, args: &[String], out: &mut String) -> Result<i32> {
    let mut words = Words::new(&args[1..]);
    let mut style = Style::default();
    while let Some(option) = words.peek().filter(|word| word.starts_with('-')) {
        match option.trim_start_matches('-') {
            "4" | "family" | "color" | "c" | "h" | "human-readable" | "N" | "n" if option != "-family" => {}
            "br" | "brief" => style.brief = true,
            "o" | "oneline" => style.oneline = true,
            "d" | "details" => style.details = true,
            "s" | "stats" | "statistics" => style.statistics = true,
            "V" | "Version" => {
                out.push_str("ip utility, iproute2-6.1.0, libbpf 1.1.0\n");
                return Ok(0);
            }
            _ => {
                let text = format!("Option \"{option}\" is unknown, try \"ip -help\".\n");
                return Err(failure(USAGE, text));
            }
        }
        words.next();
    }
    let Some(name) = words.next() else { return Err(failure(USAGE, HELP)) };
    if name == "help" {
        return Err(failure(USAGE, HELP));
    }
    match OBJECTS.iter().find(|(object, _)| object.starts_with(name)) {
        Some((_, object)) => object(kernel, style, &mut words, out).map(|()| 0),
        None => Err(failure(WRONG, format!("Object \"{name}\" is unknown, try \"ip help\".\n"))),
    }
}

const HELP: &str = "\
Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
where  OBJECT := { address | fou | link | neighbor | route | rule | tunnel }
       OPTIONS := { -4 | -br[ief] | -d[etails] | -o[neline] | -s[tatistics] }
";

/// The words of a call, one after the other.
struct Words<'a> {
    words: &'a [String],
}

impl<'a> Words<'a> {
    fn new(words: &'a [String]) -> Words<'a> {
        Words { words }
    }

    fn peek(&self) -> Option<&'a str> {
        self.words.first().map(String::as_str)
    }

    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// The word that has to follow (NEXT_ARG).
    fn required(&mut self) -> Result<&'a str> {
        self.next().ok_or_else(|| failure(USAGE, "Command line is not complete. Try option \"help\"\n"))
    }

    /// The command of an object; `show` if none is given. Beginnings of words will do (matches).
    fn command(&mut self, known: &[&'static str]) -> Result<&'static str> {
        let Some(word) = self.next() else { return Ok("show") };
        let found = known.iter().find(|command| command.starts_with(word));
        found
            .copied()
            .ok_or_else(|| failure(USAGE, format!("Command \"{word}\" is unknown, try \"ip OBJECT help\".\n")))
    }

    /// What garbage at the end is called.
    fn garbage(word: &str) -> Failure {
        failure(USAGE, format!("Error: either \"to\" is duplicate, or \"{word}\" is a garbage.\n"))
    }
}

fn device<'k>(kernel: &'k Kernel, name: &str) -> Result<&'k Interface> {
    let found = kernel.interface(name);
    found.ok_or_else(|| failure(WRONG, format!("Cannot find device \"{name}\"\n")))
}

fn index(kernel: &Kernel, name: &str) -> Result<IfIndex> {
    device(kernel, name).map(|interface| interface.index)
}

/// An address with an optional prefix length; `default` and `any` are 0.0.0.0/0.
fn prefix(text: &str) -> Result<Ipv4Net> {
    let wrong = || failure(WRONG, format!("Error: any valid prefix is expected rather than \"{text}\".\n"));
    if matches!(text, "default" | "any" | "all") {
        return Ok(Ipv4Net::default());
    }
    let (ip, len) = match text.split_once('/') {
        Some((ip, len)) => (ip, prefix_len(len).ok_or_else(wrong)?),
        None => (text, 32),
    };
    Ipv4Net::new(short_address(ip).ok_or_else(wrong)?, len).map_err(|_| wrong())
}

/// A prefix length, or a netmask.
fn prefix_len(text: &str) -> Option<u8> {
    match text.parse::<u8>() {
        Ok(len) => (len <= 32).then_some(len),
        Err(_) => ipnet::ipv4_mask_to_prefix(text.parse().ok()?).ok(),
    }
}

/// inet_addr as iproute2 reads it: missing parts are 0.
fn short_address(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u8> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let mut octets = [0; 4];
    octets.get_mut(..parts.len())?.copy_from_slice(&parts);
    Some(octets.into())
}

fn address(text: &str) -> Result<Ipv4Addr> {
    let wrong = || failure(WRONG, format!("Error: inet address is expected rather than \"{text}\".\n"));
    short_address(text).ok_or_else(wrong)
}

/// A number, or the message about it.
fn number(name: &str, text: &str) -> Result<u32> {
    text.parse().map_err(|_| failure(USAGE, format!("Error: argument \"{text}\" is wrong: invalid {name}\n\n")))
}

/// A number, in hexadecimal digits behind `0x` (get_unsigned).
fn unsigned(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
