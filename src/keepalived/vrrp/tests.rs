//! Virtual routers that talk to one another over a wire made of vectors.

use super::*;
use crate::keepalived::conf::{self, Config, Files};
use crate::time::Span;

pub(super) struct NoFiles;

impl Files for NoFiles {
    fn read(&mut self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn config(lines: &str) -> Config {
    let text = format!(
        "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {{\n192.168.200.16\n}}\n{lines}\n}}"
    );
    let (config, messages) = conf::parse(&text, "ds", &mut NoFiles);
    assert!(conf::is_usable(&messages), "{messages:?}");
    config
}

fn address(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 200, n)
}

/// A machine of the test: its address, and what it has done.
pub(super) struct Machine {
    vrrp: Vrrp,
    own: Ipv4Addr,
    done: Vec<String>,
}

fn link(n: u8, is_up: bool) -> Link {
    Link { name: "eth0".to_owned(), is_up, arp: true, addresses: vec![address(n)] }
}

impl Machine {
    fn new(n: u8, lines: &str) -> Machine {
        Machine::with(n, &config(lines))
    }

    fn with(n: u8, config: &Config) -> Machine {
        Machine { vrrp: Vrrp::new(config, vec![link(n, true)], &[], &[]), own: address(n), done: Vec::new() }
    }

    /// What it sends; all else is written down.
    fn react(&mut self, now: Time) -> Vec<Message> {
        let mut sent = Vec::new();
        for effect in self.vrrp.take_effects() {
            let text = match effect {
                Effect::Send(message) => {
                    sent.push(message);
                    continue;
                }
                Effect::Log(text) => format!("{:.3} {text}", now.since(Time::ZERO).as_secs_f64()),
                Effect::Address(change, device, vip) => format!("{change:?} {} {device}", vip.net),
                Effect::Route(change, words) => format!("{change:?} route {}", words.join(" ")),
                Effect::GratuitousArp { interface, address } => format!("ARP {address} {interface}"),
                Effect::Run(line) => format!("run {line}"),
                other => format!("{other:?}"),
            };
            self.done.push(text);
        }
        sent
    }

    fn state(&self) -> State {
        self.vrrp.routers()[0].state()
    }

    fn count(&self, what: &str) -> usize {
        self.done.iter().filter(|line| line.ends_with(what)).count()
    }
}

/// Lets time pass on a wire that carries everything, or nothing.
fn pass(machines: &mut [Machine], now: &mut Time, span: Span, is_cut: bool) {
    let end = *now + span;
    while let Some(at) =
        machines.iter().filter_map(|machine| machine.vrrp.next_deadline()).min().filter(|at| *at <= end)
    {
        *now = at;
        for n in 0..machines.len() {
            machines[n].vrrp.tick(at);
            deliver(machines, n, at, is_cut);
        }
    }
    *now = end;
}

fn deliver(machines: &mut [Machine], from: usize, now: Time, is_cut: bool) {
    for message in machines[from].react(now) {
        for n in (0..machines.len()).filter(|n| *n != from && !is_cut) {
            let to = message.destination;
            if to.is_multicast() || to == machines[n].own {
                machines[n].vrrp.receive("eth0", &arrival(&message), now);
                deliver(machines, n, now, is_cut);
            }
        }
    }
}

/// What a message is to those whom it reaches.
pub(super) fn arrival(message: &Message) -> Arrival<'_> {
    Arrival {
        source: message.source,
        destination: message.destination,
        ttl: message.ttl,
        id: message.id,
        is_sealed: message.protocol == proto::AH,
        payload: &message.bytes,
    }
}

fn states(machines: &[Machine]) -> Vec<&'static str> {
    machines.iter().map(|machine| machine.state().name()).collect()
}

