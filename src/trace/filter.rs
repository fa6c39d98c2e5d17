//! Which frames are meant: the language of `--trace` and of expectations about frames.
//!
//! It is tcpdump's, as far as it goes (`arp`, `host A`, `tcp port 80 and not src host A`), and speaks of nodes and
//! interfaces besides. A frame at an interface is looked at; see [`Sighting`].

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;

use super::facts::Facts;
use super::record::Direction;
use crate::wire::{Frame, MacAddr, proto};

/// A choice of frames.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Those that both choose.
    And(Box<Filter>, Box<Filter>),
    /// Those that either chooses.
    Or(Box<Filter>, Box<Filter>),
    /// Those that it does not choose.
    Not(Box<Filter>),
    /// Those that pass a test.
    Test(Test),
}

/// Something that can be said of a frame at an interface.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `all`: anything; `none`: its opposite.
    Always(bool),
    /// `node NAME`.
    Node(String),
    /// `on NODE.IFACE`, or `on IFACE` of any node.
    Interface(String),
    /// `in` or `out`, as the node sees it.
    Direction(Direction),
    /// `arp`.
    Arp,
    /// `request` or `reply`: what ARP's operation is.
    ArpOperation(u16),
    /// `ip`.
    Ip,
    /// `tcp`, `udp`, `icmp`, `igmp`, `vrrp`, `ipip`, or `proto N`.
    Protocol(u8),
    /// `host A`, `src A`, `dst A`: an IP address, or one that ARP speaks of.
    Host(Side, Ipv4Addr),
    /// `net A/N`, `src net A/N`, `dst net A/N`.
    Net(Side, Ipv4Net),
    /// `port N`, `src port N`, `dst port N`.
    Port(Side, u16),
    /// `ether host M`, `ether src M`, `ether dst M`.
    Mac(Side, MacAddr),
    /// `broadcast`: to everybody on the segment.
    Broadcast,
    /// `conn A:P`: one end of the conversation is this.
    Connection(SocketAddrV4),
    /// `syn` (without ACK), `synack`, `fin`, `rst`, `data`.
    Segment(Segment),
    /// `drops`: lost on the way, or dropped by the node for a reason that concerns it.
    Dropped,
    /// `noted`: the node decided something about it that is worth telling.
    Noted,
}

/// Which end of a frame is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Either.
    Any,
    /// Where it comes from.
    Source,
    /// Where it goes.
    Destination,
}

/// Kinds of TCP segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Opens a connection.
    Syn,
    /// Answers a SYN.
    SynAck,
    /// Closes one direction.
    Fin,
    /// Breaks the connection off.
    Rst,
    /// Carries data.
    Data,
}

/// A frame at an interface, as filters see it.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The node's name.
    pub node: &'a str,
    /// The interface's name.
    pub interface: &'a str,
    /// Which way it passes; none if it was lost.
    pub direction: Option<Direction>,
    /// The frame; none for a decision that was not about one.
    pub frame: Option<&'a Frame>,
    /// Whether it ends here for a reason that concerns the node.
    pub dropped: bool,
    /// Whether something was decided about it.
    pub noted: bool,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// If the text is none.
    pub fn parse(text: &str) -> Result<Filter, BadFilter> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('!', " not ");
        let words: Vec<_> = spaced.split_whitespace().collect();
        if words.is_empty() {
            return Ok(Filter::all());
        }
        let mut parser = Parser { words: &words };
        let filter = parser.any_of()?;
        match parser.words.first() {
            None => Ok(filter),
            Some(word) => Err(BadFilter::Unexpected((*word).to_owned())),
        }
    }

    /// Whether the filter chooses this frame.
    pub fn matches(&self, sighting: &Sighting<'_>) -> bool {
        self.holds(sighting, &sighting.frame.map(Facts::of).unwrap_or_default())
    }

    fn holds(&self, sighting: &Sighting<'_>, facts: &Facts) -> bool {
        match self {
            Filter::And(a, b) => a.holds(sighting, facts) && b.holds(sighting, facts),
            Filter::Or(a, b) => a.holds(sighting, facts) || b.holds(sighting, facts),
            Filter::Not(a) => !a.holds(sighting, facts),
            Filter::Test(test) => test.holds(sighting, facts),
        }
    }

    /// The filter that chooses everything.
    pub fn all() -> Filter {
        Filter::Test(Test::Always(true))
    }

    /// The nodes and interfaces that it names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Filter::And(a, b) | Filter::Or(a, b) => [a.names(), b.names()].concat(),
            Filter::Not(a) => a.names(),
            Filter::Test(Test::Node(name) | Test::Interface(name)) => vec![name],
            Filter::Test(_) => Vec::new(),
        }
    }
}

