//! The User Datagram Protocol (RFC 768) as Linux has it: net/ipv4/udp.c.

mod table;

use std::net::{Ipv4Addr, SocketAddrV4};

use etherparse::UdpSlice;

use super::interface::IfIndex;
use super::ip::Flow;
use super::kernel::Kernel;
use super::packet::Packet;
use super::process::WaitOn;
use super::route::{Route, RouteKind};
use super::socket::{Bind, Errno, SocketId};
use super::tcp::icmp_errno;
use crate::reason::{Drop, Note, TransportDrop};
use crate::wire::{IPV4_LEN, build, proto};

pub use table::{Udp, UdpCounters};

use table::Arrival;

/// Bytes of a UDP header.
const HEADER_LEN: usize = 8;

/// A datagram that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// What it carried.
    pub bytes: Vec<u8>,
    /// Who sent it.
    pub from: SocketAddrV4,
    /// The address that it was sent to (IP_PKTINFO).
    pub to: Ipv4Addr,
    /// The interface that it came in by (IP_PKTINFO).
    pub iif: IfIndex,
}

/// A UDP socket as `ss` lists it.
#[derive(Clone, Debug)]
pub struct UdpSocketView {
    /// Its name.
    pub id: SocketId,
    /// This side; the address 0.0.0.0 stands for any.
    pub local: SocketAddrV4,
    /// The peer, if it is connected to one.
    pub remote: Option<SocketAddrV4>,
    /// The interface that it is bound to.
    pub device: Option<IfIndex>,
    /// Bytes that the program has not taken.
    pub receive_queue: u32,
}

