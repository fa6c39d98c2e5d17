//! Where IPVS stands in the packet's way, and how its verdicts are carried out: ip_vs_core.c's hooks, ip_vs_xmit.c.

mod sync;
mod tunnel;

use std::net::SocketAddrV4;

use super::icmp::Unreachable;
use super::interface::IfIndex;
use super::kernel::Kernel;
use super::netfilter::{Hook as NetfilterHook, Passage, Way};
use super::netfilter::{Tracked, Tuple};
use super::packet::Packet;
use super::route::{Kind, Route, RouteKind};
use crate::ipvs::{Edit, Forward, Hook, Ipvs, Method, Reply, Verdict, View};
use crate::reason::{About, Drop, IpDrop, IpvsDrop, Nat, Note};
use crate::wire::rewrite::{self, Side};
use crate::wire::{ETHERNET_LEN, IPV4_LEN, checksum, stream};
use tunnel::{SMALLEST_MTU, envelope};

pub use sync::{StartError, SyncSockets};

/// ICMP's type of destination unreachable.
const UNREACHABLE: u8 = 3;

impl Kernel {
    /// The load balancer, its settings and counters brought up to date.
    pub fn ipvs(&mut self) -> &mut Ipvs {
        if self.ipvs_settings != self.sysctl.changes() {
            self.copy_ipvs_settings();
            self.ipvs_settings = self.sysctl.changes();
        }
        self.ipvs.estimate(self.now);
        self.ipvs.notes.wanted = self.out.tracing;
        &mut self.ipvs
    }

    fn copy_ipvs_settings(&mut self) {
        let file = |name| format!("net.ipv4.vs.{name}");
        for (name, value) in self.ipvs.config.fields() {
            *value = self.sysctl.number(&file(name));
        }
        if let [threshold, period] = *self.sysctl.numbers("net.ipv4.vs.sync_threshold") {
            self.ipvs.config.sync_threshold = (threshold, period);
        }
        self.ipvs.settings_changed(self.now);
        // The kernel writes into the files of automatic modes whether they are on.
        for (name, value) in self.ipvs.config.fields() {
            if *value != self.sysctl.number(&file(name)) {
                // It is within the file's range.
                let _ = self.sysctl.write(&self.interfaces, &file(name), &value.to_string());
            }
        }
    }

    /// ip_vs_ops4: what IPVS does with a packet at these hooks.
    #[inline]
    pub(super) fn ipvs_hook(&mut self, hook: NetfilterHook, packet: Packet) -> Passage {
        if self.ipvs.is_idle() || packet.ipvs_property {
            return Passage::On(packet);
        }
        match hook {
            NetfilterHook::Input => self.ipvs_look(packet, Hook::LocalIn),
            NetfilterHook::Forward => self.ipvs_look(packet, Hook::Forward),
            NetfilterHook::Output => self.ipvs_look(packet, Hook::LocalOut),
            NetfilterHook::Prerouting | NetfilterHook::Postrouting => Passage::On(packet),
        }
    }

    fn ipvs_look(&mut self, mut packet: Packet, hook: Hook) -> Passage {
        let is_from_here = hook == Hook::LocalOut || packet.iif == IfIndex::LO;
        let now = self.now;
        let Some(mut view) = View::new(packet.ip(), packet.mark, hook, is_from_here) else {
            return Passage::On(packet);
        };
        view.is_tracked = self.netfilter.tracks();
        view.is_confirmed = packet.tracked.is_confirmed();
        if self.ipvs().config.cache_bypass != 0 {
            view.is_for_elsewhere = self.routes.kind_of(packet.destination()) == Kind::Unicast;
        }
        self.ipvs.notes.wanted = self.out.tracing;
        let ipvs = self.ipvs();
        let verdict = match hook {
            Hook::Forward => ipvs.forwarded(&view, now),
            Hook::LocalIn | Hook::LocalOut => ipvs.local(&view, now),
        };
        self.tell_ipvs_notes(packet.origin);
        match verdict {
            Verdict::Accept => Passage::On(packet),
            Verdict::Pass { keeps_tracking } => {
                packet.ipvs_property = true;
                if !keeps_tracking {
                    self.untrack(&mut packet);
                }
                Passage::On(packet)
            }
            Verdict::Drop => Passage::Dropped,
            Verdict::Unreachable => {
                // Port unreachable, whatever the protocol.
                self.icmp_send(&packet, UNREACHABLE, Unreachable::Port as u8, [0; 4]);
                Passage::Dropped
            }
            Verdict::Forward(forward) => self.ipvs_transmit(packet, forward),
            Verdict::Relay(relay) => {
                self.ipvs_relay(&packet, relay);
                Passage::Stolen
            }
            Verdict::Reply(reply) => {
                dress(&mut packet, &reply);
                packet.ipvs_property = true;
                let virtual_end = (reply.address, reply.port);
                self.ipvs_track(&mut packet, reply.keeps_tracking, Side::Source, virtual_end);
                Passage::On(packet)
            }
        }
    }

