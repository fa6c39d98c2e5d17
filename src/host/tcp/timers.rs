//! What a connection does when nothing comes: net/ipv4/tcp_timer.c.

use super::connection::{Connection, Context, State};
use super::rtt::{RTO_MAX, RTO_MIN};
use super::send::Phase;
use crate::host::socket::Errno;
use crate::reason::{Retransmission, Tcp};
use crate::time::{Span, Time};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// An acknowledgement (ICSK_TIME_RETRANS).
    Acknowledgement,
    /// An acknowledgement of the last segment, which nothing later can show to be lost (ICSK_TIME_LOSS_PROBE).
    Tail,
    /// A window (ICSK_TIME_PROBE0).
    ClosedWindow,
}

/// When a connection has something to do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadlines {
    pub retransmit: Option<(Time, Waiting)>,
    pub acknowledge: Option<Time>,
}

impl Deadlines {
    pub fn earliest(&self) -> Option<Time> {
        let retransmit = self.retransmit.map(|(at, _)| at);
        retransmit.into_iter().chain(self.acknowledge).min()
    }
}

impl Connection {
    /// Does what is due.
    pub fn expire(&mut self, cx: &mut Context<'_>) {
        if self.deadlines.acknowledge.is_some_and(|at| at <= cx.now) {
            self.acknowledgement_due(cx);
        }
        if let Some((_, waiting)) = self.deadlines.retransmit.filter(|&(at, _)| at <= cx.now) {
            self.deadlines.retransmit = None;
            match waiting {
                Waiting::Acknowledgement => self.retransmission_due(cx),
                Waiting::Tail => self.tail_probe_due(cx),
                Waiting::ClosedWindow => self.window_probe_due(cx),
            }
        }
    }

    /// tcp_delack_timer_handler
    fn acknowledgement_due(&mut self, cx: &mut Context<'_>) {
        self.deadlines.acknowledge = None;
        if self.receive.ack.scheduled {
            self.receive.ack.delay_missed();
            cx.counters.delayed_acks += 1;
            self.send_ack(cx);
        }
    }

    /// tcp_retransmit_timer
    fn retransmission_due(&mut self, cx: &mut Context<'_>) {
        if self.send.in_flight.is_empty() {
            return;
        }
        if self.is_hopeless(cx) {
            return self.give_up(self.send.trouble.timeouts, cx);
        }
        cx.counters.timeouts += 1;
        self.enter_loss();
        self.send.trouble.backoff += 1;
        self.repeat(0, Retransmission::Timeout, cx);
        self.send.trouble.timeouts += 1;
        self.deadlines.retransmit = Some((cx.now + self.send.rto(), Waiting::Acknowledgement));
    }

    /// tcp_enter_loss
    fn enter_loss(&mut self) {
        if matches!(self.state, State::SynSent | State::SynReceived) {
            return;
        }
        if !matches!(self.send.trouble.phase, Phase::Loss { .. }) {
            self.send.congestion.lost();
        }
        self.send.mark_all_lost();
        self.send.congestion.window = self.send.packets_in_flight() + 1;
        self.send.trouble.phase = Phase::Loss { until: self.send.nxt };
        self.send.trouble.duplicate_acks = 0;
        self.send.trouble.tail_probe = None;
    }

    /// tcp_write_timeout: whether it has been tried for long enough.
    fn is_hopeless(&self, cx: &Context<'_>) -> bool {
        if matches!(self.state, State::SynSent | State::SynReceived) {
            return self.send.trouble.timeouts >= cx.settings.syn_retries;
        }
        let patience = patience(self.retries(cx));
        self.send.trouble.retransmitting_since.is_some_and(|since| cx.now.since(since) >= patience)
    }

    /// A connection whose program has gone is worth less.
    fn retries(&self, cx: &Context<'_>) -> u32 {
        if self.is_orphan() { cx.settings.orphan_retries } else { cx.settings.retries }
    }

