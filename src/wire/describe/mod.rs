//! Frames in words: one line each, as `tcpdump -n` 4.99 writes them, without the time stamp; several lines with `-v`.
//!
//! Nothing here trusts a frame: what is cut off or makes no sense is said in tcpdump's way, like `[|tcp]`.

mod gre;
mod icmp;
mod other;
mod tcp;

use std::fmt::{self, Formatter};
use std::net::Ipv4Addr;

use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
use etherparse::{Ipv4HeaderSlice, TcpSlice};
use rustc_hash::FxHashMap;

use super::checksum::checksum;
use super::{ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, IPV4_LEN, proto};

/// How many packets within packets are put into words.
const DEEPEST: usize = 16;

/// Puts a frame into words, with TCP's sequence numbers as they are.
pub fn describe(frame: &Frame) -> Line<'_> {
    Line { frame, style: Style::default(), origin: Origin::default() }
}

/// Puts frames into words, with TCP's sequence numbers counted from the beginning of each conversation, as far as it
/// has seen one.
#[derive(Clone, Debug, Default)]
pub struct Describer {
    conversations: FxHashMap<Conversation, Origin>,
    style: Style,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// The Ethernet header too, as with tcpdump's `-e`.
    pub link: bool,
    /// More of each header, and the packets that ICMP errors quote, on several lines, as with `-v`.
    pub verbose: bool,
}

impl Describer {
    /// One that has seen nothing yet.
    pub fn new(style: Style) -> Describer {
        Describer { style, ..Describer::default() }
    }

    /// Begins anew: sequence numbers are shown as they are until their conversations are seen again.
    pub fn forget(&mut self) {
        self.conversations.clear();
    }

    /// The line for this frame. Frames must come in the order in which they were seen.
    pub fn describe<'a>(&mut self, frame: &'a Frame) -> Line<'a> {
        Line { frame, style: self.style, origin: self.origin(frame).unwrap_or_default() }
    }

    /// What tcpdump subtracts from this frame's sequence numbers. A conversation begins with its SYN+ACK, or with the first
    /// acknowledgement that is seen of it, which itself is then shown as it is.
    fn origin(&mut self, frame: &Frame) -> Option<Origin> {
        if frame.ethertype() != ETHERTYPE_IPV4 {
            return None;
        }
        let (source, destination, tcp) = innermost_tcp(frame.payload(), self.style.verbose)?;
        if !tcp.ack() {
            return None;
        }
        let here = (tcp.source_port(), source);
        let there = (tcp.destination_port(), destination);
        let reversed = here > there;
        let key = if reversed { Conversation(there, here) } else { Conversation(here, there) };
        let turned = |origin: Origin| if reversed { origin.turned() } else { origin };
        if let Some(&known) = self.conversations.get(&key)
            && !tcp.syn()
        {
            return Some(turned(known));
        }
        let first = Origin { seq: tcp.sequence_number(), ack: tcp.acknowledgment_number().wrapping_sub(1) };
        self.conversations.insert(key, turned(first));
        None
    }
}

/// The two ends of a TCP connection, the smaller port first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Conversation((u16, Ipv4Addr), (u16, Ipv4Addr));

/// Where the numbers of a conversation begin, as seen by the sender of a segment.
#[derive(Clone, Copy, Debug, Default)]
struct Origin {
    seq: u32,
    ack: u32,
}

impl Origin {
    fn turned(self) -> Origin {
        Origin { seq: self.ack, ack: self.seq }
    }
}

/// The segment that the line will tell of; `in_quotes` too if it will tell of them.
fn innermost_tcp(packet: &[u8], in_quotes: bool) -> Option<(Ipv4Addr, Ipv4Addr, TcpSlice<'_>)> {
    let mut packet = packet;
    loop {
        let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
        let end = packet.len().min(header.total_len().into());
        let payload = packet.get(header.slice().len()..end)?;
        match header.protocol().0 {
            _ if header.fragments_offset().value() > 0 => return None,
            proto::IPIP => packet = payload,
            proto::GRE => packet = gre::inside(payload)?,
            proto::ICMP if in_quotes => packet = icmp::quoted(payload)?,
            proto::TCP => {
                let tcp = TcpSlice::from_slice(payload).ok()?;
                return Some((header.source_addr(), header.destination_addr(), tcp));
            }
            _ => return None,
        }
    }
}

