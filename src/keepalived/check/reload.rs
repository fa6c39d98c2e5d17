//! SIGHUP: another configuration takes over, and what is the same in both stays as it is (ipwrapper.c:
//! clear_diff_services, migrate_checkers).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::service::{Entry, Watched, at};
use super::{Call, Checks, Effect, Key, Target};
use crate::keepalived::conf::{Checker, Config, Service, ServiceName, shown, trio};

impl Checks {
    /// Another configuration takes over, with the numbers in the files that it tracks.
    pub fn reload(&mut self, config: &Config, files: BTreeMap<String, i64>, is_enabled: impl Fn(&Service) -> bool) {
        let mut before = std::mem::take(&mut self.services);
        let new = |service| Watched::new(service, config, &files, &mut self.counters);
        let mut after: Vec<Watched> = config.services.iter().map(new).collect();
        self.files = files;
        let effects = &mut self.effects;
        for old in &mut before {
            let new = after.iter_mut().find(|new| is_same(&new.config, &old.config));
            match new {
                None => {
                    let text = match &old.config.name {
                        ServiceName::Group(name, _) => format!("Removing Virtual Server Group [{name}]"),
                        _ => format!("Removing Virtual Server {}", shown(&old.config)),
                    };
                    effects.push(Effect::Log(text));
                    old.stop(false, effects);
                }
                Some(new) => take_over(old, new, effects),
            }
        }
        for new in &mut after {
            let was_there = before.iter().find(|old| is_same(&new.config, &old.config));
            new.start(effects);
            if let Some(old) = was_there {
                enter_services(old, new, effects);
            }
            for server in 0..new.members.len() {
                let address = new.config.servers[server].address;
                let old = was_there.and_then(|old| old.config.servers.iter().position(|it| it.address == address));
                match old {
                    Some(place) => {
                        // The new weight is forced upon what IPVS knows.
                        let weight = new.members[server].weight;
                        new.members[server].weight = was_there.map_or(weight, |old| old.members[place].weight);
                        new.set_weight(server, weight, false, effects);
                    }
                    None => new.enter_at_start(server, effects),
                }
            }
            if let Some(old) = was_there {
                enter_servers(old, new, effects);
            }
            new.settle(effects);
        }
        self.services = after;
        drop(before);
        self.counters.forget_unused();
        self.announce(is_enabled);
    }
}

/// vs_iseq
fn is_same(one: &Service, other: &Service) -> bool {
    one.name == other.name && one.protocol == other.protocol
}

/// What is known of a service that both configurations have.
fn take_over(old: &mut Watched, new: &mut Watched, effects: &mut Vec<Effect>) {
    (new.is_alive, new.has_quorum) = (old.is_alive, old.has_quorum);
    leave_entries(old, new, effects);
    let options = |service: &Service| {
        let Service { scheduler, flags, one_packet, engine, granularity, persistence, .. } = service.clone();
        (scheduler, flags, one_packet, engine, granularity, persistence)
    };
    if options(&old.config) != options(&new.config) {
        new.call(Call::EditService, effects);
    }
    for server in 0..old.members.len() {
        let address = old.config.servers[server].address;
        match new.config.servers.iter().position(|it| it.address == address) {
            None => {
                effects.push(Effect::Log(format!("service {} no longer exist", old.name(server))));
                old.clear(server, false, effects);
            }
            Some(place) => migrate(old, server, new, place, effects),
        }
    }
    old.lose(false, effects);
    sorry(old, new, effects);
}

/// clear_diff_vsg: members of a group come and go.
fn leave_entries(old: &Watched, new: &Watched, effects: &mut Vec<Effect>) {
    let ServiceName::Group(group, _) = &old.config.name else { return };
    let is_gone = |entry: &&Entry| !new.entries.iter().any(|kept| kept.keys == entry.keys);
    for entry in old.entries.iter().filter(is_gone) {
        effects.push(Effect::Log(format!("VS {} in group {group} no longer exists", entry.name)));
        let living: Vec<usize> = (0..old.members.len()).filter(|server| old.members[*server].is_alive).collect();
        for key in &entry.keys {
            // With the server's own port, which a mark's server does not have: that one stays.
            let calls = living.iter().map(|server| Call::DeleteServer(old.target(*server)));
            effects.extend(calls.map(|call| Effect::Ipvs(*key, Rc::clone(&old.config), call)));
            // The service stays, too, as long as its servers have not been counted away.
            if living.is_empty() {
                effects.push(Effect::Ipvs(*key, Rc::clone(&old.config), Call::DeleteService));
            }
        }
    }
}

