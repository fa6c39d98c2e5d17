//! One virtual router: what it is, and how long it waits (RFC 3768 section 6, RFC 5798 section 6, as keepalived has them).

use std::net::Ipv4Addr;

use super::track::Tracked;
use crate::keepalived::conf::Instance;
use crate::time::{Span, Time};

/// The priority of the owner of the addresses.
pub const OWNER: u8 = 255;

/// The state of a virtual router, or of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not begun.
    Init,
    /// It listens.
    Backup,
    /// It holds the addresses.
    Master,
    /// It cannot do its work.
    Fault,
    /// keepalived stops.
    Stop,
    /// A new configuration does not speak of it.
    Deleted,
}

impl State {
    /// As notify scripts are told it.
    pub const fn name(self) -> &'static str {
        match self {
            State::Init => "INIT",
            State::Backup => "BACKUP",
            State::Master => "MASTER",
            State::Fault => "FAULT",
            State::Stop => "STOP",
            State::Deleted => "DELETED",
        }
    }
}

/// A virtual router.
#[derive(Clone, Debug)]
pub struct Router {
    /// Its configuration.
    pub config: Instance,
    /// The group that it belongs to, by its place.
    pub(super) group: Option<usize>,
    pub(super) state: State,
    /// The state that it would have without its group.
    pub(super) wants: State,
    /// How many reasons there are why it cannot work.
    pub(super) faults: u32,
    /// How many scripts have still to be heard before it can begin.
    pub(super) awaited: u32,
    /// What it watches.
    pub(super) tracks: Vec<Tracked>,
    /// Its priority with what it tracks.
    pub(super) priority: u8,
    /// ms_down_timer: how long it waits for the next advertisement.
    pub(super) wait: Span,
    /// When it takes over, or advertises itself next.
    pub(super) deadline: Option<Time>,
    /// How often the master advertises itself.
    pub(super) master_interval: Span,
    /// Who the master is.
    pub(super) master: Option<Ipv4Addr>,
    /// When the delay is over after which a master of lower priority is not listened to any more.
    pub(super) preempt_at: Option<Time>,
    /// Whether the addresses are there.
    pub(super) holds: bool,
    /// When all addresses are announced again.
    pub(super) refresh_at: Option<Time>,
    /// When those on other interfaces are.
    pub(super) elsewhere_at: Option<Time>,
    /// Whether anybody has been told of its state.
    pub(super) is_told: bool,
    /// The address that it speaks from.
    pub(super) source: Option<Ipv4Addr>,
    /// The identification of its last packet.
    pub(super) ip_id: u16,
    /// The number of its last packet with an AH header, and the greatest one that it has seen.
    pub(super) sequence: u32,
    /// Whether a reload has found it master.
    pub(super) was_master: bool,
}

impl Router {
    pub(super) fn new(config: Instance) -> Router {
        let mut router = Router {
            group: None,
            state: State::Init,
            wants: if config.starts_as_master == Some(true) { State::Master } else { State::Backup },
            faults: 0,
            awaited: 0,
            tracks: Vec::new(),
            priority: config.priority,
            wait: Span::ZERO,
            deadline: None,
            master_interval: config.advert_interval,
            master: None,
            preempt_at: None,
            holds: false,
            refresh_at: None,
            elsewhere_at: None,
            is_told: false,
            source: config.source,
            ip_id: 0,
            sequence: 0,
            was_master: false,
            config,
        };
        router.wait = router.master_down();
        router
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its priority, with what it tracks.
    pub fn priority(&self) -> u8 {
        self.priority
    }

    /// Whether it has put its addresses onto interfaces.
    pub fn holds_addresses(&self) -> bool {
        self.holds
    }

    /// The interface that adverts leave and enter by.
    pub fn speaks_by(&self) -> String {
        match &self.config.vmac {
            Some(vmac) if vmac.advertises_below => self.config.interface.clone(),
            _ => self.config.device(),
        }
    }

    pub(super) fn is_owner(&self) -> bool {
        self.config.priority == OWNER
    }

    /// How long a backup waits beyond the master's last chance: the greater its priority, the shorter.
    pub(super) fn skew(&self) -> Span {
        let share = 256 - u64::from(self.priority);
        if self.config.version == 3 {
            // In hundredths of a second, as VRRP_TIMER_SKEW_CALC has it.
            Span::from_micros(share * (self.master_interval.as_millis() / 10) * 625 / 16)
        } else {
            Span::from_micros(share * 1_000_000 / 256)
        }
    }

    pub(super) fn master_down(&self) -> Span {
        self.master_interval.times(u64::from(self.config.down_timer_adverts)) + self.skew()
    }

    /// vrrp_init_instance_sands: sets its clock. `begun`: when vrrp_startup_delay is over.
    pub(super) fn arm(&mut self, now: Time, begun: Time) {
        self.deadline = match self.state {
            State::Master if self.was_master => Some(now),
            State::Master => Some(now + self.config.advert_interval),
            State::Backup => Some(now.max(begun) + self.wait),
            _ => None,
        };
    }

    /// An advertisement has been passed over: what is left of the wait is all there is.
    pub(super) fn keep_waiting(&mut self, now: Time) {
        self.wait = self.deadline.map_or(Span::ZERO, |at| at.since(now));
    }

    /// vrrp_set_effective_priority, after a change of what it tracks. Gives the priority before if it has changed.
    pub(super) fn reweigh(&mut self) -> Option<u8> {
        if self.is_owner() {
            return None;
        }
        let weights: i64 = self.tracks.iter().map(|track| track.says.weight()).sum();
        let priority = (i64::from(self.config.priority) + weights).clamp(1, 254) as u8;
        let before = std::mem::replace(&mut self.priority, priority);
        if before == priority {
            return None;
        }
        let wait = std::mem::replace(&mut self.wait, Span::ZERO);
        self.wait = self.master_down();
        if self.state == State::Backup
            && let Some(at) = self.deadline
        {
            let later = self.wait.as_nanos().saturating_sub(wait.as_nanos());
            let earlier = wait.as_nanos().saturating_sub(self.wait.as_nanos());
            self.deadline = Some(Time::from_nanos((at + Span::from_nanos(later)).as_nanos().saturating_sub(earlier)));
        }
        Some(before)
    }
}
