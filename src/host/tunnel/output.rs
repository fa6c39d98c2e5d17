//! Packets on their way into a tunnel: ipip_tunnel_xmit, ipgre_xmit, ip_tunnel_xmit.

use std::net::Ipv4Addr;

use super::Parameters;
use crate::host::icmp::Unreachable;
use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::host::netfilter::Tracked;
use crate::host::packet::Packet;
use crate::host::raw::Direction;
use crate::host::route::Route;
use crate::reason::{Ip, IpDrop, Note, Origin};
use crate::wire::build::{self, Ipv4Fields};
use crate::wire::tunnel::{Envelope, flow_hash};
use crate::wire::{Frame, IPV4_LEN};

/// XMIT_RECURSION_LIMIT: so many tunnels within tunnels are a loop.
const DEEPEST: u8 = 8;
/// The ECN field of the type of service (RFC 3168).
const ECN: u8 = 3;
const CAPABLE: u8 = 2;
const CONGESTION: u8 = 3;

/// An outer packet, but for what is inside.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct Outer {
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub ttl: u8,
    pub tos: u8,
    pub dont_fragment: bool,
    pub id: u16,
    pub envelope: Envelope,
}

impl Kernel {
    /// ndo_start_xmit of a tunnel's interface.
    pub(in crate::host) fn tunnel_transmit(&mut self, index: IfIndex, route: &Route, packet: Packet) {
        if self.tunnels.depth >= DEEPEST {
            let interface = self.interface_name(index).to_owned();
            return self.drop_packet(&packet, IpDrop::TunnelLoop { interface });
        }
        self.packet_sockets_see(index, Direction::Out, &packet.frame);
        self.tunnels.depth += 1;
        self.encapsulate(index, route, packet);
        self.tunnels.depth -= 1;
    }

    /// ip_tunnel_xmit
    fn encapsulate(&mut self, index: IfIndex, inner_route: &Route, packet: Packet) {
        let Some(interface) = self.interfaces.get_mut(index) else { return };
        interface.counters.tx_packets += 1;
        interface.counters.tx_bytes += packet.total_len() as u64;
        let Some(&Parameters { local, remote, ttl, tos, path_mtu, over, .. }) =
            interface.tunnel().map(|tunnel| &tunnel.parameters)
        else {
            return;
        };
        // Without a fixed other end, the next hop is the other end (NBMA).
        let nobody = || inner_route.gateway.unwrap_or(packet.destination());
        let destination = if remote.is_unspecified() { nobody() } else { remote };
        let source = Some(local).filter(|local| !local.is_unspecified());
        let Ok(route) = self.route_output(destination, source, over) else {
            return self.drop_packet(&packet, IpDrop::NoRoute { destination });
        };
        if route.oif == index {
            let interface = self.interface_name(index).to_owned();
            return self.drop_packet(&packet, IpDrop::TunnelLoop { interface });
        }
        let flow = self.flow_port(packet.ip());
        let Some(tunnel) = self.interfaces.get(index).and_then(|interface| interface.tunnel()) else { return };
        let (envelope, overhead) = (tunnel.parameters.envelope(flow), tunnel.parameters.overhead());
        // tnl_update_pmtu
        let room = if path_mtu { route.mtu.saturating_sub(overhead) } else { inner_route.mtu };
        if room < inner_route.mtu {
            self.learn_path_mtu(packet.destination(), room);
        }
        if packet.is_dont_fragment() && packet.total_len() > room as usize {
            return self.refuse_too_big(&packet, room);
        }
        if self.tunnel_is_failing(index) {
            // dst_link_failure; the packet itself is sent all the same.
            self.icmp_send(&packet, 3, Unreachable::Host as u8, [0; 4]);
        }
        let inner_tos = packet.ip()[1];
        let outer = Outer {
            source: route.source,
            destination,
            ttl: if ttl == 0 { packet.ttl() } else { ttl },
            tos: outer_tos(if tos & 1 != 0 { inner_tos } else { tos }, inner_tos),
            dont_fragment: path_mtu || packet.is_dont_fragment(),
            // iptunnel_xmit numbers all packets, also those that are never fragmented.
            id: self.next_ip_id(destination, envelope.protocol()),
            envelope,
        };
        let Some(frame) = self.wrap(packet.ip(), packet.total_len(), &outer, packet.origin) else {
            return self.drop_packet(&packet, IpDrop::TooBig { mtu: u32::from(u16::MAX) - overhead });
        };
        let wrapped = Packet { frame, iif: IfIndex::LO, tracked: Tracked::Nothing, ..packet };
        // What stops it on the way has been explained there.
        let _ = self.ip_local_out(wrapped, route);
    }

    /// A packet in an outer one; none if both together are longer than a datagram can be.
    pub(in crate::host) fn wrap(
        &mut self,
        inner: &[u8],
        inner_len: usize,
        outer: &Outer,
        origin: Origin,
    ) -> Option<Frame> {
        let Outer { source, destination, envelope, .. } = *outer;
        if IPV4_LEN + envelope.len() + inner_len > usize::from(u16::MAX) {
            return None;
        }
        let protocol = envelope.protocol();
        self.out.note_about(origin, || Note::Ip(Ip::Wrapped { protocol, source, destination }));
        let fields = Ipv4Fields {
            source,
            destination,
            protocol,
            ttl: outer.ttl,
            tos: outer.tos,
            id: outer.id,
            dont_fragment: outer.dont_fragment,
        };
        let mut scratch = std::mem::take(&mut self.scratch);
        let frame = build::ipv4(&mut scratch, &fields, |buffer| {
            envelope.write(buffer, source, destination, &inner[..inner_len]);
        });
        self.scratch = scratch;
        Some(frame)
    }

    /// udp_flow_src_port: a port that all packets of a flow share.
    pub(in crate::host) fn flow_port(&self, packet: &[u8]) -> u16 {
        let (low, high) = self.sysctl.local_port_range();
        let hash = u64::from(flow_hash(packet, self.tunnels.hash_seed));
        low + ((hash * u64::from(high.saturating_sub(low))) >> 32) as u16
    }
}

/// INET_ECN_encapsulate: the outer packet is as capable as the inner one, and has met no congestion yet.
pub(in crate::host) const fn outer_tos(tos: u8, inner_tos: u8) -> u8 {
    let ecn = if inner_tos & ECN == CONGESTION { CAPABLE } else { inner_tos & ECN };
    tos & !ECN | ecn
}
