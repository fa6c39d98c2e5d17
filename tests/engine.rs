//! What must hold of every run of the engine, whatever is plugged together and whatever is sent.

use lvslab::ids::{FrameId, LinkId, NodeId, Port, SwitchId};
use lvslab::reason::{About, Loss, Note, Origin};
use lvslab::sim::{Action, Engine, Hop, LinkOptions, Node, Outbox, Plug, QueueLimit, Sink, Station, SwitchOptions};
use lvslab::time::{Span, Time};
use lvslab::wire::{Frame, MacAddr};
use proptest::prelude::*;

/// A node that sends what it is told to, answers some frames at once and some a while later.
#[derive(Default)]
struct Toy {
    later: Vec<(Time, Port, Frame)>,
}

/// What a toy is told.
#[derive(Clone, Debug)]
enum Order {
    Send { port: u32, from: u8, to: u8, hops: u8, length: usize },
    Switch { port: u32, on: bool },
}

fn mac(number: u8) -> MacAddr {
    match number {
        0 => MacAddr::BROADCAST,
        1 => MacAddr([0x01, 0, 0x5e, 0, 0, 18]),
        2 => MacAddr([0x01, 0x80, 0xc2, 0, 0, 14]),
        _ => MacAddr([2, 0, 0, 0, 0, number]),
    }
}

fn frame(from: MacAddr, to: MacAddr, hops: u8, length: usize) -> Frame {
    let mut bytes = vec![0; length.max(15)];
    bytes[0..6].copy_from_slice(&to.0);
    bytes[6..12].copy_from_slice(&from.0);
    bytes[14] = hops;
    Frame::new(&bytes)
}

impl Node for Toy {
    type Input = Order;

    fn handle_frame(&mut self, port: Port, got: Frame, now: Time, out: &mut Outbox) {
        let hops = got.payload()[0];
        if hops == 0 || got.source().is_group() {
            return;
        }
        let answer = frame(mac(3 + hops), got.source(), hops - 1, got.bytes().len());
        if hops.is_multiple_of(2) {
            out.transmit(port, answer);
        } else {
            self.later.push((now + Span::from_micros(u64::from(hops) * 30), port, answer));
        }
    }

    fn handle_carrier(&mut self, port: Port, up: bool, _: Time, out: &mut Outbox) {
        if up {
            out.transmit(port, frame(mac(9), MacAddr::BROADCAST, 0, 60));
        }
    }

    fn handle_input(&mut self, order: Order, _: Time, out: &mut Outbox) {
        match order {
            Order::Send { port, from, to, hops, length } => {
                out.transmit(Port(port), frame(mac(from), mac(to), hops, length));
            }
            Order::Switch { port, on } => out.actions.push(Action::Carrier { port: Port(port), up: on }),
        }
    }

    fn handle_wake(&mut self, now: Time, out: &mut Outbox) {
        self.later.retain(|(at, port, frame)| {
            if *at <= now {
                out.transmit(*port, frame.clone());
            }
            *at > now
        });
    }

    fn next_wake(&self) -> Option<Time> {
        self.later.iter().map(|(at, ..)| *at).min()
    }
}

/// What happened at a station.
#[derive(Clone, Debug, PartialEq)]
enum Happened {
    Sent(NodeId, Port, Frame),
    Arrived(NodeId, Port, Frame),
    Lost(Hop, Frame, Loss),
    Switched(SwitchId, Port, Frame, usize),
    Duplicated(Hop, Frame),
}

#[derive(Default)]
struct Diary(Vec<(Time, FrameId, Happened)>);

impl Sink for Diary {
    fn tracing(&self) -> bool {
        true
    }
    fn sent(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, _: Origin, frame: &Frame) {
        self.0.push((at, id, Happened::Sent(node, port, frame.clone())));
    }
    fn arrived(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, frame: &Frame) {
        self.0.push((at, id, Happened::Arrived(node, port, frame.clone())));
    }
    fn lost(&mut self, at: Time, hop: Hop, id: FrameId, frame: &Frame, loss: Loss) {
        self.0.push((at, id, Happened::Lost(hop, frame.clone(), loss)));
    }
    fn switched(&mut self, at: Time, switch: SwitchId, port: Port, id: FrameId, frame: &Frame, copies: usize) {
        self.0.push((at, id, Happened::Switched(switch, port, frame.clone(), copies)));
    }
    fn duplicated(&mut self, at: Time, hop: Hop, id: FrameId, frame: &Frame) {
        self.0.push((at, id, Happened::Duplicated(hop, frame.clone())));
    }
    fn note(&mut self, _: Time, _: NodeId, _: About, _: Note) {}
}

/// A lab and what is done in it. Every node has two ports: the first on a switch, the second perhaps on the next node.
#[derive(Clone, Debug)]
struct Script {
    seed: u64,
    /// For each node, its switch and its cable.
    nodes: Vec<(usize, LinkOptions)>,
    /// From a node to the next.
    shortcut: Option<(usize, LinkOptions)>,
    /// Between the two switches.
    trunk: LinkOptions,
    orders: Vec<(u64, usize, Order)>,
    cables: Vec<(u64, u32, bool)>,
}

const HORIZON_US: u64 = 5_000;

