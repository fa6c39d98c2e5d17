//! Which frames are meant: the language of `--trace` and of expectations about frames.
//!
//! It is tcpdump's (`arp`, `host A`, `tcp port 80 and not src host A`), and speaks of nodes, interfaces and decisions
//! besides. What it looks at is a frame at an interface; see [`Sighting`].

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::facts::Facts;
use super::record::Direction;
use crate::wire::Frame;
use crate::wire::filter::{self as packet, FilterError};

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
    /// What tcpdump's own words say of the frame.
    Packet(packet::Filter),
    /// `request` or `reply`: what ARP's operation is.
    ArpOperation(u16),
    /// `conn A:P`: one end of the conversation is this.
    Connection(SocketAddrV4),
    /// `syn` (without ACK), `synack`, `fin`, `rst`, `data`.
    Segment(Segment),
    /// `drops`: lost on the way, or dropped by the node for a reason that concerns it.
    Dropped,
    /// `noted`: the node decided something about it that is worth telling.
    Noted,
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
#[derive(Clone, Debug)]
pub struct Sighting<'a> {
    /// The node's name.
    pub node: &'a str,
    /// The interface's name.
    pub interface: &'a str,
    /// Which way it passes; none if it was lost.
    pub direction: Option<Direction>,
    /// The frame; none for a decision that was not about one.
    pub frame: Option<Frame>,
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
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('!', " ! ").replace("! =", "!=");
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
        self.holds(sighting, &sighting.frame.as_ref().map(Facts::of).unwrap_or_default())
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
            Test::Packet(filter) => at.frame.as_ref().is_some_and(|frame| filter.matches(frame)),
            Test::ArpOperation(operation) => facts.arp == Some(*operation),
            Test::Connection(end) => facts.addresses.zip(facts.ports).is_some_and(|((source, destination), ports)| {
                *end == SocketAddrV4::new(source, ports.0) || *end == SocketAddrV4::new(destination, ports.1)
            }),
            Test::Segment(segment) => facts.segment == Some(*segment),
            Test::Dropped => at.dropped,
            Test::Noted => at.noted,
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
    /// A word that is not what `conn` asks for.
    NotAnEnd(String),
    /// Words that are not ours, and not tcpdump's either.
    Packet(String, FilterError),
}

impl std::error::Error for BadFilter {}

impl fmt::Display for BadFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFilter::Incomplete(word) => write!(f, "something must follow `{word}`"),
            BadFilter::Unexpected(word) => write!(f, "`{word}` is not understood here"),
            BadFilter::NotAnEnd(word) => write!(f, "`{word}` is not an address and a port, like 192.168.1.10:40001"),
            BadFilter::Packet(words, error) => write!(f, "`{words}`: {error}"),
        }
    }
}

/// The words that this language has besides tcpdump's.
pub const WORDS: &[&str] = &[
    "all", "conn", "data", "drops", "fin", "in", "node", "none", "noted", "on", "out", "reply", "request", "rst",
    "syn", "synack",
];

/// The words that join others.
const JOINTS: &[&str] = &["and", "&&", "or", "||", "not", "!", "(", ")"];

/// Nobody in a filter has a name but nodes and interfaces.
struct Nameless;

impl packet::Names for Nameless {
    fn host(&mut self, _: &str) -> Option<Ipv4Addr> {
        None
    }

    fn port(&mut self, _: &str) -> Option<u16> {
        None
    }
}

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
            // `and` may be left out: `in syn` is both.
            let and = self.take(&["and", "&&"]);
            if !and && self.words.first().is_none_or(|word| matches!(*word, "or" | "||" | ")")) {
                return Ok(filter);
            }
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
    }

    fn one(&mut self) -> Result<Filter, BadFilter> {
        if self.take(&["not", "!"]) {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.take(&["("]) {
            let inner = self.any_of()?;
            return if self.take(&[")"]) { Ok(inner) } else { Err(BadFilter::Incomplete("(".to_owned())) };
        }
        self.test().map(Filter::Test)
    }

    fn test(&mut self) -> Result<Test, BadFilter> {
        match self.words.first() {
            Some(word) if WORDS.contains(word) => {}
            Some(word) if JOINTS.contains(word) => return Err(BadFilter::Unexpected((*word).to_owned())),
            Some(_) => return self.packet(),
            None => return Err(BadFilter::Incomplete("and, or, not".to_owned())),
        }
        let word = self.next("")?;
        Ok(match word {
            "all" => Test::Always(true),
            "none" => Test::Always(false),
            "node" => Test::Node(self.next(word)?.to_owned()),
            "on" => Test::Interface(self.next(word)?.to_owned()),
            "in" => Test::Direction(Direction::In),
            "out" => Test::Direction(Direction::Out),
            "request" => Test::ArpOperation(1),
            "reply" => Test::ArpOperation(2),
            "conn" => {
                let end = self.next(word)?;
                Test::Connection(end.parse().map_err(|_| BadFilter::NotAnEnd(end.to_owned()))?)
            }
            "syn" => Test::Segment(Segment::Syn),
            "synack" => Test::Segment(Segment::SynAck),
            "fin" => Test::Segment(Segment::Fin),
            "rst" => Test::Segment(Segment::Rst),
            "data" => Test::Segment(Segment::Data),
            "drops" => Test::Dropped,
            "noted" => Test::Noted,
            other => return Err(BadFilter::Unexpected(other.to_owned())),
        })
    }

    /// tcpdump's words, as many as stand together.
    fn packet(&mut self) -> Result<Test, BadFilter> {
        let ours = |word: &&&str| WORDS.contains(*word) || JOINTS.contains(*word);
        let count = self.words.iter().take_while(|word| !ours(word)).count();
        let (words, rest) = self.words.split_at(count);
        self.words = rest;
        let text = words.join(" ");
        packet::Filter::parse(&text, &mut Nameless).map(Test::Packet).map_err(|error| BadFilter::Packet(text, error))
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
            frame: Some(frame.clone()),
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
            "arp and host 10.0.0.1",
            "not tcp",
            "tcp or arp request",
            "arp[6:2] != 2 in",
            "src 10.0.0.1 and dst 10.0.0.2",
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
        assert_eq!(complaint("arpp"), "`arpp`: can't parse filter expression: syntax error");
        assert_eq!(complaint("tcp port http"), "`tcp port http`: unknown port 'http'");
        assert_eq!(complaint("node"), "something must follow `node`");
        assert_eq!(complaint("conn 10.0.0.1"), "`10.0.0.1` is not an address and a port, like 192.168.1.10:40001");
        assert_eq!(complaint("arp and"), "something must follow `and, or, not`");
        assert_eq!(complaint("(arp"), "something must follow `(`");
        assert_eq!(complaint("arp )"), "`)` is not understood here");
    }
}
