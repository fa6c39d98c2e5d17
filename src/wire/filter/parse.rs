//! How filter expressions are written.

use std::net::Ipv4Addr;

use super::{Base, Expr, Family, FilterError, Names, Relation, Side, Value};
use crate::wire::{ETHERTYPE_ARP, ETHERTYPE_IPV4, proto};

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

/// Words and signs.
pub(super) fn tokens(text: &str) -> Vec<String> {
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

pub(super) struct Parser<'a> {
    tokens: &'a [String],
    at: usize,
    names: &'a mut dyn Names,
    last: Qualifiers,
}

type Parsed<T> = Result<T, FilterError>;

impl<'a> Parser<'a> {
    pub fn new(tokens: &'a [String], names: &'a mut dyn Names) -> Parser<'a> {
        Parser { tokens, at: 0, names, last: Qualifiers::NONE }
    }

    pub fn is_done(&self) -> bool {
        self.at == self.tokens.len()
    }

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
    pub fn expression(&mut self) -> Parsed<Expr> {
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
