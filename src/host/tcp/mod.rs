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
mod output;
mod ports;
mod receive;
mod request;
mod rtt;
mod segment;
mod send;
mod show;
mod table;
#[cfg(test)]
mod tests;
mod timers;
mod timewait;

use std::net::Ipv4Addr;

use super::ip::Flow;
use super::kernel::Kernel;
use super::packet::Packet;
use super::socket::{Errno, SocketId};
use crate::reason::{Drop, Note, TransportDrop};
use crate::wire::{IPV4_LEN, proto};

pub use connection::State;
pub use counters::TcpCounters;
pub use show::{TcpSocket, TcpTimer};
pub use table::Tcp;

use segment::{Flags, Malformed, Segment, Seq, Tuple};
use table::{Socket, Surroundings};

impl Kernel {
    /// tcp_v4_rcv: a segment for this host.
    pub(super) fn tcp_receive(&mut self, packet: Packet) {
        // Connections are between two; whoever got a group's packet by mistake keeps quiet.
        if packet.destination().is_multicast() || packet.destination().is_broadcast() {
            return self.tcp_drop(TransportDrop::NotUnicast);
        }
        let segment = match Segment::parse(packet.payload(), packet.source(), packet.destination()) {
            Ok(segment) => segment,
            Err(malformed) => return self.tcp_malformed(malformed),
        };
        let opens = segment.has(Flags::SYN) && !segment.has(Flags::ACK);
        let mtu = if opens { self.tcp_path_mtu(&segment.tuple) } else { None };
        self.tcp_with(|tcp, around| tcp.receive(&segment, packet.iif, mtu, around));
    }

    fn tcp_malformed(&mut self, malformed: Malformed) {
        self.tcp.counters.in_segments += 1;
        self.tcp.counters.in_errors += 1;
        let reason = match malformed {
            Malformed::Truncated => TransportDrop::TooSmall,
            Malformed::Checksum => {
                self.tcp.counters.checksum_errors += 1;
                TransportDrop::Checksum
            }
        };
        self.tcp_drop(reason);
    }

    fn tcp_drop(&mut self, reason: TransportDrop) {
        self.out.note(|| Note::Drop(Drop::Transport(reason)));
    }

    fn tcp_path_mtu(&mut self, tuple: &Tuple) -> Option<u32> {
        self.route_output(tuple.remote, Some(tuple.local), None).ok().map(|route| route.mtu)
    }

    /// tcp_v4_err: an ICMP error about a segment that this host has sent. `quoted` begins with its IPv4 header; `mtu` is
    /// the one that a fragmentation-needed names.
    pub(super) fn tcp_icmp_error(&mut self, icmp_type: u8, code: u8, mtu: u16, quoted: &[u8]) {
        let Some((tuple, seq)) = quoted_segment(quoted) else { return };
        self.tcp_with(|tcp, around| tcp.icmp_error(&tuple, seq, (icmp_type, code, mtu), around));
    }

    /// A socket's timer has fired.
    pub(super) fn tcp_timer(&mut self, socket: SocketId) {
        self.tcp_with(|tcp, around| tcp.expire(socket, around));
    }

