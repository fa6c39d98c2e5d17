//! Power of two choices: ip_vs_twos.c.

use super::{Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// Two servers are drawn, each by its weight; the less loaded one is taken.
#[derive(Debug)]
pub(super) struct Twos;

impl Scheduler for Twos {
    fn pick(&mut self, request: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let total: i64 = servers.usable().map(|(_, dest)| i64::from(dest.weight())).sum();
        if total == 0 {
            return None;
        }
        let mut draw = || {
            let mut left = request.chance.below(total as u64 + 1) as i64;
            let drawn = servers.usable().find(|(_, dest)| {
                left -= i64::from(dest.weight());
                left <= 0
            });
            drawn.expect("the draw is at most the sum of all weights")
        };
        let ((first, a), (second, b)) = (draw(), draw());
        let is_second_better = b.weight() as u64 * a.overhead() > a.weight() as u64 * b.overhead();
        let place = if is_second_better { second } else { first };
        Some(Pick { place, why: Choice::BetterOfTwo { drawn: [a.endpoint(), b.endpoint()] } })
    }
}
