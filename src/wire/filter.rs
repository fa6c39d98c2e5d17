//! Filter expressions as pcap-filter(7) has them, evaluated on frames.

use std::net::Ipv4Addr;

use super::{ETHERNET_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, MacAddr, proto};

/// What a frame must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Expr);

/// What is wrong with an expression, in libpcap's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It makes no sense.
    #[error("can't parse filter expression: syntax error")]
    Syntax,
    /// A name that nobody knows.
    #[error("unknown host '{0}'")]
    UnknownHost(String),
    /// A name that nobody knows.
    #[error("unknown port '{0}'")]
    UnknownPort(String),
    /// No 16 bits hold it.
    #[error("illegal port number {0} > 65535")]
    PortTooLarge(u64),
    /// An address inside of a network where the network's own was expected.
    #[error("non-network bits set in \"{0}\"")]
    NotANetwork(String),
}

/// Looks up what is not a number.
pub trait Names {
    /// The address of a host.
    fn host(&mut self, name: &str) -> Option<Ipv4Addr>;
    /// The number of a port.
    fn port(&mut self, name: &str) -> Option<u16>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expr {
    Always,
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    EtherType(u16),
    Protocol(u8),
    Net(Family, Side, Ipv4Addr, Ipv4Addr),
    Ports(Option<u8>, Side, u16, u16),
    Mac(Side, MacAddr),
    Group,
    Broadcast,
    Compare(Value, Relation, Value),
}

/// Which packets an address is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Ip,
    Arp,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
    Either,
    Both,
}

