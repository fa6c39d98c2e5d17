//! Names for the things of a lab, small enough to copy.

use std::num::NonZeroU32;

/// A node of the lab: its place in the scenario file, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A socket on a node that a cable can be plugged into, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u32);

/// A frame as it was put on a cable, numbered from 1 in the order in which that happened; a switch's copies keep the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(NonZeroU32);

impl FrameId {
    /// The name of the frame with this number. After four billion frames, more than any trace can hold, they come again.
    pub const fn new(number: u64) -> FrameId {
        FrameId(numbered(number as u32))
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0.get() as u64
    }
}

/// A packet that a node has made itself, numbered from 1 in the order of making; it may never become a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(NonZeroU32);

impl PacketId {
    /// The name of the packet with this number.
    pub const fn new(number: u32) -> PacketId {
        PacketId(numbered(number))
    }
}

/// Numbers begin at 1, so that "none" needs no room of its own: records are kept by the million.
const fn numbered(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MAX,
    }
}

/// A switch of the lab, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwitchId(pub u32);

/// A terminal of a node, from 1: what is typed at one does not wait for what is typed at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Terminal(pub u16);

impl Terminal {
    /// The one that scenarios type at unless they say otherwise.
    pub const FIRST: Terminal = Terminal(1);
}

/// A command line that was typed at a node: where, and the how manieth it was there, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId {
    /// Where it was typed.
    pub terminal: Terminal,
    number: u32,
}

impl JobId {
    /// The job with this number at this terminal.
    pub const fn new(terminal: Terminal, number: usize) -> JobId {
        JobId { terminal, number: number as u32 }
    }

    /// Its number there.
    pub const fn number(self) -> usize {
        self.number as usize
    }
}

/// A cable of the lab, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);
