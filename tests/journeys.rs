//! Every frame of every scenario has a source and an end, and each of them a reason.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use lvslab::ids::FrameId;
use lvslab::reason::{KernelTimer, Note, Step};
use lvslab::scenario::{self, Options, Outcome};
use lvslab::trace::journey::{Author, End, Journeys, Sent, Source};
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
        // Some recorded cases are about commands alone; a scenario without a frame would make this test say nothing.
        let is_recorded = path.starts_with(support::project().join("tests/cases"));
        assert!(is_recorded || journeys.frames().next().is_some(), "{}: there is nothing to walk", path.display());
        let last = outcome.trace.last();
        for (id, sent) in journeys.frames() {
            let mut complain = |what: &str, node: &str| {
                let line = format!(
                    "{}: {what} {node} #{}: {}",
                    path.display(),
                    id.number(),
                    describe(&outcome.trace.frames.of(id))
                );
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

fn outcome(name: &str) -> Outcome {
    support::run(&support::project().join("scenarios").join(name)).1
}

/// The first frame that a filter describes by its words.
fn find(journeys: &Journeys<'_>, words: &[&str]) -> FrameId {
    let is_it = |(id, _): &(FrameId, Sent)| {
        let line = describe(&journeys.trace().frames.of(*id)).to_string();
        words.iter().all(|word| line.contains(word))
    };
    journeys.frames().find(is_it).map(|(id, _)| id).unwrap_or_else(|| panic!("no frame with {words:?}"))
}

#[test]
fn a_packet_keeps_its_identity_through_a_tunnel() {
    let outcome = outcome("tun.ron");
    let journeys = Journeys::of(&outcome.trace);
    let journey = journeys.journey(find(&journeys, &["Flags [S]"])).unwrap();
    // Client, router, director, router again: each sends it once, and the server takes it.
    assert_eq!(journey.legs.len(), 4);
    assert!(matches!(journey.legs[0].source, Source::Made { .. }));
    assert!(journey.legs[1..].iter().all(|leg| matches!(leg.source, Source::Passed(_))));
    let ends: Vec<_> = journey.ends().map(|(_, end)| end.name()).collect();
    assert_eq!(ends, ["taken"]);
    // Whichever of its frames is asked for, it is the same journey.
    for leg in &journey.legs {
        assert_eq!(journeys.first(leg.id), journey.legs[0].id);
    }
}

#[test]
fn what_waits_for_an_answer_names_it_and_the_question_names_what_waits() {
    let outcome = outcome("dr.ron");
    let journeys = Journeys::of(&outcome.trace);
    let syn = find(&journeys, &["Flags [S]"]);
    let released = journeys.leg(syn).unwrap().phases.iter().find_map(|phase| match phase.note {
        Note::Step(Step::Released { by, .. }) => *by,
        _ => None,
    });
    assert_eq!(released, Some(find(&journeys, &["ARP, Reply"])));
    let question = journeys.source(find(&journeys, &["ARP, Request"])).unwrap();
    assert!(matches!(question, Source::Made { for_sake_of: Some(waiting), .. } if waiting == syn), "{question:?}");
}

#[test]
fn errors_are_caused_by_what_they_are_about() {
    let outcome = outcome("nat-path-mtu.ron");
    let journeys = Journeys::of(&outcome.trace);
    let error = find(&journeys, &["ICMP", "need to frag"]);
    let Some(Source::Made { by: Author::Kernel, because: Some(cause), .. }) = journeys.source(error) else {
        panic!("{:?}", journeys.source(error));
    };
    let visits = journeys.visits(cause);
    let dropped = visits
        .iter()
        .any(|visit| matches!(visit.end, End::Dropped(drop) if drop.name() == "SKB_DROP_REASON_PKT_TOO_BIG"));
    assert!(dropped, "{visits:?}");
}

#[test]
fn timers_and_programs_are_named() {
    let outcome = outcome("dr-dead-server.ron");
    let journeys = Journeys::of(&outcome.trace);
    let by_timer = |(id, _): (FrameId, Sent)| {
        let is_timer = matches!(
            journeys.source(id),
            Some(Source::Made { by: Author::Timer(KernelTimer::Tcp | KernelTimer::Neighbour), because: None, .. })
        );
        is_timer.then(|| describe(&outcome.trace.frames.of(id)).to_string())
    };
    assert!(journeys.frames().filter_map(by_timer).count() > 0, "somebody asks once more");

    let outcome = self::outcome("keepalived/failover.ron");
    let journeys = Journeys::of(&outcome.trace);
    let advert = journeys.source(find(&journeys, &["VRRPv2", "prio 100"])).unwrap();
    let Source::Made { by: Author::Program { name, command: Some(command), .. }, .. } = advert else {
        panic!("{advert:?}");
    };
    assert_eq!((name, command.line), ("keepalived", "systemctl start keepalived"));
}

#[test]
fn who_has_no_route_back_drops_the_question() {
    let plan = scenario::load(
        r#"Scenario(
            title: "a prefix that is too long",
            switches: ["lan"],
            nodes: {
                "near": (interfaces: { "eth0": "lan" }, setup: ["ip addr add 10.0.0.1/24 dev eth0"]),
                "far": (
                    interfaces: { "eth0": "lan" },
                    setup: ["ip addr add 10.0.0.200/25 dev eth0", "nc -k -l 0.0.0.0 80 &"],
                ),
            },
            timeline: [
                (at: "0s", node: "near", run: "ping -c 1 -W 1 10.0.0.200"),
                (at: "2s", node: "near", run: "nc -z -w 1 10.0.0.200 80"),
            ],
        )"#,
    );
    let outcome = scenario::run(&plan.unwrap(), Options::default()).unwrap();
    let journeys = Journeys::of(&outcome.trace);
    for question in ["ICMP echo request", "Flags [S]"] {
        let journey = journeys.journey(find(&journeys, &[question])).unwrap();
        let ends: Vec<_> = journey.ends().map(|(_, end)| end).collect();
        let [End::Dropped(drop)] = ends[..] else { panic!("{question}: {ends:?}") };
        assert_eq!(drop.to_string(), "no route leads back to 10.0.0.1, so there is no answer");
    }
}
