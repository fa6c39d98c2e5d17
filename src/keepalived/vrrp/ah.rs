//! The authentication header in front of a message (RFC 2402 with RFC 2403's HMAC, vrrp_ipsecah.c).

use std::net::Ipv4Addr;

use md5::{Digest, Md5};

use super::packet::Arrival;
use super::router::Router;
use crate::keepalived::conf::Authentication;
use crate::wire::proto;

/// Its length, in bytes.
pub const LENGTH: usize = 24;
/// Where its digest stands, which is cut to 96 bits.
const DIGEST: std::ops::Range<usize> = 12..24;

/// RFC 2104: a digest that only those know how to make who know the key.
fn hmac(key: [u8; 8], parts: &[&[u8]]) -> [u8; 12] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(&key);
    let mut inner = Md5::new();
    inner.update(block.map(|byte| byte ^ 0x36));
    parts.iter().for_each(|part| inner.update(part));
    let mut outer = Md5::new();
    outer.update(block.map(|byte| byte ^ 0x5c));
    outer.update(inner.finalize());
    let digest = outer.finalize();
    let mut cut = [0; 12];
    cut.copy_from_slice(&digest[..12]);
    cut
}

/// The IPv4 header with nothing in it that may change on the way.
fn immutable(source: Ipv4Addr, destination: Ipv4Addr, id: u16, ttl: u8, length: usize) -> [u8; 20] {
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    header[4..6].copy_from_slice(&id.to_be_bytes());
    // Only a group's packets never cross a router.
    header[8] = if destination.is_multicast() { ttl } else { 0 };
    header[9] = proto::AH;
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    header
}

/// Puts a header in front of a message.
pub fn seal(
    key: [u8; 8],
    (source, destination): (Ipv4Addr, Ipv4Addr),
    (id, ttl): (u16, u8),
    number: u32,
    message: &[u8],
) -> Vec<u8> {
    // The length in words of four bytes, less two; then the sender's address, which keepalived takes as the SPI.
    let mut sealed = vec![proto::VRRP, 4, 0, 0];
    sealed.extend(source.octets());
    sealed.extend(number.to_be_bytes());
    sealed.extend([0; 12]);
    sealed.extend(message);
    let header = immutable(source, destination, id, ttl, 20 + sealed.len());
    let digest = hmac(key, &[&header, &sealed]);
    sealed[DIGEST].copy_from_slice(&digest);
    sealed
}

/// vrrp_in_chk_ipsecah: whether the header is right, and the packet's number; none if nobody asks for one.
pub fn check(router: &mut Router, arrival: &Arrival<'_>) -> Result<Option<u32>, String> {
    let name = &router.config.name;
    let Some(Authentication::Header(key)) = router.config.authentication else { return Ok(None) };
    let mut sealed = arrival.payload.to_vec();
    if !arrival.is_sealed || sealed.len() < LENGTH {
        return Err(format!("({name}) No AH header but auth type is AH"));
    }
    let digest = sealed[DIGEST].to_vec();
    sealed[DIGEST].fill(0);
    let header = immutable(arrival.source, arrival.destination, arrival.id, arrival.ttl, arrival.length());
    if hmac(key, &[&header, &sealed]) != digest[..] {
        return Err(format!(
            "({name}) IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !"
        ));
    }
    let word = |at: usize| u32::from_be_bytes([sealed[at], sealed[at + 1], sealed[at + 2], sealed[at + 3]]);
    let (spi, number) = (word(4), word(8));
    if spi != u32::from(arrival.source) {
        let source = u32::from(arrival.source);
        return Err(format!("IPSEC AH : invalid IPSEC SPI value. {source} and expect {spi}"));
    }
    if number <= router.sequence {
        let own = router.sequence;
        return Err(format!(
            "({name}) IPSEC-AH : sequence number {number} already processed. Packet dropped. Local({own})"
        ));
    }
    router.sequence = number;
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_of_rfc_2202() {
        // Test case 2: the key "Jefe", which zeroes fill up to any length.
        let digest = hmac(*b"Jefe\0\0\0\0", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(digest, [0x75, 0x0c, 0x78, 0x3e, 0x6a, 0xb0, 0xb5, 0x03, 0xea, 0xa8, 0x6e, 0x31]);
    }
}
