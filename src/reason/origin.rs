//! Where the packets come from that a node sends.

use std::fmt;

use crate::ids::{FrameId, JobId, PacketId};

/// Where a packet on its way through a node comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The frame that it came in, or that led to it.
    pub cause: Option<FrameId>,
    /// That the node has made it; none: it has come in, and goes on.
    pub made: Option<Made>,
}

/// A packet that a node has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its number.
    pub packet: PacketId,
    /// The packet made here that has made it necessary: what waits while its neighbour is asked for, what an error is about.
    pub for_sake_of: Option<PacketId>,
    /// Who has made it.
    pub by: Maker,
}

/// Who is at work on a node: who makes packets, and changes settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Maker {
    /// The kernel, while it handles what has come in.
    #[default]
    Kernel,
    /// One of the kernel's timers.
    Timer(KernelTimer),
    /// A process, by its number.
    Program(u32),
}

/// The kernel's timers that make packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelTimer {
    /// A neighbour entry has waited long enough for an answer, or is to be checked.
    Neighbour,
    /// A datagram's other pieces have not come in time.
    Reassembly,
    /// A connection's timer: retransmission, probe, delayed acknowledgement, keep-alive.
    Tcp,
    /// IPVS tells other directors of its connections.
    IpvsSync,
}

/// A process begins, or takes another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: Box<str>,
    /// The command line that it belongs to.
    pub job: JobId,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The frame that came in, or that led to the packet.
    pub frame: Option<FrameId>,
    /// The packet, if the node has made it.
    pub packet: Option<PacketId>,
}

impl Origin {
    /// What came in this frame.
    pub const fn came_in(frame: Option<FrameId>) -> Origin {
        Origin { cause: frame, made: None }
    }
}

impl From<Origin> for About {
    fn from(origin: Origin) -> About {
        About { frame: origin.cause, packet: origin.made.map(|made| made.packet) }
    }
}

impl From<Option<FrameId>> for About {
    fn from(frame: Option<FrameId>) -> About {
        About { frame, packet: None }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} is {}", self.pid, self.name)
    }
}
