//! What an acknowledgement says about the data in flight: tcp_ack and what it calls.

use super::connection::{Connection, Context, State, millis};
use super::segment::{Flags, Segment};
use super::send::Phase;
use super::timers::Waiting;
use crate::reason::{Retransmission, TransportDrop};
use crate::time::Span;

/// What tcp_ack thinks of an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It says something.
    Good,
    /// It was overtaken by a later one.
    Old,
    /// It cannot be for what this connection has sent.
    Invalid,
}

impl Connection {
    /// tcp_ack
    pub fn acknowledge(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) -> Judgement {
        let ack = segment.ack;
        if ack.before(self.send.una) {
            // RFC 5961, section 5.2: further back than any window could be is nobody's honest delay.
            if ack.before(self.send.una - self.send.max_window) {
                cx.drop(TransportDrop::OldAck);
                if self.state == State::Established {
                    self.send_challenge_ack(cx);
                }
                return Judgement::Invalid;
            }
            self.send.selectively_acknowledge(&segment.options.sack);
            self.react(0, 0, false, cx);
            return Judgement::Old;
        }
        if ack.after(self.send.nxt) {
            cx.drop(TransportDrop::AckOfUnsentData);
            return Judgement::Invalid;
        }
        self.remember_timestamp(segment, cx);
        let advanced = ack.after(self.send.una);
        let window_changed = self.update_window(segment);
        if self.send.trouble.probes != 0 {
            self.send.trouble.probes = 0;
        }
        self.soft_error = None;
        if self.send.in_flight.is_empty() {
            self.probe_if_closed(cx);
            self.send.trouble.rest();
            return Judgement::Good;
        }
        let duplicate =
            !advanced && segment.len() == 0 && !window_changed && !segment.flags.has(Flags::SYN.with(Flags::FIN));
        let limited = self.send.limited;
        let (acked, rtt) = self.send.acknowledge(ack, cx.now);
        let sacked = self.send.selectively_acknowledge(&segment.options.sack);
        if advanced {
            self.progressed(segment, rtt, cx);
        }
        if duplicate {
            self.send.trouble.duplicate_acks += 1;
        }
        self.react(acked, sacked, advanced, cx);
        if acked > 0 && limited && !matches!(self.send.trouble.phase, Phase::Recovery { .. }) {
            let rtt = self.send.rtt.smoothed().unwrap_or(Span::ZERO);
            self.send.congestion.acknowledged(acked, rtt, cx.now);
        }
        if self.send.packets_in_flight() < self.send.congestion.window {
            self.send.limited = false;
        }
        if acked > 0 {
            self.arm_after_progress(cx);
        }
        if self.send.in_flight.is_empty() {
            self.send.trouble.rest();
        }
        Judgement::Good
    }

    /// tcp_replace_ts_recent: the newest timestamp of a segment that acknowledges what was acknowledged last (RFC 7323, 4.3).
    fn remember_timestamp(&mut self, segment: &Segment<'_>, cx: &Context<'_>) {
        if let Some(timestamps) = segment.options.timestamps.filter(|_| self.clock.enabled)
            && !segment.seq.after(self.receive.last_acked())
            && self.clock.recent.is_none_or(|(recent, _)| timestamps.value.wrapping_sub(recent) as i32 >= 0)
        {
            self.clock.recent = Some((timestamps.value, cx.now));
        }
    }

    /// tcp_ack_update_window: true if the peer offers another window than before.
    fn update_window(&mut self, segment: &Segment<'_>) -> bool {
        let send = &mut self.send;
        let scale = if segment.has(Flags::SYN) { 0 } else { send.scale };
        let window = u32::from(segment.window) << scale;
        let newer = segment.ack.after(send.una)
            || segment.seq.after(send.window_seq)
            || segment.seq == send.window_seq && window > send.window;
        let changed = newer && window != send.window;
        if newer {
            send.window_seq = segment.seq;
            send.window = window;
            send.max_window = send.max_window.max(window);
        }
        changed
    }

