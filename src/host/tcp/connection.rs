//! One connection: its state, and what its parts share.

use std::ops::Range;

use super::counters::TcpCounters;
use super::output::Outgoing;
use super::receive::Receiver;
use super::segment::{self, Flags, HEADER_LEN, Header, Options, Segment, Seq, TIMESTAMPS_LEN, Timestamps, Tuple};
use super::send::Sender;
use super::settings::Settings;
use super::timers::Deadlines;
use crate::host::interface::IfIndex;
use crate::host::socket::{Errno, SocketId};
pub use crate::reason::TcpState as State;
use crate::reason::{Drop, Note, Tcp, TransportDrop};
use crate::sim::Outbox;
use crate::time::Time;
use crate::wire::IPV4_LEN;

/// Who has the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// A program.
    Program,
    /// The listening socket that it waits at to be accepted.
    Listener(SocketId),
    /// Nobody any more: the program has closed it (SOCK_DEAD).
    Nobody,
}

/// What a connection reaches while it handles an event.
pub(super) struct Context<'a> {
    pub now: Time,
    pub outgoing: &'a mut Outgoing,
    pub counters: &'a mut TcpCounters,
    pub settings: &'a Settings,
    pub notes: &'a mut Outbox,
}

impl Context<'_> {
    pub fn note(&mut self, tcp: impl FnOnce() -> Tcp) {
        self.notes.note(|| Note::Tcp(tcp()));
    }

    pub fn drop(&mut self, reason: TransportDrop) {
        self.notes.note(|| Note::Drop(Drop::Transport(reason)));
    }
}

/// The timestamps of a connection (RFC 7323).
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Added to the milliseconds since the host was switched on.
    pub offset: u32,
    /// The peer's last one, to be echoed, and when it came; none while there was none, or if the peer has no timestamps.
    pub recent: Option<(u32, Time)>,
    /// Whether both sides want them; tentatively, in SYN_SENT.
    pub enabled: bool,
}

impl Clock {
    pub fn stamp(&self, now: Time) -> u32 {
        millis(now).wrapping_add(self.offset)
    }

    pub fn option(&self, now: Time) -> Option<Timestamps> {
        let echo = self.recent.map_or(0, |(value, _)| value);
        self.enabled.then(|| Timestamps { value: self.stamp(now), echo })
    }

    /// tcp_paws_check: whether the segment is an old one, by its timestamp. After 24 idle days one cannot tell.
    pub fn is_old(&self, timestamps: Option<Timestamps>, now: Time) -> bool {
        const PAWS_24DAYS: u64 = 60 * 60 * 24 * 24;
        match (self.recent, timestamps) {
            (Some((recent, at)), Some(timestamps)) => {
                recent.wrapping_sub(timestamps.value) as i32 > 0 && now.since(at).as_secs() < PAWS_24DAYS
            }
            _ => false,
        }
    }
}

/// The low bits of the milliseconds since the lab was switched on.
pub(super) fn millis(now: Time) -> u32 {
    now.since(Time::ZERO).as_millis() as u32
}

/// What two ends have agreed on in their SYNs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    pub peer_mss: u16,
    pub sack: bool,
    /// The peer's shift and ours; none if one of the two has no window scaling.
    pub scales: Option<(u8, u8)>,
}

/// Everything that must be known to open a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub tuple: Tuple,
    pub device: Option<IfIndex>,
    pub mark: u32,
    pub mtu: u32,
    pub isn: Seq,
    pub ip_id: u16,
    pub clock: Clock,
}

/// What a host has answered to a SYN, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub peer_isn: Seq,
    pub peer_window: u16,
    pub agreed: Agreed,
    pub sent_at: Time,
    /// More than once.
    pub repeated: bool,
}

/// The receiving half of a connection that a peer opens.
pub(super) fn initial_receiver(opening: &Opening, agreed: &Agreed) -> Receiver {
    let advertised_mss = advertised_mss(opening.mtu);
    let segment = advertised_mss - if opening.clock.enabled { TIMESTAMPS_LEN } else { 0 };
    Receiver::new(advertised_mss, segment, agreed.scales.map(|(_, ours)| ours))
}

