//! All UDP sockets of a host, and which of them a datagram is for.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustc_hash::FxHashMap;
use slab::Slab;
use smallvec::SmallVec;

use super::{Datagram, UdpSocketView};
use crate::host::counters::counters;
use crate::host::interface::IfIndex;
use crate::host::socket::{Bind, Errno, SocketId, port_candidates};
use crate::random::{self, RngExt, Stream};

/// net.core.rmem_default
const RECEIVE_BUFFER: usize = 212_992;
/// What a small datagram takes of it (skb->truesize).
const LEAST_CHARGE: usize = 768;
/// UDP's sockets are numbered apart from TCP's, so that nobody is woken for another's sake.
const FIRST_ID: u32 = 1 << 31;

counters! {
    /// UDP's counters since the host was switched on.
    UdpCounters {
        /// Datagrams delivered.
        in_datagrams => "UdpInDatagrams",
        /// Datagrams for ports that nobody uses.
        no_ports => "UdpNoPorts",
        /// Datagrams that could not be delivered.
        in_errors => "UdpInErrors",
        /// Datagrams sent.
        out_datagrams => "UdpOutDatagrams",
        /// Datagrams for programs that do not read fast enough.
        buffer_errors => "UdpRcvbufErrors",
        /// Datagrams with a wrong checksum.
        checksum_errors => "UdpInCsumErrors",
    }
}

/// The UDP sockets of a host.
#[derive(Debug)]
pub struct Udp {
    sockets: Slab<Socket>,
    by_port: FxHashMap<u16, SmallVec<[SocketId; 1]>>,
    pub(super) counters: UdpCounters,
    random: Stream,
}

/// A UDP socket.
#[derive(Debug)]
pub(super) struct Socket {
    /// The address that it was bound to.
    pub bound: Option<Ipv4Addr>,
    pub port: u16,
    pub device: Option<IfIndex>,
    pub mark: u32,
    reuse: bool,
    /// The peer, and the address that speaks with it.
    pub remote: Option<SocketAddrV4>,
    connected_from: Option<Ipv4Addr>,
    pub error: Option<Errno>,
    /// IP_MULTICAST_IF, IP_MULTICAST_TTL
    pub multicast: Option<(IfIndex, u8)>,
    groups: SmallVec<[(Ipv4Addr, IfIndex); 1]>,
    queue: VecDeque<Datagram>,
    charged: usize,
    ip_id: u16,
}

/// Whom a datagram comes from, whom it is for, and where it came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub from: SocketAddrV4,
    pub to: SocketAddrV4,
    pub iif: IfIndex,
}

impl Socket {
    /// Where its datagrams come from, if that is settled. A group's or everybody's address is for receiving only.
    pub fn source(&self) -> Option<Ipv4Addr> {
        let sends = |ip: &Ipv4Addr| !ip.is_multicast() && !ip.is_broadcast();
        self.bound.filter(sends).or(self.connected_from)
    }

    /// Connected sockets number their datagrams (inet_id); of others IP does.
    pub fn next_ip_id(&mut self) -> Option<u16> {
        self.remote?;
        let id = self.ip_id;
        self.ip_id = id.wrapping_add(1);
        Some(id)
    }

    fn local(&self) -> Option<Ipv4Addr> {
        self.bound.or(self.connected_from)
    }

    /// compute_score: how narrowly the socket fits, or none if it does not.
    fn score(&self, arrival: &Arrival) -> Option<(bool, u32)> {
        let fits = self.local().is_none_or(|local| local == *arrival.to.ip())
            && self.remote.is_none_or(|remote| remote == arrival.from)
            && self.device.is_none_or(|device| device == arrival.iif);
        let details = u32::from(self.remote.is_some()) * 2 + u32::from(self.device.is_some());
        fits.then_some((self.local().is_some(), details))
    }
}

impl Default for Udp {
    fn default() -> Udp {
        Udp::new(random::stream(0, "udp", ""))
    }
}

impl Udp {
    /// No sockets yet. Ports are drawn from `random`.
    pub fn new(random: Stream) -> Udp {
        Udp { sockets: Slab::new(), by_port: FxHashMap::default(), counters: UdpCounters::default(), random }
    }

    pub(super) fn get(&mut self, id: SocketId) -> Result<&mut Socket, Errno> {
        let index = id.0.wrapping_sub(FIRST_ID) as usize;
        self.sockets.get_mut(index).ok_or(Errno::InvalidArgument)
    }

    fn peek(&self, id: SocketId) -> Option<&Socket> {
        self.sockets.get(id.0.wrapping_sub(FIRST_ID) as usize)
    }

