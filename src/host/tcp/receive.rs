//! The receiving half of a connection: reassembly, the window, and when to acknowledge.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::queue::Queue;
use super::rtt::RTO_MIN;
use super::segment::{Flags, InvalidLimit, Segment, Seq};
use crate::rare::{Rare, Usual};
use crate::time::{Span, Time};

/// TCP_ATO_MIN, TCP_DELACK_MIN
const DELAY_MIN: Span = Span::from_millis(40);
/// TCP_DELACK_MAX
const DELAY_MAX: Span = Span::from_millis(200);
/// TCP_MAX_QUICKACKS
const MAX_QUICK_ACKS: u32 = 16;
/// The window that half of the default receive buffer allows (tcp_rmem, tcp_adv_win_scale).
const INITIAL_SPACE: u32 = 65_536;
/// The same of the largest receive buffer.
const MAX_SPACE: u32 = 6_291_456 / 2;

/// What has come and what may come: rcv_* of the kernel's struct tcp_sock.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// The next number that is expected (rcv_nxt).
    pub nxt: Seq,
    /// What the last segment sent has acknowledged, and the window it has offered from there (rcv_wup, rcv_wnd).
    acked: Seq,
    window: u32,
    scale: u8,
    scaling: bool,
    /// How far the window is opened at present (rcv_ssthresh), and at most (window_clamp).
    threshold: u32,
    clamp: u32,
    /// What the receive buffer can hold (tcp_full_space).
    space: u32,
    /// The peer's usual segment, as far as it shows (rcv_mss).
    segment: u32,
    last_segment: u32,
    /// The largest that we have asked for.
    pub advertised_mss: u32,
    queue: Queue<u8>,
    pub disorder: Rare<Disorder>,
    pub ack: AckPolicy,
    /// None before the peer has sent a full segment.
    reading: Option<Box<Reading>>,
}

/// What came otherwise than in its turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disorder {
    /// What came before its time.
    held: VecDeque<Held>,
    /// Ranges of `held`, the newest first (RFC 2018, section 4).
    sacks: VecDeque<(Seq, Seq)>,
    /// Something that came twice (RFC 2883).
    duplicate: Option<(Seq, Seq)>,
    pub invalid_limit: InvalidLimit,
}

impl Usual for Disorder {
    const USUAL: &'static Disorder = &Disorder::NONE;

    fn usual() -> Disorder {
        Disorder::NONE
    }
}

impl Disorder {
    const NONE: Disorder =
        Disorder { held: VecDeque::new(), sacks: VecDeque::new(), duplicate: None, invalid_limit: InvalidLimit::NEW };
}

/// Data that came before its time.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    seq: Seq,
    bytes: Vec<u8>,
    fin: bool,
}

impl Held {
    fn end(&self) -> Seq {
        self.seq + self.bytes.len() as u32
    }
}

/// How fast the program reads (rcvq_space).
#[derive(Debug)]
struct Reading {
    space: u32,
    copied: u32,
    since: Time,
    /// A round trip, as the peer's echoes show it (rcv_rtt_est).
    rtt: Span,
}

/// What became of the data of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queued {
    /// It can be read; and if `fin`, no more will come.
    InOrder { fin: bool },
    /// It waits for what lies before it.
    Early,
    /// All of it had come before.
    Old,
    /// There is no room for it.
    Beyond,
}

impl Receiver {
    /// tcp_select_initial_window. `segment` is what a full segment holds; `scale` what we would shift by.
    pub fn new(advertised_mss: u32, segment: u32, scale: Option<u8>) -> Receiver {
        let whole = if INITIAL_SPACE > segment { INITIAL_SPACE - INITIAL_SPACE % segment } else { INITIAL_SPACE };
        let window = whole.min(u32::from(u16::MAX));
        Receiver {
            window,
            threshold: window,
            clamp: INITIAL_SPACE,
            space: INITIAL_SPACE,
            scale: scale.unwrap_or(0),
            scaling: scale.is_some(),
            advertised_mss,
            segment: 536,
            ..Receiver::default()
        }
    }

