//! Maglev hashing: ip_vs_mh.c, after Eisenbud et al., NSDI 2016.

use super::hash::{hsiphash, word};
use super::sh::{FALLBACK, PORT};
use super::wrr::gcd;
use super::{Change, Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// The client's address decides by a table that changes little when a server comes or goes.
#[derive(Debug, Default)]
pub(super) struct Mh {
    /// The place of each slot's server; empty if there are no servers.
    slots: Vec<usize>,
}

/// The largest prime below 2^12: IP_VS_MH_TAB_INDEX 12.
const SLOTS: usize = 4093;
/// IP_VS_MH_TAB_BITS: weights are scaled down to so many bits.
const WEIGHT_BITS: u32 = 6;

const KEY1: u64 = 2_654_435_761;
const KEY2: u64 = 2_654_446_892;

/// A server's walk through the table.
struct Walk {
    place: usize,
    slot: usize,
    skip: usize,
    /// How many slots it takes at a time.
    turns: u32,
}

impl Mh {
    /// ip_vs_mh_hashkey
    fn hash(request: &Request<'_>, offset: usize) -> usize {
        let port = if request.flags & PORT != 0 { request.source_port } else { 0 };
        let value = (offset as u32).wrapping_add(u32::from(port)).wrapping_add(word(request.source));
        hsiphash(value, KEY1) as usize % SLOTS
    }

    fn usable(&self, slot: usize, servers: Servers<'_>) -> Option<usize> {
        let place = *self.slots.get(slot)?;
        servers.at(place).is_usable().then_some(place)
    }
}

/// The right shift that brings the greatest share down to [`WEIGHT_BITS`] (ip_vs_mh_shift_weight).
fn shift(greatest_share: i64) -> u32 {
    (i64::BITS - greatest_share.leading_zeros()).saturating_sub(WEIGHT_BITS)
}

fn walks(servers: Servers<'_>) -> Vec<Walk> {
    let weights = || servers.iter().map(|dest| i64::from(dest.last_weight)).filter(|weight| *weight > 0);
    let unit = weights().reduce(gcd).unwrap_or(1);
    let shift = shift(weights().max().unwrap_or(0) / unit);
    let walk = |place| {
        let dest = servers.at(place);
        let value = u32::from(dest.options.port).wrapping_add(word(dest.options.address));
        let turns = match dest.last_weight {
            0 => 0,
            weight => ((i64::from(weight) / unit) >> shift).max(1) as u32,
        };
        Walk {
            place,
            slot: hsiphash(value, KEY1) as usize % SLOTS,
            skip: hsiphash(value, KEY2) as usize % (SLOTS - 1) + 1,
            turns,
        }
    };
    (0..servers.len()).map(walk).collect()
}

impl Scheduler for Mh {
    /// ip_vs_mh_populate
    fn changed(&mut self, _: Change, servers: Servers<'_>) {
        self.slots.clear();
        let mut walks = walks(servers);
        if walks.iter().all(|walk| walk.turns == 0) {
            return;
        }
        let mut slots = vec![None; SLOTS];
        let mut free = SLOTS;
        while free > 0 {
            for walk in &mut walks {
                for _ in 0..walk.turns.min(free as u32) {
                    while slots[walk.slot].is_some() {
                        walk.slot = (walk.slot + walk.skip) % SLOTS;
                    }
                    slots[walk.slot] = Some(walk.place);
                    free -= 1;
                }
            }
        }
        self.slots.extend(slots.into_iter().flatten());
    }

    fn pick(&mut self, request: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let slot = Mh::hash(request, 0);
        let chosen = |place, bucket, fallbacks| {
            let why = Choice::HashedSource { bucket, buckets: SLOTS, with_port: request.flags & PORT != 0, fallbacks };
            Some(Pick { place, why })
        };
        if let Some(place) = self.usable(slot, servers) {
            return chosen(place, slot, 0);
        }
        if request.flags & FALLBACK == 0 {
            return None;
        }
        // ip_vs_mh_get_fallback
        (0..SLOTS).find_map(|offset| {
            let fallback = Mh::hash(request, (offset + slot) % SLOTS);
            chosen(self.usable(fallback, servers)?, fallback, offset + 1)
        })
    }
}
