//! Long lists that grow without being moved.

use std::ops::Index;

/// A list of chunks of at most `LEN` things. A vector that grows is copied into fresh memory again and again, which would
/// be a good part of what recording costs.
#[derive(Clone, Debug)]
pub(super) struct Chunks<T, const LEN: usize> {
    full: Vec<Vec<T>>,
    open: Vec<T>,
}

impl<T, const LEN: usize> Chunks<T, LEN> {
    /// How many things there are, if they were added one by one.
    pub fn len(&self) -> usize {
        self.full.len() * LEN + self.open.len()
    }

    /// Adds one at the end.
    #[inline]
    pub fn push(&mut self, thing: T) {
        if self.open.len() == LEN {
            self.begin();
        }
        self.open.push(thing);
    }

    #[cold]
    fn begin(&mut self) {
        self.full.push(std::mem::replace(&mut self.open, Vec::with_capacity(LEN)));
    }

    fn chunk(&self, at: usize) -> &[T] {
        self.full.get(at / LEN).unwrap_or(&self.open)
    }

    /// The one at this place, from 0.
    pub fn get(&self, at: usize) -> Option<&T> {
        self.chunk(at).get(at % LEN).filter(|_| at / LEN <= self.full.len())
    }

    /// The last one.
    pub fn last(&self) -> Option<&T> {
        self.open.last()
    }
}

impl<T: Copy, const LEN: usize> Chunks<T, LEN> {
    /// Adds many, at most `LEN`, which stay together: their place.
    pub fn extend(&mut self, things: &[T]) -> usize {
        if self.open.len() + things.len() > LEN {
            self.begin();
        }
        let at = self.len();
        self.open.extend_from_slice(things);
        at
    }

    /// So many from this place on, which were added together.
    pub fn slice(&self, at: usize, len: usize) -> &[T] {
        &self.chunk(at)[at % LEN..at % LEN + len]
    }
}

impl<T, const LEN: usize> Index<usize> for Chunks<T, LEN> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.chunk(at)[at % LEN]
    }
}

impl<T, const LEN: usize> Default for Chunks<T, LEN> {
    fn default() -> Chunks<T, LEN> {
        Chunks { full: Vec::new(), open: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stay_where_they_were_put() {
        let mut chunks = Chunks::<usize, 8>::default();
        assert_eq!((chunks.len(), chunks.last(), chunks.get(0)), (0, None, None));
        for number in 0..100 {
            chunks.push(number);
            assert_eq!((chunks.len(), chunks.last()), (number + 1, Some(&number)));
        }
        assert!((0..100).all(|at| chunks[at] == at && chunks.get(at) == Some(&at)));
        assert!((100..130).all(|at| chunks.get(at).is_none()));
    }

    #[test]
    fn what_is_added_together_stays_together() {
        let mut chunks = Chunks::<u8, 8>::default();
        let texts = [&b"abc"[..], b"defgh", b"", b"i", b"jklmnop", b"qr"];
        let places = texts.map(|text| chunks.extend(text));
        for (text, at) in texts.into_iter().zip(places) {
            assert_eq!(chunks.slice(at, text.len()), text);
        }
    }
}