    /// tcp_write_err
    fn give_up(&mut self, attempts: u32, cx: &mut Context<'_>) {
        cx.note(|| Tcp::GaveUp { attempts });
        cx.counters.aborted_on_timeout += 1;
        self.count_failure(cx);
        let error = self.soft_error.unwrap_or(Errno::TimedOut);
        self.end(Some(error));
    }

    /// tcp_send_loss_probe (RFC 8985, section 7.3)
    fn tail_probe_due(&mut self, cx: &mut Context<'_>) {
        if self.send.trouble.tail_probe.is_none() && !self.send.in_flight.is_empty() {
            let before = self.send.nxt;
            // New data probes as well as old, if the window has room for it.
            self.push(false, cx);
            if self.send.nxt == before {
                let last = self.send.in_flight.len() - 1;
                self.repeat(last, Retransmission::TailProbe, cx);
            }
            self.send.trouble.tail_probe = Some(self.send.nxt);
            cx.counters.loss_probes += 1;
        }
        self.restart_retransmission(cx);
    }

    /// tcp_probe_timer
    fn window_probe_due(&mut self, cx: &mut Context<'_>) {
        if !self.send.in_flight.is_empty() || !self.send.has_unsent() {
            return;
        }
        if self.send.trouble.probes > self.retries(cx) {
            return self.give_up(self.send.trouble.probes, cx);
        }
        self.probe_window(cx);
        if !self.send.in_flight.is_empty() {
            return self.restart_retransmission(cx);
        }
        self.send.trouble.probes += 1;
        self.send.trouble.backoff += 1;
        self.deadlines.retransmit = Some((cx.now + self.send.rto(), Waiting::ClosedWindow));
    }

    /// tcp_rearm_rto: from now on.
    pub fn restart_retransmission(&mut self, cx: &Context<'_>) {
        let waiting = !self.send.in_flight.is_empty();
        self.deadlines.retransmit = waiting.then(|| (cx.now + self.send.rto(), Waiting::Acknowledgement));
    }

    /// After an acknowledgement of something: the rest has a whole time-out again, or is probed sooner.
    pub fn arm_after_progress(&mut self, cx: &Context<'_>) {
        self.restart_retransmission(cx);
        self.probe_tail_sooner(cx);
    }

    /// After new segments were sent: the first of them starts the timer.
    pub fn arm_after_sending(&mut self, cx: &Context<'_>) {
        if !matches!(self.deadlines.retransmit, Some((_, Waiting::Acknowledgement))) {
            self.restart_retransmission(cx);
        }
        self.probe_tail_sooner(cx);
    }

    /// tcp_schedule_loss_probe: two round trips, and with one segment in flight the longest delay of an acknowledgement.
    fn probe_tail_sooner(&mut self, cx: &Context<'_>) {
        let Some((timeout, _)) = self.deadlines.retransmit else { return };
        if !self.send.sack || self.send.trouble.phase != Phase::Open || self.send.trouble.tail_probe.is_some() {
            return;
        }
        let wait = self.send.rtt.smoothed().map_or(Span::from_secs(1), |rtt| {
            let delayed_ack = if self.send.in_flight.len() == 1 { RTO_MIN } else { Span::from_millis(8) };
            rtt.times(2) + delayed_ack
        });
        // Never later than the time-out; and before one, a probe is always worth a try.
        self.deadlines.retransmit = Some((timeout.min(cx.now + wait), Waiting::Tail));
    }
}

/// tcp_model_timeout: how long this many retransmissions take when the time-out begins at its least.
fn patience(retries: u32) -> Span {
    let doublings = (RTO_MAX.as_nanos() / RTO_MIN.as_nanos()).ilog2();
    if retries <= doublings {
        RTO_MIN.times((2 << retries) - 1)
    } else {
        RTO_MIN.times((2 << doublings) - 1) + RTO_MAX.times(u64::from(retries - doublings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_retries_take_a_quarter_of_an_hour() {
        assert_eq!(patience(15).as_millis(), 924_600);
        assert_eq!(patience(8).as_millis(), 102_200);
    }
}
