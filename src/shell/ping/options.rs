//! ping's command line.

use std::net::Ipv4Addr;

use crate::apps::resolve;
use crate::host::Kernel;
use crate::shell::getopt::Getopt;
use crate::time::Span;

/// The options that mean something here.
const USAGE: &str = "
Usage
  ping [-ADObfnq] [-c count] [-I interface|address] [-i seconds] [-l preload] [-M do|want|dont] [-Q tos]
       [-s bytes] [-t ttl] [-W seconds] [-w seconds] <destination>
";

/// What the command line asks for.
pub(super) struct Options {
    /// The destination, as it was written.
    pub name: String,
    /// Its address.
    pub destination: Ipv4Addr,
    /// `-c`
    pub count: Option<u64>,
    /// `-i`
    pub interval: Span,
    /// `-W`: how long to wait for the last answers.
    pub linger: Span,
    /// `-w`
    pub deadline: Option<Span>,
    /// `-s`: bytes after the ICMP header.
    pub size: usize,
    /// `-t`
    pub ttl: Option<u8>,
    /// `-Q`
    pub tos: u8,
    /// `-l`
    pub preload: u64,
    /// `-M`
    pub discovery: Discovery,
    /// `-I` with an address.
    pub source: Option<Ipv4Addr>,
    /// `-I` with an interface.
    pub device: Option<String>,
    /// `-b`
    pub broadcast: bool,
    /// `-q`
    pub quiet: bool,
    /// `-n`, or nothing to look up.
    pub numeric: bool,
    /// `-f`
    pub flood: bool,
    /// `-A`
    pub adaptive: bool,
    /// `-D`
    pub stamps: bool,
    /// `-O`
    pub outstanding: bool,
}

/// `-M`: what becomes of packets that are larger than the path's MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discovery {
    /// They are not sent.
    Do,
    /// They are sent in fragments; smaller ones may not be fragmented on their way.
    Want,
    /// They are sent in fragments, and routers may fragment others too.
    Dont,
}

/// What goes to standard error, and the exit status.
pub(super) type Failure = (String, i32);

impl Options {
    /// Reads a command line.
    pub fn read(kernel: &mut Kernel, args: &[String]) -> Result<Options, Failure> {
        let usage = |complaint: String| (format!("{complaint}{USAGE}"), 2);
        let read = Getopt::read(args, "4ADI:LM:OQ:S:UVW:abc:fhi:l:m:np:qs:t:vw:").map_err(usage)?;
        let missing = || ("ping: usage error: Destination address required\n".to_owned(), 1);
        let name = (*read.operands.last().ok_or_else(missing)?).to_owned();
        let mut options = Options {
            name,
            destination: Ipv4Addr::UNSPECIFIED,
            count: None,
            interval: Span::from_secs(1),
            linger: Span::from_secs(10),
            deadline: None,
            size: 56,
            ttl: None,
            tos: 0,
            preload: 1,
            discovery: Discovery::Want,
            source: None,
            device: None,
            broadcast: false,
            quiet: false,
            numeric: false,
            flood: false,
            adaptive: false,
            stamps: false,
            outstanding: false,
        };
        for (letter, value) in read.options {
            options.set(letter, value)?;
        }
        let is_number = options.name.parse::<Ipv4Addr>().is_ok();
        options.numeric |= is_number;
        let unknown = || (format!("ping: {}: Temporary failure in name resolution\n", options.name), 2);
        options.destination = resolve(kernel, &options.name).ok_or_else(unknown)?;
        Ok(options)
    }

    fn set(&mut self, letter: char, value: &str) -> Result<(), Failure> {
        match letter {
            'A' => self.adaptive = true,
            'D' => self.stamps = true,
            'O' => self.outstanding = true,
            'b' => self.broadcast = true,
            'f' => (self.flood, self.interval) = (true, Span::ZERO),
            'h' => return Err((USAGE.to_owned(), 2)),
            'n' => self.numeric = true,
            'q' => self.quiet = true,
            'c' => self.count = Some(whole(value, 1, i64::MAX)? as u64),
            'i' => self.interval = seconds(value)?,
            'l' => self.preload = whole(value, 1, 65_536)? as u64,
            's' => self.size = whole(value, 0, i64::from(i32::MAX - 8))? as usize,
            't' => {
                self.ttl = Some(whole(value, 0, 255)? as u8);
                if self.ttl == Some(0) {
                    return Err(("ping: cannot set unicast time-to-live: Invalid argument\n".to_owned(), 2));
                }
            }
            'Q' => {
                let number =
                    value.strip_prefix("0x").map_or_else(|| value.parse().ok(), |hex| u8::from_str_radix(hex, 16).ok());
                self.tos = number.ok_or_else(|| (format!("ping: bad TOS value: {value}\n"), 2))?;
            }
            'w' => self.deadline = Some(Span::from_secs(whole(value, 1, i64::from(i32::MAX))? as u64)),
            'W' => self.linger = seconds(value)?,
            'I' => match value.parse() {
                Ok(address) => self.source = Some(address),
                Err(_) => self.device = Some(value.to_owned()),
            },
            'M' => {
                self.discovery = match value {
                    "do" => Discovery::Do,
                    "want" => Discovery::Want,
                    "dont" => Discovery::Dont,
                    _ => return Err((format!("ping: invalid -M argument: {value}\n"), 2)),
                }
            }
            // The others change nothing that could be seen here.
            _ => {}
        }
        Ok(())
    }
}

/// iputils' strtol_or_err.
fn whole(text: &str, least: i64, most: i64) -> Result<i64, Failure> {
    let number: i64 = text.parse().map_err(|_| (format!("ping: invalid argument: '{text}'\n"), 1))?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err((format!("ping: invalid argument: '{text}': out of range: {least} <= value <= {most}\n"), 1))
}

fn seconds(text: &str) -> Result<Span, Failure> {
    let number: f64 = text.parse().map_err(|_| (format!("ping: option argument contains garbage: {text}\n"), 1))?;
    // The tool counts in milliseconds.
    Ok(Span::from_millis((number * 1000.0) as u64))
}
