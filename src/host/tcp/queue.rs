//! Queues that most connections do not need most of the time.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A queue that takes no more than a pointer until something is put into it.
#[expect(clippy::box_collection, reason = "the box is what makes an empty one small")]
pub(super) struct Queue<T>(Option<Box<VecDeque<T>>>);

impl<T: 'static> Queue<T> {
    const EMPTY: &'static VecDeque<T> = &VecDeque::new();

    pub const fn new() -> Queue<T> {
        Queue(None)
    }

    /// Gives its memory back if nothing is in it.
    pub fn rest(&mut self) {
        if self.is_empty() {
            self.0 = None;
        }
    }
}

impl<T: 'static> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue::new()
    }
}

impl<T: 'static> Deref for Queue<T> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        self.0.as_deref().unwrap_or(Self::EMPTY)
    }
}

impl<T: 'static> DerefMut for Queue<T> {
    fn deref_mut(&mut self) -> &mut VecDeque<T> {
        self.0.get_or_insert_default()
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
