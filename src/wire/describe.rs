//! Frames in words: one line each, as `tcpdump -n` 4.99 writes them, without the time stamp.
//!
//! Nothing here trusts a frame: what is cut off or makes no sense is said in tcpdump's way, like `[|tcp]`.

use std::fmt::{self, Formatter};
use std::net::Ipv4Addr;

use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
use etherparse::{
    ArpOperation, ArpPacketSlice, IpNumber, Ipv4HeaderSlice, TcpOptionElement, TcpOptionReadError, TcpSlice, UdpHeader,
    UdpHeaderSlice,
};
use rustc_hash::FxHashMap;

use super::{ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, MacAddr, proto};

/// How many packets within packets are put into words.
const DEEPEST: usize = 16;

/// Puts a frame into words, with TCP's sequence numbers as they are.
pub fn describe(frame: &Frame) -> Line<'_> {
    Line { frame, link: false, origin: Origin::default() }
}

/// Puts frames into words, with TCP's sequence numbers counted from the beginning of each conversation, as far as it
/// has seen one.
#[derive(Clone, Debug, Default)]
pub struct Describer {
    conversations: FxHashMap<Conversation, Origin>,
    link: bool,
}

impl Describer {
    /// One whose lines begin with the Ethernet header, as with tcpdump's `-e`.
    pub fn with_link_header() -> Describer {
        Describer { link: true, ..Describer::default() }
    }

