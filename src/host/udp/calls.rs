//! The system calls on UDP sockets. None of them blocks: those that would say [`Errno::WouldBlock`].

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Datagram, HEADER_LEN, UdpCounters, UdpSocketView};
use crate::host::interface::IfIndex;
use crate::host::ip::Flow;
use crate::host::kernel::Kernel;
use crate::host::route::{Query, Route, RouteKind};
use crate::host::socket::{Bind, Errno, SocketId};
use crate::wire::{IPV4_LEN, build, proto};

impl Kernel {
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
        let range = self.sysctl.local_port_range();
        self.udp.bind(local, range)
    }

    /// connect.
    ///
    /// # Errors
    ///
    /// No route.
    pub fn udp_connect(&mut self, socket: SocketId, remote: SocketAddrV4) -> Result<(), Errno> {
        let query = {
            let socket = self.udp.get(socket)?;
            let group = socket.multicast.filter(|_| remote.ip().is_multicast());
            let oif = group.map(|(interface, _)| interface).or(socket.device);
            Query { source: socket.bound, oif, mark: socket.mark, ..Query::to(*remote.ip()) }
        };
        let route = self.route_query(&query)?;
        let source = query.source.unwrap_or(route.source);
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
            mark: socket.mark,
            header_included: false,
        };
        let port = socket.port;
        let route = self.route_query(&flow.query())?;
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
