//! What is kept of a run: every frame at every interface, and every decision, in the order in which they happened.

use super::cast::Cast;
use super::chunks::Chunks;
use super::frames::Frames;
use crate::ids::{FrameId, NodeId, PacketId, Port};
use crate::reason::{About, Drop, Loss, Made, Note, Origin};
use crate::sim::{Hop, Sink};
use crate::time::{EPOCH, Span, Time};
use crate::wire::Frame;

/// A run, as far as it was watched. It keeps everything that it is told.
///
/// A million frames leave some five million records, and fresh memory is what recording costs most: records are small, and
/// what a frame tells wherever it is seen is kept once.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Who took part.
    pub cast: Cast,
    /// The scenario's time zero: when all was set up.
    pub zero: Time,
    /// The bytes of the frames.
    pub frames: Frames,
    /// Where the frames come from that nodes have sent: by number, from 1.
    origins: Chunks<Origin, CHUNK>,
    notes: Chunks<Note, CHUNK>,
    losses: Vec<(Hop, Loss)>,
    kept: Chunks<Kept, CHUNK>,
}

/// So many are kept together.
const CHUNK: usize = 1 << 16;

/// A record as it is kept.
#[derive(Clone, Copy, Debug)]
struct Kept {
    at: Time,
    what: What,
}

/// What happened; what needs more room is at its place elsewhere.
#[derive(Clone, Copy, Debug)]
enum What {
    Sent { node: NodeId, port: Port, id: FrameId },
    Arrived { node: NodeId, port: Port, id: FrameId },
    Lost { id: FrameId, place: u32 },
    Noted { node: NodeId, about: Option<FrameId>, packet: Option<PacketId>, place: u32 },
}

const _: () = assert!(size_of::<Kept>() <= 32, "there are millions of them");
const _: () = assert!(size_of::<Note>() <= 48, "a rare reason with many facts belongs into a box");

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When.
    pub at: Time,
    /// What.
    pub event: Event<'a>,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A frame passed an interface.
    Frame {
        /// Whose interface.
        node: NodeId,
        /// Which one.
        port: Port,
        /// Which way.
        direction: Direction,
        /// Its number: the same wherever the frame is seen.
        id: FrameId,
        /// The frame that led to it, if it leaves a node.
        cause: Option<FrameId>,
        /// Who has made it there; none if it is what came in, and at its destination.
        made: Option<Made>,
    },
    /// A frame was lost on its way.
    Lost {
        /// Where.
        hop: &'a Hop,
        /// Which frame.
        id: FrameId,
        /// How.
        loss: &'a Loss,
    },
    /// A node decided something.
    Note {
        /// Who.
        node: NodeId,
        /// The frame that it was about, or that led to the packet that it was about.
        about: Option<FrameId>,
        /// The packet that it was about, if the node has made it.
        packet: Option<PacketId>,
        /// What, and why.
        note: &'a Note,
    },
}

/// Which way a frame passes an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the node.
    In,
    /// Out of the node.
    Out,
}

impl Event<'_> {
    /// Whether a frame leaves a node, or is lost.
    pub fn is_sent_or_lost(&self) -> bool {
        matches!(self, Event::Frame { direction: Direction::Out, .. } | Event::Lost { .. })
    }
}

impl Trace {
    /// A run with these nodes, of which nothing has been seen yet.
    pub fn of(cast: Cast) -> Trace {
        Trace { cast, ..Trace::default() }
    }

    /// What happened, in order.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = Record<'_>> + ExactSizeIterator + Clone {
        self.records_from(0)
    }

    /// What happened, in order, without so many records at the beginning.
    pub fn records_from(
        &self,
        first: usize,
    ) -> impl DoubleEndedIterator<Item = Record<'_>> + ExactSizeIterator + Clone {
        (first..self.kept.len()).map(|place| self.record(&self.kept[place]))
    }

    fn record(&self, kept: &Kept) -> Record<'_> {
        let event = match kept.what {
            What::Sent { node, port, id } => {
                let Origin { cause, made } = self.origins[id.number() as usize - 1];
                Event::Frame { node, port, direction: Direction::Out, id, cause, made }
            }
            What::Arrived { node, port, id } => {
                Event::Frame { node, port, direction: Direction::In, id, cause: None, made: None }
            }
            What::Lost { id, place } => {
                let (hop, loss) = &self.losses[place as usize];
                Event::Lost { hop, id, loss }
            }
            What::Noted { node, about, packet, place } => {
                Event::Note { node, about, packet, note: &self.notes[place as usize] }
            }
        };
        Record { at: kept.at, event }
    }

    /// When the last thing happened; the beginning if nothing has.
    pub fn last(&self) -> Time {
        self.kept.last().map_or(Time::ZERO, |kept| kept.at)
    }

    /// A moment as the scenario counts it, in nanoseconds; what belongs to the set-up has negative times.
    pub fn relative(&self, at: Time) -> i128 {
        i128::from(at.as_nanos()) - i128::from(self.zero.as_nanos())
    }

    /// A moment as captures count it: the scenario's zero is [`EPOCH`].
    pub fn wall(&self, at: Time) -> Span {
        EPOCH + at.since(self.zero) - self.zero.since(at)
    }

    /// The frames that a capture at an interface shows, in order. What its hardware throws away is not among them.
    pub fn capture(&self, node: NodeId, port: Port) -> impl Iterator<Item = (Time, Direction, Frame)> {
        (0..self.kept.len()).filter_map(move |place| {
            let kept = &self.kept[place];
            let (direction, id) = match kept.what {
                What::Sent { node: of, port: at, id } if (of, at) == (node, port) => (Direction::Out, id),
                What::Arrived { node: of, port: at, id } if (of, at) == (node, port) => (Direction::In, id),
                _ => return None,
            };
            let is_unseen = direction == Direction::In && self.is_unseen(place, node, id);
            (!is_unseen).then(|| (kept.at, direction, self.frames.of(id)))
        })
    }

    /// Whether the first thing that a node noted about the frame that came in at this place was that it never got in.
    fn is_unseen(&self, place: usize, node: NodeId, id: FrameId) -> bool {
        let next = self.kept.get(place + 1).map(|kept| self.record(kept).event);
        matches!(
            next,
            Some(Event::Note { node: by, about: Some(about), note: Note::Drop(Drop::Ip(drop)), .. })
                if (by, about) == (node, id) && drop.is_unseen()
        )
    }

    fn keep(&mut self, at: Time, what: What) {
        self.kept.push(Kept { at, what });
    }
}

impl Sink for Trace {
    fn tracing(&self) -> bool {
        true
    }

    fn sent(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, origin: Origin, frame: &Frame) {
        self.frames.keep(id, frame);
        self.origins.push(origin);
        self.keep(at, What::Sent { node, port, id });
    }

    fn arrived(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, frame: &Frame) {
        debug_assert_eq!(&self.frames.of(id), frame, "nothing changes a frame on its way");
        self.keep(at, What::Arrived { node, port, id });
    }

    fn lost(&mut self, at: Time, hop: Hop, id: FrameId, frame: &Frame, loss: Loss) {
        debug_assert_eq!(&self.frames.of(id), frame, "nothing changes a frame on its way");
        let place = self.losses.len() as u32;
        self.losses.push((hop, loss));
        self.keep(at, What::Lost { id, place });
    }

    fn note(&mut self, at: Time, node: NodeId, About { frame: about, packet }: About, note: Note) {
        let place = self.notes.len() as u32;
        self.notes.push(note);
        self.keep(at, What::Noted { node, about, packet, place });
    }
}