    /// Lets the sockets do something, and sends what they have made.
    fn tcp_with<R>(&mut self, act: impl FnOnce(&mut Tcp, &mut Surroundings<'_>) -> R) -> R {
        let mut around = Surroundings {
            port_range: self.local_port_range(),
            now: self.now,
            timers: &mut self.timers,
            scheduler: &mut self.scheduler,
            notes: &mut self.out,
        };
        let result = act(&mut self.tcp, &mut around);
        self.tcp_transmit();
        result
    }

    /// Hands to IP what the sockets have made. What IP refuses counts as lost on the way: it will be sent again.
    fn tcp_transmit(&mut self) {
        while !self.tcp.outgoing.segments.is_empty() {
            let mut outgoing = std::mem::take(&mut self.tcp.outgoing);
            for segment in outgoing.segments.drain(..) {
                let flow = Flow {
                    source: Some(segment.source),
                    destination: segment.destination,
                    protocol: proto::TCP,
                    ttl: None,
                    tos: 0,
                    dont_fragment: true,
                    id: Some(segment.ip_id),
                    oif: segment.device,
                };
                let bytes = &outgoing.bytes[segment.bytes];
                // An error here is a drop that IP has explained already.
                let _ = self.send_ipv4(&flow, |buffer| buffer.extend_from_slice(bytes));
            }
            if self.tcp.outgoing.segments.is_empty() {
                outgoing.clear();
                self.tcp.outgoing = outgoing;
            }
        }
    }
}

impl Tcp {
    /// tcp_v4_err, tcp_req_err
    fn icmp_error(
        &mut self,
        tuple: &Tuple,
        seq: Seq,
        (icmp_type, code, mtu): (u8, u8, u16),
        around: &mut Surroundings<'_>,
    ) {
        let Some(&id) = self.connections.get(tuple) else { return };
        match &mut self.sockets[id.0 as usize].socket {
            Socket::Request(request) => {
                let fatal = matches!((icmp_type, code), (DESTINATION_UNREACHABLE, 0 | 1) | (TIME_EXCEEDED, _));
                if fatal && request.opening.isn == seq {
                    self.drop_request(id);
                }
            }
            Socket::Connection(connection) => {
                if seq.before(connection.send.una) || seq.after(connection.send.nxt) {
                    self.counters.foreign_errors += 1;
                    around.notes.note(|| Note::Drop(Drop::Transport(TransportDrop::ForeignError)));
                    return;
                }
                self.with_connection(id, around, |connection, cx| match (icmp_type, code) {
                    (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED) => {
                        connection.mtu_reduced(u32::from(mtu).max(MIN_PATH_MTU), cx);
                    }
                    _ => {
                        if let Some(error) = icmp_errno(icmp_type, code) {
                            connection.icmp_error(error, cx);
                        }
                    }
                });
            }
            Socket::Listener(_) | Socket::TimeWait(_) => {}
        }
    }
}

const DESTINATION_UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;
const TIME_EXCEEDED: u8 = 11;
/// route.min_pmtu: a smaller path MTU is not believed.
const MIN_PATH_MTU: u32 = 552;

/// What a socket is told about an ICMP error: icmp_err_convert, and EHOSTUNREACH for the time exceeded.
pub(super) fn icmp_errno(icmp_type: u8, code: u8) -> Option<Errno> {
    match (icmp_type, code) {
        (DESTINATION_UNREACHABLE, 0 | 6 | 9 | 11) => Some(Errno::NetworkUnreachable),
        (DESTINATION_UNREACHABLE, 2) => Some(Errno::ProtocolUnreachable),
        (DESTINATION_UNREACHABLE, 3) => Some(Errno::ConnectionRefused),
        (DESTINATION_UNREACHABLE, FRAGMENTATION_NEEDED) => Some(Errno::MessageTooLong),
        (DESTINATION_UNREACHABLE, 7) => Some(Errno::HostDown),
        (DESTINATION_UNREACHABLE, 1 | 10 | 12..=15) | (TIME_EXCEEDED, _) => Some(Errno::HostUnreachable),
        _ => None,
    }
}

/// Whose segment an ICMP error quotes, and its sequence number. Eight bytes of it are all that must be there (RFC 792).
fn quoted_segment(quoted: &[u8]) -> Option<(Tuple, Seq)> {
    let header_len = usize::from(quoted.first()? & 0xf) * 4;
    if header_len < IPV4_LEN {
        return None;
    }
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(quoted.get(at..at + 4)?).ok()?));
    let tcp = quoted.get(header_len..header_len + 8)?;
    let tuple = Tuple {
        local: address(12)?,
        remote: address(16)?,
        local_port: u16::from_be_bytes([tcp[0], tcp[1]]),
        remote_port: u16::from_be_bytes([tcp[2], tcp[3]]),
    };
    Some((tuple, Seq(u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]))))
}
