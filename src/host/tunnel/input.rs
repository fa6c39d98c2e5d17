//! Outer packets for this host: tunnel4_rcv, ipip_rcv, gre_rcv, ip_tunnel_rcv.

use super::{Arrived, Mode};
use crate::host::icmp::Unreachable;
use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::raw::Direction;
use crate::reason::{Ip, IpDrop, Note};
use crate::wire::tunnel::Gre;
use crate::wire::{ETHERNET_LEN, ETHERTYPE_IPV4, Frame, IPV4_LEN, rewrite};

/// The ECN field of the type of service (RFC 3168).
const ECN: u8 = 3;
const CONGESTION: u8 = 3;

impl Kernel {
    /// ipip_rcv: a packet with a packet inside that begins at `inner`.
    pub(in crate::host) fn ipip_receive(&mut self, packet: &Packet, inner: usize) {
        let ends = (packet.source(), packet.destination());
        match self.find_tunnel(Mode::Ipip, ends, packet.iif, None) {
            Some(index) => self.decapsulate(index, packet, inner),
            None => self.refuse_tunnel(packet),
        }
    }

    /// gre_rcv, ipgre_rcv: a packet with a GRE header at `header`.
    pub(in crate::host) fn gre_receive(&mut self, packet: &Packet, header: usize) {
        if !self.tunnels.has_gre {
            return self.refuse_protocol(packet);
        }
        let (gre, len, ethertype) = match Gre::read(packet.ip().get(header..).unwrap_or_default()) {
            Ok(read) => read,
            Err(bad) => return self.drop_packet(packet, IpDrop::TunnelHeader(bad)),
        };
        let ends = (packet.source(), packet.destination());
        let Some(index) = self.find_tunnel(Mode::Gre, ends, packet.iif, gre.key) else {
            return self.refuse_tunnel(packet);
        };
        let is_wanted = |interface: &super::Interface| {
            interface.tunnel().is_some_and(|tunnel| tunnel.parameters.in_checksum == gre.checksum)
        };
        if !self.interfaces.get(index).is_some_and(is_wanted) {
            let interface = self.interface_name(index).to_owned();
            return self.drop_packet(packet, IpDrop::TunnelChecksum { interface, has_one: gre.checksum });
        }
        if ethertype != ETHERTYPE_IPV4 {
            return self.drop_packet(packet, IpDrop::UnknownEtherType(ethertype));
        }
        self.decapsulate(index, packet, header + len);
    }

    /// Nobody here opens such packets between these hosts (tunnel4_rcv, gre_rcv).
    fn refuse_tunnel(&mut self, packet: &Packet) {
        let (source, destination) = (packet.source(), packet.destination());
        self.drop_packet(packet, IpDrop::NoTunnel { source, destination });
        self.icmp_send(packet, 3, Unreachable::Port as u8, [0; 4]);
    }

    /// ip_tunnel_rcv: what is inside comes in by the tunnel's interface.
    fn decapsulate(&mut self, index: IfIndex, packet: &Packet, inner: usize) {
        let bytes = packet.ip().get(inner..packet.total_len()).unwrap_or_default();
        let Some(&[_, inner_tos]) = bytes.first_chunk().filter(|_| bytes.len() >= IPV4_LEN) else {
            return self.drop_packet(packet, IpDrop::TunnelHeader(crate::wire::tunnel::BadTunnel::CutOff));
        };
        // RFC 6040, 4.2: congestion on the way is passed on to those who understand it, and a loss to the others.
        let is_congested = packet.ip()[1] & ECN == CONGESTION;
        if is_congested && inner_tos & ECN == 0 {
            return self.drop_packet(packet, IpDrop::Congested);
        }
        let mut frame = vec![0; ETHERNET_LEN];
        frame[12..].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
        frame.extend_from_slice(bytes);
        let mut frame = Frame::new(&frame);
        if is_congested {
            rewrite::set_tos(&mut frame, inner_tos | CONGESTION);
        }
        let Some(interface) = self.interfaces.get_mut(index) else { return };
        interface.counters.rx_packets += 1;
        interface.counters.rx_bytes += bytes.len() as u64;
        let interface = &interface.name;
        self.out.note_about(packet.origin, || Note::Ip(Ip::Unwrapped { interface: interface.clone() }));
        self.tunnels.arrived.push_back(Arrived { iif: index, frame, mark: packet.mark });
    }

    /// gro_cell_poll: takes in what came out of outer packets. One after the other, however deep they were nested.
    pub(in crate::host) fn receive_from_tunnels(&mut self) {
        while let Some(Arrived { iif, frame, mark }) = self.tunnels.arrived.pop_front() {
            self.packet_sockets_see(iif, Direction::In, &frame);
            self.ip_receive(iif, frame, mark);
        }
    }
}