/// A frame in words; see [`describe`].
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    frame: &'a Frame,
    style: Style,
    origin: Origin,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ethertype = self.frame.ethertype();
        let name = match ethertype {
            ETHERTYPE_IPV4 => "IPv4",
            ETHERTYPE_ARP => "ARP",
            _ => "Unknown",
        };
        let known = name != "Unknown";
        if self.style.link || !known {
            let (source, destination) = (self.frame.source(), self.frame.destination());
            let length = self.frame.bytes().len();
            write!(f, "{source} > {destination}, ethertype {name} ({ethertype:#06x}), length {length}: ")?;
        }
        match ethertype {
            ETHERTYPE_IPV4 => self.ip(f, self.frame.payload(), Nesting { depth: 0, is_quoted: false }),
            ETHERTYPE_ARP => other::arp(f, self.frame.payload(), self.style),
            _ => Ok(()),
        }
    }
}

/// Where a packet stands.
#[derive(Clone, Copy)]
struct Nesting {
    /// How many packets are around it.
    depth: usize,
    /// Whether it stands in an ICMP error, which may leave its end out.
    is_quoted: bool,
}

impl Line<'_> {
    fn ip(&self, f: &mut Formatter<'_>, packet: &[u8], nesting: Nesting) -> fmt::Result {
        f.write_str(if self.style.link { "" } else { "IP " })?;
        let header = match Ipv4HeaderSlice::from_slice(packet) {
            Ok(header) => header,
            Err(HeaderSliceError::Len(_)) => return f.write_str(" [|ip]"),
            Err(HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number })) => {
                return write!(f, "IP{version_number}, wrong link-layer encapsulation (invalid)");
            }
            Err(HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl })) => {
                return write!(f, "bad-hlen {}", usize::from(ihl) * 4);
            }
        };
        let (header_len, total_len) = (header.slice().len(), usize::from(header.total_len()));
        if total_len < header_len {
            return write!(f, "bad-len {total_len}");
        }
        if total_len > packet.len() && !nesting.is_quoted {
            write!(f, "truncated-ip - {} bytes missing! ", total_len - packet.len())?;
        }
        if self.style.verbose {
            ip_details(f, &header)?;
        }
        let rest = Rest {
            source: header.source_addr(),
            destination: header.destination_addr(),
            bytes: &packet[header_len..packet.len().min(total_len)],
            is_fragment: header.more_fragments(),
            len: total_len - header_len,
        };
        let protocol = header.protocol().0;
        if header.fragments_offset().value() > 0 {
            return write!(f, "{} > {}: ip-proto-{protocol}", rest.source, rest.destination);
        }
        match protocol {
            proto::TCP => return self.tcp(f, &rest),
            proto::UDP => return other::udp(f, &rest),
            _ => write!(f, "{} > {}: ", rest.source, rest.destination)?,
        }
        let deeper = Nesting { depth: nesting.depth + 1, ..nesting };
        match protocol {
            proto::ICMP => self.icmp(f, &rest, deeper),
            proto::IGMP => other::igmp(f, rest.bytes, self.style),
            proto::VRRP => other::vrrp(f, &rest, self.style, header.ttl()),
            proto::GRE => self.gre(f, &rest, deeper),
            proto::IPIP if nesting.depth < DEEPEST => self.ip(f, rest.bytes, deeper),
            proto::AH => match other::authentication(f, &rest, self.style)? {
                Some((proto::VRRP, inner)) => other::vrrp(f, &inner, self.style, header.ttl()),
                Some((inner, rest)) => write!(f, " ip-proto-{inner} {}", rest.len),
                None => Ok(()),
            },
            _ => write!(f, " ip-proto-{protocol} {}", rest.len),
        }
    }
}

