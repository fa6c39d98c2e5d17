//! Shortest expected delay: ip_vs_sed.c.

use super::{Pick, Request, Scheduler, Servers, least_by_weight};
use crate::ipvs::dest::Dest;
use crate::reason::Choice;

/// The server where one more connection waits least, with its weight for its speed.
#[derive(Debug)]
pub(super) struct Sed;

/// How many the connection would wait for, itself included (ip_vs_sed_dest_overhead).
pub(super) fn queue(dest: &Dest) -> u64 {
    u64::from(dest.active) + 1
}

impl Scheduler for Sed {
    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let place = least_by_weight(servers, queue)?;
        Some(Pick { place, why: Choice::ShortestDelay })
    }
}