    /// The peer's SYN had this number.
    pub fn begin(&mut self, peer_isn: Seq) {
        self.nxt = peer_isn + 1;
        self.acked = self.nxt;
    }

    pub fn set_scale(&mut self, scale: u8, scaling: bool) {
        self.scale = scale;
        self.scaling = scaling;
        if !scaling {
            self.clamp = self.clamp.min(u32::from(u16::MAX));
        }
    }

    /// What to offer, or to confirm, in a SYN.
    pub fn offered_scale(&self) -> Option<u8> {
        self.scaling.then_some(self.scale)
    }

    /// The window of a SYN, which is never scaled.
    pub fn syn_window(&self) -> u16 {
        self.window.min(u32::from(u16::MAX)) as u16
    }

    /// tcp_initialize_rcv_mss, tcp_init_buffer_space: the window is kept a segment smaller than the buffer. `options`: bytes
    /// of options in every segment.
    pub fn establish(&mut self, send_mss: u32, options: u32) {
        self.segment = self.advertised_mss.min(send_mss).min(self.window / 2).clamp(88, 536);
        let segment = self.advertised_mss.saturating_sub(options);
        if self.clamp > 2 * segment {
            self.clamp = self.clamp.min((2 * segment).max(self.space.saturating_sub(segment)));
        }
        self.threshold = self.threshold.min(self.clamp);
    }

    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// What the last segment that was sent has acknowledged.
    pub fn last_acked(&self) -> Seq {
        self.acked
    }

    /// tcp_receive_window: what is left of the window last offered.
    pub fn open_window(&self) -> u32 {
        let right = self.acked + self.window;
        if right.before(self.nxt) { 0 } else { right.since(self.nxt) }
    }

    /// tcp_sequence: whether a segment touches the window.
    pub fn accepts(&self, segment: &Segment<'_>) -> bool {
        !segment.end().before(self.acked) && !segment.seq.after(self.nxt + self.open_window())
    }

    fn free_space(&self) -> u32 {
        let held: usize = self.disorder.held.iter().map(|held| held.bytes.len()).sum();
        self.space.saturating_sub((self.queue.len() + held) as u32)
    }

    /// __tcp_select_window: what could be offered now.
    fn available_window(&mut self) -> u32 {
        let segment = self.segment.min(self.clamp);
        let mut free = self.free_space();
        if free < self.clamp / 2 {
            self.ack.quick = 0;
            free = free >> self.scale << self.scale;
            // Silly window avoidance (RFC 1122, section 4.2.3.3).
            if free < self.space / 16 || free < segment {
                return 0;
            }
        }
        let free = free.min(self.threshold);
        if self.scale > 0 {
            self.align(free)
        } else if self.window <= free.saturating_sub(segment) || self.window > free {
            free - free % segment.max(1)
        } else {
            self.window
        }
    }

    fn align(&self, window: u32) -> u32 {
        window.next_multiple_of(1 << self.scale)
    }

    /// tcp_select_window: what to offer in a segment that is being sent. A window is never taken back.
    pub fn select_window(&mut self) -> u16 {
        let current = self.open_window();
        let mut window = self.available_window();
        if window < current {
            window = self.align(current);
        }
        self.window = window.min(u32::from(u16::MAX) << self.scale);
        self.acked = self.nxt;
        (self.window >> self.scale) as u16
    }