fn options() -> impl Strategy<Value = LinkOptions> {
    let rate = prop::option::of(1_000_000u64..1_000_000_000);
    let queue = prop_oneof![(0u64..5_000).prop_map(QueueLimit::Bytes), (0usize..5).prop_map(QueueLimit::Frames)];
    let odds = || prop_oneof![3 => Just(0.0), 1 => 0.0..1.0f64];
    let mtu = prop::option::of(100u32..2_000);
    (0u64..200, rate, queue, 0u64..200, (odds(), odds(), odds()), mtu).prop_map(
        |(latency, bandwidth, queue, jitter, (loss, reorder, duplicate), mtu)| LinkOptions {
            latency: Span::from_micros(latency),
            bandwidth,
            queue,
            loss,
            jitter: Span::from_micros(jitter),
            reorder,
            duplicate,
            mtu,
        },
    )
}

fn script() -> impl Strategy<Value = Script> {
    let orders = |nodes: usize| {
        let send = (0..3u32, 0..10u8, 0..10u8, 0..6u8, 15..1_600usize)
            .prop_map(|(port, from, to, hops, length)| Order::Send { port, from, to, hops, length });
        let switch = (0..2u32, any::<bool>()).prop_map(|(port, on)| Order::Switch { port, on });
        prop::collection::vec((0..HORIZON_US, 0..nodes, prop_oneof![9 => send, 1 => switch]), 1..40)
    };
    prop::collection::vec((0..2usize, options()), 2..6).prop_flat_map(move |nodes| {
        let count = nodes.len();
        let cables = prop::collection::vec((0..HORIZON_US, 0..count as u32, any::<bool>()), 0..4);
        (any::<u64>(), Just(nodes), prop::option::of((0..count - 1, options())), options(), orders(count), cables)
            .prop_map(|(seed, nodes, shortcut, trunk, orders, cables)| Script {
                seed,
                nodes,
                shortcut,
                trunk,
                orders,
                cables,
            })
    })
}

impl Script {
    /// Runs it to the end. Bystanders are switched off and on and sent to, but send nothing that reaches the others.
    fn run(&self, bystanders: usize) -> Engine<Toy, Diary> {
        let mut engine = Engine::new(self.seed, Diary::default());
        let switches = ["s0", "s1"].map(|name| engine.add_switch(name, SwitchOptions::default()));
        for number in 0..self.nodes.len() {
            engine.add_node(&format!("n{number}"), Toy::default());
        }
        for (number, (switch, options)) in self.nodes.iter().enumerate() {
            engine.connect(Plug::Node(node(number), Port(0)), Plug::Switch(switches[*switch]), options);
        }
        engine.connect(Plug::Switch(switches[0]), Plug::Switch(switches[1]), &self.trunk);
        if let Some((number, options)) = &self.shortcut {
            engine.connect(Plug::Node(node(*number), Port(1)), Plug::Node(node(number + 1), Port(2)), options);
        }
        for (at, number, order) in &self.orders {
            for extra in 0..bystanders {
                let at = Time::ZERO + Span::from_micros(*at);
                let pair = [0, 1].map(|_| engine.add_node(&format!("b{extra}"), Toy::default()));
                engine.connect(Plug::Node(pair[0], Port(0)), Plug::Node(pair[1], Port(0)), &LinkOptions::default());
                engine.schedule_input(at, pair[0], Order::Send { port: 0, from: 4, to: 5, hops: 5, length: 60 });
            }
            engine.schedule_input(Time::ZERO + Span::from_micros(*at), node(*number), order.clone());
        }
        for (at, link, plugged) in &self.cables {
            engine.schedule_cable(Time::ZERO + Span::from_micros(*at), LinkId(*link), *plugged);
        }
        engine.set_event_limit(1_000_000);
        while engine.step().unwrap() {}
        engine
    }
}

fn node(number: usize) -> NodeId {
    NodeId(number as u32)
}

proptest! {
    #[test]
    fn every_frame_arrives_or_is_lost_for_a_reason(script in script()) {
        let engine = script.run(0);
        let (mut put, mut ended) = (0, 0);
        for (_, _, happened) in &engine.sink().0 {
            match happened {
                Happened::Sent(..) | Happened::Duplicated(..) => put += 1,
                Happened::Arrived(..) | Happened::Lost(..) => ended += 1,
                Happened::Switched(_, _, _, copies) => {
                    put += copies;
                    ended += 1;
                }
            }
        }
        prop_assert_eq!(put, ended);
        prop_assert_eq!(engine.frames_in_flight(), 0);
    }

    #[test]
    fn two_runs_are_the_same(script in script()) {
        prop_assert_eq!(script.run(0).into_sink().0, script.run(0).into_sink().0);
    }

    #[test]
    fn bystanders_change_nothing(script in script()) {
        let others = |diary: Diary| -> Vec<(Time, Happened)> {
            let ours = |station| matches!(station, Station::Switch(_)) || station < Station::Node(node(script.nodes.len()));
            let seen = |happened: &Happened| match happened {
                Happened::Sent(node, ..) | Happened::Arrived(node, ..) => ours(Station::Node(*node)),
                Happened::Lost(hop, ..) | Happened::Duplicated(hop, _) => ours(hop.from.station),
                Happened::Switched(..) => true,
            };
            // Frames are numbered through the whole lab: these numbers may differ.
            diary.0.into_iter().map(|(at, _, happened)| (at, happened)).filter(|(_, h)| seen(h)).collect()
        };
        prop_assert_eq!(others(script.run(0).into_sink()), others(script.run(2).into_sink()));
    }
}
