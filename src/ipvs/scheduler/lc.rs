//! Least connections: ip_vs_lc.c.

use super::{Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// The server with the fewest connections, weights left aside.
#[derive(Debug)]
pub(super) struct Lc;

impl Scheduler for Lc {
    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let (place, _) = servers.usable().min_by_key(|(_, dest)| dest.overhead())?;
        Some(Pick { place, why: Choice::LeastConnections })
    }
}
