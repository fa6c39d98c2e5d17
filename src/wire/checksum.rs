//! The Internet checksum: RFC 1071, and RFC 1624 for bringing one up to date.

use std::net::Ipv4Addr;

/// The checksum of these bytes. Bytes that contain a right checksum have the checksum 0.
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::default().add(bytes).checksum()
}

/// The checksum of a TCP segment or UDP datagram: it covers the addresses too (RFC 9293, 3.1). RFC 768's rule that a UDP
/// checksum of 0 is sent as 0xffff is left to the caller.
pub fn transport_checksum(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, segment: &[u8]) -> u16 {
    let length = (segment.len() as u32).to_be_bytes();
    Sum::default()
        .add(&source.octets())
        .add(&destination.octets())
        .add(&[0, protocol])
        .add(&length)
        .add(segment)
        .checksum()
}

/// A checksum after a 16-bit word that it covers has changed: RFC 1624, equation 3.
pub fn checksum_after(sum: u16, old: u16, new: u16) -> u16 {
    !fold(u64::from(!sum) + u64::from(!old) + u64::from(new))
}

/// A checksum after an address that it covers has changed.
pub fn checksum_after_address(sum: u16, old: Ipv4Addr, new: Ipv4Addr) -> u16 {
    let ([a, b, c, d], [e, f, g, h]) = (old.octets(), new.octets());
    let high = checksum_after(sum, u16::from_be_bytes([a, b]), u16::from_be_bytes([e, f]));
    checksum_after(high, u16::from_be_bytes([c, d]), u16::from_be_bytes([g, h]))
}

/// A ones' complement sum in the machine's byte order, which only turns the result (RFC 1071, 2 (B)). Carries collect in
/// the upper half: four bytes at a time cannot overflow it.
#[derive(Clone, Copy, Default)]
struct Sum(u64);

impl Sum {
    /// Adds bytes that begin at an even offset.
    fn add(self, bytes: &[u8]) -> Sum {
        // Lanes that do not wait for each other: the compiler makes vectors of them.
        let mut lanes = [0u64; 8];
        let mut blocks = bytes.chunks_exact(32);
        for block in &mut blocks {
            for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(4)) {
                *lane += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
            }
        }
        let mut sum = self.0 + lanes.iter().sum::<u64>();
        let mut words = blocks.remainder().chunks_exact(4);
        for word in &mut words {
            sum += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
        let mut last = [0; 4];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        Sum(sum + u64::from(u32::from_ne_bytes(last)))
    }

    fn checksum(self) -> u16 {
        u16::from_be_bytes((!fold(self.0)).to_ne_bytes())
    }
}

/// Adds the carries back in.
fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_etherparse_computes_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let theirs = etherparse::checksum::Sum16BitWords::new().add_slice(&bytes).ones_complement().to_be();
            prop_assert_eq!(checksum(&bytes), theirs);
        }

        #[test]
        fn up_to_date_as_if_computed_anew(
            mut bytes in prop::collection::vec(any::<u8>(), 8..100), at in any::<prop::sample::Index>(), new in any::<u16>(),
        ) {
            // A sum over nothing but zeroes does not occur: every header has a constant in it.
            bytes[0] = 0x45;
            let at = 2 + at.index(bytes.len() / 2 - 1) * 2;
            let before = checksum(&bytes);
            let old = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
            prop_assert_eq!(checksum_after(before, old, new), checksum(&bytes));
        }
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[]), 0xffff);
        assert_eq!(checksum(&[0xff; 65535]), 0x00ff);
    }
}