impl Test {
    fn holds(&self, at: &Sighting<'_>, facts: &Facts) -> bool {
        match self {
            Test::Always(yes) => *yes,
            Test::Node(name) => at.node == name,
            Test::Interface(name) => match name.split_once('.') {
                Some((node, interface)) if node == at.node => interface == at.interface,
                _ => name == at.interface,
            },
            Test::Direction(direction) => at.direction == Some(*direction),
            Test::Arp => facts.arp.is_some(),
            Test::ArpOperation(operation) => facts.arp == Some(*operation),
            Test::Ip => facts.protocol.is_some(),
            Test::Protocol(protocol) => facts.protocol == Some(*protocol),
            Test::Host(side, address) => side.of(facts.addresses, |known| known == *address),
            Test::Net(side, net) => side.of(facts.addresses, |known| net.contains(&known)),
            Test::Port(side, port) => side.of(facts.ports, |known| known == *port),
            Test::Mac(side, mac) => {
                side.of(at.frame.map(|frame| (frame.source(), frame.destination())), |known| known == *mac)
            }
            Test::Broadcast => at.frame.is_some_and(|frame| frame.destination() == MacAddr::BROADCAST),
            Test::Connection(end) => {
                let ends = facts.addresses.zip(facts.ports);
                let ends = ends.map(|((a, b), (p, q))| (SocketAddrV4::new(a, p), SocketAddrV4::new(b, q)));
                Side::Any.of(ends, |known| known == *end)
            }
            Test::Segment(segment) => facts.segment == Some(*segment),
            Test::Dropped => at.dropped,
            Test::Noted => at.noted,
        }
    }
}

impl Side {
    fn of<T>(self, ends: Option<(T, T)>, test: impl Fn(T) -> bool) -> bool {
        let Some((source, destination)) = ends else { return false };
        match self {
            Side::Any => test(source) || test(destination),
            Side::Source => test(source),
            Side::Destination => test(destination),
        }
    }
}

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFilter {
    /// It ends where something must follow this word.
    Incomplete(String),
    /// This word makes no sense here.
    Unexpected(String),
    /// A word that is not what stands before it asks for.
    NotA {
        /// What is asked for.
        kind: &'static str,
        /// The word.
        word: String,
    },
}

impl std::error::Error for BadFilter {}

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFilter::Incomplete(word) => write!(f, "something must follow `{word}`"),
            BadFilter::Unexpected(word) => write!(f, "`{word}` is not understood here"),
            BadFilter::NotA { kind, word } => write!(f, "`{word}` is not {kind}"),
        }
    }
}

/// All words that a filter can begin with.
pub const WORDS: &[&str] = &[
    "all",
    "arp",
    "broadcast",
    "conn",
    "data",
    "drops",
    "dst",
    "ether",
    "fin",
    "host",
    "icmp",
    "igmp",
    "in",
    "ip",
    "ipip",
    "net",
    "node",
    "none",
    "not",
    "noted",
    "on",
    "out",
    "port",
    "proto",
    "reply",
    "request",
    "rst",
    "src",
    "syn",
    "synack",
    "tcp",
    "udp",
    "vrrp",
];

struct Parser<'a> {
    words: &'a [&'a str],
}

