//! What a segment does to a connection: net/ipv4/tcp_input.c from tcp_rcv_state_process down.

use super::ack::Judgement;
use super::connection::{Connection, Context, State, agreement};
use super::receive::Queued;
use super::segment::{Flags, Segment};
use super::send::Phase;
use crate::host::socket::Errno;
use crate::reason::{Reset, Retransmission, TransportDrop};
use crate::time::Span;

/// Whether the sender of a segment must be told to break the connection off.
pub(super) type Answer = Result<(), Reset>;

impl Connection {
    /// tcp_v4_do_rcv. An error asks the caller to answer the segment with RST.
    pub fn receive(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) -> Answer {
        if self.state == State::SynSent {
            return self.receive_in_syn_sent(segment, cx);
        }
        if !self.validate(segment, cx) {
            return Ok(());
        }
        if !segment.has(Flags::ACK) {
            cx.drop(TransportDrop::Flags);
            return Ok(());
        }
        let judgement = self.acknowledge(segment, cx);
        if self.state == State::Established {
            if judgement == Judgement::Invalid {
                return Ok(());
            }
        } else if judgement != Judgement::Good {
            if self.state == State::SynReceived {
                return Err(Reset::WrongAck);
            }
            self.send_challenge_ack(cx);
            return Ok(());
        }
        self.advance(segment);
        if matches!(self.state, State::Closed | State::TimeWait) {
            return Ok(());
        }
        self.measure_receiver(segment, cx);
        self.take_data(segment, cx)?;
        if !matches!(self.state, State::Closed | State::TimeWait) {
            self.answer(cx);
        }
        Ok(())
    }

    /// tcp_rcv_synsent_state_process
    fn receive_in_syn_sent(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) -> Answer {
        let acknowledges = segment.has(Flags::ACK);
        if acknowledges && segment.ack != self.send.nxt {
            return if segment.has(Flags::RST) { Ok(()) } else { Err(Reset::WrongAck) };
        }
        if segment.has(Flags::RST) {
            if acknowledges {
                self.was_reset(cx);
            } else {
                cx.drop(TransportDrop::Flags);
            }
            return Ok(());
        }
        if !segment.has(Flags::SYN) {
            cx.drop(TransportDrop::Flags);
            return Ok(());
        }
        self.agree_with(segment, cx);
        if !acknowledges {
            // Both have called at once (RFC 9293, figure 7).
            self.state = State::SynReceived;
            self.send_syn(cx);
            return Ok(());
        }
        self.acknowledge(segment, cx);
        self.establish(segment);
        if segment.len() > 0 {
            self.take_data(segment, cx)?;
        }
        self.send_ack(cx);
        Ok(())
    }

    /// Takes over the numbers and options of the peer's SYN.
    fn agree_with(&mut self, segment: &Segment<'_>, cx: &Context<'_>) {
        self.receive.begin(segment.seq);
        self.clock.enabled &= segment.options.timestamps.is_some();
        if let Some(timestamps) = segment.options.timestamps.filter(|_| self.clock.enabled) {
            self.clock.recent = Some((timestamps.value, cx.now));
        }
        self.agree(&agreement(&segment.options, cx.settings));
        self.receive.establish(self.send.mss, self.option_bytes());
        self.send.window = u32::from(segment.window);
        self.send.max_window = self.send.window;
        self.send.window_seq = segment.seq;
    }

    fn establish(&mut self, segment: &Segment<'_>) {
        self.state = State::Established;
        self.send.pushed = self.send.nxt;
        self.send.window_seq = segment.seq;
        self.changed = true;
    }

    /// tcp_validate_incoming: old timestamps, the window, RST and SYN (RFC 5961). False: the segment is done with.
    fn validate(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) -> bool {
        let reset = segment.has(Flags::RST);
        if self.clock.is_old(segment.options.timestamps, cx.now) && !reset && !self.is_harmless_disorder(segment) {
            cx.counters.old_timestamps += 1;
            cx.drop(TransportDrop::OldTimestamp);
            self.send_duplicate_ack(segment, cx);
            return false;
        }
        if !self.receive.accepts(segment) {
            if !reset {
                cx.drop(TransportDrop::InvalidSequence);
                if segment.has(Flags::SYN) {
                    self.send_challenge_ack(cx);
                } else {
                    self.send_duplicate_ack(segment, cx);
                }
            } else {
                cx.drop(TransportDrop::InvalidSequence);
            }
            return false;
        }
        if reset {
            if segment.seq == self.receive.nxt {
                self.was_reset(cx);
            } else {
                cx.drop(TransportDrop::InvalidSequence);
                self.send_challenge_ack(cx);
            }
            return false;
        }
        if segment.has(Flags::SYN) {
            cx.drop(TransportDrop::Flags);
            self.send_challenge_ack(cx);
            return false;
        }
        true
    }

