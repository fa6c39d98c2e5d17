//! The neighbour table and its states: net/core/neighbour.c.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;
use super::socket::Errno;
use super::sysctl::Neigh;
use super::timer::Timer;
use crate::random::{self, RngExt};
use crate::reason::{Drop, IpDrop, Note};
use crate::time::{Span, Time};
use crate::wire::MacAddr;

/// What is known about a neighbour's address (NUD_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being asked for.
    Incomplete,
    /// It was confirmed a short time ago.
    Reachable,
    /// It was not confirmed for some time.
    Stale,
    /// It was used though it is stale; soon it will be probed.
    Delay,
    /// It is being asked whether it is still there.
    Probe,
    /// It does not answer.
    Failed,
    /// Somebody has typed it in for good.
    Permanent,
    /// It needs no resolution.
    Noarp,
}

impl State {
    /// The name that `ip neigh` shows and takes.
    pub const fn name(self) -> &'static str {
        match self {
            State::Incomplete => "INCOMPLETE",
            State::Reachable => "REACHABLE",
            State::Stale => "STALE",
            State::Delay => "DELAY",
            State::Probe => "PROBE",
            State::Failed => "FAILED",
            State::Permanent => "PERMANENT",
            State::Noarp => "NOARP",
        }
    }

    /// NUD_VALID: there is an address to send to.
    pub(super) const fn is_valid(self) -> bool {
        !matches!(self, State::Incomplete | State::Failed)
    }

    /// NUD_CONNECTED: no doubt about it.
    const fn is_connected(self) -> bool {
        matches!(self, State::Reachable | State::Permanent | State::Noarp)
    }
}

/// An entry of the table: struct neighbour.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// The interface that it is behind.
    pub interface: IfIndex,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its hardware address, as far as known.
    pub mac: MacAddr,
    /// What is known about it.
    pub state: State,
    /// When it was last confirmed.
    pub confirmed: Time,
    /// When it was last sent to while in doubt.
    pub used: Time,
    /// When the entry was last changed.
    pub updated: Time,
    /// How often it was asked.
    pub probes: u32,
    /// When its state's time is over.
    deadline: Option<Time>,
    queue: VecDeque<Packet>,
    queued_bytes: usize,
}

/// How an entry may be changed (NEIGH_UPDATE_F_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// Another hardware address replaces the known one.
    Yes,
    /// Another hardware address is ignored.
    No,
    /// Somebody has typed it (NEIGH_UPDATE_F_ADMIN too).
    Admin,
}

/// Which MAC address belongs to which neighbour, as far as known.
#[derive(Debug, Default)]
pub struct Neighbours {
    entries: Vec<Neighbour>,
    index: FxHashMap<(IfIndex, Ipv4Addr), usize>,
    /// The random part of each interface's reachable time (neigh_rand_reach_time), drawn once.
    reachable: Vec<(IfIndex, Span, Span)>,
    random: Option<random::Stream>,
}

impl Neighbours {
    /// Draws the reachable times from this stream.
    pub(super) fn seed(&mut self, stream: random::Stream) {
        self.random = Some(stream);
    }

    /// The entry of this address behind this interface.
    pub fn get(&self, interface: IfIndex, ip: Ipv4Addr) -> Option<&Neighbour> {
        Some(&self.entries[*self.index.get(&(interface, ip))?])
    }