/// A connection: the kernel's struct tcp_sock.
#[derive(Debug)]
pub(super) struct Connection {
    pub tuple: Tuple,
    pub device: Option<IfIndex>,
    pub mark: u32,
    pub state: State,
    pub holder: Holder,
    /// What the next system call will be told.
    pub error: Option<Errno>,
    /// What a time-out will be explained with.
    pub soft_error: Option<Errno>,
    /// No more data from this side (SEND_SHUTDOWN), from the other (RCV_SHUTDOWN).
    pub done_sending: bool,
    pub done_receiving: bool,
    /// Something has happened that the holder wants to know.
    pub changed: bool,
    /// Whether it shares its port (SO_REUSEADDR).
    pub reuse: bool,
    pub clock: Clock,
    pub send: Sender,
    pub receive: Receiver,
    pub deadlines: Deadlines,
    ip_id: u16,
    /// The peer has got something of ours: its neighbour entry is good (sk_dst_pending_confirm).
    pub(super) confirm: bool,
}

impl Connection {
    /// A connection in SYN_SENT whose SYN is still to be sent.
    pub fn active(opening: &Opening, settings: &Settings, reuse: bool) -> Connection {
        let advertised_mss = advertised_mss(opening.mtu);
        let mut connection = Connection::new(opening, State::SynSent, Holder::Program, reuse);
        connection.receive =
            Receiver::new(advertised_mss, advertised_mss, settings.window_scaling.then_some(WINDOW_SCALE));
        connection.send.sack = settings.sack;
        connection
    }

    /// A connection in SYN_RECV for which the third segment of the handshake has arrived.
    pub fn passive(opening: &Opening, answer: &Answered, listener: SocketId, reuse: bool) -> Connection {
        let mut connection = Connection::new(opening, State::SynReceived, Holder::Listener(listener), reuse);
        connection.receive = initial_receiver(opening, &answer.agreed);
        connection.receive.begin(answer.peer_isn);
        connection.agree(&answer.agreed);
        connection.receive.establish(connection.send.mss, connection.option_bytes());
        connection.send.window_seq = answer.peer_isn;
        connection.send.max_window = u32::from(answer.peer_window);
        connection.send.was_sent(opening.isn + 1, Flags::SYN.with(Flags::ACK), 0, answer.sent_at);
        connection.send.in_flight[0].ambiguous = answer.repeated;
        connection
    }

    fn new(opening: &Opening, state: State, holder: Holder, reuse: bool) -> Connection {
        Connection {
            tuple: opening.tuple,
            device: opening.device,
            mark: opening.mark,
            state,
            holder,
            error: None,
            soft_error: None,
            done_sending: false,
            done_receiving: false,
            changed: false,
            reuse,
            clock: opening.clock,
            send: Sender::new(opening.isn, opening.mtu),
            receive: Receiver::default(),
            deadlines: Deadlines::default(),
            ip_id: opening.ip_id,
            confirm: false,
        }
    }

    /// Takes over what the SYNs have settled.
    pub fn agree(&mut self, agreed: &Agreed) {
        let (theirs, ours) = agreed.scales.unwrap_or((0, 0));
        self.send.scale = theirs;
        self.send.sack = agreed.sack;
        self.send.peer_mss = agreed.peer_mss;
        self.receive.set_scale(ours, agreed.scales.is_some());
        let mtu = self.send.mtu;
        self.set_mtu(mtu);
    }

    /// tcp_sync_mss: datagrams of more bytes do not get through.
    pub fn set_mtu(&mut self, mtu: u32) {
        self.send.set_mtu(mtu, self.option_bytes());
    }

    /// Bytes of options in every segment.
    pub fn option_bytes(&self) -> u32 {
        if self.clock.enabled { TIMESTAMPS_LEN } else { 0 }
    }

    /// Puts a segment on its way. `data` counts from the beginning of the send buffer.
    pub fn emit(&mut self, seq: Seq, flags: Flags, data: Range<usize>, cx: &mut Context<'_>) {
        let syn = flags.has(Flags::SYN);
        let acknowledges = flags.has(Flags::ACK);
        let options = if syn { self.syn_options(cx.now) } else { self.options(cx.now) };
        let window = if syn { self.receive.syn_window() } else { self.receive.select_window() };
        let ack = if acknowledges { self.receive.nxt } else { Seq(0) };
        let header = Header { seq, ack, flags, window, options };
        let payload = self.send.data(data);
        cx.outgoing.push(
            &self.tuple,
            (self.device, self.mark),
            self.ip_id,
            std::mem::take(&mut self.confirm),
            &header,
            payload,
        );
        self.ip_id = self.ip_id.wrapping_add(1);
        cx.counters.out_segments += 1;
        if acknowledges {
            self.receive.ack.sent();
            self.deadlines.acknowledge = None;
        }
    }

