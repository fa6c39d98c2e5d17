//! Why a run did not come to its end, in words.

use std::collections::BTreeMap;

use super::diagnostic::{Diagnostic, nearest};
use super::plan::Plan;
use super::tree::{At, Tree};
use crate::ids::NodeId;
use crate::trace::{Direction, Event, Trace};
use crate::wire::describe;

/// Why a run did not come to its end.
#[derive(Clone, Debug)]
pub enum Failure {
    /// A command of the set-up failed.
    Setup {
        /// On which node.
        node: NodeId,
        /// The place of the command in its set-up.
        index: usize,
        /// Its exit status; none if it did not end in time.
        status: Option<i32>,
        /// What it wrote to standard error.
        err: String,
    },
    /// More happened than was allowed.
    Endless {
        /// How many events that were.
        events: u64,
        /// Everything that happened until then.
        trace: Box<Trace>,
    },
}

impl Failure {
    /// The complaint about the scenario's text, if it is to blame.
    pub fn diagnostic(&self, plan: &Plan, text: &str) -> Option<Diagnostic> {
        let Failure::Setup { node, index, status, err } = self else { return None };
        let path = [At::Field("nodes"), At::Value(node.0 as usize), At::Field("setup"), At::Value(*index)];
        let at = Tree::of(text).find(text, &path);
        let name = &plan.nodes[node.0 as usize].name;
        let (message, hint) = match status {
            None => (
                format!("this command of {name}'s set-up does not end"),
                "put `&` at its end: then it goes on in the background".to_owned(),
            ),
            Some(127) => (format!("{name} does not know this command"), known_commands(err)),
            Some(status) => (
                format!("this command of {name}'s set-up fails with exit status {status}"),
                "if it is meant to fail, write `|| true` behind it".to_owned(),
            ),
        };
        let label = err.lines().next().unwrap_or_default().to_owned();
        Some(Diagnostic { message, at, label, other: None, hint: Some(hint) })
    }
}

/// What to write instead of a command that is not there. The shell names it: "bash: line 1: NAME: command not found".
fn known_commands(err: &str) -> String {
    let names: Vec<_> = crate::shell::COMMANDS.iter().map(|(name, _)| *name).collect();
    let wrong = err.lines().next().and_then(|line| line.strip_suffix(": command not found")?.rsplit(": ").next());
    match wrong.and_then(|wrong| nearest(wrong, names.iter().copied())) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("a node's commands: {}", names.join(", ")),
    }
}

/// How much of the end of a run that never ends is looked at.
const LOOKED_AT: usize = 10_000;
/// How many kinds of frames are named.
const NAMED: usize = 3;

/// The frames that were seen most often at the end of a run, the most frequent first: how often, where, and which.
pub fn busiest(trace: &Trace) -> Vec<(usize, String, String)> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for record in trace.records().rev().take(LOOKED_AT) {
        if let Event::Frame { node, port, direction: Direction::Out, id, .. } = &record.event {
            let place = format!("{}.{}", trace.cast.node(*node), trace.cast.interface(*node, *port));
            *counts.entry((place, describe::describe(&trace.frames.of(*id)).to_string())).or_default() += 1;
        }
    }
    let mut busiest: Vec<_> = counts.into_iter().map(|((place, line), count)| (count, place, line)).collect();
    busiest.sort_by_key(|&(count, ..)| std::cmp::Reverse(count));
    busiest.truncate(NAMED);
    busiest
}
