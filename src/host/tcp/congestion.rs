//! How much may be in flight: slow start, then CUBIC (RFC 9438), Linux's default. HyStart is left out, so slow start
//! ends with the first loss.

use crate::time::{Span, Time};

/// TCP_INIT_CWND (RFC 6928)
const INITIAL_WINDOW: u32 = 10;

/// The congestion window and what it grows by, in segments.
#[derive(Clone, Debug)]
pub(super) struct Congestion {
    pub window: u32,
    pub threshold: u32,
    /// None in the first slow start.
    cubic: Option<Box<Cubic>>,
}

/// What the window grows by beyond slow start.
#[derive(Clone, Debug, Default)]
struct Cubic {
    /// Acknowledged segments that the window has not yet grown for.
    credit: u32,
    /// The window before the last loss (W_max).
    before_loss: u32,
    epoch: Option<Epoch>,
}

/// The growth since a loss.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    began: Time,
    /// How long until the window is where it was before the loss (K), in milliseconds.
    plateau: u64,
    /// The window there.
    origin: u32,
    /// What Reno's growth would have made (W_est), in 1/1024 segments.
    reno: u64,
}

impl Congestion {
    pub fn new() -> Congestion {
        Congestion { window: INITIAL_WINDOW, threshold: u32::MAX, cubic: None }
    }

    pub fn in_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    /// So many segments were acknowledged while the window was the limit.
    pub fn acknowledged(&mut self, mut segments: u32, rtt: Span, now: Time) {
        if self.in_slow_start() {
            let grown = self.window.saturating_add(segments).min(self.threshold);
            segments -= grown - self.window;
            self.window = grown;
        }
        if segments > 0 {
            let cubic = self.cubic.get_or_insert_default();
            let per_segment = cubic.per_growth(self.window, segments, rtt, now);
            if cubic.credit >= per_segment {
                // What was earned while the window held still does not make a jump now.
                cubic.credit = 0;
                self.window += 1;
            }
            cubic.credit += segments;
            self.window += cubic.credit / per_segment;
            cubic.credit %= per_segment;
        }
    }

    /// A loss: beta is 0.7 (section 4.6), and a window that did not reach the last one makes room (4.7).
    pub fn lost(&mut self) {
        let cubic = self.cubic.get_or_insert_default();
        let before_loss = if self.window < cubic.before_loss { self.window * 17 / 20 } else { self.window };
        **cubic = Cubic { before_loss, ..Cubic::default() };
        self.threshold = (self.window * 7 / 10).max(2);
    }

    /// tcp_cwnd_restart: silence of so many time-outs has made the window stale (RFC 2861).
    pub fn idle(&mut self, timeouts: u64) {
        self.threshold = self.threshold.max(self.window / 4 * 3);
        let halvings = timeouts.min(31) as u32;
        self.window = (self.window >> halvings).max(INITIAL_WINDOW.min(self.window));
        if let Some(cubic) = &mut self.cubic {
            cubic.epoch = None;
        }
    }
}

impl Cubic {
    /// How many of the segments that are acknowledged make a window grow by one.
    fn per_growth(&mut self, window: u32, segments: u32, rtt: Span, now: Time) -> u32 {
        let before_loss = self.before_loss;
        let epoch = self.epoch.get_or_insert_with(|| Epoch {
            began: now,
            plateau: cube_root(u64::from(before_loss.saturating_sub(window)) * 2_500_000_000),
            origin: before_loss.max(window),
            reno: u64::from(window) << 10,
        });
        let elapsed = (now.since(epoch.began) + rtt).as_millis();
        // C is 0.4 segments a cubic second: 4 / 10^10 a cubic millisecond.
        let distance = u128::from(elapsed.abs_diff(epoch.plateau));
        let offset = u32::try_from(distance.pow(3) * 4 / 10_000_000_000).unwrap_or(u32::MAX);
        let target = if elapsed < epoch.plateau {
            epoch.origin.saturating_sub(offset)
        } else {
            epoch.origin.saturating_add(offset)
        };
        // Not more than half as much again in a round trip (RFC 9438, section 4.2).
        let target = target.min(window.saturating_add(window / 2));
        // Alpha is 3 (1 - beta) / (1 + beta) = 9/17 (section 4.3).
        epoch.reno += (u64::from(segments) << 10) * 9 / 17 / u64::from(window);
        let target = target.max((epoch.reno >> 10) as u32);
        // Hold, where the curve is below: one more in a hundred windows.
        if target > window { (window / (target - window)).max(2) } else { window.saturating_mul(100) }
    }
}

/// The largest number whose cube is not larger.
fn cube_root(n: u64) -> u64 {
    let (mut low, mut high) = (0_u64, 2_642_245);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if middle * middle * middle <= n { low = middle } else { high = middle - 1 }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Span = Span::from_millis(100);

    #[test]
    fn slow_start_doubles() {
        let mut congestion = Congestion::new();
        congestion.acknowledged(10, RTT, Time::ZERO);
        assert_eq!(congestion.window, 20);
    }

    #[test]
    fn the_window_returns_to_where_it_was_lost_and_goes_beyond() {
        let mut congestion = Congestion::new();
        congestion.window = 100;
        congestion.lost();
        assert_eq!(congestion.threshold, 70);
        congestion.window = congestion.threshold;
        let mut now = Time::ZERO;
        let mut after_plateau = 0;
        // K is the cube root of 30 / 0.4: 4.2 seconds.
        for round in 0..80 {
            now += RTT;
            congestion.acknowledged(congestion.window, RTT, now);
            if round == 42 {
                after_plateau = congestion.window;
            }
        }
        assert!((95..=105).contains(&after_plateau), "{after_plateau}");
        assert!(congestion.window > 110, "{}", congestion.window);
    }

    #[test]
    fn cube_roots() {
        for (n, root) in [(0, 0), (1, 1), (7, 1), (8, 2), (26, 2), (27, 3), (u64::MAX, 2_642_245)] {
            assert_eq!(cube_root(n), root);
        }
    }
}
