//! The Internet Control Message Protocol (RFC 792): net/ipv4/icmp.c.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::interface::IfIndex;
use super::ip::Flow;
use super::kernel::Kernel;
use super::packet::Packet;
use super::route::{Kind, RouteKind};
use super::sysctl::Conf;
use crate::reason::{IpDrop, Setting};
use crate::time::{Span, Time};
use crate::wire::{ETHERNET_LEN, IPV4_LEN, build, checksum, proto};

/// Bytes of an ICMP header.
const ICMP_LEN: usize = 8;
/// An error message is at most so long, IPv4 header included (RFC 1812, 4.3.2.3).
const MOST_BYTES: usize = 576;
/// So many errors may go to one destination at once (XRLIM_BURST_FACTOR).
const BURST: u64 = 6;

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const REDIRECT: u8 = 5;
const ECHO: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
const TIMESTAMP: u8 = 13;

/// Codes of destination unreachable (ICMP_*_UNREACH).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    Network = 0,
    Host = 1,
    Protocol = 2,
    FragmentationNeeded = 4,
}

/// How many errors may still be sent: net.ipv4.icmp_ratelimit, icmp_msgs_per_sec.
#[derive(Debug, Default)]
pub struct ErrorLimits {
    /// What is left for each destination, as time, and when that was so (struct inet_peer).
    peers: FxHashMap<Ipv4Addr, (Span, Time)>,
    /// What is left for all of them, in millionths of a message, and when that was so.
    global: Option<(u64, Time)>,
}

impl ErrorLimits {
    /// inet_peer_xrlim_allow: one in `pause`, save for a first burst.
    fn allows_peer(&mut self, peer: Ipv4Addr, pause: Span, now: Time) -> bool {
        let most = pause.times(BURST);
        let (saved, last) = self.peers.entry(peer).or_insert((most, now));
        *saved = (*saved + now.since(*last)).min(most);
        *last = now;
        let allowed = *saved >= pause;
        if allowed {
            *saved = *saved - pause;
        }
        allowed
    }

    /// icmp_global_allow.
    fn allows_any(&mut self, per_second: u64, burst: u64, now: Time) -> bool {
        const ONE: u64 = 1_000_000;
        let (saved, last) = self.global.get_or_insert((burst * ONE, now));
        let earned = now.since(*last).as_nanos() / 1_000 * per_second;
        *saved = (*saved + earned).min(burst * ONE);
        *last = now;
        let allowed = *saved >= ONE;
        if allowed {
            *saved -= ONE;
        }
        allowed
    }
}

/// Whether a message reports an error: none may be reported about it.
const fn is_error(icmp_type: u8) -> bool {
    matches!(icmp_type, UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM)
}

