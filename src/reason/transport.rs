//! Reasons of TCP and UDP.

use std::fmt;
use std::net::Ipv4Addr;

use crate::time::Span;

/// Why TCP or UDP takes no notice of what arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportDrop {
    /// The header is cut off, or says that it is longer than the packet.
    TooSmall,
    /// The checksum is wrong.
    Checksum,
    /// Nobody listens at the port.
    NoSocket {
        /// The address that it was for.
        address: Ipv4Addr,
        /// The port that nobody uses there.
        port: u16,
    },
    /// TCP speaks with one machine only.
    NotUnicast,
    /// The program does not read fast enough.
    ReceiveBufferFull,
    /// Too many connections wait for the program to accept them.
    ListenOverflow {
        /// The second argument of listen(2).
        backlog: u32,
    },
    /// Too many connections are half open.
    RequestQueueFull {
        /// The second argument of listen(2).
        backlog: u32,
    },
    /// Nothing that this state of the connection expects.
    Flags,
    /// Outside the receive window.
    InvalidSequence,
    /// Its timestamp is older than the last one.
    OldTimestamp,
    /// It acknowledges what was acknowledged long ago.
    OldAck,
    /// Acknowledges what was never sent.
    AckOfUnsentData,
    /// Everything in it had arrived before.
    OldData,
    /// No room was promised for it.
    OverWindow,
    /// The quoted sequence number is not in flight: a late or a forged error.
    ForeignError,
}

/// What TCP decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tcp {
    /// A segment is answered with RST.
    Reset(Reset),
    /// Something is sent once more.
    Retransmit {
        /// What told that it was lost.
        cause: Retransmission,
        /// How often in a row.
        attempt: u32,
        /// When it will be sent again if still nobody answers.
        next: Span,
    },
    /// A connection is given up: nobody has answered for too long.
    GaveUp {
        /// Retransmissions without an answer.
        attempts: u32,
    },
    /// A new connection takes the place of one in TIME_WAIT, since its SYN is surely newer.
    TimeWaitReused,
}

/// The states of RFC 9293, section 3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// LISTEN
    Listen,
    /// SYN_SENT
    SynSent,
    /// SYN_RECV
    SynReceived,
    /// ESTABLISHED
    Established,
    /// FIN_WAIT1
    FinWait1,
    /// FIN_WAIT2
    FinWait2,
    /// CLOSE_WAIT
    CloseWait,
    /// CLOSING
    Closing,
    /// LAST_ACK
    LastAck,
    /// TIME_WAIT
    TimeWait,
    /// CLOSE
    Closed,
}

impl TcpState {
    /// What `ss` calls it.
    pub const fn name(self) -> &'static str {
        match self {
            TcpState::Listen => "LISTEN",
            TcpState::SynSent => "SYN-SENT",
            TcpState::SynReceived => "SYN-RECV",
            TcpState::Established => "ESTAB",
            TcpState::FinWait1 => "FIN-WAIT-1",
            TcpState::FinWait2 => "FIN-WAIT-2",
            TcpState::CloseWait => "CLOSE-WAIT",
            TcpState::Closing => "CLOSING",
            TcpState::LastAck => "LAST-ACK",
            TcpState::TimeWait => "TIME-WAIT",
            TcpState::Closed => "UNCONN",
        }
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a RST is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// Nobody listens at the port.
    ClosedPort,
    /// The connection is not, or no longer, known here.
    UnknownConnection,
    /// Data came for a program that has closed its socket (TCPAbortOnData).
    DataAfterClose,
    /// The program has closed its socket without reading what had arrived (TCPAbortOnClose).
    UnreadData,
    /// The program has broken the connection off.
    Aborted,
    /// Too many connections wait to be accepted, and tcp_abort_on_overflow is 1.
    Overflow,
    /// The acknowledgement fits no SYN of ours.
    WrongAck,
}

/// What tells that a segment was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retransmission {
    /// The retransmission timer.
    Timeout,
    /// The tail loss probe's timer (RFC 8985, section 7).
    TailProbe,
    /// Later segments have arrived (RFC 6675).
    LaterArrived,
    /// A closed window is probed.
    ZeroWindow,
    /// A router said that it was too big.
    PathMtu,
}

impl fmt::Display for TransportDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportDrop::TooSmall => f.write_str("its transport header is cut off"),
            TransportDrop::Checksum => f.write_str("its transport checksum is wrong"),
            TransportDrop::NoSocket { address, port } => write!(f, "no program uses port {port} at {address}"),
            TransportDrop::NotUnicast => f.write_str("TCP speaks with one machine only, not with a group"),
            TransportDrop::ReceiveBufferFull => f.write_str("the program does not read fast enough"),
            TransportDrop::ListenOverflow { backlog } => {
                write!(f, "too many connections wait to be accepted (backlog {backlog})")
            }
            TransportDrop::RequestQueueFull { backlog } => {
                write!(f, "too many connections are half open (backlog {backlog})")
            }
            TransportDrop::Flags => f.write_str("the connection's state does not expect such a segment"),
            TransportDrop::InvalidSequence => f.write_str("its sequence number lies outside the receive window"),
            TransportDrop::OldTimestamp => f.write_str("its timestamp is older than the last one"),
            TransportDrop::OldAck => f.write_str("it acknowledges what was acknowledged long ago"),
            TransportDrop::AckOfUnsentData => f.write_str("it acknowledges what was never sent"),
            TransportDrop::OldData => f.write_str("its data had arrived before"),
            TransportDrop::OverWindow => f.write_str("its data is more than the receive window allows"),
            TransportDrop::ForeignError => f.write_str("the segment that it quotes is not in flight"),
        }
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tcp::Reset(reset) => write!(f, "answers with RST: {reset}"),
            Tcp::Retransmit { cause, attempt, next } => {
                write!(f, "retransmission {attempt}: {cause}; next after {next} s")
            }
            Tcp::GaveUp { attempts } => write!(f, "gives up the connection after {attempts} retransmissions"),
            Tcp::TimeWaitReused => f.write_str("a newer SYN takes over from the connection in TIME_WAIT"),
        }
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reset::ClosedPort => "nobody listens at the port",
            Reset::UnknownConnection => "the connection is not known here",
            Reset::DataAfterClose => "the program has closed its socket already",
            Reset::UnreadData => "the program has closed its socket without reading all",
            Reset::Aborted => "the program has broken the connection off",
            Reset::Overflow => "too many connections wait to be accepted, and tcp_abort_on_overflow is 1",
            Reset::WrongAck => "it acknowledges no SYN of ours",
        })
    }
}

impl fmt::Display for Retransmission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Retransmission::Timeout => "no acknowledgement in time",
            Retransmission::TailProbe => "the tail is probed",
            Retransmission::LaterArrived => "later segments have arrived",
            Retransmission::ZeroWindow => "the closed window is probed",
            Retransmission::PathMtu => "a router said that it was too big",
        })
    }
}