    fn get_mut(&mut self, interface: IfIndex, ip: Ipv4Addr) -> Option<&mut Neighbour> {
        Some(&mut self.entries[*self.index.get(&(interface, ip))?])
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Neighbour> {
        self.entries.iter()
    }

    /// neigh_create: the entry, made if it is not there.
    fn entry(&mut self, interface: IfIndex, ip: Ipv4Addr, now: Time) -> &mut Neighbour {
        let at = *self.index.entry((interface, ip)).or_insert_with(|| {
            self.entries.push(Neighbour {
                interface,
                ip,
                mac: MacAddr::ZERO,
                state: State::Failed,
                confirmed: Time::ZERO,
                used: now,
                updated: now,
                probes: 0,
                deadline: None,
                queue: VecDeque::new(),
                queued_bytes: 0,
            });
            self.entries.len() - 1
        });
        &mut self.entries[at]
    }

    /// Takes entries out of the table.
    pub(super) fn remove(&mut self, mut goes: impl FnMut(&Neighbour) -> bool) -> Vec<Neighbour> {
        let gone = self.entries.extract_if(.., |entry| goes(entry)).collect();
        self.index = self.entries.iter().enumerate().map(|(at, entry)| ((entry.interface, entry.ip), at)).collect();
        gone
    }

    /// neigh_rand_reach_time: between half and one and a half of the base.
    fn reachable_time(&mut self, interface: IfIndex, base: Span) -> Span {
        if let Some((.., span)) = self.reachable.iter().find(|(known, of, _)| (*known, *of) == (interface, base)) {
            return *span;
        }
        let nanos = base.as_nanos();
        let drawn = match &mut self.random {
            Some(random) if nanos > 0 => random.random_range(nanos / 2..nanos / 2 + nanos),
            _ => nanos,
        };
        self.reachable.retain(|(known, ..)| *known != interface);
        self.reachable.push((interface, base, Span::from_nanos(drawn)));
        Span::from_nanos(drawn)
    }
}

/// The room that a packet takes in a queue (skb->truesize): its buffer and the kernel's own notes about it.
fn truesize(packet: &Packet) -> usize {
    packet.frame.bytes().len().next_power_of_two().max(512) + 256
}

impl Kernel {
    /// neigh_resolve_output: sends a packet to a neighbour, now or when its hardware address is known.
    pub(super) fn send_to_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr, packet: Packet) {
        let now = self.now;
        let Some(entry) = self.neighbours.get_mut(interface, ip) else {
            return self.queue_for_neighbour(interface, ip, packet);
        };
        match entry.state {
            State::Reachable | State::Permanent | State::Noarp => {}
            State::Delay | State::Probe => entry.used = now,
            State::Stale => {
                let delay = self.sysctl.neigh_time(interface, Neigh::DelayFirstProbeTime);
                entry.used = now;
                entry.state = State::Delay;
                entry.updated = now;
                self.arm_neighbour(interface, ip, now + delay);
            }
            State::Incomplete | State::Failed => return self.queue_for_neighbour(interface, ip, packet),
        }
        if let Some(mac) = self.neighbours.get(interface, ip).map(|entry| entry.mac) {
            self.transmit(interface, mac, packet);
        }
    }