impl Side {
    /// Looks only at what decides.
    fn holds(self, source: impl Fn() -> Option<bool>, destination: impl Fn() -> Option<bool>) -> Option<bool> {
        Some(match self {
            Side::Source => source()?,
            Side::Destination => destination()?,
            Side::Either => source()? || destination()?,
            Side::Both => source()? && destination()?,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An arithmetic expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u32),
    Length,
    /// Bytes of a header: where it begins, the offset in it, how many.
    Bytes(Base, Box<Value>, u8),
    Binary(char, Box<Value>, Box<Value>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Ether,
    Network(u16),
    Transport(u8),
}

/// The fields and values that have names.
const CONSTANTS: [(&str, u32); 20] = [
    ("tcpflags", 13),
    ("tcp-fin", 1),
    ("tcp-syn", 2),
    ("tcp-rst", 4),
    ("tcp-push", 8),
    ("tcp-ack", 16),
    ("tcp-urg", 32),
    ("tcp-ece", 64),
    ("tcp-cwr", 128),
    ("icmptype", 0),
    ("icmpcode", 1),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
];

const PROTOCOLS: [(&str, u8); 9] = [
    ("icmp", proto::ICMP),
    ("igmp", proto::IGMP),
    ("tcp", proto::TCP),
    ("udp", proto::UDP),
    ("vrrp", proto::VRRP),
    ("carp", proto::VRRP),
    ("ipip", proto::IPIP),
    ("esp", 50),
    ("sctp", 132),
];

impl Filter {
    /// Reads an expression; an empty one lets everything pass.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str, names: &mut dyn Names) -> Result<Filter, FilterError> {
        // Parentheses nest on the stack.
        const LONGEST: usize = 500;
        let tokens = tokens(text);
        if tokens.len() > LONGEST {
            return Err(FilterError::Syntax);
        }
        if tokens.is_empty() {
            return Ok(Filter(Expr::Always));
        }
        let mut parser = Parser { tokens: &tokens, at: 0, names, last: Qualifiers::NONE };
        let expr = parser.expression()?;
        if parser.at < tokens.len() { Err(FilterError::Syntax) } else { Ok(Filter(expr)) }
    }

    /// Whether a frame passes. One that ends before what is looked at does not, whatever is asked about it: the machine
    /// that runs these programs in the kernel stops there.
    pub fn matches(&self, frame: &Frame) -> bool {
        self.0.matches(frame.bytes()).unwrap_or(false)
    }
}

impl Expr {
    /// Whether it is so; unknown where the frame ends too early.
    fn matches(&self, frame: &[u8]) -> Option<bool> {
        match self {
            Expr::Always => Some(true),
            Expr::Not(expr) => Some(!expr.matches(frame)?),
            Expr::And(a, b) => Some(a.matches(frame)? && b.matches(frame)?),
            Expr::Or(a, b) => Some(a.matches(frame)? || b.matches(frame)?),
            Expr::EtherType(ethertype) => Some(ethertype_of(frame) == *ethertype),
            Expr::Protocol(protocol) => on_ipv4(frame, |ip| Some(*ip.get(9)? == *protocol)),
            Expr::Net(family, side, address, mask) => {
                let is_there = |bytes: &[u8]| {
                    <[u8; 4]>::try_from(bytes).is_ok_and(|bytes| Ipv4Addr::from(bytes) & *mask == *address)
                };
                let ends = |packet: &[u8], source: usize, destination: usize| {
                    let at = |at: usize| Some(is_there(packet.get(at..at + 4)?));
                    side.holds(|| at(source), || at(destination))
                };
                match ethertype_of(frame) {
                    ETHERTYPE_IPV4 if *family != Family::Arp => ends(&frame[ETHERNET_LEN..], 12, 16),
                    ETHERTYPE_ARP if *family != Family::Ip => ends(&frame[ETHERNET_LEN..], 14, 24),
                    _ => Some(false),
                }
            }
            Expr::Ports(protocol, side, from, to) => on_ipv4(frame, |ip| {
                let has_ports = |it: u8| matches!(it, proto::TCP | proto::UDP | 132);
                let found = *ip.get(9)?;
                if !protocol.map_or(has_ports(found), |protocol| found == protocol) || !is_first_fragment(ip)? {
                    return Some(false);
                }
                let is_meant = |at: usize| {
                    let &[high, low] = ip.get(header_len(ip) + at..)?.first_chunk()?;
                    Some((*from..=*to).contains(&u16::from_be_bytes([high, low])))
                };
                side.holds(|| is_meant(0), || is_meant(2))
            }),
            Expr::Mac(side, mac) => side.holds(|| Some(frame[6..12] == mac.0), || Some(frame[0..6] == mac.0)),
            Expr::Group => Some(frame[0] & 1 == 1),
            Expr::Broadcast => Some(frame[0..6] == MacAddr::BROADCAST.0),
            Expr::Compare(a, relation, b) => match (a.value(frame), b.value(frame)) {
                (Ok(a), Ok(b)) => Some(match relation {
                    Relation::Equal => a == b,
                    Relation::NotEqual => a != b,
                    Relation::Less => a < b,
                    Relation::LessOrEqual => a <= b,
                    Relation::Greater => a > b,
                    Relation::GreaterOrEqual => a >= b,
                }),
                (Err(Missing::Header), _) | (_, Err(Missing::Header)) => Some(false),
                _ => None,
            },
        }
    }
}

/// Why an arithmetic expression has no value for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// It is not that kind of packet.
    Header,
    /// It ends too early, or something is divided by zero.
    Value,
}

impl Value {
    fn value(&self, frame: &[u8]) -> Result<u32, Missing> {
        match self {
            Value::Number(number) => Ok(*number),
            Value::Length => Ok(frame.len() as u32),
            Value::Bytes(base, offset, len) => {
                let (base, offset) = (base.start(frame)?, offset.value(frame)? as usize);
                let from = base.checked_add(offset).ok_or(Missing::Value)?;
                let to = from.checked_add(usize::from(*len)).ok_or(Missing::Value)?;
                let bytes = frame.get(from..to).ok_or(Missing::Value)?;
                Ok(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
            }
            Value::Binary(operator, a, b) => {
                let (a, b) = (a.value(frame)?, b.value(frame)?);
                match operator {
                    '+' => Ok(a.wrapping_add(b)),
                    '-' => Ok(a.wrapping_sub(b)),
                    '*' => Ok(a.wrapping_mul(b)),
                    '/' => a.checked_div(b).ok_or(Missing::Value),
                    '%' => a.checked_rem(b).ok_or(Missing::Value),
                    '&' => Ok(a & b),
                    '|' => Ok(a | b),
                    '^' => Ok(a ^ b),
                    '<' => Ok(a.checked_shl(b).unwrap_or(0)),
                    _ => Ok(a.checked_shr(b).unwrap_or(0)),
                }
            }
        }
    }
}

impl Base {
    fn start(self, frame: &[u8]) -> Result<usize, Missing> {
        match self {
            Base::Ether => Ok(0),
            Base::Network(ethertype) if ethertype_of(frame) == ethertype => Ok(ETHERNET_LEN),
            Base::Network(_) => Err(Missing::Header),
            Base::Transport(protocol) => {
                let is_it = on_ipv4(frame, |ip| Some(*ip.get(9)? == protocol && is_first_fragment(ip)?));
                if is_it.ok_or(Missing::Value)? {
                    Ok(ETHERNET_LEN + header_len(&frame[ETHERNET_LEN..]))
                } else {
                    Err(Missing::Header)
                }
            }
        }
    }
}

/// What is so of the packet in an IPv4 frame; of no other frame.
fn on_ipv4(frame: &[u8], test: impl FnOnce(&[u8]) -> Option<bool>) -> Option<bool> {
    if ethertype_of(frame) == ETHERTYPE_IPV4 { test(&frame[ETHERNET_LEN..]) } else { Some(false) }
}

fn is_first_fragment(ip: &[u8]) -> Option<bool> {
    let word = ip.get(6..8)?;
    Some(u16::from_be_bytes([word[0], word[1]]) & 0x1fff == 0)
}

fn ethertype_of(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[12], frame[13]])
}

