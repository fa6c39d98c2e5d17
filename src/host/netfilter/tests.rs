use std::net::Ipv4Addr;

use etherparse::TcpHeader;

use super::*;
use crate::host::{Kernel, Packet};
use crate::reason::Origin;
use crate::sim::{Action, Outbox};
use crate::time::{Span, Time};
use crate::wire::build::{self, Ipv4Fields};
use crate::wire::{Frame, proto};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const WEB: u16 = 80;

fn datagram(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, write: impl FnOnce(&mut Vec<u8>)) -> Packet {
    let fields = Ipv4Fields { source, destination, protocol, ttl: 64, tos: 0, id: 1, dont_fragment: false };
    Packet::new(build::ipv4(&mut Vec::new(), &fields, write), IfIndex(2), Origin::default())
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
    at(kernel, hook, packet).is_some()
}

fn at(kernel: &mut Kernel, hook: Hook, packet: Packet) -> Option<Packet> {
    match kernel.netfilter(hook, packet, Way::default()) {
        Passage::On(packet) => Some(packet),
        Passage::Dropped | Passage::Stolen => None,
    }
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
    let accepted = "accepted by rule 1 of iptables' filter FORWARD: -p tcp -m tcp --dport 80 -j ACCEPT";
    assert_eq!(notes(&mut kernel), accepted);
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
    let packet = at(&mut kernel, Hook::Input, packet).unwrap();
    assert_eq!(packet.mark, 0x108);
    assert!(notes(&mut kernel).contains("mangle INPUT: -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x8/0xff"));
}

#[test]
fn later_fragments_have_no_ports() {
    let mut kernel = host("filter", "INPUT", vec![web(Target::Drop)]);
    let mut bytes = request(true).frame.bytes().to_vec();
    bytes[14 + 7] = 185;
    let fragment = Packet::new(Frame::new(&bytes), IfIndex(2), Origin::default());
    assert!(passes(&mut kernel, Hook::Input, fragment));
}

/// Takes a packet that comes in to this host, as far as it gets.
fn arrives(kernel: &mut Kernel, packet: Packet) -> Option<Packet> {
    let packet = at(kernel, Hook::Prerouting, packet)?;
    at(kernel, Hook::Input, packet)
}

/// Takes a packet that this host sends, as far as it gets.
fn leaves(kernel: &mut Kernel, packet: Packet) -> Option<Packet> {
    let packet = at(kernel, Hook::Output, packet)?;
    at(kernel, Hook::Postrouting, packet)
}

/// Takes a packet through this host, as far as it gets.
fn passes_through(kernel: &mut Kernel, packet: Packet) -> Option<Packet> {
    let packet = at(kernel, Hook::Prerouting, packet)?;
    let packet = at(kernel, Hook::Forward, packet)?;
    at(kernel, Hook::Postrouting, packet)
}

#[test]
fn connections_are_new_then_established() {
    let fresh = in_state(States::NEW, Target::Count);
    let known = in_state(States::ESTABLISHED, Target::Accept);
    let mut kernel = host("filter", "INPUT", vec![fresh, known, to(Target::Drop)]);
    // A dropped packet leaves no connection behind.
    assert!(arrives(&mut kernel, request(true)).is_none());
    assert!(arrives(&mut kernel, request(true)).is_none());
    // What this host has asked for is known.
    assert!(leaves(&mut kernel, request(true)).is_some());
    assert!(arrives(&mut kernel, answer()).is_some());
    assert!(leaves(&mut kernel, request(false)).is_some());
    assert!(arrives(&mut kernel, answer()).is_some());
    kernel.now = Time::ZERO + Span::from_secs(432_001);
    assert!(arrives(&mut kernel, answer()).is_none());
}

#[test]
fn a_syn_that_nobody_answers_is_forgotten_in_two_minutes() {
    let mut kernel = host("filter", "INPUT", vec![in_state(States::ESTABLISHED, Target::Accept), to(Target::Drop)]);
    leaves(&mut kernel, request(true)).unwrap();
    // Repeating it does not renew it.
    kernel.now = Time::ZERO + Span::from_secs(100);
    leaves(&mut kernel, request(true)).unwrap();
    kernel.now = Time::ZERO + Span::from_secs(121);
    assert!(arrives(&mut kernel, answer()).is_none());
}

