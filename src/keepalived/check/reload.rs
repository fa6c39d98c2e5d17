//! SIGHUP: another configuration takes over, and what is the same in both stays as it is (ipwrapper.c:
//! clear_diff_services, migrate_checkers).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::service::Watched;
use super::service::at;
use super::{Call, Checks, Effect, Key};
use crate::keepalived::conf::{Checker, Config, Service, ServiceName, shown, trio};

impl Checks {
    /// Another configuration takes over, with the numbers in the files that it tracks.
    pub fn reload(&mut self, config: &Config, files: BTreeMap<String, i64>, is_enabled: impl Fn(&Service) -> bool) {
        let mut before = std::mem::take(&mut self.services);
        let mut after: Vec<Watched> =
            config.services.iter().map(|service| Watched::new(service, config, &files)).collect();
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
            new.settle(effects);
        }
        self.services = after;
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
    entries(old, new, effects);
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
fn entries(old: &Watched, new: &Watched, effects: &mut Vec<Effect>) {
    let ServiceName::Group(name, _) = &old.config.name else { return };
    let said = |key: &Key| match key {
        Key::Address(address) => format!("[{}]", trio(*address, old.config.protocol)),
        Key::Mark(mark) => format!("[{mark}]"),
    };
    for key in old.keys.iter().filter(|key| !new.keys.contains(key)) {
        effects.push(Effect::Log(format!("VS {} in group {name} no longer exists", said(key))));
        // With the service go its servers.
        effects.push(Effect::Ipvs(*key, Rc::clone(&old.config), Call::DeleteService));
    }
    for key in new.keys.iter().filter(|key| !old.keys.contains(key)) {
        effects.push(Effect::Log(format!("VS {} added into group {name}", said(key))));
        effects.push(Effect::Ipvs(*key, Rc::clone(&new.config), Call::AddService));
        for server in (0..old.members.len()).filter(|server| old.members[*server].is_set) {
            let call = at(Call::AddServer(old.target(server)), *key);
            effects.push(Effect::Ipvs(*key, Rc::clone(&new.config), call));
        }
    }
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
