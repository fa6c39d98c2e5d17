//! One neighbour and its states: net/core/neighbour.c without the sending.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use crate::host::interface::IfIndex;
use crate::host::packet::Packet;
use crate::time::{Span, Time};
use crate::wire::MacAddr;

/// How much is known about a neighbour (NUD_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing, and nobody has asked yet.
    None,
    /// It is being asked for; packets wait for the answer.
    Incomplete,
    /// It has answered lately.
    Reachable,
    /// It was not confirmed for some time, and nobody has needed it since.
    Stale,
    /// A packet was sent to it though it is stale: perhaps the answer will show that it is there.
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
            State::None => "NONE",
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
    pub const fn is_valid(self) -> bool {
        !matches!(self, State::None | State::Incomplete | State::Failed)
    }

    /// NUD_CONNECTED: no doubt about it.
    pub(super) const fn is_connected(self) -> bool {
        matches!(self, State::Reachable | State::Permanent | State::Noarp)
    }

    /// NUD_IN_TIMER: it does not last.
    pub(super) const fn is_timed(self) -> bool {
        matches!(self, State::Incomplete | State::Reachable | State::Delay | State::Probe)
    }
}

/// An entry of the table: struct neighbour.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// The interface that it is behind.
    pub interface: IfIndex,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its hardware address, where the state is valid.
    pub mac: MacAddr,
    /// What is known about it.
    pub state: State,
    /// When it was last confirmed; none: too long ago to matter.
    pub confirmed: Option<Time>,
    /// When it was last sent to while in doubt.
    pub used: Time,
    /// When its state or its hardware address last changed.
    pub updated: Time,
    /// Requests without an answer. Those to its known address count from 0, those to everybody from ucast_solicit.
    pub probes: u32,
    /// When its state's time is over.
    pub(super) deadline: Option<Time>,
    /// The earliest timer that is under way.
    pub(super) armed: Option<Time>,
    /// What waits for an answer, oldest first.
    pub(super) queue: VecDeque<Packet>,
    /// The room that these packets take.
    pub(super) queued_bytes: usize,
}

/// What the states of an interface's neighbours go by: net.ipv4.neigh.INTERFACE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    /// base_reachable_time, stretched by chance.
    pub reachable_time: Span,
    pub delay_first_probe_time: Span,
    pub retrans_time: Span,
    pub ucast_solicit: u32,
    pub mcast_solicit: u32,
    pub mcast_resolicit: u32,
    pub app_solicit: u32,
    pub now: Time,
}

/// What a packet to a neighbour has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// Go.
    Ready,
    /// Wait for the answer to a request.
    Wait,
    /// As [`Sending::Wait`], and the request is to be sent now.
    WaitAndAsk,
    /// End: nobody may ask.
    Failed,
}

/// What is to be done when a state's time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Nothing.
    Quiet,
    /// Ask.
    Ask,
    /// Nobody has answered: give up what waits.
    Failed,
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

/// What a change has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Updated {
    /// Only somebody who types it may change what somebody has typed.
    Refused,
    /// The state needs a hardware address, and none is known.
    NoAddress,
    /// Nothing more is to be done.
    Done,
    /// It can be sent to from now on: what waits may go.
    Resolved,
    /// It was given up while being asked for.
    Failed,
}

impl Neighbour {
    /// neigh_alloc
    pub(super) fn new(interface: IfIndex, ip: Ipv4Addr, now: Time) -> Neighbour {
        Neighbour {
            interface,
            ip,
            mac: MacAddr::ZERO,
            state: State::None,
            confirmed: None,
            used: now,
            updated: now,
            probes: 0,
            deadline: None,
            armed: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
        }
    }

    fn enter(&mut self, state: State, now: Time) {
        self.state = state;
        self.updated = now;
    }

    /// neigh_event_send: a packet is to be sent.
    pub(super) fn send(&mut self, parameters: &Parameters) -> Sending {
        let now = parameters.now;
        self.used = now;
        match self.state {
            State::Reachable | State::Noarp | State::Permanent | State::Delay | State::Probe => Sending::Ready,
            State::Stale => {
                self.enter(State::Delay, now);
                self.deadline = Some(now + parameters.delay_first_probe_time);
                Sending::Ready
            }
            State::Incomplete => Sending::Wait,
            State::None | State::Failed if parameters.mcast_solicit == 0 && parameters.app_solicit == 0 => {
                self.enter(State::Failed, now);
                Sending::Failed
            }
            State::None | State::Failed => {
                self.probes = parameters.ucast_solicit;
                self.enter(State::Incomplete, now);
                self.deadline = Some(now + parameters.retrans_time.max(SHORTEST));
                Sending::WaitAndAsk
            }
        }
    }