    /// udp_lib_get_port
    pub(super) fn bind(&mut self, local: Bind, range: (u16, u16)) -> Result<SocketId, Errno> {
        let port = match local.port {
            0 => {
                let random = self.random.random();
                let free = |&port: &u16| !self.conflict(&local, port);
                port_candidates(range, random, true).find(free).ok_or(Errno::AddressInUse)?
            }
            port if self.conflict(&local, port) => return Err(Errno::AddressInUse),
            port => port,
        };
        let ip_id = self.random.random();
        let index = self.sockets.insert(Socket {
            bound: local.address,
            port,
            device: local.device,
            mark: local.mark,
            reuse: local.reuse,
            remote: None,
            connected_from: None,
            error: None,
            multicast: None,
            groups: SmallVec::new(),
            queue: VecDeque::new(),
            charged: 0,
            ip_id,
        });
        let id = SocketId(FIRST_ID + index as u32);
        self.by_port.entry(port).or_default().push(id);
        Ok(id)
    }

    /// udp_lib_lport_inuse
    fn conflict(&self, local: &Bind, port: u16) -> bool {
        self.at_port(port).any(|(_, socket)| {
            let addresses = local.address.is_none() || socket.local().is_none() || local.address == socket.local();
            let devices = local.device.is_none() || socket.device.is_none() || local.device == socket.device;
            addresses && devices && !(local.reuse && socket.reuse)
        })
    }

    fn at_port(&self, port: u16) -> impl Iterator<Item = (SocketId, &Socket)> {
        let ids = self.by_port.get(&port).into_iter().flatten();
        ids.filter_map(|&id| Some((id, self.peek(id)?)))
    }

    pub(super) fn connect(&mut self, id: SocketId, source: Ipv4Addr, remote: SocketAddrV4) -> Result<(), Errno> {
        let socket = self.get(id)?;
        socket.connected_from = Some(source);
        socket.remote = Some(remote);
        Ok(())
    }

    /// __udp4_lib_lookup: the socket that fits most narrowly; of equal ones the youngest.
    pub(super) fn find(&self, arrival: &Arrival) -> Option<SocketId> {
        self.at_port(arrival.to.port())
            .filter_map(|(id, socket)| Some((socket.score(arrival)?, id)))
            .max_by_key(|(score, _)| *score)
            .map(|(_, id)| id)
    }

    /// __udp4_lib_mcast_deliver: every socket that fits gets a group's datagram, a member or not (IP_MULTICAST_ALL).
    pub(super) fn find_all(&self, arrival: &Arrival) -> Vec<SocketId> {
        let fits = |socket: &Socket| socket.score(arrival).is_some();
        self.at_port(arrival.to.port()).filter(|(_, socket)| fits(socket)).map(|(id, _)| id).collect()
    }

    /// False if there is no room for it.
    pub(super) fn deliver(&mut self, id: SocketId, arrival: &Arrival, bytes: &[u8]) -> bool {
        let charge = charge(bytes.len());
        let Ok(socket) = self.get(id) else { return true };
        if socket.charged + charge > RECEIVE_BUFFER {
            self.counters.in_errors += 1;
            self.counters.buffer_errors += 1;
            return false;
        }
        socket.charged += charge;
        socket.queue.push_back(Datagram {
            bytes: bytes.to_vec(),
            from: arrival.from,
            to: *arrival.to.ip(),
            iif: arrival.iif,
        });
        self.counters.in_datagrams += 1;
        true
    }

    pub(super) fn take(&mut self, id: SocketId) -> Result<Datagram, Errno> {
        let socket = self.get(id)?;
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        let datagram = socket.queue.pop_front().ok_or(Errno::WouldBlock)?;
        socket.charged -= charge(datagram.bytes.len());
        Ok(datagram)
    }

    /// Tells the socket that is connected so of an error.
    pub(super) fn fail(&mut self, local: SocketAddrV4, remote: SocketAddrV4, error: Errno) -> Option<SocketId> {
        let is_its = |socket: &Socket| socket.remote == Some(remote) && socket.local() == Some(*local.ip());
        let (id, _) = self.at_port(local.port()).find(|(_, socket)| is_its(socket))?;
        self.get(id).ok()?.error = Some(error);
        Some(id)
    }

    /// ip_check_mc_rcu: whether any socket has joined the group on this interface.
    pub(in crate::host) fn is_member(&self, group: Ipv4Addr, interface: IfIndex) -> bool {
        self.sockets.iter().any(|(_, socket)| socket.groups.contains(&(group, interface)))
    }

    pub(super) fn join(&mut self, id: SocketId, group: Ipv4Addr, interface: IfIndex) -> Result<(), Errno> {
        let groups = &mut self.get(id)?.groups;
        if groups.contains(&(group, interface)) {
            return Err(Errno::AddressInUse);
        }
        groups.push((group, interface));
        Ok(())
    }

    pub(super) fn close(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.try_remove(id.0.wrapping_sub(FIRST_ID) as usize) else { return };
        if let Some(ids) = self.by_port.get_mut(&socket.port) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.by_port.remove(&socket.port);
            }
        }
    }

    pub(super) fn view(&self, id: SocketId) -> Option<UdpSocketView> {
        self.peek(id).map(|socket| view(id, socket))
    }

    pub(super) fn views(&self) -> impl Iterator<Item = UdpSocketView> {
        self.sockets.iter().map(|(index, socket)| view(SocketId(FIRST_ID + index as u32), socket))
    }
}

