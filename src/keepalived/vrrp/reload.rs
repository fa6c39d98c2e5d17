//! Another configuration: what is the same goes on, what is new comes, what has gone goes (vrrp_daemon.c
//! reload_vrrp_thread, vrrp.c clear_diff_vrrp).

use super::Vrrp;
use super::effect::{Change, Effect};
use super::router::{Router, State};
use crate::keepalived::conf::Config;
use crate::time::{Span, Time};

impl Vrrp {
    /// vrrp_exist: the router that was the same before, whatever it was called.
    pub(super) fn twin_of(&self, new: &Router) -> Option<&Router> {
        self.routers.iter().find(|old| is_twin(old, new))
    }

    /// SIGHUP. `files` and `programs` are those of the new configuration, as for [`Vrrp::new`].
    pub fn reload(&mut self, config: &Config, files: &[i64], programs: &[u32], now: Time) {
        for place in 0..self.routers.len() {
            if self.routers[place].state == State::Master {
                self.advertise(place, self.routers[place].priority);
            }
        }
        self.log("Reloading".to_owned());
        let mut new = Vrrp::new(config, self.links.clone(), files, programs);
        new.effects = self.take_effects();
        new.begun = self.begun;
        new.drop_old_statics(self);
        new.inherit_scripts(self);
        new.meet_interfaces(Some(self));
        new.complete(Some(self));
        new.inherit_states(self);
        self.drop_deleted(&mut new);
        for place in 0..new.routers.len() {
            if let Some(old) = self.twin_of(&new.routers[place]).cloned() {
                new.inherit_contents(place, &old, now);
            }
        }
        new.add_statics();
        let is_same = |group: &usize| {
            let it = &new.groups[*group];
            self.groups.iter().any(|old| old.config.name == it.config.name && old.state == it.state)
        };
        let unchanged: Vec<usize> = (0..new.groups.len()).filter(is_same).collect();
        new.begin(&unchanged, now);
        *self = new;
    }

    /// clear_diff_static_*
    fn drop_old_statics(&mut self, old: &Vrrp) {
        let mut gone = old.clone();
        let statics = &self.statics;
        gone.statics.rules.retain(|rule| !statics.rules.contains(rule));
        gone.statics.routes.retain(|route| !statics.routes.contains(route));
        gone.statics.addresses.retain(|address| !statics.addresses.contains(address));
        gone.effects.clear();
        gone.remove_statics();
        self.effects.append(&mut gone.effects);
    }

    fn inherit_scripts(&mut self, old: &Vrrp) {
        for script in 0..self.scripts.len() {
            let name = &self.scripts[script].config.name;
            if let Some(before) = old.scripts.iter().find(|before| before.config.name == *name)
                && let Some(text) = self.scripts[script].inherit(before)
            {
                self.log(text);
            }
        }
    }

    /// A state lasts, unless there is a fault now.
    fn inherit_states(&mut self, old: &Vrrp) {
        for place in 0..self.routers.len() {
            let Some(before) = old.twin_of(&self.routers[place]) else { continue };
            let (state, sequence) = (before.state, before.sequence);
            let router = &mut self.routers[place];
            router.sequence = sequence;
            if state != State::Fault && router.state != State::Fault && router.awaited == 0 {
                (router.state, router.wants) = (state, state);
            }
        }
        for group in 0..self.groups.len() {
            let is_ready = self.groups[group].faults == 0 && self.groups[group].awaited == 0;
            if is_ready && self.members(group).all(|place| self.routers[place].state == State::Master) {
                self.groups[group].state = State::Master;
            }
        }
    }

    /// Routers that the new configuration does not have. Called on the old one.
    fn drop_deleted(&mut self, new: &mut Vrrp) {
        for place in 0..self.routers.len() {
            if new.twin_of(&self.routers[place]).is_some() {
                continue;
            }
            if self.routers[place].state == State::Master {
                self.let_go(place, true, false);
            }
            let router = &mut self.routers[place];
            if router.config.notify.says_deleted || router.state != State::Fault {
                router.state = State::Deleted;
                self.notify(place);
            }
            if !new.routers.iter().any(|other| other.config.device() == self.routers[place].config.device()) {
                self.remove_devices(place);
            }
        }
        new.effects.append(&mut self.effects);
        new.links
            .retain(|link| self.links.contains(link) || new.routers.iter().any(|it| it.config.device() == link.name));
    }

