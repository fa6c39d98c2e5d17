//! Destination hashing: ip_vs_dh.c.

use super::hash::{hash_32, word};
use super::{Change, Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// The virtual address decides: for clusters of caches, where one service takes packets for many addresses.
#[derive(Debug, Default)]
pub(super) struct Dh {
    /// The place of each bucket's server; empty if there are no servers.
    buckets: Vec<usize>,
}

const BITS: u32 = 8;

impl Scheduler for Dh {
    fn changed(&mut self, change: Change, servers: Servers<'_>) {
        // Weights play no part in it, so an edit changes nothing (ip_vs_dh_reassign).
        if change != Change::Edited {
            self.buckets = (0..servers.len()).cycle().take(1 << BITS).collect();
        }
    }

    fn pick(&mut self, request: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let bucket = hash_32(word(request.destination), BITS);
        let place = *self.buckets.get(bucket)?;
        let why = Choice::HashedDestination { bucket, buckets: self.buckets.len() };
        servers.at(place).is_usable().then_some(Pick { place, why })
    }
}