    fn syn_options(&self, now: Time) -> Options {
        Options {
            mss: Some(self.receive.advertised_mss as u16),
            window_scale: self.receive.offered_scale(),
            sack_permitted: self.send.sack,
            timestamps: self.clock.option(now),
            ..Options::default()
        }
    }

    fn options(&mut self, now: Time) -> Options {
        let timestamps = self.clock.option(now);
        let room = if timestamps.is_some() { 3 } else { 4 };
        let sack = if self.send.sack { self.receive.blocks(room) } else { Default::default() };
        Options { timestamps, sack, ..Options::default() }
    }

    /// A segment without data that acknowledges all that has come.
    pub fn send_ack(&mut self, cx: &mut Context<'_>) {
        let seq = self.send.acceptable_seq();
        self.emit(seq, Flags::ACK, 0..0, cx);
    }

    /// tcp_send_active_reset
    pub fn send_reset(&mut self, cx: &mut Context<'_>) {
        let seq = self.send.acceptable_seq();
        self.emit(seq, Flags::ACK.with(Flags::RST), 0..0, cx);
        cx.counters.out_resets += 1;
    }

    /// tcp_send_challenge_ack: lets the peer prove that it meant it (RFC 5961).
    pub fn send_challenge_ack(&mut self, cx: &mut Context<'_>) {
        if self.receive.disorder.invalid_limit.permits_another(cx.now) {
            cx.counters.challenge_acks += 1;
            self.send_ack(cx);
        }
    }

    /// tcp_send_dupack: says what is expected instead of a segment that lies outside the window.
    pub fn send_duplicate_ack(&mut self, segment: &Segment<'_>, cx: &mut Context<'_>) {
        if !self.receive.disorder.invalid_limit.permits(segment, cx.now) {
            return;
        }
        if segment.end() != segment.seq && segment.seq.before(self.receive.nxt) {
            cx.counters.delayed_acks_lost += 1;
            self.receive.enter_quick_ack();
            self.receive.saw_duplicate(segment.seq, segment.end());
        }
        self.send_ack(cx);
    }

    /// tcp_done, with an error if it was no orderly end: nothing more comes or goes.
    pub fn end(&mut self, error: Option<Errno>) {
        self.state = State::Closed;
        self.error = self.error.or(error);
        self.done_sending = true;
        self.done_receiving = true;
        self.deadlines = Deadlines::default();
        self.send.forget();
        self.changed = true;
    }

    /// tcp_reset: the peer has broken the connection off.
    pub fn was_reset(&mut self, cx: &mut Context<'_>) {
        let error = match self.state {
            State::SynSent => Errno::ConnectionRefused,
            State::CloseWait => Errno::BrokenPipe,
            _ => Errno::ConnectionReset,
        };
        self.count_failure(cx);
        self.end(Some(error));
    }

    /// tcp_set_state's counters: an attempt that failed, or a standing connection that was cut.
    pub fn count_failure(&self, cx: &mut Context<'_>) {
        match self.state {
            State::SynSent | State::SynReceived => cx.counters.attempt_fails += 1,
            State::Established | State::CloseWait => cx.counters.established_resets += 1,
            _ => {}
        }
    }

    /// Whether its program has closed it.
    pub fn is_orphan(&self) -> bool {
        self.holder == Holder::Nobody
    }
}

/// What this stack offers: the shift for a receive buffer of at most 6 MiB (tcp_rmem).
pub(super) const WINDOW_SCALE: u8 = 7;

/// The MSS to announce for a path of this MTU: ipv4_default_advmss.
pub(super) fn advertised_mss(mtu: u32) -> u32 {
    (mtu.min(u32::from(u16::MAX))).saturating_sub(IPV4_LEN as u32 + HEADER_LEN).max(MIN_SEND_MSS)
}

/// TCP_MIN_SND_MSS
pub(super) const MIN_SEND_MSS: u32 = 48;

/// Takes a peer's options as a SYN of ours and one of theirs settle them.
pub(super) fn agreement(theirs: &Options, settings: &Settings) -> Agreed {
    Agreed {
        // TCP_MSS_DEFAULT (RFC 9293, section 3.7.1).
        peer_mss: theirs.mss.unwrap_or(536),
        sack: theirs.sack_permitted && settings.sack,
        scales: theirs
            .window_scale
            .filter(|_| settings.window_scaling)
            .map(|scale| (scale.min(segment::MAX_WINDOW_SCALE), WINDOW_SCALE)),
    }
}