    /// What is due happens now, at its time, whether or not a packet passes.
    pub(super) fn ipvs_timers(&mut self) {
        self.ipvs.notes.wanted = self.out.tracing;
        self.ipvs.expire(self.now);
        self.tell_ipvs_notes(About::default());
        // ip_vs_conn_drop_conntrack
        for flow in self.ipvs.take_released() {
            let end = |address: SocketAddrV4| (*address.ip(), address.port());
            let (source, destination) = (end(flow.client), end(flow.virtual_address));
            self.netfilter.forget_connection(Tuple { source, destination, protocol: flow.protocol });
        }
        self.send_sync();
    }

    /// What IPVS has decided goes into the trace, beside the frame that it was about.
    fn tell_ipvs_notes(&mut self, about: impl Into<About>) {
        if self.out.tracing {
            let about = about.into();
            for note in self.ipvs.notes.drain() {
                self.out.note_about(about, || note);
            }
        }
    }

    /// The packet leaves connection tracking, or its connection learns what IPVS has made of this side of it.
    fn ipvs_track(&mut self, packet: &mut Packet, keeps_tracking: bool, side: Side, end: (std::net::Ipv4Addr, u16)) {
        if keeps_tracking {
            self.netfilter_mut().alter_reply(packet, side, end);
        } else {
            self.untrack(packet);
        }
    }

    /// ip_vs_notrack
    fn untrack(&mut self, packet: &mut Packet) {
        if matches!(packet.tracked, Tracked::Part(_)) {
            packet.tracked = Tracked::Untracked;
            self.out.note_about(packet.origin, || Note::Nat(Nat::Untracked));
        }
    }

