//! The journeys of packets: what each frame was made from or caused by, what every machine that it came to did with it, and
//! how it ended.
//!
//! A packet keeps its identity while it is passed on, rewritten or wrapped; at each machine that does so it becomes another
//! frame. Its [`Journey`] is all of these frames, from the one in which it left its maker: the [`Leg`]s. Each leg tells
//! where the frame comes from ([`Source`]), and of each machine that it came to ([`Visit`]) what was decided there, in
//! [`Phase`]s, and what became of it ([`End`]). What a frame has led to besides (answers, ARP, errors) are journeys of
//! their own, named by their frames.

mod end;
mod find;
mod holder;
pub mod json;
mod setting;
mod source;
mod stage;
pub mod text;

use std::collections::BTreeMap;

use super::record::{Direction, Event, Trace};
use crate::ids::{FrameId, JobId, NodeId, PacketId, Port};
use crate::reason::{Change, Console, Loss, Made, Note};
use crate::sim::Hop;
use crate::time::Time;

pub use end::End;
pub use find::{Chooser, NotFound};
pub use holder::{Belief, Holder};
pub use setting::Basis;
pub use source::{Author, Command, Source};
pub use stage::Stage;

/// The frames of a run and how they hang together, looked up once.
pub struct Journeys<'a> {
    trace: &'a Trace,
    sent: BTreeMap<FrameId, Sent>,
    stops: BTreeMap<FrameId, Vec<Stop<'a>>>,
    /// What was noted about a frame at a node that it came to.
    notes: BTreeMap<(NodeId, FrameId), Vec<Phase<'a>>>,
    /// What was noted about a packet that a node has made.
    packets: BTreeMap<PacketId, Vec<Phase<'a>>>,
    /// The frames that a packet made by a node has become.
    of_packet: BTreeMap<PacketId, Vec<FrameId>>,
    /// By the frame that they come from: what it was passed on as, and what it has led to.
    passed: BTreeMap<FrameId, Vec<FrameId>>,
    led_to: BTreeMap<FrameId, Vec<FrameId>>,
    changes: BTreeMap<NodeId, Vec<(Time, &'a Change)>>,
    processes: BTreeMap<(NodeId, u32), Vec<source::Named<'a>>>,
    commands: BTreeMap<(NodeId, JobId), &'a str>,
}

/// How a frame left a node; its bytes are among the trace's frames.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// When.
    pub at: Time,
    /// Whose interface.
    pub node: NodeId,
    /// Which one.
    pub port: Port,
    /// The frame that it was made from, or that led to it.
    pub cause: Option<FrameId>,
    /// Who has made the packet in it, if it was made there.
    pub made: Option<Made>,
}

/// Where a frame came to, or was lost.
#[derive(Clone, Copy, Debug)]
struct Stop<'a> {
    at: Time,
    place: Place<'a>,
}

/// A place where a frame was seen.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// An interface that it came in by.
    Node(NodeId, Port),
    /// A cable or a switch that has lost it.
    Lost(Hop, &'a Loss),
}

/// A decision on a packet's way.
#[derive(Clone, Copy, Debug)]
pub struct Phase<'a> {
    /// When.
    pub at: Time,
    /// On which node.
    pub node: NodeId,
    /// What was decided, with its facts.
    pub note: &'a Note,
}

/// A packet's way, from the machine that has made it to all its ends.
#[derive(Clone, Debug)]
pub struct Journey<'a> {
    /// The frame that was asked for.
    pub asked: FrameId,
    /// The packet's frames, in the order in which they were sent.
    pub legs: Vec<Leg<'a>>,
}

/// One of the frames that a packet was.
#[derive(Clone, Debug)]
pub struct Leg<'a> {
    /// Its number.
    pub id: FrameId,
    /// Where it was sent.
    pub sent: Sent,
    /// Why.
    pub source: Source<'a>,
    /// What was decided about the packet before it left, by the node that has made it.
    pub phases: Vec<Phase<'a>>,
    /// Where it came to.
    pub visits: Vec<Visit<'a>>,
}

