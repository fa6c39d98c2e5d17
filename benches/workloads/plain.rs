//! W2 and W3 with the simplest machines that can do them: what the engine and the frames cost by themselves.

use std::net::Ipv4Addr;

use etherparse::ArpOperation;
use lvslab::ids::{NodeId, Port};
use lvslab::random::{self, RngExt, Stream};
use lvslab::sim::{Engine, LinkOptions, Node, Outbox, Plug, SwitchOptions, Unwatched};
use lvslab::time::{Span, Time};
use lvslab::wire::build::{self, Arp, Ipv4Fields};
use lvslab::wire::rewrite::{decrement_ttl, set_ethernet};
use lvslab::wire::{ETHERTYPE_ARP, Frame, MacAddr, proto, read};

use crate::Work;

const PAYLOAD: [u8; 64] = [0x5a; 64];
const PORT: u16 = 9;

fn gigabit() -> LinkOptions {
    LinkOptions { bandwidth: Some(1_000_000_000), ..LinkOptions::default() }
}

fn mac(node: u32) -> MacAddr {
    let [a, b, c, d] = node.to_be_bytes();
    MacAddr([2, 0, a, b, c, d])
}

/// W2: source, switch, router, switch, sink.
pub fn udp_forward() -> Work {
    let mut engine = Engine::new(1, Unwatched);
    let switches = ["left", "right"].map(|name| engine.add_switch(name, SwitchOptions::default()));
    let source = engine.add_node("source", Machine::Source(Source::new(1_000_000, Span::from_micros(10))));
    let router = engine.add_node("router", Machine::Router);
    let sink = engine.add_node("sink", Machine::Sink { received: 0 });
    for (node, port, switch) in [(source, 0, 0), (router, 0, 0), (router, 1, 1), (sink, 0, 1)] {
        engine.connect(Plug::Node(node, Port(port)), Plug::Switch(switches[switch]), &gigabit());
    }
    while engine.step().expect("there is no limit") {}
    finish(&engine, 3)
}

/// W3 with an empty neighbour table.
pub fn star_arp_learned() -> Work {
    star(false)
}

/// W3 with a full neighbour table.
pub fn star_arp_known() -> Work {
    star(true)
}

fn star(arp_known: bool) -> Work {
    const HOSTS: u32 = 200;
    let mut engine = Engine::new(1, Unwatched);
    let lan = engine.add_switch("lan", SwitchOptions::default());
    for number in 0..HOSTS {
        let talker = Talker::new(number, HOSTS, arp_known);
        let node = engine.add_node(&format!("host{number}"), Machine::Talker(Box::new(talker)));
        engine.connect(Plug::Node(node, Port(0)), Plug::Switch(lan), &gigabit());
    }
    while engine.step().expect("there is no limit") {}
    finish(&engine, HOSTS)
}

fn finish(engine: &Engine<Machine, Unwatched>, nodes: u32) -> Work {
    let received = |node| match engine.node(NodeId(node)) {
        Machine::Sink { received } => *received,
        Machine::Talker(talker) => talker.received,
        Machine::Source(_) | Machine::Router => 0,
    };
    Work { frames: engine.frames_carried(), delivered: (0..nodes).map(received).sum() }
}

enum Machine {
    Source(Source),
    Router,
    Sink { received: u64 },
    Talker(Box<Talker>),
}

impl Node for Machine {
    type Input = ();

    fn handle_frame(&mut self, port: Port, mut frame: Frame, _: Time, out: &mut Outbox) {
        match self {
            Machine::Source(_) => {}
            Machine::Router => {
                if read::ipv4(frame.payload()).is_ok() {
                    decrement_ttl(&mut frame);
                    set_ethernet(&mut frame, mac(3), mac(2));
                    out.transmit(Port(1 - port.0), frame);
                }
            }
            Machine::Sink { received } => *received += u64::from(read::ipv4(frame.payload()).is_ok()),
            Machine::Talker(talker) => talker.handle_frame(&frame, out),
        }
    }

    fn handle_carrier(&mut self, _: Port, _: bool, _: Time, _: &mut Outbox) {}

    fn handle_input(&mut self, (): (), _: Time, _: &mut Outbox) {}

    fn handle_wake(&mut self, now: Time, out: &mut Outbox) {
        match self {
            Machine::Source(source) => source.send(now, out),
            Machine::Talker(talker) => talker.send(now, out),
            Machine::Router | Machine::Sink { .. } => {}
        }
    }

