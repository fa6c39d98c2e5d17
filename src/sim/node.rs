//! What the engine asks of a node, and what a node asks of the engine.

use crate::ids::{FrameId, PacketId, Port};
use crate::reason::{About, Made, Maker, Note, Origin};
use crate::time::Time;
use crate::wire::Frame;

/// A machine with network ports, as the engine sees it: a state machine that neither reads a clock nor sends by itself.
///
/// The engine calls one of the `handle_*` methods when something happens, collects what the node puts into the
/// [`Outbox`], and asks [`Node::next_wake`] when to call again. A wake that comes too early must do no harm.
pub trait Node {
    /// What the timeline can hand to a node: commands, faults.
    type Input;

    /// A frame has arrived at a port.
    fn handle_frame(&mut self, port: Port, frame: Frame, now: Time, out: &mut Outbox);

    /// The cable at a port has come up or gone down, because of what happened at its other end.
    fn handle_carrier(&mut self, port: Port, up: bool, now: Time, out: &mut Outbox);

    /// A step of the timeline is due.
    fn handle_input(&mut self, input: Self::Input, now: Time, out: &mut Outbox);

    /// The time of [`Node::next_wake`] has come.
    fn handle_wake(&mut self, now: Time, out: &mut Outbox);

    /// When the node wants to be woken next, if at all.
    fn next_wake(&self) -> Option<Time>;
}

/// What a node wants done, in order.
#[derive(Debug)]
pub enum Action {
    /// Put a frame on the cable at a port.
    Transmit {
        /// Where it leaves.
        port: Port,
        /// Its bytes.
        frame: Frame,
        /// What it was made from, and by whom.
        origin: Origin,
    },
    /// The node has switched the transceiver of a port on or off (`ip link set ... up`): the other end sees the carrier change.
    Carrier {
        /// Which port.
        port: Port,
        /// On or off.
        up: bool,
    },
    /// A decision that somebody may ask about, with what it was about. Only while tracing.
    Note(About, Note),
}

/// Collects the actions of a node while it handles an event.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What is to be done, in order.
    pub actions: Vec<Action>,
    /// The frame being handled, set by the engine.
    pub handling: Option<FrameId>,
    /// Who is at work.
    pub maker: Maker,
    /// How many packets have been made so far.
    pub made: u32,
    /// Whether anybody reads notes; set by the engine. A node makes none otherwise.
    pub tracing: bool,
}

impl Outbox {
    /// Sends a frame that the one being handled has caused.
    pub fn transmit(&mut self, port: Port, frame: Frame) {
        let origin = Origin::came_in(self.handling);
        self.actions.push(Action::Transmit { port, frame, origin });
    }

    /// The origin of a packet that the node makes now.
    #[inline]
    pub fn origin(&mut self) -> Origin {
        self.made = self.made.wrapping_add(1);
        let made = Made { packet: PacketId::new(self.made), for_sake_of: None, by: self.maker };
        Origin { cause: self.handling, made: Some(made) }
    }

    /// The origin of a packet that the node makes now, because of another one.
    pub fn origin_for(&mut self, other: Origin) -> Origin {
        let Origin { made, .. } = self.origin();
        let for_sake_of = other.made.map(|made| made.packet);
        Origin { cause: other.cause, made: made.map(|made| Made { for_sake_of, ..made }) }
    }

    /// Whether what came in was dropped after so many actions.
    pub fn has_dropped_since(&self, actions: usize) -> bool {
        let drops = |action: &Action| matches!(action, Action::Note(About { packet: None, .. }, Note::Drop(_)));
        self.actions[actions..].iter().any(drops)
    }

    /// Notes a decision about the frame being handled. `note` is called only while tracing.
    #[inline]
    pub fn note(&mut self, note: impl FnOnce() -> Note) {
        self.note_about(self.handling, note);
    }

    /// Notes a decision about a packet, or about a frame that came earlier.
    #[inline]
    pub fn note_about(&mut self, about: impl Into<About>, note: impl FnOnce() -> Note) {
        if self.tracing {
            self.actions.push(Action::Note(about.into(), note()));
        }
    }
}
