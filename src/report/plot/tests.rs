use std::collections::BTreeMap;

use super::*;
use crate::scenario::{Options, Outcome, load, run};

fn outcome(scenario: &str) -> Outcome {
    run(&load(scenario).unwrap(), Options::default()).unwrap()
}

fn subject(outcome: &Outcome) -> Subject<'_> {
    Subject { network: &outcome.network, trace: &outcome.trace, length: outcome.length }
}

const DR: &str = include_str!("../../../scenarios/dr.ron");
const FAILOVER: &str = include_str!("../../../scenarios/keepalived/failover.ron");

#[test]
fn every_plot_is_a_picture_of_its_own() {
    let outcome = outcome(DR);
    for what in What::ALL {
        let svg = svg(what, &subject(&outcome)).unwrap();
        assert!(svg.starts_with("<svg class=\"lvslab\""), "{what}");
        for part in ["<title>", "<desc>", "prefers-color-scheme:dark", "</svg>"] {
            assert!(svg.contains(part), "{what} has no {part}");
        }
        for outside in ["href", "url(", "@import"] {
            assert!(!svg.contains(outside), "{what} needs {outside}");
        }
    }
}

#[test]
fn requests_have_a_fate() {
    let outcome = outcome(DR);
    let requests = requests::requests(&subject(&outcome));
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| matches!(request.fate, requests::Fate::Answered(_))), "{requests:?}");
}

#[test]
fn a_fail_over_leaves_a_gap() {
    let outcome = outcome(FAILOVER);
    let subject = subject(&outcome);
    let spells = vip::spells(&subject);
    let by_machine = spells.values().next().unwrap();
    assert_eq!(by_machine.len(), 2);
    let holders = vip::holders(by_machine, subject.end());
    let counts: Vec<_> = holders.iter().map(|(_, count)| *count).collect();
    // Nobody before the first is master; nobody between its death and the second one's turn.
    assert_eq!(counts, [0, 1, 0, 1], "{holders:?}");
}

#[test]
fn overlaps_are_counted() {
    let by_machine = BTreeMap::from([(0, vec![(1.0, 4.0)]), (1, vec![(3.0, 6.0)])]);
    let expected = [((0.0, 1.0), 0), ((1.0, 3.0), 1), ((3.0, 4.0), 2), ((4.0, 6.0), 1), ((6.0, 8.0), 0)];
    assert_eq!(vip::holders(&by_machine, 8.0), expected);
}
