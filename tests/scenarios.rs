//! The scenarios of the project: each tells its story as it is kept here, and all that it expects comes true.
//!
//! `INSTA_UPDATE=always cargo test --test scenarios` keeps new stories; read them before you commit them.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lvslab::scenario::{self, Options, Outcome, Plan};
use lvslab::sim::Station;
use lvslab::trace::filter::Filter;
use lvslab::trace::story::{self, Telling};
use lvslab::trace::{Direction, Event, Trace, json, pcapng};
use lvslab::wire::Frame;

/// Of a run with more records than this, only the commands are kept: nobody would read the rest.
const MANY_RECORDS: usize = 4000;

fn story(plan: &Plan, trace: &Trace) -> String {
    let mut text = Vec::new();
    let filter = if trace.records().len() > MANY_RECORDS { Filter::parse("none").unwrap() } else { Filter::all() };
    let telling = Telling { filter, ..Telling::default() };
    story::write(&mut text, &plan.title, trace, &telling).unwrap();
    String::from_utf8(text).unwrap()
}

/// A name for snapshots: the path below scenarios, without its extension.
fn name(path: &Path) -> String {
    let path = path.strip_prefix(support::project().join("scenarios")).unwrap().with_extension("");
    path.to_string_lossy().replace('/', "-")
}

#[test]
fn stories_are_as_kept() {
    for path in support::scenarios("scenarios") {
        let (plan, outcome) = support::run(&path);
        insta::assert_snapshot!(name(&path), story(&plan, &outcome.trace));
    }
}

#[test]
fn all_that_is_expected_comes_true() {
    let mut wrong = Vec::new();
    for path in support::scenarios("scenarios") {
        let (plan, outcome) = support::run(&path);
        assert!(!plan.expect.is_empty(), "{}: nothing is expected", path.display());
        let verdicts = scenario::judge(&plan, &outcome);
        wrong.extend(verdicts.into_iter().filter(|verdict| !verdict.held).map(|verdict| (name(&path), verdict)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Everything that a run leaves behind.
fn bytes(plan: &Plan, outcome: &Outcome) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    json::write(&mut lines, &outcome.trace, &Filter::all()).unwrap();
    let mut all = vec![outcome.steps.to_json().into_bytes(), pcapng::write(&outcome.trace), lines];
    all.extend(outcome.captures().map(|(_, capture)| capture));
    all.push(story(plan, &outcome.trace).into_bytes());
    all
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    for path in everything() {
        let (plan, first) = support::run(&path);
        let (_, second) = support::run(&path);
        assert!(bytes(&plan, &first) == bytes(&plan, &second), "{}", path.display());
    }
}

/// All scenarios that we have.
fn everything() -> Vec<std::path::PathBuf> {
    [support::scenarios("scenarios"), support::scenarios("tests/cases")].concat()
}

#[test]
fn every_frame_is_well_formed() {
    for path in everything() {
        let (_, outcome) = support::run(&path);
        for record in outcome.trace.records() {
            if let Event::Frame { direction: Direction::Out, id, .. } = &record.event {
                let frame = outcome.trace.frames.of(*id);
                assert_eq!(flaw(&frame), None, "{}: {frame:?}", path.display());
            }
        }
    }
}

/// What is wrong with a frame, if anything: it does not parse, or a checksum does not add up.
fn flaw(frame: &Frame) -> Option<String> {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};
    let packet = match SlicedPacket::from_ethernet(frame.bytes()) {
        Ok(packet) => packet,
        Err(error) => return Some(error.to_string()),
    };
    let Some(NetSlice::Ipv4(ip)) = &packet.net else { return None };
    let header = ip.header();
    if header.to_header().calc_header_checksum() != header.header_checksum() {
        return Some("IPv4 header checksum".to_owned());
    }
    let (source, destination) = (header.source(), header.destination());
    let wrong = match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            tcp.calc_checksum_ipv4(source, destination).is_ok_and(|sum| sum != tcp.checksum()).then_some("TCP checksum")
        }
        Some(TransportSlice::Udp(udp)) => {
            let sum = udp.to_header().calc_checksum_ipv4_raw(source, destination, udp.payload());
            // RFC 768: 0 stands for none, as in most tunnels.
            sum.is_ok_and(|sum| udp.checksum() != 0 && sum != udp.checksum()).then_some("UDP checksum")
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            let sum = etherparse::Icmpv4Type::calc_checksum(&icmp.icmp_type(), icmp.payload());
            (sum != icmp.checksum()).then_some("ICMP checksum")
        }
        _ => None,
    };
    wrong.map(str::to_owned)
}

