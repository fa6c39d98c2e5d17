//! All randomness: one seeded ChaCha stream for each purpose of each named thing.
//!
//! A stream depends only on the seed, the purpose and the name, so that adding a node to a scenario, or another use of
//! chance, leaves all other draws as they were. Only this file names the generator.

use rand::SeedableRng;
pub use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers.
pub type Stream = ChaCha8Rng;

/// The stream for this purpose ("loss", "isn", ...) of the thing of this name.
pub fn stream(seed: u64, purpose: &str, name: &str) -> Stream {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    stream.set_stream(fnv1a([purpose, "/", name]));
    stream
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a<const N: usize>(parts: [&str; N]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Traces that people have kept depend on these numbers.
    #[test]
    fn streams_never_change() {
        let mut isn = stream(1, "isn", "client");
        let mut loss = stream(1, "loss", "client");
        let drawn = [isn.next_u32(), isn.next_u32(), loss.next_u32()];
        insta::assert_debug_snapshot!(drawn, @"
        [
            1529837360,
            231710414,
            3774774212,
        ]
        ");
    }
}