    /// neigh_timer_handler: the state's time is over.
    pub(super) fn expire(&mut self, parameters: &Parameters) -> Expiry {
        let Parameters { reachable_time, delay_first_probe_time, retrans_time, now, .. } = *parameters;
        let is_within = |since: Option<Time>, span: Span| since.is_some_and(|since| now <= since + span);
        let confirmed = self.confirmed.unwrap_or(now);
        self.deadline = None;
        let next = match self.state {
            State::Reachable if is_within(self.confirmed, reachable_time) => confirmed + reachable_time,
            State::Reachable if is_within(Some(self.used), delay_first_probe_time) => {
                self.enter(State::Delay, now);
                now + delay_first_probe_time
            }
            State::Reachable => {
                self.enter(State::Stale, now);
                return Expiry::Quiet;
            }
            State::Delay if is_within(self.confirmed, delay_first_probe_time) => {
                self.enter(State::Reachable, now);
                confirmed + reachable_time
            }
            State::Delay => {
                self.enter(State::Probe, now);
                self.probes = 0;
                now + retrans_time
            }
            State::Probe | State::Incomplete => now + retrans_time,
            State::None | State::Stale | State::Failed | State::Noarp | State::Permanent => return Expiry::Quiet,
        };
        let is_asking = matches!(self.state, State::Incomplete | State::Probe);
        if is_asking && self.probes >= self.max_probes(parameters) {
            self.enter(State::Failed, now);
            return Expiry::Failed;
        }
        self.deadline = Some(next.max(now + SHORTEST));
        if is_asking { Expiry::Ask } else { Expiry::Quiet }
    }

    /// neigh_max_probes
    fn max_probes(&self, parameters: &Parameters) -> u32 {
        let Parameters { ucast_solicit, app_solicit, mcast_solicit, mcast_resolicit, .. } = *parameters;
        let to_all = if self.state == State::Probe { mcast_resolicit } else { mcast_solicit };
        ucast_solicit.saturating_add(app_solicit).saturating_add(to_all)
    }

    /// neigh_update: something was said about the neighbour.
    pub(super) fn update(
        &mut self,
        mac: Option<MacAddr>,
        state: State,
        how: Override,
        parameters: &Parameters,
    ) -> Updated {
        let now = parameters.now;
        let (old, old_mac) = (self.state, self.mac);
        if how != Override::Admin && matches!(old, State::Noarp | State::Permanent) {
            return Updated::Refused;
        }
        if !state.is_valid() {
            self.deadline = None;
            self.enter(state, now);
            let was_asking = matches!(old, State::Incomplete | State::Probe);
            return if was_asking && state == State::Failed { Updated::Failed } else { Updated::Done };
        }
        let mac = match mac {
            Some(mac) => mac,
            None if old.is_valid() => old_mac,
            None => return Updated::NoAddress,
        };
        if state.is_connected() {
            self.confirmed = Some(now);
        }
        let is_same_mac = old.is_valid() && mac == old_mac;
        if old.is_valid() && !is_same_mac && how == Override::No {
            return Updated::Done;
        }
        // What is known is not put into doubt by hearing the same again.
        let keeps_state = is_same_mac && state == State::Stale && how != Override::Admin;
        let state = if keeps_state { old } else { state };
        if state == old && is_same_mac {
            return Updated::Done;
        }
        self.updated = now;
        self.mac = mac;
        if state != old {
            self.state = state;
            let lasts = if state == State::Reachable { parameters.reachable_time } else { Span::ZERO };
            self.deadline = state.is_timed().then(|| now + lasts);
            if state == State::Probe {
                self.probes = 0;
            }
        }
        if !is_same_mac && !state.is_connected() {
            // Nobody has confirmed this address yet: the entry is to be probed when it is used.
            self.confirmed = None;
        }
        if old.is_valid() { Updated::Done } else { Updated::Resolved }
    }
}

