//! What happens between the nodes: frames on cables and through switches, and cables that come and go.

use super::{Engine, Event, Flight, Plan, index};
use crate::ids::{FrameId, LinkId, NodeId, Port, SwitchId};
use crate::reason::{Loss, Origin};
use crate::sim::link::Arrival;
use crate::sim::switch::Forward;
use crate::sim::{End, Hop, Node, Sink, Station};
use crate::time::Time;
use crate::wire::Frame;

impl<N: Node, S: Sink> Engine<N, S> {
    pub(super) fn transmit(&mut self, node: NodeId, port: Port, origin: Origin, frame: Frame) {
        self.numbered += 1;
        let id = FrameId::new(self.numbered);
        self.sink.sent(self.now, node, port, id, origin, &frame);
        match self.nodes[node.0 as usize].sockets.pipe(port) {
            Some(pipe) => self.put(pipe, id, frame),
            None => {
                let hop = Hop { from: End { station: Station::Node(node), port }, to: None };
                self.sink.lost(self.now, hop, id, &frame, Loss::NoCable);
            }
        }
    }

    /// Puts a frame on a cable.
    fn put(&mut self, pipe: u32, id: FrameId, frame: Frame) {
        self.carried += 1;
        match self.pipes[pipe as usize].admit(self.now, frame.bytes().len()) {
            Ok(Arrival { at, twice }) => {
                if twice {
                    self.sink.duplicated(self.now, self.pipes[pipe as usize].hop(), id, &frame);
                    self.launch(at, pipe, id, frame.clone());
                }
                self.launch(at, pipe, id, frame);
            }
            Err(loss) => self.lose(pipe, id, &frame, loss),
        }
    }

    fn launch(&mut self, at: Time, pipe: u32, id: FrameId, frame: Frame) {
        self.in_flight += 1;
        let slot = index(self.flights.insert(Flight { frame, id, pipe, lost: false }));
        self.queue.push(at, Event::Arrive(slot));
    }

    pub(super) fn lose(&mut self, pipe: u32, id: FrameId, frame: &Frame, loss: Loss) {
        self.sink.lost(self.now, self.pipes[pipe as usize].hop(), id, frame, loss);
    }

    /// A frame has come to a switch over this pipe.
    pub(super) fn switch(&mut self, id: SwitchId, port: Port, came_by: u32, frame_id: FrameId, frame: Frame) {
        let rack = &mut self.switches[id.0 as usize];
        match rack.switch.forward(port, &frame, self.now) {
            Ok(Forward::To(out)) => {
                let pipe = rack.sockets.pipe(out).expect("an address is learned at a port with a cable");
                self.sink.switched(self.now, id, port, frame_id, &frame, 1);
                self.put(pipe, frame_id, frame);
            }
            Ok(Forward::Flood) => self.flood(id, port, came_by, frame_id, frame),
            Err(loss) => self.lose(came_by, frame_id, &frame, loss),
        }
    }

    /// The newest port first: Linux's new_nbp puts it at the head of the list that br_flood walks. Ports without a
    /// carrier are disabled there, and get nothing.
    fn flood(&mut self, id: SwitchId, port: Port, came_by: u32, frame_id: FrameId, frame: Frame) {
        let mut copies = 0;
        for other in (0..self.switches[id.0 as usize].sockets.0.len()).rev() {
            let Some(pipe) = self.switches[id.0 as usize].sockets.0[other] else { continue };
            if other != port.0 as usize && self.pipes[pipe as usize ^ 1].carrier() {
                copies += 1;
                self.put(pipe, frame_id, frame.clone());
            }
        }
        match copies {
            0 => self.lose(came_by, frame_id, &frame, Loss::NobodyElse),
            _ => self.sink.switched(self.now, id, port, frame_id, &frame, copies),
        }
    }

    /// A node switches one of its ports on or off.
    pub(super) fn set_port(&mut self, node: NodeId, port: Port, on: bool) {
        let Some(out) = self.nodes[node.0 as usize].sockets.pipe(port) else { return };
        let before = self.pipes[out as usize].carrier();
        self.pipes[out as usize].from_on = on;
        self.pipes[out as usize ^ 1].to_on = on;
        self.tell_carrier(out, before);
        // One that is switched on takes it for granted that somebody is there.
        if on && !self.pipes[out as usize ^ 1].carrier() {
            self.plan(self.now, Plan::Carrier(node, port, false));
        }
    }

    pub(super) fn set_cable(&mut self, LinkId(link): LinkId, plugged: bool) {
        for pipe in [link * 2, link * 2 + 1] {
            let before = self.pipes[pipe as usize].carrier();
            self.pipes[pipe as usize].plugged = plugged;
            self.tell_carrier(pipe, before);
            if !plugged {
                self.lose_flights(pipe);
            }
        }
    }

    /// Tells the receiving end of a pipe if its carrier is not what it was.
    fn tell_carrier(&mut self, pipe: u32, before: bool) {
        let up = self.pipes[pipe as usize].carrier();
        if up == before {
            return;
        }
        let End { station, port } = self.pipes[pipe as usize].to;
        match station {
            Station::Node(node) => self.plan(self.now, Plan::Carrier(node, port, up)),
            Station::Switch(switch) if !up => self.switches[switch.0 as usize].switch.forget(port),
            Station::Switch(_) => {}
        }
    }

    /// Everything on this pipe is lost. The flights' events stay in the queue.
    fn lose_flights(&mut self, pipe: u32) {
        let hop = self.pipes[pipe as usize].hop();
        let mut doomed: Vec<&mut Flight> =
            self.flights.iter_mut().map(|(_, flight)| flight).filter(|f| f.pipe == pipe && !f.lost).collect();
        doomed.sort_by_key(|flight| flight.id);
        for flight in doomed {
            flight.lost = true;
            self.in_flight -= 1;
            self.sink.lost(self.now, hop, flight.id, &flight.frame, Loss::CableCut);
        }
    }
}
