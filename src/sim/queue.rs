//! Events to come, in the order in which they will happen.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::time::Time;

/// A queue by time; events of the same time leave it in the order in which they came in.
#[derive(Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    pushed: u64,
}

/// Kept to 24 bytes: the heap moves these about.
#[derive(Debug)]
struct Entry<E> {
    at: Time,
    sequence: u64,
    event: E,
}

impl<E> Queue<E> {
    /// An empty queue.
    pub fn new() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), pushed: 0 }
    }

    /// Adds an event.
    pub fn push(&mut self, at: Time, event: E) {
        self.heap.push(Entry { at, sequence: self.pushed, event });
        self.pushed += 1;
    }

    /// When the next event happens.
    pub fn next_time(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Takes the next event out, unless it happens after `limit`.
    pub fn pop_until(&mut self, limit: Time) -> Option<(Time, E)> {
        if self.next_time()? > limit {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.event))
    }
}

impl<E> Ord for Entry<E> {
    /// The heap gives its greatest first: the earliest.
    fn cmp(&self, other: &Entry<E>) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Entry<E>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Entry<E>) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

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