    fn next_wake(&self) -> Option<Time> {
        match self {
            Machine::Source(source) => source.next,
            Machine::Talker(talker) => talker.next,
            Machine::Router | Machine::Sink { .. } => None,
        }
    }
}

fn datagram(scratch: &mut Vec<u8>, source: Ipv4Addr, destination: Ipv4Addr, id: u16) -> Frame {
    let fields = Ipv4Fields { source, destination, protocol: proto::UDP, ttl: 64, tos: 0, id, dont_fragment: true };
    build::ipv4(scratch, &fields, |buffer| build::udp(buffer, (source, PORT), (destination, PORT), &PAYLOAD))
}

struct Source {
    left: u32,
    gap: Span,
    next: Option<Time>,
    scratch: Vec<u8>,
}

impl Source {
    fn new(count: u32, gap: Span) -> Source {
        Source { left: count, gap, next: Some(Time::ZERO), scratch: Vec::new() }
    }

    fn send(&mut self, now: Time, out: &mut Outbox) {
        let mut frame = datagram(&mut self.scratch, [10, 0, 0, 1].into(), [10, 0, 1, 1].into(), self.left as u16);
        set_ethernet(&mut frame, mac(0), mac(1));
        out.transmit(Port(0), frame);
        self.left -= 1;
        self.next = (self.left > 0).then(|| now + self.gap);
    }
}

struct Talker {
    number: u32,
    hosts: u32,
    left: u32,
    next: Option<Time>,
    neighbours: Vec<Option<MacAddr>>,
    waiting: Vec<(u32, Frame)>,
    received: u64,
    chance: Stream,
    scratch: Vec<u8>,
}

impl Talker {
    fn new(number: u32, hosts: u32, arp_known: bool) -> Talker {
        Talker {
            number,
            hosts,
            left: 5_000,
            next: Some(Time::ZERO + Span::from_micros(u64::from(number) * 5)),
            neighbours: (0..hosts).map(|host| arp_known.then(|| mac(host))).collect(),
            waiting: Vec::new(),
            received: 0,
            chance: random::stream(1, "peer", &number.to_string()),
            scratch: Vec::new(),
        }
    }

    fn address(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0a00_0000 + number)
    }

    fn send(&mut self, now: Time, out: &mut Outbox) {
        let other = (self.number + self.chance.random_range(1..self.hosts)) % self.hosts;
        let (source, destination) = (Talker::address(self.number), Talker::address(other));
        let mut frame = datagram(&mut self.scratch, source, destination, self.left as u16);
        match self.neighbours[other as usize] {
            Some(found) => {
                set_ethernet(&mut frame, mac(self.number), found);
                out.transmit(Port(0), frame);
            }
            None => {
                self.waiting.push((other, frame));
                let request = self.arp(ArpOperation::REQUEST, MacAddr::ZERO, destination);
                out.transmit(Port(0), build::arp(mac(self.number), MacAddr::BROADCAST, request));
            }
        }
        self.left -= 1;
        self.next = (self.left > 0).then(|| now + Span::from_millis(1));
    }

    fn arp(&self, operation: ArpOperation, target_mac: MacAddr, target_ip: Ipv4Addr) -> Arp {
        let (sender_mac, sender_ip) = (mac(self.number), Talker::address(self.number));
        Arp { operation, sender_mac, sender_ip, target_mac, target_ip }
    }

    fn handle_frame(&mut self, frame: &Frame, out: &mut Outbox) {
        if frame.destination() != mac(self.number) && frame.destination() != MacAddr::BROADCAST {
            return;
        }
        if frame.ethertype() != ETHERTYPE_ARP {
            self.received += u64::from(read::ipv4(frame.payload()).is_ok());
            return;
        }
        let Some(arp) = read::arp(frame.payload()) else { return };
        if arp.target_ip != Talker::address(self.number) {
            return;
        }
        if arp.operation == ArpOperation::REQUEST {
            let reply = self.arp(ArpOperation::REPLY, arp.sender_mac, arp.sender_ip);
            out.transmit(Port(0), build::arp(mac(self.number), arp.sender_mac, reply));
            return;
        }
        let other = arp.sender_ip.to_bits() - Talker::address(0).to_bits();
        self.neighbours[other as usize] = Some(arp.sender_mac);
        for (whom, mut frame) in std::mem::take(&mut self.waiting) {
            if whom == other {
                set_ethernet(&mut frame, mac(self.number), arp.sender_mac);
                out.transmit(Port(0), frame);
            } else {
                self.waiting.push((whom, frame));
            }
        }
    }
}
