//! The VRRP process: all virtual routers of a machine, what they track, and the groups that they form.
//!
//! What happens goes in ([`Vrrp::receive`], [`Vrrp::link`], [`Vrrp::script`], time), [`Effect`]s come out.

pub mod packet;
mod router;
mod script;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

pub use packet::Arrival;
pub use router::{Effect, Router, State};
pub use script::{Outcome, Watched};

use super::conf::{Config, Global, Group, Track};
use crate::time::Time;

/// What is known of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Whether it is up and has a carrier.
    pub is_up: bool,
    /// Its first address.
    pub address: Option<Ipv4Addr>,
}

/// An effect, and the place of the router that wants it.
pub type Wish = (usize, Effect);

/// All virtual routers of a machine.
#[derive(Debug)]
pub struct Vrrp {
    global: Global,
    routers: Vec<Router>,
    groups: Vec<Group>,
    scripts: Vec<Watched>,
    links: Vec<Link>,
    /// Whether each script's failure counts as a fault of each router at the moment.
    script_faults: Vec<Vec<bool>>,
    said: Vec<Wish>,
}

impl Vrrp {
    /// The routers of a configuration; they have still to be started.
    pub fn new(config: &Config, links: Vec<Link>) -> Vrrp {
        let scripts: Vec<Watched> = config.scripts.iter().cloned().map(Watched::new).collect();
        let routers: Vec<Router> = config.instances.iter().cloned().map(Router::new).collect();
        Vrrp {
            global: config.global.clone(),
            script_faults: vec![vec![false; scripts.len()]; routers.len()],
            routers,
            groups: config.groups.clone(),
            scripts,
            links,
            said: Vec::new(),
        }
    }

    /// The routers, in the order of the configuration.
    pub fn routers(&self) -> &[Router] {
        &self.routers
    }

    /// The scripts, in the order of the configuration.
    pub fn scripts(&self) -> &[Watched] {
        &self.scripts
    }

