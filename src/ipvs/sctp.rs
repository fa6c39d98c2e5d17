//! How an SCTP association's state follows from its chunks: ip_vs_proto_sctp.c.

use super::state::Direction;
use crate::time::Span;

/// States of an SCTP association (IP_VS_SCTP_S_*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the kernel's")]
pub enum State {
    /// Nothing has been seen yet.
    #[default]
    None,
    Init1,
    Init,
    CookieSent,
    CookieReplied,
    CookieWait,
    Cookie,
    CookieEchoed,
    Established,
    ShutdownSent,
    ShutdownReceived,
    ShutdownAckSent,
    Rejected,
    Closed,
}

use State::{
    Closed as CL, Cookie as CO, CookieEchoed as CE, CookieReplied as CR, CookieSent as CS, CookieWait as CW,
    Established as ES, Init as IN, Init1 as I1, None as NO, Rejected as RJ, ShutdownAckSent as SA,
    ShutdownReceived as SR, ShutdownSent as SS,
};

const STATES: usize = 14;

impl State {
    /// The state of this number, in the kernel's order.
    pub fn from_number(number: u16) -> Option<State> {
        [NO, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL].get(usize::from(number)).copied()
    }

    /// The name in listings.
    pub const fn name(self) -> &'static str {
        [
            "NONE",
            "INIT1",
            "INIT",
            "C-SENT",
            "C-REPLIED",
            "C-WAIT",
            "COOKIE",
            "C-ECHOED",
            "ESTABLISHED",
            "S-SENT",
            "S-RECEIVED",
            "S-ACK-SENT",
            "REJECTED",
            "CLOSED",
        ][self as usize]
    }

    /// Whether an association in it counts as active.
    pub const fn is_active(self) -> bool {
        matches!(self, ES)
    }

    /// How long it is kept after its last packet (sctp_timeouts).
    pub const fn timeout(self) -> Span {
        Span::from_secs(match self {
            NO => 2,
            I1 | RJ => 4,
            ES => 900,
            _ => 61,
        })
    }
}

/// What a packet's first chunk means to an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Data,
    Init,
    InitAck,
    CookieEcho,
    CookieAck,
    Shutdown,
    ShutdownAck,
    ShutdownComplete,
    Error,
    Abort,
}

/// Chunk type of a request for an association.
pub const INIT: u8 = 1;
/// Chunk type of a break-off.
pub const ABORT: u8 = 6;
const COOKIE_ECHO: u8 = 10;
const COOKIE_ACK: u8 = 11;

/// The type of the first chunk of a packet.
pub fn first_chunk(packet: &[u8]) -> Option<u8> {
    packet.get(12).copied()
}

fn event(packet: &[u8]) -> Option<Event> {
    let chunk = first_chunk(packet)?;
    // A cookie may be sent along with an ABORT, which then counts.
    let is_cookie = matches!(chunk, COOKIE_ECHO | COOKIE_ACK);
    let length = usize::from(u16::from_be_bytes([*packet.get(14)?, *packet.get(15)?]));
    let second = packet.get(12 + length.next_multiple_of(4).max(4)).copied();
    if is_cookie && second == Some(ABORT) {
        return Some(Event::Abort);
    }
    Some(match chunk {
        INIT => Event::Init,
        2 => Event::InitAck,
        ABORT => Event::Abort,
        7 => Event::Shutdown,
        8 => Event::ShutdownAck,
        9 => Event::Error,
        COOKIE_ECHO => Event::CookieEcho,
        COOKIE_ACK => Event::CookieAck,
        14 => Event::ShutdownComplete,
        _ => Event::Data,
    })
}

/// What follows each state upon each event.
type Table = [[State; STATES]; 10];

const INPUT: Table = [
    /*                    NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
    /*data*/
    [ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*init*/ [I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN],
    /*init ack*/ [CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*cookie echo*/ [CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*cookie ack*/ [ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL],
    /*shutdown*/ [SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL],
    /*shutdown ack*/ [CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL],
    /*shutdown complete*/ [CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL],
    /*error*/ [CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL],
    /*abort*/ [CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL],
];

const OUTPUT: Table = [
    /*                    NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
    /*data*/
    [ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*init*/ [CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW],
    /*init ack*/ [CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*cookie echo*/ [CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL],
    /*cookie ack*/ [ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL],
    /*shutdown*/ [SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL],
    /*shutdown ack*/ [SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL],
    /*shutdown complete*/ [CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*error*/ [CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*abort*/ [CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL],
];

const INPUT_ONLY: Table = [
    /*                    NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
    /*data*/
    [ES, I1, IN, CS, CR, ES, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*init*/ [I1, IN, IN, IN, IN, IN, CO, CE, ES, SS, SR, SA, IN, IN],
    /*init ack*/ [CE, CE, CE, CE, CE, CE, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*cookie echo*/ [ES, ES, ES, ES, ES, ES, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*cookie ack*/ [ES, I1, IN, ES, ES, CW, ES, ES, ES, SS, SR, SA, RJ, CL],
    /*shutdown*/ [SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL],
    /*shutdown ack*/ [CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL],
    /*shutdown complete*/ [CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, CL, CL, RJ, CL],
    /*error*/ [CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL],
    /*abort*/ [CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL],
];

/// The state after a packet (set_sctp_state); one without a chunk changes nothing.
pub fn next(state: State, packet: &[u8], direction: Direction) -> State {
    let Some(event) = event(packet) else { return state };
    let table = match direction {
        Direction::Input => &INPUT,
        Direction::Output => &OUTPUT,
        Direction::InputOnly => &INPUT_ONLY,
    };
    table[event as usize][state as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with these chunks, of four bytes each.
    fn packet(chunks: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 12];
        chunks.iter().for_each(|chunk| packet.extend_from_slice(&[*chunk, 0, 0, 4]));
        packet
    }

    fn walk(segments: &[(Direction, &[u8])]) -> Vec<&'static str> {
        let mut state = State::None;
        let step = |(direction, chunks): &(Direction, &[u8])| {
            state = next(state, &packet(chunks), *direction);
            state.name()
        };
        segments.iter().map(step).collect()
    }

    #[test]
    fn the_four_way_handshake() {
        use Direction::{Input as In, InputOnly, Output as Out};
        let both = walk(&[(In, &[INIT]), (Out, &[2]), (In, &[COOKIE_ECHO]), (Out, &[COOKIE_ACK]), (In, &[0])]);
        assert_eq!(both, ["INIT1", "C-SENT", "C-REPLIED", "ESTABLISHED", "ESTABLISHED"]);
        let half = walk(&[(InputOnly, &[INIT]), (InputOnly, &[COOKIE_ECHO]), (InputOnly, &[7]), (InputOnly, &[14])]);
        assert_eq!(half, ["INIT1", "ESTABLISHED", "S-RECEIVED", "CLOSED"]);
    }

    #[test]
    fn an_abort_behind_a_cookie_counts() {
        assert_eq!(walk(&[(Direction::Input, &[COOKIE_ECHO, ABORT])]), ["CLOSED"]);
        assert_eq!(next(State::Established, &[0; 5], Direction::Input), State::Established);
    }
}
