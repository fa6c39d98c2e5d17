//! Weighted overflow: ip_vs_ovf.c.

use super::fo::first_heaviest;
use super::{Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// The server with the greatest weight that does not have more active connections than that weight.
#[derive(Debug)]
pub(super) struct Ovf;

impl Scheduler for Ovf {
    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let free = servers.usable().filter(|(_, dest)| i64::from(dest.active) <= i64::from(dest.weight()));
        let place = first_heaviest(free.map(|(place, dest)| (place, dest.weight())))?;
        Some(Pick { place, why: Choice::HeaviestBelowWeight })
    }
}
