//! load's command line.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use crate::apps::resolve;
use crate::host::Kernel;
use crate::random::{self, Stream};
use crate::time::Span;

const USAGE: &str = "\
usage: load [OPTIONS] http://HOST[:PORT]/PATH | HOST:PORT
  --rate N[/s]         requests a second (100)
  --constant           one after each 1/N s (this is so unless told otherwise)
  --poisson            at random times, N a second on average
  --requests N         ends after so many requests
  --duration TIME      ends after this time (10s)
  --from PREFIX        clients take turns at these addresses, which must be this host's own, as after
                       `ip route add local PREFIX dev lo`
  --hold TIME|exp:TIME each connection stays open for so long, or so long on average, before it asks
  --keepalive          asks at once, and keeps the connection open afterwards for as long as --hold says
  --timeout TIME       how long an answer may take (3s)
  --udp                sends datagrams
times are like 30s, 200ms, 5min
";

/// When requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrivals {
    Constant,
    Poisson,
}

/// How long connections stay open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    mean: Span,
    is_exponential: bool,
}

impl Hold {
    pub fn draw(self, stream: &mut Stream) -> Span {
        if !self.is_exponential {
            return self.mean;
        }
        Span::from_nanos(random::exponential(stream, self.mean.as_nanos()))
    }
}

/// What load is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Options {
    /// As it was typed.
    pub target: String,
    pub remote: SocketAddrV4,
    pub request: Vec<u8>,
    pub udp: bool,
    pub keep_alive: bool,
    /// The time between two requests, on average.
    pub gap: Span,
    pub arrivals: Arrivals,
    /// How many requests there are, and how long they come.
    pub requests: u64,
    pub duration: Option<Span>,
    pub clients: Option<Ipv4Net>,
    pub hold: Hold,
    pub timeout: Span,
}

impl Options {
    /// # Errors
    ///
    /// What is wrong with the words.
    pub fn parse(kernel: &mut Kernel, words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            target: String::new(),
            remote: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
            request: Vec::new(),
            udp: false,
            keep_alive: false,
            gap: Span::from_millis(10),
            arrivals: Arrivals::Constant,
            requests: u64::MAX,
            duration: None,
            clients: None,
            hold: Hold { mean: Span::ZERO, is_exponential: false },
            timeout: Span::from_secs(3),
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--udp" => options.udp = true,
                "--keepalive" => options.keep_alive = true,
                "--poisson" => options.arrivals = Arrivals::Poisson,
                "--constant" => options.arrivals = Arrivals::Constant,
                "-h" | "--help" => return Err(USAGE.to_owned()),
                _ if word.starts_with('-') => {
                    let value = words.next();
                    options.set(word, value).ok_or_else(|| match value {
                        None => format!("load: {word}: a value is missing, or there is no such option\n{USAGE}"),
                        Some(value) => format!("load: {word} {value}: not understood\n{USAGE}"),
                    })?;
                }
                _ if options.target.is_empty() => options.target = word.to_owned(),
                _ => return Err(format!("load: {word}: one target is enough\n{USAGE}")),
            }
        }
        options.aim(kernel)?;
        if options.duration.is_none() && options.requests == u64::MAX {
            options.duration = Some(Span::from_secs(10));
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Option<()> {
        let value = value?;
        match name {
            "--rate" => {
                let rate: f64 = value.strip_suffix("/s").unwrap_or(value).parse().ok()?;
                self.gap = Some(Span::from_secs_f64(1.0 / rate)).filter(|gap| *gap > Span::ZERO && rate > 0.0)?;
            }
            "--requests" => self.requests = value.parse().ok()?,
            "--duration" => self.duration = Some(parse_time(value)?),
            "--from" => {
                let address = value.parse::<Ipv4Addr>().ok().map(Ipv4Net::from);
                self.clients = Some(address.or_else(|| value.parse().ok())?);
            }
            "--hold" => {
                let (mean, is_exponential) = match value.strip_prefix("exp:") {
                    Some(mean) => (mean, true),
                    None => (value, false),
                };
                self.hold = Hold { mean: parse_time(mean)?, is_exponential };
            }
            "--timeout" => self.timeout = parse_time(value)?,
            _ => return None,
        }
        Some(())
    }

    /// Reads the target.
    fn aim(&mut self, kernel: &mut Kernel) -> Result<(), String> {
        if self.target.is_empty() {
            return Err(USAGE.to_owned());
        }
        let malformed = || format!("load: {}: a URL like http://10.0.0.1/ or HOST:PORT is expected\n", self.target);
        let (authority, path, default) = match self.target.strip_prefix("http://") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (authority, if path.is_empty() { "/" } else { path }, Some(80))
            }
            None => (self.target.as_str(), "/", None),
        };
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (authority, default),
        };
        let port = port.filter(|port| *port > 0).ok_or_else(malformed)?;
        let address = resolve(kernel, host).ok_or_else(|| format!("load: {host}: Name or service not known\n"))?;
        self.remote = SocketAddrV4::new(address, port);
        let keep_alive = if self.keep_alive { "Connection: Keep-Alive\r\n" } else { "" };
        self.request = match self.udp {
            true => b"?\n".to_vec(),
            false => format!("GET {path} HTTP/1.0\r\n{keep_alive}\r\n").into_bytes(),
        };
        Ok(())
    }
}

fn parse_time(text: &str) -> Option<Span> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    number.parse().ok().map(|number: f64| Span::from_secs_f64(number * scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&mut Kernel::default(), &words)
    }

    #[test]
    fn targets() {
        assert_eq!(parse("http://10.0.0.1").unwrap().remote, "10.0.0.1:80".parse().unwrap());
        assert_eq!(parse("10.0.0.1:53 --udp").unwrap().request, b"?\n");
        assert!(parse("http://10.0.0.1:81/x").unwrap().request.starts_with(b"GET /x HTTP/1.0\r\n"));
        for bad in ["10.0.0.1", "http://10.0.0.1:0/", "http://10.0.0.1 http://10.0.0.2", "", "http://nosuch/"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values() {
        let options = parse("--rate 500/s --from 10.9.0.0/24 --hold exp:30s --requests 7 10.0.0.1:80").unwrap();
        assert_eq!((options.gap, options.requests, options.duration), (Span::from_millis(2), 7, None));
        assert_eq!(options.hold, Hold { mean: Span::from_secs(30), is_exponential: true });
        assert_eq!(parse("10.0.0.1:80").unwrap().duration, Some(Span::from_secs(10)));
        for bad in ["--rate 0", "--rate x", "--hold 3", "--from 10.9.0.0/33", "--nosuch 1", "--requests"] {
            assert!(parse(&format!("10.0.0.1:80 {bad}")).is_err(), "{bad}");
        }
    }
}
