//! What passes through: net/ipv4/ip_forward.c.

use super::super::icmp::{REDIRECT, Unreachable};
use super::super::kernel::Kernel;
use super::super::netfilter::{Hook, Passage, Way};
use super::super::packet::Packet;
use super::super::route::Route;
use crate::reason::{ErrorWithheld, IpDrop};
use crate::wire::rewrite;

impl Kernel {
    /// ip_forward.
    pub(super) fn ip_forward(&mut self, mut packet: Packet, route: Route, redirect: bool) {
        if packet.ttl() <= 1 {
            self.drop_packet(&packet, IpDrop::TtlExceeded);
            return self.icmp_send(&packet, 11, 0, [0; 4]);
        }
        if packet.is_dont_fragment() && packet.total_len() > route.mtu as usize {
            return self.refuse_too_big(&packet, route.mtu);
        }
        rewrite::decrement_ttl(&mut packet.frame);
        if redirect {
            self.send_redirect(&packet, &route);
        }
        let iif = packet.iif;
        let Passage::On(packet) = self.netfilter(Hook::Forward, packet, Way::through(iif, &route)) else { return };
        self.ip_counters.forwarded += 1;
        self.ip_output(packet, &route);
    }

    /// ip_rt_send_redirect: tells the sender of a packet that it could have sent it to the next hop itself.
    fn send_redirect(&mut self, packet: &Packet, route: &Route) {
        const HOST: u8 = 1;
        if self.icmp_limits.allows_redirect(packet.source(), self.now) {
            let gateway = route.gateway.unwrap_or(packet.destination());
            self.icmp_send(packet, REDIRECT, HOST, gateway.octets());
        } else {
            self.icmp_withhold(packet, REDIRECT, HOST, ErrorWithheld::RedirectLimit);
        }
    }

    /// Drops a packet that is longer than `mtu`, and tells its sender.
    pub(in crate::host) fn refuse_too_big(&mut self, packet: &Packet, mtu: u32) {
        self.drop_packet(packet, IpDrop::TooBig { mtu });
        let [high, low] = u16::try_from(mtu).unwrap_or(u16::MAX).to_be_bytes();
        self.icmp_send(packet, 3, Unreachable::FragmentationNeeded as u8, [0, 0, high, low]);
    }
}
