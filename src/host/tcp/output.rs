//! What a connection sends, and when: net/ipv4/tcp_output.c.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::connection::{Connection, Context, State};
use super::segment::{self, Flags, Header, Tuple};
use super::send::Phase;
use super::timers::Waiting;
use crate::host::interface::IfIndex;
use crate::reason::{Retransmission, Tcp};
use crate::time::Span;

/// Segments that are made and not yet handed to IP, in one buffer that is used again and again.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub segments: Vec<Addressed>,
    pub bytes: Vec<u8>,
}

/// A segment among the [`Outgoing`], and what IP has to know about it.
#[derive(Clone, Debug)]
pub(super) struct Addressed {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub device: Option<IfIndex>,
    pub mark: u32,
    pub ip_id: u16,
    /// The neighbour that it goes to is surely alive.
    pub confirm: bool,
    pub bytes: Range<usize>,
}

impl Outgoing {
    pub fn push(
        &mut self,
        tuple: &Tuple,
        (device, mark): (Option<IfIndex>, u32),
        ip_id: u16,
        confirm: bool,
        header: &Header,
        payload: (&[u8], &[u8]),
    ) {
        let start = self.bytes.len();
        segment::write(&mut self.bytes, tuple, header, payload);
        self.segments.push(Addressed {
            source: tuple.local,
            destination: tuple.remote,
            device,
            mark,
            ip_id,
            confirm,
            bytes: start..self.bytes.len(),
        });
    }

    pub fn clear(&mut self) {
        self.segments.clear();
        self.bytes.clear();
    }
}

impl Connection {
    /// tcp_connect, and the SYN+ACK of a simultaneous opening.
    pub fn send_syn(&mut self, cx: &mut Context<'_>) {
        let answer = if self.state == State::SynReceived { Flags::ACK } else { Flags::NONE };
        let flags = Flags::SYN.with(answer);
        let seq = self.send.una;
        if self.send.in_flight.is_empty() {
            self.send.was_sent(seq + 1, flags, 0, cx.now);
        } else {
            self.send.in_flight[0].flags = flags;
        }
        self.emit(seq, flags, 0..0, cx);
        self.restart_retransmission(cx);
    }

    /// The most data that fits into the next segment: tcp_current_mss.
    fn current_mss(&self) -> u32 {
        let blocks = if self.send.sack { self.receive.blocks_len() } else { 0 };
        self.send.mss.saturating_sub(blocks).max(1)
    }

    /// tcp_write_xmit: sends what the windows and Nagle permit.
    pub fn push(&mut self, nagle: bool, cx: &mut Context<'_>) {
        if matches!(self.state, State::SynSent | State::SynReceived | State::Closed) {
            return;
        }
        self.restart_after_idle(cx);
        let mut sent = false;
        loop {
            let mss = self.current_mss();
            let Some((end, flags)) = self.send.next_segment(mss, nagle) else { break };
            self.send_next(end, flags, mss, cx);
            sent = true;
        }
        if sent {
            self.arm_after_sending(cx);
        } else if self.send.in_flight.is_empty() && self.send.has_unsent() && self.deadlines.retransmit.is_none() {
            // Nothing will come back to tell that the window has opened: tcp_check_probe_timer.
            self.deadlines.retransmit = Some((cx.now + self.send.rto(), Waiting::ClosedWindow));
        }
    }

    fn send_next(&mut self, end: segment::Seq, flags: Flags, mss: u32, cx: &mut Context<'_>) {
        let seq = self.send.nxt;
        let data = self.send.data_range(seq, end);
        self.receive.ack.answered(cx.now);
        self.send.was_sent(end, flags, mss, cx.now);
        self.emit(seq, flags, data, cx);
        if let Phase::Recovery { sent, .. } = &mut self.send.trouble.phase {
            *sent += 1;
        }
    }

