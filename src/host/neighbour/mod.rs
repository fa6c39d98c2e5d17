//! The neighbour table: net/core/neighbour.c. `state` has the states of one neighbour, `output` what they mean to packets.

mod output;
mod state;

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::interface::IfIndex;
use super::kernel::Kernel;
use super::packet::Packet;
use super::socket::Errno;
use super::sysctl::Neigh;
use super::timer::{Timer, Timers};
use crate::random::{self, RngExt};
use crate::reason::IpDrop;
use crate::time::{Span, Time};
use crate::wire::MacAddr;

use state::{Expiry, Parameters, Sending, Updated};
pub use state::{Neighbour, Override, State};

/// How often the random part of the reachable time is drawn anew.
const REDRAW: Span = Span::from_secs(300);
/// How often idle entries are looked for: half of base_reachable_time.
const GC_INTERVAL: Span = Span::from_secs(15);
/// A full table is not searched for victims more often than this, and what has changed since is no victim.
const FORCED_GC_INTERVAL: Span = Span::from_secs(5);

/// Which MAC address belongs to which neighbour, as far as known.
#[derive(Debug, Default)]
pub struct Neighbours {
    entries: Vec<Neighbour>,
    index: FxHashMap<(IfIndex, Ipv4Addr), usize>,
    /// The random part of each interface's reachable time, and what it was drawn for: which base, which 300 seconds.
    reachable: Vec<(IfIndex, (Span, u64), Span)>,
    random: Option<random::Stream>,
    /// Whether idle entries are being looked for.
    collects: bool,
    last_forced_gc: Option<Time>,
}

/// net.ipv4.neigh.default.gc_thresh1 to 3.
#[derive(Clone, Copy)]
struct Limits {
    /// With fewer entries than this, idle ones stay.
    low: usize,
    /// With more, a new one may cost old ones their place.
    middle: usize,
    /// There are never more.
    high: usize,
}

impl Neighbours {
    /// Draws the reachable times from this stream.
    pub(super) fn seed(&mut self, stream: random::Stream) {
        self.random = Some(stream);
    }

