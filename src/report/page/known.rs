//! What the machines knew at each moment, without what did not change.

use serde::Serialize;

use super::strings::Strings;
use crate::ids::NodeId;
use crate::time::Span;

/// A table of a machine, and how it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub node: NodeId,
    /// What it lists.
    pub title: String,
    /// The command that prints it.
    pub command: String,
    /// What it was, and since when.
    pub states: Vec<State>,
}

/// What a table was for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Since when, from the scenario's zero.
    pub since: Span,
    /// What the command prints; empty if there is nothing to print.
    pub text: String,
}

/// The same for the scripts.
#[derive(Serialize)]
pub(super) struct KnownLine {
    node: u32,
    title: String,
    command: String,
    /// Since when, in nanoseconds.
    since: Vec<u64>,
    /// The numbers of its lines.
    lines: Vec<Vec<u32>>,
}

pub(super) fn lines(known: &[Known], texts: &mut Strings) -> Vec<KnownLine> {
    let mut line = |known: &Known| KnownLine {
        node: known.node.0,
        title: known.title.clone(),
        command: known.command.clone(),
        since: known.states.iter().map(|state| state.since.as_nanos()).collect(),
        lines: known.states.iter().map(|state| state.text.lines().map(|line| texts.number(line)).collect()).collect(),
    };
    known.iter().map(&mut line).collect()
}