    /// tcp_data_queue: puts the data of a segment, and its FIN, where they belong.
    pub fn queue(&mut self, segment: &Segment<'_>, now: Time) -> Queued {
        let end = segment.end();
        let edge = self.nxt + self.open_window();
        let fin = segment.has(Flags::FIN);
        if !end.after(self.nxt) {
            self.saw_duplicate(segment.seq, end);
            self.enter_quick_ack();
            self.ack.scheduled = true;
            return Queued::Old;
        }
        if !segment.seq.before(edge) && segment.len() > 0 {
            self.enter_quick_ack();
            self.ack.scheduled = true;
            return Queued::Beyond;
        }
        if segment.seq.after(self.nxt) {
            self.hold(segment, fin);
            self.ack.scheduled = true;
            return Queued::Early;
        }
        let old = self.nxt.since(segment.seq) as usize;
        if old > 0 {
            self.saw_duplicate(segment.seq, self.nxt);
            self.enter_quick_ack();
        }
        self.take(&segment.payload[old.min(segment.payload.len())..]);
        let mut fin = fin;
        if segment.len() > 0 {
            self.data_came(segment, now);
        }
        if !self.disorder.held.is_empty() {
            fin |= self.release_held();
            // RFC 5681, section 4.2: at once when a gap is filled.
            self.ack.at_once |= self.disorder.held.is_empty();
        }
        if fin {
            self.nxt += 1;
            if !self.disorder.held.is_empty() {
                (self.disorder.held, self.disorder.sacks) = Default::default();
                self.disorder.rest();
            }
        }
        Queued::InOrder { fin }
    }