impl Kernel {
    /// udp_rcv: a datagram for this host.
    pub(super) fn udp_receive(&mut self, packet: Packet) {
        let Some((ports, bytes)) = self.udp_parse(&packet) else { return };
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
                self.scheduler.wake(WaitOn::Socket(id));
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
    pub(super) fn udp_icmp_error(&mut self, icmp_type: u8, code: u8, _mtu: u16, quoted: &[u8]) {
        // Only some errors are final; of the others a socket hears when it has asked for them (IP_RECVERR).
        let fatal = icmp_type == 3 && !matches!(code, 0 | 1 | 5 | 11 | 12);
        let Some(error) = icmp_errno(icmp_type, code).filter(|_| fatal) else { return };
        let Some((local, remote)) = quoted_ends(quoted) else { return };
        if let Some(id) = self.udp.fail(local, remote, error) {
            self.scheduler.wake(WaitOn::Socket(id));
        }
    }

    /// socket, bind.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressInUse`], [`Errno::AddressNotAvailable`].
    pub fn udp_bind(&mut self, local: Bind) -> Result<SocketId, Errno> {
        let usable = |ip: Ipv4Addr| ip.is_multicast() || ip.is_broadcast() || self.is_local(ip);
        if local.address.is_some_and(|ip| !usable(ip)) {
            return Err(Errno::AddressNotAvailable);
        }
        let range = self.local_port_range();
        self.udp.bind(local, range)
    }

    /// connect.
    ///
    /// # Errors
    ///
    /// No route.
    pub fn udp_connect(&mut self, socket: SocketId, remote: SocketAddrV4) -> Result<(), Errno> {
        let (address, device) = {
            let socket = self.udp.get(socket)?;
            (socket.bound, socket.device)
        };
        let route = self.route_output(*remote.ip(), address, device)?;
        let source = address.unwrap_or(route.source);
        self.udp.connect(socket, source, remote)
    }

    /// sendmsg: to the connected peer if `to` is unset; from `source` if that is set (IP_PKTINFO).
    ///
    /// # Errors
    ///
    /// An ICMP error that came in before, or why it could not be sent.
    pub fn udp_send(
        &mut self,
        socket: SocketId,
        bytes: &[u8],
        to: Option<SocketAddrV4>,
        source: Option<Ipv4Addr>,
    ) -> Result<(), Errno> {
        let socket = self.udp.get(socket)?;
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        let to = to.or(socket.remote).ok_or(Errno::DestinationRequired)?;
        if to.port() == 0 {
            return Err(Errno::InvalidArgument);
        }
        if bytes.len() > usize::from(u16::MAX) - IPV4_LEN - HEADER_LEN {
            return Err(Errno::MessageTooLong);
        }
        let group = socket.multicast.filter(|_| to.ip().is_multicast());
        let flow = Flow {
            source: source.or(socket.source()),
            destination: *to.ip(),
            protocol: proto::UDP,
            ttl: group.map(|(_, ttl)| ttl),
            tos: 0,
            dont_fragment: false,
            id: socket.next_ip_id(),
            oif: group.map(|(interface, _)| interface).or(socket.device),
        };
        let port = socket.port;
        let route = self.route_output(flow.destination, flow.source, flow.oif)?;
        self.udp_transmit(flow, route, port, to, bytes)
    }

    fn udp_transmit(
        &mut self,
        mut flow: Flow,
        route: Route,
        port: u16,
        to: SocketAddrV4,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        let source = flow.source.unwrap_or(route.source);
        flow.source = Some(source);
        // IP_PMTUDISC_WANT: routers may not cut what fits; what does not is cut here.
        flow.dont_fragment =
            route.kind != RouteKind::Multicast && IPV4_LEN + HEADER_LEN + bytes.len() <= route.mtu as usize;
        self.udp.counters.out_datagrams += 1;
        self.send_ipv4(&flow, |buffer| build::udp(buffer, (source, port), (*to.ip(), to.port()), bytes))
    }

    /// recvmsg.
    ///
    /// # Errors
    ///
    /// [`Errno::WouldBlock`] when there is none; an ICMP error on a connected socket.
    pub fn udp_take(&mut self, socket: SocketId) -> Result<Datagram, Errno> {
        self.udp.take(socket)
    }

    /// IP_MULTICAST_IF and IP_MULTICAST_TTL.
    pub fn udp_set_multicast(&mut self, socket: SocketId, interface: IfIndex, ttl: u8) {
        if let Ok(socket) = self.udp.get(socket) {
            socket.multicast = Some((interface, ttl));
        }
    }

    /// IP_ADD_MEMBERSHIP.
    ///
    /// # Errors
    ///
    /// [`Errno::InvalidArgument`] if it is no group, [`Errno::AddressInUse`] if the socket is in it already.
    pub fn udp_join(&mut self, socket: SocketId, group: Ipv4Addr, interface: IfIndex) -> Result<(), Errno> {
        if !group.is_multicast() {
            return Err(Errno::InvalidArgument);
        }
        self.udp.join(socket, group, interface)
    }

    /// close.
    pub fn udp_close(&mut self, socket: SocketId) {
        self.udp.close(socket);
    }

    /// getsockname.
    pub fn udp_local(&self, socket: SocketId) -> Option<SocketAddrV4> {
        self.udp.view(socket).map(|socket| socket.local)
    }

    /// All UDP sockets, oldest numbers first.
    pub fn udp_sockets(&self) -> impl Iterator<Item = UdpSocketView> {
        self.udp.views()
    }

    /// UDP's counters.
    pub fn udp_counters(&self) -> &UdpCounters {
        &self.udp.counters
    }
}

/// The ends of the datagram that an ICMP error quotes.
fn quoted_ends(quoted: &[u8]) -> Option<(SocketAddrV4, SocketAddrV4)> {
    let header_len = usize::from(quoted.first()? & 0xf) * 4;
    if header_len < IPV4_LEN {
        return None;
    }
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(quoted.get(at..at + 4)?).ok()?));
    let ports = quoted.get(header_len..header_len + 4)?;
    let local = SocketAddrV4::new(address(12)?, u16::from_be_bytes([ports[0], ports[1]]));
    let remote = SocketAddrV4::new(address(16)?, u16::from_be_bytes([ports[2], ports[3]]));
    Some((local, remote))
}