    /// What a router holds: the difference (clear_diff_vrrp_vip, restore_vrrp_state).
    fn inherit_contents(&mut self, place: usize, old: &Router, now: Time) {
        let name = self.name(place);
        let it = self.routers[place].config.clone();
        let gone = |line: &&crate::keepalived::conf::IpLine, new: &[_]| !new.contains(*line);
        if old.holds {
            let rules = old.config.rules.iter().filter(|line| gone(line, &it.rules));
            self.effects.extend(rules.map(|line| Effect::Rule(Change::Remove, line.words.clone())));
            let routes = old.config.routes.iter().filter(|line| gone(line, &it.routes));
            self.effects.extend(routes.map(|line| Effect::Route(Change::Remove, line.words.clone())));
        }
        self.routers[place].was_master = self.routers[place].state == State::Master;
        self.routers[place].holds = old.holds;
        if !old.holds {
            return;
        }
        let has = |list: &crate::keepalived::conf::Instance, wanted: &(_, String)| {
            list.addresses().any(|(vip, device)| (vip, device) == *wanted)
        };
        for address in old.config.addresses().filter(|address| !has(&it, address)) {
            let (vip, device) = address;
            let (ip, len) = (vip.net.addr(), vip.net.prefix_len());
            self.log(format!("({name}) ip address {ip}/{len} dev {device}, no longer exist"));
            self.effects.push(Effect::Address(Change::Remove, device, vip.clone()));
        }
        self.change_firewall(&old.config, &it);
        if !it.vips.is_empty() {
            self.log(format!("({name}) setting VIPs."));
        }
        if !it.excluded.is_empty() {
            self.log(format!("({name}) setting E-VIPs."));
        }
        let new: Vec<_> = it.addresses().filter(|address| !has(&old.config, address)).collect();
        let is_more = !new.is_empty();
        self.effects.extend(new.into_iter().map(|(vip, device)| Effect::Address(Change::Add, device, vip.clone())));
        // A route may have gone with an address, and nobody is told of it.
        self.effects.extend(it.routes.iter().map(|line| Effect::Route(Change::Add, line.words.clone())));
        let rules = it.rules.iter().filter(|line| gone(line, &old.config.rules));
        self.effects.extend(rules.map(|line| Effect::Rule(Change::Add, line.words.clone())));
        let refresh = it.garp.refresh;
        self.routers[place].refresh_at = (refresh > Span::ZERO).then_some(now + refresh);
        if is_more {
            self.announce(place, it.garp.repeat, now);
        }
    }

    fn change_firewall(&mut self, old: &crate::keepalived::conf::Instance, new: &crate::keepalived::conf::Instance) {
        let closed = |it: &crate::keepalived::conf::Instance| {
            let addresses = it.vips.iter().chain(&it.excluded).map(|vip| vip.net.addr());
            if it.accepts() { Vec::new() } else { addresses.collect::<Vec<_>>() }
        };
        let (before, after) = (closed(old), closed(new));
        let opened = before.iter().filter(|address| !after.contains(address));
        self.effects.extend(opened.map(|address| Effect::Firewall(Change::Remove, *address)));
        let shut = after.iter().filter(|address| !before.contains(address));
        self.effects.extend(shut.map(|address| Effect::Firewall(Change::Add, *address)));
    }
}

fn is_twin(old: &Router, new: &Router) -> bool {
    let (old_it, new_it) = (&old.config, &new.config);
    let is_place = old_it.vrid == new_it.vrid
        && old_it.interface == new_it.interface
        && old_it.is_unicast() == new_it.is_unicast();
    is_place
        && match new_it.is_unicast() {
            true => old_it.source == new_it.source,
            false => old_it.vmac.is_some() == new_it.vmac.is_some() && old_it.group == new_it.group,
        }
}
