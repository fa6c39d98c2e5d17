//! The Address Resolution Protocol (RFC 826) as Linux speaks it: net/ipv4/arp.c.

use std::net::Ipv4Addr;

use etherparse::ArpOperation;

use super::interface::{Address, IfIndex, Interface, Scope};
use super::ip::Arrival;
use super::kernel::Kernel;
use super::neighbour::{Override, State};
use super::netfilter::ArpHook;
use super::route::{Kind, Query, RouteKind};
use super::sysctl::{Conf, DecidedBy, Neigh};
use crate::reason::{self, Note, Origin, Setting, Step, Withheld};
use crate::wire::build::{self, Arp};
use crate::wire::{Frame, MacAddr, read};

impl Kernel {
    /// arp_rcv, arp_process: a message has come in.
    pub(super) fn arp_receive(&mut self, iif: IfIndex, frame: &Frame) {
        let Some(interface) = self.interfaces.get(iif) else { return };
        let Some(message) = read::arp(frame.payload()) else {
            return self.arp_note(|| reason::Arp::Malformed);
        };
        let is_for_us = frame.destination() == interface.mac;
        let Some(message) = self.arp_filter(ArpHook::Input, iif, message, Origin::came_in(self.out.handling)) else {
            return;
        };
        let Some(interface) = self.interfaces.get(iif) else { return };
        let loopback_is_routed = self.sysctl.conf(iif, Conf::RouteLocalnet) != 0;
        let target = message.target_ip;
        if !interface.arp
            || !matches!(message.operation, ArpOperation::REQUEST | ArpOperation::REPLY)
            || target.is_multicast()
            || target.is_loopback() && !loopback_is_routed
        {
            return self.arp_note(|| reason::Arp::Malformed);
        }
        if message.operation == ArpOperation::REQUEST {
            if message.sender_ip.is_unspecified() {
                return self.arp_probed(iif, &message);
            }
            if self.arp_asked(iif, &message) {
                return;
            }
            self.arp_step(reason::Heard::ForOther { target });
        }
        self.arp_heard(iif, &message, is_for_us);
    }

    /// A probe for duplicate addresses (RFC 2131, RFC 5227): answered if the address is taken, and nothing is learned.
    fn arp_probed(&mut self, iif: IfIndex, message: &Arp) {
        let target = message.target_ip;
        if self.routes.kind_of(target) != Kind::Local {
            return self.arp_step(reason::Heard::ForOther { target });
        }
        match self.arp_ignored(iif, message.sender_ip, target) {
            Some(why) => self.arp_note(|| reason::Arp::Withheld { target, why: Box::new(why) }),
            None => self.arp_answer(iif, message),
        }
    }

    /// A request. False if it is for somebody else, who may still be learned from.
    fn arp_asked(&mut self, iif: IfIndex, message: &Arp) -> bool {
        let (sender, target) = (message.sender_ip, message.target_ip);
        match self.route_input(&Query { source: Some(sender), iif, ..Query::to(target) }) {
            Ok(Arrival::Local { kind: RouteKind::Local, .. }) => {}
            Ok(Arrival::Forward { route, .. }) => return self.arp_proxied(iif, message, route.oif),
            Ok(Arrival::Local { .. }) => return false,
            Err(why) => {
                if self.routes.kind_of(target) == Kind::Local {
                    self.arp_note(|| reason::Arp::Withheld { target, why: Box::new(Withheld::Source(why)) });
                }
                return false;
            }
        }
        let why = self.arp_ignored(iif, sender, target).or_else(|| self.arp_filtered(iif, sender, target));
        match why {
            Some(why) => self.arp_note(|| reason::Arp::Withheld { target, why: Box::new(why) }),
            None => {
                self.arp_note_asker(iif, message);
                self.learn_neighbour(iif, sender, message.sender_mac, State::Stale, Override::Yes);
                self.arp_answer(iif, message);
            }
        }
        true
    }