/// What a node did with a frame that came to it, or how the frame was lost on its way.
#[derive(Clone, Debug)]
pub struct Visit<'a> {
    /// When.
    pub at: Time,
    /// Where.
    pub place: Place<'a>,
    /// What was decided, in order.
    pub phases: Vec<Phase<'a>>,
    /// What became of it there.
    pub end: End<'a>,
    /// What the node has sent because of it besides: answers, questions, errors.
    pub led_to: Vec<FrameId>,
}

impl<'a> Journey<'a> {
    /// Where the packet came to its ends, and how. Machines that a switch has shown it in passing are left out.
    pub fn ends(&self) -> impl Iterator<Item = (Place<'a>, &End<'a>)> {
        let visits = self.legs.iter().flat_map(|leg| &leg.visits);
        let is_end = |visit: &&Visit<'a>| !matches!(visit.end, End::PassedOn(_) | End::OtherMachine);
        visits.filter(is_end).map(|visit| (visit.place, &visit.end))
    }

    /// Whether it was dropped or lost anywhere.
    pub fn went_wrong(&self) -> bool {
        self.ends().any(|(_, end)| matches!(end, End::Dropped(_) | End::Lost(_)))
    }
}

impl<'a> Journeys<'a> {
    /// Reads a trace.
    pub fn of(trace: &'a Trace) -> Journeys<'a> {
        let mut journeys = Journeys {
            trace,
            sent: BTreeMap::new(),
            stops: BTreeMap::new(),
            notes: BTreeMap::new(),
            packets: BTreeMap::new(),
            of_packet: BTreeMap::new(),
            passed: BTreeMap::new(),
            led_to: BTreeMap::new(),
            changes: BTreeMap::new(),
            processes: BTreeMap::new(),
            commands: BTreeMap::new(),
        };
        for record in trace.records() {
            journeys.read(record.at, record.event);
        }
        journeys
    }

    fn read(&mut self, at: Time, event: Event<'a>) {
        match event {
            Event::Frame { node, port, direction: Direction::Out, id, cause, made } => {
                self.sent.insert(id, Sent { at, node, port, cause, made });
                if let Some(cause) = cause {
                    let relatives = if made.is_some() { &mut self.led_to } else { &mut self.passed };
                    relatives.entry(cause).or_default().push(id);
                }
                if let Some(made) = made {
                    self.of_packet.entry(made.packet).or_default().push(id);
                }
            }
            Event::Frame { node, port, id, .. } => {
                self.stops.entry(id).or_default().push(Stop { at, place: Place::Node(node, port) });
            }
            Event::Lost { hop, id, loss, .. } => {
                self.stops.entry(id).or_default().push(Stop { at, place: Place::Lost(*hop, loss) });
            }
            Event::Note { node, note: Note::Process(process), .. } => self.name_process(at, node, process),
            Event::Note { node, note: Note::Console(Console::Typed { job, line }), .. } => {
                self.commands.insert((node, *job), line);
            }
            Event::Note { node, note: Note::Change(change), .. } => {
                self.changes.entry(node).or_default().push((at, change));
            }
            Event::Note { note: Note::Console(_), .. } => {}
            Event::Note { node, about, packet, note } => {
                let phase = Phase { at, node, note };
                match (packet, about) {
                    (Some(packet), _) => self.packets.entry(packet).or_default().push(phase),
                    (None, Some(id)) => self.notes.entry((node, id)).or_default().push(phase),
                    (None, None) => {}
                }
            }
        }
    }

    /// The trace that this was read from.
    pub fn trace(&self) -> &'a Trace {
        self.trace
    }

    /// A frame as it was sent.
    pub fn frame(&self, id: FrameId) -> Option<Sent> {
        self.sent.get(&id).copied()
    }

