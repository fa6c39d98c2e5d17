//! Virtual routers that talk to one another over a wire made of vectors.

use super::*;
use crate::keepalived::conf::{self, Config, Files};
use crate::time::Span;

struct NoFiles;

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
struct Machine {
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

fn arrival(message: &Message) -> Arrival<'_> {
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
