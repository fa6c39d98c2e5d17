//! Source hashing: ip_vs_sh.c.

use super::hash::{hash_32, word};
use super::{Change, Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// The client's address decides, so that a client comes back to its server.
#[derive(Debug, Default)]
pub(super) struct Sh {
    /// The place of each bucket's server; empty if there are no servers.
    buckets: Vec<usize>,
}

/// IP_VS_SH_TAB_BITS
const BITS: u32 = 8;
const BUCKETS: usize = 1 << BITS;

/// Another server is looked for when the client's own is unusable (IP_VS_SVC_F_SCHED_SH_FALLBACK).
pub(super) const FALLBACK: u8 = 1;
/// The client's port takes part (IP_VS_SVC_F_SCHED_SH_PORT).
pub(super) const PORT: u8 = 2;

impl Sh {
    /// ip_vs_sh_hashkey
    fn bucket(request: &Request<'_>, offset: usize) -> usize {
        let port = if request.flags & PORT != 0 { request.source_port } else { 0 };
        let key = u32::from(port).wrapping_add(word(request.source));
        (offset + hash_32(key, BITS)) % BUCKETS
    }

    fn usable(&self, bucket: usize, servers: Servers<'_>) -> Option<usize> {
        let place = *self.buckets.get(bucket)?;
        servers.at(place).is_usable().then_some(place)
    }
}

impl Scheduler for Sh {
    /// ip_vs_sh_reassign: as many buckets in a row as a server's weight says, and at least one.
    fn changed(&mut self, _: Change, servers: Servers<'_>) {
        self.buckets.clear();
        while self.buckets.len() < BUCKETS && !servers.is_empty() {
            for place in 0..servers.len() {
                let share = servers.at(place).weight().max(1) as usize;
                let room = BUCKETS - self.buckets.len();
                self.buckets.extend(std::iter::repeat_n(place, share.min(room)));
            }
        }
    }

    fn pick(&mut self, request: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let bucket = Sh::bucket(request, 0);
        let chosen = |place, bucket, fallbacks| {
            let why =
                Choice::HashedSource { bucket, buckets: BUCKETS, with_port: request.flags & PORT != 0, fallbacks };
            Some(Pick { place, why })
        };
        if let Some(place) = self.usable(bucket, servers) {
            return chosen(place, bucket, 0);
        }
        if request.flags & FALLBACK == 0 {
            return None;
        }
        // ip_vs_sh_get_fallback
        (0..BUCKETS).find_map(|offset| {
            let fallback = Sh::bucket(request, (offset + bucket) % BUCKETS);
            chosen(self.usable(fallback, servers)?, fallback, offset + 1)
        })
    }
}
