//! Messages for this host.

use std::net::Ipv4Addr;

use super::{
    ADDRESS_MASK_REPLY, ECHO, ECHO_REPLY, ICMP_LEN, PARAMETER_PROBLEM, REDIRECT, SOURCE_QUENCH, TIME_EXCEEDED,
    TIMESTAMP, TIMESTAMP_REPLY, UNREACHABLE, Unreachable,
};
use crate::host::ip::Flow;
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::host::route::RouteKind;
use crate::host::socket::Errno;
use crate::host::tunnel::Mode;
use crate::reason::{Icmp, IpDrop, Setting};
use crate::wire::{IPV4_LEN, build, checksum, proto};

/// A day, in milliseconds: timestamps count from midnight.
const DAY: u64 = 86_400_000;
/// The last code of destination unreachable that has a meaning (NR_ICMP_UNREACH).
const LAST_UNREACHABLE: u8 = 15;
/// Fragments that came too late: a code of time exceeded that the sender's sockets do not hear of.
const REASSEMBLY: u8 = 1;

impl Kernel {
    /// icmp_rcv: a message for this host.
    pub(in crate::host) fn icmp_receive(&mut self, packet: Packet, kind: RouteKind) {
        let payload = packet.payload();
        let Some(&[icmp_type, code, _, _, a, b, c, d]) = payload.first_chunk::<ICMP_LEN>() else {
            return self.drop_packet(&packet, IpDrop::IcmpMalformed);
        };
        if checksum(payload) != 0 {
            return self.drop_packet(&packet, IpDrop::IcmpMalformed);
        }
        let asks = matches!(icmp_type, ECHO | TIMESTAMP);
        if kind != RouteKind::Local {
            // RFC 1122, 3.2.2.6: who is one of many may keep silent, and does unless told otherwise.
            if !asks {
                return self.drop_packet(&packet, IpDrop::IcmpIgnored { icmp_type });
            }
            if self.ignores_echo(&packet, "net.ipv4.icmp_echo_ignore_broadcasts") {
                return;
            }
        }
        match icmp_type {
            ECHO => self.icmp_echo(&packet, kind, [a, b, c, d]),
            TIMESTAMP => self.icmp_timestamp(&packet, kind, [a, b, c, d]),
            UNREACHABLE | SOURCE_QUENCH | TIME_EXCEEDED | PARAMETER_PROBLEM => {
                let mtu = u16::from_be_bytes([c, d]);
                self.icmp_error_received(&packet, icmp_type, code, mtu);
            }
            REDIRECT => self.icmp_redirect(&packet, code, [a, b, c, d].into()),
            // Answers are for the raw sockets, which have seen them already.
            ECHO_REPLY | TIMESTAMP_REPLY | ADDRESS_MASK_REPLY => self.step_icmp(&packet, Icmp::Answer),
            _ => self.drop_packet(&packet, IpDrop::IcmpIgnored { icmp_type }),
        }
    }

    fn ignores_echo(&mut self, packet: &Packet, name: &str) -> bool {
        let value = self.sysctl.number(name);
        if value != 0 {
            self.drop_packet(packet, IpDrop::EchoIgnored { setting: Setting { name: name.into(), value } });
        }
        value != 0
    }

    /// icmp_echo
    fn icmp_echo(&mut self, packet: &Packet, kind: RouteKind, rest: [u8; 4]) {
        if !self.ignores_echo(packet, "net.ipv4.icmp_echo_ignore_all") {
            self.icmp_reply(packet, kind, ECHO_REPLY, rest, &packet.payload()[ICMP_LEN..]);
        }
    }

    /// icmp_timestamp
    fn icmp_timestamp(&mut self, packet: &Packet, kind: RouteKind, rest: [u8; 4]) {
        let Some(originated) = packet.payload()[ICMP_LEN..].first_chunk::<4>() else {
            return self.drop_packet(packet, IpDrop::IcmpMalformed);
        };
        let now = ((self.now.as_nanos() / 1_000_000 % DAY) as u32).to_be_bytes();
        self.icmp_reply(packet, kind, TIMESTAMP_REPLY, rest, &[*originated, now, now].concat());
    }

