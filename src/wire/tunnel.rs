//! Headers between an outer and an inner IPv4 packet: GRE (RFC 2784, RFC 2890) and Generic UDP Encapsulation
//! (draft-ietf-intarea-gue-09), which etherparse lacks.

use std::hash::Hasher;
use std::net::Ipv4Addr;

use etherparse::UdpHeader;
use rustc_hash::FxHasher;

use super::{ETHERTYPE_IPV4, IPV4_LEN, checksum, proto, transport_checksum};

const GRE_CHECKSUM: u16 = 0x8000;
const GRE_ROUTING: u16 = 0x4000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
const GRE_VERSION: u16 = 0x0007;
/// Bytes of a GRE header without options, and of each of its options.
const GRE_WORD: usize = 4;
/// Bytes of a GUE header without options.
const GUE_LEN: usize = 4;

/// A GRE header as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gre {
    /// Whether it has a checksum.
    pub checksum: bool,
    /// Which of several tunnels between the same hosts it is.
    pub key: Option<u32>,
}

/// What is wrong with a GRE or GUE header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTunnel {
    /// There is less than a header.
    #[error("the tunnel's header is cut off")]
    CutOff,
    /// It is of a version, or has options, that nobody here knows.
    #[error("the tunnel's header is of an unknown kind")]
    Unknown,
    /// Its checksum is wrong.
    #[error("wrong checksum of the tunnel's header")]
    Checksum,
}

impl Gre {
    /// Bytes of the header.
    const fn header_len(self) -> usize {
        GRE_WORD * (1 + self.checksum as usize + self.key.is_some() as usize)
    }

    /// gre_parse_header: the header, its length, and the EtherType of what follows.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn read(bytes: &[u8]) -> Result<(Gre, usize, u16), BadTunnel> {
        let (gre, len, ethertype) = Gre::read_quoted(bytes)?;
        if gre.checksum && checksum(bytes) != 0 {
            return Err(BadTunnel::Checksum);
        }
        Ok((gre, len, ethertype))
    }

    /// As [`Gre::read`], for a packet whose end may be missing: its checksum is not looked at.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn read_quoted(bytes: &[u8]) -> Result<(Gre, usize, u16), BadTunnel> {
        let &[a, b, c, d, ..] = bytes else { return Err(BadTunnel::CutOff) };
        let flags = u16::from_be_bytes([a, b]);
        if flags & (GRE_VERSION | GRE_ROUTING) != 0 {
            return Err(BadTunnel::Unknown);
        }
        let mut at = GRE_WORD;
        let mut option = |flag: u16| -> Result<Option<u32>, BadTunnel> {
            if flags & flag == 0 {
                return Ok(None);
            }
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(BadTunnel::CutOff)?;
            at += GRE_WORD;
            Ok(Some(u32::from_be_bytes(*word)))
        };
        let has_checksum = option(GRE_CHECKSUM)?.is_some();
        let key = option(GRE_KEY)?;
        option(GRE_SEQUENCE)?;
        Ok((Gre { checksum: has_checksum, key }, at, u16::from_be_bytes([c, d])))
    }

    /// gre_build_header: appends the header and the IPv4 packet that it carries.
    fn write(self, buffer: &mut Vec<u8>, inner: &[u8]) {
        let start = buffer.len();
        let flag = |is_set: bool, flag: u16| if is_set { flag } else { 0 };
        let flags = flag(self.checksum, GRE_CHECKSUM) | flag(self.key.is_some(), GRE_KEY);
        buffer.extend_from_slice(&flags.to_be_bytes());
        buffer.extend_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
        if self.checksum {
            buffer.extend_from_slice(&[0; GRE_WORD]);
        }
        if let Some(key) = self.key {
            buffer.extend_from_slice(&key.to_be_bytes());
        }
        buffer.extend_from_slice(inner);
        if self.checksum {
            let sum = checksum(&buffer[start..]);
            buffer[start + GRE_WORD..start + GRE_WORD + 2].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// UDP and GUE headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gue {
    /// The UDP source port: it tells routers on the way which flows belong together.
    pub source_port: u16,
    /// The UDP port that the other end listens at.
    pub destination_port: u16,
    /// Whether there is a UDP checksum.
    pub checksum: bool,
}

/// gue_udp_recv: the length of the GUE header that follows a UDP header, and the protocol of what it carries.
///
/// # Errors
///
/// Why it is none.
pub fn read_gue(bytes: &[u8]) -> Result<(usize, u8), BadTunnel> {
    const VERSION_AND_CONTROL: u8 = 0xe0;
    let &[first, protocol, flags_high, flags_low, ..] = bytes else { return Err(BadTunnel::CutOff) };
    if first & VERSION_AND_CONTROL != 0 || flags_high != 0 || flags_low != 0 {
        return Err(BadTunnel::Unknown);
    }
    let len = GUE_LEN + usize::from(first & 0x1f) * 4;
    if bytes.len() < len { Err(BadTunnel::CutOff) } else { Ok((len, protocol)) }
}

/// What stands between the outer IPv4 header and the packet inside. Without either it is IPv4 in IPv4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The outer part.
    pub gue: Option<Gue>,
    /// The inner part.
    pub gre: Option<Gre>,
}

