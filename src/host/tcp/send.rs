//! The sending half of a connection: the send buffer, and the scoreboard of what is in flight (RFC 6675).

use std::ops::Range;

use super::congestion::Congestion;
use super::connection::MIN_SEND_MSS;
use super::queue::Queue;
use super::rtt::Rtt;
use super::segment::{Flags, HEADER_LEN, Seq};
use crate::rare::{Rare, Usual};
use crate::time::{Span, Time};
use crate::wire::IPV4_LEN;

/// A segment in flight: the kernel's tcp_skb_cb in the retransmission queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub seq: Seq,
    pub end: Seq,
    pub at: Time,
    pub flags: Flags,
    /// Selectively acknowledged.
    pub sacked: bool,
    /// Taken for lost.
    pub lost: bool,
    /// Sent again since it was lost.
    pub again: bool,
    /// Ever sent more than once: it tells nothing about the round trip (Karn's algorithm).
    pub ambiguous: bool,
}

/// What recovers from losses (icsk_ca_state).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is known to be lost.
    Open,
    /// Lost segments are sent again as acknowledgements come (RFC 6937), until `until` is acknowledged.
    Recovery { until: Seq, before: u32, delivered: u32, sent: u32 },
    /// The timer has expired: everything is taken for lost.
    Loss { until: Seq },
}

/// snd_* of the kernel's struct tcp_sock.
#[derive(Debug)]
pub(super) struct Sender {
    buffer: Queue<u8>,
    /// The number of the buffer's first byte.
    buffer_seq: Seq,
    /// A FIN follows the buffer.
    pub fin: bool,
    pub una: Seq,
    pub nxt: Seq,
    /// What the peer offers from `una` on, and the number of the segment that said so (snd_wnd, snd_wl1).
    pub window: u32,
    pub window_seq: Seq,
    pub max_window: u32,
    pub scale: u8,
    pub peer_mss: u16,
    pub mtu: u32,
    /// The most data that a segment can hold (mss_cache).
    pub mss: u32,
    pub sack: bool,
    /// Where the program's last write ends: the peer shall not wait for more (PSH).
    pub pushed: Seq,
    /// The end of the last segment that was not full (snd_sml).
    small: Seq,
    pub in_flight: Queue<Sent>,
    pub trouble: Rare<Trouble>,
    pub congestion: Congestion,
    pub rtt: Rtt,
    /// Whether the congestion window was all that kept data back.
    pub limited: bool,
    pub last_sent: Time,
}

/// What is known of losses. A connection with nothing in flight seldom has any.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// How many of the segments in flight are such.
    sacked: u32,
    lost: u32,
    again: u32,
    pub phase: Phase,
    pub duplicate_acks: u32,
    /// Time-outs in a row, and by how much the time-out was doubled.
    pub timeouts: u32,
    pub backoff: u32,
    /// Unanswered probes of a closed window.
    pub probes: u32,
    /// When the segment that is being retransmitted was first sent.
    pub retransmitting_since: Option<Time>,
    /// A tail loss probe is out until this is acknowledged.
    pub tail_probe: Option<Seq>,
}

impl Usual for Trouble {
    const USUAL: &'static Trouble = &Trouble::NONE;

    fn usual() -> Trouble {
        Trouble::NONE
    }
}

impl Trouble {
    const NONE: Trouble = Trouble {
        sacked: 0,
        lost: 0,
        again: 0,
        phase: Phase::Open,
        duplicate_acks: 0,
        timeouts: 0,
        backoff: 0,
        probes: 0,
        retransmitting_since: None,
        tail_probe: None,
    };
}

impl Sender {
    pub fn new(isn: Seq, mtu: u32) -> Sender {
        let mut sender = Sender {
            buffer: Queue::new(),
            buffer_seq: isn + 1,
            fin: false,
            una: isn,
            nxt: isn,
            window: 0,
            window_seq: Seq(0),
            max_window: 0,
            scale: 0,
            peer_mss: u16::MAX,
            mtu,
            mss: 0,
            sack: false,
            pushed: isn,
            small: isn,
            in_flight: Queue::new(),
            trouble: Rare::default(),
            congestion: Congestion::new(),
            rtt: Rtt::new(),
            limited: false,
            last_sent: Time::ZERO,
        };
        sender.set_mtu(mtu, 0);
        sender
    }

