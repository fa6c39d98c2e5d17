//! Who has an address at a moment, why, and whom the others believe to have it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::{Author, Journeys, Phase};
use crate::ids::{FrameId, NodeId};
use crate::reason::{Arp, Config, Device, Machine, Note};
use crate::time::Time;
use crate::trace::record::Event;
use crate::wire::MacAddr;

/// A machine that has an address, or has had it.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// Which machine.
    pub node: NodeId,
    /// On which interface.
    pub interface: Device,
    /// Since when it has it, or has it no more.
    pub since: Time,
    /// Whether it has it.
    pub has_it: bool,
    /// Who has seen to that; none if it was a loss of power.
    pub by: Option<Author<'a>>,
    /// Since when the interface is switched off, so that the address is of no use, and who has seen to that.
    pub off: Option<(Time, Author<'a>)>,
    /// What keepalived has decided there last before that moment, and the frame that was about.
    pub decision: Option<(Phase<'a>, Option<FrameId>)>,
}

/// What a machine believes of an address.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    /// Who.
    pub node: NodeId,
    /// The hardware address that it sends to.
    pub mac: MacAddr,
    /// Since when.
    pub since: Time,
    /// The frame that has told it.
    pub told_by: Option<FrameId>,
}

impl<'a> Journeys<'a> {
    /// Every machine that has, or had, an address at this moment, in the file's order.
    pub fn holders(&self, wanted: Ipv4Addr, at: Time) -> Vec<Holder<'a>> {
        let mut holders: BTreeMap<(NodeId, String), Holder<'a>> = BTreeMap::new();
        let mut decisions = BTreeMap::new();
        for record in self.trace().records().take_while(|record| record.at <= at) {
            let Event::Note { node, about, note, .. } = record.event else { continue };
            match note {
                Note::Vrrp(_) => {
                    decisions.insert(node, (Phase { at: record.at, node, note }, about));
                }
                Note::Change(change) => match change.what {
                    Config::Address { address, interface, is_there, .. } if address == wanted => {
                        let by = Some(self.author(record.at, node, change.by));
                        let decision = decisions.get(&node).copied();
                        let holder =
                            Holder { node, interface, since: record.at, has_it: is_there, by, off: None, decision };
                        holders.insert((node, interface.to_string()), holder);
                    }
                    Config::Link { interface, up } => {
                        if let Some(holder) = holders.get_mut(&(node, interface.to_string())) {
                            holder.off = (!up).then(|| (record.at, self.author(record.at, node, change.by)));
                        }
                    }
                    _ => {}
                },
                Note::Machine(Machine::PowerLost) => {
                    let own = holders.values_mut().filter(|holder| holder.node == node && holder.has_it);
                    own.for_each(|holder| {
                        (holder.since, holder.has_it, holder.by) = (record.at, false, None);
                        (holder.off, holder.decision) = (None, None);
                    });
                }
                _ => {}
            }
        }
        holders.into_values().collect()
    }

    /// All addresses that any machine ever has, in order.
    pub fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        let changes = self.changes.values().flatten();
        let added = changes.filter_map(|(_, change)| match change.what {
            Config::Address { address, is_there: true, .. } => Some(address),
            _ => None,
        });
        added.filter(|address| !address.is_loopback()).collect()
    }

    /// Whom the machines believe to have an address at this moment, by what ARP has told them.
    pub fn beliefs(&self, wanted: Ipv4Addr, at: Time) -> Vec<Belief> {
        let mut beliefs = BTreeMap::new();
        for record in self.trace().records().take_while(|record| record.at <= at) {
            let Event::Note { node, about, note, .. } = record.event else { continue };
            match note {
                Note::Arp(Arp::Learned { neighbour, mac } | Arp::Replaced { neighbour, mac, .. })
                    if *neighbour == wanted =>
                {
                    let told = Belief { node, mac: *mac, since: record.at, told_by: about };
                    let known = beliefs.entry(node).or_insert(told);
                    if known.mac != *mac {
                        *known = told;
                    }
                }
                Note::Machine(Machine::PowerLost) => {
                    beliefs.remove(&node);
                }
                _ => {}
            }
        }
        beliefs.into_values().collect()
    }
}
