//! Errors that this host reports.

use std::net::Ipv4Addr;

use super::{ICMP_LEN, UNREACHABLE, Unreachable, is_error};
use crate::host::interface::IfIndex;
use crate::host::ip::Flow;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::route::{Kind, RouteKind};
use crate::reason::{ErrorWithheld, Ip, Note};
use crate::time::Span;
use crate::wire::{IPV4_LEN, build, proto};

/// An error message is at most so long, IPv4 header included (RFC 1812, 4.3.2.3).
const MOST_BYTES: usize = 576;

impl Kernel {
    /// icmp_send: tells the sender of a packet about it, rate limits and the rules about when not to permitting.
    /// `info` is the header's last four bytes (a redirect's gateway; an MTU in the last two).
    pub(in crate::host) fn icmp_send(&mut self, about: &Packet, icmp_type: u8, code: u8, info: [u8; 4]) {
        match self.icmp_try_send(about, icmp_type, code, info) {
            Ok(()) => {}
            Err(why) => self.icmp_withhold(about, icmp_type, code, why),
        }
    }

    /// Notes that an error is not reported.
    pub(in crate::host) fn icmp_withhold(&mut self, about: &Packet, icmp_type: u8, code: u8, why: ErrorWithheld) {
        self.out.note_about(about.origin, || Note::Ip(Ip::ErrorWithheld { icmp_type, code, why }));
    }

    fn icmp_try_send(&mut self, about: &Packet, icmp_type: u8, code: u8, info: [u8; 4]) -> Result<(), ErrorWithheld> {
        let (source, destination) = (about.source(), about.destination());
        let kind = self.routes.kind_of(destination);
        if about.came_to_many() || destination.is_multicast() || destination.is_broadcast() || kind == Kind::Broadcast {
            return Err(ErrorWithheld::ToMany);
        }
        if about.is_later_fragment() {
            return Err(ErrorWithheld::LaterFragment);
        }
        let is_about_error = about.protocol() == proto::ICMP && about.payload().first().is_none_or(|&of| is_error(of));
        if is_error(icmp_type) && is_about_error {
            return Err(ErrorWithheld::AboutError);
        }
        let is_limited = self.icmp_is_limited(icmp_type, code);
        if is_limited && about.iif != IfIndex::LO && !self.icmp_global_allow() {
            return Err(ErrorWithheld::GlobalLimit);
        }
        // What IPVS has sent on is no longer here, though its destination is the virtual address.
        let is_here = kind == Kind::Local && !about.ipvs_property;
        let local = is_here.then_some(destination);
        let route = self.route_output(source, local, None).map_err(|_| ErrorWithheld::NoRoute)?;
        if is_limited && route.kind != RouteKind::Local && !self.icmp_peer_allow(source) {
            return Err(ErrorWithheld::PeerLimit);
        }
        let room = MOST_BYTES.min(route.mtu as usize).saturating_sub(IPV4_LEN + ICMP_LEN);
        let quoted = &about.ip()[..about.total_len().min(about.ip().len()).min(room)];
        let flow = Flow {
            source: Some(local.unwrap_or(route.source)),
            destination: source,
            protocol: proto::ICMP,
            ttl: None,
            // RT_TOS(tos) | IPTOS_PREC_INTERNETCONTROL
            tos: about.ip()[1] & 0x1e | 0xc0,
            dont_fragment: false,
            id: None,
            oif: None,
            mark: 0,
            header_included: false,
        };
        let handling = std::mem::replace(&mut self.out.handling, about.origin.cause);
        let sent = self.send_ipv4(&flow, |buffer| build::icmp(buffer, icmp_type, code, info, quoted));
        self.out.handling = handling;
        // The way was found a moment ago; a filter that stops the message has said so.
        sent.or(Ok(()))
    }

    /// icmpv4_mask_allow: whether the limits are about this kind of error.
    fn icmp_is_limited(&self, icmp_type: u8, code: u8) -> bool {
        let is_path_mtu = icmp_type == UNREACHABLE && code == Unreachable::FragmentationNeeded as u8;
        let mask = self.sysctl.number("net.ipv4.icmp_ratemask");
        !is_path_mtu && icmp_type < 32 && mask & 1 << icmp_type != 0
    }

    /// icmpv4_global_allow
    fn icmp_global_allow(&mut self) -> bool {
        let number = |name| self.sysctl.number(name).max(0) as u64;
        let (per_second, burst) = (number("net.ipv4.icmp_msgs_per_sec"), number("net.ipv4.icmp_msgs_burst"));
        self.icmp_limits.allows_any(per_second, burst, self.now)
    }

    /// icmpv4_xrlim_allow
    fn icmp_peer_allow(&mut self, peer: Ipv4Addr) -> bool {
        let pause = Span::from_millis(self.sysctl.number("net.ipv4.icmp_ratelimit").max(0) as u64);
        self.icmp_limits.allows_peer(peer, pause, self.now)
    }
}
