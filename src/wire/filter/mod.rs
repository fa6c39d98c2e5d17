//! Filter expressions as pcap-filter(7) has them, evaluated on frames.

mod parse;

use std::net::Ipv4Addr;

use parse::{Parser, tokens};

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
        let mut parser = Parser::new(&tokens, names);
        let expr = parser.expression()?;
        if parser.is_done() { Ok(Filter(expr)) } else { Err(FilterError::Syntax) }
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