    /// `options`: bytes of options in every segment.
    pub fn set_mtu(&mut self, mtu: u32, options: u32) {
        self.mtu = mtu;
        let fits = mtu.min(u32::from(u16::MAX)).saturating_sub(IPV4_LEN as u32 + HEADER_LEN);
        self.mss = fits.min(u32::from(self.peer_mss)).saturating_sub(options).max(MIN_SEND_MSS);
    }

    /// tcp_acceptable_seq: the number of a segment without data. It must not lie beyond a window that has shrunk.
    pub fn acceptable_seq(&self) -> Seq {
        let edge = self.window_end();
        // With a scale, an edge may be off by what the shift has rounded away.
        if edge.before(self.nxt) && self.nxt.since(edge) >= 1 << self.scale { edge } else { self.nxt }
    }

    pub fn window_end(&self) -> Seq {
        self.una + self.window
    }

    /// The number after the last that there is to send (write_seq).
    pub fn end(&self) -> Seq {
        self.data_end() + u32::from(self.fin)
    }

    fn data_end(&self) -> Seq {
        self.buffer_seq + self.buffer.len() as u32
    }

    /// Whether anything was never sent (tcp_send_head).
    pub fn has_unsent(&self) -> bool {
        self.end().after(self.nxt)
    }

    /// Whether everything, FIN included, was acknowledged.
    pub fn all_acknowledged(&self) -> bool {
        self.una == self.end()
    }

    /// Bytes that were written and are not acknowledged (Send-Q).
    pub fn unacknowledged(&self) -> u32 {
        self.end().since(self.una)
    }

    /// tcp_sndbuf_expand: room for twice what may be in flight.
    fn capacity(&self) -> usize {
        2 * (self.congestion.window.max(10) as usize) * (self.mss as usize)
    }

    pub fn room(&self) -> usize {
        self.capacity().saturating_sub(self.buffer.len())
    }

