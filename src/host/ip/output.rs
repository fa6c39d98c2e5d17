//! What goes out: net/ipv4/ip_output.c.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::super::interface::IfIndex;
use super::super::kernel::Kernel;
use super::super::netfilter::{Hook, Passage, Way};
use super::super::packet::Packet;
use super::super::raw::Direction;
use super::super::route::{Kind, Query, Route, RouteKind};
use super::super::socket::Errno;
use super::super::timer::Timer;
use super::Flow;
use crate::random::{self, RngExt};
use crate::reason::{Drop, Ip, IpDrop, Note, Origin};
use crate::sim::Action;
use crate::time::Span;
use crate::wire::build::{self, Ipv4Fields};
use crate::wire::{Frame, MacAddr, proto, rewrite};

/// How long a packet takes from the host to itself. Not no time at all: two programs that talk to each other must not
/// stop the clock.
const LOOPBACK_DELAY: Span = Span::from_micros(10);

/// The identification of datagrams, counted for each destination from a random beginning (ip_select_ident).
#[derive(Debug, Default)]
pub struct Identification {
    next: FxHashMap<(Ipv4Addr, u8), u16>,
    random: Option<random::Stream>,
}

impl Identification {
    /// Draws the beginnings from this stream.
    pub fn seed(&mut self, stream: random::Stream) {
        self.random = Some(stream);
    }

    fn next(&mut self, destination: Ipv4Addr, protocol: u8) -> u16 {
        let random = &mut self.random;
        let next = self
            .next
            .entry((destination, protocol))
            .or_insert_with(|| random.as_mut().map_or(0, |random| random.random::<u16>()));
        *next = next.wrapping_add(1);
        *next
    }
}

