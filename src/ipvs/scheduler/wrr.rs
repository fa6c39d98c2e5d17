//! Weighted round robin: ip_vs_wrr.c.

use super::{Change, Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// Rounds with a level that falls from the greatest weight to the least; servers whose weight reaches it are served.
#[derive(Debug, Default)]
pub(super) struct Wrr {
    /// One more than the place of the server that was last; 0 is the head of the list itself.
    last: usize,
    /// The level of this round.
    current: i64,
    /// The highest level.
    max: i64,
    /// How far the level falls from round to round: the weights' greatest common divisor.
    step: i64,
}

/// The greatest common divisor of all weights that are not 0; 1 if there is none.
fn gcd_of_weights(servers: Servers<'_>) -> i64 {
    let weights = servers.iter().map(|dest| i64::from(dest.weight())).filter(|weight| *weight > 0);
    weights.reduce(gcd).unwrap_or(1)
}

pub(super) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Scheduler for Wrr {
    /// ip_vs_wrr_init_svc, ip_vs_wrr_dest_changed
    fn changed(&mut self, change: Change, servers: Servers<'_>) {
        self.last = 0;
        self.step = gcd_of_weights(servers);
        self.max = servers.iter().map(|dest| i64::from(dest.weight())).max().unwrap_or(0) - (self.step - 1);
        if change == Change::Started || self.current > self.max || self.current == 0 {
            self.current = self.max;
        } else if self.step > 1 {
            self.current = self.current / self.step * self.step + 1;
        }
    }

    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        if self.max == 0 {
            return None;
        }
        let first = self.last;
        let mut place = first;
        let mut stop = None;
        let mut is_bottom = false;
        let mut has_wrapped = false;
        loop {
            while place < stop.unwrap_or(servers.len()) {
                let dest = servers.at(place);
                place += 1;
                if !dest.is_overloaded && i64::from(dest.weight()) >= self.current {
                    self.last = place;
                    return Some(Pick { place: place - 1, why: Choice::Round { level: self.current } });
                }
            }
            if let Some(stop) = stop {
                self.last = stop;
                return None;
            }
            place = 0;
            self.current -= self.step;
            if self.current <= 0 {
                self.current = self.max;
                // Everybody has been tried at the lowest level: all are overloaded.
                if is_bottom || first == 0 {
                    self.last = 0;
                    return None;
                }
                has_wrapped = true;
            }
            is_bottom = self.current <= self.step;
            // The first walk was at the lowest level, but only behind `first`: the others are left.
            if is_bottom && has_wrapped && first != 0 {
                stop = Some(first);
            }
        }
    }
}
