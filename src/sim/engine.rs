//! The engine itself: takes the next event, hands it to its station, and carries out what that wants.

#[cfg(test)]
mod tests;
mod traffic;

use slab::Slab;

use super::link::{LinkOptions, Pipe};
use super::node::{Action, Node, Outbox};
use super::queue::Queue;
use super::sink::{End, Sink, Station};
use super::switch::{FdbEntry, Switch, SwitchOptions};
use crate::ids::{FrameId, LinkId, NodeId, Port, SwitchId};
use crate::reason::Loss;
use crate::time::Time;
use crate::wire::Frame;

/// A simulation: nodes, switches, the cables between them, and what is going to happen.
pub struct Engine<N: Node, S: Sink> {
    nodes: Vec<Seat<N>>,
    switches: Vec<Rack>,
    /// Cable k has pipes 2k and 2k+1, one a direction.
    pipes: Vec<Pipe>,
    queue: Queue<Event>,
    flights: Slab<Flight>,
    plans: Slab<Plan<N::Input>>,
    outbox: Outbox,
    sink: S,
    seed: u64,
    now: Time,
    events: u64,
    event_limit: u64,
    numbered: u64,
    carried: u64,
    in_flight: usize,
}

/// A node's place in the engine.
struct Seat<N> {
    node: N,
    name: String,
    sockets: Sockets,
    /// The times of its wakes in the queue, strictly descending. A node whose deadline moves away leaves the wake where
    /// it is and asks again when it comes: most deadlines move long before they are reached.
    wakes: Vec<Time>,
}

/// A switch's place in the engine.
struct Rack {
    switch: Switch,
    name: String,
    sockets: Sockets,
}

/// The pipe that leads out of each port of a station.
#[derive(Default)]
struct Sockets(Vec<Option<u32>>);

/// Kept small: the queue moves these about.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A flight lands.
    Arrive(u32),
    /// A node is woken.
    Wake(u32),
    /// Something planned happens.
    Plan(u32),
}

/// A frame on a cable.
struct Flight {
    frame: Frame,
    id: FrameId,
    pipe: u32,
    /// It was lost when the cable was unplugged, and that has been said.
    lost: bool,
}

/// What can be planned besides frames and wakes.
enum Plan<I> {
    Input(NodeId, I),
    Carrier(NodeId, Port, bool),
    Cable(LinkId, bool),
    /// How much of what is put on each pipe of a cable is lost.
    Loss(LinkId, [f64; 2]),
}

/// What a cable is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plug {
    /// This port of a node.
    Node(NodeId, Port),
    /// The next free port of a switch.
    Switch(SwitchId),
}

/// The run has had more events than it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped at the limit of {limit} events, {} s after the start: does traffic go round in circles?", at.since(Time::ZERO))]
pub struct EventLimitReached {
    /// The limit.
    pub limit: u64,
    /// When the next event would have happened.
    pub at: Time,
}

impl<N: Node, S: Sink> Engine<N, S> {
    /// An empty lab. All randomness of its cables is drawn from `seed`.
    pub fn new(seed: u64, sink: S) -> Engine<N, S> {
        Engine {
            nodes: Vec::new(),
            switches: Vec::new(),
            pipes: Vec::new(),
            queue: Queue::new(),
            flights: Slab::new(),
            plans: Slab::new(),
            outbox: Outbox::default(),
            sink,
            seed,
            now: Time::ZERO,
            events: 0,
            event_limit: u64::MAX,
            numbered: 0,
            carried: 0,
            in_flight: 0,
        }
    }

    /// Sets how many events there may be in all, for labs whose traffic never ends.
    pub fn set_event_limit(&mut self, limit: u64) {
        self.event_limit = limit;
    }

    /// Adds a machine. Names pick random numbers, so they should differ.
    pub fn add_node(&mut self, name: &str, node: N) -> NodeId {
        let id = NodeId(index(self.nodes.len()));
        self.nodes.push(Seat { node, name: name.to_owned(), sockets: Sockets::default(), wakes: Vec::new() });
        self.rearm(id);
        id
    }

    /// Adds a switch.
    pub fn add_switch(&mut self, name: &str, options: SwitchOptions) -> SwitchId {
        let id = SwitchId(index(self.switches.len()));
        let switch = Switch::new(options);
        self.switches.push(Rack { switch, name: name.to_owned(), sockets: Sockets::default() });
        id
    }