impl Kernel {
    /// icmp_send: tells the sender of a packet about it, rate limits and the rules about when not to permitting.
    /// `info` is the header's last four bytes (a redirect's gateway; an MTU in the last two).
    pub(super) fn icmp_send(&mut self, about: &Packet, icmp_type: u8, code: u8, info: [u8; 4]) {
        let came_to_many = about.iif != IfIndex::LO && about.frame.destination().is_group();
        let (source, destination) = (about.source(), about.destination());
        let is_later_fragment = u16::from_be_bytes([about.ip()[6], about.ip()[7]]) & 0x1fff != 0;
        let is_about_error = about.protocol() == proto::ICMP && about.payload().first().is_none_or(|&of| is_error(of));
        let kind = self.routes.kind_of(destination);
        if came_to_many
            || is_later_fragment
            || is_error(icmp_type) && is_about_error
            || destination.is_multicast()
            || destination.is_broadcast()
            || kind == Kind::Broadcast
        {
            return;
        }
        let local = (kind == Kind::Local).then_some(destination);
        let Ok(route) = self.route_output(source, local, None) else { return };
        if !self.icmp_allows(source, route.kind, icmp_type, code) {
            return;
        }
        let room = MOST_BYTES.min(route.mtu as usize) - IPV4_LEN - ICMP_LEN;
        let quoted = &about.frame.bytes()[ETHERNET_LEN..ETHERNET_LEN + about.total_len().min(room)];
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
        };
        let handling = std::mem::replace(&mut self.out.handling, about.cause);
        // Without a way back nobody can be told.
        let _ = self.send_ipv4(&flow, |buffer| build::icmp(buffer, icmp_type, code, info, quoted));
        self.out.handling = handling;
    }

    /// icmpv4_global_allow, icmpv4_xrlim_allow.
    fn icmp_allows(&mut self, peer: Ipv4Addr, kind: RouteKind, icmp_type: u8, code: u8) -> bool {
        let is_path_mtu = icmp_type == UNREACHABLE && code == Unreachable::FragmentationNeeded as u8;
        let mask = self.sysctl.number("net.ipv4.icmp_ratemask");
        if is_path_mtu || icmp_type > 31 || mask & 1 << icmp_type == 0 {
            return true;
        }
        let number = |name| self.sysctl.number(name).max(0) as u64;
        let (per_second, burst) = (number("net.ipv4.icmp_msgs_per_sec"), number("net.ipv4.icmp_msgs_burst"));
        let pause = Span::from_millis(number("net.ipv4.icmp_ratelimit"));
        self.icmp_limits.allows_any(per_second, burst, self.now)
            && (kind == RouteKind::Local || self.icmp_limits.allows_peer(peer, pause, self.now))
    }

    /// icmp_rcv: a message for this host.
    pub(super) fn icmp_receive(&mut self, packet: Packet, kind: RouteKind) {
        let payload = packet.payload();
        let Some(&[icmp_type, code, _, _, a, b, c, d]) = payload.first_chunk::<ICMP_LEN>() else {
            return self.drop_packet(&packet, IpDrop::Icmp);
        };
        if checksum(payload) != 0 {
            return self.drop_packet(&packet, IpDrop::Icmp);
        }
        if kind != RouteKind::Local
            && matches!(icmp_type, ECHO | TIMESTAMP)
            && self.ignores_echo(&packet, "net.ipv4.icmp_echo_ignore_broadcasts")
        {
            return;
        }
        match icmp_type {
            ECHO => self.icmp_echo(&packet, kind, [a, b, c, d]),
            UNREACHABLE | SOURCE_QUENCH | TIME_EXCEEDED | PARAMETER_PROBLEM => {
                let mtu = u16::from_be_bytes([c, d]);
                self.icmp_error_received(&packet, icmp_type, code, mtu);
            }
            REDIRECT => self.icmp_redirect(&packet, [a, b, c, d].into()),
            ECHO_REPLY => {}
            _ => self.drop_packet(&packet, IpDrop::Icmp),
        }
    }

    fn ignores_echo(&mut self, packet: &Packet, name: &str) -> bool {
        let value = self.sysctl.number(name);
        if value != 0 {
            self.drop_packet(packet, IpDrop::EchoIgnored { setting: Setting { name: name.to_owned(), value } });
        }
        value != 0
    }

    /// icmp_echo, icmp_reply.
    fn icmp_echo(&mut self, packet: &Packet, kind: RouteKind, rest: [u8; 4]) {
        if self.ignores_echo(packet, "net.ipv4.icmp_echo_ignore_all") {
            return;
        }
        // fib_compute_spec_dst: the address that was asked, or ours towards the asker if many were.
        let source = (kind == RouteKind::Local).then(|| packet.destination());
        let flow = Flow {
            source,
            destination: packet.source(),
            protocol: proto::ICMP,
            ttl: None,
            tos: packet.ip()[1],
            dont_fragment: false,
            id: None,
            oif: None,
        };
        let data = &packet.payload()[ICMP_LEN..];
        // Without a way back there is no answer.
        let _ = self.send_ipv4(&flow, |buffer| build::icmp(buffer, ECHO_REPLY, 0, rest, data));
    }

    /// icmp_unreach, icmp_socket_deliver: whoever sent the quoted packet is told.
    fn icmp_error_received(&mut self, packet: &Packet, icmp_type: u8, code: u8, mtu: u16) {
        let quoted = &packet.payload()[ICMP_LEN..];
        let Some(protocol) = quoted_protocol(quoted) else { return self.drop_packet(packet, IpDrop::Icmp) };
        if icmp_type == UNREACHABLE && code == Unreachable::FragmentationNeeded as u8 {
            let destination = Ipv4Addr::new(quoted[16], quoted[17], quoted[18], quoted[19]);
            self.learn_path_mtu(destination, u32::from(mtu));
        }
        let mtu = if icmp_type == UNREACHABLE { mtu } else { 0 };
        self.raw_icmp_error(icmp_type, code, mtu, quoted, packet.source());
        match protocol {
            proto::TCP => self.tcp_icmp_error(icmp_type, code, mtu, quoted),
            proto::UDP => self.udp_icmp_error(icmp_type, code, mtu, quoted),
            _ => {}
        }
    }

    /// icmp_redirect, __ip_do_redirect: a router knows a better one. It is asked for by ARP first, and believed the next time.
    fn icmp_redirect(&mut self, packet: &Packet, gateway: Ipv4Addr) {
        let quoted = &packet.payload()[ICMP_LEN..];
        if quoted_protocol(quoted).is_none() {
            return self.drop_packet(packet, IpDrop::Icmp);
        }
        let destination = Ipv4Addr::new(quoted[16], quoted[17], quoted[18], quoted[19]);
        let iif = packet.iif;
        let Ok(route) = self.route_output(destination, None, None) else { return };
        let is_shared = self.sysctl.conf(iif, Conf::SharedMedia) != 0;
        let is_near = self
            .interfaces
            .get(iif)
            .is_some_and(|interface| interface.addresses.iter().any(|address| address.shares_subnet_with(gateway)));
        let is_believable = route.gateway == Some(packet.source())
            && gateway != packet.source()
            && self.sysctl.conf(iif, Conf::AcceptRedirects) != 0
            && self.routes.kind_of(gateway) == Kind::Unicast
            && !gateway.is_multicast()
            && (is_shared || is_near);
        if !is_believable {
            return self.drop_packet(packet, IpDrop::Icmp);
        }
        if self.neighbours.get(iif, gateway).is_some_and(|entry| entry.state.is_valid()) {
            self.learn_gateway(destination, gateway);
        } else {
            self.resolve_neighbour(iif, gateway);
        }
    }
}

/// The protocol of a packet of which an error quotes the beginning, if that is enough to know it.
fn quoted_protocol(quoted: &[u8]) -> Option<u8> {
    let header_len = usize::from(quoted.first()? & 0xf) * 4;
    (header_len >= IPV4_LEN && quoted.len() >= header_len).then(|| quoted[9])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_six_then_one_a_second() {
        let mut limits = ErrorLimits::default();
        let peer = Ipv4Addr::new(10, 0, 0, 1);
        let allowed = (0..40)
            .filter(|tenth| limits.allows_peer(peer, Span::from_secs(1), Time::ZERO + Span::from_millis(tenth * 100)))
            .collect::<Vec<_>>();
        assert_eq!(allowed, [0, 1, 2, 3, 4, 5, 10, 20, 30]);
    }

    #[test]
    fn no_more_than_the_host_may_send() {
        let mut limits = ErrorLimits::default();
        assert_eq!((0..100).filter(|_| limits.allows_any(1000, 50, Time::ZERO)).count(), 50);
        assert!(limits.allows_any(1000, 50, Time::ZERO + Span::from_millis(1)));
    }
}
