//! Weighted least connections: ip_vs_wlc.c.

use super::{Pick, Request, Scheduler, Servers, least_by_weight};
use crate::reason::Choice;

/// The server with the fewest connections in proportion to its weight.
#[derive(Debug)]
pub(super) struct Wlc;

/// The choice that lblc and lblcr fall back on, too.
pub(super) fn least_loaded(servers: Servers<'_>) -> Option<usize> {
    least_by_weight(servers, |dest| dest.overhead())
}

impl Scheduler for Wlc {
    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let place = least_loaded(servers)?;
        Some(Pick { place, why: Choice::LeastByWeight })
    }
}
