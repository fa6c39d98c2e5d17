//! Message sequence diagrams: a column for each machine, a rung for each frame.
//!
//! [`Ladder::of`] reads the records of a run; [`text`] and [`svg`] show what it has found.

mod label;
pub mod svg;
pub mod text;

use std::collections::BTreeMap;

use crate::ids::{FrameId, NodeId};
use crate::reason::{Drop, Note};
use crate::sim::Station;
use crate::topo::{Network, Role};
use crate::trace::filter::Filter;
use crate::trace::{Change, Direction, Event, Index, Trace, changed};
use crate::wire::describe::Describer;

/// A run as a ladder.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// What it shows.
    pub title: String,
    /// The machines that take part, from the clients inwards.
    pub columns: Vec<Column>,
    /// The frames, in the order in which they were sent.
    pub rungs: Vec<Rung>,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Column {
    /// Which.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// The part that it plays.
    pub role: Role,
}

/// A frame on its way.
#[derive(Clone, Debug)]
pub struct Rung {
    /// Its number.
    pub id: FrameId,
    /// When it was sent, in nanoseconds from the scenario's time zero.
    pub at: i128,
    /// The column of the sender.
    pub from: usize,
    /// The columns of those who took it in.
    pub to: Vec<usize>,
    /// Whether it was for everybody.
    pub is_broadcast: bool,
    /// What it says.
    pub label: String,
    /// What the sender has changed in it, if it passes it on.
    pub changes: Option<String>,
    /// Why it came to nothing: each a column, if it was a machine's decision, and the reason.
    pub ends: Vec<(Option<usize>, String)>,
}

/// What was seen of a frame.
struct Seen {
    rung: Rung,
    from: NodeId,
    to: Vec<NodeId>,
    ends: Vec<(Option<NodeId>, String)>,
    is_chosen: bool,
}

impl Ladder {
    /// The frames of a run that a filter chooses.
    pub fn of(network: &Network, trace: &Trace, filter: &Filter) -> Ladder {
        let seen = watch(trace, filter);
        let takes_part = |node: NodeId| seen.iter().any(|it| it.from == node || it.to.contains(&node));
        let order = network.order().into_iter().filter_map(|at| Some((at, NodeId(u32::try_from(at).ok()?))));
        let column = |(at, node): (usize, NodeId)| {
            let machine = &network.machines[at];
            Column { node, name: machine.name.clone(), role: network.role(machine) }
        };
        let columns: Vec<_> = order.filter(|(_, node)| takes_part(*node)).map(column).collect();
        let place = |node: NodeId| columns.iter().position(|column| column.node == node);
        let rung = |it: Seen| {
            let mut to: Vec<_> = it.to.iter().filter_map(|node| place(*node)).collect();
            to.sort_unstable();
            let ends = it.ends.into_iter().map(|(node, why)| (node.and_then(place), why)).collect();
            Some(Rung { from: place(it.from)?, to, ends, ..it.rung })
        };
        Ladder { title: network.title.clone(), rungs: seen.into_iter().filter_map(rung).collect(), columns }
    }
}

/// Goes through the records once.
fn watch(trace: &Trace, filter: &Filter) -> Vec<Seen> {
    let index = Index::of(trace);
    let mut describer = Describer::default();
    let mut frames: BTreeMap<FrameId, Seen> = BTreeMap::new();
    for record in trace.records() {
        match &record.event {
            Event::Frame { node, direction: Direction::Out, id, cause, .. } => {
                let frame = trace.frames.of(*id);
                let before = cause.map(|cause| trace.frames.of(cause));
                let changes = before.and_then(|before| changed(&before, &frame));
                let rung = Rung {
                    id: *id,
                    at: trace.relative(record.at),
                    from: 0,
                    to: Vec::new(),
                    is_broadcast: frame.destination().is_group(),
                    // The describer must see every frame, to know where a conversation's numbers begin.
                    label: label::short(&describer.describe(&frame).to_string()),
                    changes: changes.map(|changes| said(trace, &changes)),
                    ends: Vec::new(),
                };
                let is_chosen = index.chooses(filter, &record);
                let seen = Seen { rung, from: *node, to: Vec::new(), ends: Vec::new(), is_chosen };
                frames.entry(*id).or_insert(seen);
            }
            Event::Frame { node, direction: Direction::In, id, .. } => {
                if let Some(seen) = frames.get_mut(id) {
                    seen.is_chosen |= index.chooses(filter, &record);
                    seen.to.push(*node);
                }
            }
            Event::Lost { hop, id, loss, .. } => {
                if let Some(seen) = frames.get_mut(id) {
                    seen.is_chosen |= index.chooses(filter, &record);
                    let at = match hop.to.unwrap_or(hop.from).station {
                        Station::Node(node) => Some(node),
                        Station::Switch(_) => None,
                    };
                    seen.ends.push((at, format!("lost: {loss}")));
                }
            }
            Event::Note { node, about: Some(id), note: Note::Drop(drop), .. } => {
                let Some(seen) = frames.get_mut(id) else { continue };
                match drop {
                    // A switch floods: those whom it does not concern have not been there.
                    Drop::OtherHost => seen.to.retain(|to| to != node),
                    _ => seen.ends.push((Some(*node), drop.to_string())),
                }
            }
            Event::Note { .. } => {}
        }
    }
    frames.into_values().filter(|seen| seen.is_chosen).collect()
}

/// What a machine has changed in what it passes on.
fn said(trace: &Trace, changes: &[Change]) -> String {
    let name = |mac| trace.cast.owner(mac).map_or_else(|| format!("{mac}"), |(member, _)| member.name.clone());
    let said = |change: &Change| match change {
        Change::Mac { source, destination } => format!("MAC {} → {}", name(*source), name(*destination)),
        Change::Field(text) => text.clone(),
    };
    changes.iter().map(said).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
