//! Names for the things of a lab, small enough to copy.

/// A node of the lab: its place in the scenario file, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A socket on a node that a cable can be plugged into, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u32);

/// A frame as it was put on a cable, numbered from 1 in the order in which that happened; a switch's copies keep the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u64);

/// A packet that a node has made itself, numbered from 1 in the order of making; it may never become a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketId(pub u32);

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
    /// Its number there.
    pub number: usize,
}

/// A cable of the lab, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);