    /// All frames, in the order in which they were sent.
    pub fn frames(&self) -> impl Iterator<Item = (FrameId, Sent)> {
        self.sent.iter().map(|(&id, &sent)| (id, sent))
    }

    /// The frame as which this one's packet left the machine that has made it.
    pub fn first(&self, id: FrameId) -> FrameId {
        let mut first = id;
        while let Some(Sent { cause: Some(cause), made: None, .. }) = self.sent.get(&first)
            && self.sent.contains_key(cause)
        {
            first = *cause;
        }
        first
    }

    /// The frames that a frame was passed on as: forwarded, rewritten, wrapped, in pieces.
    pub fn passed_on(&self, id: FrameId) -> &[FrameId] {
        self.passed.get(&id).map_or(&[], Vec::as_slice)
    }

    /// What a frame has led to: answers, questions, errors.
    pub fn led_to(&self, id: FrameId) -> &[FrameId] {
        self.led_to.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The journey of the packet that this frame carried, if there is such a frame.
    pub fn journey(&self, id: FrameId) -> Option<Journey<'a>> {
        self.sent.get(&id)?;
        let mut ids = self.siblings(self.first(id));
        let mut legs = Vec::new();
        // A packet comes out of every frame once; the list of those to be told of only grows at its end.
        let mut next = 0;
        while let Some(&id) = ids.get(next) {
            ids.extend_from_slice(self.passed_on(id));
            legs.extend(self.leg(id));
            next += 1;
        }
        legs.sort_by_key(|leg| leg.id);
        Some(Journey { asked: id, legs })
    }

    /// The frames that left together with this one: the fragments of one packet.
    fn siblings(&self, id: FrameId) -> Vec<FrameId> {
        let made = self.sent.get(&id).and_then(|sent| sent.made);
        made.and_then(|made| self.of_packet.get(&made.packet)).cloned().unwrap_or_else(|| vec![id])
    }

    /// What is known of one frame.
    pub fn leg(&self, id: FrameId) -> Option<Leg<'a>> {
        let sent = self.frame(id)?;
        let phases = self.preparation(&sent);
        Some(Leg { id, sent, source: self.source(id)?, phases, visits: self.visits(id) })
    }

    /// What was decided about a frame's packet by the node that has made it.
    fn preparation(&self, sent: &Sent) -> Vec<Phase<'a>> {
        let phases = sent.made.and_then(|made| self.packets.get(&made.packet));
        phases.into_iter().flatten().copied().filter(|phase| phase.node == sent.node).collect()
    }

    /// Where a frame came to, and what became of it there.
    pub fn visits(&self, id: FrameId) -> Vec<Visit<'a>> {
        let stops = self.stops.get(&id).into_iter().flatten();
        stops.map(|stop| self.visit(id, stop)).collect()
    }

    fn visit(&self, id: FrameId, stop: &Stop<'a>) -> Visit<'a> {
        let Stop { at, place } = *stop;
        match place {
            Place::Lost(_, loss) => Visit { at, place, phases: Vec::new(), end: End::Lost(loss), led_to: Vec::new() },
            Place::Node(node, _) => {
                let phases = self.notes.get(&(node, id)).cloned().unwrap_or_default();
                let here = |ids: &[FrameId]| -> Vec<FrameId> {
                    let sent_here = |id: &&FrameId| self.sent.get(id).is_some_and(|sent| sent.node == node);
                    ids.iter().filter(sent_here).copied().collect()
                };
                let end = End::of(&phases, here(self.passed_on(id)));
                Visit { at, place, phases, end, led_to: here(self.led_to(id)) }
            }
        }
    }

    /// Packets that a node has made and that have become no frame: what was decided about them, in the order of making.
    pub fn unsent(&self) -> impl Iterator<Item = &[Phase<'a>]> {
        let unsent = self.packets.iter().filter(|(packet, _)| !self.of_packet.contains_key(packet));
        unsent.map(|(_, phases)| phases.as_slice())
    }
}
