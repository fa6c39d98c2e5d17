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
    command: String,
    /// Since when, in nanoseconds.
    since: Vec<u64>,
    /// What each state has of the one before it.
    states: Vec<Difference>,
}

/// How a state differs from the one before it, as a list.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Difference(
    /// How many lines it begins with that the other begins with, too.
    usize,
    /// The numbers of its own lines.
    Vec<u32>,
    /// How many lines it ends with that the other ends with, too.
    usize,
);

pub(super) fn lines(known: &[Known], texts: &mut Strings) -> Vec<KnownLine> {
    let mut line = |known: &Known| {
        let mut before = Vec::new();
        let differ = |state: &State| {
            let now: Vec<_> = state.text.lines().map(|line| texts.number(line)).collect();
            let difference = Difference::of(&before, &now);
            before = now;
            difference
        };
        KnownLine {
            node: known.node.0,
            command: known.command.clone(),
            since: known.states.iter().map(|state| state.since.as_nanos()).collect(),
            states: known.states.iter().map(differ).collect(),
        }
    };
    known.iter().map(&mut line).collect()
}

impl Difference {
    fn of(before: &[u32], now: &[u32]) -> Difference {
        let same = |pairs: &mut dyn Iterator<Item = (&u32, &u32)>| pairs.take_while(|(a, b)| a == b).count();
        let head = same(&mut before.iter().zip(now));
        let (left, rest) = (&before[head..], &now[head..]);
        let tail = same(&mut left.iter().rev().zip(rest.iter().rev()));
        Difference(head, rest[..rest.len() - tail].to_vec(), tail)
    }
}

#[cfg(test)]
mod tests {
    use super::Difference;

    #[test]
    fn what_is_in_the_middle_differs() {
        assert_eq!(Difference::of(&[], &[1, 2]), Difference(0, vec![1, 2], 0));
        assert_eq!(Difference::of(&[1, 2, 3], &[1, 9, 8, 3]), Difference(1, vec![9, 8], 1));
        assert_eq!(Difference::of(&[1, 1], &[1, 1, 1]), Difference(2, vec![1], 0));
        assert_eq!(Difference::of(&[1, 2], &[]), Difference(0, vec![], 0));
    }
}