    /// arp_fwd_proxy: whether a request for somebody behind another interface is answered in his place.
    fn arp_proxied(&mut self, iif: IfIndex, message: &Arp, oif: IfIndex) -> bool {
        if oif == iif || self.sysctl.conf(iif, Conf::ProxyArp) == 0 {
            return false;
        }
        self.learn_neighbour(iif, message.sender_ip, message.sender_mac, State::Stale, Override::Yes);
        let target = message.target_ip;
        let behind = self.interface_name(oif).to_owned();
        self.arp_note(|| reason::Arp::Proxied { target, behind });
        self.arp_reply(iif, message);
        true
    }

    /// The last part of arp_process: what a message that is not a request to us says about its sender.
    fn arp_heard(&mut self, iif: IfIndex, message: &Arp, is_for_us: bool) {
        let sender = message.sender_ip;
        let accept = self.arp_accepts(iif, sender);
        let is_reply = message.operation == ArpOperation::REPLY;
        let sender_is_elsewhere = self.routes.kind_of(sender) == Kind::Unicast;
        // arp_is_garp: a gratuitous reply names its sender twice, with its hardware address.
        let is_gratuitous = sender == message.target_ip
            && (!is_reply || message.target_mac == message.sender_mac)
            && sender_is_elsewhere;
        let known = self.neighbours.get(iif, sender).map(|entry| (entry.updated, entry.mac));
        if known.is_none() && !(accept && sender_is_elsewhere && (is_gratuitous || is_reply)) {
            if is_gratuitous || is_reply {
                self.arp_unsolicited(iif, sender);
            }
            return;
        }
        // If several replies come back to back, the first one counts.
        let locktime = self.sysctl.neigh_time(iif, Neigh::Locktime);
        let is_late = known.is_none_or(|(updated, _)| self.now > updated + locktime);
        let how = if is_late || is_gratuitous { Override::Yes } else { Override::No };
        // Only an answer to ourselves says that the neighbour can be reached.
        let state = if is_reply && is_for_us { State::Reachable } else { State::Stale };
        let (neighbour, mac) = (sender, message.sender_mac);
        match known {
            Some((_, old)) if old != mac && old != MacAddr::ZERO && how == Override::No => {
                self.arp_note(|| reason::Arp::TooSoon { neighbour, mac, kept: old });
            }
            Some((_, old)) if old != mac && old != MacAddr::ZERO => {
                self.arp_note(|| reason::Arp::Replaced { neighbour, mac, old });
            }
            // A request of somebody who is known says nothing new.
            Some((_, old)) if old == mac && state == State::Stale => self.arp_step(reason::Heard::Known { neighbour }),
            _ => self.arp_note(|| reason::Arp::Learned { neighbour, mac }),
        }
        self.learn_neighbour(iif, sender, message.sender_mac, state, how);
    }

    /// Notes that the asker's addresses contradict what was known: whoever is asked believes them at once.
    fn arp_note_asker(&mut self, iif: IfIndex, message: &Arp) {
        let (neighbour, mac) = (message.sender_ip, message.sender_mac);
        let known = self.neighbours.get(iif, neighbour).map(|entry| entry.mac);
        if let Some(old) = known.filter(|&old| old != mac && old != MacAddr::ZERO) {
            self.arp_note(|| reason::Arp::Replaced { neighbour, mac, old });
        }
    }

    /// Notes that an announcement makes no entry.
    fn arp_unsolicited(&mut self, iif: IfIndex, neighbour: Ipv4Addr) {
        let accept = self.sysctl.effective(iif, Conf::ArpAccept);
        let setting = self.setting("arp_accept", iif, accept.value, accept.by);
        self.arp_note(|| reason::Arp::Unsolicited { neighbour, setting: Box::new(setting) });
    }

    /// arp_accept: whether an unsolicited message may make a new entry.
    fn arp_accepts(&self, iif: IfIndex, sender: Ipv4Addr) -> bool {
        match self.sysctl.conf(iif, Conf::ArpAccept) {
            0 => false,
            1 => true,
            _ => self
                .interfaces
                .get(iif)
                .is_some_and(|interface| interface.addresses.iter().any(|address| address.shares_subnet_with(sender))),
        }
    }

    /// Whether any neighbour's question for a local address is answered: for those who look at how a machine is set up.
    pub fn answers_arp(&self, address: Ipv4Addr) -> bool {
        let plugged = self.interfaces.iter().filter(|interface| interface.arp && interface.port().is_some());
        let mut heard = plugged.filter(|interface| !self.netfilter.arp_drops(&interface.name, address));
        heard.any(|interface| self.arp_ignored(interface.index, Ipv4Addr::UNSPECIFIED, address).is_none())
    }

