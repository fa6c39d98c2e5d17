//! Values that most of many things do not need most of the time.

use std::ops::{Deref, DerefMut};

/// What a thing has that needs nothing special.
pub(crate) trait Usual: 'static {
    const USUAL: &'static Self;

    fn usual() -> Self;
}

/// A value that takes no more than a pointer until it is written to.
#[derive(Clone, Debug)]
pub(crate) struct Rare<T>(Option<Box<T>>);

impl<T: Usual + PartialEq> Rare<T> {
    /// Gives its memory back if there is nothing special in it.
    pub fn rest(&mut self) {
        self.0.take_if(|value| **value == *T::USUAL);
    }
}

impl<T> Rare<T> {
    /// What is special, if anything is: where something usual is to be restored, there is nothing to do without it.
    pub fn special(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Rare<T> {
        Rare(None)
    }
}

impl<T: Usual> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::USUAL)
    }
}

impl<T: Usual> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::usual()))
    }
}
