//! Packets that reach their servers in other packets, and errors about those: ip_vs_tunnel_xmit, ip_vs_in_icmp.

use crate::host::icmp::Unreachable;
use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::host::netfilter::Tracked;
use crate::host::packet::Packet;
use crate::host::route::Route;
use crate::host::tunnel::{Outer, outer_tos};
use crate::ipvs::{Forward, Relay, Tunnel, TunnelChecksum};
use crate::reason::IpDrop;
use crate::wire::tunnel::{Envelope, Gre, Gue};
use crate::wire::{ETHERNET_LEN, ETHERTYPE_IPV4, Frame, IPV4_LEN};

use super::UNREACHABLE;

/// Every link takes datagrams of so many bytes (RFC 791); a tunnel over a way that leaves less is of no use.
pub(super) const SMALLEST_MTU: usize = 68;

impl Kernel {
    /// ip_vs_tunnel_xmit: the packet in another one.
    pub(super) fn ipvs_wrap(&mut self, packet: Packet, route: Route, forward: Forward) {
        let envelope = envelope(forward.tunnel, self.flow_port(packet.ip()));
        let dont_fragment = packet.is_dont_fragment() && self.ipvs.config.pmtu_disc != 0;
        let tos = packet.ip()[1];
        let outer = Outer {
            source: route.source,
            destination: forward.server,
            ttl: packet.ttl(),
            tos: outer_tos(tos, tos),
            dont_fragment,
            // ip_select_ident: a datagram that is never fragmented needs no number (RFC 6864).
            id: if dont_fragment { 0 } else { self.next_ip_id(forward.server, envelope.protocol()) },
            envelope,
        };
        let Some(frame) = self.wrap(packet.ip(), packet.total_len(), &outer, packet.origin) else {
            return self.drop_packet(&packet, IpDrop::TooBig { mtu: u32::from(u16::MAX) });
        };
        // What stops it on the way has been explained there.
        let _ = self.ip_local_out(Packet { frame, iif: IfIndex::LO, tracked: Tracked::Nothing, ..packet }, route);
    }

    /// ip_vs_in_icmp's last part: the client hears of what happened to its packet in the tunnel, as if it had happened here.
    pub(super) fn ipvs_relay(&mut self, error: &Packet, relay: Relay) {
        let Some(&[icmp_type, code, _, _, a, b, c, d]) = error.payload().first_chunk() else { return };
        let mut info = [a, b, c, d];
        if (icmp_type, code) == (UNREACHABLE, Unreachable::FragmentationNeeded as u8) {
            self.learn_path_mtu(relay.server, u32::from(u16::from_be_bytes([c, d])));
            // Not what has been learnt just now: the route is looked up again for the next packet only.
            let mtu = self.ipvs_path_mtus.get(&relay.server).copied().unwrap_or_default();
            let room = if mtu as usize > SMALLEST_MTU + IPV4_LEN { mtu - IPV4_LEN as u32 } else { mtu };
            info = room.to_be_bytes();
        }
        if !relay.is_told {
            return;
        }
        let mut bytes = vec![0; ETHERNET_LEN];
        bytes[12..].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
        bytes.extend_from_slice(error.payload().get(relay.inner..).unwrap_or_default());
        let about = Packet { mark: error.mark, ..Packet::new(Frame::new(&bytes), error.iif, error.origin) };
        self.icmp_send(&about, icmp_type, code, info);
    }
}

/// What a tunnel puts between outer and inner header; a UDP source port is of `flow`.
pub(super) fn envelope(tunnel: Tunnel, flow: u16) -> Envelope {
    match tunnel {
        Tunnel::Ipip => Envelope::default(),
        // Remote checksum offload saves the sender of a packet its sum. What was sent by others has one already: nothing
        // is left to offload but the choice of a UDP checksum.
        Tunnel::Gue { port, checksum } => {
            let checksum = checksum != TunnelChecksum::None;
            Envelope { gue: Some(Gue { source_port: flow, destination_port: port, checksum }), gre: None }
        }
        Tunnel::Gre { checksum } => {
            Envelope { gue: None, gre: Some(Gre { checksum: checksum == TunnelChecksum::Full, key: None }) }
        }
    }
}
