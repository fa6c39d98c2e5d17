//! Where in a frame its headers lie, and which bits of them mean what: for those who show bytes.
//!
//! Only what is whole is named. What is cut off, or of a kind that nobody here speaks, is data.

use super::tunnel::{Gre, read_gue};
use super::{ARP_LEN, ETHERNET_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, proto};

/// A header in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// Of which kind it is.
    pub kind: Kind,
    /// Where it begins, from the frame's first byte.
    pub at: usize,
    /// How many bytes it has.
    pub len: usize,
}

/// A kind of header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Ethernet II.
    Ethernet,
    /// The Address Resolution Protocol.
    Arp,
    /// The Internet Protocol.
    Ipv4,
    /// The Transmission Control Protocol.
    Tcp,
    /// The User Datagram Protocol.
    Udp,
    /// The Internet Control Message Protocol.
    Icmp,
    /// The Virtual Router Redundancy Protocol, version 2.
    Vrrp2,
    /// The same, version 3.
    Vrrp3,
    /// The authentication header of IPsec.
    Authentication,
    /// Generic Routing Encapsulation.
    Gre,
    /// Generic UDP Encapsulation.
    Gue,
    /// The Stream Control Transmission Protocol.
    Sctp,
    /// All that is left.
    Data,
}

/// Some bits of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is called.
    pub name: &'static str,
    /// The first of its bytes, from the header's beginning.
    pub at: usize,
    /// How many bytes it lies in; 0: all to the header's end.
    pub len: usize,
    /// The bits of these bytes that are not its own, on the right.
    pub shift: u32,
    /// How many bits are its own; 0: all that are left.
    pub bits: u32,
    /// How it is written.
    pub form: Form,
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As a number.
    Number,
    /// As a number of 32-bit words, which makes so many bytes.
    Words,
    /// As a number in hexadecimal digits.
    Hex,
    /// As a hardware address.
    Mac,
    /// As an address of IPv4.
    Address,
    /// As the names of the bits that are set, the highest first.
    Flags(&'static [&'static str]),
    /// As bytes and the text that they may be.
    Text,
}

const fn number(name: &'static str, at: usize, len: usize) -> Field {
    Field { name, at, len, shift: 0, bits: 0, form: Form::Number }
}

impl Field {
    const fn like(self, form: Form) -> Field {
        Field { form, ..self }
    }

    const fn bits(self, shift: u32, bits: u32) -> Field {
        Field { shift, bits, ..self }
    }
}

const ETHERNET: &[Field] = &[
    number("destination", 0, 6).like(Form::Mac),
    number("source", 6, 6).like(Form::Mac),
    number("type", 12, 2).like(Form::Hex),
];

const ARP: &[Field] = &[
    number("hardware type", 0, 2),
    number("protocol type", 2, 2).like(Form::Hex),
    number("hardware length", 4, 1),
    number("protocol length", 5, 1),
    number("operation", 6, 2),
    number("sender's MAC", 8, 6).like(Form::Mac),
    number("sender's IP", 14, 4).like(Form::Address),
    number("target's MAC", 18, 6).like(Form::Mac),
    number("target's IP", 24, 4).like(Form::Address),
];

const IPV4: &[Field] = &[
    number("version", 0, 1).bits(4, 4),
    number("header length", 0, 1).bits(0, 4).like(Form::Words),
    number("type of service", 1, 1).like(Form::Hex),
    number("total length", 2, 2),
    number("identification", 4, 2),
    number("flags", 6, 2).bits(13, 3).like(Form::Flags(&["reserved", "DF", "MF"])),
    number("fragment offset", 6, 2).bits(0, 13),
    number("TTL", 8, 1),
    number("protocol", 9, 1),
    number("checksum", 10, 2).like(Form::Hex),
    number("source", 12, 4).like(Form::Address),
    number("destination", 16, 4).like(Form::Address),
    number("options", 20, 0).like(Form::Text),
];

const TCP: &[Field] = &[
    number("source port", 0, 2),
    number("destination port", 2, 2),
    number("sequence number", 4, 4),
    number("acknowledgment", 8, 4),
    number("header length", 12, 1).bits(4, 4).like(Form::Words),
    number("flags", 13, 1).like(Form::Flags(&["CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"])),
    number("window", 14, 2),
    number("checksum", 16, 2).like(Form::Hex),
    number("urgent pointer", 18, 2),
    number("options", 20, 0).like(Form::Text),
];

const UDP: &[Field] = &[
    number("source port", 0, 2),
    number("destination port", 2, 2),
    number("length", 4, 2),
    number("checksum", 6, 2).like(Form::Hex),
];

const ICMP: &[Field] = &[
    number("type", 0, 1),
    number("code", 1, 1),
    number("checksum", 2, 2).like(Form::Hex),
    number("rest", 4, 4).like(Form::Hex),
];