#[test]
fn errors_about_known_connections_are_related() {
    let mut kernel = host("filter", "INPUT", vec![in_state(States::RELATED, Target::Accept), to(Target::Drop)]);
    let error = || {
        let quoted = request(true).ip().to_vec();
        datagram(SERVER, CLIENT, proto::ICMP, |buffer| build::icmp(buffer, 3, 1, [0; 4], &quoted))
    };
    assert!(arrives(&mut kernel, error()).is_none());
    assert!(leaves(&mut kernel, request(true)).is_some());
    assert!(arrives(&mut kernel, error()).is_some());
}

#[test]
fn what_is_not_to_be_tracked_is_not() {
    let mut kernel = host("raw", "OUTPUT", vec![to(Target::Untrack(Untrack::Ct))]);
    append(&mut kernel, "filter", "OUTPUT", vec![in_state(States::UNTRACKED, Target::Accept), to(Target::Drop)])
        .unwrap();
    assert!(leaves(&mut kernel, request(true)).is_some());
    assert_eq!(kernel.connections().len(), 0);
}

#[test]
fn a_full_table_takes_nobody_in() {
    let mut kernel = host("filter", "OUTPUT", vec![in_state(States::NEW, Target::Accept)]);
    kernel.set_sysctl("net.netfilter.nf_conntrack_max", "1").unwrap();
    assert!(leaves(&mut kernel, request(true)).is_some());
    assert!(leaves(&mut kernel, answer()).is_some());
    let mut other = TcpHeader::new(40_002, WEB, 1, 1000);
    other.syn = true;
    let other = datagram(CLIENT, SERVER, proto::TCP, |buffer| build::tcp(buffer, CLIENT, SERVER, other, &[]));
    assert!(leaves(&mut kernel, other).is_none());
    assert!(notes(&mut kernel).contains("net.netfilter.nf_conntrack_max"));
}

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn range(addresses: Option<Ipv4Addr>, ports: Option<Ports>) -> Range {
    Range { addresses: addresses.map(|address| (address, address)), ports, ..Range::default() }
}

/// A segment between two ends.
fn segment(source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16), flags: &str) -> Packet {
    let mut header = TcpHeader::new(source.1, destination.1, 1, 1000);
    (header.syn, header.ack) = (flags.contains('S'), flags.contains('A'));
    datagram(source.0, destination.0, proto::TCP, |buffer| {
        build::tcp(buffer, source.0, destination.0, header, &[]);
    })
}

fn ends(packet: &Packet) -> String {
    let (tuple, _) = Tuple::read(packet.ip()).unwrap();
    let show = |(ip, port): (Ipv4Addr, u16)| format!("{ip}:{port}");
    format!("{} > {}", show(tuple.source), show(tuple.destination))
}

#[test]
fn sources_are_translated_there_and_back() {
    let translation = Translation::Source(range(Some(OUTSIDE), None));
    let mut kernel = host("nat", "POSTROUTING", vec![from_client(Target::Translate(translation))]);
    let there = passes_through(&mut kernel, segment((CLIENT, 4000), (SERVER, 80), "S")).unwrap();
    assert_eq!(ends(&there), "192.0.2.1:4000 > 10.0.0.2:80");
    let back = passes_through(&mut kernel, segment((SERVER, 80), (OUTSIDE, 4000), "SA")).unwrap();
    assert_eq!(ends(&back), "10.0.0.2:80 > 10.0.0.1:4000");
    // The rule has been asked once only.
    let again = passes_through(&mut kernel, segment((CLIENT, 4000), (SERVER, 80), "A")).unwrap();
    assert_eq!(ends(&again), "192.0.2.1:4000 > 10.0.0.2:80");
    let table = kernel.netfilter.table("nat").unwrap();
    assert_eq!(table.chain(table.find("POSTROUTING").unwrap()).rules[0].counters.packets, 1);
}

