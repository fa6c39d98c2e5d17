//! What is left of a connection when both sides have finished, or when only the peer has something to say and nobody
//! listens: net/ipv4/tcp_minisocks.c.

use super::connection::{Clock, Connection, Context, State};
use super::segment::{Flags, Header, InvalidLimit, Options, Segment, Seq, Tuple};
use crate::host::interface::IfIndex;
use crate::reason::{Tcp, TransportDrop};
use crate::time::{Span, Time};

/// TCP_TIMEWAIT_LEN
const STAY: Span = Span::from_secs(60);

/// The kernel's struct tcp_timewait_sock.
#[derive(Debug)]
pub(super) struct TimeWait {
    pub tuple: Tuple,
    pub device: Option<IfIndex>,
    mark: u32,
    pub reuse: bool,
    /// Whether the peer has finished, too; else this is FIN_WAIT2.
    finished: bool,
    next: Seq,
    send_next: Seq,
    open_window: u32,
    scale: u8,
    clock: Clock,
    pub deadline: Time,
    invalid_limit: InvalidLimit,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays.
    Stays,
    /// It goes.
    Goes,
    /// It goes, and the peer gets RST.
    Reset,
    /// The segment opens a new connection, whose numbers must begin beyond the old ones.
    Renewed { isn: Seq },
}

/// tcp_in_window
pub(super) fn in_window(segment: &Segment<'_>, from: Seq, len: u32) -> bool {
    let to = from + len;
    segment.seq == from
        || segment.end().after(from) && segment.seq.before(to)
        || segment.seq == to && segment.end() == segment.seq
}

impl TimeWait {
    /// tcp_time_wait; `fin_timeout` is how long FIN_WAIT2 stays without its program.
    pub fn new(connection: &Connection, fin_timeout: Span, now: Time) -> TimeWait {
        let finished = connection.state == State::TimeWait;
        TimeWait {
            tuple: connection.tuple,
            device: connection.device,
            mark: connection.mark,
            reuse: connection.reuse,
            finished,
            next: connection.receive.nxt,
            send_next: connection.send.nxt,
            open_window: connection.receive.open_window(),
            scale: connection.receive.scale(),
            clock: connection.clock,
            deadline: now + if finished { STAY } else { fin_timeout },
            invalid_limit: InvalidLimit::default(),
        }
    }

    pub fn state(&self) -> State {
        if self.finished { State::TimeWait } else { State::FinWait2 }
    }

    /// tcp_twsk_unique: whether a new connection from here may take its place, since timestamps tell the two apart. `reuse`
    /// is tcp_tw_reuse: 2 means within this machine only.
    pub fn may_be_reused(&self, reuse: u8, now: Time) -> bool {
        let loopback = self.tuple.local.is_loopback() || self.tuple.remote.is_loopback();
        let permitted = reuse == 1 || reuse == 2 && loopback;
        permitted && self.clock.recent.is_some_and(|(_, at)| now.since(at) > Span::from_secs(1))
    }

    /// As [`TimeWait::may_be_reused`], for a connection from a port that its program has bound: nothing but timestamps is
    /// asked for, whatever tcp_tw_reuse says.
    pub fn may_be_reused_by_bound(&self) -> bool {
        self.clock.recent.is_some()
    }

    /// Where the numbers of a connection that takes its place begin.
    pub fn next_isn(&self) -> Seq {
        self.send_next + 65_537
    }

    /// tcp_timewait_state_process
    pub fn receive(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) -> Fate {
        let old = self.clock.is_old(segment.options.timestamps, cx.now);
        if self.finished { self.receive_finished(segment, old, cx) } else { self.receive_half(segment, old, cx) }
    }

    fn receive_half(&mut self, segment: &Segment<'_>, old: bool, cx: &mut Context<'_>) -> Fate {
        if old || !in_window(segment, self.next, self.open_window) {
            cx.drop(if old { TransportDrop::OldTimestamp } else { TransportDrop::InvalidSequence });
            self.send_limited_ack(segment, cx);
            return Fate::Stays;
        }
        if segment.has(Flags::RST) {
            return Fate::Goes;
        }
        if segment.has(Flags::SYN) && !segment.seq.before(self.next) {
            return Fate::Reset;
        }
        if !segment.has(Flags::ACK) || !segment.end().after(self.next) || segment.end() == segment.seq {
            return Fate::Stays;
        }
        if !segment.has(Flags::FIN) || segment.end() != self.next + 1 {
            return Fate::Reset;
        }
        self.finished = true;
        self.next = segment.end();
        self.remember(segment, cx);
        self.deadline = cx.now + STAY;
        self.send_ack(cx);
        Fate::Stays
    }

    fn receive_finished(&mut self, segment: &Segment<'_>, old: bool, cx: &mut Context<'_>) -> Fate {
        let (syn, ack, rst) = (segment.has(Flags::SYN), segment.has(Flags::ACK), segment.has(Flags::RST));
        if !old && segment.seq == self.next && (segment.end() == segment.seq || rst) {
            if rst {
                return Fate::Goes;
            }
            self.deadline = cx.now + STAY;
            self.remember(segment, cx);
            return Fate::Stays;
        }
        if syn && !rst && !ack && !old && (segment.seq.after(self.next) || self.is_newer(segment)) {
            cx.note(|| Tcp::TimeWaitReused);
            return Fate::Renewed { isn: self.next_isn() };
        }
        if !rst {
            // An old duplicate, or our last acknowledgement was lost.
            if old || ack {
                self.deadline = cx.now + STAY;
            }
            self.send_limited_ack(segment, cx);
        }
        Fate::Stays
    }

    fn is_newer(&self, segment: &Segment<'_>) -> bool {
        match (self.clock.recent, segment.options.timestamps) {
            (Some((recent, _)), Some(timestamps)) => (recent.wrapping_sub(timestamps.value) as i32) < 0,
            _ => false,
        }
    }

    fn remember(&mut self, segment: &Segment<'_>, cx: &Context<'_>) {
        if let (true, Some(timestamps)) = (self.clock.enabled, segment.options.timestamps) {
            self.clock.recent = Some((timestamps.value, cx.now));
        }
    }

    fn send_limited_ack(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) {
        if self.invalid_limit.permits(segment, cx.now) {
            self.send_ack(cx);
        }
    }

    /// tcp_v4_timewait_ack
    fn send_ack(&self, cx: &mut Context<'_>) {
        let header = Header {
            seq: self.send_next,
            ack: self.next,
            flags: Flags::ACK,
            window: (self.open_window >> self.scale) as u16,
            options: Options { timestamps: self.clock.option(cx.now), ..Options::default() },
        };
        cx.outgoing.push(&self.tuple, (self.device, self.mark), 0, false, &header, (&[], &[]));
        cx.counters.out_segments += 1;
    }
}
