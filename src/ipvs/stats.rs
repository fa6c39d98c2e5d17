//! Counters, and the rates that an estimator makes of them: ip_vs_est.c.

use crate::time::{Span, Time};

/// The estimator looks every two seconds.
const PERIOD: Span = Span::from_secs(2);

/// What services, real servers and the whole host count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that were scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients that passed here.
    pub out_packets: u64,
    /// Bytes of packets from clients, their IP headers included.
    pub in_bytes: u64,
    /// Bytes of packets to clients, their IP headers included.
    pub out_bytes: u64,
}

impl Counters {
    fn each(self, other: Counters, f: impl Fn(u64, u64) -> u64) -> Counters {
        Counters {
            connections: f(self.connections, other.connections),
            in_packets: f(self.in_packets, other.in_packets),
            out_packets: f(self.out_packets, other.out_packets),
            in_bytes: f(self.in_bytes, other.in_bytes),
            out_bytes: f(self.out_bytes, other.out_bytes),
        }
    }
}

/// Counters as they are, as the estimator has last seen them, and their rates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    live: Counters,
    seen: Counters,
    /// Where counting began again (`ipvsadm -Z`).
    zero: Counters,
    /// Moving averages: connections and packets in 1/1024 a second, bytes in 1/32 a second.
    averages: Counters,
}

impl Stats {
    /// A connection was scheduled.
    pub(super) fn count_connection(&mut self) {
        self.live.connections += 1;
    }

    /// A packet from a client.
    pub(super) fn count_in(&mut self, bytes: u16) {
        self.live.in_packets += 1;
        self.live.in_bytes += u64::from(bytes);
    }

    /// A packet to a client.
    pub(super) fn count_out(&mut self, bytes: u16) {
        self.live.out_packets += 1;
        self.live.out_bytes += u64::from(bytes);
    }

    /// The estimator's look (estimation_timer): a quarter of what is new enters the average.
    fn estimate(&mut self) {
        let delta = self.live.each(self.seen, |live, seen| live - seen);
        self.seen = self.live;
        let blend = |average: u64, rate: u64| {
            let step = (rate as i64).wrapping_sub(average as i64) >> 2;
            average.wrapping_add_signed(step)
        };
        self.averages = Counters {
            connections: blend(self.averages.connections, delta.connections << 9),
            in_packets: blend(self.averages.in_packets, delta.in_packets << 9),
            out_packets: blend(self.averages.out_packets, delta.out_packets << 9),
            in_bytes: blend(self.averages.in_bytes, delta.in_bytes << 4),
            out_bytes: blend(self.averages.out_bytes, delta.out_bytes << 4),
        };
    }

    /// Counts from here on (ip_vs_zero_stats).
    pub(super) fn zero(&mut self) {
        self.zero = self.seen;
        self.averages = Counters::default();
    }

    /// The counters as they are shown: as the estimator has last seen them.
    pub fn counters(&self) -> Counters {
        self.seen.each(self.zero, |seen, zero| seen - zero)
    }

    /// Connections, packets and bytes a second (ip_vs_read_estimator).
    pub fn rates(&self) -> Counters {
        let packets = |average: u64| (average + 0x1ff) >> 10;
        let bytes = |average: u64| (average + 0xf) >> 5;
        Counters {
            connections: packets(self.averages.connections),
            in_packets: packets(self.averages.in_packets),
            out_packets: packets(self.averages.out_packets),
            in_bytes: bytes(self.averages.in_bytes),
            out_bytes: bytes(self.averages.out_bytes),
        }
    }

    /// Whether another look would change nothing.
    fn is_settled(&self) -> bool {
        self.live == self.seen && self.averages == Counters::default()
    }
}

/// When the estimator looks next.
///
/// The kernel's has a timer. This one looks late, before anything is counted or shown, and sees the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimator {
    next: Time,
}

impl Estimator {
    pub fn new(now: Time) -> Estimator {
        Estimator { next: now + PERIOD }
    }

    pub fn is_due(&self, now: Time) -> bool {
        now >= self.next
    }

    /// Looks as often as it should have looked until now.
    pub fn catch_up<'a>(&mut self, now: Time, all: impl Iterator<Item = &'a mut Stats>) {
        if !self.is_due(now) {
            return;
        }
        let looks = now.since(self.next).as_nanos() / PERIOD.as_nanos() + 1;
        self.next += PERIOD.times(looks);
        for stats in all {
            for _ in 0..looks {
                if stats.is_settled() {
                    break;
                }
                stats.estimate();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_approached() {
        let mut stats = Stats::default();
        let rates: Vec<u64> = (0..11)
            .map(|_| {
                (0..20).for_each(|_| stats.count_connection());
                stats.estimate();
                stats.rates().connections
            })
            .collect();
        assert_eq!(rates, [2, 4, 6, 7, 8, 8, 9, 9, 9, 9, 10]);
    }

    #[test]
    fn a_burst_fades() {
        let mut stats = Stats::default();
        (0..10).for_each(|_| stats.count_connection());
        let rates: Vec<u64> = (0..5)
            .map(|_| {
                stats.estimate();
                stats.rates().connections
            })
            .collect();
        assert_eq!(rates, [1, 1, 1, 1, 0]);
        (0..1000).for_each(|_| stats.estimate());
        assert!(stats.is_settled());
    }

    #[test]
    fn counters_show_what_the_estimator_saw() {
        let mut stats = Stats::default();
        let mut estimator = Estimator::new(Time::ZERO);
        stats.count_in(60);
        estimator.catch_up(Time::ZERO + Span::from_millis(1999), [&mut stats].into_iter());
        assert_eq!(stats.counters().in_bytes, 0);
        estimator.catch_up(Time::ZERO + Span::from_secs(2), [&mut stats].into_iter());
        assert_eq!(stats.counters().in_bytes, 60);
        stats.zero();
        stats.count_in(40);
        estimator.catch_up(Time::ZERO + Span::from_secs(4), [&mut stats].into_iter());
        assert_eq!((stats.counters().in_packets, stats.counters().in_bytes), (1, 40));
    }
}