    /// tcp_disordered_ack: an acknowledgement that was overtaken by data sent right after it.
    fn is_harmless_disorder(&self, segment: &Segment<'_>) -> bool {
        segment.has(Flags::ACK)
            && segment.len() == 0
            && segment.seq == self.receive.nxt
            && segment.ack == self.send.una
            && u32::from(segment.window) << self.send.scale == self.send.window
    }

    /// What the acknowledgement of a SYN or a FIN brings.
    fn advance(&mut self, segment: &Segment<'_>) {
        match self.state {
            State::SynReceived => self.establish(segment),
            State::FinWait1 if self.send.all_acknowledged() => {
                self.state = State::FinWait2;
                self.done_sending = true;
                self.confirm = true;
                self.changed = true;
            }
            State::Closing if self.send.all_acknowledged() => self.state = State::TimeWait,
            State::LastAck if self.send.all_acknowledged() => self.end(None),
            _ => {}
        }
    }

    /// tcp_rcv_rtt_measure_ts: a full segment's echo tells the receiver, too, how long a round trip takes.
    fn measure_receiver(&mut self, segment: &Segment<'_>, cx: &Context<'_>) {
        if let Some(timestamps) = segment.options.timestamps.filter(|timestamps| timestamps.echo != 0)
            && self.clock.enabled
            && segment.len() >= 536
        {
            let ago = self.clock.stamp(cx.now).wrapping_sub(timestamps.echo);
            self.receive.measured_rtt(Span::from_millis(u64::from(ago)));
        }
    }

    /// Steps 7 and 8 of RFC 9293, section 3.10.7.4: the data and the FIN.
    fn take_data(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) -> Answer {
        if segment.end() == segment.seq {
            return Ok(());
        }
        match self.state {
            State::CloseWait | State::Closing | State::LastAck if !segment.seq.before(self.receive.nxt) => {
                return Ok(());
            }
            State::FinWait1 | State::FinWait2 if self.is_orphan() => {
                let data_end = segment.seq + segment.len();
                if segment.len() > 0 && data_end.after(self.receive.nxt) {
                    cx.counters.aborted_on_data += 1;
                    self.end(Some(Errno::BrokenPipe));
                    return Err(Reset::DataAfterClose);
                }
            }
            _ => {}
        }
        match self.receive.queue(segment, cx.now) {
            Queued::InOrder { fin } => {
                self.changed = true;
                if fin {
                    self.peer_has_finished(cx);
                }
            }
            Queued::Early => {}
            Queued::Old => {
                cx.counters.delayed_acks_lost += 1;
                cx.drop(TransportDrop::OldData);
            }
            Queued::Beyond => cx.drop(TransportDrop::OverWindow),
        }
        Ok(())
    }

    /// tcp_fin
    fn peer_has_finished(&mut self, cx: &mut Context<'_>) {
        self.receive.ack.scheduled = true;
        self.done_receiving = true;
        match self.state {
            State::SynReceived | State::Established => {
                self.state = State::CloseWait;
                // Most programs close at once: the acknowledgement can ride on our FIN.
                self.receive.ack.pingpong = true;
            }
            State::FinWait1 => {
                self.send_ack(cx);
                self.state = State::Closing;
            }
            State::FinWait2 => {
                self.send_ack(cx);
                self.state = State::TimeWait;
            }
            _ => {}
        }
    }

    /// tcp_v4_err: a router, or the peer's host, could not deliver a segment of ours.
    pub fn icmp_error(&mut self, error: Errno, cx: &mut Context<'_>) {
        match self.state {
            State::SynSent | State::SynReceived => {
                self.count_failure(cx);
                self.end(Some(error));
            }
            // Routes come back: the time-out will tell.
            _ => self.soft_error = Some(error),
        }
    }

    /// tcp_v4_mtu_reduced: what is in flight was too big, and is lost.
    pub fn mtu_reduced(&mut self, mtu: u32, cx: &mut Context<'_>) {
        if mtu >= self.send.mtu || self.state == State::Closed {
            return;
        }
        self.set_mtu(mtu);
        if matches!(self.state, State::SynSent | State::SynReceived) {
            return;
        }
        self.send.mark_too_long();
        if self.send.has_lost() {
            // Nothing was congested: the window stays as it is (tcp_simple_retransmit).
            self.send.trouble.phase = Phase::Loss { until: self.send.nxt };
        }
        self.repeat_lost(Retransmission::PathMtu, cx);
    }
}
