//! Frames changed where they are, their checksums brought up to date incrementally (RFC 1624).
//!
//! The functions on addresses and TTL take a frame whose IPv4 header the caller has already read.

use super::{ETHERNET_LEN, ETHERTYPE_IPV4, Frame, MacAddr};

/// The Internet checksum (RFC 1071) of these bytes.
pub fn checksum(bytes: &[u8]) -> u16 {
    etherparse::checksum::Sum16BitWords::new().add_slice(bytes).ones_complement().to_be()
}

/// A checksum after a 16-bit word that it covers has changed: RFC 1624, equation 3.
pub fn checksum_after(sum: u16, old: u16, new: u16) -> u16 {
    let wide = u32::from(!sum) + u32::from(!old) + u32::from(new);
    let folded = (wide & 0xffff) + (wide >> 16);
    !((folded + (folded >> 16)) as u16)
}

/// Writes the Ethernet header of an IPv4 frame.
pub fn set_ethernet(frame: &mut Frame, source: MacAddr, destination: MacAddr) {
    let bytes = frame.bytes_mut();
    bytes[0..6].copy_from_slice(&destination.0);
    bytes[6..12].copy_from_slice(&source.0);
    bytes[12..14].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
}

/// Takes one off the TTL of an IPv4 frame, as the kernel's ip_decrease_ttl. The TTL must not be 0.
pub fn decrement_ttl(frame: &mut Frame) {
    let ip = &mut frame.bytes_mut()[ETHERNET_LEN..];
    let old = u16::from_be_bytes([ip[8], ip[9]]);
    let new = old - 0x0100;
    let sum = checksum_after(u16::from_be_bytes([ip[10], ip[11]]), old, new);
    ip[8] -= 1;
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::build::{self, Ipv4Fields};

    #[test]
    fn ttl_and_checksum_agree() {
        let fields = Ipv4Fields {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            protocol: 1,
            ttl: 64,
            tos: 0,
            id: 7,
            dont_fragment: true,
        };
        let mut frame = build::ipv4(&mut Vec::new(), &fields, |b| build::icmp(b, 8, 0, [0, 1, 0, 1], b"abc"));
        for ttl in (1..64).rev() {
            decrement_ttl(&mut frame);
            let ip = &frame.payload()[..20];
            assert_eq!(ip[8], ttl);
            assert_eq!(checksum(ip), 0);
        }
        assert_eq!(checksum(&frame.payload()[20..]), 0);
    }
}