    /// The entry of this address behind this interface.
    pub fn get(&self, interface: IfIndex, ip: Ipv4Addr) -> Option<&Neighbour> {
        Some(&self.entries[self.find(interface, ip)?])
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Neighbour> {
        self.entries.iter()
    }

    #[inline]
    fn find(&self, interface: IfIndex, ip: Ipv4Addr) -> Option<usize> {
        self.index.get(&(interface, ip)).copied()
    }

    /// neigh_alloc: a new entry; none if the table is full.
    fn create(
        &mut self,
        interface: IfIndex,
        ip: Ipv4Addr,
        now: Time,
        limits: Limits,
        timers: &mut Timers,
    ) -> Option<usize> {
        let may_collect = self.last_forced_gc.is_none_or(|last| now > last + FORCED_GC_INTERVAL);
        if self.entries.len() >= limits.high || self.entries.len() >= limits.middle && may_collect {
            self.collect_by_force(now, limits.middle);
            if self.entries.len() >= limits.high {
                return None;
            }
        }
        let at = self.entries.len();
        self.entries.push(Neighbour::new(interface, ip, now));
        self.index.insert((interface, ip), at);
        if !self.collects && self.entries.len() >= limits.low {
            self.collects = true;
            timers.arm(now + GC_INTERVAL, Timer::NeighbourGc);
        }
        Some(at)
    }

    /// Takes entries out of the table.
    fn remove(&mut self, mut goes: impl FnMut(&Neighbour) -> bool) -> Vec<Neighbour> {
        let gone = self.entries.extract_if(.., |entry| goes(entry)).collect();
        self.index = self.entries.iter().enumerate().map(|(at, entry)| ((entry.interface, entry.ip), at)).collect();
        gone
    }

    /// neigh_periodic_work: forgets what nobody has needed for long. False if the table is small enough to leave it alone.
    fn collect(&mut self, now: Time, low: usize, stale_time: impl Fn(IfIndex) -> Span) -> bool {
        if self.entries.len() < low {
            self.collects = false;
            return false;
        }
        self.remove(|entry| {
            let last = entry.confirmed.map_or(entry.used, |confirmed| confirmed.max(entry.used));
            let may_go = entry.state != State::Permanent && !entry.state.is_timed();
            may_go && (entry.state == State::Failed || now >= last + stale_time(entry.interface))
        });
        true
    }

    /// neigh_forced_gc: makes room by forgetting what has not changed for some seconds, what is oldest first.
    fn collect_by_force(&mut self, now: Time, goal: usize) {
        self.last_forced_gc = Some(now);
        let mut excess = self.entries.len().saturating_sub(goal);
        self.remove(|entry| {
            let is_useless = matches!(entry.state, State::Failed | State::Noarp);
            let may_go = entry.state != State::Permanent && (is_useless || now > entry.updated + FORCED_GC_INTERVAL);
            let goes = may_go && excess > 0;
            excess -= usize::from(goes);
            goes
        });
    }

    /// neigh_rand_reach_time: between half and one and a half of the base.
    fn reachable_time(&mut self, interface: IfIndex, base: Span, now: Time) -> Span {
        let drawn_for = (base, now.as_nanos() / REDRAW.as_nanos());
        if let Some((.., span)) = self.reachable.iter().find(|(known, of, _)| (*known, *of) == (interface, drawn_for)) {
            return *span;
        }
        let nanos = base.as_nanos();
        let drawn = match &mut self.random {
            Some(random) if nanos > 0 => random.random_range(nanos / 2..nanos / 2 + nanos),
            _ => nanos,
        };
        self.reachable.retain(|(known, ..)| *known != interface);
        self.reachable.push((interface, drawn_for, Span::from_nanos(drawn)));
        Span::from_nanos(drawn)
    }

    /// Makes sure that a timer fires when the time of an entry's state is over.
    fn arm(&mut self, at: usize, timers: &mut Timers) {
        let entry = &mut self.entries[at];
        if let Some(deadline) = entry.deadline
            && entry.armed.is_none_or(|armed| armed > deadline)
        {
            entry.armed = Some(deadline);
            timers.arm(deadline, Timer::Neighbour(entry.interface, entry.ip));
        }
    }
}

impl Kernel {
    /// neigh_add: what `ip neigh add|change|replace` sets.
    ///
    /// # Errors
    ///
    /// [`Errno::Exists`] if it must be new, [`Errno::NoSuchFile`] if it must not; [`Errno::InvalidArgument`] if the state
    /// needs a hardware address and there is none; [`Errno::NoBuffers`] if the table is full.
    pub fn set_neighbour(
        &mut self,
        interface: IfIndex,
        ip: Ipv4Addr,
        mac: Option<MacAddr>,
        state: State,
        create: bool,
        replace: bool,
    ) -> Result<(), Errno> {
        let at = match self.neighbours.find(interface, ip) {
            Some(_) if !replace => return Err(Errno::Exists),
            None if !create => return Err(Errno::NoSuchFile),
            Some(at) => at,
            None => self.create_neighbour(interface, ip).ok_or(Errno::NoBuffers)?,
        };
        match self.update_neighbour(at, mac, state, Override::Admin) {
            Updated::NoAddress => Err(Errno::InvalidArgument),
            _ => Ok(()),
        }
    }

    /// neigh_delete: what waits for the neighbour is given up.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`].
    pub fn delete_neighbour(&mut self, interface: IfIndex, ip: Ipv4Addr) -> Result<(), Errno> {
        let at = self.neighbours.find(interface, ip).ok_or(Errno::NoSuchFile)?;
        self.update_neighbour(at, None, State::Failed, Override::Admin);
        self.neighbours.remove(|entry| (entry.interface, entry.ip) == (interface, ip));
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
        for Neighbour { ip: neighbour, queue, .. } in gone {
            for packet in queue {
                self.drop_packet(&packet, IpDrop::NeighbourForgotten { neighbour });
            }
        }
    }

