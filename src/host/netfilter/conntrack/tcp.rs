//! The tracker's view of TCP connections: net/netfilter/nf_conntrack_proto_tcp.c.
//!
//! Windows are not tracked: it behaves as with `nf_conntrack_tcp_be_liberal`.

use super::{Direction, Timeouts};
use crate::time::Span;

/// States of a connection, by the kernel's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    #[default]
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    /// Both sides have sent a SYN.
    SynSent2,
}

impl State {
    /// The name that /proc/net/nf_conntrack shows.
    pub const fn name(self) -> &'static str {
        match self {
            State::None => "NONE",
            State::SynSent => "SYN_SENT",
            State::SynRecv => "SYN_RECV",
            State::Established => "ESTABLISHED",
            State::FinWait => "FIN_WAIT",
            State::CloseWait => "CLOSE_WAIT",
            State::LastAck => "LAST_ACK",
            State::TimeWait => "TIME_WAIT",
            State::Close => "CLOSE",
            State::SynSent2 => "SYN_SENT2",
        }
    }
}

/// What kind of segment it is (get_conntrack_index).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
}

/// What the state machine says to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    To(State),
    Ignore,
    Invalid,
}

impl Next {
    /// tcp_conntracks.
    fn of(direction: Direction, kind: Kind, state: State) -> Next {
        use Next::{Ignore as IG, Invalid as IV, To};
        use State::*;
        const SS: Next = To(SynSent);
        const SR: Next = To(SynRecv);
        const ES: Next = To(Established);
        const FW: Next = To(FinWait);
        const CW: Next = To(CloseWait);
        const LA: Next = To(LastAck);
        const TW: Next = To(TimeWait);
        const CL: Next = To(Close);
        const S2: Next = To(SynSent2);
        // By state: None, SynSent, SynRecv, Established, FinWait, CloseWait, LastAck, TimeWait, Close, SynSent2.
        let row: [Next; 10] = match (direction, kind) {
            (Direction::Original, Kind::Syn) => [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2],
            (Direction::Original, Kind::SynAck) => [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR],
            (Direction::Original, Kind::Ack) => [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV],
            (Direction::Reply, Kind::Syn) => [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
            (Direction::Reply, Kind::SynAck) => [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
            (Direction::Reply, Kind::Ack) => [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
            (_, Kind::Fin) => [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
            (_, Kind::Rst) => [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
        };
        row[state as usize]
    }
}

/// The fields of a segment that the tracker reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    kind: Option<Kind>,
    /// The sequence number after it.
    end: u32,
    acknowledged: Option<u32>,
    has_data: bool,
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

impl Segment {
    /// None if there is no whole header.
    pub fn read(segment: &[u8]) -> Option<Segment> {
        let header = etherparse::TcpSlice::from_slice(segment).ok()?;
        let flags = segment[13];
        let kind = match flags {
            _ if flags & RST != 0 => Some(Kind::Rst),
            _ if flags & SYN != 0 => Some(if flags & ACK != 0 { Kind::SynAck } else { Kind::Syn }),
            _ if flags & FIN != 0 => Some(Kind::Fin),
            _ if flags & ACK != 0 => Some(Kind::Ack),
            _ => None,
        };
        let len = header.payload().len() as u32 + u32::from(header.syn()) + u32::from(header.fin());
        Some(Segment {
            kind,
            end: header.sequence_number().wrapping_add(len),
            acknowledged: header.ack().then(|| header.acknowledgment_number()),
            has_data: len > 0,
        })
    }
}

/// What the tracker remembers of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp {
    /// Where it stands.
    pub state: State,
    last: Option<(Kind, Direction, u32)>,
    sides: [Side; 2],
}

/// What it remembers of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    /// The highest sequence number sent.
    end: u32,
    is_unacknowledged: bool,
    began_close: bool,
}

/// What a segment does to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to it, and renews it for so long.
    Renew { timeout: Span, is_assured: bool },
    /// It belongs to it, and renews nothing.
    Keep,
    /// It belongs to it, and ends it.
    Kill,
    /// It does not fit in.
    Invalid,
    /// It opens the connection again: this one is over.
    Reopen,
}

impl Tcp {
    /// nf_conntrack_tcp_packet.
    pub(super) fn step(
        &mut self,
        direction: Direction,
        segment: &Segment,
        is_first: bool,
        is_answered: bool,
        timeouts: &Timeouts,
    ) -> Step {
        let Some(kind) = segment.kind else { return Step::Invalid };
        let before = self.state;
        let after = match Next::of(direction, kind, before) {
            Next::Invalid => return Step::Invalid,
            // nf_conntrack_tcp_loose: a connection that is under way is taken up, unless it is forbidden.
            Next::To(State::Established) if is_first && !timeouts.takes_up_running => return Step::Invalid,
            Next::To(State::SynSent) if before >= State::TimeWait => {
                let was_reset = matches!(self.last, Some((Kind::Rst, last, _)) if last == direction);
                if self.sides.iter().any(|side| side.began_close) || was_reset {
                    return Step::Reopen;
                }
                return self.ignore(direction, kind, segment);
            }
            // The answer to a SYN that looked wrong proves it right: both ends know better than we do.
            Next::Ignore if kind == Kind::SynAck && self.answers_ignored(direction, segment) => State::SynRecv,
            Next::Ignore => return self.ignore(direction, kind, segment),
            Next::To(state) => state,
        };
        self.last = Some((kind, direction, segment.end));
        self.state = after;
        if before != after && after == State::FinWait {
            self.sides[direction as usize].began_close = true;
        }
        self.follow(direction, segment);
        let is_outstanding = self.sides.iter().any(|side| side.is_unacknowledged);
        let mut timeout = match after {
            _ if kind == Kind::Rst => timeouts.tcp(State::Close),
            state if is_outstanding => timeouts.tcp(state).min(timeouts.tcp_unacknowledged),
            state => timeouts.tcp(state),
        };
        if !is_answered && direction == Direction::Original {
            match kind {
                Kind::Rst => return Step::Kill,
                Kind::Syn if before == State::SynSent => return Step::Keep,
                _ if after == State::Established => timeout = timeout.min(timeouts.tcp_unacknowledged),
                _ => {}
            }
        }
        if !is_answered && kind == Kind::Rst {
            return Step::Kill;
        }
        let is_assured =
            is_answered && matches!(before, State::SynRecv | State::Established) && after == State::Established;
        Step::Renew { timeout, is_assured }
    }

    fn ignore(&mut self, direction: Direction, kind: Kind, segment: &Segment) -> Step {
        self.last = Some((kind, direction, segment.end));
        Step::Keep
    }

    fn answers_ignored(&self, direction: Direction, segment: &Segment) -> bool {
        matches!(self.last, Some((Kind::Syn, last, end)) if last != direction && segment.acknowledged == Some(end))
    }

    /// The part of tcp_in_window that knows whether something waits for its acknowledgement.
    fn follow(&mut self, direction: Direction, segment: &Segment) {
        let sender = &mut self.sides[direction as usize];
        if segment.has_data && (sender.end == 0 || segment.end.wrapping_sub(sender.end) as i32 > 0) {
            sender.end = segment.end;
            sender.is_unacknowledged = true;
        }
        let receiver = &mut self.sides[direction.other() as usize];
        if segment.acknowledged == Some(receiver.end) {
            receiver.is_unacknowledged = false;
        }
    }
}