    fn take(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.queue.extend(bytes);
        }
        self.nxt += bytes.len() as u32;
    }

    /// tcp_data_queue_ofo
    fn hold(&mut self, segment: &Segment<'_>, fin: bool) {
        let (seq, end) = (segment.seq, segment.seq + segment.len());
        let disorder = &mut *self.disorder;
        if disorder.held.iter().any(|held| !seq.before(held.seq) && !end.after(held.end()) && (held.fin || !fin)) {
            self.saw_duplicate(seq, segment.end());
            return;
        }
        let place = disorder.held.iter().position(|held| held.seq.after(seq)).unwrap_or(disorder.held.len());
        disorder.held.insert(place, Held { seq, bytes: segment.payload.to_vec(), fin });
        let mut range = (seq, segment.end());
        disorder.sacks.retain(|&(from, to)| {
            let apart = to.before(range.0) || from.after(range.1);
            if !apart {
                range = (if from.before(range.0) { from } else { range.0 }, to.latest(range.1));
            }
            apart
        });
        disorder.sacks.push_front(range);
        disorder.sacks.truncate(4);
    }

    /// tcp_ofo_queue: what has been waiting and is in order now. True if that was the last there is.
    fn release_held(&mut self) -> bool {
        let mut fin = false;
        while let Some(held) = self.disorder.held.pop_front_if(|held| !held.seq.after(self.nxt)) {
            if !held.end().before(self.nxt) {
                let old = self.nxt.since(held.seq) as usize;
                self.take(&held.bytes[old..]);
                fin |= held.fin;
            }
        }
        let nxt = self.nxt;
        self.disorder.sacks.retain(|&(from, _)| from.after(nxt));
        self.disorder.rest();
        fin
    }

    /// tcp_dsack_set: tells the peer that it has sent something twice.
    pub fn saw_duplicate(&mut self, from: Seq, to: Seq) {
        if from != to {
            self.disorder.duplicate = Some((from, to));
        }
    }

    /// Bytes that the ranges to be reported take in the next segment's header.
    pub fn blocks_len(&self) -> u32 {
        match self.disorder.sacks.len() + usize::from(self.disorder.duplicate.is_some()) {
            0 => 0,
            n => 4 + 8 * n.min(3) as u32,
        }
    }

    /// The ranges to report, at most so many.
    pub fn blocks(&mut self, room: usize) -> SmallVec<[(Seq, Seq); 4]> {
        let (duplicate, sacks) = (self.disorder.duplicate, &self.disorder.sacks);
        let blocks = duplicate.into_iter().chain(sacks.iter().copied()).take(room).collect();
        if duplicate.is_some() {
            self.disorder.duplicate = None;
            self.disorder.rest();
        }
        blocks
    }

    /// tcp_event_data_recv
    fn data_came(&mut self, segment: &Segment<'_>, now: Time) {
        self.ack.scheduled = true;
        self.measure_segment(segment);
        match self.ack.delay {
            None => {
                self.incr_quick_ack();
                self.ack.delay = Some(DELAY_MIN);
            }
            Some(delay) => {
                let pause = now.since(self.ack.last_data);
                if pause.as_nanos() <= DELAY_MIN.as_nanos() / 2 {
                    self.ack.delay = Some(Span::from_nanos(delay.as_nanos() / 2) + Span::from_millis(20));
                } else if pause < delay {
                    self.ack.delay = Some(Span::from_nanos(delay.as_nanos() / 2) + pause);
                } else if pause > RTO_MIN {
                    // The peer, too, will take it for a new start (its time-out is not much longer), and wants to know soon.
                    self.incr_quick_ack();
                }
            }
        }
        self.ack.last_data = now;
        if segment.len() >= 128 {
            self.grow_window(segment.len());
        }
    }

    /// tcp_measure_rcv_mss
    fn measure_segment(&mut self, segment: &Segment<'_>) {
        let len = segment.len();
        let last = std::mem::take(&mut self.last_segment);
        if len >= self.segment {
            self.segment = len.min(self.advertised_mss);
            return;
        }
        // A peer with an MSS of less than the default shows it by the same small size twice.
        let whole = len + segment.header_len;
        if whole >= 536 + 20 || whole >= 88 + 20 && !segment.has(Flags::PSH) {
            self.last_segment = len;
            if len == last {
                self.segment = len;
                return;
            }
        }
        self.ack.pushed = (self.ack.pushed + 1).min(2);
    }

    /// tcp_grow_window
    fn grow_window(&mut self, len: u32) {
        let room = self.clamp.min(self.free_space()).saturating_sub(self.threshold);
        if room > 0 {
            self.threshold += room.min((2 * self.advertised_mss).max(2 * len));
            self.ack.quick |= 1;
        }
    }

    /// tcp_incr_quickack
    fn incr_quick_ack(&mut self) {
        let quick = match self.window / (2 * self.segment.max(1)) {
            0 => 2,
            n => n.min(MAX_QUICK_ACKS),
        };
        self.ack.quick = self.ack.quick.max(quick);
    }

    /// tcp_enter_quickack_mode: something is wrong, so the peer had better know soon.
    pub fn enter_quick_ack(&mut self) {
        self.incr_quick_ack();
        self.ack.pingpong = false;
        self.ack.delay = Some(DELAY_MIN);
    }

    /// __tcp_ack_snd_check: whether to acknowledge at once.
    pub fn must_ack(&mut self) -> bool {
        let two_segments = self.nxt.since(self.acked) > self.segment
            && (self.queue.is_empty() || self.available_window() >= self.window);
        two_segments || self.ack.is_quick() || self.ack.at_once || !self.disorder.held.is_empty()
    }

    /// tcp_send_delayed_ack: when to acknowledge if nothing else goes out before.
    pub fn ack_deadline(&self, srtt: Option<Span>, now: Time) -> Time {
        let mut delay = self.ack.delay.unwrap_or(DELAY_MIN);
        if delay > DELAY_MIN {
            let chatty = self.ack.pingpong || self.ack.pushed > 0;
            let mut most = if chatty { DELAY_MAX } else { Span::from_millis(500) };
            if let Some(rtt) = srtt {
                most = most.min(rtt.max(DELAY_MIN));
            }
            delay = delay.min(most);
        }
        now + delay.min(DELAY_MAX)
    }

    /// A round trip as an echoed timestamp shows it: tcp_rcv_rtt_measure_ts.
    pub fn measured_rtt(&mut self, rtt: Span) {
        let rtt = rtt.max(Span::from_millis(1));
        // tcp_init_buffer_space: the program is expected to read an initial window in a round trip.
        let space = self.window.min(10 * self.advertised_mss);
        let reading = || Box::new(Reading { space, copied: 0, since: Time::ZERO, rtt });
        let reading = self.reading.get_or_insert_with(reading);
        reading.rtt = reading.rtt.min(rtt);
    }

    pub fn readable(&self) -> usize {
        self.queue.len()
    }

    /// Takes data out for the program. True if the peer should hear of the room (tcp_cleanup_rbuf).
    pub fn read(&mut self, max: usize, now: Time) -> (Vec<u8>, bool) {
        let n = max.min(self.queue.len());
        let (front, back) = self.queue.as_slices();
        let from_front = n.min(front.len());
        let bytes = [&front[..from_front], &back[..n - from_front]].concat();
        if n > 0 {
            self.queue.drain(..n);
        }
        self.adjust_space(n as u32, now);
        let promised = self.ack.scheduled
            && (self.nxt.since(self.acked) > self.segment
                || n > 0
                    && self.queue.is_empty()
                    && (self.ack.pushed == 2 || self.ack.pushed == 1 && !self.ack.pingpong));
        let open = self.open_window();
        let wider = n > 0 && 2 * open <= self.clamp && {
            let window = self.available_window();
            window > 0 && window >= 2 * open
        };
        (bytes, promised || wider)
    }

    /// tcp_rcv_space_adjust: a program that reads much in a round trip gets a larger buffer.
    fn adjust_space(&mut self, n: u32, now: Time) {
        let Some(reading) = &mut self.reading else { return };
        reading.copied = reading.copied.saturating_add(n);
        if now.since(reading.since) < reading.rtt {
            return;
        }
        let copied = std::mem::take(&mut reading.copied);
        reading.since = now;
        if copied <= reading.space || !self.scaling {
            return;
        }
        let base = u64::from(copied) * 2 + 16 * u64::from(self.advertised_mss);
        let growth = base * u64::from(copied - reading.space) / u64::from(reading.space.max(1));
        let wanted = (base + 2 * growth).min(u64::from(MAX_SPACE)) as u32;
        self.space = self.space.max(wanted);
        self.clamp = self.clamp.max(wanted);
        reading.space = copied;
    }
}

