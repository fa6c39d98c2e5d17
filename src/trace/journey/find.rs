//! Which frame somebody means.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Journeys, Sent};
use crate::ids::{FrameId, NodeId};
use crate::trace::facts::Facts;

/// A way to choose frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chooser {
    /// The frame of this number.
    Frame(FrameId),
    /// The frames of a conversation, one end of which is this, as they left the machines that have made them.
    Conversation(SocketAddrV4),
    /// What a node has made itself, ARP apart.
    Sender(NodeId),
    /// The questions about an address by ARP, and the announcements of it.
    Arp(Ipv4Addr),
}

/// Nothing is like that; what there is instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// What was looked for.
    pub what: String,
    /// What there is.
    pub instead: String,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.instead)
    }
}

impl<'a> Journeys<'a> {
    /// The frames that are meant, in the order in which they were sent.
    ///
    /// # Errors
    ///
    /// There are none; what there is instead.
    pub fn choose(&self, chooser: Chooser) -> Result<Vec<FrameId>, NotFound> {
        let is_meant = |(id, sent): &(FrameId, Sent)| {
            let facts = Facts::of(&self.trace.frames.of(*id));
            match chooser {
                Chooser::Frame(wanted) => *id == wanted,
                Chooser::Conversation(end) => sent.made.is_some() && ends(&facts).contains(&Some(end)),
                Chooser::Sender(node) => sent.node == node && sent.made.is_some() && facts.arp.is_none(),
                Chooser::Arp(address) => {
                    let asks = facts.arp == Some(REQUEST);
                    asks && facts.addresses.is_some_and(|(_, target)| target == address)
                }
            }
        };
        let chosen: Vec<_> = self.frames().filter(is_meant).map(|(id, _)| id).collect();
        if chosen.is_empty() { Err(self.not_found(chooser)) } else { Ok(chosen) }
    }

    fn not_found(&self, chooser: Chooser) -> NotFound {
        let cast = &self.trace().cast;
        let (what, instead) = match chooser {
            Chooser::Frame(id) => (format!("there is no frame {}", id.number()), self.numbers()),
            Chooser::Conversation(end) => (format!("nobody has sent anything from {end}"), self.conversations()),
            Chooser::Sender(node) => {
                let senders = self.named(|sent, facts| {
                    (sent.made.is_some() && facts.arp.is_none()).then(|| cast.node(sent.node).to_owned())
                });
                (format!("{} has sent no packet", cast.node(node)), list("nodes that have", senders))
            }
            Chooser::Arp(address) => {
                let asked = self.named(|_, facts| {
                    let target = facts.addresses.filter(|_| facts.arp == Some(REQUEST))?.1;
                    Some(target.to_string())
                });
                (format!("nobody has asked for {address}"), list("addresses that were asked for", asked))
            }
        };
        NotFound { what, instead }
    }

    fn numbers(&self) -> String {
        match (self.sent.keys().next(), self.sent.keys().next_back()) {
            (Some(first), Some(last)) => format!("frames have the numbers {} to {}", first.number(), last.number()),
            _ => "no frame was sent at all".to_owned(),
        }
    }

    fn conversations(&self) -> String {
        let opened = self.named(|sent, facts| {
            let first = facts.segment != Some(crate::trace::filter::Segment::SynAck);
            ends(facts)[0].filter(|_| sent.made.is_some() && first).map(|end| end.to_string())
        });
        list("there was", opened)
    }

    /// The names that frames have by some measure, each once, in order.
    fn named(&self, name: impl Fn(&Sent, &Facts) -> Option<String>) -> Vec<String> {
        let mut names = Vec::new();
        for (id, sent) in self.frames() {
            if let Some(name) = name(&sent, &Facts::of(&self.trace.frames.of(id)))
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        names
    }
}

/// The operation of an ARP request.
const REQUEST: u16 = 1;

/// Source and destination with their ports.
fn ends(facts: &Facts) -> [Option<SocketAddrV4>; 2] {
    match (facts.addresses, facts.ports) {
        (Some((source, destination)), Some((from, to))) => {
            [Some(SocketAddrV4::new(source, from)), Some(SocketAddrV4::new(destination, to))]
        }
        _ => [None, None],
    }
}

/// A list that is not too long to read.
fn list(what: &str, names: Vec<String>) -> String {
    const MOST: usize = 12;
    let more = names.len().saturating_sub(MOST);
    let mut text = format!("{what}: {}", names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", "));
    if names.is_empty() {
        text.push_str("none");
    }
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