    /// Plugs a cable in. Both ends are switched on, and nobody is told of the carrier.
    ///
    /// # Panics
    ///
    /// If there is a cable in that port already.
    pub fn connect(&mut self, a: Plug, b: Plug, options: &LinkOptions) -> LinkId {
        let link = LinkId(index(self.pipes.len() / 2));
        let there = index(self.pipes.len());
        let a = self.plug_in(a, there);
        let b = self.plug_in(b, there + 1);
        for (from, to) in [(a, b), (b, a)] {
            let name = self.pipe_name(from, to);
            self.pipes.push(Pipe::new(from, to, options, self.seed, &name));
        }
        link
    }

    /// A switch's ports are numbered as they come, so a name for a cable that lasts can only come from a node's end.
    fn pipe_name(&self, from: End, to: End) -> String {
        let (named, direction) = match from.station {
            Station::Node(_) => (from, "out"),
            Station::Switch(_) => (to, "in"),
        };
        format!("{}:{} {direction}", self.name(named.station), named.port.0)
    }

    fn plug_in(&mut self, plug: Plug, pipe: u32) -> End {
        let (station, port) = match plug {
            Plug::Node(node, port) => (Station::Node(node), port),
            Plug::Switch(switch) => {
                let port = Port(index(self.switches[switch.0 as usize].sockets.0.len()));
                (Station::Switch(switch), port)
            }
        };
        let Sockets(sockets) = match station {
            Station::Node(node) => &mut self.nodes[node.0 as usize].sockets,
            Station::Switch(switch) => &mut self.switches[switch.0 as usize].sockets,
        };
        let socket = port.0 as usize;
        if sockets.len() <= socket {
            sockets.resize(socket + 1, None);
        }
        assert!(sockets[socket].is_none(), "a port takes one cable");
        sockets[socket] = Some(pipe);
        End { station, port }
    }

    /// Hands something to a node when the time has come, or at once if it has passed.
    pub fn schedule_input(&mut self, at: Time, node: NodeId, input: N::Input) {
        self.plan(at, Plan::Input(node, input));
    }

    /// Unplugs a cable, or plugs it in again, when the time has come.
    pub fn schedule_cable(&mut self, at: Time, link: LinkId, plugged: bool) {
        self.plan(at, Plan::Cable(link, plugged));
    }

    /// When the time has come, a cable begins to lose this part of all frames: those from its first plug to its second,
    /// and those that go the other way.
    pub fn schedule_loss(&mut self, at: Time, link: LinkId, loss: [f64; 2]) {
        self.plan(at, Plan::Loss(link, loss));
    }