fn header_len(ip: &[u8]) -> usize {
    usize::from(ip[0] & 0xf) * 4
}

/// Words and signs.
fn tokens(text: &str) -> Vec<String> {
    const DOUBLE: [&str; 8] = ["&&", "||", "<=", ">=", "!=", "==", "<<", ">>"];
    let is_word = |c: char| c.is_alphanumeric() || "._\\".contains(c);
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if is_word(first) {
            word_len(rest, is_word, tokens.last().map(String::as_str))
        } else if DOUBLE.iter().any(|sign| rest.starts_with(sign)) {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(len);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    tokens
}

/// A word may have a `-` inside (`tcp-syn`, a range of ports), a `/` (a network) and `:` (a hardware address), but not in an
/// index.
fn word_len(text: &str, is_word: impl Fn(char) -> bool, before: Option<&str>) -> usize {
    let in_index = matches!(before, Some("[" | ":"));
    let goes_on = |c: char| is_word(c) || c == '-' && !in_index || c == '/' || c == ':' && !in_index;
    let len = text.find(|c| !goes_on(c)).unwrap_or(text.len());
    if in_index && !text[..len].starts_with(|c: char| c.is_ascii_digit()) {
        return text.find(|c: char| !is_word(c) && c != '-').unwrap_or(text.len());
    }
    len
}

/// What stands before an identifier, and holds for the next ones too: `port 80 or 443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Qualifiers {
    protocol: Option<Layer>,
    side: Option<Side>,
    kind: Option<Kind>,
}

impl Qualifiers {
    const NONE: Qualifiers = Qualifiers { protocol: None, side: None, kind: None };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Ether,
    Ip,
    Arp,
    Transport(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Host,
    Net,
    Port,
    PortRange,
    Proto,
}

struct Parser<'a> {
    tokens: &'a [String],
    at: usize,
    names: &'a mut dyn Names,
    last: Qualifiers,
}

