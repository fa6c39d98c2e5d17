//! What comes in: net/ipv4/ip_input.c, and net/core/dev.c's first look at a frame.

use super::super::icmp::Unreachable;
use super::super::interface::IfIndex;
use super::super::kernel::Kernel;
use super::super::netfilter::{Hook, Passage, Way};
use super::super::packet::Packet;
use super::super::raw::Direction;
use super::super::route::{Query, RouteKind};
use super::Arrival;
use crate::ids::Port;
use crate::reason::{Drop, ErrorWithheld, IpDrop, Note, Origin, RefusingRoute, Step};
use crate::wire::{ETHERNET_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, proto, read};

/// Bytes that a frame may be longer than an interface's MTU and its header: room for a VLAN tag.
const VLAN_LEN: usize = 4;

impl Kernel {
    /// __netif_receive_skb_core, eth_type_trans: a frame has arrived.
    pub(in crate::host) fn receive(&mut self, port: Port, frame: Frame) {
        self.receive_frame(port, frame);
        self.receive_from_tunnels();
    }

    fn receive_frame(&mut self, port: Port, frame: Frame) {
        let Some(interface) = self.interfaces.by_port(port) else { return };
        let (index, mac) = (interface.index, interface.mac);
        if !interface.up {
            let interface = interface.name.clone();
            return self.out.note(|| Note::Drop(Drop::Ip(IpDrop::InterfaceDown { interface })));
        }
        if frame.bytes().len() > interface.mtu as usize + ETHERNET_LEN + VLAN_LEN {
            let mtu = interface.mtu;
            return self.out.note(|| Note::Drop(Drop::Ip(IpDrop::TooLongForInterface { mtu })));
        }
        let destination = frame.destination();
        let is_for_us = destination == mac || destination.is_group();
        if let Some(interface) = self.interfaces.get_mut(index) {
            interface.counters.rx_packets += 1;
            interface.counters.rx_bytes += frame.bytes().len() as u64;
        }
        self.packet_sockets_see(index, Direction::In, &frame);
        if self.macvlan_takes(index, &frame) {
            return;
        }
        if !is_for_us {
            return self.out.note(|| Note::Drop(Drop::OtherHost));
        }
        let copy = (self.interfaces.has_macvlans() && destination.is_group()).then(|| frame.clone());
        match frame.ethertype() {
            ETHERTYPE_ARP => self.arp_receive(index, &frame),
            ETHERTYPE_IPV4 => self.ip_receive(index, frame, 0),
            ethertype => self.out.note(|| Note::Drop(Drop::Ip(IpDrop::UnknownEtherType(ethertype)))),
        }
        if let Some(frame) = copy {
            self.macvlan_copies(index, &frame);
        }
    }

    /// ip_rcv, ip_rcv_finish.
    pub(in crate::host) fn ip_receive(&mut self, iif: IfIndex, mut frame: Frame, mark: u32) {
        self.ip_counters.in_receives += 1;
        let len = match read::ipv4(frame.payload()) {
            Ok(datagram) => datagram.len(),
            Err(bad) => {
                self.ip_counters.in_header_errors += 1;
                return self.out.note(|| Note::Drop(Drop::Ip(IpDrop::Header(bad))));
            }
        };
        if frame.payload().len() > len {
            // Short frames are padded; nobody shall take the padding for data.
            frame = Frame::new(&frame.bytes()[..ETHERNET_LEN + len]);
        }
        let packet = Packet { mark, ..Packet::new(frame, iif, Origin::came_in(self.out.handling)) };
        let Passage::On(packet) = self.netfilter(Hook::Prerouting, packet, Way::from(iif)) else { return };
        let query = Query {
            source: Some(packet.source()),
            iif,
            tos: packet.ip()[1],
            mark: packet.mark,
            ..Query::to(packet.destination())
        };
        match self.route_input(&query) {
            Ok(Arrival::Local { kind, entry }) => {
                self.step_for_us(&packet, entry);
                self.ip_local_deliver(packet, kind);
            }
            Ok(Arrival::Forward { .. }) if packet.came_to_many() => self.drop_packet(&packet, IpDrop::NotForOne),
            Ok(Arrival::Forward { route, redirect }) => {
                self.step_routed(packet.origin, packet.destination(), &route);
                self.ip_forward(packet, route, redirect);
            }
            Err(why) => self.ip_error(&packet, why),
        }
    }

    /// ip_error: a packet without a way; its sender is told if we are a router.
    fn ip_error(&mut self, packet: &Packet, why: IpDrop) {
        let code = match why {
            IpDrop::NoRoute { .. } => Some(Unreachable::Network),
            IpDrop::Refused { route: RefusingRoute::Unreachable, .. } => Some(Unreachable::Host),
            IpDrop::Refused { route: RefusingRoute::Prohibit, .. } => Some(Unreachable::Filtered),
            _ => None,
        };
        self.drop_packet(packet, why);
        let Some(code) = code else { return };
        if self.icmp_limits.allows_no_route(packet.source(), self.now) {
            self.icmp_send(packet, 3, code as u8, [0; 4]);
        } else {
            self.icmp_withhold(packet, 3, code as u8, ErrorWithheld::PeerLimit);
        }
    }

    /// ip_local_deliver: a packet for this host, once all its fragments are there.
    pub(in crate::host) fn ip_local_deliver(&mut self, packet: Packet, kind: RouteKind) {
        let Some(packet) = self.reassemble(packet) else { return };
        let iif = packet.iif;
        let Passage::On(packet) = self.netfilter(Hook::Input, packet, Way::from(iif)) else { return };
        self.deliver_to_protocol(packet, kind);
    }

    /// ip_protocol_deliver_rcu.
    fn deliver_to_protocol(&mut self, packet: Packet, kind: RouteKind) {
        self.ip_counters.in_delivers += 1;
        let was_taken = self.raw_receive(&packet);
        match packet.protocol() {
            proto::TCP => self.tcp_receive(packet),
            proto::UDP => self.udp_receive(packet),
            proto::ICMP => self.icmp_receive(packet, kind),
            proto::IPIP => self.ipip_receive(&packet, packet.header_len()),
            proto::GRE => self.gre_receive(&packet, packet.header_len()),
            proto::IGMP => self.step(packet.origin, || Step::Igmp),
            _ if was_taken => {}
            _ => self.refuse_protocol(&packet),
        }
    }

    /// Nobody here knows what to do with the protocol.
    pub(in crate::host) fn refuse_protocol(&mut self, packet: &Packet) {
        self.drop_packet(packet, IpDrop::NoProtocol { protocol: packet.protocol() });
        self.icmp_send(packet, 3, Unreachable::Protocol as u8, [0; 4]);
    }
}
