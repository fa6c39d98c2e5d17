//! What is kept of a run: every frame at every interface, and every decision, in the order in which they happened.

use crate::ids::{FrameId, NodeId, PacketId, Port};
use crate::reason::{About, Drop, Loss, Made, Note, Origin};
use crate::sim::{Hop, Sink, Station};
use crate::time::{EPOCH, Span, Time};
use crate::wire::{Frame, MacAddr};

/// What the broadcast address is called.
pub(super) const EVERYBODY: &str = "everybody";

/// A run, as far as it was watched.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Who took part.
    pub cast: Cast,
    /// The scenario's time zero: when all was set up.
    pub zero: Time,
    /// What happened, in order.
    pub records: Vec<Record>,
}

/// The nodes, their interfaces, and the switches: names for the numbers in the records.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// By [`NodeId`].
    pub nodes: Vec<Member>,
    /// The names of the switches, by their number.
    pub switches: Vec<String>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its interfaces, by [`Port`].
    pub interfaces: Vec<Plug>,
}

/// An interface of a node.
#[derive(Clone, Debug)]
pub struct Plug {
    /// Its name.
    pub name: String,
    /// The hardware address that it was made with.
    pub mac: MacAddr,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Record {
    /// When.
    pub at: Time,
    /// What.
    pub event: Event,
}

/// A million frames leave some five million records.
const _: () = assert!(size_of::<Record>() <= 72, "a rare reason with many facts belongs into a box");

/// What can happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// A frame passed an interface.
    Frame {
        /// Whose interface.
        node: NodeId,
        /// Which one.
        port: Port,
        /// Which way.
        direction: Direction,
        /// Its number: the same wherever the frame is seen.
        id: FrameId,
        /// The frame that led to it, if it leaves a node.
        cause: Option<FrameId>,
        /// Who has made it there; none if it is what came in, and at its destination.
        made: Option<Made>,
        /// Its bytes.
        frame: Frame,
    },
    /// A frame was lost on its way.
    Lost {
        /// Where.
        hop: Box<Hop>,
        /// Which frame.
        id: FrameId,
        /// Its bytes.
        frame: Frame,
        /// How.
        loss: Loss,
    },
    /// A node decided something.
    Note {
        /// Who.
        node: NodeId,
        /// The frame that it was about, or that led to the packet that it was about.
        about: Option<FrameId>,
        /// The packet that it was about, if the node has made it.
        packet: Option<PacketId>,
        /// What, and why.
        note: Note,
    },
}

/// Which way a frame passes an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the node.
    In,
    /// Out of the node.
    Out,
}

impl Trace {
    /// A moment as the scenario counts it, in nanoseconds; what belongs to the set-up has negative times.
    pub fn relative(&self, at: Time) -> i128 {
        i128::from(at.as_nanos()) - i128::from(self.zero.as_nanos())
    }

    /// A moment as captures count it: the scenario's zero is [`EPOCH`].
    pub fn wall(&self, at: Time) -> Span {
        EPOCH + at.since(self.zero) - self.zero.since(at)
    }

    /// The frames that a capture at an interface shows, in order. What its hardware throws away is not among them.
    pub fn frames(&self, node: NodeId, port: Port) -> impl Iterator<Item = (Time, Direction, &Frame)> {
        self.records.iter().enumerate().filter_map(move |(place, record)| match &record.event {
            Event::Frame { node: of, port: at, direction, id, frame, .. }
                if (*of, *at) == (node, port) && !(*direction == Direction::In && self.is_unseen(place, node, *id)) =>
            {
                Some((record.at, *direction, frame))
            }
            _ => None,
        })
    }

    /// Whether the first thing that a node noted about the frame that came in at this place was that it never got in.
    fn is_unseen(&self, place: usize, node: NodeId, id: FrameId) -> bool {
        let next = self.records.get(place + 1).map(|record| &record.event);
        matches!(
            next,
            Some(Event::Note { node: by, about: Some(about), note: Note::Drop(Drop::Ip(drop)), .. })
                if (*by, *about) == (node, id) && drop.is_unseen()
        )
    }
}

impl Cast {
    /// All interfaces, in order.
    pub fn interfaces(&self) -> impl Iterator<Item = (NodeId, Port, &Member, &Plug)> {
        (0..).zip(&self.nodes).flat_map(|(node, member)| {
            (0..).zip(&member.interfaces).map(move |(port, plug)| (NodeId(node), Port(port), member, plug))
        })
    }

    /// The name of a node.
    pub fn node(&self, node: NodeId) -> &str {
        self.nodes.get(node.0 as usize).map_or("?", |member| &member.name)
    }

    /// The name of an interface.
    pub fn interface(&self, node: NodeId, port: Port) -> &str {
        let member = self.nodes.get(node.0 as usize);
        member.and_then(|member| member.interfaces.get(port.0 as usize)).map_or("?", |plug| &plug.name)
    }

    /// The name of a node or a switch.
    pub fn station(&self, station: Station) -> &str {
        match station {
            Station::Node(node) => self.node(node),
            Station::Switch(switch) => self.switches.get(switch.0 as usize).map_or("?", String::as_str),
        }
    }

    /// What an address is called: its node and interface, or itself if it is nobody's.
    pub fn name_of(&self, mac: MacAddr) -> String {
        match self.owner(mac) {
            Some((member, plug)) => format!("{}.{}", member.name, plug.name),
            None if mac == MacAddr::BROADCAST => EVERYBODY.to_owned(),
            None => mac.to_string(),
        }
    }

    /// A text, with the name of the machine behind each hardware address in it.
    pub fn with_owners(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (.., member, plug) in self.interfaces() {
            let mac = plug.mac.to_string();
            text = text.replace(&mac, &format!("{mac} ({})", member.name));
        }
        text
    }

    /// Whose address this is: a node and its interface.
    pub fn owner(&self, mac: MacAddr) -> Option<(&Member, &Plug)> {
        self.interfaces().find(|(.., plug)| plug.mac == mac).map(|(_, _, member, plug)| (member, plug))
    }
}

/// Keeps everything that it is told.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// What has happened so far.
    pub records: Vec<Record>,
}

impl Sink for Recorder {
    fn tracing(&self) -> bool {
        true
    }

    fn sent(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, origin: Origin, frame: &Frame) {
        let Origin { cause, made } = origin;
        let event = Event::Frame { node, port, direction: Direction::Out, id, cause, made, frame: frame.clone() };
        self.records.push(Record { at, event });
    }

    fn arrived(&mut self, at: Time, node: NodeId, port: Port, id: FrameId, frame: &Frame) {
        let event =
            Event::Frame { node, port, direction: Direction::In, id, cause: None, made: None, frame: frame.clone() };
        self.records.push(Record { at, event });
    }

    fn lost(&mut self, at: Time, hop: Hop, id: FrameId, frame: &Frame, loss: Loss) {
        self.records.push(Record { at, event: Event::Lost { hop: Box::new(hop), id, frame: frame.clone(), loss } });
    }

    fn note(&mut self, at: Time, node: NodeId, about: About, note: Note) {
        let About { frame: about, packet } = about;
        self.records.push(Record { at, event: Event::Note { node, about, packet, note } });
    }
}
