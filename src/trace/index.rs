//! What the records say about each frame, looked up once for everybody who tells about a run.

use std::collections::BTreeSet;

use super::filter::{Filter, Sighting, Test};
use super::record::{Direction, Event, Record, Trace};
use crate::ids::{FrameId, NodeId};
use crate::reason::{Drop, Ipvs, Note};
use crate::sim::Station;

/// A trace, and what became of its frames at each node.
pub struct Index<'a> {
    trace: &'a Trace,
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
        let mut index = Index { trace, dropped: BTreeSet::new(), noted: BTreeSet::new() };
        for record in trace.records_from(first) {
            if let Event::Note { node, about: Some(id), note, .. } = &record.event
                && concerns(note)
            {
                index.noted.insert((*node, *id));
                if matches!(note, Note::Drop(_)) {
                    index.dropped.insert((*node, *id));
                }
            }
        }
        index
    }

    /// Whether a filter chooses what this record tells. Commands and their output are never filtered.
    pub fn chooses(&self, filter: &Filter, record: &Record<'_>) -> bool {
        let Trace { cast, frames, .. } = self.trace;
        // The filter that everybody uses need not look at the frames.
        if let Filter::Test(Test::Always(true)) = filter {
            return true;
        }
        let sighting = match &record.event {
            Event::Frame { node, port, direction, id, .. } => {
                let incoming = *direction == Direction::In;
                Sighting {
                    node: cast.node(*node),
                    interface: cast.interface(*node, *port),
                    direction: Some(*direction),
                    frame: Some(frames.of(*id)),
                    dropped: incoming && self.dropped.contains(&(*node, *id)),
                    noted: incoming && self.noted.contains(&(*node, *id)),
                }
            }
            Event::Lost { hop, id, .. } => {
                let end = [Some(hop.from), hop.to].into_iter().flatten();
                let (node, interface) = end
                    .filter_map(|end| match end.station {
                        Station::Node(node) => Some((cast.node(node), cast.interface(node, end.port))),
                        Station::Switch(_) => None,
                    })
                    .next()
                    .unwrap_or(("", ""));
                Sighting { node, interface, direction: None, frame: Some(frames.of(*id)), dropped: true, noted: true }
            }
            Event::Note { note: Note::Console(_), .. } => return true,
            Event::Note { node, about, note, .. } => Sighting {
                node: cast.node(*node),
                interface: "",
                direction: about.map(|_| Direction::In),
                frame: about.and_then(|id| frames.get(id)),
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
            // What it leads to is told when it leads to it.
            | Note::Ipvs(Ipvs::Kept(_))
            | Note::Step(_)
            | Note::Drop(Drop::OtherHost)
    )
}
