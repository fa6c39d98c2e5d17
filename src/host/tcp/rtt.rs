//! The retransmission time-out (RFC 6298) with Linux's bounds and its smoother deviation: tcp_rtt_estimator.

use super::segment::Seq;
use crate::time::Span;

/// TCP_RTO_MIN
pub(super) const RTO_MIN: Span = Span::from_millis(200);
/// TCP_RTO_MAX
pub(super) const RTO_MAX: Span = Span::from_secs(120);
/// TCP_TIMEOUT_INIT
pub(super) const RTO_INITIAL: Span = Span::from_secs(1);

/// What is known of the round trip's time. All in nanoseconds; `smoothed` eight times over, the deviations four times.
#[derive(Clone, Debug)]
pub(super) struct Rtt {
    smoothed: u64,
    deviation: u64,
    /// The largest deviation in the current round trip, and that of the last ones, which decays.
    deviation_max: u64,
    variation: u64,
    /// A round trip is over when this number is acknowledged.
    round_ends: Seq,
}

impl Rtt {
    pub fn new() -> Rtt {
        Rtt { smoothed: 0, deviation: 0, deviation_max: 0, variation: 0, round_ends: Seq(0) }
    }

    /// Takes a measurement; `una` and `nxt` tell where the sender is.
    pub fn measured(&mut self, rtt: Span, una: Seq, nxt: Seq) {
        let floor = RTO_MIN.as_nanos();
        let rtt = rtt.as_nanos().max(1);
        if self.smoothed == 0 {
            self.smoothed = rtt << 3;
            self.deviation = rtt << 1;
            self.variation = self.deviation.max(floor);
            self.deviation_max = self.variation;
            self.round_ends = nxt;
        } else {
            let mean = self.smoothed >> 3;
            self.smoothed = self.smoothed - mean + rtt;
            let error = rtt.abs_diff(mean);
            let known = self.deviation >> 2;
            if error <= known {
                self.deviation -= known - error;
            } else if rtt < mean {
                // A sudden improvement must not make the time-out longer.
                self.deviation += (error - known) >> 3;
            } else {
                self.deviation += error - known;
            }
            if self.deviation > self.deviation_max {
                self.deviation_max = self.deviation;
                self.variation = self.variation.max(self.deviation_max);
            }
            if una.after(self.round_ends) {
                if self.deviation_max < self.variation {
                    self.variation -= (self.variation - self.deviation_max) >> 2;
                }
                self.round_ends = nxt;
                self.deviation_max = floor;
            }
        }
    }

    /// The smoothed time, once there was a measurement.
    pub fn smoothed(&self) -> Option<Span> {
        (self.smoothed > 0).then(|| Span::from_nanos(self.smoothed >> 3))
    }

    /// The time-out after this many in a row.
    pub fn rto(&self, backoff: u32) -> Span {
        let measured = self.smoothed().map(|mean| mean + Span::from_nanos(self.variation));
        measured.unwrap_or(RTO_INITIAL).min(RTO_MAX).times(1 << backoff.min(16)).min(RTO_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_below_two_hundred_milliseconds_more_than_the_mean() {
        let mut rtt = Rtt::new();
        assert_eq!(rtt.rto(0), Span::from_secs(1));
        for n in 0..100 {
            rtt.measured(Span::from_millis(30), Seq(n), Seq(n + 1));
        }
        assert_eq!(rtt.rto(0).as_millis(), 230);
        assert_eq!(rtt.rto(2).as_millis(), 920);
        assert_eq!(rtt.rto(30), RTO_MAX);
    }

    #[test]
    fn a_jump_upwards_widens_it_at_once() {
        let mut rtt = Rtt::new();
        rtt.measured(Span::from_millis(10), Seq(0), Seq(1));
        rtt.measured(Span::from_millis(500), Seq(1), Seq(2));
        assert!(rtt.rto(0) > Span::from_millis(500));
    }
}
