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

/// A draw from the exponential distribution of this mean, in whole numbers.
///
/// Von Neumann's way ("Various techniques used in connection with random digits", 1951) compares draws and computes nothing,
/// so that the result is the same whatever a machine makes of a logarithm.
pub fn exponential(stream: &mut Stream, mean: u64) -> u64 {
    let mut whole = 0;
    loop {
        let first = stream.next_u64();
        let (mut last, mut length) = (first, 1);
        loop {
            let next = stream.next_u64();
            if next > last {
                break;
            }
            (last, length) = (next, length + 1);
        }
        if length % 2 == 1 {
            let fraction = (u128::from(mean) * u128::from(first)) >> 64;
            return mean.saturating_mul(whole).saturating_add(fraction as u64);
        }
        whole += 1;
    }
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

    #[test]
    fn exponential_draws_have_their_mean_and_spread() {
        let mut stream = stream(1, "hold", "test");
        let draws: Vec<u64> = (0..20_000).map(|_| exponential(&mut stream, 1_000_000)).collect();
        let mean = draws.iter().sum::<u64>() / draws.len() as u64;
        assert!((980_000..1_020_000).contains(&mean), "{mean}");
        // A share of 1/e is longer than the mean, and of 1/e^3 longer than three times the mean.
        let longer = |than| draws.iter().filter(|draw| **draw > than).count() * 1000 / draws.len();
        assert!((355..380).contains(&longer(1_000_000)), "{}", longer(1_000_000));
        assert!((44..56).contains(&longer(3_000_000)), "{}", longer(3_000_000));
    }
}
