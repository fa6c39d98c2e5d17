use std::net::Ipv4Addr;

use etherparse::TcpHeader;

use super::*;
use crate::sim::{Action, Outbox};
use crate::time::Time;
use crate::wire::build::{self, Ipv4Fields};
use crate::wire::{Frame, proto};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const WEB: u16 = 80;

fn datagram(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, write: impl FnOnce(&mut Vec<u8>)) -> Packet {
    let fields = Ipv4Fields { source, destination, protocol, ttl: 64, tos: 0, id: 1, dont_fragment: false };
    Packet::new(build::ipv4(&mut Vec::new(), &fields, write), IfIndex(2), None)
}

/// A segment from the client to the server's web port.
fn request(syn: bool) -> Packet {
    let mut header = TcpHeader::new(40_001, WEB, 1, 1000);
    (header.syn, header.ack) = (syn, !syn);
    datagram(CLIENT, SERVER, proto::TCP, |buffer| build::tcp(buffer, CLIENT, SERVER, header, &[]))
}

fn answer() -> Packet {
    let mut header = TcpHeader::new(WEB, 40_001, 1, 1000);
    (header.syn, header.ack) = (true, true);
    datagram(SERVER, CLIENT, proto::TCP, |buffer| build::tcp(buffer, SERVER, CLIENT, header, &[]))
}

fn is<T>(is: T) -> Option<Maybe<T>> {
    Some(Maybe { inverted: false, is })
}

fn to(target: Target) -> Rule {
    Rule { target, ..Rule::default() }
}

fn from_client(target: Target) -> Rule {
    Rule { source: is(Network { address: CLIENT, mask: Ipv4Addr::BROADCAST }), ..to(target) }
}

fn web(target: Target) -> Rule {
    let ports = Match::Tcp { source: None, destination: is(Ports(WEB, WEB)), flags: None };
    Rule { protocol: is(proto::TCP), matches: vec![ports], ..to(target) }
}

fn in_state(states: States, target: Target) -> Rule {
    let states = Match::State { conntrack: false, states: Maybe { inverted: false, is: states } };
    Rule { matches: vec![states], ..to(target) }
}

/// A host with these rules in a table's chain, and somebody who reads its notes.
fn host(table: &str, chain: &str, rules: Vec<Rule>) -> Kernel {
    let out = Outbox { tracing: true, ..Outbox::default() };
    let mut kernel = Kernel { out, ..Kernel::default() };
    append(&mut kernel, table, chain, rules).unwrap();
    kernel
}

fn append(kernel: &mut Kernel, table: &str, chain: &str, rules: Vec<Rule>) -> Result<(), TableError> {
    let change = |table: &mut Table| {
        let id = table.find(chain).unwrap();
        table.edit(id, |all| all.extend(rules))
    };
    kernel.netfilter_mut().change(table, change).unwrap()
}

fn chain_id(kernel: &mut Kernel, name: &str) -> ChainId {
    let find_or_add = |table: &mut Table| {
        if table.find(name).is_none() {
            table.add_chain(name).unwrap();
        }
        table.find(name).unwrap()
    };
    kernel.netfilter_mut().change("filter", find_or_add).unwrap()
}

fn passes(kernel: &mut Kernel, hook: Hook, packet: Packet) -> bool {
    kernel.netfilter(hook, packet, None, None).is_some()
}