type Parsed<T> = Result<T, FilterError>;

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Parsed<&'a str> {
        let token = self.peek().ok_or(FilterError::Syntax)?;
        self.at += 1;
        Ok(token)
    }

    fn take(&mut self, wanted: &[&str]) -> bool {
        let found = self.peek().is_some_and(|token| wanted.contains(&token));
        self.at += usize::from(found);
        found
    }

    /// `and` and `or` bind equally, from left to right.
    fn expression(&mut self) -> Parsed<Expr> {
        let mut left = self.term()?;
        loop {
            if self.take(&["and", "&&"]) {
                left = Expr::And(Box::new(left), Box::new(self.term()?));
            } else if self.take(&["or", "||"]) {
                left = Expr::Or(Box::new(left), Box::new(self.term()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn term(&mut self) -> Parsed<Expr> {
        if self.take(&["not", "!"]) {
            return Ok(Expr::Not(Box::new(self.term()?)));
        }
        // A parenthesis may open an arithmetic expression too.
        let start = self.at;
        if let Ok(comparison) = self.comparison() {
            return Ok(comparison);
        }
        self.at = start;
        if self.take(&["("]) {
            let inner = self.expression()?;
            return if self.take(&[")"]) { Ok(inner) } else { Err(FilterError::Syntax) };
        }
        self.primitive()
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.arithmetic(0)?;
        let relation = match self.next()? {
            "=" | "==" => Relation::Equal,
            "!=" => Relation::NotEqual,
            "<" => Relation::Less,
            "<=" => Relation::LessOrEqual,
            ">" => Relation::Greater,
            ">=" => Relation::GreaterOrEqual,
            _ => return Err(FilterError::Syntax),
        };
        Ok(Expr::Compare(left, relation, self.arithmetic(0)?))
    }

    fn arithmetic(&mut self, level: usize) -> Parsed<Value> {
        const LEVELS: [&[&str]; 4] = [&["|", "^"], &["&"], &["<<", ">>", "+", "-"], &["*", "/", "%"]];
        let Some(operators) = LEVELS.get(level) else { return self.value() };
        let mut left = self.arithmetic(level + 1)?;
        while let Some(operator) = self.peek().filter(|token| operators.contains(token)) {
            self.at += 1;
            let right = self.arithmetic(level + 1)?;
            let sign = operator.chars().next().ok_or(FilterError::Syntax)?;
            left = Value::Binary(sign, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn value(&mut self) -> Parsed<Value> {
        let token = self.next()?;
        if token == "(" {
            let inner = self.arithmetic(0)?;
            return if self.take(&[")"]) { Ok(inner) } else { Err(FilterError::Syntax) };
        }
        if token == "len" {
            return Ok(Value::Length);
        }
        if let Some(number) = number(token) {
            return Ok(Value::Number(number));
        }
        if let Some((_, number)) = CONSTANTS.iter().find(|(name, _)| *name == token) {
            return Ok(Value::Number(*number));
        }
        let transport = PROTOCOLS.iter().find(|(name, _)| *name == token).map(|(_, number)| Base::Transport(*number));
        let base = match token {
            "ether" => Base::Ether,
            "ip" => Base::Network(ETHERTYPE_IPV4),
            "arp" => Base::Network(ETHERTYPE_ARP),
            _ => transport.ok_or(FilterError::Syntax)?,
        };
        if !self.take(&["["]) {
            return Err(FilterError::Syntax);
        }
        let offset = self.arithmetic(0)?;
        let len = if self.take(&[":"]) { number(self.next()?).ok_or(FilterError::Syntax)? } else { 1 };
        if !self.take(&["]"]) || !matches!(len, 1 | 2 | 4) {
            return Err(FilterError::Syntax);
        }
        Ok(Value::Bytes(base, Box::new(offset), len as u8))
    }

    fn primitive(&mut self) -> Parsed<Expr> {
        let mut given = Qualifiers::NONE;
        let start = self.at;
        loop {
            match self.peek() {
                Some("ether") => given.protocol = Some(Layer::Ether),
                Some("ip") => given.protocol = Some(Layer::Ip),
                Some("arp") => given.protocol = Some(Layer::Arp),
                Some("src") => given.side = Some(self.source_side()),
                Some("dst") => given.side = Some(Side::Destination),
                Some("host") => given.kind = Some(Kind::Host),
                Some("net") => given.kind = Some(Kind::Net),
                Some("port") => given.kind = Some(Kind::Port),
                Some("portrange") => given.kind = Some(Kind::PortRange),
                Some("proto") => given.kind = Some(Kind::Proto),
                Some(word) => match PROTOCOLS.iter().find(|(name, _)| *name == word) {
                    Some((_, number)) if given.kind.is_none() => given.protocol = Some(Layer::Transport(*number)),
                    _ => break,
                },
                None => break,
            }
            self.at += 1;
        }
        let is_end = matches!(self.peek(), None | Some("and" | "&&" | "or" | "||" | ")"));
        if let (Some(layer), true) = (given.protocol, is_end && given.kind.is_none() && given.side.is_none()) {
            return layer_alone(layer);
        }
        if self.take(&["broadcast"]) {
            return Ok(Expr::Broadcast);
        }
        if self.take(&["multicast"]) {
            let first_octet = Value::Bytes(Base::Network(ETHERTYPE_IPV4), Box::new(Value::Number(16)), 1);
            return Ok(match given.protocol {
                Some(Layer::Ip) => Expr::Compare(first_octet, Relation::GreaterOrEqual, Value::Number(224)),
                _ => Expr::Group,
            });
        }
        if self.take(&["less", "greater"]) {
            let relation =
                if self.tokens[self.at - 1] == "less" { Relation::LessOrEqual } else { Relation::GreaterOrEqual };
            let length = number(self.next()?).ok_or(FilterError::Syntax)?;
            return Ok(Expr::Compare(Value::Length, relation, Value::Number(length)));
        }
        if self.at == start {
            if self.last == Qualifiers::NONE {
                return Err(FilterError::Syntax);
            }
            given = self.last;
        }
        self.last = given;
        let identifier = self.next()?;
        self.identified(given, identifier)
    }

    /// `src`, `src or dst`, `src and dst`; stands on its last word afterwards.
    fn source_side(&mut self) -> Side {
        let ahead = |at: usize| self.tokens.get(self.at + at).map(String::as_str);
        let side = match (ahead(1), ahead(2)) {
            (Some("or" | "||"), Some("dst")) => Side::Either,
            (Some("and" | "&&"), Some("dst")) => Side::Both,
            _ => return Side::Source,
        };
        self.at += 2;
        side
    }

    fn identified(&mut self, given: Qualifiers, identifier: &str) -> Parsed<Expr> {
        let side = given.side.unwrap_or(Side::Either);
        match (given.kind, given.protocol) {
            (None | Some(Kind::Host), Some(Layer::Ether)) => {
                Ok(Expr::Mac(side, identifier.parse().map_err(|_| FilterError::Syntax)?))
            }
            (None, Some(Layer::Transport(_))) => Err(FilterError::Syntax),
            (None, _) if identifier.contains('/') => self.net(given, side, identifier),
            (None | Some(Kind::Host), layer) => {
                let address = identifier.parse().ok().or_else(|| self.names.host(identifier));
                let address = address.ok_or_else(|| FilterError::UnknownHost(identifier.to_owned()))?;
                Ok(Expr::Net(family(layer)?, side, address, Ipv4Addr::BROADCAST))
            }
            (Some(Kind::Net), _) => self.net(given, side, identifier),
            (Some(Kind::Port), layer) => {
                let port = self.port(identifier)?;
                Ok(Expr::Ports(transport(layer)?, side, port, port))
            }
            (Some(Kind::PortRange), layer) => {
                let (from, to) = identifier.split_once('-').ok_or(FilterError::Syntax)?;
                Ok(Expr::Ports(transport(layer)?, side, self.port(from)?, self.port(to)?))
            }
            (Some(Kind::Proto), layer) => {
                let name = identifier.trim_start_matches('\\');
                if layer == Some(Layer::Ether) {
                    let ethertype = match name {
                        "ip" => Some(ETHERTYPE_IPV4),
                        "arp" => Some(ETHERTYPE_ARP),
                        _ => number(name).and_then(|number| number.try_into().ok()),
                    };
                    return ethertype.map(Expr::EtherType).ok_or(FilterError::Syntax);
                }
                let known = PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
                let protocol = known.or_else(|| number(name).and_then(|number| number.try_into().ok()));
                protocol.map(Expr::Protocol).ok_or(FilterError::Syntax)
            }
        }
    }

    /// `net 10.0.0.0/8`, `net 10`, `net 10.0.0.0 mask 255.0.0.0`.
    fn net(&mut self, given: Qualifiers, side: Side, text: &str) -> Parsed<Expr> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let mut octets = [0; 4];
        let mut count = 0;
        for part in address.split('.') {
            *octets.get_mut(count).ok_or(FilterError::Syntax)? = part.parse().map_err(|_| FilterError::Syntax)?;
            count += 1;
        }
        let address = Ipv4Addr::from(octets);
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= 32).ok_or(FilterError::Syntax)?,
            None => 8 * count as u32,
        };
        let mut mask = Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0));
        if self.take(&["mask"]) {
            mask = self.next()?.parse().map_err(|_| FilterError::Syntax)?;
        }
        if address & mask != address {
            return Err(FilterError::NotANetwork(text.to_owned()));
        }
        Ok(Expr::Net(family(given.protocol)?, side, address, mask))
    }

    fn port(&mut self, text: &str) -> Parsed<u16> {
        match text.parse::<u64>() {
            Ok(number) => number.try_into().map_err(|_| FilterError::PortTooLarge(number)),
            Err(_) => self.names.port(text).ok_or_else(|| FilterError::UnknownPort(text.to_owned())),
        }
    }
}

fn layer_alone(layer: Layer) -> Parsed<Expr> {
    match layer {
        Layer::Ether => Err(FilterError::Syntax),
        Layer::Ip => Ok(Expr::EtherType(ETHERTYPE_IPV4)),
        Layer::Arp => Ok(Expr::EtherType(ETHERTYPE_ARP)),
        Layer::Transport(protocol) => Ok(Expr::Protocol(protocol)),
    }
}

fn family(layer: Option<Layer>) -> Parsed<Family> {
    match layer {
        None => Ok(Family::Both),
        Some(Layer::Ip) => Ok(Family::Ip),
        Some(Layer::Arp) => Ok(Family::Arp),
        Some(Layer::Ether | Layer::Transport(_)) => Err(FilterError::Syntax),
    }
}

fn transport(layer: Option<Layer>) -> Parsed<Option<u8>> {
    match layer {
        None | Some(Layer::Ip) => Ok(None),
        Some(Layer::Transport(protocol)) => Ok(Some(protocol)),
        Some(Layer::Ether | Layer::Arp) => Err(FilterError::Syntax),
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Knows one host and one port.
    struct Few;

    impl Names for Few {
        fn host(&mut self, name: &str) -> Option<Ipv4Addr> {
            (name == "vip").then_some(Ipv4Addr::new(10, 0, 0, 100))
        }

        fn port(&mut self, name: &str) -> Option<u16> {
            (name == "http").then_some(80)
        }
    }

    fn parse(text: &str) -> Result<Filter, FilterError> {
        Filter::parse(text, &mut Few)
    }

    #[test]
    fn and_and_or_bind_equally() {
        assert_eq!(parse("arp or ip and tcp"), parse("(arp or ip) and tcp"));
        assert_eq!(parse("not arp && ip"), parse("(! arp) and ip"));
    }

    #[test]
    fn qualifiers_hold_until_others_come() {
        assert_eq!(parse("tcp dst port http or 443"), parse("tcp dst port 80 or tcp dst port 443"));
        assert_eq!(parse("host vip or 10.0.0.1"), parse("host 10.0.0.100 or host 10.0.0.1"));
        assert_eq!(parse("src vip"), parse("src host 10.0.0.100"));
    }

    #[test]
    fn mistakes_are_told_as_libpcap_does() {
        let told = |text| parse(text).unwrap_err().to_string();
        let all = ["host", "(port 80", "and", "host foo", "port foo", "port 99999", "net 10.0.0.1/24"].map(told);
        insta::assert_snapshot!(all.join("\n"), @r#"
        can't parse filter expression: syntax error
        can't parse filter expression: syntax error
        can't parse filter expression: syntax error
        unknown host 'foo'
        unknown port 'foo'
        illegal port number 99999 > 65535
        non-network bits set in "10.0.0.1/24"
        "#);
    }

    proptest! {
        #[test]
        fn no_text_and_no_frame_makes_it_panic(text in "[a-z0-9 ()&|!\\[\\]:=<>./-]{0,40}", bytes: Vec<u8>) {
            if let Ok(filter) = parse(&text) {
                filter.matches(&Frame::new(&bytes));
            }
        }

        #[test]
        fn no_frame_makes_an_index_panic(mut bytes: Vec<u8>) {
            bytes.resize(bytes.len().max(12), 0);
            bytes.splice(12..12, [8, 0, 0x45]);
            let filter = parse("tcp[4294967295] = 1 or ip[0:4] - 5 > 3 or udp[ip[0]:2] / len = 0 or src port 5").unwrap();
            filter.matches(&Frame::new(&bytes));
        }
    }
}
