//! Sessions are held to straight runs.

use proptest::prelude::*;

use super::*;
use crate::reason::Note;
use crate::scenario::{load, run};
use crate::shell::tables;
use crate::trace::filter::Filter;
use crate::trace::{Event, Record};

const DR: &str = include_str!("../../scenarios/dr.ron");

fn session(text: &str) -> Session {
    Session::begin(load(text).unwrap(), Options::default()).unwrap()
}

/// Records as texts that can be compared.
fn told(trace: &Trace) -> Vec<String> {
    trace.records().map(|record| text(trace, &record)).collect()
}

fn text(trace: &Trace, record: &Record<'_>) -> String {
    match record.event {
        Event::Frame { id, .. } => format!("{record:?} {:?}", trace.frames.of(id).bytes()),
        _ => format!("{record:?}"),
    }
}

fn straight(text: &str) -> Vec<String> {
    told(&run(&load(text).unwrap(), Options::default()).unwrap().trace)
}

/// What commands at the first terminal and all frames leave behind.
fn own(trace: &Trace) -> Vec<String> {
    let is_own = |record: &Record<'_>| match record.event {
        Event::Note { note: Note::Console(console), .. } => {
            console.job().is_none_or(|job| job.terminal == Terminal::FIRST)
        }
        Event::Note { note: Note::Process(process), .. } => process.job.terminal == Terminal::FIRST,
        _ => true,
    };
    trace.records().filter(is_own).map(|record| text(trace, &record)).collect()
}

fn node(session: &Session, name: &str) -> NodeId {
    session.plan().node(name).unwrap()
}

#[test]
fn a_session_without_hands_is_the_run() {
    let mut session = session(DR);
    assert_eq!(session.go(&Goal::End), Halt::End);
    assert!(session.is_over());
    assert_eq!(told(session.trace()), straight(DR));
    assert_eq!(session.go(&Goal::End), Halt::End, "the end stays the end");
}

#[test]
fn goals() {
    let mut session = session(DR);
    let parse = |text| Goal::parse(text, Span::ZERO).unwrap();
    assert_eq!(session.go(&parse("arp")), Halt::Reached);
    assert_eq!(session.now(), Span::ZERO, "the client asks for the VIP at once");
    assert_eq!(session.go(&parse("tcp and in and node rs2")), Halt::Reached);
    assert_eq!(session.go(&parse("500ms")), Halt::Reached);
    assert_eq!(session.now(), Span::from_millis(500));
    assert_eq!(session.go(&parse("says WLC")), Halt::End);
    assert_eq!(session.go(&Goal::Done), Halt::Reached);
    for (text, complaint) in [
        ("1.5", "`1.5` is not a time: a number and a unit, like 1.5s or 200ms"),
        ("says", "`says` what? a text must follow, like `until says MASTER`"),
        ("conn 10.0.0.1", "`10.0.0.1` is not an address and a port, like 192.168.1.10:40001"),
    ] {
        assert_eq!(Goal::parse(text, Span::ZERO).unwrap_err().to_string(), complaint);
    }
    assert_eq!(Goal::parse("+1s", Span::from_secs(1)), Ok(Goal::Time(Span::from_secs(2))));
    assert_eq!(Goal::parse("drop", Span::ZERO), Ok(Goal::Seen(Filter::parse("drops").unwrap())));
}

#[test]
fn a_drop_is_found() {
    let mut session = session(DR);
    session.type_in(node(&session, "rs2"), "iptables -A INPUT -p tcp -j DROP").unwrap();
    assert_eq!(session.go(&Goal::parse("drop", Span::ZERO).unwrap()), Halt::Reached);
    let last = session.trace().records().rev().find(|record| !matches!(record.event, Event::Frame { .. }));
    let Event::Note { note: Note::Drop(drop), .. } = last.unwrap().event else { panic!("{last:?}") };
    assert!(drop.to_string().contains("INPUT"), "{drop}");
}

#[test]
fn what_is_typed_takes_effect_at_once_and_is_kept() {
    let mut session = session(DR);
    session.go(&Goal::Frames(5));
    let client = node(&session, "client");
    session.type_in(client, "ip neigh").unwrap();
    let printed = &session.host(client).jobs(Terminal(2))[0];
    assert_eq!(printed.status, Some(0));
    assert!(String::from_utf8_lossy(&printed.out.borrow()).contains("192.168.1.200"));
    session.go(&Goal::End);
    session.back(1, Unit::Frames).unwrap();
    assert_eq!(session.host(client).jobs(Terminal(2)).len(), 1, "it is typed again");
    assert!(session.undo().unwrap());
    assert!(session.deeds().is_empty() && session.host(client).jobs(Terminal(2)).is_empty());
    assert!(session.now() < Span::from_millis(1));
    assert!(!session.undo().unwrap());
}

#[test]
fn what_is_done_before_the_first_step_comes_before_it() {
    let mut session = session(DR);
    let rs1 = node(&session, "rs1");
    session.type_in(rs1, "pkill httpd").unwrap();
    session.type_in(rs1, "echo $HOME; x=1").unwrap();
    session.type_in(rs1, "echo x is $x").unwrap();
    assert_eq!(session.now(), Span::ZERO);
    let printed = session.host(rs1).jobs(Terminal(2))[2].out.borrow().clone();
    assert_eq!(String::from_utf8_lossy(&printed), "x is 1\n");
    session.go(&Goal::End);
    let said = session.host(node(&session, "client")).jobs(Terminal::FIRST)[1].out.borrow().clone();
    assert!(String::from_utf8_lossy(&said).contains("refused"), "{}", String::from_utf8_lossy(&said));
    let saved = session.save(DR);
    assert_eq!(straight(&saved), told(session.trace()), "{saved}");
}