/// What `-v` tells of an IPv4 header.
fn ip_details(f: &mut Formatter<'_>, header: &Ipv4HeaderSlice<'_>) -> fmt::Result {
    let slice = header.slice();
    let tos = slice[1];
    let ecn = ["", ",ECT(1)", ",ECT(0)", ",CE"][usize::from(tos & 3)];
    write!(f, "(tos {tos:#x}{ecn}, ")?;
    if header.ttl() > 0 {
        write!(f, "ttl {}, ", header.ttl())?;
    }
    let flags = match (header.more_fragments(), header.dont_fragment()) {
        (true, true) => "+, DF",
        (true, false) => "+",
        (false, true) => "DF",
        (false, false) => "none",
    };
    let (id, offset) = (header.identification(), header.fragments_offset().value() * 8);
    write!(f, "id {id}, offset {offset}, flags [{flags}], ")?;
    let protocol = match header.protocol().0 {
        proto::AH => "AH",
        proto::GRE => "GRE",
        proto::ICMP => "ICMP",
        proto::IGMP => "IGMP",
        proto::IPIP => "IPIP",
        proto::TCP => "TCP",
        proto::UDP => "UDP",
        proto::VRRP => "VRRP",
        _ => "unknown",
    };
    write!(f, "proto {protocol} ({}), length {}", header.protocol().0, header.total_len())?;
    if slice.len() > IPV4_LEN {
        f.write_str(", options (")?;
        ip_options(f, &slice[IPV4_LEN..])?;
        f.write_str(")")?;
    }
    if checksum(slice) != 0 {
        let mut right = slice.to_vec();
        right[10..12].fill(0);
        write!(f, ", bad cksum {:x} (->{:x})!", header.header_checksum(), checksum(&right))?;
    }
    f.write_str(")\n    ")
}

fn ip_options(f: &mut Formatter<'_>, options: &[u8]) -> fmt::Result {
    let mut rest = options;
    let mut separator = "";
    while let Some(&kind) = rest.first() {
        f.write_str(std::mem::replace(&mut separator, ","))?;
        let (name, len) = match (kind, rest.get(1)) {
            (0, _) => return f.write_str("EOL"),
            (1, _) => ("NOP", 1),
            (148, Some(&len)) => ("RA", usize::from(len)),
            (_, Some(&len)) => ("unknown", usize::from(len)),
            (_, None) => return f.write_str("[|ip]"),
        };
        f.write_str(name)?;
        if name == "unknown" {
            write!(f, " {kind}")?;
        }
        rest = rest.get(len.max(1)..).unwrap_or_default();
    }
    Ok(())
}

/// What follows an IPv4 header.
struct Rest<'a> {
    /// Who sent it.
    source: Ipv4Addr,
    /// Whom it is for.
    destination: Ipv4Addr,
    /// The bytes that are there.
    bytes: &'a [u8],
    /// How many there should be.
    len: usize,
    /// Whether more fragments follow.
    is_fragment: bool,
}

impl Rest<'_> {
    /// Writes the addresses, with the ports as far as they are there.
    fn ends(&self, f: &mut Formatter<'_>) -> Result<(u16, u16), fmt::Error> {
        let Rest { source, destination, bytes, .. } = self;
        let &[a, b, c, d, ..] = *bytes else {
            write!(f, "{source} > {destination}: ")?;
            return Ok((0, 0));
        };
        let (source_port, destination_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        write!(f, "{source}.{source_port} > {destination}.{destination_port}: ")?;
        Ok((source_port, destination_port))
    }

    /// Whether nothing is missing.
    fn is_whole(&self) -> bool {
        self.bytes.len() == self.len && !self.is_fragment
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VERBOSE: Style = Style { link: false, verbose: true };

    proptest! {
        #[test]
        fn no_frame_makes_it_panic(bytes: Vec<u8>) {
            describe(&Frame::new(&bytes)).to_string();
            Describer::new(VERBOSE).describe(&Frame::new(&bytes)).to_string();
        }

        #[test]
        fn no_packet_makes_it_panic(
            protocol in prop_oneof![Just(1u8), Just(2), Just(4), Just(6), Just(17), Just(47), Just(112), any::<u8>()],
            len in 0u8..120,
            payload in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bytes = vec![2; 12];
            bytes.extend([8, 0, 0x45, 0, 0, len, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            bytes.extend(&payload);
            let line = Describer::new(VERBOSE).describe(&Frame::new(&bytes)).to_string();
            prop_assert!(line.starts_with("IP "));
        }

        #[test]
        fn no_nesting_makes_it_panic(depth in 0usize..3000) {
            let mut bytes = vec![2; 12];
            bytes.extend([8, 0]);
            for _ in 0..depth {
                bytes.extend([0x45, 0, 0xff, 0xff, 0, 1, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            }
            describe(&Frame::new(&bytes)).to_string();
            Describer::new(VERBOSE).describe(&Frame::new(&bytes)).to_string();
        }
    }
}
