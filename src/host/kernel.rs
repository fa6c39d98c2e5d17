//! The kernel of a host: all its network state, and the ways in.

use super::files::Files;
use super::neighbour::Neighbours;
use super::netfilter::Netfilter;
use super::process::{Scheduler, WaitOn};
use super::raw::RawSockets;
use super::sysctl::Sysctl;
use super::tcp::Tcp;
use super::timer::{Timer, Timers};
use super::udp::Udp;
use crate::ids::Port;
use crate::random;
use crate::sim::Outbox;
use crate::time::Time;
use crate::wire::Frame;

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
    pub(super) files: Files,
    pub(super) timers: Timers,
    pub(crate) scheduler: Scheduler,
    pub(super) sysctl: Sysctl,
    pub(super) neighbours: Neighbours,
    pub(super) netfilter: Netfilter,
    pub(super) raw: RawSockets,
    pub(super) tcp: Tcp,
    pub(super) udp: Udp,
}

impl Kernel {
    /// A machine of this name that has just been switched on; its chance comes from `seed`.
    pub fn new(name: &str, seed: u64) -> Kernel {
        Kernel {
            name: name.to_owned(),
            tcp: Tcp::new(random::stream(seed, "tcp", name)),
            udp: Udp::new(random::stream(seed, "udp", name)),
            ..Kernel::default()
        }
    }

    /// An event begins.
    pub(super) fn begin(&mut self, now: Time, out: &mut Outbox) {
        self.now = now;
        std::mem::swap(&mut self.out, out);
    }

    /// The event has been handled: what it led to goes back to the engine.
    pub(super) fn finish(&mut self, out: &mut Outbox) {
        std::mem::swap(&mut self.out, out);
    }

    /// When the next timer fires.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Tells everybody whose timer has fired.
    pub(super) fn expire_timers(&mut self) {
        while let Some(timer) = self.timers.pop_due(self.now) {
            match timer {
                Timer::Process(pid) => self.scheduler.alarm(pid),
                Timer::Tcp(socket) => self.tcp_timer(socket),
            }
        }
    }

    /// A frame has arrived.
    pub(super) fn receive(&mut self, _port: Port, _frame: Frame) {}

    /// The cable at a port has come up or gone down.
    pub(super) fn carrier_changed(&mut self, _port: Port, _up: bool) {}

    /// Wakes the programs that wait for this.
    pub(super) fn wake(&mut self, what: WaitOn) {
        self.scheduler.wake(what);
    }
}