fn notes(kernel: &mut Kernel) -> String {
    let text = |action| match action {
        Action::Note(_, note) => Some(note.to_string()),
        _ => None,
    };
    kernel.out.actions.drain(..).filter_map(text).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_rule_that_decides_wins_and_is_named() {
    let mut kernel = host("filter", "INPUT", vec![from_client(Target::Count), web(Target::Drop), to(Target::Accept)]);
    assert!(!passes(&mut kernel, Hook::Input, request(true)));
    insta::assert_snapshot!(notes(&mut kernel), @"rule 2 of iptables' filter INPUT: -p tcp -m tcp --dport 80 -j DROP");
    assert!(passes(&mut kernel, Hook::Input, answer()));
    assert!(passes(&mut kernel, Hook::Forward, request(true)));
    let input = chain_id(&mut kernel, "INPUT");
    let counts = |rule: &Rule| (rule.counters.packets, rule.counters.bytes);
    let counted: Vec<_> = kernel.netfilter.table("filter").unwrap().chain(input).rules.iter().map(counts).collect();
    assert_eq!(counted, [(1, 40), (1, 40), (1, 40)]);
}

#[test]
fn the_policy_has_the_last_word() {
    let mut kernel = host("filter", "FORWARD", vec![web(Target::Accept)]);
    let forward = chain_id(&mut kernel, "FORWARD");
    kernel.netfilter_mut().change("filter", |table| table.set_policy(forward, false));
    assert!(passes(&mut kernel, Hook::Forward, request(true)));
    assert!(!passes(&mut kernel, Hook::Forward, answer()));
    let told = notes(&mut kernel);
    insta::assert_snapshot!(told, @"no rule of iptables' filter FORWARD accepts it, and the policy is DROP");
}

#[test]
fn chains_are_visited_and_left() {
    let mut kernel = host("filter", "INPUT", vec![]);
    let [visited, left] = ["visited", "left"].map(|name| chain_id(&mut kernel, name));
    append(&mut kernel, "filter", "visited", vec![web(Target::Return), to(Target::Goto(left))]).unwrap();
    append(&mut kernel, "filter", "left", vec![from_client(Target::Drop)]).unwrap();
    append(&mut kernel, "filter", "INPUT", vec![to(Target::Jump(visited)), web(Target::Drop)]).unwrap();
    // Returned from the first chain to the rule after the jump.
    assert!(!passes(&mut kernel, Hook::Input, request(true)));
    assert!(notes(&mut kernel).starts_with("rule 2 of iptables' filter INPUT"));
    // From the end of the second chain too, since the first one was left for good.
    assert!(passes(&mut kernel, Hook::Input, answer()));
}

#[test]
fn chains_cannot_jump_in_a_circle() {
    let mut kernel = host("filter", "INPUT", vec![]);
    let [a, b] = ["a", "b"].map(|name| chain_id(&mut kernel, name));
    append(&mut kernel, "filter", "a", vec![to(Target::Jump(b))]).unwrap();
    append(&mut kernel, "filter", "b", vec![to(Target::Jump(a))]).unwrap();
    assert_eq!(append(&mut kernel, "filter", "INPUT", vec![to(Target::Jump(a))]), Err(TableError::TooManyLinks));
    assert!(passes(&mut kernel, Hook::Input, request(true)));
}

#[test]
fn marks_are_set_before_the_filter_looks() {
    let mut kernel = host("mangle", "INPUT", vec![web(Target::Mark(MarkBits { value: 8, mask: 0xff }))]);
    let marked = Match::Mark(Maybe { inverted: false, is: MarkBits { value: 8, mask: u32::MAX } });
    append(&mut kernel, "filter", "INPUT", vec![Rule { matches: vec![marked], ..to(Target::Accept) }]).unwrap();
    let mut packet = request(true);
    packet.mark = 0x107;
    let packet = kernel.netfilter(Hook::Input, packet, None, None).unwrap();
    assert_eq!(packet.mark, 0x108);
    assert!(notes(&mut kernel).contains("mangle INPUT: -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x8/0xff"));
}

#[test]
fn later_fragments_have_no_ports() {
    let mut kernel = host("filter", "INPUT", vec![web(Target::Drop)]);
    let mut bytes = request(true).frame.bytes().to_vec();
    bytes[14 + 7] = 185;
    let fragment = Packet::new(Frame::new(&bytes), IfIndex(2), None);
    assert!(passes(&mut kernel, Hook::Input, fragment));
}

#[test]
fn connections_are_new_then_established() {
    let fresh = in_state(States::NEW, Target::Count);
    let known = in_state(States::ESTABLISHED, Target::Accept);
    let mut kernel = host("filter", "INPUT", vec![fresh, known, to(Target::Drop)]);
    // An answer to nothing is new; what this host has asked for is not.
    assert!(!passes(&mut kernel, Hook::Prerouting, request(true)) || !passes(&mut kernel, Hook::Input, request(true)));
    assert!(passes(&mut kernel, Hook::Output, answer()));
    assert!(passes(&mut kernel, Hook::Prerouting, request(false)));
    assert!(passes(&mut kernel, Hook::Input, request(false)));
    kernel.now = Time::ZERO + crate::time::Span::from_secs(432_001);
    assert!(!passes(&mut kernel, Hook::Input, request(false)));
}

#[test]
fn errors_about_known_connections_are_related() {
    let mut kernel = host("filter", "INPUT", vec![in_state(States::RELATED, Target::Accept), to(Target::Drop)]);
    let error = || {
        let quoted = request(true).ip().to_vec();
        datagram(SERVER, CLIENT, proto::ICMP, |buffer| build::icmp(buffer, 3, 1, [0; 4], &quoted))
    };
    assert!(!passes(&mut kernel, Hook::Input, error()));
    assert!(passes(&mut kernel, Hook::Output, request(true)));
    assert!(passes(&mut kernel, Hook::Input, error()));
}
