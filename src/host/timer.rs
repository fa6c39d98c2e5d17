//! A host's alarm clock: one queue for all its timers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use super::interface::IfIndex;
use super::process::Pid;
use super::socket::SocketId;
use crate::time::Time;

/// Whom to tell when a deadline passes.
///
/// Timers are never cancelled: whoever is told looks at its own deadline first, and a timer that finds nothing to do
/// is harmless. So that the queue stays small, arm at most one timer for each thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A program's sleep or time-out is over.
    Process(Pid),
    /// A program on a slow machine has waited for its turn.
    Turn(Pid),
    /// The state of a neighbour entry has lasted long enough.
    Neighbour(IfIndex, Ipv4Addr),
    /// Neighbours that nobody has needed for long may be forgotten.
    NeighbourGc,
    /// Some datagram's fragments have waited long enough for the rest.
    Reassembly,
    /// A packet has passed `lo`.
    Loopback,
    /// A TCP socket has something to do: retransmit, acknowledge, leave.
    Tcp(SocketId),
}

impl Timer {
    /// Whether it is a program that is told.
    pub(super) fn is_programs(self) -> bool {
        matches!(self, Timer::Process(_) | Timer::Turn(_))
    }
}

/// Deadlines in the order of their times; equal ones programs first, then in the order in which they were armed.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Time, bool, u64, Timer)>>,
    armed: u64,
}

impl Timers {
    /// Arranges for `timer` to fire at `at`.
    pub fn arm(&mut self, at: Time, timer: Timer) {
        self.armed += 1;
        // Programs sleep on high-resolution timers; the kernel's own go by the tick, which never comes before.
        let is_late = !timer.is_programs();
        self.heap.push(Reverse((at, is_late, self.armed, timer)));
    }

    /// When the next timer fires.
    pub fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// Whether the next timer is a program's.
    pub fn is_program_next(&self) -> bool {
        matches!(self.heap.peek(), Some(Reverse((.., timer))) if timer.is_programs())
    }

    /// Takes the next timer that is due at `now`.
    pub fn pop_due(&mut self, now: Time) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((.., timer))| timer)
    }
}