    /// neigh_periodic_work
    pub(super) fn collect_neighbours(&mut self) {
        let (low, now) = (self.neighbour_limits().low, self.now);
        let stale_time = |interface| self.sysctl.neigh_time(interface, Neigh::GcStaleTime);
        if self.neighbours.collect(now, low, stale_time) {
            self.timers.arm(now + GC_INTERVAL, Timer::NeighbourGc);
        }
    }

    fn neighbour_limits(&self) -> Limits {
        let number = |name| usize::try_from(self.sysctl.number(name)).unwrap_or(0);
        Limits {
            low: number("net.ipv4.neigh.default.gc_thresh1"),
            middle: number("net.ipv4.neigh.default.gc_thresh2"),
            high: number("net.ipv4.neigh.default.gc_thresh3"),
        }
    }

    fn neighbour_parameters(&mut self, interface: IfIndex) -> Parameters {
        let base = self.sysctl.neigh_time(interface, Neigh::BaseReachableTimeMs);
        let number = |neigh| u32::try_from(self.sysctl.neigh(interface, neigh)).unwrap_or(0);
        Parameters {
            reachable_time: self.neighbours.reachable_time(interface, base, self.now),
            delay_first_probe_time: self.sysctl.neigh_time(interface, Neigh::DelayFirstProbeTime),
            retrans_time: self.sysctl.neigh_time(interface, Neigh::RetransTimeMs),
            ucast_solicit: number(Neigh::UcastSolicit),
            mcast_solicit: number(Neigh::McastSolicit),
            mcast_resolicit: number(Neigh::McastResolicit),
            app_solicit: number(Neigh::AppSolicit),
            now: self.now,
        }
    }
}

/// The room that a packet takes in a queue (skb->truesize). An sk_buff takes 256 bytes; its buffer has a headroom, ends in
/// the 320 bytes of skb_shared_info, and comes in powers of two.
fn truesize(packet: &Packet) -> usize {
    (packet.frame.bytes().len() + 336).next_power_of_two() + 256
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH0: IfIndex = IfIndex(2);

    fn table(entries: u32) -> Neighbours {
        let mut table = Neighbours::default();
        let limits = Limits { low: 128, middle: 512, high: 1024 };
        for n in 0..entries {
            table.create(ETH0, Ipv4Addr::from_bits(n), Time::ZERO, limits, &mut Timers::default());
        }
        table
    }

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    #[test]
    fn idle_entries_go_only_when_there_are_many() {
        let stale_time = |_| Span::from_secs(60);
        assert!(!table(127).collect(at(1000), 128, stale_time));
        let mut many = table(200);
        many.entries[7].state = State::Permanent;
        many.entries[8].state = State::Incomplete;
        many.entries[9].confirmed = Some(at(950));
        assert!(many.collect(at(1000), 128, stale_time));
        let left: Vec<_> = many.iter().map(|entry| entry.ip.to_bits()).collect();
        assert_eq!(left, [7, 8, 9]);
        assert_eq!(many.find(ETH0, Ipv4Addr::from_bits(9)), Some(2));
    }

    #[test]
    fn a_full_table_takes_nobody_until_something_is_old() {
        let mut full = table(1024);
        let limits = Limits { low: 128, middle: 512, high: 1024 };
        let newcomer = Ipv4Addr::new(10, 0, 0, 1);
        assert_eq!(full.create(ETH0, newcomer, at(1), limits, &mut Timers::default()), None);
        assert_eq!(full.create(ETH0, newcomer, at(6), limits, &mut Timers::default()), Some(512));
    }

    #[test]
    fn the_reachable_time_is_drawn_around_its_base() {
        let mut table = Neighbours::default();
        table.seed(random::stream(7, "reachable time", "host"));
        let base = Span::from_secs(30);
        let drawn: Vec<_> = (0..50).map(|n| table.reachable_time(ETH0, base, at(n * 300))).collect();
        assert!(drawn.iter().all(|&span| span >= base.times(1) - Span::from_secs(15) && span < Span::from_secs(45)));
        assert!(drawn.windows(2).any(|pair| pair[0] != pair[1]));
        assert_eq!(table.reachable_time(ETH0, base, at(10)), table.reachable_time(ETH0, base, at(299)));
    }
}
