//! The least that moves frames between hosts, until the engine is there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::host::{Host, Input};
use crate::ids::{FrameId, NodeId, Port};
use crate::sim::{Action, Node, Outbox};
use crate::time::{Span, Time};
use crate::trace::{Direction, Event, Record};
use crate::wire::{Frame, MacAddr};

enum What {
    Arrive { node: usize, port: Port, id: FrameId, frame: Frame },
    Switch { from: (usize, u32), id: FrameId, frame: Frame },
    Input(usize, Input),
}

pub struct Wires {
    pub now: Time,
    pub hosts: Vec<Host>,
    /// By node and port: the switch.
    plugs: BTreeMap<(usize, u32), usize>,
    /// By switch: its ports, newest last.
    ports: Vec<Vec<(usize, u32)>>,
    learnt: Vec<BTreeMap<MacAddr, (usize, u32)>>,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    events: BTreeMap<u64, What>,
    counter: u64,
    frames: u64,
    pub handled: u64,
    pub records: Vec<Record>,
}

const HOP: Span = Span::from_micros(5);

impl Wires {
    pub fn new(hosts: Vec<Host>, switches: usize) -> Wires {
        Wires {
            now: Time::ZERO,
            hosts,
            plugs: BTreeMap::new(),
            ports: vec![Vec::new(); switches],
            learnt: vec![BTreeMap::new(); switches],
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            counter: 0,
            frames: 0,
            handled: 0,
            records: Vec::new(),
        }
    }

    pub fn plug(&mut self, node: usize, port: u32, switch: usize) {
        self.plugs.insert((node, port), switch);
        self.ports[switch].push((node, port));
    }

    fn push(&mut self, at: Time, what: What) {
        self.counter += 1;
        self.events.insert(self.counter, what);
        self.queue.push(Reverse((at, self.counter)));
    }

    pub fn input(&mut self, at: Time, node: NodeId, input: Input) {
        self.push(at, What::Input(node.0 as usize, input));
    }

    pub fn next(&self) -> Option<Time> {
        let queued = self.queue.peek().map(|Reverse((at, _))| *at);
        let wake = self.hosts.iter().filter_map(Node::next_wake).min();
        [queued, wake].into_iter().flatten().min().map(|at| at.max(self.now))
    }

    pub fn in_flight(&self) -> bool {
        self.events.values().any(|what| !matches!(what, What::Input(..)))
    }

    pub fn step(&mut self) -> bool {
        let Some(at) = self.next() else { return false };
        self.now = at;
        self.handled += 1;
        if let Some(&Reverse((due, key))) = self.queue.peek()
            && due <= at
        {
            self.queue.pop();
            let what = self.events.remove(&key).expect("queued");
            match what {
                What::Arrive { node, port, id, frame } => {
                    let event = Event::Frame { port, direction: Direction::In, id, cause: None, frame: frame.clone() };
                    self.records.push(Record { at, node: NodeId(node as u32), event });
                    self.event(node, Some(id), |host, out| host.handle_frame(port, frame, at, out));
                }
                What::Switch { from, id, frame } => self.switch(from, id, &frame),
                What::Input(node, input) => self.event(node, None, |host, out| host.handle_input(input, at, out)),
            }
        } else {
            let node =
                (0..self.hosts.len()).min_by_key(|&i| self.hosts[i].next_wake().unwrap_or(Time::from_nanos(u64::MAX)));
            if let Some(node) = node {
                self.event(node, None, |host, out| host.handle_wake(at, out));
            }
        }
        true
    }

    fn event(&mut self, node: usize, handling: Option<FrameId>, handle: impl FnOnce(&mut Host, &mut Outbox)) {
        let mut out = Outbox { handling, tracing: true, ..Outbox::default() };
        handle(&mut self.hosts[node], &mut out);
        let (at, id) = (self.now, NodeId(node as u32));
        for action in out.actions {
            match action {
                Action::Transmit { port, frame, cause } => {
                    self.frames += 1;
                    let number = FrameId(self.frames);
                    let event =
                        Event::Frame { port, direction: Direction::Out, id: number, cause, frame: frame.clone() };
                    self.records.push(Record { at, node: id, event });
                    self.push(at + HOP, What::Switch { from: (node, port.0), id: number, frame });
                }
                Action::Carrier { .. } => {}
                Action::Note(about, note) => {
                    self.records.push(Record { at, node: id, event: Event::Note(about, note) })
                }
            }
        }
    }

    fn switch(&mut self, from: (usize, u32), id: FrameId, frame: &Frame) {
        let Some(&switch) = self.plugs.get(&from) else { return };
        self.learnt[switch].insert(frame.source(), from);
        let known = self.learnt[switch].get(&frame.destination()).copied();
        let to: Vec<_> = match known.filter(|_| !frame.destination().is_group()) {
            Some(to) if to == from => return,
            Some(to) => vec![to],
            None => self.ports[switch].iter().rev().copied().filter(|&to| to != from).collect(),
        };
        for (node, port) in to {
            self.push(self.now + HOP, What::Arrive { node, port: Port(port), id, frame: frame.clone() });
        }
    }
}