/// HZ/100: no timer of a neighbour is shorter.
const SHORTEST: Span = Span::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: MacAddr = MacAddr([2, 0, 0, 0, 1, 0]);
    const TWO: MacAddr = MacAddr([2, 0, 0, 0, 2, 0]);

    fn at(secs: u64) -> Parameters {
        Parameters {
            reachable_time: Span::from_secs(20),
            delay_first_probe_time: Span::from_secs(5),
            retrans_time: Span::from_secs(1),
            ucast_solicit: 3,
            mcast_solicit: 3,
            mcast_resolicit: 0,
            app_solicit: 0,
            now: Time::ZERO + Span::from_secs(secs),
        }
    }

    fn unknown() -> Neighbour {
        Neighbour::new(IfIndex(2), [10, 0, 0, 1].into(), at(0).now)
    }

    fn in_state(state: State) -> Neighbour {
        let mut entry = unknown();
        if state == State::Delay {
            entry.update(Some(ONE), State::Stale, Override::Yes, &at(0));
            entry.send(&at(0));
        } else {
            entry.update(Some(ONE), state, Override::Admin, &at(0));
        }
        assert_eq!(entry.state, state);
        entry
    }

    #[test]
    fn three_requests_a_second_apart_then_failure() {
        let mut entry = unknown();
        assert_eq!(entry.send(&at(0)), Sending::WaitAndAsk);
        entry.probes += 1;
        assert_eq!(entry.send(&at(0)), Sending::Wait);
        for second in 1..=2 {
            assert_eq!(entry.deadline, Some(at(second).now));
            assert_eq!(entry.expire(&at(second)), Expiry::Ask);
            entry.probes += 1;
        }
        assert_eq!(entry.expire(&at(3)), Expiry::Failed);
        assert_eq!((entry.state, entry.deadline), (State::Failed, None));
        assert_eq!(entry.send(&at(4)), Sending::WaitAndAsk);
    }

    #[test]
    fn an_entry_ages_into_stale_and_is_probed_when_used() {
        let mut entry = in_state(State::Reachable);
        assert_eq!(entry.expire(&at(21)), Expiry::Quiet);
        assert_eq!(entry.state, State::Stale);
        assert_eq!(entry.send(&at(30)), Sending::Ready);
        assert_eq!((entry.state, entry.deadline), (State::Delay, Some(at(35).now)));
        for second in 35..38 {
            assert_eq!(entry.expire(&at(second)), Expiry::Ask);
            assert_eq!(entry.state, State::Probe);
            entry.probes += 1;
        }
        assert_eq!(entry.expire(&at(38)), Expiry::Failed);
    }

    #[test]
    fn a_new_stale_entry_is_probed_even_right_after_boot() {
        let mut entry = in_state(State::Delay);
        assert_eq!(entry.expire(&at(5)), Expiry::Ask);
    }

    #[test]
    fn progress_of_a_connection_keeps_it_reachable() {
        let mut entry = in_state(State::Reachable);
        entry.confirmed = Some(at(15).now);
        entry.expire(&at(20));
        assert_eq!((entry.state, entry.deadline), (State::Reachable, Some(at(35).now)));
        let mut entry = in_state(State::Delay);
        entry.confirmed = Some(at(3).now);
        entry.expire(&at(5));
        assert_eq!((entry.state, entry.deadline), (State::Reachable, Some(at(23).now)));
    }

    #[test]
    fn an_entry_that_was_used_lately_is_delayed_instead_of_going_stale() {
        let mut entry = in_state(State::Reachable);
        entry.used = at(18).now;
        entry.expire(&at(21));
        assert_eq!((entry.state, entry.deadline), (State::Delay, Some(at(26).now)));
    }

    #[test]
    fn who_may_replace_an_address() {
        let mut entry = in_state(State::Reachable);
        entry.update(Some(TWO), State::Reachable, Override::No, &at(5));
        assert_eq!(entry.mac, ONE);
        entry.update(Some(ONE), State::Stale, Override::Yes, &at(5));
        assert_eq!(entry.state, State::Reachable);
        entry.update(Some(TWO), State::Stale, Override::Yes, &at(5));
        assert_eq!((entry.mac, entry.state, entry.confirmed), (TWO, State::Stale, None));
    }

    #[test]
    fn hearing_the_same_again_does_not_move_the_locktime() {
        let mut entry = in_state(State::Reachable);
        entry.update(Some(ONE), State::Reachable, Override::Yes, &at(7));
        assert_eq!((entry.updated, entry.confirmed), (at(0).now, Some(at(7).now)));
    }

    #[test]
    fn what_is_typed_is_changed_only_by_typing() {
        let mut entry = in_state(State::Permanent);
        assert_eq!(entry.update(Some(TWO), State::Reachable, Override::Yes, &at(1)), Updated::Refused);
        assert_eq!(entry.expire(&at(100)), Expiry::Quiet);
        assert_eq!(entry.update(Some(TWO), State::Reachable, Override::Admin, &at(1)), Updated::Done);
        assert_eq!((entry.mac, entry.state), (TWO, State::Reachable));
        assert_eq!(unknown().update(None, State::Stale, Override::Admin, &at(0)), Updated::NoAddress);
    }

    #[test]
    fn an_answer_lets_go_what_waits() {
        let mut entry = unknown();
        entry.send(&at(0));
        assert_eq!(entry.update(Some(ONE), State::Reachable, Override::Yes, &at(0)), Updated::Resolved);
        assert_eq!(entry.deadline, Some(at(20).now));
        let mut entry = unknown();
        entry.send(&at(0));
        assert_eq!(entry.update(None, State::Failed, Override::Admin, &at(0)), Updated::Failed);
    }
}
