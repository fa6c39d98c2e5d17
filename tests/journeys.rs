//! Every frame of every scenario has a source and an end, and each of them a reason.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use lvslab::trace::journey::{End, Journeys, Source};
use lvslab::wire::describe::describe;

/// All scenarios that we have.
fn everything() -> Vec<PathBuf> {
    [support::scenarios("scenarios"), support::scenarios("tests/cases")].concat()
}

#[test]
fn no_frame_comes_from_nowhere_or_ends_without_a_reason() {
    let mut wrong: BTreeMap<String, usize> = BTreeMap::new();
    for path in everything() {
        let (_, outcome) = support::run(&path);
        let journeys = Journeys::of(&outcome.trace);
        let last = outcome.trace.records.last().map(|record| record.at).unwrap_or_default();
        for (id, sent) in journeys.frames() {
            let mut complain = |what: &str, node: &str| {
                let line = format!("{}: {what} {node} #{}: {}", path.display(), id.0, describe(sent.frame));
                *wrong.entry(line).or_default() += 1;
            };
            match journeys.source(id) {
                None => complain("no source at", outcome.trace.cast.node(sent.node)),
                Some(Source::Passed(from)) if journeys.frame(from).is_none() => {
                    complain("made from an unknown frame at", outcome.trace.cast.node(sent.node));
                }
                Some(_) => {}
            }
            let visits = journeys.visits(id);
            if visits.is_empty() && last.since(sent.at).as_millis() > 100 {
                complain("came nowhere from", outcome.trace.cast.node(sent.node));
            }
            for visit in visits {
                let node = format!("{:?}", visit.place);
                match visit.end {
                    End::Unknown => complain("no end at", &node),
                    End::Waiting(note) if last.since(visit.at).as_millis() > 40_000 => {
                        complain(&format!("still {note} at"), &node);
                    }
                    _ => {}
                }
            }
        }
    }
    let lines: Vec<_> = wrong.keys().take(40).collect();
    assert!(wrong.is_empty(), "{} frames: {lines:#?}", wrong.len());
}
