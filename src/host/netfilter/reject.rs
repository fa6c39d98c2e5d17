//! The answers of REJECT: net/ipv4/netfilter/nf_reject_ipv4.c.

use etherparse::{TcpHeader, TcpSlice};

use super::Reject;
use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::wire::build::{self, Ipv4Fields};
use crate::wire::proto;

impl Kernel {
    /// Tells the sender of a packet that it was rejected.
    pub(super) fn answer_rejected(&mut self, packet: &Packet, reject: Reject) {
        match reject {
            Reject::Unreachable(code) => self.icmp_send(packet, 3, code, [0; 4]),
            Reject::TcpReset => self.reset_rejected(packet),
        }
    }

    /// nf_send_reset: a reset that looks as if the other end had sent it. A reset itself gets none.
    fn reset_rejected(&mut self, packet: &Packet) {
        let Ok(rejected) = TcpSlice::from_slice(packet.payload()) else { return };
        if rejected.rst() {
            return;
        }
        let mut reset = TcpHeader::new(rejected.destination_port(), rejected.source_port(), 0, 0);
        reset.rst = true;
        if rejected.ack() {
            reset.sequence_number = rejected.acknowledgment_number();
        } else {
            let flags = u32::from(rejected.syn()) + u32::from(rejected.fin());
            reset.ack = true;
            reset.acknowledgment_number =
                rejected.sequence_number().wrapping_add(rejected.payload().len() as u32).wrapping_add(flags);
        }
        let (source, destination) = (packet.destination(), packet.source());
        let fields =
            Ipv4Fields { source, destination, protocol: proto::TCP, ttl: 64, tos: 0, id: 0, dont_fragment: true };
        let frame = build::ipv4(&mut Vec::new(), &fields, |buffer| build::tcp(buffer, source, destination, reset, &[]));
        // ip_route_me_harder: the sender need not be an address of this host. Where there is no way back, nobody is told.
        if let Ok(route) = self.route_output(destination, None, None) {
            let mut reset = Packet::new(frame, IfIndex::LO, self.out.origin());
            reset.tracked = packet.tracked.answer();
            let _ = self.ip_local_out(reset, route);
        }
    }
}
