//! What the records say about each frame, looked up once for everybody who tells about a run.

use std::collections::{BTreeMap, BTreeSet};

use super::filter::{Filter, Sighting};
use super::record::{Direction, Event, Record, Trace};
use crate::ids::{FrameId, NodeId};
use crate::reason::{Drop, Note};
use crate::sim::Station;
use crate::wire::Frame;

/// A trace, its frames by number, and what became of them at each node.
pub struct Index<'a> {
    trace: &'a Trace,
    frames: BTreeMap<FrameId, &'a Frame>,
    dropped: BTreeSet<(NodeId, FrameId)>,
    noted: BTreeSet<(NodeId, FrameId)>,
}

impl<'a> Index<'a> {
    /// Reads a trace.
    pub fn of(trace: &'a Trace) -> Index<'a> {
        Index::since(trace, 0)
    }

    /// Reads a trace from this record on, for those who have seen what is before. It must be the first of its event:
    /// what a node decides about a frame it decides when the frame comes.
    pub fn since(trace: &'a Trace, first: usize) -> Index<'a> {
        let mut index = Index { trace, frames: BTreeMap::new(), dropped: BTreeSet::new(), noted: BTreeSet::new() };
        for record in &trace.records[first..] {
            match &record.event {
                Event::Frame { direction: Direction::Out, id, frame, .. } => {
                    index.frames.insert(*id, frame);
                }
                Event::Note { node, about: Some(id), note, .. } if concerns(note) => {
                    index.noted.insert((*node, *id));
                    if matches!(note, Note::Drop(_)) {
                        index.dropped.insert((*node, *id));
                    }
                }
                _ => {}
            }
        }
        index
    }

    /// The frame that was sent last.
    pub fn last(&self) -> Option<FrameId> {
        self.frames.keys().next_back().copied()
    }

    /// A frame by its number, as it was sent.
    pub fn frame(&self, id: FrameId) -> Option<&'a Frame> {
        let earlier = || {
            self.trace.records.iter().rev().find_map(|record| match &record.event {
                Event::Frame { direction: Direction::Out, id: other, frame, .. } if *other == id => Some(frame),
                _ => None,
            })
        };
        self.frames.get(&id).copied().or_else(earlier)
    }

    /// Whether a filter chooses what this record tells. Commands and their output are never filtered.
    pub fn chooses(&self, filter: &Filter, record: &'a Record) -> bool {
        let cast = &self.trace.cast;
        let sighting = match &record.event {
            Event::Frame { node, port, direction, id, frame, .. } => {
                let incoming = *direction == Direction::In;
                Sighting {
                    node: cast.node(*node),
                    interface: cast.interface(*node, *port),
                    direction: Some(*direction),
                    frame: Some(frame),
                    dropped: incoming && self.dropped.contains(&(*node, *id)),
                    noted: incoming && self.noted.contains(&(*node, *id)),
                }
            }
            Event::Lost { hop, frame, .. } => {
                let end = [Some(hop.from), hop.to].into_iter().flatten();
                let (node, interface) = end
                    .filter_map(|end| match end.station {
                        Station::Node(node) => Some((cast.node(node), cast.interface(node, end.port))),
                        Station::Switch(_) => None,
                    })
                    .next()
                    .unwrap_or(("", ""));
                Sighting { node, interface, direction: None, frame: Some(frame), dropped: true, noted: true }
            }
            Event::Note { note: Note::Console(_), .. } => return true,
            Event::Note { node, about, note, .. } => Sighting {
                node: cast.node(*node),
                interface: "",
                direction: about.map(|_| Direction::In),
                frame: about.and_then(|id| self.frame(id)),
                dropped: matches!(note, Note::Drop(_)) && concerns(note),
                noted: concerns(note),
            },
        };
        filter.matches(&sighting)
    }
}

/// Whether a note is about something that concerns its node, and is not a matter of course. Frames for others come by all
/// the time: a switch floods.
pub fn concerns(note: &Note) -> bool {
    !matches!(
        note,
        Note::Console(_)
            | Note::Process(_)
            | Note::Change(_)
            | Note::Vrrp(_)
            | Note::Step(_)
            | Note::Drop(Drop::OtherHost)
    )
}
