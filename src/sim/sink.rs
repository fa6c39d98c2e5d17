//! Who watches a run.

use crate::ids::{FrameId, NodeId, Port, SwitchId};
use crate::reason::{About, Loss, Note, Origin};
use crate::time::Time;
use crate::wire::Frame;

/// Something that cables end at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Station {
    /// A machine.
    Node(NodeId),
    /// A switch.
    Switch(SwitchId),
}

/// A port of a station: one end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// Whose port.
    pub station: Station,
    /// Which one.
    pub port: Port,
}

/// A way over a cable, from end to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where frames enter the cable.
    pub from: End,
    /// Where they leave it; none if nothing is plugged in.
    pub to: Option<End>,
}

/// Is told everything that happens, in order. All methods do nothing unless overridden.
///
/// Engines are compiled for their sink, so that one which does nothing costs nothing.
pub trait Sink {
    /// Whether nodes shall make notes of their decisions.
    fn tracing(&self) -> bool;

    /// A node has put a frame on the cable at a port.
    fn sent(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, origin: Origin, frame: &Frame) {
        let _ = (at, node, port, id, origin, frame);
    }

    /// A frame has arrived at a node's port; what the node makes of it comes next.
    fn arrived(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, frame: &Frame) {
        let _ = (at, node, port, id, frame);
    }

    /// A frame was lost on this hop, or by the switch at the end of it.
    fn lost(&mut self, at: Time, hop: Hop, id: FrameId, frame: &Frame, loss: Loss) {
        let _ = (at, hop, id, frame, loss);
    }

    /// A switch has taken a frame in at a port, and put so many copies of it on other cables.
    fn switched(&mut self, at: Time, switch: SwitchId, port: Port, id: FrameId, frame: &Frame, copies: usize) {
        let _ = (at, switch, port, id, frame, copies);
    }

    /// A cable will deliver a frame twice.
    fn duplicated(&mut self, at: Time, hop: Hop, id: FrameId, frame: &Frame) {
        let _ = (at, hop, id, frame);
    }

    /// A node has decided something.
    fn note(&mut self, at: Time, node: NodeId, about: About, note: Note) {
        let _ = (at, node, about, note);
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Sink for Unwatched {
    fn tracing(&self) -> bool {
        false
    }
}