    /// Takes what there is room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        self.buffer.extend(&bytes[..n]);
        self.pushed = self.data_end();
        n
    }

    /// Drops everything: the connection is over.
    pub fn forget(&mut self) {
        self.buffer = Queue::new();
        self.in_flight = Queue::new();
        if let Some(trouble) = self.trouble.special() {
            (trouble.sacked, trouble.lost, trouble.again) = (0, 0, 0);
        }
        self.fin = false;
        self.una = self.nxt;
        self.buffer_seq = self.nxt;
    }

    /// A range of the buffer, in its two pieces.
    pub fn data(&self, range: Range<usize>) -> (&[u8], &[u8]) {
        let (front, back) = self.buffer.as_slices();
        let cut = |range: usize| range.min(front.len());
        let past = |range: usize| range.saturating_sub(front.len());
        (&front[cut(range.start)..cut(range.end)], &back[past(range.start)..past(range.end)])
    }

    /// Where the data of these numbers lies in the buffer; SYN and FIN have none.
    pub fn data_range(&self, seq: Seq, end: Seq) -> Range<usize> {
        let data_end = if end.after(self.data_end()) { self.data_end() } else { end };
        let start = seq.latest(self.buffer_seq).since(self.buffer_seq) as usize;
        start..(data_end.latest(self.buffer_seq).since(self.buffer_seq) as usize).max(start)
    }

    /// tcp_packets_in_flight: what is on its way, as far as one can tell.
    pub fn packets_in_flight(&self) -> u32 {
        (self.in_flight.len() as u32 + self.trouble.again).saturating_sub(self.trouble.sacked + self.trouble.lost)
    }

    /// The next segment to send: its end and flags; none if it has to wait. `mss` is what fits beside the options.
    pub fn next_segment(&mut self, mss: u32, nagle: bool) -> Option<(Seq, Flags)> {
        if !self.has_unsent() {
            return None;
        }
        let data_left = self.data_end().since(self.nxt.latest(self.buffer_seq)).min(u32::MAX / 2);
        let data_left = if self.nxt.after(self.data_end()) { 0 } else { data_left };
        let len = data_left.min(mss);
        let mut end = self.nxt + len;
        let mut flags = Flags::ACK;
        if end == self.pushed && len > 0 {
            flags = flags.with(Flags::PSH);
        }
        if end == self.data_end() && self.fin {
            end += 1;
            flags = flags.with(Flags::FIN);
        }
        // tcp_cwnd_test is not strict about the segment that ends it all.
        if self.packets_in_flight() >= self.congestion.window && !flags.has(Flags::FIN) {
            self.limited = true;
            return None;
        }
        if end.after(self.window_end()) {
            return None;
        }
        // Nagle as Minshall has it: one small segment in flight at most (tcp_nagle_check).
        let small_in_flight = self.small.after(self.una) && !self.small.after(self.nxt);
        if nagle && len < mss && !flags.has(Flags::FIN) && small_in_flight && !self.in_flight.is_empty() {
            return None;
        }
        Some((end, flags))
    }

    /// A segment goes out for the first time.
    pub fn was_sent(&mut self, end: Seq, flags: Flags, mss: u32, now: Time) {
        if end.since(self.nxt) < mss && !flags.has(Flags::SYN) {
            self.small = end;
        }
        self.in_flight.push_back(Sent {
            seq: self.nxt,
            end,
            at: now,
            flags,
            sacked: false,
            lost: false,
            again: false,
            ambiguous: false,
        });
        self.nxt = end;
        self.last_sent = now;
    }

    /// Everything before `ack` has arrived (tcp_clean_rtx_queue): how many segments that were not known to have arrived,
    /// and the round trip of the first that was sent only once.
    pub fn acknowledge(&mut self, ack: Seq, now: Time) -> (u32, Option<Span>) {
        let (mut delivered, mut rtt, mut ambiguous) = (0, None, false);
        self.una = ack;
        while let Some(&front) = self.in_flight.front() {
            if front.end.after(ack) {
                if front.seq.before(ack) {
                    self.in_flight[0].seq = ack;
                }
                break;
            }
            self.in_flight.pop_front();
            self.uncount(&front);
            delivered += u32::from(!front.sacked);
            ambiguous |= front.ambiguous;
            if !front.sacked {
                rtt.get_or_insert(now.since(front.at));
            }
            if front.flags.has(Flags::SYN) {
                // Many connections never send anything else.
                self.in_flight.rest();
            }
        }
        if ack.after(self.buffer_seq) {
            let data_end = if ack.after(self.data_end()) { self.data_end() } else { ack };
            self.buffer.drain(..data_end.since(self.buffer_seq) as usize);
            self.buffer_seq = data_end;
        }
        (delivered, rtt.filter(|_| !ambiguous))
    }

    /// tcp_sacktag_write_queue: how many segments are newly known to have arrived.
    pub fn selectively_acknowledge(&mut self, blocks: &[(Seq, Seq)]) -> u32 {
        let (una, nxt) = (self.una, self.nxt);
        let valid = |&&(from, to): &&(Seq, Seq)| from.before(to) && !from.before(una) && !to.after(nxt);
        let mut delivered = 0;
        for &(from, to) in blocks.iter().filter(valid) {
            let first = self.in_flight.partition_point(|sent| sent.seq.before(from));
            for index in first..self.in_flight.len() {
                let sent = self.in_flight[index];
                if sent.end.after(to) {
                    break;
                }
                if !sent.sacked {
                    self.uncount(&sent);
                    self.in_flight[index].sacked = true;
                    self.in_flight[index].lost = false;
                    self.in_flight[index].again = false;
                    self.trouble.sacked += 1;
                    delivered += 1;
                }
            }
        }
        delivered
    }

    fn uncount(&mut self, sent: &Sent) {
        if let Some(trouble) = self.trouble.special() {
            trouble.sacked -= u32::from(sent.sacked);
            trouble.lost -= u32::from(sent.lost);
            trouble.again -= u32::from(sent.again);
        }
    }

    fn mark_lost(&mut self, index: usize) {
        let sent = &mut self.in_flight[index];
        if !sent.lost && !sent.sacked {
            sent.lost = true;
            self.trouble.lost += 1;
        }
    }

    /// Marks what later arrivals show to be lost: three segments, or duplicates, after it (RFC 6675, RFC 5681).
    pub fn mark_overtaken(&mut self) {
        const THRESHOLD: u32 = 3;
        if !self.sack {
            if self.trouble.duplicate_acks >= THRESHOLD && !self.in_flight.is_empty() {
                self.mark_lost(0);
            }
            return;
        }
        if self.trouble.sacked < THRESHOLD {
            return;
        }
        let mut above = 0;
        for index in (0..self.in_flight.len()).rev() {
            if self.in_flight[index].sacked {
                above += 1;
            } else if above >= THRESHOLD {
                self.mark_lost(index);
            }
        }
    }

    /// A partial acknowledgement shows that the next segment was lost, too (RFC 6582).
    pub fn mark_first_lost(&mut self) {
        if !self.in_flight.is_empty() {
            self.mark_lost(0);
        }
    }

    /// tcp_simple_retransmit: what does not fit any more never arrived.
    pub fn mark_too_long(&mut self) {
        for index in 0..self.in_flight.len() {
            let sent = self.in_flight[index];
            if self.data_range(sent.seq, sent.end).len() as u32 > self.mss {
                self.mark_lost(index);
            }
        }
    }

    /// tcp_enter_loss: the timer has expired.
    pub fn mark_all_lost(&mut self) {
        // A peer that has acknowledged the first one selectively, and not since, has thrown it away (RFC 2018, section 8).
        let reneged = self.in_flight.front().is_some_and(|sent| sent.sacked);
        for sent in self.in_flight.iter_mut() {
            sent.sacked &= !reneged;
            sent.lost = !sent.sacked;
            sent.again = false;
        }
        self.trouble.sacked = self.in_flight.iter().filter(|sent| sent.sacked).count() as u32;
        self.trouble.lost = self.in_flight.len() as u32 - self.trouble.sacked;
        self.trouble.again = 0;
    }

    pub fn has_lost(&self) -> bool {
        self.trouble.lost > 0
    }

    /// The first lost segment that was not sent again yet.
    pub fn first_to_repeat(&self) -> Option<usize> {
        if self.trouble.lost == self.trouble.again {
            return None;
        }
        self.in_flight.iter().position(|sent| sent.lost && !sent.again)
    }

    /// Makes a segment in flight fit `mss`, by cutting it in two (tcp_fragment).
    pub fn cut(&mut self, index: usize, mss: u32) {
        let whole = self.in_flight[index];
        if self.data_range(whole.seq, whole.end).len() as u32 <= mss {
            return;
        }
        let middle = whole.seq + mss;
        self.in_flight[index].end = middle;
        self.in_flight[index].flags = Flags::ACK;
        self.in_flight.insert(index + 1, Sent { seq: middle, ..whole });
        self.trouble.sacked += u32::from(whole.sacked);
        self.trouble.lost += u32::from(whole.lost);
        self.trouble.again += u32::from(whole.again);
    }

    /// A segment in flight is being sent again.
    pub fn was_repeated(&mut self, index: usize, now: Time) {
        let sent = &mut self.in_flight[index];
        if sent.lost && !sent.again {
            sent.again = true;
            self.trouble.again += 1;
        }
        sent.ambiguous = true;
        let first_sent = std::mem::replace(&mut sent.at, now);
        self.trouble.retransmitting_since.get_or_insert(first_sent);
        self.last_sent = now;
    }

    /// The time-out at present.
    pub fn rto(&self) -> Span {
        self.rtt.rto(self.trouble.backoff)
    }
}