const VRRP2: &[Field] = &[
    number("version", 0, 1).bits(4, 4),
    number("type", 0, 1).bits(0, 4),
    number("virtual router", 1, 1),
    number("priority", 2, 1),
    number("addresses", 3, 1),
    number("authentication", 4, 1),
    number("interval, s", 5, 1),
    number("checksum", 6, 2).like(Form::Hex),
    number("addresses, password", 8, 0).like(Form::Text),
];

const VRRP3: &[Field] = &[
    number("version", 0, 1).bits(4, 4),
    number("type", 0, 1).bits(0, 4),
    number("virtual router", 1, 1),
    number("priority", 2, 1),
    number("addresses", 3, 1),
    number("interval, 1/100 s", 4, 2).bits(0, 12),
    number("checksum", 6, 2).like(Form::Hex),
    number("addresses", 8, 0).like(Form::Text),
];

const AUTHENTICATION: &[Field] = &[
    number("next header", 0, 1),
    number("length", 1, 1),
    number("security parameters", 4, 4).like(Form::Hex),
    number("sequence number", 8, 4),
    number("check value", 12, 0).like(Form::Text),
];

const GRE: &[Field] = &[
    number("flags and version", 0, 2).like(Form::Hex),
    number("type", 2, 2).like(Form::Hex),
    number("options", 4, 0).like(Form::Text),
];

const GUE: &[Field] = &[
    number("version", 0, 1).bits(6, 2),
    number("header length", 0, 1).bits(0, 5).like(Form::Words),
    number("protocol", 1, 1),
    number("flags", 2, 2).like(Form::Hex),
];

const SCTP: &[Field] = &[
    number("source port", 0, 2),
    number("destination port", 2, 2),
    number("verification tag", 4, 4).like(Form::Hex),
    number("checksum", 8, 4).like(Form::Hex),
];

const DATA: &[Field] = &[number("bytes", 0, 0).like(Form::Text)];

/// Where IANA has Generic UDP Encapsulation listen.
const GUE_PORT: u16 = 6080;

impl Kind {
    /// All of them, in their own order.
    pub const ALL: [Kind; 13] = [
        Kind::Ethernet,
        Kind::Arp,
        Kind::Ipv4,
        Kind::Tcp,
        Kind::Udp,
        Kind::Icmp,
        Kind::Vrrp2,
        Kind::Vrrp3,
        Kind::Authentication,
        Kind::Gre,
        Kind::Gue,
        Kind::Sctp,
        Kind::Data,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Ethernet => "Ethernet",
            Kind::Arp => "ARP",
            Kind::Ipv4 => "IPv4",
            Kind::Tcp => "TCP",
            Kind::Udp => "UDP",
            Kind::Icmp => "ICMP",
            Kind::Vrrp2 => "VRRP 2",
            Kind::Vrrp3 => "VRRP 3",
            Kind::Authentication => "authentication header",
            Kind::Gre => "GRE",
            Kind::Gue => "GUE",
            Kind::Sctp => "SCTP",
            Kind::Data => "data",
        }
    }

    /// What it consists of.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Kind::Ethernet => ETHERNET,
            Kind::Arp => ARP,
            Kind::Ipv4 => IPV4,
            Kind::Tcp => TCP,
            Kind::Udp => UDP,
            Kind::Icmp => ICMP,
            Kind::Vrrp2 => VRRP2,
            Kind::Vrrp3 => VRRP3,
            Kind::Authentication => AUTHENTICATION,
            Kind::Gre => GRE,
            Kind::Gue => GUE,
            Kind::Sctp => SCTP,
            Kind::Data => DATA,
        }
    }
}

/// The headers of a frame, the outermost first.
pub fn layers(frame: &Frame) -> Vec<Layer> {
    let mut finder = Finder { bytes: frame.bytes(), at: 0, layers: Vec::new() };
    finder.push(Kind::Ethernet, ETHERNET_LEN);
    match frame.ethertype() {
        ETHERTYPE_IPV4 => finder.ipv4(),
        ETHERTYPE_ARP if frame.payload().len() >= ARP_LEN => finder.push(Kind::Arp, ARP_LEN),
        _ => {}
    }
    finder.finish()
}

struct Finder<'a> {
    bytes: &'a [u8],
    /// Where the next header begins.
    at: usize,
    layers: Vec<Layer>,
}