impl<'a> Parser<'a> {
    /// Takes the next word if it is one of these.
    fn take(&mut self, these: &[&str]) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if these.contains(word) => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn next(&mut self, after: &str) -> Result<&'a str, BadFilter> {
        let (word, rest) = self.words.split_first().ok_or_else(|| BadFilter::Incomplete(after.to_owned()))?;
        self.words = rest;
        Ok(word)
    }

    fn parsed<T: std::str::FromStr>(&mut self, after: &str, kind: &'static str) -> Result<T, BadFilter> {
        let word = self.next(after)?;
        word.parse().map_err(|_| BadFilter::NotA { kind, word: word.to_owned() })
    }

    fn any_of(&mut self) -> Result<Filter, BadFilter> {
        let mut filter = self.all_of()?;
        while self.take(&["or", "||"]) {
            filter = Filter::Or(Box::new(filter), Box::new(self.all_of()?));
        }
        Ok(filter)
    }

    fn all_of(&mut self) -> Result<Filter, BadFilter> {
        let mut filter = self.one()?;
        loop {
            // As in tcpdump, `tcp port 80` is both.
            let and = self.take(&["and", "&&"]);
            if !and && self.words.first().is_none_or(|word| matches!(*word, "or" | "||" | ")")) {
                return Ok(filter);
            }
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
    }

    fn one(&mut self) -> Result<Filter, BadFilter> {
        if self.take(&["not"]) {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.take(&["("]) {
            let inner = self.any_of()?;
            return if self.take(&[")"]) { Ok(inner) } else { Err(BadFilter::Incomplete("(".to_owned())) };
        }
        self.test().map(Filter::Test)
    }

    fn test(&mut self) -> Result<Test, BadFilter> {
        let word = self.next("not, and, or")?;
        Ok(match word {
            "all" => Test::Always(true),
            "none" => Test::Always(false),
            "node" => Test::Node(self.next(word)?.to_owned()),
            "on" => Test::Interface(self.next(word)?.to_owned()),
            "in" => Test::Direction(Direction::In),
            "out" => Test::Direction(Direction::Out),
            "arp" => Test::Arp,
            "request" => Test::ArpOperation(1),
            "reply" => Test::ArpOperation(2),
            "ip" => Test::Ip,
            "tcp" => Test::Protocol(proto::TCP),
            "udp" => Test::Protocol(proto::UDP),
            "icmp" => Test::Protocol(proto::ICMP),
            "igmp" => Test::Protocol(proto::IGMP),
            "vrrp" => Test::Protocol(proto::VRRP),
            "ipip" => Test::Protocol(proto::IPIP),
            "proto" => Test::Protocol(self.parsed(word, "the number of an IP protocol")?),
            "broadcast" => Test::Broadcast,
            "conn" => Test::Connection(self.parsed(word, "an address and a port, like 192.168.1.10:40001")?),
            "syn" => Test::Segment(Segment::Syn),
            "synack" => Test::Segment(Segment::SynAck),
            "fin" => Test::Segment(Segment::Fin),
            "rst" => Test::Segment(Segment::Rst),
            "data" => Test::Segment(Segment::Data),
            "drops" => Test::Dropped,
            "noted" => Test::Noted,
            "ether" => self.mac()?,
            "src" => self.end(Side::Source, word)?,
            "dst" => self.end(Side::Destination, word)?,
            "host" | "net" | "port" => self.end_of_kind(Side::Any, word)?,
            other => return Err(BadFilter::Unexpected(other.to_owned())),
        })
    }

    /// What follows `src` or `dst`: `host` may be left out.
    fn end(&mut self, side: Side, word: &str) -> Result<Test, BadFilter> {
        match self.words.first() {
            Some(&kind @ ("host" | "net" | "port")) => {
                self.words = &self.words[1..];
                self.end_of_kind(side, kind)
            }
            _ => self.parsed(word, "an IPv4 address").map(|address| Test::Host(side, address)),
        }
    }

    fn end_of_kind(&mut self, side: Side, kind: &str) -> Result<Test, BadFilter> {
        Ok(match kind {
            "net" => Test::Net(side, self.parsed(kind, "a network like 10.0.0.0/24")?),
            "port" => Test::Port(side, self.parsed(kind, "a port number")?),
            _ => Test::Host(side, self.parsed(kind, "an IPv4 address")?),
        })
    }

    fn mac(&mut self) -> Result<Test, BadFilter> {
        let side = match self.next("ether")? {
            "host" => Side::Any,
            "src" => Side::Source,
            "dst" => Side::Destination,
            other => return Err(BadFilter::Unexpected(other.to_owned())),
        };
        Ok(Test::Mac(side, self.parsed("ether", "a MAC address")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(text: &str, frame: &Frame) -> bool {
        let at = Sighting {
            node: "rs1",
            interface: "eth0",
            direction: Some(Direction::In),
            frame: Some(frame),
            dropped: false,
            noted: false,
        };
        Filter::parse(text).unwrap().matches(&at)
    }

    fn request() -> Frame {
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 1, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        frame.extend([2, 0, 0, 0, 1, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        Frame::new(&frame)
    }

    #[test]
    fn words_are_joined_as_in_tcpdump() {
        let frame = request();
        for yes in [
            "",
            "arp",
            "arp and host 10.0.0.2",
            "arp host 10.0.0.1",
            "not tcp",
            "tcp or arp request",
            "src 10.0.0.1 dst 10.0.0.2",
            "net 10.0.0.0/8",
            "ether src 02:00:00:00:01:00 and broadcast",
            "on rs1.eth0 in",
            "on eth0",
            "node rs1 and (udp or arp)",
            "!(node client)",
        ] {
            assert!(matches(yes, &frame), "{yes}");
        }
        for no in ["none", "reply", "dst 10.0.0.1", "ip", "drops", "node client", "on rs2.eth0", "out", "port 80"] {
            assert!(!matches(no, &frame), "{no}");
        }
    }

    #[test]
    fn what_is_no_filter() {
        let complaint = |text| Filter::parse(text).unwrap_err().to_string();
        assert_eq!(complaint("arpp"), "`arpp` is not understood here");
        assert_eq!(complaint("tcp port http"), "`http` is not a port number");
        assert_eq!(complaint("host"), "something must follow `host`");
        assert_eq!(complaint("(arp"), "something must follow `(`");
        assert_eq!(complaint("arp )"), "`)` is not understood here");
    }
}