    fn plan(&mut self, at: Time, plan: Plan<N::Input>) {
        let slot = index(self.plans.insert(plan));
        self.queue.push(at.max(self.now), Event::Plan(slot));
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When something happens next, if ever. It may turn out to be nothing that anybody sees.
    pub fn next_event(&self) -> Option<Time> {
        self.queue.next_time()
    }

    /// How many events there have been.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many frames have been put on a cable, by nodes and by switches.
    pub fn frames_carried(&self) -> u64 {
        self.carried
    }

    /// How many frames are on their way now.
    pub fn frames_in_flight(&self) -> usize {
        self.in_flight
    }

    /// A machine.
    pub fn node(&self, id: NodeId) -> &N {
        &self.nodes[id.0 as usize].node
    }

    /// The name of a node or a switch.
    pub fn name(&self, station: Station) -> &str {
        match station {
            Station::Node(node) => &self.nodes[node.0 as usize].name,
            Station::Switch(switch) => &self.switches[switch.0 as usize].name,
        }
    }

    /// Whom a switch has heard behind which of its ports, by port and address.
    pub fn fdb(&self, switch: SwitchId) -> Vec<FdbEntry> {
        self.switches[switch.0 as usize].switch.fdb(self.now)
    }

    /// Who watches.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// Who watches, to be changed.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Ends the run, and gives back who watched.
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// Lets everything happen up to this time, the events at this time included; then it is this time.
    pub fn run_until(&mut self, until: Time) -> Result<(), EventLimitReached> {
        while self.step_until(until)? {}
        self.now = self.now.max(until);
        Ok(())
    }

    /// Lets the next event happen. False: there is none.
    pub fn step(&mut self) -> Result<bool, EventLimitReached> {
        self.step_until(Time::from_nanos(u64::MAX))
    }

    /// Lets the next event up to this time happen. False: there is none.
    pub fn step_until(&mut self, until: Time) -> Result<bool, EventLimitReached> {
        if self.events >= self.event_limit
            && let Some(at) = self.next_event().filter(|&at| at <= until)
        {
            return Err(EventLimitReached { limit: self.event_limit, at });
        }
        let Some((at, event)) = self.queue.pop_until(until) else { return Ok(false) };
        self.now = at;
        self.events += 1;
        match event {
            Event::Arrive(slot) => self.arrive(slot),
            Event::Wake(node) => self.wake(NodeId(node)),
            Event::Plan(slot) => self.carry_out(slot),
        }
        Ok(true)
    }

    fn arrive(&mut self, slot: u32) {
        let Flight { frame, id, pipe, lost } = self.flights.remove(slot as usize);
        if lost {
            return;
        }
        self.in_flight -= 1;
        let End { station, port } = self.pipes[pipe as usize].to;
        if !self.pipes[pipe as usize].to_on {
            return self.lose(pipe, id, &frame, Loss::FarEndOff);
        }
        match station {
            Station::Node(node) => {
                self.sink.arrived(self.now, node, port, id, &frame);
                self.call(node, Some(id), |node, now, out| node.handle_frame(port, frame, now, out));
            }
            Station::Switch(switch) => self.switch(switch, port, pipe, id, frame),
        }
    }

    fn wake(&mut self, id: NodeId) {
        let seat = &mut self.nodes[id.0 as usize];
        seat.wakes.pop();
        if seat.node.next_wake().is_some_and(|at| at <= self.now) {
            self.call(id, None, |node, now, out| node.handle_wake(now, out));
        } else {
            self.rearm(id);
        }
    }

    fn carry_out(&mut self, slot: u32) {
        match self.plans.remove(slot as usize) {
            Plan::Input(node, input) => self.call(node, None, |node, now, out| node.handle_input(input, now, out)),
            Plan::Carrier(node, port, up) => {
                self.call(node, None, |node, now, out| node.handle_carrier(port, up, now, out));
            }
            Plan::Cable(link, plugged) => self.set_cable(link, plugged),
            Plan::Loss(LinkId(link), loss) => {
                for (pipe, loss) in [link * 2, link * 2 + 1].into_iter().zip(loss) {
                    let Pipe { from, to, .. } = self.pipes[pipe as usize];
                    let name = self.pipe_name(from, to);
                    self.pipes[pipe as usize].set_loss(loss, self.seed, &name);
                }
            }
        }
    }

    /// Lets a node handle an event, and does what it wants done.
    #[inline]
    fn call(&mut self, id: NodeId, handling: Option<FrameId>, handle: impl FnOnce(&mut N, Time, &mut Outbox)) {
        let mut out = std::mem::take(&mut self.outbox);
        out.handling = handling;
        out.tracing = self.sink.tracing();
        handle(&mut self.nodes[id.0 as usize].node, self.now, &mut out);
        for action in out.actions.drain(..) {
            match action {
                Action::Transmit { port, frame, origin } => self.transmit(id, port, origin, frame),
                Action::Carrier { port, up } => self.set_port(id, port, up),
                Action::Note(about, note) => self.sink.note(self.now, id, about, note),
            }
        }
        self.outbox = out;
        self.rearm(id);
    }

    /// Sees to it that a node is woken when it wants to be.
    #[inline]
    fn rearm(&mut self, id: NodeId) {
        let seat = &mut self.nodes[id.0 as usize];
        let Some(at) = seat.node.next_wake() else { return };
        let at = at.max(self.now);
        if seat.wakes.last().is_none_or(|&armed| at < armed) {
            seat.wakes.push(at);
            self.queue.push(at, Event::Wake(id.0));
        }
    }
}

impl Sockets {
    fn pipe(&self, port: Port) -> Option<u32> {
        self.0.get(port.0 as usize).copied().flatten()
    }
}

/// Places in the engine's lists are kept in 32 bits, to keep events small.
fn index(place: usize) -> u32 {
    u32::try_from(place).expect("memory ends before four billion things")
}
