//! Between TCP and IP: segments that come in and go out, and what routers say about them. net/ipv4/tcp_ipv4.c.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::host::ip::Flow;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::socket::{Errno, SocketId};
use crate::reason::{Drop, Note, Step, TransportDrop};
use crate::wire::{IPV4_LEN, proto};

use super::output::{Addressed, Outgoing};
use super::segment::{Flags, Malformed, Segment, Seq, Tuple};
use super::table::{Socket, Surroundings, Tcp};

impl Kernel {
    /// tcp_v4_rcv: a segment for this host.
    pub(in crate::host) fn tcp_receive(&mut self, packet: Packet) {
        // Connections are between two; whoever got a group's packet by mistake keeps quiet.
        if packet.came_to_many() || packet.destination().is_multicast() || packet.destination().is_broadcast() {
            return self.tcp_drop(TransportDrop::NotUnicast);
        }
        let segment = match Segment::parse(packet.payload(), packet.source(), packet.destination()) {
            Ok(segment) => segment,
            Err(malformed) => return self.tcp_malformed(malformed),
        };
        let opens = segment.has(Flags::SYN) && !segment.has(Flags::ACK);
        let mtu = if opens { self.tcp_path_mtu(&segment.tuple) } else { None };
        if !self.out.tracing {
            return self.tcp_with(|tcp, around| tcp.receive(&segment, packet.iif, mtu, around));
        }
        let (before, noted) = (self.tcp.state_at(&segment.tuple), self.out.actions.len());
        self.tcp_with(|tcp, around| tcp.receive(&segment, packet.iif, mtu, around));
        if !self.out.has_dropped_since(noted) {
            let after = self.tcp.state_at(&segment.tuple);
            let (local, remote) = (segment.tuple.local_end(), segment.tuple.remote_end());
            self.out.note(|| Note::Step(Step::Tcp { local, remote, before, after }));
        }
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
    pub(in crate::host) fn tcp_icmp_error(&mut self, icmp_type: u8, code: u8, mtu: u16, quoted: &[u8]) {
        let Some((local, remote, seq)) = quoted_ends(quoted) else { return };
        let tuple =
            Tuple { local: *local.ip(), remote: *remote.ip(), local_port: local.port(), remote_port: remote.port() };
        self.tcp_with(|tcp, around| tcp.icmp_error(&tuple, Seq(seq), (icmp_type, code, mtu), around));
    }

    /// Whether a redirect about a segment is heeded: only an open connection keeps a route that can be changed (tcp_v4_err's
    /// do_redirect). A SYN+ACK does not have one yet.
    pub(in crate::host) fn tcp_heeds_redirect(&self, quoted: &[u8]) -> bool {
        let Some((local, remote, seq)) = quoted_ends(quoted) else { return false };
        let tuple =
            Tuple { local: *local.ip(), remote: *remote.ip(), local_port: local.port(), remote_port: remote.port() };
        let Some(id) = self.tcp.established.find(&self.tcp.sockets, &tuple) else { return false };
        match &self.tcp.sockets[id.0 as usize].socket {
            Socket::Connection(connection) => {
                !Seq(seq).before(connection.send.una) && !Seq(seq).after(connection.send.nxt)
            }
            _ => false,
        }
    }

    /// A socket's timer has fired.
    pub(in crate::host) fn tcp_timer(&mut self, socket: SocketId) {
        self.tcp_with(|tcp, around| tcp.expire(socket, around));
    }

    /// Lets the sockets do something, and sends what they have made.
    pub(super) fn tcp_with<R>(&mut self, act: impl FnOnce(&mut Tcp, &mut Surroundings<'_>) -> R) -> R {
        self.tcp.settings.refresh(&self.sysctl);
        let mut around = Surroundings {
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
    ///
    /// A segment to this very host may be answered before IP returns; the answer waits its turn in the queue.
    fn tcp_transmit(&mut self) {
        if std::mem::replace(&mut self.tcp.transmitting, true) {
            return;
        }
        let mut batch = Outgoing::default();
        while !self.tcp.outgoing.segments.is_empty() {
            std::mem::swap(&mut batch, &mut self.tcp.outgoing);
            for segment in batch.segments.drain(..) {
                if segment.confirm {
                    self.confirm_neighbour(segment.destination);
                }
                let bytes = &batch.bytes[segment.bytes.clone()];
                // An error here is a drop that IP has explained already.
                let _ = self.send_ipv4(&segment.flow(), |buffer| buffer.extend_from_slice(bytes));
            }
            batch.clear();
        }
        // The larger of the two buffers is kept for the next time.
        if batch.bytes.capacity() > self.tcp.outgoing.bytes.capacity() {
            self.tcp.outgoing = batch;
        }
        self.tcp.transmitting = false;
    }
}

impl Addressed {
    fn flow(&self) -> Flow {
        Flow {
            source: Some(self.source),
            destination: self.destination,
            protocol: proto::TCP,
            ttl: None,
            tos: 0,
            dont_fragment: true,
            id: Some(self.ip_id),
            oif: self.device,
            mark: self.mark,
            header_included: false,
        }
    }
}

impl Tcp {
    /// tcp_v4_err, tcp_req_err
    pub(super) fn icmp_error(
        &mut self,
        tuple: &Tuple,
        seq: Seq,
        (icmp_type, code, mtu): (u8, u8, u16),
        around: &mut Surroundings<'_>,
    ) {
        let Some(id) = self.established.find(&self.sockets, tuple) else { return };
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
pub(in crate::host) fn icmp_errno(icmp_type: u8, code: u8) -> Option<Errno> {
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

/// Whose packet an ICMP error quotes, this host's end first, and the four bytes after the ports. Eight bytes of the payload
/// are all that must be there (RFC 792).
pub(in crate::host) fn quoted_ends(quoted: &[u8]) -> Option<(SocketAddrV4, SocketAddrV4, u32)> {
    let header_len = usize::from(quoted.first()? & 0xf) * 4;
    if header_len < IPV4_LEN {
        return None;
    }
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(quoted.get(at..at + 4)?).ok()?));
    let payload: [u8; 8] = quoted.get(header_len..header_len + 8)?.try_into().ok()?;
    let [a, b, c, d, rest @ ..] = payload;
    let local = SocketAddrV4::new(address(12)?, u16::from_be_bytes([a, b]));
    let remote = SocketAddrV4::new(address(16)?, u16::from_be_bytes([c, d]));
    Some((local, remote, u32::from_be_bytes(rest)))
}
