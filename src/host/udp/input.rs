//! Datagrams that come in, and what routers say about those that went out.

use std::net::SocketAddrV4;

use etherparse::UdpSlice;

use super::HEADER_LEN;
use super::table::Arrival;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::process::WaitOn;
use crate::host::tcp::{icmp_errno, quoted_ends};
use crate::reason::{Drop, Note, Step, TransportDrop};

impl Kernel {
    /// udp_rcv: a datagram for this host.
    pub(in crate::host) fn udp_receive(&mut self, packet: Packet) {
        let Some((ports, bytes)) = self.udp_parse(&packet) else { return };
        if let Some(carries) = self.fou_port(ports.1) {
            return self.fou_receive(&packet, carries);
        }
        let arrival = Arrival {
            from: SocketAddrV4::new(packet.source(), ports.0),
            to: SocketAddrV4::new(packet.destination(), ports.1),
            iif: packet.iif,
        };
        let shared =
            arrival.to.ip().is_multicast() || arrival.to.ip().is_broadcast() || !self.is_local(*arrival.to.ip());
        let takers = if shared { self.udp.find_all(&arrival) } else { self.udp.find(&arrival).into_iter().collect() };
        if takers.is_empty() {
            self.udp.counters.no_ports += 1;
            self.udp_drop(TransportDrop::NoSocket { address: *arrival.to.ip(), port: arrival.to.port() });
            if !shared {
                self.icmp_send(&packet, 3, 3, [0; 4]);
            }
            return;
        }
        for id in takers {
            if self.udp.deliver(id, &arrival, bytes) {
                self.step(packet.origin, || Step::Udp { local: arrival.to });
                self.scheduler.wake(WaitOn::Socket(id));
                self.take_sync(id);
            } else {
                self.udp_drop(TransportDrop::ReceiveBufferFull);
            }
        }
    }

    /// The ports and the data of a sound datagram; others are noted and dropped.
    fn udp_parse<'a>(&mut self, packet: &'a Packet) -> Option<((u16, u16), &'a [u8])> {
        let bytes = packet.payload();
        let Ok(slice) = UdpSlice::from_slice(bytes) else {
            self.udp.counters.in_errors += 1;
            self.udp_drop(TransportDrop::TooSmall);
            return None;
        };
        let (source, destination) = (packet.source().octets(), packet.destination().octets());
        // No checksum is 0 on the wire; one that comes out as 0 is sent as 0xffff, and both are the same to the sum.
        let computed = slice.to_header().calc_checksum_ipv4_raw(source, destination, slice.payload());
        if slice.checksum() != 0 && computed != Ok(slice.checksum()) {
            self.udp.counters.in_errors += 1;
            self.udp.counters.checksum_errors += 1;
            self.udp_drop(TransportDrop::Checksum);
            return None;
        }
        Some(((slice.source_port(), slice.destination_port()), &bytes[HEADER_LEN..HEADER_LEN + slice.payload().len()]))
    }

    fn udp_drop(&mut self, reason: TransportDrop) {
        self.out.note(|| Note::Drop(Drop::Transport(reason)));
    }

    /// udp_err: an ICMP error about a datagram that this host has sent; see [`Kernel::tcp_icmp_error`].
    pub(in crate::host) fn udp_icmp_error(&mut self, icmp_type: u8, code: u8, _mtu: u16, quoted: &[u8]) {
        // Only some errors are final; of the others a socket hears when it has asked for them (IP_RECVERR).
        let fatal = icmp_type == 3 && !matches!(code, 0 | 1 | 5 | 11 | 12);
        let Some(error) = icmp_errno(icmp_type, code).filter(|_| fatal) else { return };
        let Some((local, remote, _)) = quoted_ends(quoted) else { return };
        if let Some(id) = self.udp.fail(local, remote, error) {
            self.scheduler.wake(WaitOn::Socket(id));
        }
    }
}
