//! How a TCP connection's state follows from its segments: ip_vs_proto_tcp.c.

use super::state::Direction;
use crate::time::Span;

/// States of a TCP connection (IP_VS_TCP_S_*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are RFC 9293's")]
pub enum State {
    /// Nothing has been seen yet.
    #[default]
    None,
    Established,
    SynSent,
    SynReceived,
    FinWait,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    /// Between SYN and handshake, while secure_tcp is on.
    SynAck,
}

use State::{
    Close as CL, CloseWait as CW, Established as ES, FinWait as FW, LastAck as LA, Listen as LI, None as NO,
    SynAck as SA, SynReceived as SR, SynSent as SS, TimeWait as TW,
};

const STATES: usize = 11;

impl State {
    /// The state of this number, in the kernel's order.
    pub fn from_number(number: u16) -> Option<State> {
        [NO, ES, SS, SR, FW, TW, CL, CW, LA, LI, SA].get(usize::from(number)).copied()
    }

    /// The name in listings.
    pub const fn name(self) -> &'static str {
        [
            "NONE",
            "ESTABLISHED",
            "SYN_SENT",
            "SYN_RECV",
            "FIN_WAIT",
            "TIME_WAIT",
            "CLOSE",
            "CLOSE_WAIT",
            "LAST_ACK",
            "LISTEN",
            "SYNACK",
        ][self as usize]
    }

    /// Whether a connection in it counts as active (tcp_state_active_table).
    pub const fn is_active(self) -> bool {
        matches!(self, ES | SS | SR | SA)
    }
}

/// How long a connection is kept in each state after its last packet (tcp_timeouts), in seconds.
const TIMEOUTS: [u64; STATES] = [2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120];

/// The time-outs of a host: `ipvsadm --set` changes two of them.
#[derive(Clone, Debug)]
pub struct Timeouts([Span; STATES]);

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts(TIMEOUTS.map(Span::from_secs))
    }
}

impl Timeouts {
    /// How long a connection is kept in a state after its last packet.
    pub fn of(&self, state: State) -> Span {
        self.0[state as usize]
    }

    /// Changes the time-out of a state.
    pub fn set(&mut self, state: State, timeout: Span) {
        self.0[state as usize] = timeout;
    }
}

/// What a segment means to a connection, by the first flag of these that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Syn,
    Fin,
    Ack,
    Rst,
}

/// What follows each state upon SYN, FIN, ACK and RST.
type Table = [[State; STATES]; 4];

/// tcp_states, for segments of the client.
const INPUT: Table = [
    /*        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
    /*syn*/
    [SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR],
    /*fin*/ [CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW],
    /*ack*/ [ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES],
    /*rst*/ [CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR],
];

/// tcp_states, for segments of the server.
const OUTPUT: Table = [
    /*        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
    /*syn*/
    [SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR],
    /*fin*/ [TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW],
    /*ack*/ [ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES],
    /*rst*/ [CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL],
];

/// tcp_states, for segments of the client while none of the server has been seen.
const INPUT_ONLY: Table = [
    /*        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
    /*syn*/
    [SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR],
    /*fin*/ [CL, FW, SS, TW, TW, TW, CL, CW, LA, LI, TW],
    /*ack*/ [ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES],
    /*rst*/ [CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL],
];

/// tcp_states_dos: what secure_tcp changes. A half-open connection must be confirmed before it counts.
const SECURE_INPUT: Table = [
    /*        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
    /*syn*/
    [SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA],
    /*fin*/ [CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA],
    /*ack*/ [ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA],
    /*rst*/ [CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL],
];

const SECURE_OUTPUT: Table = [
    /*        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
    /*syn*/
    [SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA],
    /*fin*/ [TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW],
    /*ack*/ [ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES],
    /*rst*/ [CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL],
];

const SECURE_INPUT_ONLY: Table = [
    /*        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
    /*syn*/
    [SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA],
    /*fin*/ [CL, FW, SS, TW, TW, TW, CL, CW, LA, LI, TW],
    /*ack*/ [ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES],
    /*rst*/ [CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL],
];

/// TCP's flags, as they stand in a header.
pub mod flags {
    /// No more data.
    pub const FIN: u8 = 0x01;
    /// A connection is opened.
    pub const SYN: u8 = 0x02;
    /// A connection is broken off.
    pub const RST: u8 = 0x04;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;
}

/// The state after a segment with these flags (set_tcp_state). One with none of the four that matter closes.
pub fn next(state: State, segment: u8, direction: Direction, is_secure: bool) -> State {
    let has = |flag| segment & flag != 0;
    let event = if has(flags::RST) {
        Event::Rst
    } else if has(flags::SYN) {
        Event::Syn
    } else if has(flags::FIN) {
        Event::Fin
    } else if has(flags::ACK) {
        Event::Ack
    } else {
        return CL;
    };
    let table = match (direction, is_secure) {
        (Direction::Input, false) => &INPUT,
        (Direction::Output, false) => &OUTPUT,
        (Direction::InputOnly, false) => &INPUT_ONLY,
        (Direction::Input, true) => &SECURE_INPUT,
        (Direction::Output, true) => &SECURE_OUTPUT,
        (Direction::InputOnly, true) => &SECURE_INPUT_ONLY,
    };
    table[event as usize][state as usize]
}

const _: () = assert!(NO as usize == 0 && SA as usize == STATES - 1);

#[cfg(test)]
mod tests {
    use super::flags::{ACK, FIN, RST, SYN};
    use super::*;

    fn walk(segments: &[(Direction, u8)]) -> Vec<&'static str> {
        let mut state = State::None;
        segments
            .iter()
            .map(|(direction, flags)| {
                state = next(state, *flags, *direction, false);
                state.name()
            })
            .collect()
    }

    #[test]
    fn direct_routing_sees_half_of_a_connection() {
        use Direction::InputOnly as In;
        let seen = walk(&[(In, SYN), (In, ACK), (In, ACK), (In, FIN | ACK), (In, ACK)]);
        assert_eq!(seen, ["SYN_RECV", "ESTABLISHED", "ESTABLISHED", "FIN_WAIT", "FIN_WAIT"]);
    }

    #[test]
    fn masquerading_sees_both_halves() {
        use Direction::{Input as In, Output as Out};
        let client_first =
            walk(&[(In, SYN), (Out, SYN | ACK), (In, ACK), (In, FIN | ACK), (Out, FIN | ACK), (In, ACK)]);
        assert_eq!(client_first, ["SYN_RECV", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "TIME_WAIT", "TIME_WAIT"]);
        let server_first = walk(&[(In, SYN), (Out, SYN | ACK), (In, ACK), (Out, FIN | ACK), (In, FIN | ACK)]);
        assert_eq!(server_first[3..], ["FIN_WAIT", "TIME_WAIT"]);
        assert_eq!(walk(&[(In, SYN), (Out, RST | ACK)]), ["SYN_RECV", "CLOSE"]);
    }

    #[test]
    fn secure_tcp_waits_for_the_server() {
        let input_only = |state, flags| next(state, flags, Direction::InputOnly, true);
        assert_eq!(input_only(State::None, SYN), State::SynAck);
        assert_eq!(next(State::SynReceived, ACK, Direction::Input, true), State::SynReceived);
        assert_eq!(next(State::SynReceived, SYN | ACK, Direction::Output, true), State::SynAck);
    }

    #[test]
    fn a_segment_without_flags_closes() {
        assert_eq!(next(State::Established, 0x08, Direction::Input, false), State::Close);
    }
}
