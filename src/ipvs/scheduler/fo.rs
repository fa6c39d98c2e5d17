//! Weighted fail over: ip_vs_fo.c.

use super::{Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// The server with the greatest weight, as long as it is usable.
#[derive(Debug)]
pub(super) struct Fo;

impl Scheduler for Fo {
    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let place = first_heaviest(servers.usable().map(|(place, dest)| (place, dest.weight())))?;
        Some(Pick { place, why: Choice::Heaviest })
    }
}

/// The place with the greatest weight; of equal ones the first.
pub(super) fn first_heaviest(candidates: impl Iterator<Item = (usize, i32)>) -> Option<usize> {
    let heavier = |best: (usize, i32), other: (usize, i32)| if other.1 > best.1 { other } else { best };
    candidates.reduce(heavier).map(|(place, _)| place)
}
