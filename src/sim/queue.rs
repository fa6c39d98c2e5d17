//! Events to come, in the order in which they will happen.
//!
//! A radix heap (Ahuja, Mehlhorn, Orlin and Tarjan 1990). It uses that a simulation never plans for the past: with the
//! time of the last event as `floor`, a later time lies in the bucket of the highest bit in which it differs from it. The
//! next event is in the lowest bucket that is not empty. When its time becomes the floor, the events of that bucket
//! spread over the buckets below, which are empty; those of the buckets above stay, since their highest different bit
//! does. So an event moves down at most 64 times, in practice a few, and always to the end of a list: no comparisons,
//! and hardly a cache miss.

use std::collections::VecDeque;

use crate::time::Time;

/// A queue by time; events of the same time leave it in the order in which they came in.
///
/// That needs no sequence numbers: events of the same time are always in the same bucket, and buckets keep their order.
#[derive(Debug)]
pub struct Queue<E> {
    /// The time of the last event that was taken out.
    floor: u64,
    /// The events at the floor.
    due: VecDeque<E>,
    /// Bucket k: times whose highest bit that differs from the floor is bit k.
    buckets: [Bucket<E>; 64],
    /// A bit for each bucket that is not empty.
    occupied: u64,
}

/// Events in the order in which they came.
#[derive(Debug)]
struct Bucket<E> {
    earliest: u64,
    events: Vec<(u64, E)>,
}

impl<E> Queue<E> {
    /// An empty queue.
    pub fn new() -> Queue<E> {
        let empty = |_| Bucket { earliest: u64::MAX, events: Vec::new() };
        Queue { floor: 0, due: VecDeque::new(), buckets: std::array::from_fn(empty), occupied: 0 }
    }

    /// Adds an event, which must not be earlier than the last one that was taken out.
    #[inline]
    pub fn push(&mut self, at: Time, event: E) {
        debug_assert!(at.as_nanos() >= self.floor, "planned for the past");
        self.insert(at.as_nanos(), event);
    }

    #[inline]
    fn insert(&mut self, at: u64, event: E) {
        let different = at ^ self.floor;
        if different == 0 {
            self.due.push_back(event);
            return;
        }
        let index = different.ilog2();
        let bucket = &mut self.buckets[index as usize];
        bucket.earliest = bucket.earliest.min(at);
        bucket.events.push((at, event));
        self.occupied |= 1 << index;
    }

    /// When the next event happens.
    #[inline]
    pub fn next_time(&self) -> Option<Time> {
        if !self.due.is_empty() {
            return Some(Time::from_nanos(self.floor));
        }
        let lowest = self.buckets.get(self.occupied.trailing_zeros() as usize)?;
        Some(Time::from_nanos(lowest.earliest))
    }

    /// Takes the next event out, unless it happens after `limit`.
    #[inline]
    pub fn pop_until(&mut self, limit: Time) -> Option<(Time, E)> {
        let at = self.next_time().filter(|&at| at <= limit)?;
        if self.due.is_empty() {
            self.raise_floor(at.as_nanos());
        }
        self.due.pop_front().map(|event| (at, event))
    }

    /// Spreads the lowest bucket, whose earliest time this is, over those below.
    fn raise_floor(&mut self, floor: u64) {
        self.floor = floor;
        let index = self.occupied.trailing_zeros();
        self.occupied &= !(1 << index);
        let bucket = &mut self.buckets[index as usize];
        bucket.earliest = u64::MAX;
        let mut events = std::mem::take(&mut bucket.events);
        for (at, event) in events.drain(..) {
            self.insert(at, event);
        }
        // The bucket keeps its memory.
        self.buckets[index as usize].events = events;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Pushes are relative to the time of the last event, as in a simulation: nothing is scheduled for the past.
        #[test]
        fn by_time_and_then_first_in_first_out(steps in prop::collection::vec((prop::option::of(0u64..70), 0u64..100), 0..300)) {
            let mut queue = Queue::new();
            let mut model: Vec<(Time, usize)> = Vec::new();
            let mut now = Time::ZERO;
            for (number, (push, patience)) in steps.into_iter().enumerate() {
                if let Some(delay) = push {
                    // Some far away, and many at the same time.
                    let at = Time::from_nanos(now.as_nanos() + (delay / 4) * if delay > 60 { 1 << 30 } else { 1 });
                    queue.push(at, number);
                    model.push((at, number));
                    continue;
                }
                let limit = Time::from_nanos(now.as_nanos() + patience);
                let expected = model.iter().copied().min_by_key(|&(at, _)| at);
                prop_assert_eq!(queue.next_time(), expected.map(|(at, _)| at));
                let expected = expected.filter(|&(at, _)| at <= limit);
                prop_assert_eq!(queue.pop_until(limit), expected);
                model.retain(|entry| Some(*entry) != expected);
                now = expected.map_or(limit, |(at, _)| at);
            }
        }
    }
}
