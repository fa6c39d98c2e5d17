//! What is kept of a run: every frame at every interface, and every decision, in the order in which they happened.

use crate::ids::{FrameId, NodeId, Port};
use crate::reason::Note;
use crate::time::{Span, Time};
use crate::wire::{Frame, MacAddr};

/// A run, as far as it was watched.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Who took part.
    pub cast: Cast,
    /// The scenario's time zero: when all was set up.
    pub zero: Time,
    /// What happened, in order.
    pub records: Vec<Record>,
}

/// The nodes and their interfaces: names for the numbers in the records.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// By [`NodeId`].
    pub nodes: Vec<Member>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its interfaces, by [`Port`].
    pub interfaces: Vec<Plug>,
}

/// An interface of a node.
#[derive(Clone, Debug)]
pub struct Plug {
    /// Its name.
    pub name: String,
    /// The hardware address that it was made with.
    pub mac: MacAddr,
}

/// Something that happened at a node.
#[derive(Clone, Debug)]
pub struct Record {
    /// When.
    pub at: Time,
    /// Where.
    pub node: NodeId,
    /// What.
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// A frame passed an interface.
    Frame {
        /// Which interface.
        port: Port,
        /// Which way.
        direction: Direction,
        /// Its number: the same wherever the frame is seen.
        id: FrameId,
        /// The frame that led to it.
        cause: Option<FrameId>,
        /// Its bytes.
        frame: Frame,
    },
    /// A frame that had left an interface was lost on its way.
    Lost {
        /// The interface at the end of the cable where it was lost.
        port: Port,
        /// Which frame.
        id: FrameId,
        /// Its bytes.
        frame: Frame,
        /// How.
        reason: String,
    },
    /// The node decided something, about this frame if it was about one.
    Note(Option<FrameId>, Note),
}

/// Which way a frame passes an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the node.
    In,
    /// Out of the node.
    Out,
}

impl Trace {
    /// A moment as the scenario counts it, in nanoseconds; what belongs to the set-up has negative times.
    pub fn relative(&self, at: Time) -> i128 {
        i128::from(at.as_nanos()) - i128::from(self.zero.as_nanos())
    }

    /// The frames at an interface, in order.
    pub fn frames(&self, node: NodeId, port: Port) -> impl Iterator<Item = (Time, Direction, &Frame)> {
        self.records.iter().filter_map(move |record| match &record.event {
            Event::Frame { port: at, direction, frame, .. } if record.node == node && *at == port => {
                Some((record.at, *direction, frame))
            }
            _ => None,
        })
    }
}

impl Cast {
    /// All interfaces, in order.
    pub fn interfaces(&self) -> impl Iterator<Item = (NodeId, Port, &Member, &Plug)> {
        (0..).zip(&self.nodes).flat_map(|(node, member)| {
            (0..).zip(&member.interfaces).map(move |(port, plug)| (NodeId(node), Port(port), member, plug))
        })
    }

    /// The name of a node.
    pub fn node(&self, node: NodeId) -> &str {
        self.nodes.get(node.0 as usize).map_or("?", |member| &member.name)
    }

    /// The name of an interface.
    pub fn interface(&self, node: NodeId, port: Port) -> &str {
        let member = self.nodes.get(node.0 as usize);
        member.and_then(|member| member.interfaces.get(port.0 as usize)).map_or("?", |plug| &plug.name)
    }
}

/// The wall-clock second that the scenario's time zero stands for in captures: 2026-01-01 00:00:00 UTC. It is a fixed
/// number, so that the same run gives the same bytes.
pub const EPOCH: Span = Span::from_secs(1_767_225_600);

impl Trace {
    /// A moment as captures count it: the scenario's zero is [`EPOCH`].
    pub fn wall(&self, at: Time) -> Span {
        let before = self.zero.since(at);
        EPOCH + at.since(self.zero) - before
    }
}
