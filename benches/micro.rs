//! The parts of the path of a frame, each by itself.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use lvslab::ids::{NodeId, Port};
use lvslab::sim::{Engine, LinkOptions, Node, Outbox, Plug, SwitchOptions, Unwatched};
use lvslab::time::{Span, Time};
use lvslab::wire::rewrite::{Side, decrement_ttl, set_endpoint};
use lvslab::wire::{Frame, MacAddr, build, checksum, proto, read};

fn main() {
    divan::main();
}

/// A node with so many wakes to come that never sends.
struct Alarm {
    step: Span,
    next: Time,
}

impl Node for Alarm {
    type Input = ();
    fn handle_frame(&mut self, _: Port, _: Frame, _: Time, _: &mut Outbox) {}
    fn handle_carrier(&mut self, _: Port, _: bool, _: Time, _: &mut Outbox) {}
    fn handle_input(&mut self, (): (), _: Time, _: &mut Outbox) {}
    fn handle_wake(&mut self, now: Time, _: &mut Outbox) {
        self.next = now + self.step;
    }
    fn next_wake(&self) -> Option<Time> {
        Some(self.next)
    }
}

/// An event with so many others pending.
#[divan::bench(args = [10, 1_000, 100_000])]
fn wakes(bencher: Bencher<'_, '_>, pending: u64) {
    const EVENTS: u64 = 100_000;
    bencher
        .counter(ItemsCount::new(EVENTS))
        .with_inputs(|| {
            let mut engine = Engine::new(1, Unwatched);
            for n in 0..pending {
                let step = Span::from_nanos(100_000 + n * 7919 % 100_000);
                engine.add_node("alarm", Alarm { step, next: Time::ZERO + step });
            }
            engine
        })
        .bench_local_values(|mut engine| {
            for _ in 0..EVENTS {
                engine.step().expect("no limit");
            }
            engine
        });
}

/// A node that sends every frame straight back.
struct Mirror;

impl Node for Mirror {
    type Input = Frame;
    fn handle_frame(&mut self, port: Port, mut frame: Frame, _: Time, out: &mut Outbox) {
        let (source, destination) = (frame.source(), frame.destination());
        let bytes = frame.bytes_mut();
        bytes[0..6].copy_from_slice(&source.0);
        bytes[6..12].copy_from_slice(&destination.0);
        out.transmit(port, frame);
    }
    fn handle_carrier(&mut self, _: Port, _: bool, _: Time, _: &mut Outbox) {}
    fn handle_input(&mut self, frame: Frame, _: Time, out: &mut Outbox) {
        out.transmit(Port(0), frame);
    }
    fn handle_wake(&mut self, _: Time, _: &mut Outbox) {}
    fn next_wake(&self) -> Option<Time> {
        None
    }
}

/// A frame to and fro between two nodes at a switch: two cables, one switch and one node an item.
#[divan::bench(args = [1, 100])]
fn switch_hop(bencher: Bencher<'_, '_>, frames: u8) {
    const HOPS: u64 = 100_000;
    let mut engine = Engine::new(1, Unwatched);
    let lan = engine.add_switch("lan", SwitchOptions::default());
    for name in ["a", "b"] {
        let node = engine.add_node(name, Mirror);
        engine.connect(Plug::Node(node, Port(0)), Plug::Switch(lan), &LinkOptions::default());
    }
    for n in 0..frames {
        let macs = [[2, 0, 0, 0, 2, 0], [2, 0, 0, 0, 1, 0]];
        let at = Time::ZERO + Span::from_micros(n.into());
        engine.schedule_input(at, NodeId(0), Frame::new(&[&macs.concat()[..], &[0; 50]].concat()));
    }
    bencher.counter(ItemsCount::new(HOPS)).bench_local(move || {
        for _ in 0..2 * HOPS {
            engine.step().expect("no limit");
        }
    });
}

#[divan::bench(args = [20, 64, 1460])]
fn checksums(bencher: Bencher<'_, '_>, length: usize) {
    let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
    bencher.counter(BytesCount::new(length)).bench(|| checksum(black_box(&bytes)));
}

fn datagram() -> Frame {
    let (source, destination) = ([10, 0, 0, 1].into(), [10, 0, 1, 1].into());
    let fields =
        build::Ipv4Fields { source, destination, protocol: proto::UDP, ttl: 64, tos: 0, id: 7, dont_fragment: true };
    build::ipv4(&mut Vec::new(), &fields, |b| build::udp(b, (source, 9), (destination, 9), &[0; 64]))
}

#[divan::bench]
fn build_udp(bencher: Bencher<'_, '_>) {
    let mut scratch = Vec::new();
    let (source, destination) = ([10, 0, 0, 1].into(), [10, 0, 1, 1].into());
    let fields =
        build::Ipv4Fields { source, destination, protocol: proto::UDP, ttl: 64, tos: 0, id: 7, dont_fragment: true };
    bencher.bench_local(|| {
        build::ipv4(&mut scratch, black_box(&fields), |b| build::udp(b, (source, 9), (destination, 9), &[0; 64]))
    });
}

#[divan::bench]
fn check_ipv4(bencher: Bencher<'_, '_>) {
    let frame = datagram();
    bencher.bench_local(|| read::ipv4(black_box(frame.payload())).is_ok());
}

#[divan::bench]
fn forward(bencher: Bencher<'_, '_>) {
    let mut frame = datagram();
    bencher.bench_local(|| {
        decrement_ttl(&mut frame);
        lvslab::wire::rewrite::set_ethernet(&mut frame, MacAddr::ZERO, MacAddr::BROADCAST);
    });
}

#[divan::bench]
fn translate(bencher: Bencher<'_, '_>) {
    let mut frame = datagram();
    bencher.bench_local(|| set_endpoint(&mut frame, Side::Destination, [10, 0, 2, 2].into(), Some(80)));
}
