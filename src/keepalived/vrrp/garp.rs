//! Gratuitous ARPs: everybody on the link is told who has an address (vrrp_arp.c, vrrp.c vrrp_send_link_update).

use std::net::Ipv4Addr;

use super::Vrrp;
use super::effect::Effect;
use super::router::State;
use crate::keepalived::conf::{Config, GarpGroup, Vip};
use crate::time::{Span, Time};

/// Gratuitous ARPs that are still to be sent.
#[derive(Clone, Debug, Default)]
pub struct Garps {
    /// Batches that come later: when, whose, and how many rounds they have.
    later: Vec<(Time, usize, u32)>,
    /// Interfaces that keep a gap between one and the next.
    gaps: Vec<Gap>,
    /// Addresses that wait for a gap: whose, and by which interface.
    waiting: Vec<(usize, String, Ipv4Addr)>,
}

#[derive(Clone, Debug)]
struct Gap {
    /// The interfaces; none: any one that uses it first.
    interfaces: Vec<String>,
    gap: Span,
    /// When the next one may be sent.
    next: Option<Time>,
}

impl Garps {
    pub(super) fn new(config: &Config) -> Garps {
        let gap =
            |group: &GarpGroup| Some(Gap { interfaces: group.interfaces.clone(), gap: group.interval?, next: None });
        let mut gaps: Vec<Gap> = config.global.garp_groups.iter().filter_map(gap).collect();
        let default = config.global.garp_interval;
        if default > Span::ZERO {
            // set_default_garp_delay: each interface in use that has none yet gets one of its own.
            let used = config.instances.iter().flat_map(|it| {
                let places = it.addresses().map(|(_, device)| device).collect::<Vec<_>>();
                std::iter::once(it.interface.clone()).chain(places)
            });
            for interface in used {
                if !gaps.iter().any(|gap| gap.interfaces.contains(&interface)) {
                    gaps.push(Gap { interfaces: vec![interface], gap: default, next: None });
                }
            }
        }
        Garps { later: Vec::new(), gaps, waiting: Vec::new() }
    }

    /// A batch that comes later.
    pub(super) fn later(&mut self, at: Time, place: usize, rounds: u32) {
        self.later.push((at, place, rounds));
    }

    /// Addresses that wait are not announced any more.
    pub(super) fn forget(&mut self, place: usize) {
        self.waiting.retain(|(whose, _, _)| *whose != place);
    }

    fn gap(&mut self, interface: &str) -> Option<&mut Gap> {
        self.gaps.iter_mut().find(|gap| gap.interfaces.iter().any(|name| name == interface))
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let ready = |(_, interface, _): &(usize, String, Ipv4Addr)| {
            self.gaps.iter().find(|gap| gap.interfaces.contains(interface)).and_then(|gap| gap.next)
        };
        self.later.iter().map(|(at, _, _)| *at).chain(self.waiting.iter().filter_map(ready)).min()
    }
}

impl Vrrp {
    /// What waits and is due.
    pub(super) fn send_garps(&mut self, now: Time) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.garps.later).into_iter().partition(|(at, _, _)| *at <= now);
        self.garps.later = later;
        for (_, place, rounds) in due {
            self.announce(place, rounds, now);
        }
        let waiting = std::mem::take(&mut self.garps.waiting);
        for place in 0..self.routers.len() {
            let its = |(vip, device): (&Vip, String)| (place, device, vip.net.addr());
            let held: Vec<_> = self.routers[place].config.addresses().map(its).collect();
            for waits in held.into_iter().filter(|held| waiting.contains(held)) {
                if self.routers[place].state == State::Master {
                    self.announce_or_wait(place, waits.1, waits.2, now);
                }
            }
        }
    }

    /// vrrp_send_link_update: rounds of gratuitous ARPs for everything that a router holds.
    pub(super) fn announce(&mut self, place: usize, rounds: u32, now: Time) {
        if !self.routers[place].holds {
            return;
        }
        let it = self.routers[place].config.clone();
        for round in 0..rounds {
            for (vip, device) in it.addresses() {
                let address = vip.net.addr();
                if round == 0 {
                    let name = &it.name;
                    self.log(format!("({name}) Sending/queueing gratuitous ARPs on {device} for {address}"));
                }
                self.announce_or_wait(place, device, address, now);
            }
        }
    }

    /// After an advertisement of lower priority: now, and once more.
    pub(super) fn announce_after_lower(&mut self, place: usize, now: Time) {
        let garp = self.routers[place].config.garp;
        let rounds = garp.lower_priority_repeat.unwrap_or(garp.repeat);
        let delay = garp.lower_priority_delay.unwrap_or(garp.delay);
        if rounds == 0 {
            return;
        }
        self.announce(place, rounds, now);
        if delay > Span::ZERO {
            self.garps.later(now + delay, place, rounds);
        }
    }

    /// vrrp_send_vmac_update: one for each other interface that holds addresses.
    pub(super) fn announce_elsewhere(&mut self, place: usize, is_all: bool, now: Time) {
        if !self.routers[place].holds {
            return;
        }
        let it = self.routers[place].config.clone();
        let own = it.device();
        let mut done: Vec<String> = Vec::new();
        for (vip, device) in it.addresses() {
            let is_own_vmac = device == own && it.vmac.as_ref().is_some_and(|vmac| vmac.advertises_below);
            let counts = is_own_vmac || is_all && device != own;
            if counts && !done.contains(&device) {
                let (name, address) = (&it.name, vip.net.addr());
                self.log(format!("({name}) Sending/queueing gratuitous ARPs on {device} for {address}"));
                done.push(device.clone());
                self.announce_or_wait(place, device, address, now);
            }
        }
    }

    fn announce_or_wait(&mut self, place: usize, interface: String, address: Ipv4Addr, now: Time) {
        let waiting = (place, interface, address);
        if let Some(gap) = self.garps.gap(&waiting.1) {
            if gap.next.is_some_and(|next| next > now) {
                // One that waits already stands for all: repetitions collapse.
                if !self.garps.waiting.contains(&waiting) {
                    self.garps.waiting.push(waiting);
                }
                return;
            }
            gap.next = Some(now + gap.gap);
        }
        self.arp(&waiting.1, address);
    }

    /// send_gratuitous_arp_immediate
    pub(super) fn arp(&mut self, interface: &str, address: Ipv4Addr) {
        let Some(link) = self.links.iter().find(|link| link.name == interface) else { return };
        if !link.arp {
            return;
        }
        let (interface, is_up) = (interface.to_owned(), link.is_up);
        self.log(format!("Sending gratuitous ARP on {interface} for {address}"));
        if is_up {
            self.effects.push(Effect::GratuitousArp { interface, address });
        } else {
            let text = format!("Error 100 (Network is down) sending gratuitous ARP on {interface} for {address}");
            self.log(text);
        }
    }
}
