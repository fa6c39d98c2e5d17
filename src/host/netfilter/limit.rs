//! Conditions that depend on the packets before: `-m limit`, `-m statistic`.

use crate::random::{RngExt, Stream};
use crate::time::Time;

/// `-m limit`, which iptables hands to nft_limit: a bucket of time, out of which each packet takes its share.
#[derive(Clone, Debug)]
pub struct Limit {
    /// So many packets ...
    pub rate: u64,
    /// ... in so many seconds.
    pub unit: u64,
    /// So many at once.
    pub burst: u32,
    /// What is in the bucket, and since when; full before the first packet.
    bucket: Option<(u64, Time)>,
}

impl PartialEq for Limit {
    fn eq(&self, other: &Limit) -> bool {
        (self.rate, self.unit, self.burst) == (other.rate, other.unit, other.burst)
    }
}

impl Eq for Limit {}

impl Limit {
    /// How many at once if nobody says.
    pub const DEFAULT_BURST: u32 = 5;

    /// The rate as iptables writes it.
    pub fn rate_text(&self) -> String {
        let unit = match self.unit {
            1 => "sec",
            60 => "min",
            3600 => "hour",
            _ => "day",
        };
        format!("{}/{unit}", self.rate)
    }

    /// A limit with its bucket full.
    pub fn new(rate: u64, unit: u64, burst: u32) -> Limit {
        Limit { rate: rate.max(1), unit, burst, bucket: None }
    }

    /// nft_limit_eval: whether there is something left for this packet, which then takes it.
    pub(super) fn allows(&mut self, now: Time) -> bool {
        let cost = self.unit.saturating_mul(1_000_000_000) / self.rate;
        let full = cost.saturating_mul(u64::from(self.burst));
        let (tokens, last) = self.bucket.unwrap_or((full, now));
        let tokens = tokens.saturating_add(now.since(last).as_nanos()).min(full);
        let left = tokens.checked_sub(cost);
        self.bucket = Some((left.unwrap_or(tokens), now));
        left.is_some()
    }
}

/// `-m statistic`: one packet in so many.
#[derive(Clone, Debug)]
pub enum Statistic {
    /// `--mode random --probability`: in 2^31 parts.
    Random(u32),
    /// `--mode nth`
    Nth {
        /// `--every`
        every: u32,
        /// `--packet`: which one of them, from 0.
        packet: u32,
        /// How many have been counted.
        count: u32,
    },
}

impl PartialEq for Statistic {
    fn eq(&self, other: &Statistic) -> bool {
        match (self, other) {
            (Statistic::Random(one), Statistic::Random(other)) => one == other,
            (Statistic::Nth { every: a, packet: b, .. }, Statistic::Nth { every: c, packet: d, .. }) => {
                (a, b) == (c, d)
            }
            _ => false,
        }
    }
}

impl Eq for Statistic {}

impl Statistic {
    /// The share of packets that it picks, as iptables writes it.
    pub fn share(&self) -> String {
        match self {
            Statistic::Random(probability) => format!("{:.11}", f64::from(*probability) / f64::from(0x8000_0000_u32)),
            Statistic::Nth { every, .. } => format!("{:.11}", 1.0 / f64::from((*every).max(1))),
        }
    }

    /// One packet in `every`; the first one after `packet` others.
    pub fn nth(every: u32, packet: u32) -> Statistic {
        // statistic_mt_check: the count begins where the wanted packet comes after `packet` others.
        Statistic::Nth { every, packet, count: every.saturating_sub(1).saturating_sub(packet) }
    }

    /// statistic_mt: whether this packet is meant.
    pub(super) fn picks(&mut self, random: &mut Stream) -> bool {
        match self {
            Statistic::Random(probability) => random.random::<u32>() & 0x7fff_ffff < *probability,
            Statistic::Nth { every, count, .. } => {
                *count = if *count + 1 >= *every { 0 } else { *count + 1 };
                *count == 0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use crate::time::Span;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut limit = Limit::new(2, 1, 3);
        let mut now = Time::ZERO;
        let taken: Vec<bool> = (0..5).map(|_| limit.allows(now)).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        now += Span::from_millis(499);
        assert!(!limit.allows(now));
        now += Span::from_millis(1);
        assert!(limit.allows(now));
        assert!(!limit.allows(now));
    }

    #[test]
    fn every_third_from_the_one_that_was_named() {
        let mut random = random::stream(0, "test", "");
        for packet in 0..3 {
            let mut statistic = Statistic::nth(3, packet);
            let picked: Vec<u32> = (0..9).filter(|_| statistic.picks(&mut random)).collect();
            assert_eq!(picked, [packet, packet + 3, packet + 6]);
        }
    }
}