    /// ip_vs_nat_xmit, ip_vs_dr_xmit, ip_vs_tunnel_xmit: gives the packet back if its server is this host.
    fn ipvs_transmit(&mut self, mut packet: Packet, forward: Forward) -> Passage {
        let towards = if forward.method == Method::Bypass { packet.destination() } else { forward.server };
        let Ok(route) = self.route_output(towards, None, None) else {
            self.drop_packet(&packet, IpDrop::NoRoute { destination: towards });
            self.icmp_send(&packet, UNREACHABLE, Unreachable::Host as u8, [0; 4]);
            return Passage::Dropped;
        };
        self.step_routed(packet.origin, towards, &route);
        let is_local = route.kind == RouteKind::Local;
        if is_local && forward.method != Method::Masquerade {
            packet.ipvs_property = true;
            if !forward.keeps_tracking {
                self.untrack(&mut packet);
            }
            return Passage::On(packet);
        }
        if is_local && towards.is_loopback() && packet.iif != IfIndex::LO {
            // ip_vs_nat_xmit: what came from elsewhere is not handed to 127.0.0.0/8.
            let why = IpvsDrop::CrossesLoopback { server: towards };
            self.out.note_about(packet.origin, || Note::Drop(Drop::Ipvs(why)));
            return Passage::Dropped;
        }
        if !is_local {
            if packet.ttl() <= 1 {
                self.drop_packet(&packet, IpDrop::TtlExceeded);
                self.icmp_send(&packet, 11, 0, [0; 4]);
                return Passage::Dropped;
            }
            rewrite::decrement_ttl(&mut packet.frame);
            // ensure_mtu_is_adequate
            let is_tunnel = forward.method == Method::Tunnel;
            if is_tunnel {
                self.ipvs_path_mtus.insert(towards, route.mtu);
            }
            let overhead = if is_tunnel { IPV4_LEN + envelope(forward.tunnel, 0).len() } else { 0 };
            let room = (route.mtu as usize).saturating_sub(overhead);
            if is_tunnel && room < SMALLEST_MTU {
                self.drop_packet(&packet, IpDrop::TooBig { mtu: room as u32 });
                return Passage::Dropped;
            }
            let must_fit = !forward.is_error && (!is_tunnel || self.ipvs.config.pmtu_disc != 0);
            if must_fit && packet.is_dont_fragment() && packet.total_len() > room {
                self.refuse_too_big(&packet, room as u32);
                return Passage::Dropped;
            }
        }
        packet.ipvs_property = true;
        match forward.method {
            Method::Masquerade => {
                masquerade(&mut packet, &forward);
                let real_end = (forward.server, forward.port);
                self.ipvs_track(&mut packet, forward.keeps_tracking, Side::Destination, real_end);
                if is_local {
                    return Passage::On(packet);
                }
                self.ipvs_send(packet, &route);
            }
            // The packet stays what it is; the frame goes to the server, or to the router on the way there.
            Method::Route | Method::Bypass => {
                if !forward.keeps_tracking {
                    self.untrack(&mut packet);
                }
                let next_hop = route.gateway.unwrap_or(towards);
                self.ipvs_send(packet, &Route { gateway: Some(next_hop), ..route });
            }
            Method::Tunnel => self.ipvs_wrap(packet, route, forward),
        }
        Passage::Stolen
    }

    /// ip_vs_send_or_cont: LOCAL_OUT once more, where the filter sees it.
    fn ipvs_send(&mut self, packet: Packet, route: &Route) {
        if let Passage::On(packet) = self.netfilter(NetfilterHook::Output, packet, Way::along(route)) {
            self.ip_output(packet, route);
        }
    }
}

/// ip_vs_nat_xmit, ip_vs_nat_icmp: the packet is for the server now; an error quotes what the server has sent.
fn masquerade(packet: &mut Packet, forward: &Forward) {
    if forward.is_error {
        translate_error(packet, Side::Destination, Side::Source, forward.server, forward.port);
    } else {
        rewrite::set_endpoint(&mut packet.frame, Side::Destination, forward.server, Some(forward.port));
    }
    if let Some(edit) = &forward.edit {
        stream::renumber(&mut packet.frame, |number| number, |number| edit.numbers.acknowledgement(number));
    }
}

/// handle_response, ip_vs_nat_icmp: the packet comes from the virtual address now.
fn dress(packet: &mut Packet, reply: &Reply) {
    if reply.is_error {
        translate_error(packet, Side::Source, Side::Destination, reply.address, reply.port);
    } else {
        rewrite::set_endpoint(&mut packet.frame, Side::Source, reply.address, Some(reply.port));
    }
    if let Some(Edit { rewrite, numbers }) = reply.edit.as_deref() {
        if let Some(rewrite) = rewrite {
            stream::replace(&mut packet.frame, rewrite.place.clone(), &rewrite.text);
        }
        stream::renumber(&mut packet.frame, |number| numbers.sequence(number), |number| number);
    }
}

/// An ICMP error: its own address on the one side, the quoted packet's on the other, and its checksum.
fn translate_error(packet: &mut Packet, outer: Side, inner: Side, address: std::net::Ipv4Addr, port: u16) {
    rewrite::set_endpoint(&mut packet.frame, outer, address, None);
    let (start, end) = (ETHERNET_LEN + packet.header_len(), ETHERNET_LEN + packet.total_len());
    let message = &mut packet.frame.bytes_mut()[start..end];
    if message.len() <= 8 {
        return;
    }
    rewrite::translate(&mut message[8..], inner, address, Some(port));
    message[2..4].fill(0);
    let sum = checksum(message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}