    /// tcp_slow_start_after_idle_check
    fn restart_after_idle(&mut self, cx: &Context<'_>) {
        let idle = cx.now.since(self.send.last_sent);
        let rto = self.send.rto();
        if cx.settings.slow_start_after_idle
            && self.send.in_flight.is_empty()
            && self.send.last_sent.as_nanos() > 0
            && idle > rto
        {
            self.send.congestion.idle(idle.as_nanos() / rto.as_nanos().max(1));
            self.send.last_sent = cx.now;
        }
    }

    /// tcp_send_fin: no more data after what was written. The last small segment need not wait for it.
    pub fn send_fin(&mut self, cx: &mut Context<'_>) {
        self.send.fin = true;
        self.push(false, cx);
    }

    /// tcp_xmit_retransmit_queue: sends what was lost, as far as the window permits.
    pub fn repeat_lost(&mut self, cause: Retransmission, cx: &mut Context<'_>) {
        while self.send.packets_in_flight() < self.send.congestion.window {
            let Some(index) = self.send.first_to_repeat() else { return };
            self.repeat(index, cause, cx);
            if let Phase::Recovery { sent, .. } = &mut self.send.trouble.phase {
                *sent += 1;
                cx.counters.fast_retransmitted += 1;
            }
        }
    }

    /// tcp_retransmit_skb
    pub fn repeat(&mut self, index: usize, cause: Retransmission, cx: &mut Context<'_>) {
        let mss = self.current_mss();
        self.send.cut(index, mss);
        let segment = self.send.in_flight[index];
        let (attempt, next) = (self.send.trouble.timeouts + 1, self.send.rto());
        cx.note(|| Tcp::Retransmit { cause, attempt, next });
        self.send.was_repeated(index, cx.now);
        cx.counters.retransmitted += 1;
        if segment.flags.has(Flags::SYN) {
            cx.counters.syn_retransmitted += 1;
            self.emit(segment.seq, segment.flags, 0..0, cx);
        } else {
            let data = self.send.data_range(segment.seq, segment.end);
            self.emit(segment.seq, segment.flags, data, cx);
        }
    }

    /// tcp_write_wakeup: asks whether the window is still closed, with what fits of the data or with an old number.
    pub fn probe_window(&mut self, cx: &mut Context<'_>) {
        let room = self.send.window_end().since(self.send.nxt.latest(self.send.una));
        let open = self.send.window_end().after(self.send.nxt);
        if open && self.send.has_unsent() {
            let mss = self.current_mss().min(room);
            if let Some((end, flags)) = self.send.next_segment(mss, false) {
                self.send_next(end, flags.with(Flags::PSH), mss, cx);
                return;
            }
        }
        let (attempt, next) = (self.send.trouble.probes + 1, self.send.rto());
        cx.note(|| Tcp::Retransmit { cause: Retransmission::ZeroWindow, attempt, next });
        let seq = self.send.una - 1;
        self.emit(seq, Flags::ACK, 0..0, cx);
    }

    /// tcp_data_snd_check, tcp_ack_snd_check: after a segment has been dealt with.
    pub fn answer(&mut self, cx: &mut Context<'_>) {
        if self.send.has_unsent() {
            self.push(true, cx);
        }
        if !self.receive.ack.scheduled {
            return;
        }
        if self.receive.must_ack() {
            self.send_ack(cx);
        } else {
            self.delay_ack(cx);
        }
    }

    /// tcp_send_delayed_ack
    fn delay_ack(&mut self, cx: &mut Context<'_>) {
        let at = self.receive.ack_deadline(self.send.rtt.smoothed(), cx.now);
        match self.deadlines.acknowledge {
            // About to expire anyhow.
            Some(armed) if armed <= cx.now + Span::from_nanos(at.since(cx.now).as_nanos() / 4) => self.send_ack(cx),
            Some(armed) => self.deadlines.acknowledge = Some(armed.min(at)),
            None => self.deadlines.acknowledge = Some(at),
        }
    }
}
