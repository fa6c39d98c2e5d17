//! Packets on their way to neighbours, and what happens when those answer or do not.

use std::net::Ipv4Addr;

use super::{Expiry, Neighbour, Override, Sending, State, Updated, truesize};
use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::sysctl::Neigh;
use crate::reason::{Drop, IpDrop, Note, Step};
use crate::wire::MacAddr;

impl Kernel {
    /// ip_finish_output2: sends a packet to a neighbour, now or when its hardware address is known.
    pub(in crate::host) fn send_to_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr, packet: Packet) {
        let at = match self.neighbours.find(interface, ip) {
            Some(at) => at,
            None => match self.create_neighbour(interface, ip) {
                Some(at) => at,
                None => return self.drop_packet(&packet, IpDrop::NeighbourTableFull),
            },
        };
        let Neighbour { state, mac, .. } = self.neighbours.entries[at];
        if state.is_connected() {
            self.step(packet.origin, || Step::Neighbour { ip, mac, state: state.name() });
            self.transmit(interface, mac, packet);
        } else {
            self.resolve_output(at, packet);
        }
    }

    /// neigh_resolve_output
    fn resolve_output(&mut self, at: usize, packet: Packet) {
        let Neighbour { interface, ip: neighbour, mac, .. } = self.neighbours.entries[at];
        match self.begin_sending(at) {
            Sending::Ready => {
                // The state that it has now: an entry that was stale is being checked.
                let state = self.neighbours.entries[at].state.name();
                self.step(packet.origin, || Step::Neighbour { ip: neighbour, mac, state });
                self.transmit(interface, mac, packet);
            }
            Sending::Wait => self.wait_for_neighbour(at, packet),
            Sending::WaitAndAsk => {
                self.wait_for_neighbour(at, packet);
                self.probe_neighbour(at);
            }
            Sending::Failed => self.drop_packet(&packet, IpDrop::NeighbourFailed { neighbour }),
        }
    }

    fn begin_sending(&mut self, at: usize) -> Sending {
        let parameters = self.neighbour_parameters(self.neighbours.entries[at].interface);
        let sending = self.neighbours.entries[at].send(&parameters);
        self.neighbours.arm(at, &mut self.timers);
        sending
    }

    /// Has a packet wait, if need be at the cost of those that have waited longest.
    fn wait_for_neighbour(&mut self, at: usize, packet: Packet) {
        let entry = &mut self.neighbours.entries[at];
        let neighbour = entry.ip;
        self.out.note_about(packet.origin, || Note::Step(Step::Waits { neighbour }));
        let limit = usize::try_from(self.sysctl.neigh(entry.interface, Neigh::UnresQlenBytes)).unwrap_or(0);
        let size = truesize(&packet);
        let mut overflow = Vec::new();
        while entry.queued_bytes + size > limit {
            let Some(oldest) = entry.queue.pop_front() else { break };
            entry.queued_bytes -= truesize(&oldest);
            overflow.push(oldest);
        }
        entry.queued_bytes += size;
        entry.queue.push_back(packet);
        for packet in overflow {
            self.drop_packet(&packet, IpDrop::NeighbourQueueFull { neighbour });
        }
    }

    /// neigh_event_send without a packet: whether the address can be used; if not, it is asked for.
    pub(in crate::host) fn resolve_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr) -> bool {
        let Some(at) = self.neighbours.find(interface, ip).or_else(|| self.create_neighbour(interface, ip)) else {
            return false;
        };
        if self.neighbours.entries[at].state.is_valid() {
            return true;
        }
        if self.begin_sending(at) == Sending::WaitAndAsk {
            self.probe_neighbour(at);
        }
        false
    }

    /// neigh_probe: asks for the address on behalf of the packet that came last.
    fn probe_neighbour(&mut self, at: usize) {
        let entry = &mut self.neighbours.entries[at];
        let Neighbour { interface, ip, mac, probes, .. } = *entry;
        let waiting = entry.queue.back();
        let (source, origin) = (waiting.map(Packet::source), waiting.map(|packet| packet.origin));
        entry.probes = probes.saturating_add(1);
        let number = |neigh| u32::try_from(self.sysctl.neigh(interface, neigh)).unwrap_or(0);
        let (to_one, by_daemon) = (number(Neigh::UcastSolicit), number(Neigh::AppSolicit));
        if probes < to_one {
            self.solicit(interface, ip, source, Some(mac), origin);
        } else if probes - to_one >= by_daemon {
            self.solicit(interface, ip, source, None, origin);
        }
    }

    /// neigh_timer_handler
    pub(in crate::host) fn neighbour_timer(&mut self, interface: IfIndex, ip: Ipv4Addr) {
        let Some(at) = self.neighbours.find(interface, ip) else { return };
        let now = self.now;
        let entry = &mut self.neighbours.entries[at];
        entry.armed = entry.armed.filter(|&armed| armed > now);
        let expiry = if entry.deadline.is_some_and(|deadline| deadline <= now) {
            let parameters = self.neighbour_parameters(interface);
            self.neighbours.entries[at].expire(&parameters)
        } else {
            Expiry::Quiet
        };
        self.neighbours.arm(at, &mut self.timers);
        match expiry {
            Expiry::Quiet => {}
            Expiry::Ask => self.probe_neighbour(at),
            Expiry::Failed => self.neighbour_failed(at),
        }
    }

    /// neigh_invalidate, arp_error_report: whoever waits for the address learns that there is none.
    fn neighbour_failed(&mut self, at: usize) {
        let entry = &mut self.neighbours.entries[at];
        let neighbour = entry.ip;
        entry.queued_bytes = 0;
        for packet in std::mem::take(&mut entry.queue) {
            self.drop_packet(&packet, IpDrop::NeighbourFailed { neighbour });
            self.icmp_send(&packet, 3, 1, [0; 4]);
        }
    }

    /// neigh_update: changes an entry, and carries out what follows from it.
    pub(super) fn update_neighbour(&mut self, at: usize, mac: Option<MacAddr>, state: State, how: Override) -> Updated {
        let parameters = self.neighbour_parameters(self.neighbours.entries[at].interface);
        let updated = self.neighbours.entries[at].update(mac, state, how, &parameters);
        self.neighbours.arm(at, &mut self.timers);
        match updated {
            Updated::Resolved => self.release_queue(at),
            Updated::Failed => self.neighbour_failed(at),
            Updated::Refused | Updated::NoAddress | Updated::Done => {}
        }
        updated
    }

    fn release_queue(&mut self, at: usize) {
        let entry = &mut self.neighbours.entries[at];
        let Neighbour { interface, ip, .. } = *entry;
        entry.queued_bytes = 0;
        let by = self.out.handling;
        for packet in std::mem::take(&mut entry.queue) {
            self.step(packet.origin, || Step::Released { neighbour: ip, by });
            self.send_to_neighbour(interface, ip, packet);
        }
    }

    /// neigh_event_ns, and the learning part of arp_process: an entry for a neighbour that has spoken, made if need be.
    /// False if there is no room for it.
    pub(in crate::host) fn learn_neighbour(
        &mut self,
        interface: IfIndex,
        ip: Ipv4Addr,
        mac: MacAddr,
        state: State,
        how: Override,
    ) -> bool {
        let at = self.neighbours.find(interface, ip).or_else(|| self.create_neighbour(interface, ip));
        if let Some(at) = at {
            self.update_neighbour(at, Some(mac), state, how);
        }
        at.is_some()
    }

    /// neigh_confirm: a neighbour's answer has come by other means, a TCP acknowledgement.
    pub(in crate::host) fn confirm_neighbour(&mut self, destination: Ipv4Addr) {
        let Ok(route) = self.route_output(destination, None, None) else { return };
        if let Some(at) = self.neighbours.find(route.oif, route.gateway.unwrap_or(destination)) {
            self.neighbours.entries[at].confirmed = Some(self.now);
        }
    }

    /// neigh_create, arp_constructor: interfaces without ARP have nothing to ask.
    pub(super) fn create_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr) -> Option<usize> {
        let limits = self.neighbour_limits();
        let at = self.neighbours.create(interface, ip, self.now, limits, &mut self.timers)?;
        if self.interfaces.get(interface).is_some_and(|interface| !interface.arp) {
            self.neighbours.entries[at].state = State::Noarp;
        }
        Some(at)
    }

    /// kfree_skb_reason: a packet ends here.
    pub(in crate::host) fn drop_packet(&mut self, packet: &Packet, why: IpDrop) {
        self.ip_counters.count_drop(&why);
        self.out.note_about(packet.origin, || Note::Drop(Drop::Ip(why)));
    }
}
