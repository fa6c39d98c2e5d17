//! Never queue: ip_vs_nq.c.

use super::sed::queue;
use super::{Pick, Request, Scheduler, Servers, least_by_weight};
use crate::reason::Choice;

/// An idle server if there is one, else the one with the shortest expected delay.
#[derive(Debug)]
pub(super) struct Nq;

impl Scheduler for Nq {
    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        if let Some((place, _)) = servers.usable().find(|(_, dest)| dest.active == 0) {
            return Some(Pick { place, why: Choice::Idle });
        }
        let place = least_by_weight(servers, queue)?;
        Some(Pick { place, why: Choice::ShortestDelay })
    }
}
