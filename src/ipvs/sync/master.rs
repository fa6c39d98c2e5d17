//! The master: which connections it tells about and when, and when messages leave.

use std::collections::VecDeque;

use super::Daemon;
use super::message::{Entry, Writer, flags};
use crate::ipvs::conn::{Conn, ConnId};
use crate::ipvs::dest::Method;
use crate::ipvs::state::State;
use crate::ipvs::{Ipvs, SctpState, TcpState};
use crate::reason;
use crate::time::{Span, Time};

/// The daemon looks once a second (IPVS_SYNC_CHECK_PERIOD), and sends what was begun two seconds ago (IPVS_SYNC_FLUSH_TIME).
const LOOK: Span = Span::from_secs(1);
const FLUSH: Span = Span::from_secs(2);
/// It is woken soon after a message is full (IPVS_SYNC_SEND_DELAY), or when there are this many (IPVS_SYNC_WAKEUP_RATE).
const SEND_DELAY: Span = Span::from_millis(20);
const WAKE_UP_AT: usize = 8;
/// The most threads that share the work (IPVS_SYNC_PORTS_MAX).
const MAX_LANES: i64 = 64;

/// When a connection was told about last: the kernel's old_state and sync_endtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    state: u16,
    /// How often it has been repeated since.
    repeats: u8,
    /// When its time would have been over then.
    end: Time,
}

impl Synced {
    /// Nobody was told yet.
    pub const NEVER: Synced = Synced { state: 0, repeats: 0, end: Time::ZERO };

    /// Somebody else has told about it.
    pub fn received(state: State) -> Synced {
        Synced { state: state.number(), ..Synced::default() }
    }
}

/// A master that runs.
#[derive(Debug)]
pub struct Master {
    pub daemon: Daemon,
    /// One for each of the threads that share the work (sync_ports).
    lanes: Vec<Lane>,
}

/// A thread of the master, and its part of the messages.
#[derive(Debug)]
struct Lane {
    /// The message that is being written, and since when.
    current: Option<(Writer, Time)>,
    full: VecDeque<Vec<u8>>,
    /// When the thread looks next.
    look_at: Time,
    /// When it is woken before that.
    wake_at: Option<Time>,
}

impl Lane {
    fn next_deadline(&self) -> Option<Time> {
        let is_busy = self.current.is_some() || !self.full.is_empty();
        is_busy.then(|| self.wake_at.map_or(self.look_at, |at| at.min(self.look_at)))
    }

    /// The message that is being written. While there was none, the thread went on looking, second by second.
    fn message(&mut self, begin: impl FnOnce() -> Writer, now: Time) -> &mut Writer {
        if self.current.is_none() && self.full.is_empty() {
            let seconds = now.since(self.look_at).as_secs() + u64::from(self.look_at <= now);
            self.look_at += Span::from_secs(seconds);
        }
        &mut self.current.get_or_insert_with(|| (begin(), now)).0
    }

    /// sb_queue_tail: a full message waits for the thread.
    fn finish(&mut self, limit: i64, now: Time) {
        let Some((writer, _)) = self.current.take() else { return };
        if self.full.len() as i64 >= limit {
            return;
        }
        self.full.push_back(writer.finish());
        self.wake_at = match self.full.len() {
            1 => Some(now + SEND_DELAY),
            WAKE_UP_AT => Some(now),
            _ => self.wake_at,
        };
    }

    /// The thread's turn: what is full leaves, and what is old.
    fn run(&mut self, now: Time, messages: &mut Vec<Vec<u8>>) {
        if self.look_at > now && self.wake_at.is_none_or(|at| at > now) {
            return;
        }
        messages.extend(self.full.drain(..));
        if self.current.as_ref().is_some_and(|(_, since)| now.since(*since) >= FLUSH)
            && let Some((writer, _)) = self.current.take()
        {
            messages.push(writer.finish());
        }
        self.wake_at = None;
        self.look_at = now + LOOK;
    }
}

impl Master {
    pub fn new(daemon: Daemon, threads: i64, now: Time) -> Master {
        let lane = |_| Lane { current: None, full: VecDeque::new(), look_at: now + LOOK, wake_at: None };
        Master { daemon, lanes: (0..threads.clamp(1, MAX_LANES)).map(lane).collect() }
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.lanes.iter().filter_map(Lane::next_deadline).min()
    }

    /// Writes an entry into the message of its connection's thread.
    fn write(&mut self, id: ConnId, entry: &Entry, version: u8, limit: i64, now: Time) {
        // The kernel spreads connections by where they lie in memory.
        let lane = id.place() % self.lanes.len();
        let lane = &mut self.lanes[lane];
        if lane.current.as_ref().is_some_and(|(writer, _)| !writer.takes(entry, version)) {
            lane.finish(limit, now);
        }
        let daemon = &self.daemon;
        lane.message(|| Writer::new(version, daemon.id, daemon.max_len), now).add(entry);
    }
}

impl Ipvs {
    /// The messages that are due, each with its place among the daemon's ports.
    pub fn messages(&mut self, now: Time) -> Vec<(u16, Vec<u8>)> {
        let Some(master) = &mut self.daemons.master else { return Vec::new() };
        let mut due = Vec::new();
        for (place, lane) in (0..).zip(&mut master.lanes) {
            let mut messages = Vec::new();
            if lane.next_deadline().is_some_and(|at| at <= now) {
                lane.run(now, &mut messages);
            }
            due.extend(messages.into_iter().map(|message| (place, message)));
        }
        due
    }