/// The services of new members of a group (ipvs_cmd(LVS_CMD_ADD), in init_service_vs).
fn enter_services(old: &Watched, new: &Watched, effects: &mut Vec<Effect>) {
    for key in new_entries(old, new).flat_map(|entry| &entry.keys) {
        effects.push(Effect::Ipvs(*key, Rc::clone(&new.config), Call::AddService));
    }
}

/// sync_service_vsg: servers that were there before get into the new members of a group.
fn enter_servers(old: &Watched, new: &Watched, effects: &mut Vec<Effect>) {
    let ServiceName::Group(group, _) = &new.config.name else { return };
    for entry in new_entries(old, new) {
        let mark = entry.keys.iter().any(|key| matches!(key, Key::Mark(_)));
        let name = if mark { entry.name.replacen('[', "[FWM ", 1) } else { entry.name.clone() };
        effects.push(Effect::Log(format!("VS {name} added into group {group}")));
        for key in &entry.keys {
            let was_there =
                |server: &usize| old.config.servers.iter().any(|it| it.address == new.config.servers[*server].address);
            let is_in = |server: &usize| new.members[*server].is_alive || new.members[*server].is_set;
            for server in (0..new.members.len()).filter(was_there).filter(is_in) {
                let weight = if new.members[server].is_alive { new.members[server].real_weight() } else { 0 };
                let target = Target { weight, ..new.target(server) };
                effects.push(Effect::Ipvs(*key, Rc::clone(&new.config), at(Call::AddServer(target), *key)));
            }
        }
    }
}

fn new_entries<'a>(old: &'a Watched, new: &'a Watched) -> impl Iterator<Item = &'a Entry> {
    new.entries.iter().filter(|entry| !old.entries.iter().any(|known| known.keys == entry.keys))
}

/// What is known of a server that both have: checkers that are the same keep what they know.
fn migrate(old: &Watched, from: usize, new: &mut Watched, to: usize, effects: &mut Vec<Effect>) {
    let (was, before) = (&old.members[from], &old.config.servers[from]);
    let config = Rc::clone(&new.config);
    let after = &config.servers[to];
    let is_inhibited = new.is_inhibited(to);
    let member = &mut new.members[to];
    (member.is_alive, member.is_set) = (was.is_alive, was.is_set);
    for (state, checker) in member.checkers.iter_mut().zip(&after.checkers) {
        let known = before.checkers.iter().position(|other| other.kind == checker.kind && is_like(other, checker));
        let Some(known) = known.map(|known| &was.checkers[known]) else { continue };
        if known.has_run {
            state.is_up = known.is_up;
        }
        state.has_run = known.has_run;
        if known.failures > 0 && state.pace.retry > 0 {
            state.failures = known.failures.min(state.pace.retry - 1);
        } else {
            state.failures = 0;
        }
        (state.status, state.weight) = (known.status, known.weight);
    }
    member.failed = member.checkers.iter().filter(|state| state.has_run && !state.is_up).count();
    let has_any_run = member.checkers.iter().any(|state| state.has_run);
    let added: i64 = member.checkers.iter().map(|state| state.weight).sum();
    member.weight = i64::from(after.weight.unwrap_or(1)).saturating_add(added);
    let is_doubtful = member.failed > 0 || !member.is_alive && !has_any_run;
    let mut failed = member.failed;
    for state in member.checkers.iter_mut().filter(|state| !state.has_run) {
        state.is_up = !(is_doubtful && state.pace.is_alpha);
        failed += usize::from(!state.is_up);
        if is_doubtful {
            state.failures = state.pace.retry;
        }
    }
    member.failed = failed;
    if member.failed == 0 && !member.is_alive {
        new.change(to, true, effects);
    } else if member.failed > 0 && member.is_set != is_inhibited {
        match is_inhibited {
            true => new.add(to, effects),
            false => new.delete(to, false, effects),
        }
    }
    if old.config.kind_of(before) != config.kind_of(after) && new.members[to].is_set {
        new.edit(to, effects);
    }
}

/// compare_*_check: how it asks, not how often.
fn is_like(one: &Checker, other: &Checker) -> bool {
    (one.to, one.bind_to, one.bind_port, one.mark) == (other.to, other.bind_to, other.bind_port, other.mark)
}

/// clear_diff_s_srv
fn sorry(old: &mut Watched, new: &mut Watched, effects: &mut Vec<Effect>) {
    let Some(before) = old.config.sorry else { return };
    if new.config.sorry.is_some_and(|after| after.address == before.address) {
        new.sorry = old.sorry;
    } else if old.sorry.is_alive || before.inhibit && old.sorry.is_set {
        let (name, vs) = (trio(before.address, old.config.protocol), shown(&old.config));
        effects.push(Effect::Log(format!("Removing sorry server {name} from VS {vs}")));
        old.delete_sorry(before, false, effects);
    }
}
