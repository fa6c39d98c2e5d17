//! The tables of lblc and lblcr, and how they forget.

use std::net::Ipv4Addr;

use crate::ipvs::scheduler::hash::{hash_32, word};
use crate::time::{Span, Time};

const BITS: u32 = 10;
const BUCKETS: usize = 1 << BITS;
/// When there are more entries than so many, old ones are removed before their time.
const MAX_ENTRIES: usize = BUCKETS * 16;
/// How often the table is looked through (CHECK_EXPIRE_INTERVAL).
const INTERVAL: Span = Span::from_secs(60);
/// Every so many-th look is at the whole table (COUNT_FOR_FULL_EXPIRATION).
const LOOKS_TO_FULL: u64 = 30;
/// An entry unused for so long may be removed when there are too many (ENTRY_TIMEOUT).
const ENTRY_TIMEOUT: Span = Span::from_secs(6 * 60);

/// An entry that can grow old.
pub(in crate::ipvs::scheduler) trait Aged {
    fn last_used(&self) -> Time;
}

/// Entries by virtual address.
///
/// The kernel looks it through by a timer; this one does what the timer would have done when it is asked next.
#[derive(Debug)]
pub(in crate::ipvs::scheduler) struct Cache<E> {
    buckets: Vec<Vec<(Ipv4Addr, E)>>,
    len: usize,
    next_look: Option<Time>,
    looks: u64,
    rover: usize,
}

impl<E> Default for Cache<E> {
    fn default() -> Cache<E> {
        Cache { buckets: Vec::new(), len: 0, next_look: None, looks: 1, rover: 0 }
    }
}

impl<E: Aged> Cache<E> {
    pub fn get_mut(&mut self, address: Ipv4Addr) -> Option<&mut E> {
        let bucket = self.buckets.get_mut(hash_32(word(address), BITS))?;
        bucket.iter_mut().find(|(known, _)| *known == address).map(|(_, entry)| entry)
    }

    pub fn insert(&mut self, address: Ipv4Addr, entry: E) {
        if let Some(known) = self.get_mut(address) {
            *known = entry;
            return;
        }
        if self.buckets.is_empty() {
            self.buckets.resize_with(BUCKETS, Vec::new);
        }
        self.buckets[hash_32(word(address), BITS)].push((address, entry));
        self.len += 1;
    }

    /// Does what the timer has had to do until now (ip_vs_lblc_check_expire).
    pub fn expire(&mut self, now: Time, expiration: Span) {
        let next = *self.next_look.get_or_insert(now + INTERVAL);
        if now < next {
            return;
        }
        let looks = now.since(next).as_nanos() / INTERVAL.as_nanos() + 1;
        self.next_look = Some(next + INTERVAL.times(looks));
        let mut at = next;
        // Nothing is added between two looks: after a full one, and one for the number, the others find nothing.
        for _ in 0..looks.min(2 * LOOKS_TO_FULL) {
            self.look(at, expiration);
            at += INTERVAL;
        }
        if looks > 2 * LOOKS_TO_FULL {
            self.remove(0..BUCKETS, usize::MAX, now, expiration);
        }
    }

    fn look(&mut self, now: Time, expiration: Span) {
        self.looks += 1;
        if self.looks.is_multiple_of(LOOKS_TO_FULL) {
            self.remove(0..BUCKETS, usize::MAX, now, expiration);
        } else if self.len > MAX_ENTRIES {
            let goal = ((self.len - MAX_ENTRIES) * 4 / 3).min(MAX_ENTRIES / 2);
            let rover = self.rover;
            self.remove(rover + 1..rover + 1 + BUCKETS, goal, now, ENTRY_TIMEOUT);
        }
    }

    /// Removes entries that have not been used for so long, until there are so many less.
    fn remove(&mut self, buckets: std::ops::Range<usize>, goal: usize, now: Time, unused: Span) {
        if self.buckets.is_empty() {
            return;
        }
        let before = self.len;
        for bucket in buckets {
            self.rover = bucket % BUCKETS;
            let entries = &mut self.buckets[self.rover];
            let count = entries.len();
            entries.retain(|(_, entry)| now.since(entry.last_used()) <= unused);
            self.len -= count - entries.len();
            if before - self.len >= goal {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Aged for Time {
        fn last_used(&self) -> Time {
            *self
        }
    }

    #[test]
    fn old_entries_are_forgotten_at_a_full_look() {
        let mut cache = Cache::default();
        let (day, address) = (Span::from_secs(86400), Ipv4Addr::LOCALHOST);
        cache.expire(Time::ZERO, day);
        cache.insert(address, Time::ZERO);
        cache.expire(Time::ZERO + day, day);
        assert!(cache.get_mut(address).is_some());
        cache.expire(Time::ZERO + day + INTERVAL.times(LOOKS_TO_FULL), day);
        assert!(cache.get_mut(address).is_none());
    }

    #[test]
    fn too_many_entries_go_earlier() {
        let mut cache = Cache::default();
        cache.expire(Time::ZERO, Span::from_secs(86400));
        for n in 0..MAX_ENTRIES as u32 + 300 {
            cache.insert(Ipv4Addr::from(n), Time::ZERO);
        }
        cache.expire(Time::ZERO + Span::from_secs(420), Span::from_secs(86400));
        assert!((MAX_ENTRIES - 500..=MAX_ENTRIES).contains(&cache.len), "{}", cache.len);
    }
}