/// A frame that leaves a node arrives somewhere, is lost for a reason that is told, or is still on its way when the run
/// ends; and nothing arrives that was not sent.
#[test]
fn frames_do_not_vanish() {
    for path in everything() {
        let (_, outcome) = support::run(&path);
        let mut ended = BTreeSet::new();
        let mut sent = BTreeMap::new();
        for record in outcome.trace.records() {
            match &record.event {
                Event::Frame { direction: Direction::Out, id, .. } => {
                    assert!(sent.insert(*id, record.at).is_none(), "{}: {id:?} was sent twice", path.display());
                }
                Event::Frame { id, .. } | Event::Lost { id, .. } => {
                    assert!(sent.contains_key(id), "{}: {id:?} was never sent", path.display());
                    ended.insert(*id);
                }
                Event::Note { .. } => {}
            }
        }
        let last = outcome.trace.last();
        let under_way = |at| last.since(at).as_millis() < 100;
        let vanished: Vec<_> = sent.iter().filter(|(id, at)| !ended.contains(id) && !under_way(**at)).collect();
        assert!(vanished.is_empty(), "{}: {vanished:?}", path.display());
    }
}

#[test]
fn a_capture_of_everything_reads_back() {
    use pcap_parser::traits::PcapReaderIterator;
    use pcap_parser::{Block, PcapBlockOwned, PcapError, PcapNGReader};

    let (_, outcome) = support::run(&support::project().join("scenarios/dr-arp-problem.ron"));
    let file = pcapng::write(&outcome.trace);
    let mut reader = PcapNGReader::new(65_536, &file[..]).unwrap();
    let (mut names, mut frames, mut comments) = (Vec::new(), 0, 0);
    loop {
        match reader.next() {
            Ok((length, block)) => {
                match block {
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        assert_eq!(interface.if_tsresol, 9, "nanoseconds");
                        names.push(interface.if_name().unwrap().unwrap().to_owned());
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        frames += 1;
                        comments += packet.options.iter().filter(|option| option.code.0 == 1).count();
                    }
                    _ => {}
                }
                reader.consume(length);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
            Err(error) => panic!("{error:?}"),
        }
    }
    let at_nodes = |event: Event<'_>| match event {
        Event::Frame { .. } => true,
        Event::Lost { hop, .. } => {
            [Some(hop.from), hop.to].into_iter().flatten().any(|end| matches!(end.station, Station::Node(_)))
        }
        Event::Note { .. } => false,
    };
    assert_eq!(names, ["client:eth0", "director:eth0", "rs1:eth0", "rs2:eth0"]);
    assert_eq!(frames, outcome.trace.records().filter(|record| at_nodes(record.event)).count());
    assert!(comments > 0, "what was decided about frames stands beside them");
}

#[test]
fn a_run_that_never_ends_is_stopped() {
    let text = std::fs::read_to_string(support::project().join("scenarios/dr.ron")).unwrap();
    let plan = scenario::load(&text).unwrap();
    let failure = scenario::run(&plan, Options { max_events: 100 }).unwrap_err();
    assert!(failure.diagnostic(&plan, &text).is_none(), "the file is not to blame");
}
