//! How a packet differs from the one that it was made from.

use super::facts::Facts;
use crate::wire::{Frame, MacAddr};

/// What a node has changed in a packet that it passes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The Ethernet addresses.
    Mac {
        /// The new source.
        source: MacAddr,
        /// The new destination.
        destination: MacAddr,
    },
    /// A field, in words.
    Field(String),
}

/// How a packet differs from the one that it was made from; none if it is another packet, like an answer.
pub fn changed(before: &Frame, after: &Frame) -> Option<Vec<Change>> {
    let (old, new) = (Facts::of(before), Facts::of(after));
    let same = old.protocol.is_some()
        && (old.protocol, old.identification) == (new.protocol, new.identification)
        && before.bytes().len() == after.bytes().len();
    let (old_ends, new_ends) = (old.addresses?, new.addresses?);
    // Answers may carry the same identification, but they turn the addresses round.
    if !same || (new_ends.0 == old_ends.1 && new_ends.1 == old_ends.0) {
        return None;
    }
    let mut changes = Vec::new();
    if old_ends.0 != new_ends.0 {
        changes.push(Change::Field(format!("source {} → {}", old_ends.0, new_ends.0)));
    }
    if old_ends.1 != new_ends.1 {
        changes.push(Change::Field(format!("destination {} → {}", old_ends.1, new_ends.1)));
    }
    if let (Some(old), Some(new)) = (old.ports, new.ports)
        && old != new
    {
        changes.push(Change::Field(format!("ports {}>{} → {}>{}", old.0, old.1, new.0, new.1)));
    }
    match (old.ttl, new.ttl) {
        (Some(old), Some(new)) if old != new => changes.push(Change::Field(format!("TTL {old} → {new}"))),
        _ => changes.push(Change::Field("all else as it was".to_owned())),
    }
    changes.insert(0, Change::Mac { source: after.source(), destination: after.destination() });
    Some(changes)
}
