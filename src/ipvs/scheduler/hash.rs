//! The kernel's hash functions.

use std::net::Ipv4Addr;

/// hash_32: multiplication by the golden ratio, of which the upper bits are kept.
pub(super) fn hash_32(value: u32, bits: u32) -> usize {
    (value.wrapping_mul(0x61c8_8647) >> (32 - bits)) as usize
}

/// The address as the kernel's hash functions take it.
pub(super) fn word(address: Ipv4Addr) -> u32 {
    u32::from(address)
}

/// hsiphash_1u32 on a 64-bit kernel: SipHash-1-3 of four bytes, the lower half of the result.
pub(super) fn hsiphash(value: u32, key: u64) -> u32 {
    let mut v = [
        0x736f_6d65_7073_6575 ^ key,
        0x646f_7261_6e64_6f6d ^ key,
        0x6c79_6765_6e65_7261 ^ key,
        0x7465_6462_7974_6573 ^ key,
    ];
    // The length, 4, stands in the highest byte of the last word.
    let last = 4 << 56 | u64::from(value);
    v[3] ^= last;
    sip_round(&mut v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for _ in 0..3 {
        sip_round(&mut v);
    }
    (v[0] ^ v[1] ^ v[2] ^ v[3]) as u32
}

fn sip_round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

/// jhash_3words (lookup3): where the connection table and persistence engines put things.
pub(in crate::ipvs) fn jhash_3words(a: u32, b: u32, c: u32, seed: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(3 << 2).wrapping_add(seed);
    let (mut a, mut b, mut c) = (a.wrapping_add(start), b.wrapping_add(start), c.wrapping_add(start));
    let mix = |x: &mut u32, y: u32, bits: u32| *x = (*x ^ y).wrapping_sub(y.rotate_left(bits));
    mix(&mut c, b, 14);
    mix(&mut a, c, 11);
    mix(&mut b, a, 25);
    mix(&mut c, b, 16);
    mix(&mut a, c, 4);
    mix(&mut b, a, 14);
    mix(&mut c, b, 24);
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_the_kernel() {
        let key = |word: u32| u64::from(word);
        assert_eq!(hsiphash(0, key(2_654_435_761)), 0x1d5a_77c2);
        assert_eq!(hsiphash(1, key(2_654_435_761)), 0x16ec_66b2);
        assert_eq!(hsiphash(0, key(2_654_446_892)), 0xf882_433f);
        assert_eq!(hash_32(word([192, 168, 10, 100].into()), 8), 102);
        assert_eq!(hash_32(word([192, 168, 10, 101].into()), 8), 199);
    }
}