/// When to acknowledge: icsk_ack of the kernel's struct inet_connection_sock.
#[derive(Debug, Default)]
pub(super) struct AckPolicy {
    /// Something waits to be acknowledged.
    pub scheduled: bool,
    /// The next check must send it.
    pub at_once: bool,
    /// So many acknowledgements are sent without delay.
    quick: u32,
    /// The program answers what comes: an acknowledgement can ride on the answer.
    pub pingpong: bool,
    /// How long one may wait (ato); none before the first data.
    delay: Option<Span>,
    last_data: Time,
    /// Small segments that came since the last acknowledgement: none, one, more.
    pushed: u8,
}

impl AckPolicy {
    fn is_quick(&self) -> bool {
        self.quick > 0 && !self.pingpong
    }

    /// tcp_event_ack_sent
    pub fn sent(&mut self) {
        if self.quick > 0 {
            self.quick -= 1;
            if self.quick == 0 {
                self.delay = Some(DELAY_MIN);
            }
        }
        self.scheduled = false;
        self.at_once = false;
        self.pushed = 0;
    }

    /// tcp_event_data_sent: an answer within the delay shows a conversation.
    pub fn answered(&mut self, now: Time) {
        if self.delay.is_some_and(|delay| now.since(self.last_data) < delay) {
            self.pingpong = true;
        }
    }

    /// tcp_delack_timer_handler: nothing went out that could have carried it.
    pub fn delay_missed(&mut self) {
        if self.pingpong {
            self.pingpong = false;
            self.delay = Some(DELAY_MIN);
        } else {
            self.delay = self.delay.map(|delay| delay.times(2).min(Span::from_secs(1)));
        }
    }
}