    /// arp_ignore: why a request for a local address is not answered, if it is not.
    fn arp_ignored(&self, iif: IfIndex, sender: Ipv4Addr, target: Ipv4Addr) -> Option<Withheld> {
        let effective = self.sysctl.effective(iif, Conf::ArpIgnore);
        let own = self.interfaces.get(iif)?;
        let unspecified = Ipv4Addr::UNSPECIFIED;
        let confirmed = match effective.value {
            1 => self.confirms(own, unspecified, target, Scope::Host),
            2 => self.confirms(own, sender, target, Scope::Host),
            3 => self.interfaces.iter().any(|any| self.confirms(any, unspecified, target, Scope::Link)),
            8 => false,
            _ => true,
        };
        if confirmed {
            return None;
        }
        let holder = self.interfaces.addresses().find(|(_, address)| address.ip == target);
        Some(Withheld::Ignore {
            setting: self.setting("arp_ignore", iif, effective.value, effective.by),
            holder: holder.map(|(interface, _)| interface.name.clone()),
        })
    }

    /// The setting that has decided, by its full name.
    fn setting(&self, name: &'static str, iif: IfIndex, value: i32, by: DecidedBy) -> Setting {
        let column = match by {
            DecidedBy::All => "all".to_owned(),
            DecidedBy::Interface => self.interface_name(iif).to_owned(),
        };
        Setting { name: format!("net.ipv4.conf.{column}.{name}").into(), value: i64::from(value) }
    }

    /// confirm_addr_indev: whether `local` is an address of the interface, of at least this scope, and on the link with
    /// `sender` if that is given.
    fn confirms(&self, interface: &Interface, sender: Ipv4Addr, local: Ipv4Addr, scope: Scope) -> bool {
        let has_it =
            interface.addresses.iter().any(|address| address.ip == local && self.reach(interface, address) <= scope);
        let on_link = |address: &Address| {
            address.shares_subnet_with(local) && (sender.is_unspecified() || address.shares_subnet_with(sender))
        };
        has_it && interface.addresses.iter().any(on_link)
    }

    /// arp_filter: whether the way to the sender leads by another interface.
    fn arp_filtered(&mut self, iif: IfIndex, sender: Ipv4Addr, target: Ipv4Addr) -> Option<Withheld> {
        let effective = self.sysctl.effective(iif, Conf::ArpFilter);
        if effective.value == 0 {
            return None;
        }
        let way = self.route_output(sender, Some(target), None).ok().map(|route| route.oif);
        if way == Some(iif) {
            return None;
        }
        Some(Withheld::Filter {
            setting: self.setting("arp_filter", iif, effective.value, effective.by),
            way: way.map(|oif| self.interface_name(oif).to_owned()),
        })
    }

    /// Answers for one of this host's addresses.
    fn arp_answer(&mut self, iif: IfIndex, request: &Arp) {
        let Some(interface) = self.interfaces.get(iif) else { return };
        let (target, mac) = (request.target_ip, interface.mac);
        let has_it = |interface: &Interface| interface.addresses.iter().any(|address| address.ip == target);
        let holder = self.interfaces.iter().find(|interface| has_it(interface)).filter(|_| !has_it(interface));
        let holder = holder.map(|interface| interface.name.clone());
        self.arp_note(|| reason::Arp::Answered { target, mac, holder: holder.map(Into::into) });
        self.arp_reply(iif, request);
    }

    fn arp_reply(&mut self, iif: IfIndex, request: &Arp) {
        let Some(interface) = self.interfaces.get(iif) else { return };
        let reply = Arp {
            operation: ArpOperation::REPLY,
            sender_mac: interface.mac,
            sender_ip: request.target_ip,
            target_mac: request.sender_mac,
            target_ip: request.sender_ip,
        };
        let origin = self.out.origin();
        self.arp_send(iif, request.sender_mac, reply, origin);
    }

