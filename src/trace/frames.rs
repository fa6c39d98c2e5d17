//! The bytes of all frames of a run.

use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::chunks::Chunks;
use crate::ids::FrameId;
use crate::wire::Frame;

/// Every frame's bytes, once for all places where the frame was seen, and once for all frames that carry them: a packet
/// that is passed on has new headers before the old rest, and a server sends the same page to everybody.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    bytes: Chunks<u8, { 1 << 20 }>,
    /// By number, from 1.
    kept: Chunks<Kept, { 1 << 16 }>,
    /// Where the last tail of this length is whose beginning has this hash.
    tails: FxHashMap<(usize, u64), usize>,
}

/// Where a frame's two parts are among the bytes.
#[derive(Clone, Copy, Debug)]
struct Kept {
    head: usize,
    head_len: u32,
    tail_len: u32,
    tail: usize,
}

/// So many bytes at a frame's beginning are most likely headers, which are the frame's own.
const HEADERS: usize = 96;
/// A tail is a multiple of this, counted from the end: what a tunnel puts before a packet does not shift it.
const GRAIN: usize = 64;

impl Frames {
    /// Keeps the frame that was numbered next.
    pub(super) fn keep(&mut self, id: FrameId, frame: &Frame) {
        debug_assert_eq!(id.number(), self.kept.len() as u64 + 1, "frames come in the order of their numbers");
        let bytes = frame.bytes();
        let tail_len = bytes.len().saturating_sub(HEADERS) / GRAIN * GRAIN;
        let (own, tail) = bytes.split_at(bytes.len() - tail_len);
        let head = self.bytes.extend(own);
        let at = if tail.is_empty() { head } else { self.tail(tail) };
        self.kept.push(Kept { head, head_len: own.len() as u32, tail_len: tail_len as u32, tail: at });
    }

    /// Where these bytes are, now at the latest.
    fn tail(&mut self, tail: &[u8]) -> usize {
        let known = self.tails.entry((tail.len(), FxBuildHasher.hash_one(&tail[..GRAIN])));
        match known {
            Entry::Occupied(known) if self.bytes.slice(*known.get(), tail.len()) == tail => *known.get(),
            known => *known.insert_entry(self.bytes.extend(tail)).get(),
        }
    }

    /// A frame by its number, if there is one with this number.
    pub fn get(&self, id: FrameId) -> Option<Frame> {
        let Kept { head, head_len, tail_len, tail } = *self.kept.get(id.number() as usize - 1)?;
        let part = |at: usize, len: u32| self.bytes.slice(at, len as usize);
        Some(Frame::new(&[part(head, head_len), part(tail, tail_len)].concat()))
    }

    /// The frame that a record of the same trace names.
    ///
    /// # Panics
    ///
    /// If there is no frame with this number.
    pub fn of(&self, id: FrameId) -> Frame {
        self.get(id).expect("every frame that a record names was sent")
    }

    /// The frame that was sent last.
    pub fn last(&self) -> Option<FrameId> {
        (self.kept.len() > 0).then(|| FrameId::new(self.kept.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(place: usize) -> FrameId {
        FrameId::new(place as u64 + 1)
    }

    proptest! {
        /// Whatever frames have in common, each comes out as it went in.
        #[test]
        fn nothing_is_lost(parts in prop::collection::vec((0..3_u8, 14..200_usize, 0..3_u8, 0..400_usize), 1..20)) {
            let frame = |&(own, head, rest, tail): &(u8, usize, u8, usize)| {
                Frame::new(&[vec![own; head], vec![rest; tail]].concat())
            };
            let frames: Vec<_> = parts.iter().map(frame).collect();
            let mut kept = Frames::default();
            for (place, frame) in frames.iter().enumerate() {
                kept.keep(id(place), frame);
                prop_assert_eq!(kept.last(), Some(id(place)));
            }
            for (place, frame) in frames.iter().enumerate() {
                prop_assert_eq!(&kept.of(id(place)), frame);
            }
            prop_assert_eq!(kept.get(id(frames.len())), None);
        }
    }

    #[test]
    fn what_is_passed_on_costs_its_headers_only() {
        let mut bytes: Vec<u8> = (0..1514).map(|at| (at * at) as u8).collect();
        let mut kept = Frames::default();
        kept.keep(id(0), &Frame::new(&bytes));
        let first = kept.bytes.len();
        for hop in 1..10 {
            bytes[..54].fill(hop as u8);
            kept.keep(id(hop), &Frame::new(&bytes));
        }
        let wrapped = [vec![0; 20], bytes].concat();
        kept.keep(id(10), &Frame::new(&wrapped));
        assert_eq!(first, 1514);
        assert!(kept.bytes.len() <= first + 10 * (HEADERS + GRAIN), "{}", kept.bytes.len());
    }
}