    /// Tells about a connection after its so many-th packet, and about those that it follows (ip_vs_sync_conn).
    pub(in crate::ipvs) fn sync(&mut self, id: ConnId, packets: u32, now: Time) {
        if self.daemons.master.is_none() {
            return;
        }
        let (mut next, mut packets) = (Some(id), packets);
        while let Some(id) = next {
            if self.is_to_be_told(id, packets, now) {
                self.tell(id, now);
            } else if self.config.sync_version == 0 {
                // Only version 1 looks at the template of a connection that it says nothing of (ip_vs_sync_conn_v0).
                return;
            }
            next = self.conns.get(id).and_then(|conn| conn.master);
            if let Some(master) = next.and_then(|id| self.conns.get_mut(id)) {
                packets = self.config.sync_threshold.0 as u32;
                if master.is_template() {
                    master.packets = master.packets.saturating_add(1);
                    packets = master.packets;
                }
            }
        }
    }

    fn tell(&mut self, id: ConnId, now: Time) {
        let (version, limit) = (self.config.sync_version as u8, self.config.sync_qlen_max);
        if let Some(conn) = self.conns.get(id)
            && let Some(master) = &mut self.daemons.master
        {
            self.notes.add(|| reason::Ipvs::Told {
                connection: Box::new(conn.describe()),
                state: conn.state.name(),
                packets: conn.packets,
            });
            master.write(id, &entry(conn), version, limit, now);
        }
    }

    /// ip_vs_sync_conn_needed
    fn is_to_be_told(&mut self, id: ConnId, packets: u32, now: Time) -> bool {
        let config = &self.config;
        let follows_template = |conn: &Conn| {
            let mut master = conn.master;
            while let Some(conn) = master.and_then(|id| self.conns.get(id)) {
                if conn.is_template() {
                    return true;
                }
                master = conn.master;
            }
            false
        };
        let Some(conn) = self.conns.get(id) else { return false };
        if !conn.is_template() && config.sync_persist_mode != 0 && follows_template(conn) {
            return false;
        }
        let Some(is_established) = told_state(conn.state) else { return false };
        let synced = conn.special.synced;
        let state = conn.state.number();
        let has_states = matches!(conn.state, State::Tcp(_) | State::Sctp(_));
        let is_new_state = has_states && state != synced.state;
        let end = now + conn.timeout;
        let mut repeats = 0;
        if !is_new_state || is_established {
            let refresh = Span::from_secs(config.sync_refresh_period.max(0) as u64);
            if refresh > Span::ZERO {
                let moved = end.since(synced.end).max(synced.end.since(end));
                let least = part(conn.timeout, 2).max(Span::from_secs(10));
                if moved < refresh.min(least) {
                    let repeat_at = synced.end + part(refresh, 8);
                    if i64::from(synced.repeats) >= config.sync_retries || now + conn.timeout < repeat_at {
                        return false;
                    }
                    repeats = synced.repeats + 1;
                }
            }
            let (threshold, period) = config.sync_threshold;
            let packets = i64::from(packets);
            if period > 0 {
                if !conn.is_template() && packets % period != threshold {
                    return false;
                }
            } else if refresh == Span::ZERO && packets != threshold {
                return false;
            }
        }
        if let Some(conn) = self.conns.get_mut(id) {
            conn.special.synced = Synced { state, repeats, end };
        }
        true
    }
}

fn part(span: Span, parts: u64) -> Span {
    Span::from_nanos(span.as_nanos() / parts)
}

/// Whether connections in a state are told about; if so, whether that state is the established one.
fn told_state(state: State) -> Option<bool> {
    use SctpState as S;
    use TcpState as T;
    match state {
        State::Tcp(T::Established) | State::Sctp(S::Established) => Some(true),
        State::Tcp(T::FinWait | T::Close | T::CloseWait | T::TimeWait) => Some(false),
        State::Sctp(S::ShutdownSent | S::ShutdownReceived | S::ShutdownAckSent | S::Closed) => Some(false),
        State::Tcp(_) | State::Sctp(_) => None,
        State::Udp | State::Template { .. } | State::Other => Some(true),
    }
}

fn entry(conn: &Conn) -> Entry {
    let mut bits = match conn.method {
        Method::Masquerade => 0,
        Method::Tunnel => 2,
        Method::Route => 3,
        Method::Bypass => 4,
    };
    for (is_set, bit) in
        [(conn.no_output, flags::NO_OUTPUT), (!conn.is_active, flags::INACTIVE), (conn.is_template(), flags::TEMPLATE)]
    {
        bits |= if is_set { bit } else { 0 };
    }
    Entry {
        protocol: conn.protocol,
        flags: bits,
        state: conn.state.number(),
        client: conn.client,
        virtual_address: conn.virtual_address,
        server: conn.server,
        mark: conn.special.mark,
        timeout: Some(conn.timeout.as_secs() as u32),
        data: conn.special.data.clone(),
    }
}