impl Finder<'_> {
    fn push(&mut self, kind: Kind, len: usize) {
        self.layers.push(Layer { kind, at: self.at, len });
        self.at += len;
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The header of this length, if it is whole.
    fn whole(&self, len: usize) -> bool {
        self.rest().len() >= len
    }

    fn ipv4(&mut self) {
        let Some(&first) = self.rest().first() else { return };
        let len = usize::from(first & 0x0f) * 4;
        if first >> 4 != 4 || len < super::IPV4_LEN || !self.whole(len) {
            return;
        }
        let header = self.rest();
        let is_later_fragment = u16::from_be_bytes([header[6], header[7]]) & 0x1fff != 0;
        let protocol = header[9];
        self.push(Kind::Ipv4, len);
        if !is_later_fragment {
            self.transport(protocol);
        }
    }

    fn transport(&mut self, protocol: u8) {
        let rest = self.rest();
        match protocol {
            proto::TCP if self.whole(20) => {
                let len = usize::from(rest[12] >> 4) * 4;
                if len >= 20 && self.whole(len) {
                    self.push(Kind::Tcp, len);
                }
            }
            proto::UDP if self.whole(8) => self.udp(),
            proto::ICMP if self.whole(8) => {
                let quotes = matches!(rest[0], 3 | 4 | 5 | 11 | 12);
                self.push(Kind::Icmp, 8);
                if quotes {
                    self.ipv4();
                }
            }
            proto::VRRP if self.whole(8) => {
                let kind = if rest[0] >> 4 == 3 { Kind::Vrrp3 } else { Kind::Vrrp2 };
                let len = rest.len();
                self.push(kind, len);
            }
            proto::AH if self.whole(12) => {
                let (next, len) = (rest[0], (usize::from(rest[1]) + 2) * 4);
                if len >= 12 && self.whole(len) {
                    self.push(Kind::Authentication, len);
                    self.transport(next);
                }
            }
            proto::GRE => {
                if let Ok((_, len, ethertype)) = Gre::read_quoted(rest) {
                    self.push(Kind::Gre, len);
                    if ethertype == ETHERTYPE_IPV4 {
                        self.ipv4();
                    }
                }
            }
            proto::IPIP => self.ipv4(),
            proto::SCTP if self.whole(12) => self.push(Kind::Sctp, 12),
            _ => {}
        }
    }

    fn udp(&mut self) {
        let rest = self.rest();
        let port = u16::from_be_bytes([rest[2], rest[3]]);
        self.push(Kind::Udp, 8);
        if port == GUE_PORT
            && let Ok((len, protocol)) = read_gue(self.rest())
        {
            self.push(Kind::Gue, len);
            self.transport(protocol);
        }
    }

    fn finish(mut self) -> Vec<Layer> {
        let left = self.rest().len();
        if left > 0 {
            self.push(Kind::Data, left);
        }
        self.layers
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::super::build::{self, Ipv4Fields};
    use super::*;

    fn kinds(frame: &Frame) -> Vec<Kind> {
        layers(frame).iter().map(|layer| layer.kind).collect()
    }

    fn packet(protocol: u8, payload: &[u8]) -> Frame {
        let fields = Ipv4Fields {
            source: Ipv4Addr::new(10, 0, 0, 1),
            destination: Ipv4Addr::new(10, 0, 0, 2),
            protocol,
            ttl: 64,
            tos: 0,
            id: 0,
            dont_fragment: true,
        };
        build::ipv4(&mut Vec::new(), &fields, |buffer| buffer.extend_from_slice(payload))
    }

    #[test]
    fn headers_are_found_one_in_another() {
        let inner = packet(proto::UDP, &[0, 1, 0, 2, 0, 9, 0, 0, b'x']);
        assert_eq!(kinds(&inner), [Kind::Ethernet, Kind::Ipv4, Kind::Udp, Kind::Data]);
        let outer = packet(proto::IPIP, inner.payload());
        assert_eq!(kinds(&outer), [Kind::Ethernet, Kind::Ipv4, Kind::Ipv4, Kind::Udp, Kind::Data]);
        let mut error = vec![3, 4, 0, 0, 0, 0, 5, 220];
        error.extend_from_slice(inner.payload());
        let error = packet(proto::ICMP, &error);
        assert_eq!(kinds(&error), [Kind::Ethernet, Kind::Ipv4, Kind::Icmp, Kind::Ipv4, Kind::Udp, Kind::Data]);
    }

    #[test]
    fn kinds_know_their_places() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }

    proptest! {
        /// Whatever a frame is, its layers follow one another and cover it.
        #[test]
        fn layers_cover_the_frame(mut bytes in proptest::collection::vec(any::<u8>(), 14..120), protocol in any::<u8>()) {
            bytes[12..14].copy_from_slice(&[8, 0]);
            if let Some(version) = bytes.get_mut(14) {
                *version = 0x45;
            }
            if let Some(at) = bytes.get_mut(23) {
                *at = protocol;
            }
            let mut end = 0;
            for layer in layers(&Frame::new(&bytes)) {
                prop_assert_eq!(layer.at, end);
                end += layer.len;
            }
            prop_assert_eq!(end, bytes.len());
        }
    }
}