fn pair(first: &str, second: &str) -> (Vec<Machine>, Time) {
    let mut machines = vec![Machine::new(11, first), Machine::new(12, second)];
    for machine in &mut machines {
        machine.vrrp.start(Time::ZERO);
    }
    (machines, Time::ZERO)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn messages_byte_for_byte() {
    let written = |lines: &str, priority| {
        let mut bytes = Vec::new();
        packet::write(&mut bytes, &config(lines).instances[0], priority, address(11), Ipv4Addr::new(224, 0, 0, 18));
        hex(&bytes)
    };
    let password = "authentication {\nauth_type PASS\nauth_pass 1111\n}";
    assert_eq!(written(password, 100), "2133640101018eaec0a8c8103131313100000000");
    assert_eq!(written(password, 0), "213300010101f2aec0a8c8103131313100000000");
    assert_eq!(written("", 100), "213364010001f210c0a8c8100000000000000000");
    assert_eq!(written("version 3", 100), "313364010064786ac0a8c810");
}

#[test]
fn the_greater_priority_wins_after_a_full_wait() {
    let (mut machines, mut now) = pair("priority 100\nstate MASTER", "priority 90");
    pass(&mut machines, &mut now, Span::from_millis(3600), false);
    assert_eq!(states(&machines), ["BACKUP", "BACKUP"]);
    pass(&mut machines, &mut now, Span::from_millis(20), false);
    assert_eq!(states(&machines), ["MASTER", "BACKUP"]);
    assert_eq!(machines[0].count("ARP 192.168.200.16 eth0"), 5);
}

#[test]
fn a_clean_stop_is_taken_over_after_the_skew() {
    let (mut machines, mut now) = pair("priority 100", "priority 90");
    pass(&mut machines, &mut now, Span::from_secs(5), false);
    machines[0].vrrp.stop();
    deliver(&mut machines, 0, now, false);
    pass(&mut machines, &mut now, Span::from_millis(640), false);
    assert_eq!(machines[1].state(), State::Backup);
    pass(&mut machines, &mut now, Span::from_millis(20), false);
    assert_eq!(machines[1].state(), State::Master, "{:?}", machines[1].done);
}

#[test]
fn a_cut_makes_two_masters_and_the_lesser_yields() {
    let (mut machines, mut now) = pair("priority 100", "priority 90");
    pass(&mut machines, &mut now, Span::from_secs(10), true);
    assert_eq!(states(&machines), ["MASTER", "MASTER"]);
    pass(&mut machines, &mut now, Span::from_secs(2), false);
    assert_eq!(states(&machines), ["MASTER", "BACKUP"]);
}

#[test]
fn nopreempt_keeps_a_returning_router_quiet() {
    for (more, expected) in [("nopreempt", ["BACKUP", "MASTER"]), ("", ["MASTER", "BACKUP"])] {
        let (mut machines, mut now) = pair(&format!("priority 100\nstate BACKUP\n{more}"), "priority 90");
        machines[0].vrrp.stop();
        pass(&mut machines, &mut now, Span::from_secs(6), false);
        machines[0] = Machine::new(11, &format!("priority 100\nstate BACKUP\n{more}"));
        machines[0].vrrp.start(now);
        pass(&mut machines, &mut now, Span::from_secs(10), false);
        assert_eq!(states(&machines), expected, "{more}");
    }
}

#[test]
fn other_passwords_are_not_listened_to() {
    let with = |word: &str| format!("priority 100\nauthentication {{\nauth_type PASS\nauth_pass {word}\n}}");
    let (mut machines, mut now) = pair(&with("1111"), &with("2222"));
    pass(&mut machines, &mut now, Span::from_secs(8), false);
    assert_eq!(states(&machines), ["MASTER", "MASTER"]);
    assert!(machines[1].done.iter().any(|line| line.ends_with("(VI_1) received an invalid passwd!")));
}

#[test]
fn a_link_without_carrier_is_a_fault() {
    let (mut machines, mut now) = pair("priority 100", "priority 90");
    pass(&mut machines, &mut now, Span::from_secs(5), false);
    machines[0].vrrp.links(vec![link(11, false)], now);
    assert_eq!(machines[0].state(), State::Fault);
    machines[0].vrrp.links(vec![link(11, true)], now);
    assert_eq!(machines[0].state(), State::Backup);
}

fn parsed(text: &str) -> Config {
    let (config, messages) = conf::parse(text, "ds", &mut NoFiles);
    assert!(conf::is_usable(&messages), "{messages:?}");
    config
}

const SCRIPT: &str = "vrrp_script chk {\nscript true\nrise 2\nfall 2\n}\n";

fn tracking(script: &str, lines: &str) -> Config {
    let instance = "interface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n192.168.200.16\n}";
    parsed(&format!("{script}vrrp_instance VI_1 {{\n{instance}\n{lines}\n}}"))
}

#[test]
fn scripts_rise_and_fall() {
    let script = tracking(SCRIPT, "track_script {\nchk\n}").scripts[0].clone();
    let mut watched = Watched::new(script);
    assert_eq!(watched.is_good(), None);
    // One result decides at first, either way.
    assert_eq!(watched.hear(Outcome::Exited(0)), ["VRRP_Script(chk) succeeded"]);
    assert_eq!(watched.hear(Outcome::Exited(1)), ["Script `chk` now returning 1"]);
    assert_eq!(watched.is_good(), Some(true));
    assert_eq!(watched.hear(Outcome::TimedOut), ["VRRP_Script(chk) timed_out"]);
    assert_eq!(watched.hear(Outcome::Exited(0)), ["Script `chk` now returning 0"]);
    assert_eq!(watched.hear(Outcome::Exited(0)), ["VRRP_Script(chk) succeeded"]);
}

#[test]
fn nothing_begins_before_its_scripts_have_been_heard() {
    let mut machine = Machine::with(11, &tracking(SCRIPT, "track_script {\nchk\n}"));
    machine.vrrp.start(Time::ZERO);
    assert_eq!(machine.state(), State::Fault);
    machine.vrrp.script(0, Outcome::Exited(0), Time::from_nanos(1));
    assert_eq!(machine.state(), State::Backup);
    machine.react(Time::ZERO);
    assert_eq!(machine.count("(VI_1) Entering BACKUP STATE"), 1);
}

#[test]
fn a_script_that_fails_at_first_is_a_fault_without_a_word() {
    let mut machine = Machine::with(11, &tracking(SCRIPT, "track_script {\nchk\n}\nnotify_fault f"));
    machine.vrrp.start(Time::ZERO);
    machine.vrrp.script(0, Outcome::Exited(1), Time::from_nanos(1));
    machine.react(Time::ZERO);
    assert_eq!((machine.state(), machine.count("Entering FAULT STATE"), machine.count("run f")), (State::Fault, 0, 1));
}

#[test]
fn the_number_in_a_file_is_a_weight_or_a_fault() {
    let file = "track_file f {\nfile /f\nweight -2\n}\n";
    let mut machine = Machine::with(11, &tracking(file, "priority 100\ntrack_file {\nf\n}"));
    machine.vrrp.start(Time::ZERO);
    // A file that makes a fault leaves the priority as it was (process_update_vrrp_track_file_status).
    for (number, priority, state) in [(10, 80, State::Backup), (-10, 120, State::Backup), (127, 120, State::Fault)] {
        machine.vrrp.file(0, number, Time::ZERO);
        assert_eq!((machine.vrrp.routers()[0].priority(), machine.state()), (priority, state), "{number}");
    }
    machine.vrrp.file(0, 0, Time::ZERO);
    assert_eq!(machine.state(), State::Backup);
}

#[test]
fn processes_count_after_their_delay() {
    let process = "vrrp_track_process web {\nprocess httpd\nweight 20\ndelay 2\n}\n";
    let mut machine = Machine::with(11, &tracking(process, "priority 100\ntrack_process {\nweb\n}"));
    let mut now = Time::ZERO;
    machine.vrrp.start(now);
    machine.vrrp.processes(0, 1, now);
    assert_eq!(machine.vrrp.routers()[0].priority(), 100);
    pass(std::slice::from_mut(&mut machine), &mut now, Span::from_millis(2001), true);
    assert_eq!(machine.vrrp.routers()[0].priority(), 120);
}

const PAIR: &str = "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n192.168.200.16\n}\n}\n\
    vrrp_instance VI_2 {\ninterface eth1\nvirtual_router_id 52\nvirtual_ipaddress {\n10.0.0.16\n}\n}\n\
    vrrp_sync_group G {\ngroup {\nVI_1\nVI_2\n}\nnotify n\n}\n";

fn two_links(second_is_up: bool) -> Vec<Link> {
    vec![link(11, true), Link { name: "eth1".to_owned(), ..link(12, second_is_up) }]
}

#[test]
fn a_group_moves_together() {
    let mut vrrp = Vrrp::new(&parsed(PAIR), two_links(true), &[], &[]);
    let mut now = Time::ZERO;
    vrrp.start(now);
    let states = |vrrp: &Vrrp| vrrp.routers().iter().map(|router| router.state().name()).collect::<Vec<_>>();
    assert_eq!(states(&vrrp), ["BACKUP", "BACKUP"]);
    let mut machine = Machine { vrrp, own: address(11), done: Vec::new() };
    pass(std::slice::from_mut(&mut machine), &mut now, Span::from_secs(9), true);
    assert_eq!(states(&machine.vrrp), ["MASTER", "MASTER"]);
    machine.vrrp.links(two_links(false), now);
    assert_eq!(states(&machine.vrrp), ["FAULT", "FAULT"]);
    machine.vrrp.links(two_links(true), now);
    assert_eq!(states(&machine.vrrp), ["BACKUP", "BACKUP"]);
    machine.react(now);
    let told: Vec<&String> = machine.done.iter().filter(|line| line.starts_with("run n")).collect();
    let states = ["BACKUP", "MASTER", "FAULT", "BACKUP"];
    assert_eq!(told, states.map(|state| format!("run n GROUP G {state} 0")).iter().collect::<Vec<_>>());
}

#[test]
fn a_reload_changes_what_has_changed() {
    let lines = |vips: &str| {
        parsed(&format!(
            "vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {{\n{vips}\n}}\n}}"
        ))
    };
    let mut machine = Machine::with(11, &lines("10.0.0.1/24\n10.0.0.2/24"));
    let mut now = Time::ZERO;
    machine.vrrp.start(now);
    pass(std::slice::from_mut(&mut machine), &mut now, Span::from_secs(5), true);
    machine.done.clear();
    machine.vrrp.reload(&lines("10.0.0.2/24\n10.0.0.3/24"), &[], &[], now);
    let sent = machine.react(now);
    assert_eq!((machine.state(), sent.len(), sent[0].bytes[2]), (State::Master, 1, 100));
    let changes: Vec<&String> = machine.done.iter().filter(|line| line.contains("24 eth0")).collect();
    assert_eq!(changes, ["Remove 10.0.0.1/24 eth0", "Add 10.0.0.3/24 eth0"]);
    machine.vrrp.reload(&parsed(""), &[], &[], now);
    let sent = machine.react(now);
    assert_eq!(sent.last().map(|message| message.bytes[2]), Some(0), "the last thing heard of it is a farewell");
}

#[test]
fn ends_of_preemption_delays() {
    let (mut machines, mut now) = pair("priority 90", "priority 100\nstate BACKUP\npreempt_delay 5");
    machines[1] = Machine::new(12, "priority 100\nstate BACKUP\npreempt_delay 5");
    pass(&mut machines, &mut now, Span::from_secs(5), false);
    machines[1].vrrp.start(now);
    // A full wait is over at 8.6 s, the delay at 10 s or so, then the wait that is left.
    pass(&mut machines, &mut now, Span::from_millis(4500), false);
    assert_eq!(states(&machines), ["MASTER", "BACKUP"]);
    pass(&mut machines, &mut now, Span::from_secs(6), false);
    assert_eq!(states(&machines), ["BACKUP", "MASTER"]);
}

#[test]
fn repetitions_collapse_where_there_is_a_gap() {
    let text = "global_defs {\nvrrp_garp_interval 0.5\n}\nvrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n\
        garp_master_delay 0\nvirtual_ipaddress {\n10.0.0.1\n10.0.0.2\n}\n}";
    let mut machine = Machine::with(11, &parsed(text));
    let mut now = Time::ZERO;
    machine.vrrp.start(now);
    pass(std::slice::from_mut(&mut machine), &mut now, Span::from_secs(8), true);
    assert_eq!((machine.count("ARP 10.0.0.1 eth0"), machine.count("ARP 10.0.0.2 eth0")), (2, 1));
}

#[test]
fn a_lost_address_is_fetched_back_after_the_skew() {
    let mut machine = Machine::new(11, "priority 100");
    let mut now = Time::ZERO;
    machine.vrrp.start(now);
    pass(std::slice::from_mut(&mut machine), &mut now, Span::from_secs(5), true);
    machine.vrrp.lose_address(0, now);
    assert_eq!(machine.state(), State::Backup);
    pass(std::slice::from_mut(&mut machine), &mut now, Span::from_millis(620), true);
    assert_eq!(machine.state(), State::Master);
}

#[test]
fn sealed_messages_are_believed_once() {
    let lines = "authentication {\nauth_type AH\nauth_pass secret\n}";
    let (mut machines, mut now) = pair(&format!("priority 100\n{lines}"), &format!("priority 90\n{lines}"));
    pass(&mut machines, &mut now, Span::from_secs(8), false);
    assert_eq!(states(&machines), ["MASTER", "BACKUP"], "{:?}", machines[1].done);
    machines[0].vrrp.tick(now + Span::from_secs(1));
    let sent = machines[0].react(now);
    for _ in 0..2 {
        machines[1].vrrp.receive("eth0", &arrival(&sent[0]), now);
    }
    machines[1].react(now);
    assert!(machines[1].done.last().is_some_and(|line| line.contains("already processed")));
}
