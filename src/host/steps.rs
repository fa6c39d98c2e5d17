//! What is told of ordinary steps, to those who ask about a packet. All of it happens while somebody is tracing only.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;
use super::route::{Route, RouteKind, Table};
use crate::reason::{About, Device, Icmp, Note, Step};

impl Kernel {
    /// Tells of a step of a packet.
    #[inline]
    pub(super) fn step(&mut self, about: impl Into<About>, step: impl FnOnce() -> Step) {
        self.out.note_about(about, || Note::Step(step()));
    }

    /// Tells that a packet is for this machine, and which entry of the local table makes it so.
    #[inline]
    pub(super) fn step_for_us(&mut self, packet: &Packet, entry: Option<(Ipv4Net, Option<IfIndex>)>) {
        if self.out.tracing {
            let destination = packet.destination();
            let prefix = entry.map(|(prefix, _)| (prefix.network(), prefix.prefix_len()));
            // The entry's interface says too little where a whole subnet is local.
            let holder = entry.and_then(|(_, oif)| oif).map(|holder| self.device(holder));
            self.step(packet.origin, || Step::ForUs { destination, prefix, holder });
        }
    }

    /// Tells which way a packet goes.
    #[inline]
    pub(super) fn step_routed(&mut self, about: impl Into<About>, destination: Ipv4Addr, route: &Route) {
        if self.out.tracing {
            let prefix = route.prefix.map(|prefix| (prefix.network(), prefix.prefix_len()));
            let (gateway, oif) = (route.gateway, self.device(route.oif));
            let step = match route.kind {
                RouteKind::Local => Step::ForUs { destination, prefix, holder: None },
                _ => {
                    let table = Some(route.table.0).filter(|_| ![Table::MAIN, Table::LOCAL].contains(&route.table));
                    Step::Routed { destination, prefix, gateway, oif, table }
                }
            };
            self.step(about, || step);
        }
    }

    /// Tells that ICMP has taken a message.
    #[inline]
    pub(super) fn step_icmp(&mut self, packet: &Packet, what: Icmp) {
        self.step(packet.origin, || Step::Icmp { what });
    }

    /// The name of an interface, as notes have it.
    pub(super) fn device(&self, index: IfIndex) -> Device {
        self.interfaces.get(index).map_or_else(|| Device::new("?"), |interface| interface.device)
    }
}
