//! The Transmission Control Protocol (RFC 9293) as Linux 6.1 speaks it on the wire: net/ipv4/tcp*.c.
//!
//! `table` finds the socket of a segment. A connection (`connection`) has a sending half (`send`, `rtt`, `congestion`) and a
//! receiving one (`receive`); `input`, `ack`, `output` and `timers` are what it does when a segment comes, a program calls, or
//! time passes. `request` is what comes before it, `timewait` what comes after. Segments that are to be sent are collected
//! while sockets are at work, and handed to IP afterwards, since IP may come back with an answer at once.
//!
//! Left out, because nobody sees it in a laboratory: SYN cookies, urgent data, keepalive, ECN, Fast Open, F-RTO and undo,
//! RACK's reordering timer (losses are found by RFC 6675 and tail loss probes), HyStart.

mod ack;
mod calls;
mod congestion;
mod connection;
mod counters;
mod input;
mod ipv4;
mod lookup;
mod output;
mod ports;
mod queue;
mod receive;
mod request;
mod rtt;
mod segment;
mod send;
mod settings;
mod show;
mod table;
#[cfg(test)]
mod tests;
mod timers;
mod timewait;

pub(super) use ipv4::{icmp_errno, quoted_ends};

pub use connection::State;
pub use counters::TcpCounters;
pub use show::{TcpSocket, TcpTimer};
pub use table::Tcp;