    /// arp_solicit: asks for a neighbour, by broadcast or, to see whether it is still there, at its known address.
    ///
    /// `source` is the source address of the packet that waits for the answer.
    pub(super) fn solicit(
        &mut self,
        oif: IfIndex,
        target: Ipv4Addr,
        source: Option<Ipv4Addr>,
        known: Option<MacAddr>,
        waiting: Option<Origin>,
    ) {
        let announce = self.sysctl.effective(oif, Conf::ArpAnnounce);
        let local = source.filter(|source| self.routes.kind_of(*source) == Kind::Local);
        let Some(interface) = self.interfaces.get(oif) else { return };
        let (mac, arp) = (interface.mac, interface.arp);
        if !arp {
            return;
        }
        let chosen = match announce.value {
            0 => local,
            1 => local.filter(|source| {
                interface
                    .addresses
                    .iter()
                    .any(|address| address.shares_subnet_with(target) && address.shares_subnet_with(*source))
            }),
            _ => None,
        };
        let sender_ip = chosen.unwrap_or_else(|| self.select_address(oif, Some(target), Scope::Link));
        let foreign = !self.interfaces.get(oif).is_some_and(|own| own.addresses.iter().any(|a| a.ip == sender_ip));
        let setting = || self.setting("arp_announce", oif, announce.value, announce.by);
        let note = self.out.tracing.then(|| reason::Arp::Asks {
            target,
            sender: sender_ip,
            foreign,
            setting: Box::new(setting()),
        });
        let request = Arp {
            operation: ArpOperation::REQUEST,
            sender_mac: mac,
            sender_ip,
            target_mac: MacAddr::ZERO,
            target_ip: target,
        };
        if let Some(note) = note {
            self.out.note_about(waiting.unwrap_or_default(), || Note::Arp(note));
        }
        let origin = match waiting {
            Some(waiting) => self.out.origin_for(waiting),
            None => self.out.origin(),
        };
        self.arp_send(oif, known.unwrap_or(MacAddr::BROADCAST), request, origin);
    }

    /// inetdev_event: an interface that has got another hardware address announces its addresses if arp_notify says so.
    pub(super) fn announce_address(&mut self, index: IfIndex, ip: Ipv4Addr) {
        if self.notifies(index) {
            self.send_gratuitous_arp(index, ip);
        }
    }

    /// inetdev_event: one that is switched on announces them, too, but at that moment its link is not there yet, neither
    /// with a virtual cable nor with a real one. Nobody ever hears it.
    pub(super) fn announce_too_early(&mut self, index: IfIndex, ip: Ipv4Addr) {
        if self.notifies(index) {
            let interface = self.interface_name(index).to_owned();
            self.arp_note(|| reason::Arp::AnnouncedTooEarly { address: ip, interface });
        }
    }

    fn notifies(&self, index: IfIndex) -> bool {
        let is_usable = self.interfaces.get(index).is_some_and(|interface| interface.is_running() && interface.arp);
        is_usable && self.sysctl.conf(index, Conf::ArpNotify) != 0
    }

    /// arp_send for oneself: tells everybody on the link that an address is here.
    pub fn send_gratuitous_arp(&mut self, index: IfIndex, ip: Ipv4Addr) {
        let Some(interface) = self.interfaces.get(index) else { return };
        let announcement = Arp {
            operation: ArpOperation::REQUEST,
            sender_mac: interface.mac,
            sender_ip: ip,
            target_mac: MacAddr::ZERO,
            target_ip: ip,
        };
        let origin = self.out.origin();
        self.arp_send(index, MacAddr::BROADCAST, announcement, origin);
    }

    fn arp_send(&mut self, oif: IfIndex, destination: MacAddr, message: Arp, origin: Origin) {
        let source = message.sender_mac;
        let Some(message) = self.arp_filter(ArpHook::Output, oif, message, origin) else { return };
        let frame = build::arp(source, destination, message);
        self.transmit_frame(oif, frame, origin);
    }

    fn arp_step(&mut self, heard: reason::Heard) {
        self.out.note(|| Note::Step(Step::Arp(heard)));
    }

    fn arp_note(&mut self, note: impl FnOnce() -> reason::Arp) {
        self.out.note(|| Note::Arp(note()));
    }
}
