//! Connections that peers are opening: listening sockets and the requests that they have answered with SYN+ACK.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::connection::{Agreed, Answered, Context, Opening, advertised_mss, agreement, initial_receiver};
use super::rtt::RTO_MAX;
use super::segment::{Flags, Header, InvalidLimit, Options, Segment, Seq};
use super::settings::Settings;
use super::timewait::in_window;
use crate::host::interface::IfIndex;
use crate::host::socket::SocketId;
use crate::reason::{Retransmission, Tcp, TransportDrop};
use crate::time::{Span, Time};

/// A socket that waits for connections.
#[derive(Debug)]
pub(super) struct Listener {
    pub address: Option<Ipv4Addr>,
    pub port: u16,
    pub device: Option<IfIndex>,
    pub reuse: bool,
    /// The second argument of listen(2).
    pub backlog: u32,
    /// Connections that wait to be accepted, oldest first.
    pub queue: VecDeque<SocketId>,
    /// How many requests are under way.
    pub half_open: u32,
}

impl Listener {
    /// sk_acceptq_is_full: one more than the backlog fits.
    pub fn is_full(&self) -> bool {
        self.queue.len() as u32 > self.backlog
    }
}

/// A half-open connection: the kernel's struct tcp_request_sock.
#[derive(Debug)]
pub(super) struct Request {
    pub listener: SocketId,
    pub opening: Opening,
    peer_isn: Seq,
    peer_window: u16,
    agreed: Agreed,
    window: u16,
    sent_at: Time,
    timeouts: u32,
    pub deadline: Time,
    invalid_limit: InvalidLimit,
}

/// What a segment does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// Nothing more.
    Wait,
    /// It is complete.
    Complete,
    /// The peer has broken it off.
    Broken,
    /// The segment is none of this request's.
    Foreign,
}

impl Request {
    /// tcp_conn_request
    pub fn new(
        listener: SocketId,
        mut opening: Opening,
        segment: &Segment<'_>,
        settings: &Settings,
        now: Time,
    ) -> Request {
        let timestamps = segment.options.timestamps.filter(|_| opening.clock.enabled);
        opening.clock.enabled = timestamps.is_some();
        opening.clock.recent = timestamps.map(|timestamps| (timestamps.value, now));
        let agreed = agreement(&segment.options, settings);
        Request {
            listener,
            opening,
            peer_isn: segment.seq,
            peer_window: segment.window,
            agreed,
            window: initial_receiver(&opening, &agreed).syn_window(),
            sent_at: now,
            timeouts: 0,
            deadline: now + Span::from_secs(1),
            invalid_limit: InvalidLimit::default(),
        }
    }

    /// How often the answer was repeated because of the timer.
    pub fn timeouts(&self) -> u32 {
        self.timeouts
    }

    /// What was answered, for the connection to begin with.
    pub fn answered(&self) -> Answered {
        Answered {
            peer_isn: self.peer_isn,
            peer_window: self.peer_window,
            agreed: self.agreed,
            sent_at: self.sent_at,
            repeated: self.timeouts > 0,
        }
    }

    /// tcp_v4_send_synack. Its datagrams have no identification.
    pub fn send_syn_ack(&self, cx: &mut Context<'_>) {
        let opening = &self.opening;
        let header = Header {
            seq: opening.isn,
            ack: self.peer_isn + 1,
            flags: Flags::SYN.with(Flags::ACK),
            window: self.window,
            options: Options {
                mss: Some(advertised_mss(opening.mtu) as u16),
                window_scale: self.agreed.scales.map(|(_, ours)| ours),
                sack_permitted: self.agreed.sack,
                timestamps: opening.clock.option(cx.now),
                ..Options::default()
            },
        };
        cx.outgoing.push(&opening.tuple, (opening.device, opening.mark), 0, false, &header, (&[], &[]));
        cx.counters.out_segments += 1;
    }

    /// reqsk_timer_handler: true if it has been tried often enough.
    pub fn expire(&mut self, cx: &mut Context<'_>) -> bool {
        if self.timeouts >= cx.settings.syn_ack_retries {
            let attempts = self.timeouts;
            cx.note(|| Tcp::GaveUp { attempts });
            cx.counters.attempt_fails += 1;
            return true;
        }
        self.timeouts += 1;
        let next = Span::from_secs(1 << self.timeouts.min(30)).min(RTO_MAX);
        self.deadline = cx.now + next;
        let attempt = self.timeouts;
        cx.note(|| Tcp::Retransmit { cause: Retransmission::Timeout, attempt, next });
        self.repeat(cx);
        false
    }

    fn repeat(&self, cx: &mut Context<'_>) {
        cx.counters.retransmitted += 1;
        cx.counters.syn_retransmitted += 1;
        self.send_syn_ack(cx);
    }

    /// tcp_check_req
    pub fn receive(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) -> Handshake {
        let old = self.opening.clock.is_old(segment.options.timestamps, cx.now);
        let (syn, ack, rst) = (segment.has(Flags::SYN), segment.has(Flags::ACK), segment.has(Flags::RST));
        if segment.seq == self.peer_isn && syn && !ack && !rst && !old {
            // The peer has not got our answer, or not in time.
            if self.invalid_limit.permits(segment, cx.now) {
                self.repeat(cx);
            }
            return Handshake::Wait;
        }
        if ack && segment.ack != self.opening.isn + 1 {
            return Handshake::Foreign;
        }
        let expected = self.peer_isn + 1;
        if old || !in_window(segment, expected, u32::from(self.window)) {
            cx.drop(if old { TransportDrop::OldTimestamp } else { TransportDrop::InvalidSequence });
            if !rst && self.invalid_limit.permits(segment, cx.now) {
                self.send_ack(cx);
            }
            return Handshake::Wait;
        }
        if rst || syn && segment.seq != self.peer_isn {
            cx.counters.embryonic_resets += 1;
            cx.counters.attempt_fails += 1;
            return Handshake::Broken;
        }
        if !ack {
            cx.drop(TransportDrop::Flags);
            return Handshake::Wait;
        }
        Handshake::Complete
    }

    /// tcp_v4_reqsk_send_ack
    fn send_ack(&self, cx: &mut Context<'_>) {
        let timestamps = self.opening.clock.option(cx.now);
        let (_, ours) = self.agreed.scales.unwrap_or((0, 0));
        let header = Header {
            seq: self.opening.isn + 1,
            ack: self.peer_isn + 1,
            flags: Flags::ACK,
            window: self.window >> ours,
            options: Options { timestamps, ..Options::default() },
        };
        cx.outgoing.push(&self.opening.tuple, (self.opening.device, self.opening.mark), 0, false, &header, (&[], &[]));
        cx.counters.out_segments += 1;
    }
}