    /// The line for this frame. Frames must come in the order in which they were seen.
    pub fn describe<'a>(&mut self, frame: &'a Frame) -> Line<'a> {
        Line { frame, link: self.link, origin: self.origin(frame).unwrap_or_default() }
    }

    /// What tcpdump subtracts from this frame's sequence numbers. A conversation begins with its SYN+ACK, or with the first
    /// acknowledgement that is seen of it, which itself is then shown as it is.
    fn origin(&mut self, frame: &Frame) -> Option<Origin> {
        if frame.ethertype() != ETHERTYPE_IPV4 {
            return None;
        }
        let (source, destination, tcp) = innermost_tcp(frame.payload())?;
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

fn innermost_tcp(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr, TcpSlice<'_>)> {
    let mut packet = packet;
    loop {
        let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
        let end = packet.len().min(header.total_len().into());
        let payload = packet.get(header.slice().len()..end)?;
        match header.protocol() {
            _ if header.fragments_offset().value() > 0 => return None,
            IpNumber::IPV4 => packet = payload,
            IpNumber::TCP => {
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
    link: bool,
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
        if self.link || !known {
            let (source, destination) = (self.frame.source(), self.frame.destination());
            let length = self.frame.bytes().len();
            write!(f, "{source} > {destination}, ethertype {name} ({ethertype:#06x}), length {length}: ")?;
        }
        match ethertype {
            ETHERTYPE_IPV4 => {
                f.write_str(if self.link { "" } else { "IP " })?;
                self.ip(f, self.frame.payload(), 0)
            }
            ETHERTYPE_ARP => arp(f, self.frame.payload(), if self.link { "" } else { "ARP, " }),
            _ => Ok(()),
        }
    }
}

impl Line<'_> {
    fn ip(&self, f: &mut Formatter<'_>, packet: &[u8], depth: usize) -> fmt::Result {
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
        if total_len > packet.len() {
            write!(f, "truncated-ip - {} bytes missing! ", total_len - packet.len())?;
        }
        let rest = Rest {
            bytes: &packet[header_len..packet.len().min(total_len)],
            is_fragment: header.more_fragments(),
            len: total_len - header_len,
        };
        let (source, destination) = (header.source_addr(), header.destination_addr());
        let protocol = header.protocol().0;
        if header.fragments_offset().value() > 0 {
            return write!(f, "{source} > {destination}: ip-proto-{protocol}");
        }
        match protocol {
            proto::TCP => return self.tcp(f, source, destination, &rest),
            proto::UDP => return udp(f, source, destination, &rest),
            _ => write!(f, "{source} > {destination}: ")?,
        }
        match protocol {
            proto::ICMP => icmp(f, rest.bytes),
            proto::IGMP => igmp(f, rest.bytes),
            proto::VRRP => vrrp(f, rest.bytes),
            proto::IPIP if depth < DEEPEST => {
                f.write_str(if self.link { "" } else { "IP " })?;
                self.ip(f, rest.bytes, depth + 1)
            }
            _ => write!(f, " ip-proto-{protocol} {}", rest.len),
        }
    }

    fn tcp(&self, f: &mut Formatter<'_>, source: Ipv4Addr, destination: Ipv4Addr, rest: &Rest<'_>) -> fmt::Result {
        let Ok(tcp) = TcpSlice::from_slice(rest.bytes) else {
            ends(f, source, destination, rest.bytes)?;
            return f.write_str(" [|tcp]");
        };
        let (source_port, destination_port) = ends(f, source, destination, rest.bytes)?;
        write!(f, "Flags [{}]", Flags(&tcp))?;
        let seq = tcp.sequence_number().wrapping_sub(self.origin.seq);
        let len = rest.len.saturating_sub(tcp.header_len());
        if len > 0 {
            write!(f, ", seq {seq}:{}", seq.wrapping_add(len as u32))?;
        } else if tcp.syn() || tcp.fin() || tcp.rst() {
            write!(f, ", seq {seq}")?;
        }
        if tcp.ack() {
            write!(f, ", ack {}", tcp.acknowledgment_number().wrapping_sub(self.origin.ack))?;
        }
        write!(f, ", win {}", tcp.window_size())?;
        if tcp.urg() {
            write!(f, ", urg {}", tcp.urgent_pointer())?;
        }
        if !tcp.options().is_empty() {
            f.write_str(", options [")?;
            self.tcp_options(f, &tcp)?;
            f.write_str("]")?;
        }
        write!(f, ", length {len}")?;
        let is_http = |port| matches!(port, 80 | 3128 | 8080);
        if len > 0 && !tcp.rst() && (is_http(source_port) || is_http(destination_port)) {
            http(f, tcp.payload())?;
        }
        Ok(())
    }

    fn tcp_options(&self, f: &mut Formatter<'_>, tcp: &TcpSlice<'_>) -> fmt::Result {
        let mut iterator = tcp.options_iterator();
        let mut separator = "";
        loop {
            let rest = iterator.rest();
            let option = iterator.next();
            if option.is_none() && rest.is_empty() {
                return Ok(());
            }
            f.write_str(std::mem::replace(&mut separator, ","))?;
            match option {
                // The iterator stops at the end-of-options byte.
                None => return f.write_str("eol"),
                Some(Ok(TcpOptionElement::Noop)) => f.write_str("nop")?,
                Some(Ok(TcpOptionElement::MaximumSegmentSize(mss))) => write!(f, "mss {mss}")?,
                Some(Ok(TcpOptionElement::WindowScale(scale))) => write!(f, "wscale {scale}")?,
                Some(Ok(TcpOptionElement::SelectiveAcknowledgementPermitted)) => f.write_str("sackOK")?,
                Some(Ok(TcpOptionElement::SelectiveAcknowledgement(first, more))) => {
                    write!(f, "sack {} ", 1 + more.iter().flatten().count())?;
                    for (from, to) in std::iter::once(first).chain(more.into_iter().flatten()) {
                        let (from, to) = (from.wrapping_sub(self.origin.ack), to.wrapping_sub(self.origin.ack));
                        write!(f, "{{{from}:{to}}}")?;
                    }
                }
                Some(Ok(TcpOptionElement::Timestamp(value, echo))) => write!(f, "TS val {value} ecr {echo}")?,
                Some(Err(TcpOptionReadError::UnknownId(kind))) => return write!(f, "unknown-{kind}"),
                Some(Err(_)) => return f.write_str("[bad opt]"),
            }
        }
    }
}

/// What follows an IPv4 header.
struct Rest<'a> {
    /// The bytes that are there.
    bytes: &'a [u8],
    /// How many there should be.
    len: usize,
    /// Whether more fragments follow.
    is_fragment: bool,
}

/// The addresses of a segment or datagram, with the ports as far as they are there.
fn ends(
    f: &mut Formatter<'_>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    bytes: &[u8],
) -> Result<(u16, u16), fmt::Error> {
    let &[a, b, c, d, ..] = bytes else {
        write!(f, "{source} > {destination}: ")?;
        return Ok((0, 0));
    };
    let (source_port, destination_port) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    write!(f, "{source}.{source_port} > {destination}.{destination_port}: ")?;
    Ok((source_port, destination_port))
}

/// tcpdump's letters for TCP's flags.
struct Flags<'a>(&'a TcpSlice<'a>);

impl fmt::Display for Flags<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tcp = self.0;
        let letters = [
            (tcp.fin(), "F"),
            (tcp.syn(), "S"),
            (tcp.rst(), "R"),
            (tcp.psh(), "P"),
            (tcp.ack(), "."),
            (tcp.urg(), "U"),
            (tcp.ece(), "E"),
            (tcp.cwr(), "W"),
        ];
        if letters.iter().all(|(set, _)| !set) {
            return f.write_str("none");
        }
        letters.iter().filter(|(set, _)| *set).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// The first line of what a web client or server says, if it is one.
fn http(f: &mut Formatter<'_>, payload: &[u8]) -> fmt::Result {
    const METHODS: [&[u8]; 9] =
        [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];
    f.write_str(": HTTP")?;
    let end = payload.iter().position(|byte| *byte == b'\n');
    let line = &payload[..end.unwrap_or(payload.len())];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    let is_status = |word: &[u8]| word.len() == 3 && word.iter().all(u8::is_ascii_digit);
    let is_text = line.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t'));
    if is_text && (METHODS.contains(&first) || words.next().is_some_and(is_status)) {
        write!(f, ": {}", String::from_utf8_lossy(line))?;
        f.write_str(if end.is_none() { " [|http]" } else { "" })?;
    }
    Ok(())
}

fn udp(f: &mut Formatter<'_>, source: Ipv4Addr, destination: Ipv4Addr, rest: &Rest<'_>) -> fmt::Result {
    const DNS: u16 = 53;
    const DNS_HEADER_LEN: usize = 12;
    let (source_port, destination_port) = ends(f, source, destination, rest.bytes)?;
    let Ok(header) = UdpHeaderSlice::from_slice(rest.bytes) else {
        return write!(f, "truncated-udp {}", rest.bytes.len());
    };
    let there = rest.bytes.len() - UdpHeader::LEN;
    let Some(said) = usize::from(header.length()).checked_sub(UdpHeader::LEN) else {
        return write!(f, "truncated-udplength {}", header.length());
    };
    let is_dns = source_port == DNS || destination_port == DNS;
    if is_dns && said.min(there) < DNS_HEADER_LEN {
        write!(f, "domain [length {} < {DNS_HEADER_LEN}] (invalid)", said.min(there))
    } else if said > there && !rest.is_fragment {
        write!(f, "UDP, bad length {said} > {there}")
    } else {
        write!(f, "UDP, length {said}")
    }
}

fn icmp(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let &[icmp_type, code, _, _, a, b, c, d, ref payload @ ..] = bytes else { return f.write_str(" [|icmp]") };
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let gateway = Ipv4Addr::new(a, b, c, d);
    let quoted = Quoted::new(payload);
    f.write_str("ICMP ")?;
    match (icmp_type, code) {
        (0, _) => write!(f, "echo reply, id {high}, seq {low}")?,
        (8, _) => write!(f, "echo request, id {high}, seq {low}")?,
        (3, code) => match quoted {
            Some(quoted) => unreachable(f, code, low, &quoted)?,
            None => return f.write_str(" [|icmp]"),
        },
        (5, code) => match quoted {
            Some(Quoted { destination, .. }) => match code {
                0 => write!(f, "redirect {destination} to net {gateway}")?,
                1 => write!(f, "redirect {destination} to host {gateway}")?,
                2 => write!(f, "redirect-tos {destination} to net {gateway}")?,
                3 => write!(f, "redirect-tos {destination} to host {gateway}")?,
                _ => write!(f, "redirect-#{code} {destination} to {gateway}")?,
            },
            None => return f.write_str(" [|icmp]"),
        },
        (11, 0) => f.write_str("time exceeded in-transit")?,
        (11, 1) => f.write_str("ip reassembly time exceeded")?,
        (11, code) => write!(f, "time exceeded-#{code}")?,
        (12, 0) => write!(f, "parameter problem - octet {a}")?,
        (12, code) => write!(f, "parameter problem - code {code}")?,
        (4, _) => f.write_str("source quench")?,
        (10, _) => f.write_str("router solicitation")?,
        (13, _) => write!(f, "time stamp query id {high} seq {low}")?,
        (kind, _) => write!(f, "type-#{kind}")?,
    }
    write!(f, ", length {}", bytes.len())
}

/// The packet that an ICMP error is about, as far as it is quoted.
struct Quoted {
    destination: Ipv4Addr,
    protocol: u8,
    destination_port: Option<u16>,
}

impl Quoted {
    fn new(bytes: &[u8]) -> Option<Quoted> {
        let header = Ipv4HeaderSlice::from_slice(bytes).ok()?;
        let ports = bytes.get(header.slice().len()..).unwrap_or_default();
        Some(Quoted {
            destination: header.destination_addr(),
            protocol: header.protocol().0,
            destination_port: ports.get(2..4).map(|port| u16::from_be_bytes([port[0], port[1]])),
        })
    }
}

fn unreachable(f: &mut Formatter<'_>, code: u8, mtu: u16, quoted: &Quoted) -> fmt::Result {
    let Quoted { destination, protocol, destination_port } = quoted;
    let port = destination_port.unwrap_or_default();
    match code {
        0 => write!(f, "net {destination} unreachable"),
        1 => write!(f, "host {destination} unreachable"),
        2 => write!(f, "{destination} protocol {protocol} unreachable"),
        3 => match *protocol {
            proto::TCP => write!(f, "{destination} tcp port {port} unreachable"),
            proto::UDP => write!(f, "{destination} udp port {port} unreachable"),
            _ => write!(f, "{destination} protocol {protocol} port {port} unreachable"),
        },
        4 if mtu == 0 => write!(f, "{destination} unreachable - need to frag"),
        4 => write!(f, "{destination} unreachable - need to frag (mtu {mtu})"),
        5 => write!(f, "{destination} unreachable - source route failed"),
        6 => write!(f, "net {destination} unreachable - unknown"),
        7 => write!(f, "host {destination} unreachable - unknown"),
        8 => write!(f, "{destination} unreachable - source host isolated"),
        9 => write!(f, "net {destination} unreachable - admin prohibited"),
        10 => write!(f, "host {destination} unreachable - admin prohibited"),
        11 => write!(f, "net {destination} unreachable - tos prohibited"),
        12 => write!(f, "host {destination} unreachable - tos prohibited"),
        13 => write!(f, "host {destination} unreachable - admin prohibited filter"),
        14 => write!(f, "host {destination} unreachable - host precedence violation"),
        15 => write!(f, "host {destination} unreachable - precedence cutoff"),
        _ => write!(f, "{destination} unreachable - #{code}"),
    }
}

fn igmp(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("igmp ")?;
    let &[kind, response_time, _, _, a, b, c, d, ..] = bytes else { return f.write_str("[|igmp]") };
    let group = Ipv4Addr::new(a, b, c, d);
    match kind {
        0x11 => {
            f.write_str(match (bytes.len(), response_time) {
                (12.., _) => "query v3",
                (_, 0) => "query v1",
                _ => "query v2",
            })?;
            if group.is_unspecified() { Ok(()) } else { write!(f, " [gaddr {group}]") }
        }
        0x12 => write!(f, "v1 report {group}"),
        0x16 => write!(f, "v2 report {group}"),
        0x17 => write!(f, "leave {group}"),
        0x22 if bytes.len() < 16 => write!(f, "v3 report [invalid len {}]", bytes.len()),
        0x22 => write!(f, "v3 report, {} group record(s)", u16::from_be_bytes([c, d])),
        _ => write!(f, "[type {kind:#x}]"),
    }
}

fn vrrp(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let &[version_and_type, vrid, priority, _, fifth, sixth, ..] = bytes else { return f.write_str(" [|vrrp]") };
    let (version, kind) = (version_and_type >> 4, version_and_type & 0xf);
    write!(f, "VRRPv{version}, ")?;
    if kind != 1 {
        return write!(f, "unknown type ({kind})");
    }
    f.write_str("Advertisement")?;
    if !matches!(version, 2 | 3) {
        return Ok(());
    }
    write!(f, ", vrid {vrid}, prio {priority}")?;
    if version == 2 {
        match fifth {
            0 => f.write_str(", authtype none")?,
            1 => f.write_str(", authtype simple")?,
            2 => f.write_str(", authtype ah")?,
            other => write!(f, ", authtype #{other}")?,
        }
        write!(f, ", intvl {sixth}s")?;
    } else {
        write!(f, ", intvl {}cs", u16::from_be_bytes([fifth & 0xf, sixth]))?;
    }
    write!(f, ", length {}", bytes.len())
}

fn arp(f: &mut Formatter<'_>, bytes: &[u8], prefix: &str) -> fmt::Result {
    let length = bytes.len();
    let fields = ArpPacketSlice::from_slice(bytes).ok().and_then(|arp| {
        let mac = |bytes: &[u8]| Some(MacAddr(bytes.try_into().ok()?));
        let ip = |bytes: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?));
        let sender = (mac(arp.sender_hw_addr())?, ip(arp.sender_protocol_addr())?);
        Some((arp.operation(), sender, (mac(arp.target_hw_addr())?, ip(arp.target_protocol_addr())?)))
    });
    let Some((operation, (sender_mac, sender), (target_mac, target))) = fields else { return f.write_str(" [|arp]") };
    f.write_str(prefix)?;
    match operation {
        ArpOperation::REQUEST if target_mac == MacAddr::ZERO => write!(f, "Request who-has {target} tell {sender}")?,
        ArpOperation::REQUEST => write!(f, "Request who-has {target} ({target_mac}) tell {sender}")?,
        ArpOperation::REPLY => write!(f, "Reply {sender} is-at {sender_mac}")?,
        ArpOperation(other) => return write!(f, "Unknown ({other}) "),
    }
    write!(f, ", length {length}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_frame_makes_it_panic(bytes: Vec<u8>) {
            Describer::default().describe(&Frame::new(&bytes)).to_string();
        }

        #[test]
        fn no_packet_makes_it_panic(
            protocol in prop_oneof![Just(1u8), Just(2), Just(4), Just(6), Just(17), Just(112), any::<u8>()],
            len in 0u8..120,
            payload in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut bytes = vec![2; 12];
            bytes.extend([8, 0, 0x45, 0, 0, len, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            bytes.extend(&payload);
            let line = Describer::default().describe(&Frame::new(&bytes)).to_string();
            prop_assert!(line.starts_with("IP "));
        }

        #[test]
        fn no_nesting_makes_it_panic(depth in 0usize..3000) {
            let mut bytes = vec![2; 12];
            bytes.extend([8, 0]);
            for _ in 0..depth {
                bytes.extend([0x45, 0, 0xff, 0xff, 0, 1, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            }
            Describer::default().describe(&Frame::new(&bytes)).to_string();
        }
    }
}
