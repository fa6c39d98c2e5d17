//! The kernel of a host: all its network state, and the ways in.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::files::Files;
use super::icmp::ErrorLimits;
use super::interface::{Address, IfIndex, Interface, Interfaces, Scope};
use super::ip::{Exceptions, Identification, IpCounters, Reassembly};
use super::ipvs::SyncSockets;
use super::lag::Lag;
use super::messages::Messages;
use super::neighbour::Neighbours;
use super::netfilter::Netfilter;
use super::packet::Packet;
use super::process::{Scheduler, WaitOn};
use super::raw::RawSockets;
use super::route::{RouteKind, Routes};
use super::sysctl::Sysctl;
use super::tcp::Tcp;
use super::timer::{Timer, Timers};
use super::tunnel::Tunnels;
use super::udp::Udp;
use crate::ipvs::Ipvs;
use crate::random::{self, Rng};
use crate::reason::{KernelTimer, Maker};
use crate::sim::Outbox;
use crate::time::{EPOCH, Span, Time};

/// The network stack of one host and everything that commands change.
///
/// Time stands still while an event is handled: `now` is when it happened, `out` collects what is to be sent.
#[derive(Default)]
pub struct Kernel {
    /// The node's name.
    pub name: String,
    /// When the event being handled happened.
    pub now: Time,
    /// What the event has led to so far.
    pub out: Outbox,
    pub(super) seed: u64,
    pub(super) zero: Time,
    pub(super) files: Files,
    pub(super) timers: Timers,
    pub(crate) scheduler: Scheduler,
    pub(super) interfaces: Interfaces,
    pub(super) routes: Routes,
    pub(super) exceptions: Exceptions,
    pub(super) sysctl: Sysctl,
    pub(super) neighbours: Neighbours,
    pub(super) identification: Identification,
    pub(super) reassembly: Reassembly,
    pub(super) icmp_limits: ErrorLimits,
    pub(super) ipvs: Ipvs,
    /// At which state of the settings IPVS has read its own.
    pub(super) ipvs_settings: u64,
    pub(super) sync_sockets: SyncSockets,
    /// The path MTU by which IPVS has last sent into the tunnel to each server (the route that ip_vs_dest_dst keeps).
    pub(super) ipvs_path_mtus: FxHashMap<Ipv4Addr, u32>,
    /// What this host has sent to itself and not yet taken in, and as what.
    pub(super) looping: VecDeque<(Packet, RouteKind)>,
    /// Lent to whoever builds a packet, so that nothing but the packet is allocated.
    pub(super) scratch: Vec<u8>,
    pub(super) ip_counters: IpCounters,
    pub(super) netfilter: Netfilter,
    pub(super) messages: Messages,
    pub(super) raw: RawSockets,
    pub(super) tcp: Tcp,
    pub(super) tunnels: Tunnels,
    pub(super) udp: Udp,
}

impl Kernel {
    /// A machine of this name that has just been switched on; its chance comes from `seed`.
    pub fn new(name: &str, seed: u64) -> Kernel {
        let mut kernel = Kernel {
            name: name.to_owned(),
            seed,
            tcp: Tcp::new(random::stream(seed, "tcp", name)),
            udp: Udp::new(random::stream(seed, "udp", name)),
            ..Kernel::default()
        };
        kernel.neighbours.seed(random::stream(seed, "reachable time", name));
        kernel.ipvs = Ipvs::new(random::stream(seed, "ipvs", name).next_u64(), Time::ZERO);
        kernel.identification.seed(random::stream(seed, "ip id", name));
        kernel.tunnels = Tunnels::new(random::stream(seed, "flow hash", name).next_u64());
        kernel.routes.seed(random::stream(seed, "multipath hash", name).next_u64());
        kernel.netfilter.seed(random::stream(seed, "netfilter", name));
        kernel.sysctl.add_interface(IfIndex::LO);
        kernel.load_ipip();
        let localhost = Address {
            ip: Ipv4Addr::LOCALHOST,
            prefix_len: 8,
            broadcast: None,
            scope: Scope::Host,
            label: "lo".to_owned(),
            secondary: false,
            no_prefix_route: false,
        };
        kernel.add_address(IfIndex::LO, localhost).expect("a new machine has no address yet");
        kernel
    }