    /// __neigh_event_send, as long as there is no hardware address.
    fn queue_for_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr, packet: Packet) {
        let now = self.now;
        let first_probes = self.sysctl.neigh(interface, Neigh::UcastSolicit).max(0) as u32;
        let solicits =
            self.sysctl.neigh(interface, Neigh::McastSolicit) + self.sysctl.neigh(interface, Neigh::AppSolicit);
        let limit = self.sysctl.neigh(interface, Neigh::UnresQlenBytes).max(0) as usize;
        let entry = self.neighbours.entry(interface, ip, now);
        entry.used = now;
        let begins = entry.state == State::Failed;
        if begins && solicits <= 0 {
            return self.drop_packet(&packet, IpDrop::NeighbourFailed { neighbour: ip });
        }
        let mut overflow = Vec::new();
        let size = truesize(&packet);
        while entry.queued_bytes + size > limit {
            let Some(oldest) = entry.queue.pop_front() else { break };
            entry.queued_bytes -= truesize(&oldest);
            overflow.push(oldest);
        }
        entry.queued_bytes += size;
        entry.queue.push_back(packet);
        if begins {
            entry.probes = first_probes;
            entry.state = State::Incomplete;
            entry.updated = now;
        }
        for packet in overflow {
            self.drop_packet(&packet, IpDrop::NeighbourQueueFull { neighbour: ip });
        }
        if begins {
            self.arm_neighbour(interface, ip, now + self.retransmit_time(interface));
            self.probe_neighbour(interface, ip);
        }
    }

    /// neigh_event_send without a packet: begins to ask for an address.
    pub(super) fn resolve_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr) {
        let entry = self.neighbours.entry(interface, ip, self.now);
        if entry.state == State::Failed {
            entry.probes = self.sysctl.neigh(interface, Neigh::UcastSolicit).max(0) as u32;
            entry.state = State::Incomplete;
            entry.updated = self.now;
            self.arm_neighbour(interface, ip, self.now + self.retransmit_time(interface));
            self.probe_neighbour(interface, ip);
        }
    }

    fn retransmit_time(&self, interface: IfIndex) -> Span {
        self.sysctl.neigh_time(interface, Neigh::RetransTimeMs).max(Span::from_millis(10))
    }

    fn arm_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr, at: Time) {
        if let Some(entry) = self.neighbours.get_mut(interface, ip) {
            entry.deadline = Some(at);
            self.timers.arm(at, Timer::Neighbour(interface, ip));
        }
    }

    /// neigh_probe: asks for the address on behalf of the packet that came last.
    fn probe_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr) {
        let Some(entry) = self.neighbours.get(interface, ip) else { return };
        let (probes, mac, is_valid) = (entry.probes, entry.mac, entry.state.is_valid());
        let waiting = entry.queue.back();
        let (source, cause) = (waiting.map(Packet::source), waiting.and_then(|packet| packet.cause));
        let unicast = i64::from(probes) < self.sysctl.neigh(interface, Neigh::UcastSolicit) && is_valid;
        self.solicit(interface, ip, source, unicast.then_some(mac), cause);
        if let Some(entry) = self.neighbours.get_mut(interface, ip) {
            entry.probes += 1;
        }
    }

    /// neigh_timer_handler.
    pub(super) fn neighbour_timer(&mut self, interface: IfIndex, ip: Ipv4Addr) {
        let now = self.now;
        let base = self.sysctl.neigh_time(interface, Neigh::BaseReachableTimeMs);
        let reachable = self.neighbours.reachable_time(interface, base);
        let delay = self.sysctl.neigh_time(interface, Neigh::DelayFirstProbeTime);
        let retransmit = self.retransmit_time(interface);
        let unicast =
            self.sysctl.neigh(interface, Neigh::UcastSolicit) + self.sysctl.neigh(interface, Neigh::AppSolicit);
        let first = self.sysctl.neigh(interface, Neigh::McastSolicit);
        let again = self.sysctl.neigh(interface, Neigh::McastResolicit);
        let Some(entry) = self.neighbours.get_mut(interface, ip) else { return };
        if entry.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        entry.deadline = None;
        let before = entry.state;
        let next = match entry.state {
            State::Reachable if now <= entry.confirmed + reachable => Some(entry.confirmed + reachable),
            State::Reachable if now <= entry.used + delay => {
                entry.state = State::Delay;
                Some(now + delay)
            }
            State::Reachable => {
                entry.state = State::Stale;
                None
            }
            State::Delay if now <= entry.confirmed + delay => {
                entry.state = State::Reachable;
                Some(entry.confirmed + reachable)
            }
            State::Delay => {
                entry.state = State::Probe;
                entry.probes = 0;
                Some(now + retransmit)
            }
            State::Probe | State::Incomplete => Some(now + retransmit),
            State::Stale | State::Failed | State::Permanent | State::Noarp => None,
        };
        if entry.state != before {
            entry.updated = now;
        }
        let is_probing = matches!(entry.state, State::Probe | State::Incomplete);
        let most = unicast + if entry.state == State::Probe { again } else { first };
        if is_probing && i64::from(entry.probes) >= most {
            entry.state = State::Failed;
            entry.updated = now;
            return self.neighbour_failed(interface, ip);
        }
        if let Some(at) = next {
            self.arm_neighbour(interface, ip, at.max(now + Span::from_millis(10)));
        }
        if is_probing {
            self.probe_neighbour(interface, ip);
        }
    }

    /// neigh_invalidate, arp_error_report: whoever waits for the address learns that there is none.
    fn neighbour_failed(&mut self, interface: IfIndex, ip: Ipv4Addr) {
        let Some(entry) = self.neighbours.get_mut(interface, ip) else { return };
        entry.queued_bytes = 0;
        for packet in std::mem::take(&mut entry.queue) {
            self.drop_packet(&packet, IpDrop::NeighbourFailed { neighbour: ip });
            self.icmp_send(&packet, 3, 1, [0; 4]);
        }
    }

    /// neigh_update: what somebody has said about a neighbour. Creates no entry.
    pub(super) fn update_neighbour(
        &mut self,
        interface: IfIndex,
        ip: Ipv4Addr,
        mac: Option<MacAddr>,
        new: State,
        how: Override,
    ) -> Result<(), Errno> {
        let now = self.now;
        let base = self.sysctl.neigh_time(interface, Neigh::BaseReachableTimeMs);
        let reachable = self.neighbours.reachable_time(interface, base);
        let entry = self.neighbours.get_mut(interface, ip).ok_or(Errno::NoSuchFile)?;
        let old = entry.state;
        let mut new = new;
        if how != Override::Admin && matches!(old, State::Permanent | State::Noarp) {
            return Err(Errno::NotPermitted);
        }
        if !new.is_valid() {
            entry.state = new;
            entry.deadline = None;
            if matches!(old, State::Incomplete | State::Probe) && new == State::Failed {
                self.neighbour_failed(interface, ip);
            }
            return Ok(());
        }
        let mac = match mac {
            Some(mac) => mac,
            None if old.is_valid() => entry.mac,
            None => return Err(Errno::InvalidArgument),
        };
        let is_same = old.is_valid() && mac == entry.mac;
        if new.is_connected() {
            entry.confirmed = now;
        }
        if old.is_valid() {
            if !is_same && how == Override::No {
                return Ok(());
            }
            if is_same && new == State::Stale && how != Override::Admin {
                new = old;
            }
        }
        if new != old || !is_same {
            entry.updated = now;
        }
        entry.mac = mac;
        if !is_same && !new.is_connected() {
            // Old news: the next use of the entry shall begin to probe it.
            entry.confirmed = now - base.times(2);
        }
        if new != old {
            entry.state = new;
            entry.deadline = None;
            entry.probes = 0;
            match new {
                State::Reachable => self.arm_neighbour(interface, ip, now + reachable),
                State::Delay | State::Probe => self.arm_neighbour(interface, ip, now),
                _ => {}
            }
        }
        if !old.is_valid() {
            self.release_neighbour_queue(interface, ip, mac);
        }
        Ok(())
    }

    fn release_neighbour_queue(&mut self, interface: IfIndex, ip: Ipv4Addr, mac: MacAddr) {
        let Some(entry) = self.neighbours.get_mut(interface, ip) else { return };
        entry.queued_bytes = 0;
        for packet in std::mem::take(&mut entry.queue) {
            self.transmit(interface, mac, packet);
        }
    }

    /// neigh_event_ns, and the learning part of arp_process: an entry for a neighbour that has spoken, made if need be.
    pub(super) fn learn_neighbour(
        &mut self,
        interface: IfIndex,
        ip: Ipv4Addr,
        mac: MacAddr,
        state: State,
        how: Override,
    ) {
        self.neighbours.entry(interface, ip, self.now);
        // Only an entry that somebody has typed in refuses, and is to stay as it is.
        let _ = self.update_neighbour(interface, ip, Some(mac), state, how);
    }

    /// neigh_add: what `ip neigh add|change|replace` sets.
    ///
    /// # Errors
    ///
    /// [`Errno::Exists`] if it must be new, [`Errno::NoSuchFile`] if it must not.
    pub fn set_neighbour(
        &mut self,
        interface: IfIndex,
        ip: Ipv4Addr,
        mac: Option<MacAddr>,
        state: State,
        create: bool,
        replace: bool,
    ) -> Result<(), Errno> {
        match self.neighbours.get(interface, ip) {
            Some(_) if !replace => return Err(Errno::Exists),
            None if !create => return Err(Errno::NoSuchFile),
            _ => {}
        }
        self.neighbours.entry(interface, ip, self.now);
        self.update_neighbour(interface, ip, mac, state, Override::Admin)
    }

    /// neigh_delete.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`].
    pub fn delete_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr) -> Result<(), Errno> {
        self.neighbours.get(interface, ip).ok_or(Errno::NoSuchFile)?;
        let gone = self.neighbours.remove(|entry| (entry.interface, entry.ip) == (interface, ip));
        self.drop_waiting(gone);
        Ok(())
    }

    /// neigh_ifdown: nothing is known about an interface's neighbours any more.
    pub(super) fn neighbours_down(&mut self, interface: IfIndex) {
        let gone = self.neighbours.remove(|entry| entry.interface == interface);
        self.drop_waiting(gone);
    }

    /// neigh_carrier_down: as [`Kernel::neighbours_down`], but what was typed in for good stays.
    pub(super) fn neighbours_lose_carrier(&mut self, interface: IfIndex) {
        let goes = |entry: &Neighbour| entry.interface == interface && entry.state != State::Permanent;
        let gone = self.neighbours.remove(goes);
        self.drop_waiting(gone);
    }

    fn drop_waiting(&mut self, gone: Vec<Neighbour>) {
        for entry in gone {
            for packet in entry.queue {
                self.drop_packet(&packet, IpDrop::NeighbourFailed { neighbour: entry.ip });
            }
        }
    }

    /// neigh_confirm: a neighbour's answer has come by other means, a TCP acknowledgement.
    pub(super) fn confirm_neighbour(&mut self, destination: Ipv4Addr) {
        let Ok(route) = self.route_output(destination, None, None) else { return };
        let now = self.now;
        if let Some(entry) = self.neighbours.get_mut(route.oif, route.gateway.unwrap_or(destination)) {
            entry.confirmed = now;
        }
    }

    /// kfree_skb_reason: a packet ends here.
    pub(super) fn drop_packet(&mut self, packet: &Packet, why: IpDrop) {
        self.out.note_about(packet.cause, || Note::Drop(Drop::Ip(why)));
    }
}
