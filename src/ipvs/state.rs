//! The state of a connection, whatever its protocol.

use super::{sctp, tcp};
use crate::time::Span;
use crate::wire::proto;

/// Whose packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The client's.
    Input,
    /// The real server's.
    Output,
    /// The client's, while none of the real server has been seen here: with direct routing and tunnels, mostly.
    InputOnly,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A TCP connection.
    Tcp(tcp::State),
    /// Datagrams; there is one state only.
    Udp,
    /// An SCTP association.
    Sctp(sctp::State),
    /// A template; assured once one of its connections was established or answered (IP_VS_CTPL_S_ASSURED).
    Template {
        /// Whether.
        is_assured: bool,
    },
    /// AH and ESP, which have none.
    Other,
}

impl State {
    /// The state in which a connection of this protocol begins.
    pub fn new(protocol: u8) -> State {
        match protocol {
            proto::TCP => State::Tcp(tcp::State::None),
            proto::UDP => State::Udp,
            proto::SCTP => State::Sctp(sctp::State::None),
            _ => State::Other,
        }
    }

    /// The name in listings.
    pub fn name(self) -> &'static str {
        match self {
            State::Tcp(state) => state.name(),
            State::Udp => "UDP",
            State::Sctp(state) => state.name(),
            State::Template { is_assured: true } => "ASSURED",
            State::Template { is_assured: false } | State::Other => "NONE",
        }
    }

    /// Its number in messages to other directors.
    pub fn number(self) -> u16 {
        match self {
            State::Tcp(state) => state as u16,
            State::Sctp(state) => state as u16,
            State::Template { is_assured } => u16::from(is_assured),
            State::Udp | State::Other => 0,
        }
    }

    /// Whether a connection in it counts as active.
    pub fn is_active(self) -> bool {
        match self {
            State::Tcp(state) => state.is_active(),
            State::Sctp(state) => state.is_active(),
            State::Udp | State::Template { .. } | State::Other => false,
        }
    }
}

/// How long connections are kept after their last packet.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// TCP, by state.
    pub tcp: tcp::Timeouts,
    /// Datagrams.
    pub udp: Span,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { tcp: tcp::Timeouts::default(), udp: Span::from_secs(300) }
    }
}

impl Timeouts {
    /// How long a connection is kept in a state; none if the state does not say.
    pub fn of(&self, state: State) -> Option<Span> {
        match state {
            State::Tcp(state) => Some(self.tcp.of(state)),
            State::Udp => Some(self.udp),
            State::Sctp(state) => Some(state.timeout()),
            State::Template { .. } | State::Other => None,
        }
    }
}