    /// icmp_reply
    fn icmp_reply(&mut self, packet: &Packet, kind: RouteKind, icmp_type: u8, rest: [u8; 4], data: &[u8]) {
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
            mark: 0,
            header_included: false,
        };
        self.step_icmp(packet, Icmp::Answered);
        let sent = self.send_ipv4(&flow, |buffer| build::icmp(buffer, icmp_type, 0, rest, data));
        // What a rule forbids, the rule has explained.
        if sent.is_err_and(|error| error != Errno::NotPermitted) {
            self.drop_packet(packet, IpDrop::NoWayBack { sender: packet.source() });
        }
    }

    /// icmp_unreach, icmp_socket_deliver: whoever sent the quoted packet is told.
    fn icmp_error_received(&mut self, packet: &Packet, icmp_type: u8, code: u8, mtu: u16) {
        let quoted = &packet.payload()[ICMP_LEN..];
        let Some(Quoted { protocol, source, destination }) = quoted_packet(quoted) else {
            return self.drop_packet(packet, IpDrop::IcmpMalformed);
        };
        let is_meaningless = icmp_type == UNREACHABLE && code > LAST_UNREACHABLE;
        if is_meaningless || icmp_type == TIME_EXCEEDED && code == REASSEMBLY {
            return self.drop_packet(packet, IpDrop::IcmpIgnored { icmp_type });
        }
        self.step_icmp(packet, Icmp::Error { icmp_type, code });
        if icmp_type == UNREACHABLE && code == Unreachable::FragmentationNeeded as u8 && self.is_local(source) {
            self.learn_path_mtu(destination, u32::from(mtu));
        }
        let mtu = if icmp_type == UNREACHABLE { mtu } else { 0 };
        self.raw_icmp_error(icmp_type, code, mtu, quoted, packet.source());
        match protocol {
            proto::TCP => self.tcp_icmp_error(icmp_type, code, mtu, quoted),
            proto::UDP => self.udp_icmp_error(icmp_type, code, mtu, quoted),
            proto::IPIP => self.tunnel_icmp_error(Mode::Ipip, icmp_type, code, quoted, packet.iif),
            proto::GRE => self.tunnel_icmp_error(Mode::Gre, icmp_type, code, quoted, packet.iif),
            _ => {}
        }
    }

    /// icmp_redirect
    fn icmp_redirect(&mut self, packet: &Packet, code: u8, gateway: Ipv4Addr) {
        let quoted = &packet.payload()[ICMP_LEN..];
        match quoted_packet(quoted) {
            Some(Quoted { protocol: proto::TCP, .. }) if code <= 3 && !self.tcp_heeds_redirect(quoted) => {
                self.drop_packet(packet, IpDrop::IcmpIgnored { icmp_type: REDIRECT });
            }
            Some(Quoted { destination, .. }) if code <= 3 => {
                self.step_icmp(packet, Icmp::Redirect);
                self.learn_redirect(packet, destination, gateway);
            }
            _ => self.drop_packet(packet, IpDrop::IcmpMalformed),
        }
    }
}

/// What an error's quotation says about the packet that it is about.
struct Quoted {
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

/// Reads a quotation, if there is enough of it: the IPv4 header and eight bytes of what follows (RFC 792).
fn quoted_packet(quoted: &[u8]) -> Option<Quoted> {
    let header_len = usize::from(quoted.first()? & 0xf) * 4;
    if header_len < IPV4_LEN || quoted.len() < header_len + 8 {
        return None;
    }
    let &[a, b, c, d, e, f, g, h] = quoted[12..].first_chunk()?;
    Some(Quoted { protocol: quoted[9], source: Ipv4Addr::new(a, b, c, d), destination: Ipv4Addr::new(e, f, g, h) })
}
