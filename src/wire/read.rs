//! Frames read: headers that are what they claim to be, or the reason why they are not.

use std::net::Ipv4Addr;

use etherparse::ArpOperation;

use super::build::Arp;
use super::{ARP_LEN, IPV4_LEN, MacAddr, checksum};

/// What is wrong with an IPv4 header, in the order in which the kernel's ip_rcv_core looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIpv4 {
    /// There is less than a header.
    #[error("an IPv4 header is cut off after {length} bytes")]
    CutOff {
        /// How many bytes there are.
        length: usize,
    },
    /// The version is not 4, or the header says that it is shorter than any.
    #[error("not an IPv4 header: version {version}, {header_len} bytes long")]
    NotIpv4 {
        /// The version field.
        version: u8,
        /// The header's length as it says, in bytes.
        header_len: usize,
    },
    /// The header's checksum is wrong (SKB_DROP_REASON_IP_CSUM).
    #[error("wrong IPv4 header checksum")]
    Checksum,
    /// The datagram is longer than what has arrived (SKB_DROP_REASON_PKT_TOO_SMALL), or shorter than its header.
    #[error("a datagram of {total_len} bytes cannot be in {length}")]
    Length {
        /// The datagram's length as it says, in bytes.
        total_len: usize,
        /// How many bytes there are.
        length: usize,
    },
}

/// Checks the IPv4 header that `packet` begins with as the kernel's ip_rcv_core does, and gives the bytes of the
/// datagram: what pads a short frame is cut off.
pub fn ipv4(packet: &[u8]) -> Result<&[u8], BadIpv4> {
    let length = packet.len();
    if length < IPV4_LEN {
        return Err(BadIpv4::CutOff { length });
    }
    let (version, header_len) = (packet[0] >> 4, usize::from(packet[0] & 0xf) * 4);
    if version != 4 || header_len < IPV4_LEN {
        return Err(BadIpv4::NotIpv4 { version, header_len });
    }
    let header = packet.get(..header_len).ok_or(BadIpv4::CutOff { length })?;
    if checksum(header) != 0 {
        return Err(BadIpv4::Checksum);
    }
    let total_len = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    match packet.get(..total_len) {
        Some(datagram) if total_len >= header_len => Ok(datagram),
        _ => Err(BadIpv4::Length { total_len, length }),
    }
}

/// An ARP message about IPv4 over Ethernet, from what follows the Ethernet header; none if it is anything else.
pub fn arp(packet: &[u8]) -> Option<Arp> {
    let message: &[u8; ARP_LEN] = packet.first_chunk()?;
    let (head, body) = message.split_first_chunk::<6>()?;
    if head != ARP_HEAD {
        return None;
    }
    let mac = |at: usize| MacAddr([body[at], body[at + 1], body[at + 2], body[at + 3], body[at + 4], body[at + 5]]);
    let ip = |at: usize| Ipv4Addr::new(body[at], body[at + 1], body[at + 2], body[at + 3]);
    Some(Arp {
        operation: ArpOperation(u16::from_be_bytes([body[0], body[1]])),
        sender_mac: mac(2),
        sender_ip: ip(8),
        target_mac: mac(12),
        target_ip: ip(18),
    })
}

/// What RFC 826 calls ar$hrd, ar$pro, ar$hln and ar$pln: Ethernet, IPv4, and how long their addresses are.
const ARP_HEAD: &[u8; 6] = &[0, 1, 0x08, 0x00, 6, 4];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::build::{self, Ipv4Fields};

    fn datagram() -> Vec<u8> {
        let fields = Ipv4Fields {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            protocol: 253,
            ttl: 64,
            tos: 0,
            id: 7,
            dont_fragment: true,
        };
        build::ipv4(&mut Vec::new(), &fields, |b| b.extend_from_slice(b"data")).payload().to_vec()
    }

    /// Changes a datagram's header and makes its checksum right again.
    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = datagram();
        change(&mut bytes);
        bytes[10..12].fill(0);
        let sum = checksum(&bytes[..IPV4_LEN]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn padding_is_no_part_of_a_datagram() {
        let mut bytes = datagram();
        bytes.resize(46, 0);
        assert_eq!(ipv4(&bytes), Ok(&datagram()[..]));
    }

    #[test]
    fn what_the_kernel_throws_away() {
        let good = datagram();
        assert_eq!(ipv4(&good[..19]), Err(BadIpv4::CutOff { length: 19 }));
        assert_eq!(ipv4(&good[..23]), Err(BadIpv4::Length { total_len: 24, length: 23 }));
        assert_eq!(ipv4(&changed(|b| b[3] = 19)), Err(BadIpv4::Length { total_len: 19, length: 24 }));
        assert_eq!(ipv4(&changed(|b| b[0] = 0x65)), Err(BadIpv4::NotIpv4 { version: 6, header_len: 20 }));
        assert_eq!(ipv4(&changed(|b| b[0] = 0x44)), Err(BadIpv4::NotIpv4 { version: 4, header_len: 16 }));
        assert_eq!(ipv4(&changed(|b| b[0] = 0x4f)), Err(BadIpv4::CutOff { length: 24 }));
        let mut wrong = datagram();
        wrong[8] -= 1;
        assert_eq!(ipv4(&wrong), Err(BadIpv4::Checksum));
    }

    #[test]
    fn arp_as_it_was_built() {
        let message = Arp {
            operation: ArpOperation::REPLY,
            sender_mac: MacAddr([2, 0, 0, 0, 1, 0]),
            sender_ip: [10, 0, 0, 1].into(),
            target_mac: MacAddr([2, 0, 0, 0, 2, 0]),
            target_ip: [10, 0, 0, 2].into(),
        };
        let frame = build::arp(message.sender_mac, message.target_mac, message);
        assert_eq!(arp(frame.payload()), Some(message));
        assert_eq!(arp(&frame.payload()[..27]), None);
        let mut token_ring = frame.payload().to_vec();
        token_ring[1] = 6;
        assert_eq!(arp(&token_ring), None);
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(mut bytes in prop::collection::vec(any::<u8>(), 0..100), looks_like_arp: bool) {
            if looks_like_arp && bytes.len() > ARP_HEAD.len() {
                bytes[..ARP_HEAD.len()].copy_from_slice(ARP_HEAD);
            }
            if let Ok(datagram) = ipv4(&bytes) {
                prop_assert!(datagram.len() >= IPV4_LEN);
            }
            if let Some(message) = arp(&bytes) {
                let built = build::arp(MacAddr::ZERO, MacAddr::ZERO, message);
                prop_assert_eq!(built.payload(), &bytes[..ARP_LEN]);
            }
        }
    }
}