    /// What is to be done, in order.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        self.collect();
        std::mem::take(&mut self.said)
    }

    fn collect(&mut self) {
        for (place, router) in self.routers.iter_mut().enumerate() {
            self.said.extend(router.take_effects().into_iter().map(|effect| (place, effect)));
        }
    }

    /// When [`Vrrp::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.routers.iter().filter_map(Router::next_deadline).min()
    }

    /// Starts all routers.
    pub fn start(&mut self, now: Time) {
        for place in 0..self.routers.len() {
            self.count_first_faults(place, now);
            self.routers[place].start(now);
        }
    }

    /// The faults that are there before the router has begun.
    fn count_first_faults(&mut self, place: usize, now: Time) {
        let interfaces = self.interfaces_of(place);
        let down: Vec<&String> = interfaces.iter().filter(|name| !self.is_up(name)).collect();
        let mut said: Vec<String> = Vec::new();
        let name = &self.routers[place].config.name;
        for interface in down {
            said.push(format!("({name}): entering FAULT state (interface {interface} down)"));
        }
        let own = &self.routers[place].config.interface;
        let is_addressed = self.links.iter().any(|link| link.name == *own && link.address.is_some());
        if !is_addressed && self.routers[place].config.source.is_none() {
            said.push(format!("({name}): entering FAULT state (no IPv4 address for interface)"));
        }
        for text in said {
            self.said.push((place, Effect::Log(text)));
            self.routers[place].fault();
        }
        for script in 0..self.scripts.len() {
            self.judge(place, script, now);
        }
    }

    /// The interfaces without which a router cannot work.
    fn interfaces_of(&self, place: usize) -> Vec<String> {
        let config = &self.routers[place].config;
        let own = (!config.ignores_own_interface).then(|| config.interface.clone());
        let tracked = config.track_interfaces.iter().filter(|track| track.weight.unwrap_or(0) == 0);
        let devices = config.vips.iter().filter_map(|vip| vip.device.clone());
        let groups = self.groups.iter().filter(|group| group.members.contains(&config.name));
        let of_groups = groups.flat_map(|group| &group.track_interfaces).map(|track| track.name.clone());
        let mut names: Vec<String> =
            own.into_iter().chain(tracked.map(|track| track.name.clone())).chain(devices).chain(of_groups).collect();
        names.sort();
        names.dedup();
        names
    }

    fn is_up(&self, name: &str) -> bool {
        self.links.iter().any(|link| link.name == name && link.is_up)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Time) {
        for place in 0..self.routers.len() {
            let before = self.routers[place].state();
            self.routers[place].tick(now);
            self.follow(place, before, now);
            self.collect();
        }
    }

    /// A VRRP packet has come in by an interface.
    pub fn receive(&mut self, interface: &str, arrival: &Arrival<'_>, now: Time) {
        let Some(vrid) = arrival.vrid() else { return };
        let own = self.links.iter().find(|link| link.name == interface).and_then(|link| link.address);
        let is_it = |router: &Router| router.config.vrid == vrid && router.config.interface == interface;
        match self.routers.iter().position(is_it) {
            Some(place) => {
                let before = self.routers[place].state();
                let own = self.routers[place].config.source.or(own).unwrap_or(Ipv4Addr::UNSPECIFIED);
                self.routers[place].receive(arrival, own, &self.global, now);
                self.follow(place, before, now);
            }
            None if self.global.log_unknown_vrids => {
                let text = format!("Unknown VRID({vrid}) received on interface({interface}). ignoring...");
                self.said.push((0, Effect::Log(text)));
            }
            None => {}
        }
    }

    /// The other members of a router's groups go where it has gone (vrrp_sync.c).
    fn follow(&mut self, place: usize, before: State, now: Time) {
        let after = self.routers[place].state();
        if before == after {
            return;
        }
        let name = self.routers[place].config.name.clone();
        let groups: Vec<Group> = self.groups.iter().filter(|group| group.members.contains(&name)).cloned().collect();
        for group in groups {
            self.collect();
            let text = format!("VRRP_Group({}) Syncing instances to {} state", group.name, after.name());
            self.said.push((place, Effect::Log(text)));
            for other in 0..self.routers.len() {
                let router = &mut self.routers[other];
                if other == place || !group.members.contains(&router.config.name) || router.state() == after {
                    continue;
                }
                match after {
                    State::Master => router.take_over(now),
                    State::Backup if before == State::Fault => router.mend(now),
                    State::Backup => router.become_backup(now),
                    State::Fault => router.fault(),
                }
            }
        }
    }

    /// An interface has changed, or its addresses have.
    pub fn link(&mut self, link: Link, now: Time) {
        let Some(known) = self.links.iter_mut().find(|known| known.name == link.name) else {
            self.links.push(link);
            return;
        };
        let before = std::mem::replace(known, link.clone());
        if before == link {
            return;
        }
        let name = link.name.clone();
        if before.is_up != link.is_up {
            let how = if link.is_up { "up" } else { "down" };
            self.said.push((0, Effect::Log(format!("Netlink reports {name} {how}"))));
        }
        for place in 0..self.routers.len() {
            let state = self.routers[place].state();
            if before.is_up != link.is_up && self.interfaces_of(place).contains(&name) {
                if link.is_up {
                    self.routers[place].mend(now);
                } else {
                    self.routers[place].fault();
                }
            }
            let config = &self.routers[place].config;
            let needs_address = config.interface == name && config.source.is_none();
            if needs_address && before.address.is_some() != link.address.is_some() {
                if link.address.is_some() {
                    self.routers[place].mend(now);
                } else {
                    self.routers[place].fault();
                }
            }
            self.reweigh(place, now);
            self.follow(place, state, now);
            self.collect();
        }
    }

    /// Somebody has taken a virtual address away.
    pub fn lose_address(&mut self, place: usize, now: Time) {
        let before = self.routers[place].state();
        self.routers[place].lose_address(now);
        self.follow(place, before, now);
    }

    /// A run of a script has ended.
    pub fn script(&mut self, script: usize, outcome: Outcome, now: Time) {
        if let Some(text) = self.scripts[script].hear(outcome) {
            self.said.push((0, Effect::Log(text)));
        }
        for place in 0..self.routers.len() {
            let before = self.routers[place].state();
            self.judge(place, script, now);
            self.reweigh(place, now);
            self.follow(place, before, now);
            self.collect();
        }
    }

    /// What a router tracks scripts with, its own and its groups'.
    fn tracks(&self, place: usize) -> Vec<Track> {
        let config = &self.routers[place].config;
        let groups = self.groups.iter().filter(|group| group.members.contains(&config.name));
        config.track_scripts.iter().chain(groups.flat_map(|group| &group.track_scripts)).cloned().collect()
    }

    /// Whether a script without a weight keeps a router from its work.
    fn judge(&mut self, place: usize, script: usize, now: Time) {
        let watched = &self.scripts[script];
        let track = self.tracks(place).into_iter().find(|track| track.name == watched.config.name);
        let Some(track) = track else { return };
        let is_fault = track.weight.unwrap_or(watched.config.weight) == 0 && watched.is_good() != Some(true);
        let was_fault = std::mem::replace(&mut self.script_faults[place][script], is_fault);
        match (was_fault, is_fault) {
            (false, true) => self.routers[place].fault(),
            (true, false) => self.routers[place].mend(now),
            _ => {}
        }
    }

    /// The sum of what scripts and interfaces add to a router's priority.
    fn reweigh(&mut self, place: usize, now: Time) {
        let scripts: i32 = self
            .tracks(place)
            .iter()
            .filter_map(|track| {
                let watched = self.scripts.iter().find(|watched| watched.config.name == track.name)?;
                Some(watched.weight(track.weight.unwrap_or(watched.config.weight)))
            })
            .sum();
        let interfaces = &self.routers[place].config.track_interfaces;
        let interfaces: i32 = interfaces
            .iter()
            .filter_map(|track| {
                let weight = track.weight.filter(|weight| *weight != 0)?;
                let counts = self.is_up(&track.name) == (weight > 0);
                Some(if counts { weight } else { 0 })
            })
            .sum();
        self.routers[place].set_weights(scripts + interfaces, now);
    }

    /// keepalived stops.
    pub fn stop(&mut self) {
        self.routers.iter_mut().for_each(Router::stop);
    }
}