fn view(id: SocketId, socket: &Socket) -> UdpSocketView {
    UdpSocketView {
        id,
        local: SocketAddrV4::new(socket.local().unwrap_or(Ipv4Addr::UNSPECIFIED), socket.port),
        remote: socket.remote,
        device: socket.device,
        receive_queue: socket.charged as u32,
    }
}

fn charge(len: usize) -> usize {
    LEAST_CHARGE.max(2 * len)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH0: IfIndex = IfIndex(2);
    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 200);
    const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 10), 41001);
    const RANGE: (u16, u16) = (50000, 60999);

    fn arrival(to: Ipv4Addr, port: u16) -> Arrival {
        Arrival { from: CLIENT, to: SocketAddrV4::new(to, port), iif: ETH0 }
    }

    fn bind(udp: &mut Udp, address: Option<Ipv4Addr>, port: u16) -> SocketId {
        udp.bind(Bind { address, port, ..Bind::ANY }, RANGE).unwrap()
    }

    #[test]
    fn the_narrowest_socket_gets_it() {
        let mut udp = Udp::default();
        let shared = |address| Bind { address, ..Bind::port(53) };
        let wide = udp.bind(shared(None), RANGE).unwrap();
        let narrow = udp.bind(shared(Some(VIP)), RANGE).unwrap();
        let connected = udp.bind(shared(None), RANGE).unwrap();
        udp.connect(connected, VIP, CLIENT).unwrap();
        assert_eq!(udp.find(&arrival(Ipv4Addr::LOCALHOST, 53)), Some(wide));
        assert_eq!(udp.find(&arrival(VIP, 53)), Some(connected));
        udp.close(connected);
        assert_eq!(udp.find(&arrival(VIP, 53)), Some(narrow));
        assert_eq!(udp.find(&arrival(VIP, 54)), None);
    }

    #[test]
    fn a_connected_socket_hears_its_peer_only() {
        let mut udp = Udp::default();
        let socket = bind(&mut udp, None, 41001);
        udp.connect(socket, VIP, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1)).unwrap();
        assert_eq!(udp.find(&arrival(VIP, 41001)), None);
        assert_eq!(udp.get(socket).unwrap().source(), Some(VIP));
    }

    #[test]
    fn groups_reach_everybody_at_the_port() {
        let mut udp = Udp::default();
        let group = Ipv4Addr::new(224, 0, 0, 81);
        let all = [Bind::port(8848), Bind { address: Some(group), ..Bind::port(8848) }];
        let ids: Vec<SocketId> = all.iter().map(|&local| udp.bind(local, RANGE).unwrap()).collect();
        assert_eq!(udp.find_all(&arrival(group, 8848)), ids);
        udp.join(ids[0], group, ETH0).unwrap();
        assert_eq!(udp.join(ids[0], group, ETH0), Err(Errno::AddressInUse));
    }

    #[test]
    fn an_error_is_told_once_and_to_the_connected_only() {
        let mut udp = Udp::default();
        let socket = bind(&mut udp, None, 41001);
        let local = SocketAddrV4::new(VIP, 41001);
        assert_eq!(udp.fail(local, CLIENT, Errno::ConnectionRefused), None);
        udp.connect(socket, VIP, CLIENT).unwrap();
        assert_eq!(udp.fail(local, CLIENT, Errno::ConnectionRefused), Some(socket));
        assert_eq!(udp.take(socket), Err(Errno::ConnectionRefused));
        assert_eq!(udp.take(socket), Err(Errno::WouldBlock));
    }

    #[test]
    fn a_full_socket_takes_no_more() {
        let mut udp = Udp::default();
        let socket = bind(&mut udp, None, 9);
        let taken = (0..1000).filter(|_| udp.deliver(socket, &arrival(VIP, 9), b"x")).count();
        assert_eq!(taken, RECEIVE_BUFFER / LEAST_CHARGE);
        udp.take(socket).unwrap();
        assert!(udp.deliver(socket, &arrival(VIP, 9), b"x"));
    }

    #[test]
    fn ports_are_chosen_from_the_range_and_not_taken_twice() {
        let mut udp = Udp::default();
        let narrow = (50000, 50003);
        let mut port = |_| {
            let id = udp.bind(Bind::ANY, narrow).unwrap();
            udp.view(id).unwrap().local.port()
        };
        let mut ports: Vec<u16> = (0..4).map(&mut port).collect();
        ports.sort_unstable();
        assert_eq!(ports, [50000, 50001, 50002, 50003]);
        assert_eq!(udp.bind(Bind::ANY, narrow), Err(Errno::AddressInUse));
    }
}