impl Envelope {
    /// Bytes that it takes, without the outer IPv4 header.
    pub fn len(&self) -> usize {
        self.gue.map_or(0, |_| UdpHeader::LEN + GUE_LEN) + self.gre.map_or(0, Gre::header_len)
    }

    /// Whether it is IPv4 in IPv4.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The protocol that the outer IPv4 header names.
    pub fn protocol(&self) -> u8 {
        match self {
            Envelope { gue: Some(_), .. } => proto::UDP,
            Envelope { gue: None, gre } => inner_protocol(*gre),
        }
    }

    /// Appends it and an IPv4 packet. Together with an IPv4 header it must not be longer than 65535 bytes.
    pub fn write(&self, buffer: &mut Vec<u8>, source: Ipv4Addr, destination: Ipv4Addr, inner: &[u8]) {
        let start = buffer.len();
        if let Some(gue) = self.gue {
            let length = (self.len() + inner.len()).try_into().expect("callers keep to 65535 bytes");
            let Gue { source_port, destination_port, .. } = gue;
            let udp = UdpHeader { source_port, destination_port, length, checksum: 0 };
            buffer.extend_from_slice(&udp.to_bytes());
            buffer.extend_from_slice(&[0, inner_protocol(self.gre), 0, 0]);
        }
        match self.gre {
            Some(gre) => gre.write(buffer, inner),
            None => buffer.extend_from_slice(inner),
        }
        if self.gue.is_some_and(|gue| gue.checksum) {
            let sum = match transport_checksum(source, destination, proto::UDP, &buffer[start..]) {
                0 => 0xffff,
                sum => sum,
            };
            buffer[start + 6..start + 8].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

fn inner_protocol(gre: Option<Gre>) -> u8 {
    if gre.is_some() { proto::GRE } else { proto::IPIP }
}

/// skb_get_hash: a number that all packets of one flow have in common, different on each host.
pub fn flow_hash(packet: &[u8], seed: u64) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(seed);
    if let Some(header) = packet.first_chunk::<IPV4_LEN>() {
        hasher.write_u8(header[9]);
        hasher.write(&header[12..20]);
        let is_fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
        let ports = packet.get(usize::from(header[0] & 0xf) * 4..).and_then(|rest| rest.first_chunk::<4>());
        if let Some(ports) = ports.filter(|_| !is_fragment && matches!(header[9], proto::TCP | proto::UDP)) {
            hasher.write(ports);
        }
    }
    (hasher.finish() >> 32) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::build::{self, Ipv4Fields};

    const ENDS: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));

    fn inner(payload: &[u8]) -> Vec<u8> {
        let (source, destination) = ENDS;
        let fields = Ipv4Fields { source, destination, protocol: 253, ttl: 9, tos: 0, id: 1, dont_fragment: true };
        build::ipv4(&mut Vec::new(), &fields, |buffer| buffer.extend_from_slice(payload)).payload().to_vec()
    }

    proptest! {
        #[test]
        fn gre_is_read_as_it_was_written(checksum: bool, key: Option<u32>, payload in prop::collection::vec(any::<u8>(), 0..60)) {
            let gre = Gre { checksum, key };
            let envelope = Envelope { gre: Some(gre), gue: None };
            let packet = inner(&payload);
            let mut bytes = Vec::new();
            envelope.write(&mut bytes, ENDS.0, ENDS.1, &packet);
            prop_assert_eq!(Gre::read(&bytes), Ok((gre, gre.header_len(), ETHERTYPE_IPV4)));
            prop_assert_eq!(&bytes[gre.header_len()..], &packet[..]);
            if checksum {
                bytes[gre.header_len() + 8] ^= 1;
                prop_assert_eq!(Gre::read(&bytes), Err(BadTunnel::Checksum));
            }
        }

        #[test]
        fn gue_is_right_in_the_eyes_of_etherparse(checksum: bool, gre: bool, payload in prop::collection::vec(any::<u8>(), 0..60)) {
            let gre = gre.then_some(Gre::default());
            let envelope = Envelope { gue: Some(Gue { source_port: 50_000, destination_port: 5555, checksum }), gre };
            let packet = inner(&payload);
            let mut bytes = Vec::new();
            envelope.write(&mut bytes, ENDS.0, ENDS.1, &packet);
            prop_assert_eq!(bytes.len(), envelope.len() + packet.len());
            let (header, rest) = UdpHeader::from_slice(&bytes).unwrap();
            let sum = header.calc_checksum_ipv4_raw(ENDS.0.octets(), ENDS.1.octets(), rest).unwrap();
            prop_assert_eq!(header.checksum, if checksum { sum } else { 0 });
            prop_assert_eq!(read_gue(rest), Ok((4, if gre.is_some() { proto::GRE } else { proto::IPIP })));
        }

        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (Gre::read(&bytes), read_gue(&bytes), flow_hash(&bytes, 1));
        }
    }
}