    /// Something new was acknowledged.
    fn progressed(&mut self, segment: &Segment<'_>, rtt: Option<Span>, cx: &mut Context<'_>) {
        let echoed = segment.options.timestamps.filter(|timestamps| self.clock.enabled && timestamps.echo != 0);
        let by_echo = echoed.map(|timestamps| {
            let sent = timestamps.echo.wrapping_sub(self.clock.offset);
            Span::from_millis(u64::from(millis(cx.now).wrapping_sub(sent)))
        });
        // A wild echo must not make a wild time-out.
        let measured = rtt.or(by_echo.filter(|rtt| rtt.as_secs() < 120));
        if let Some(rtt) = measured {
            self.send.rtt.measured(rtt, self.send.una, self.send.nxt);
        }
        self.confirm = true;
        self.changed = true;
        let una = self.send.una;
        if let Some(trouble) = self.send.trouble.special() {
            (trouble.timeouts, trouble.backoff, trouble.duplicate_acks) = (0, 0, 0);
            trouble.retransmitting_since = None;
            trouble.tail_probe.take_if(|end| !una.before(*end));
        }
    }

    /// tcp_ack_probe: nothing is in flight, and data waits.
    fn probe_if_closed(&mut self, cx: &mut Context<'_>) {
        if !self.send.has_unsent() {
            return;
        }
        if self.send.window > 0 {
            self.send.trouble.backoff = 0;
            self.deadlines.retransmit = None;
        } else {
            let at = cx.now + self.send.rto();
            self.deadlines.retransmit = Some((at, Waiting::ClosedWindow));
        }
    }

    /// tcp_fastretrans_alert: what the scoreboard says now.
    fn react(&mut self, acked: u32, sacked: u32, advanced: bool, cx: &mut Context<'_>) {
        if let Phase::Recovery { until, .. } | Phase::Loss { until } = self.send.trouble.phase {
            if !self.send.una.before(until) {
                if matches!(self.send.trouble.phase, Phase::Recovery { .. }) {
                    self.send.congestion.window = self.send.congestion.threshold;
                }
                self.send.trouble.phase = Phase::Open;
            } else if advanced && !self.send.sack {
                self.send.mark_first_lost();
            }
        }
        self.send.mark_overtaken();
        if self.send.trouble.phase == Phase::Open && self.send.has_lost() {
            self.begin_recovery(cx);
        }
        self.reduce_proportionally(acked + sacked);
        if self.send.trouble.phase != Phase::Open {
            self.repeat_lost(Retransmission::LaterArrived, cx);
        }
    }

    /// tcp_enter_recovery
    fn begin_recovery(&mut self, cx: &mut Context<'_>) {
        if self.send.sack {
            cx.counters.sack_recoveries += 1;
        } else {
            cx.counters.reno_recoveries += 1;
        }
        let before = self.send.congestion.window;
        self.send.congestion.lost();
        self.send.trouble.phase = Phase::Recovery { until: self.send.nxt, before, delivered: 0, sent: 0 };
        self.send.trouble.tail_probe = None;
    }

    /// tcp_cwnd_reduction: proportional rate reduction (RFC 6937).
    fn reduce_proportionally(&mut self, newly_delivered: u32) {
        let in_flight = self.send.packets_in_flight();
        let sack = self.send.sack;
        let Phase::Recovery { before, delivered, sent, .. } = &mut self.send.trouble.phase else { return };
        // Without SACK, a duplicate acknowledgement stands for a delivery.
        let newly_delivered = if sack { newly_delivered } else { newly_delivered.max(1) };
        if newly_delivered == 0 {
            return;
        }
        *delivered += newly_delivered;
        let threshold = self.send.congestion.threshold;
        let allowed = if in_flight > threshold {
            let share = u64::from(threshold) * u64::from(*delivered) + u64::from(*before) - 1;
            ((share / u64::from((*before).max(1))) as u32).saturating_sub(*sent)
        } else {
            let catching_up = (*delivered).saturating_sub(*sent).max(newly_delivered) + 1;
            catching_up.min(threshold - in_flight)
        };
        // The first retransmission goes out at any rate.
        let allowed = if *sent == 0 { allowed.max(1) } else { allowed };
        self.send.congestion.window = (in_flight + allowed).max(1);
    }
}