    /// A stream of chance of this host's own, for a program.
    pub fn stream(&self, purpose: &str) -> random::Stream {
        random::stream(self.seed, purpose, &self.name)
    }

    /// The interface of this name.
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.by_name(name)
    }

    /// All interfaces by number.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter()
    }

    /// The routing tables.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The neighbour table.
    pub fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// The settings.
    pub fn sysctl(&self) -> &Sysctl {
        &self.sysctl
    }

    /// Sets the clock, so that it shows [`EPOCH`] at this moment.
    pub fn set_clock(&mut self, zero: Time) {
        self.zero = zero;
    }

    /// What the clock shows: the time since 1970.
    pub fn clock(&self, at: Time) -> Span {
        EPOCH + at.since(self.zero) - self.zero.since(at)
    }

    /// From now on programs get their turn late: so much at least, and more by chance. Nothing ends it.
    pub(super) fn set_lag(&mut self, delay: Span, jitter: Span) {
        let lag = Lag::new(delay, jitter, self.stream("lag"));
        self.scheduler.set_lag((delay > Span::ZERO || jitter > Span::ZERO).then_some(lag));
    }

    /// The machine has lost power: what it knew is gone, but for its files.
    pub(super) fn forget_all(&mut self) {
        let (name, files) = (std::mem::take(&mut self.name), std::mem::take(&mut self.files));
        *self = Kernel {
            name,
            files,
            zero: self.zero,
            now: self.now,
            out: std::mem::take(&mut self.out),
            ..Kernel::default()
        };
    }

    /// The machine starts anew as this one, with the files that it had.
    pub(super) fn start_as(&mut self, fresh: Kernel) {
        let files = std::mem::take(&mut self.files);
        *self = Kernel { files, now: self.now, out: std::mem::take(&mut self.out), ..fresh };
    }

    /// An event begins.
    pub(super) fn begin(&mut self, now: Time, out: &mut Outbox) {
        self.now = now;
        std::mem::swap(&mut self.out, out);
        self.out.maker = Maker::Kernel;
    }

    /// The event has been handled: what it led to goes back to the engine.
    pub(super) fn finish(&mut self, out: &mut Outbox) {
        std::mem::swap(&mut self.out, out);
    }

    /// When the next timer fires.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        [self.timers.next(), self.ipvs.next_deadline()].into_iter().flatten().min()
    }

    /// Tells everybody whose timer has fired.
    pub(super) fn expire_timers(&mut self) {
        self.out.maker = Maker::Timer(KernelTimer::IpvsSync);
        self.ipvs_timers();
        while let Some(timer) = self.timers.pop_due(self.now) {
            self.out.maker = maker(timer);
            match timer {
                Timer::Process(pid) => self.scheduler.alarm(pid),
                Timer::Turn(pid) => self.scheduler.turn(pid),
                Timer::Tcp(socket) => self.tcp_timer(socket),
                Timer::Neighbour(interface, ip) => self.neighbour_timer(interface, ip),
                Timer::NeighbourGc => self.collect_neighbours(),
                Timer::Reassembly => self.reassembly_timer(),
                Timer::Loopback => self.loopback_timer(),
            }
            if timer.is_programs() && !self.timers.is_program_next() {
                // The programs run before the kernel's timers of the same moment fire: the host is woken again.
                return;
            }
        }
    }

    /// Wakes the programs that wait for this.
    pub(super) fn wake(&mut self, what: WaitOn) {
        self.scheduler.wake(what);
    }
}

/// Who makes the packets that follow from a timer.
const fn maker(timer: Timer) -> Maker {
    match timer {
        Timer::Neighbour(..) | Timer::NeighbourGc => Maker::Timer(KernelTimer::Neighbour),
        Timer::Reassembly => Maker::Timer(KernelTimer::Reassembly),
        Timer::Tcp(_) => Maker::Timer(KernelTimer::Tcp),
        Timer::Process(_) | Timer::Turn(_) | Timer::Loopback => Maker::Kernel,
    }
}
