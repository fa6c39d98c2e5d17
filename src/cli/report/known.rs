//! What the machines of a run knew, looked up while it goes on a second time: runs are the same each time.

use std::collections::BTreeMap;

use crate::ids::NodeId;
use crate::report::page::{Known, State};
use crate::scenario::{Failure, Options, Plan};
use crate::session::{Goal, Session};
use crate::shell::tables;
use crate::time::Span;
use crate::trace::Trace;

/// In a long run, the machines are looked at only so often.
const MOST_LOOKS: usize = 500;

/// The tables of all machines, whenever one has changed.
///
/// # Errors
///
/// If the set-up fails, which it has not done before.
pub fn known(plan: &Plan, trace: &Trace) -> Result<Vec<Known>, Failure> {
    let mut session = Session::begin(plan.clone(), Options::default())?;
    let mut all: BTreeMap<(NodeId, usize), Known> = BTreeMap::new();
    look(&session, Span::ZERO, &mut all);
    for at in moments(trace) {
        session.go(&Goal::Time(at));
        look(&session, at, &mut all);
    }
    Ok(all.into_values().collect())
}

/// When anything happened; in long runs only some of it.
fn moments(trace: &Trace) -> Vec<Span> {
    let later = trace.records().filter(|record| record.at >= trace.zero);
    let mut moments: Vec<_> = later.map(|record| record.at.since(trace.zero)).collect();
    moments.dedup();
    let stride = moments.len().div_ceil(MOST_LOOKS).max(1);
    let last = moments.last().copied();
    let mut some: Vec<_> = moments.into_iter().step_by(stride).collect();
    some.extend(last);
    some.dedup();
    some
}

/// Adds what is known at a moment, where it is news.
fn look(session: &Session, at: Span, all: &mut BTreeMap<(NodeId, usize), Known>) {
    for node in (0..session.plan().nodes.len()).filter_map(|node| u32::try_from(node).ok()).map(NodeId) {
        let host = session.host(node);
        let mut now = if host.is_off() { Vec::new() } else { tables(host, session.clock()) };
        for known in all.range_mut((node, 0)..=(node, usize::MAX)).map(|(_, known)| known) {
            let table = now.iter().position(|table| table.title == known.title).map(|place| now.remove(place));
            let text = table.map(|table| table.text).unwrap_or_default();
            if known.states.last().is_none_or(|last| last.text != text) {
                known.states.push(State { since: at, text });
            }
        }
        for table in now {
            let place = all.range((node, 0)..=(node, usize::MAX)).count();
            let (title, command) = (table.title.to_owned(), table.command.to_owned());
            let states = vec![State { since: at, text: table.text }];
            all.insert((node, place), Known { node, title, command, states });
        }
    }
}