#[test]
fn a_port_that_is_taken_becomes_another() {
    let translation = Translation::Source(range(Some(OUTSIDE), None));
    let mut kernel = host("nat", "POSTROUTING", vec![to(Target::Translate(translation))]);
    let first = passes_through(&mut kernel, segment((CLIENT, 4000), (SERVER, 80), "S")).unwrap();
    let neighbour = Ipv4Addr::new(10, 0, 0, 9);
    let second = passes_through(&mut kernel, segment((neighbour, 4000), (SERVER, 80), "S")).unwrap();
    assert_eq!(ends(&first), "192.0.2.1:4000 > 10.0.0.2:80");
    assert_ne!(ends(&second), ends(&first));
    let (tuple, _) = Tuple::read(second.ip()).unwrap();
    assert!(tuple.source.0 == OUTSIDE && tuple.source.1 >= 1024);
    // To another server the same port will do.
    let third = passes_through(&mut kernel, segment((Ipv4Addr::new(10, 0, 0, 8), 4000), (CLIENT, 80), "S")).unwrap();
    assert_eq!(ends(&third), "192.0.2.1:4000 > 10.0.0.1:80");
}

#[test]
fn destinations_are_translated_with_their_ports() {
    let translation = Translation::Destination(range(Some(SERVER), Some(Ports(8080, 8080))));
    let mut kernel = host("nat", "PREROUTING", vec![web(Target::Translate(translation))]);
    let there = passes_through(&mut kernel, segment((CLIENT, 4000), (OUTSIDE, 80), "S")).unwrap();
    assert_eq!(ends(&there), "10.0.0.1:4000 > 10.0.0.2:8080");
    let back = passes_through(&mut kernel, segment((SERVER, 8080), (CLIENT, 4000), "SA")).unwrap();
    assert_eq!(ends(&back), "192.0.2.1:80 > 10.0.0.1:4000");
}

#[test]
fn pings_of_two_get_different_identifiers() {
    let translation = Translation::Source(range(Some(OUTSIDE), None));
    let mut kernel = host("nat", "POSTROUTING", vec![to(Target::Translate(translation))]);
    let echo = |source: Ipv4Addr, destination, icmp_type, id: u16| {
        let info = [id.to_be_bytes()[0], id.to_be_bytes()[1], 0, 1];
        datagram(source, destination, proto::ICMP, |buffer| build::icmp(buffer, icmp_type, 0, info, b"abc"))
    };
    let id = |packet: &Packet| u16::from_be_bytes([packet.payload()[4], packet.payload()[5]]);
    let first = passes_through(&mut kernel, echo(CLIENT, SERVER, 8, 7)).unwrap();
    let neighbour = Ipv4Addr::new(10, 0, 0, 9);
    let second = passes_through(&mut kernel, echo(neighbour, SERVER, 8, 7)).unwrap();
    assert_eq!(id(&first), 7);
    assert_ne!(id(&second), 7);
    let back = passes_through(&mut kernel, echo(SERVER, OUTSIDE, 0, id(&second))).unwrap();
    assert_eq!((back.destination(), id(&back)), (neighbour, 7));
    assert_eq!(crate::wire::checksum(back.payload()), 0);
}

#[test]
fn errors_quote_what_the_sender_knows() {
    let translation = Translation::Source(range(Some(OUTSIDE), None));
    let mut kernel = host("nat", "POSTROUTING", vec![to(Target::Translate(translation))]);
    let there = passes_through(&mut kernel, segment((CLIENT, 4000), (SERVER, 80), "S")).unwrap();
    let quoted = there.ip()[..there.total_len()].to_vec();
    let router = Ipv4Addr::new(10, 9, 9, 9);
    let error = datagram(router, OUTSIDE, proto::ICMP, |buffer| build::icmp(buffer, 3, 1, [0; 4], &quoted));
    let back = passes_through(&mut kernel, error).unwrap();
    assert_eq!((back.source(), back.destination()), (router, CLIENT));
    let (inner, _) = Tuple::read(&back.payload()[8..]).unwrap();
    assert_eq!((inner.source, inner.destination), ((CLIENT, 4000), (SERVER, 80)));
    assert_eq!(crate::wire::checksum(back.payload()), 0);
}

#[test]
fn one_of_several_addresses_by_the_kernels_hash() {
    let (first, last) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 4));
    let range = Range { addresses: Some((first, last)), ..Range::default() };
    let mut kernel = host("nat", "POSTROUTING", vec![to(Target::Translate(Translation::Source(range)))]);
    let mut source_for = |client: u8| {
        let packet = segment((Ipv4Addr::new(10, 0, 0, client), 4000), (SERVER, 80), "S");
        passes_through(&mut kernel, packet).unwrap().source()
    };
    for client in 10..30 {
        let address = source_for(client);
        assert!(first <= address && address <= last);
    }
}