impl Kernel {
    /// ip_queue_xmit, ip_push_pending_frames: makes a packet and sends it on its way through LOCAL_OUT.
    ///
    /// # Errors
    ///
    /// Why there is no way ([`Kernel::route_output`]); [`Errno::MessageTooLong`] if it must not be fragmented and does
    /// not fit; [`Errno::NotPermitted`] if a rule of the OUTPUT chain stops it.
    pub fn send_ipv4(&mut self, flow: &Flow, write_payload: impl FnOnce(&mut Vec<u8>)) -> Result<(), Errno> {
        let route = self.route_query(&flow.query())?;
        let default_ttl = match route.kind {
            RouteKind::Multicast => 1,
            _ => self.sysctl.default_ttl(),
        };
        let id = match flow.id {
            Some(id) => id,
            // A datagram that is never fragmented needs no number (RFC 6864).
            None if flow.dont_fragment => 0,
            None => self.identification.next(flow.destination, flow.protocol),
        };
        let fields = Ipv4Fields {
            source: flow.source.unwrap_or(route.source),
            destination: flow.destination,
            protocol: flow.protocol,
            ttl: flow.ttl.unwrap_or(default_ttl),
            tos: flow.tos,
            id,
            dont_fragment: flow.dont_fragment,
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let frame = build::ipv4(&mut scratch, &fields, write_payload);
        self.scratch = scratch;
        if flow.dont_fragment && flow.protocol != proto::TCP && frame.payload().len() > route.mtu as usize {
            return Err(Errno::MessageTooLong);
        }
        let packet = Packet { mark: flow.mark, ..Packet::new(frame, IfIndex::LO, self.out.origin()) };
        self.step_routed(packet.origin, flow.destination, &route);
        self.ip_local_out(packet, route)
    }

    /// __ip_local_out: a packet made here passes LOCAL_OUT.
    pub(in crate::host) fn ip_local_out(&mut self, packet: Packet, route: Route) -> Result<(), Errno> {
        self.ip_counters.out_requests += 1;
        let before = (packet.destination(), packet.mark);
        let packet = match self.netfilter(Hook::Output, packet, Way::along(&route)) {
            Passage::On(packet) => packet,
            Passage::Dropped => return Err(Errno::NotPermitted),
            Passage::Stolen => return Ok(()),
        };
        let route = if before == (packet.destination(), packet.mark) { route } else { self.reroute(&packet)? };
        self.ip_output(packet, &route);
        Ok(())
    }

    /// ip_route_me_harder: a packet made here that a rule has marked or readdressed may have another way.
    fn reroute(&mut self, packet: &Packet) -> Result<Route, Errno> {
        let kind = self.routes.kind_of(packet.source());
        self.route_query(&Query {
            source: Some(packet.source()).filter(|_| matches!(kind, Kind::Local | Kind::Unicast)),
            tos: packet.ip()[1],
            mark: packet.mark,
            any_source: true,
            ..Query::to(packet.destination())
        })
    }

    /// ip_output: POST_ROUTING, fragmentation, neighbour, device. For packets that have passed LOCAL_OUT or FORWARD.
    pub(in crate::host) fn ip_output(&mut self, packet: Packet, route: &Route) {
        let Passage::On(packet) = self.netfilter(Hook::Postrouting, packet, Way::along(route)) else { return };
        if packet.total_len() <= route.mtu as usize {
            return self.ip_finish_output(packet, route);
        }
        if packet.is_dont_fragment() && !packet.is_fragment() {
            return self.refuse_too_big(&packet, route.mtu);
        }
        let fragments = packet.fragments(route.mtu);
        let (pieces, mtu) = (fragments.len(), route.mtu);
        self.out.note_about(packet.origin, || Note::Ip(Ip::Fragmented { pieces, mtu }));
        for fragment in fragments {
            self.ip_finish_output(fragment, route);
        }
    }

    /// The next number of a datagram (__ip_select_ident).
    pub(in crate::host) fn next_ip_id(&mut self, destination: Ipv4Addr, protocol: u8) -> u16 {
        self.identification.next(destination, protocol)
    }

    /// ip_finish_output2; the kernel's ip_mc_output for what is for everybody, this host included.
    fn ip_finish_output(&mut self, packet: Packet, route: &Route) {
        let destination = packet.destination();
        if self.interfaces.get(route.oif).is_some_and(|interface| interface.tunnel().is_some()) {
            return self.tunnel_transmit(route.oif, route, packet);
        }
        match route.kind {
            RouteKind::Local => self.loop_back(packet),
            RouteKind::Broadcast => {
                self.looping.push_back((Packet { iif: route.oif, ..packet.clone() }, RouteKind::Broadcast));
                self.timers.arm(self.now + LOOPBACK_DELAY, Timer::Loopback);
                self.transmit(route.oif, MacAddr::BROADCAST, packet);
            }
            RouteKind::Multicast => self.transmit(route.oif, multicast_mac(destination), packet),
            RouteKind::Unicast => {
                self.send_to_neighbour(route.oif, route.gateway.unwrap_or(destination), packet);
            }
        }
    }

    /// loopback_xmit: a packet for this host comes in again a moment later.
    fn loop_back(&mut self, mut packet: Packet) {
        packet.iif = IfIndex::LO;
        if let Some(lo) = self.interfaces.get_mut(IfIndex::LO) {
            let bytes = packet.frame.bytes().len() as u64;
            lo.counters.tx_packets += 1;
            lo.counters.tx_bytes += bytes;
            lo.counters.rx_packets += 1;
            lo.counters.rx_bytes += bytes;
        }
        self.packet_sockets_see(IfIndex::LO, Direction::Out, &packet.frame);
        self.looping.push_back((packet, RouteKind::Local));
        self.timers.arm(self.now + LOOPBACK_DELAY, Timer::Loopback);
    }

    /// Takes in what this host has sent to itself longest ago. It keeps the route that it was sent with, so that nobody
    /// wonders about its source.
    pub(in crate::host) fn loopback_timer(&mut self) {
        let Some((packet, kind)) = self.looping.pop_front() else { return };
        let iif = packet.iif;
        self.out.handling = packet.origin.cause;
        self.packet_sockets_see(iif, Direction::In, &packet.frame);
        self.ip_counters.in_receives += 1;
        if let Passage::On(packet) = self.netfilter(Hook::Prerouting, packet, Way::from(iif)) {
            self.ip_local_deliver(packet, kind);
        }
        self.receive_from_tunnels();
        self.out.handling = None;
    }

    /// Puts a packet on a cable, for the machine with this hardware address.
    pub(in crate::host) fn transmit(&mut self, oif: IfIndex, to: MacAddr, mut packet: Packet) {
        let Some(interface) = self.interfaces.get(oif) else { return };
        rewrite::set_ethernet(&mut packet.frame, interface.mac, to);
        self.transmit_frame(oif, packet.frame, packet.origin);
    }

    /// dev_queue_xmit: puts a frame on a cable.
    pub(in crate::host) fn transmit_frame(&mut self, oif: IfIndex, frame: Frame, origin: Origin) {
        let Some(interface) = self.interfaces.get_mut(oif) else { return };
        if !interface.up {
            let interface = interface.name.clone();
            return self.out.note_about(origin, || Note::Drop(Drop::Ip(IpDrop::InterfaceDown { interface })));
        }
        if !interface.carrier {
            let interface = interface.name.clone();
            return self.out.note_about(origin, || Note::Drop(Drop::Ip(IpDrop::NoCarrier { interface })));
        }
        interface.counters.tx_packets += 1;
        interface.counters.tx_bytes += frame.bytes().len() as u64;
        let (port, lower) = (interface.port(), interface.lower());
        self.packet_sockets_see(oif, Direction::Out, &frame);
        match (port, lower) {
            (Some(port), _) => self.out.actions.push(Action::Transmit { port, frame, origin }),
            (None, Some(lower)) => self.transmit_frame(lower, frame, origin),
            (None, None) => {
                let interface = self.interface_name(oif).to_owned();
                self.out.note_about(origin, || Note::Drop(Drop::Ip(IpDrop::Dummy { interface })));
            }
        }
    }
}

/// ip_eth_mc_map (RFC 1112, 6.4): the low 23 bits of the group.
fn multicast_mac(group: Ipv4Addr) -> MacAddr {
    let [_, b, c, d] = group.octets();
    MacAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d])
}