#[test]
fn going_on_beyond_the_end() {
    let mut session = session(DR);
    session.go(&Goal::End);
    let end = session.now();
    session.go(&Goal::Time(end + Span::from_secs(60)));
    let client = node(&session, "client");
    session.type_in(client, "get 192.168.1.200 80").unwrap();
    session.go(&Goal::Done);
    session.go(&Goal::Time(end + Span::from_secs(90)));
    let (records, saved) = (told(session.trace()), session.save(DR));
    assert_eq!(straight(&saved)[..records.len()], records, "{saved}");
}

/// Something that a user does.
#[derive(Clone, Debug)]
enum Deed {
    Frames(u64),
    Events(u64),
    Millis(u64),
    Back(usize, Unit),
    Jump(u64),
    Type(usize, &'static str),
    Unplug(usize),
    Crash(usize),
    Boot(usize),
    Tables(usize),
    Undo,
}

const READING: &[&str] =
    &["ip neigh", "ip -s addr", "ipvsadm -lnc", "ss -tan", "ps", "cat /proc/net/ip_vs", "sleep 0.2"];
const CHANGING: &[&str] = &[
    "ip addr add 10.9.9.9/24 dev eth0",
    "get 192.168.1.200 80 2",
    "ping -c 2 192.168.1.200",
    "pkill httpd",
    "httpd 80 &",
    "sleep 0.01; ip neigh flush dev eth0",
];

fn moves() -> impl Strategy<Value = Deed> {
    let unit = prop_oneof![Just(Unit::Frames), Just(Unit::Events)];
    prop_oneof![
        (1..30_u64).prop_map(Deed::Frames),
        (1..30_u64).prop_map(Deed::Events),
        (0..1500_u64).prop_map(Deed::Millis),
        (1..30_usize, unit).prop_map(|(count, unit)| Deed::Back(count, unit)),
        (0..1500_u64).prop_map(Deed::Jump),
    ]
}

fn typed(lines: &'static [&'static str]) -> impl Strategy<Value = Deed> {
    (0..4_usize, proptest::sample::select(lines)).prop_map(|(node, line)| Deed::Type(node, line))
}

fn faults() -> impl Strategy<Value = Deed> {
    (0..4_usize, proptest::sample::select(vec![Deed::Unplug as fn(usize) -> Deed, Deed::Crash, Deed::Boot]))
        .prop_map(|(node, make)| make(node))
}

fn perform(session: &mut Session, deed: &Deed) {
    let nodes = session.plan().nodes.len();
    let id = |node: usize| NodeId((node % nodes) as u32);
    match *deed {
        Deed::Frames(count) => drop(session.go(&Goal::Frames(count))),
        Deed::Events(count) => drop(session.go(&Goal::Events(count))),
        Deed::Millis(millis) => drop(session.go(&Goal::Time(session.now() + Span::from_millis(millis)))),
        Deed::Back(count, unit) => session.back(count, unit).unwrap(),
        Deed::Jump(millis) => drop(session.jump(Span::from_millis(millis)).unwrap()),
        Deed::Type(node, line) => drop(session.type_in(id(node), line).unwrap()),
        Deed::Tables(node) => drop(tables(session.host(id(node)), session.clock())),
        Deed::Unplug(node) => session.act(Action::Cable(id(node), 0, false)).unwrap(),
        Deed::Crash(node) => session.act(Action::Crash(id(node))).unwrap(),
        Deed::Boot(node) => session.act(Action::Boot(id(node))).unwrap(),
        Deed::Undo => drop(session.undo().unwrap()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Forward, back and forward again, looking around: the frames and the scenario's own commands are those of the straight run.
    #[test]
    fn moving_and_looking_change_nothing(deeds in prop::collection::vec(prop_oneof![3 => moves(), 1 => typed(READING), 1 => (0..4_usize).prop_map(Deed::Tables)], 1..12)) {
        let mut session = session(DR);
        deeds.iter().for_each(|deed| perform(&mut session, deed));
        let (straight, seen) = (straight(DR), own(session.trace()));
        let common = straight.len().min(seen.len());
        prop_assert_eq!(&straight[..common], &seen[..common]);
    }

    /// Whatever is done by hand: going back and forward again leads to the same, and so does the saved scenario.
    #[test]
    fn a_saved_session_is_the_same_run(deeds in prop::collection::vec(
        prop_oneof![4 => moves(), 3 => typed(CHANGING), 1 => faults(), 1 => Just(Deed::Undo)], 1..12,
    )) {
        let mut session = session(DR);
        deeds.iter().for_each(|deed| perform(&mut session, deed));
        let seen = told(session.trace());
        let saved = session.save(DR);
        let again = straight(&saved);
        prop_assert!(again.len() >= seen.len(), "{}", saved);
        prop_assert_eq!(&again[..seen.len()], &seen, "{}", saved);
        let end = session.now();
        session.jump(Span::ZERO).unwrap();
        session.jump(end).unwrap();
        let back = told(session.trace());
        // Whoever stood between two events of one moment is now behind them all.
        prop_assert!(back.len() >= seen.len());
        prop_assert_eq!(&back[..seen.len()], &seen);
    }
}
