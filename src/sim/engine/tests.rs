//! The engine on small labs, by hand.

use super::*;
use crate::sim::Unwatched;
use crate::time::Span;
use crate::wire::MacAddr;

/// Does nothing but keep what it is told.
#[derive(Default)]
struct Listener {
    wake: Option<Time>,
    heard: Vec<(u64, Heard)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Heard {
    Frame(u32),
    Carrier(u32, bool),
    Wake,
}

enum Order {
    WakeAt(u64),
    Send(u32, MacAddr),
    Port(u32, bool),
}

impl Node for Listener {
    type Input = Order;

    fn handle_frame(&mut self, Port(port): Port, _: Frame, now: Time, _: &mut Outbox) {
        self.heard.push((micros(now), Heard::Frame(port)));
    }
    fn handle_carrier(&mut self, Port(port): Port, up: bool, now: Time, _: &mut Outbox) {
        self.heard.push((micros(now), Heard::Carrier(port, up)));
    }
    fn handle_input(&mut self, order: Order, _: Time, out: &mut Outbox) {
        match order {
            Order::WakeAt(at) => self.wake = Some(us(at)),
            Order::Send(port, to) => {
                out.transmit(Port(port), Frame::new(&[to.0, [2, 0, 0, 0, 0, 1]].concat()));
            }
            Order::Port(port, up) => out.actions.push(Action::Carrier { port: Port(port), up }),
        }
    }
    fn handle_wake(&mut self, now: Time, _: &mut Outbox) {
        self.wake = None;
        self.heard.push((micros(now), Heard::Wake));
    }
    fn next_wake(&self) -> Option<Time> {
        self.wake
    }
}

fn us(micros: u64) -> Time {
    Time::ZERO + Span::from_micros(micros)
}

fn micros(at: Time) -> u64 {
    at.as_nanos() / 1000
}

/// Nodes, each with its port 0 on a switch.
fn star(nodes: u32) -> Engine<Listener, Unwatched> {
    let mut engine = Engine::new(1, Unwatched);
    let lan = engine.add_switch("lan", SwitchOptions::default());
    for number in 0..nodes {
        let node = engine.add_node(&format!("n{number}"), Listener::default());
        engine.connect(Plug::Node(node, Port(0)), Plug::Switch(lan), &LinkOptions::default());
    }
    engine
}

fn run(engine: &mut Engine<Listener, Unwatched>, orders: impl IntoIterator<Item = (u64, u32, Order)>) {
    for (at, node, order) in orders {
        engine.schedule_input(us(at), NodeId(node), order);
    }
    engine.run_until(us(1_000_000)).unwrap();
}

#[test]
fn a_node_has_one_live_wake() {
    let mut engine = star(1);
    // Moved away, moved near, moved away again: what counts is the last word.
    run(&mut engine, [(1, 50), (2, 90), (3, 20), (4, 70)].map(|(at, wake)| (at, 0, Order::WakeAt(wake))));
    assert_eq!(engine.node(NodeId(0)).heard, [(70, Heard::Wake)]);
    assert_eq!(engine.next_event(), None);
}

#[test]
fn deadlines_that_move_away_leave_one_event() {
    let mut engine = star(1);
    for n in 0..100 {
        engine.schedule_input(us(n), NodeId(0), Order::WakeAt(200 + n));
    }
    engine.run_until(us(1_000)).unwrap();
    assert_eq!(engine.node(NodeId(0)).heard, [(299, Heard::Wake)]);
    assert_eq!(engine.events(), 102);
}

#[test]
fn a_flood_reaches_the_newest_port_first() {
    let mut engine = star(4);
    engine.schedule_input(us(0), NodeId(1), Order::Send(0, MacAddr::BROADCAST));
    let mut order = Vec::new();
    while engine.step().unwrap() {
        let newly = (0..4).find(|&n| !engine.node(NodeId(n)).heard.is_empty() && !order.contains(&n));
        order.extend(newly);
    }
    assert_eq!(order, [3, 2, 0]);
    assert_eq!((micros(engine.now()), engine.frames_carried()), (100, 4));
}

#[test]
fn a_cut_cable_takes_carrier_and_frames() {
    let mut engine = star(2);
    engine.schedule_cable(us(30), LinkId(0), false);
    engine.schedule_cable(us(200), LinkId(0), true);
    run(&mut engine, [(0, 0, Order::Send(0, MacAddr::BROADCAST)), (100, 1, Order::Send(0, MacAddr::BROADCAST))]);
    let carrier = [(30, Heard::Carrier(0, false)), (200, Heard::Carrier(0, true))];
    assert_eq!(engine.node(NodeId(0)).heard, carrier);
    assert_eq!(engine.node(NodeId(1)).heard, []);
    assert_eq!(engine.frames_in_flight(), 0);
}

#[test]
fn a_port_that_is_switched_off_is_dark_at_the_other_end() {
    let mut engine = star(2);
    let far = LinkOptions { latency: Span::from_micros(10), ..LinkOptions::default() };
    engine.connect(Plug::Node(NodeId(0), Port(1)), Plug::Node(NodeId(1), Port(1)), &far);
    let send = |at| (at, 0, Order::Send(1, MacAddr::BROADCAST));
    run(
        &mut engine,
        [send(0), send(15), (20, 1, Order::Port(1, false)), send(25), (30, 1, Order::Port(1, true)), send(35)],
    );
    assert_eq!(engine.node(NodeId(0)).heard, [(20, Heard::Carrier(1, false)), (30, Heard::Carrier(1, true))]);
    assert_eq!(engine.node(NodeId(1)).heard, [(10, Heard::Frame(1)), (45, Heard::Frame(1))]);
}

#[test]
fn a_switch_forgets_whom_it_does_not_see() {
    let mut engine = star(2);
    run(&mut engine, [(0, 0, Order::Send(0, MacAddr::BROADCAST))]);
    assert_eq!(engine.fdb(SwitchId(0)).len(), 1);
    run(&mut engine, [(0, 0, Order::Port(0, false))]);
    assert_eq!(engine.fdb(SwitchId(0)), []);
}

#[test]
fn endless_traffic_stops_at_the_limit() {
    let mut engine = Engine::new(1, Unwatched);
    let loop_of_two = [0, 1].map(|n| engine.add_switch(&format!("s{n}"), SwitchOptions::default()));
    for _ in 0..2 {
        engine.connect(Plug::Switch(loop_of_two[0]), Plug::Switch(loop_of_two[1]), &LinkOptions::default());
    }
    let node = engine.add_node("n", Listener::default());
    engine.connect(Plug::Node(node, Port(0)), Plug::Switch(loop_of_two[0]), &LinkOptions::default());
    engine.set_event_limit(1000);
    engine.schedule_input(us(0), node, Order::Send(0, MacAddr::BROADCAST));
    let error = engine.run_until(us(1_000_000)).unwrap_err();
    insta::assert_snapshot!(error, @"stopped at the limit of 1000 events, 0.016750 s after the start: does traffic go round in circles?");
}
