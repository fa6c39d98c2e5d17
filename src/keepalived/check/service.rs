//! One virtual service: which of its servers are in the pool, and whether they are enough (perform_svr_state,
//! update_quorum_state).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use super::epilog::{Answer, State};
use super::{Call, CheckerId, Effect, Key, Pace, Target, server_name};
use crate::keepalived::conf::{CheckerKind, Config, Kind, Service, ServiceName, Sorry, shown, trio};
use crate::time::Span;

/// A server and what is known of it.
#[derive(Clone, Debug)]
pub struct Member {
    pub checkers: Vec<State>,
    /// How many checkers have not found it well.
    pub failed: usize,
    /// Whether it counts as well.
    pub is_alive: bool,
    /// Whether it is in IPVS.
    pub is_set: bool,
    /// The configured weight with what checkers add to it; it may be beyond what IPVS takes.
    pub weight: i64,
}

impl Member {
    /// real_weight
    pub fn real_weight(&self) -> i32 {
        self.weight.clamp(0, 65_535) as i32
    }
}

/// The sorry server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standby {
    pub is_alive: bool,
    pub is_set: bool,
}

/// What a service is known by in IPVS: one address or mark, or a member of its group.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How logs call it.
    pub name: String,
    pub keys: Vec<Key>,
    /// How many servers it has, if it is of a group: all services that use the group count together.
    living: Option<Rc<Cell<u32>>>,
}

impl Entry {
    /// ipvs_change_needed: the service gets in before the first server, and out after the last one.
    fn is_due(&self, call: Call) -> bool {
        let is_about_itself = matches!(call, Call::AddService | Call::DeleteService);
        !is_about_itself || self.living.as_ref().is_none_or(|living| living.get() == 0)
    }

    /// update_vsge_alive_count. keepalived forgets to count where an entry comes by a reload (ipvs_group_sync_entry): below
    /// 0 it begins at the other end, and the service of such an entry stays for ever.
    fn count(&self, call: Call) {
        let Some(living) = &self.living else { return };
        match call {
            Call::AddServer(_) => living.set(living.get().wrapping_add(1)),
            Call::DeleteServer(_) => living.set(living.get().wrapping_sub(1)),
            _ => {}
        }
    }
}

/// How many servers a member of a group has.
#[derive(Debug)]
struct Counter {
    group: String,
    /// A mark is for all protocols.
    protocol: Option<u8>,
    keys: Vec<Key>,
    living: Rc<Cell<u32>>,
}

/// How many servers the members of all groups have.
#[derive(Debug, Default)]
pub struct Counters(Vec<Counter>);

impl Counters {
    fn of(&mut self, group: &str, protocol: u8, keys: &[Key]) -> Rc<Cell<u32>> {
        let protocol = Some(protocol).filter(|_| !keys.iter().any(|key| matches!(key, Key::Mark(_))));
        let is_it = |it: &&Counter| it.group == group && it.protocol == protocol && it.keys == keys;
        if let Some(known) = self.0.iter().find(is_it) {
            return Rc::clone(&known.living);
        }
        let living = Rc::default();
        self.0.push(Counter { group: group.to_owned(), protocol, keys: keys.to_vec(), living: Rc::clone(&living) });
        living
    }

    /// Forgets the members that no service has any more.
    pub fn forget_unused(&mut self) {
        self.0.retain(|counter| Rc::strong_count(&counter.living) > 1);
    }
}

/// A service that is watched.
#[derive(Debug)]
pub struct Watched {
    pub config: Rc<Service>,
    /// What IPVS knows it by.
    pub entries: Vec<Entry>,
    pub members: Vec<Member>,
    pub sorry: Standby,
    pub is_alive: bool,
    pub has_quorum: bool,
}

impl Watched {
    pub fn new(config: &Service, all: &Config, files: &BTreeMap<String, i64>, counters: &mut Counters) -> Watched {
        let member = |server: &crate::keepalived::conf::Server| {
            let mut weight = i64::from(server.weight.unwrap_or(1));
            let mut state = |checker: &crate::keepalived::conf::Checker| {
                let mut state = State::new(checker, Pace::new(checker, server.pace, config.pace));
                match &checker.kind {
                    CheckerKind::File { name, weight: factor } => {
                        let value = files.get(name).copied().unwrap_or(0);
                        (state.has_run, state.pace.is_alpha) = (true, false);
                        state.is_up = *factor != 0 || value == 0;
                        state.weight = value.saturating_mul(i64::from(*factor));
                        weight = weight.saturating_add(state.weight);
                    }
                    _ => state.is_up = !state.pace.is_alpha,
                }
                state
            };
            let checkers: Vec<State> = server.checkers.iter().map(&mut state).collect();
            let failed = checkers.iter().filter(|state| !state.is_up).count();
            Member { checkers, failed, is_alive: false, is_set: false, weight }
        };
        let members = config.servers.iter().map(member).collect();
        let entries = entries(config, all, counters);
        let config = Rc::new(config.clone());
        Watched { config, entries, members, sorry: Standby::default(), is_alive: false, has_quorum: false }
    }

    pub fn state(&self, id: CheckerId) -> Option<&State> {
        self.members.get(id.server)?.checkers.get(id.checker)
    }

    pub fn name(&self, server: usize) -> String {
        server_name(&self.config, &self.config.servers[server])
    }

    /// A call about each of the services that this one stands for.
    pub fn call(&self, call: Call, effects: &mut Vec<Effect>) {
        for entry in self.entries.iter().filter(|entry| entry.is_due(call)) {
            for key in &entry.keys {
                effects.push(Effect::Ipvs(*key, Rc::clone(&self.config), at(call, *key)));
            }
            entry.count(call);
        }
    }

    pub fn target(&self, server: usize) -> Target {
        let it = &self.config.servers[server];
        Target {
            address: it.address,
            kind: self.config.kind_of(it),
            weight: self.members[server].real_weight(),
            thresholds: (it.upper_threshold, it.lower_threshold),
        }
    }

    pub fn is_inhibited(&self, server: usize) -> bool {
        self.config.servers[server].inhibit.unwrap_or(self.config.inhibit)
    }

    /// weigh_live_realservers
    fn live_weight(&self) -> i64 {
        self.members.iter().filter(|member| member.is_alive).map(|member| i64::from(member.real_weight())).sum()
    }

    /// init_service_vs: the service, and its servers as far as they count as well.
    pub fn start(&mut self, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.is_alive, true) {
            // With a quorum of nothing it is there from the beginning (set_quorum_states).
            self.has_quorum = self.has_quorum || self.needed(1) <= 0;
            self.call(Call::AddService, effects);
        }
    }

    /// init_service_rs, for a server that the last configuration did not have.
    pub fn enter_at_start(&mut self, server: usize, effects: &mut Vec<Effect>) {
        let is_well = self.members[server].failed == 0;
        if is_well && !self.members[server].is_alive || self.is_inhibited(server) && !self.members[server].is_set {
            self.add(server, effects);
            self.members[server].is_alive |= is_well;
        }
    }

    /// The end of init_service_vs.
    pub fn settle(&mut self, effects: &mut Vec<Effect>) {
        self.judge(true, effects);
        let Some(sorry) = self.config.sorry.filter(|sorry| sorry.inhibit && !self.sorry.is_set) else { return };
        self.sorry.is_set = true;
        if !self.config.servers.iter().any(|server| server.address == sorry.address) {
            self.call(Call::AddServer(Target { weight: 0, ..standby(&self.config, sorry) }), effects);
        }
    }

    /// ipvs_cmd(LVS_CMD_ADD_DEST): one that was inhibited is there already.
    pub fn add(&mut self, server: usize, effects: &mut Vec<Effect>) {
        let mut target = self.target(server);
        let is_inhibited = self.is_inhibited(server);
        let member = &mut self.members[server];
        let was_set = std::mem::replace(&mut member.is_set, true);
        if is_inhibited && was_set {
            self.call(Call::EditServer(target), effects);
        } else {
            if is_inhibited && member.failed > 0 {
                target.weight = 0;
            }
            self.call(Call::AddServer(target), effects);
        }
    }

    /// ipvs_cmd(LVS_CMD_DEL_DEST): one that is inhibited stays without weight.
    pub fn delete(&mut self, server: usize, is_inhibited: bool, effects: &mut Vec<Effect>) {
        let target = self.target(server);
        if is_inhibited {
            self.call(Call::EditServer(Target { weight: 0, ..target }), effects);
        } else {
            self.members[server].is_set = false;
            self.call(Call::DeleteServer(target), effects);
        }
    }

    pub fn edit(&self, server: usize, effects: &mut Vec<Effect>) {
        self.call(Call::EditServer(self.target(server)), effects);
    }

    /// While the sorry server stands in, nobody else is in the pool.
    fn is_pool_open(&self) -> bool {
        self.has_quorum || !self.sorry.is_alive
    }

    /// A checker has got an answer; when it asks again.
    pub fn hear(&mut self, id: CheckerId, answer: Answer, effects: &mut Vec<Effect>) -> Span {
        let service = Rc::clone(&self.config);
        let Some(server) = service.servers.get(id.server) else { return Span::ZERO };
        let Some(checker) = server.checkers.get(id.checker) else { return Span::ZERO };
        let (name, shown) = (server_name(&service, server), shown(&service));
        let state = &mut self.members[id.server].checkers[id.checker];
        let verdict = state.hear(checker, &name, &shown, server.weight.unwrap_or(1), answer);
        if let Some(weight) = verdict.weight {
            let old = std::mem::replace(&mut state.weight, weight);
            let weight = self.members[id.server].weight - old + weight;
            self.set_weight(id.server, weight, true, effects);
        }
        if verdict.forgets_weight {
            let member = &mut self.members[id.server];
            member.weight -= std::mem::take(&mut member.checkers[id.checker].weight);
        }
        effects.extend(verdict.log.into_iter().map(Effect::Log));
        if let Some(is_up) = verdict.decision {
            self.decide(id.server, id.checker, is_up, effects);
        }
        // Only success counts as having run where mail is delivered, and pages say it themselves.
        if !matches!(checker.kind, CheckerKind::Http(_) | CheckerKind::Smtp { .. }) || verdict.decision.is_some() {
            self.members[id.server].checkers[id.checker].has_run = true;
        }
        verdict.wait
    }

    /// update_svr_checker_state
    pub fn decide(&mut self, server: usize, checker: usize, is_up: bool, effects: &mut Vec<Effect>) {
        let state = &mut self.members[server].checkers[checker];
        let had_run = std::mem::replace(&mut state.has_run, true);
        if state.is_up == is_up {
            if !had_run && (state.pace.is_alpha || !is_up) {
                self.notify(server, effects);
            }
            return;
        }
        if self.members[server].failed <= usize::from(is_up) {
            self.change(server, is_up, effects);
        }
        let member = &mut self.members[server];
        member.checkers[checker].is_up = is_up;
        member.failed = if is_up { member.failed.saturating_sub(1) } else { member.failed + 1 };
    }

    /// do_rs_notifies
    pub fn notify(&self, server: usize, effects: &mut Vec<Effect>) {
        let it = &self.config.servers[server];
        let script = if self.members[server].is_alive { &it.notify_up } else { &it.notify_down };
        effects.extend(script.clone().map(Effect::Run));
    }

    /// perform_svr_state
    pub fn change(&mut self, server: usize, is_up: bool, effects: &mut Vec<Effect>) {
        if self.members[server].is_alive == is_up {
            return;
        }
        let is_inhibited = self.is_inhibited(server);
        let (verb, relation) = match (is_up, is_inhibited) {
            (true, true) => ("Enabling", "of"),
            (true, false) => ("Adding", "to"),
            (false, true) => ("Disabling", "of"),
            (false, false) => ("Removing", "from"),
        };
        let (name, shown) = (self.name(server), shown(&self.config));
        effects.push(Effect::Log(format!("{verb} service {name} {relation} VS {shown}")));
        if self.is_pool_open() {
            match is_up {
                true => self.add(server, effects),
                false => self.delete(server, is_inhibited, effects),
            }
        }
        self.members[server].is_alive = is_up;
        self.notify(server, effects);
        self.judge(false, effects);
    }

    /// The weight that is needed: to gain the quorum (1), or to keep it (-1).
    fn needed(&self, sign: i64) -> i64 {
        i64::from(self.config.quorum) + sign * i64::from(self.config.hysteresis)
    }

    /// update_quorum_state
    fn judge(&mut self, is_first: bool, effects: &mut Vec<Effect>) {
        let live = self.live_weight();
        let needed = self.needed(if self.has_quorum { -1 } else { 1 });
        let (quorum, hysteresis) = (self.config.quorum, self.config.hysteresis);
        let name = shown(&self.config);
        let sorry = self.config.sorry;
        let has_idle_sorry = sorry.is_some() && !self.sorry.is_alive;
        let is_lost = self.has_quorum && (live == 0 || live < needed);
        if !self.has_quorum && live >= needed {
            self.has_quorum = true;
            effects.push(Effect::Log(format!("Gained quorum {quorum}+{hysteresis}={needed} <= {live} for VS {name}")));
            if let Some(sorry) = sorry.filter(|_| self.sorry.is_alive) {
                self.dismiss(sorry, effects);
            }
            effects.extend(self.config.quorum_up.clone().map(Effect::Run));
        } else if is_lost || is_first && !self.has_quorum && has_idle_sorry {
            self.has_quorum = false;
            let verb = if is_first { "Starting with quorum down" } else { "Lost quorum" };
            effects.push(Effect::Log(format!("{verb} {quorum}-{hysteresis}={needed} > {live} for VS {name}")));
            if let Some(sorry) = sorry.filter(|_| has_idle_sorry) {
                self.call_in(sorry, effects);
            }
            effects.extend(self.config.quorum_down.clone().map(Effect::Run));
        }
    }

    fn dismiss(&mut self, sorry: Sorry, effects: &mut Vec<Effect>) {
        let (name, vs) = (trio(sorry.address, self.config.protocol), shown(&self.config));
        let verb = if sorry.inhibit { "Disabling" } else { "Removing" };
        effects.push(Effect::Log(format!("{verb} sorry server {name} from VS {vs}")));
        self.delete_sorry(sorry, sorry.inhibit, effects);
        self.sorry.is_alive = false;
        effects.push(Effect::Log(format!("Adding alive servers to the pool for VS {vs}")));
        for server in 0..self.members.len() {
            if self.members[server].is_alive {
                self.add(server, effects);
            }
        }
    }

    fn call_in(&mut self, sorry: Sorry, effects: &mut Vec<Effect>) {
        let (name, vs) = (trio(sorry.address, self.config.protocol), shown(&self.config));
        let verb = if sorry.inhibit { "Enabling" } else { "Adding" };
        effects.push(Effect::Log(format!("{verb} sorry server {name} to VS {vs}")));
        effects.push(Effect::Log(format!("Removing alive servers from the pool for VS {vs}")));
        for server in 0..self.members.len() {
            if self.members[server].is_alive {
                self.delete(server, self.is_inhibited(server), effects);
            }
        }
        let target = standby(&self.config, sorry);
        let was_set = std::mem::replace(&mut self.sorry.is_set, true);
        let call = if sorry.inhibit && was_set { Call::EditServer(target) } else { Call::AddServer(target) };
        self.call(call, effects);
        self.sorry.is_alive = true;
    }

    pub fn delete_sorry(&mut self, sorry: Sorry, is_inhibited: bool, effects: &mut Vec<Effect>) {
        let target = standby(&self.config, sorry);
        if is_inhibited {
            self.call(Call::EditServer(Target { weight: 0, ..target }), effects);
        } else {
            self.sorry.is_set = false;
            self.call(Call::DeleteServer(target), effects);
        }
    }

    /// update_svr_wgt
    pub fn set_weight(&mut self, server: usize, weight: i64, counts: bool, effects: &mut Vec<Effect>) {
        let member = &mut self.members[server];
        let old = member.real_weight();
        member.weight = weight;
        let new = member.real_weight();
        if new == old {
            return;
        }
        let (is_alive, is_set) = (member.is_alive, member.is_set);
        let state = if is_alive { "" } else { "in" };
        let (name, vs) = (self.name(server), shown(&self.config));
        effects.push(Effect::Log(format!(
            "Changing weight from {old} to {new} for {state}active service {name} of VS {vs}"
        )));
        if is_set && is_alive && self.is_pool_open() {
            self.edit(server, effects);
        }
        if counts {
            self.judge(false, effects);
        }
    }

    /// process_update_checker_track_file_status: without a weight, any number but 0 is a failure.
    pub fn file(&mut self, name: &str, value: i64, effects: &mut Vec<Effect>) {
        let config = Rc::clone(&self.config);
        for (server, it) in config.servers.iter().enumerate() {
            for (checker, it) in it.checkers.iter().enumerate() {
                match &it.kind {
                    CheckerKind::File { name: file, weight: 0 } if file == name => {
                        self.decide(server, checker, value == 0, effects);
                    }
                    CheckerKind::File { name: file, weight } if file == name => {
                        let state = &mut self.members[server].checkers[checker];
                        let added = value.saturating_mul(i64::from(*weight));
                        let old = std::mem::replace(&mut state.weight, added);
                        let weight = self.members[server].weight - old + added;
                        self.set_weight(server, weight, true, effects);
                    }
                    _ => {}
                }
            }
        }
    }

    /// clear_service_rs
    pub fn clear(&mut self, server: usize, is_stopping: bool, effects: &mut Vec<Effect>) {
        let (is_set, is_alive) = (self.members[server].is_set, self.members[server].is_alive);
        if is_set || is_stopping {
            let verb = if is_stopping { "Shutting down" } else { "Removing" };
            let kind = if self.is_inhibited(server) && !is_alive { "(inhibited) " } else { "" };
            let (name, vs) = (self.name(server), shown(&self.config));
            effects.push(Effect::Log(format!("{verb} {kind}service {name} from VS {vs}")));
        }
        if !is_set {
            return;
        }
        self.delete(server, false, effects);
        if std::mem::replace(&mut self.members[server].is_alive, false) && (self.config.omega || !is_stopping) {
            self.notify(server, effects);
        }
    }

    /// update_vs_notifies
    pub fn lose(&mut self, is_stopping: bool, effects: &mut Vec<Effect>) {
        let live = self.live_weight();
        if is_stopping || self.has_quorum && (live == 0 || live < self.needed(-1)) {
            self.has_quorum = false;
            if !is_stopping || self.config.omega {
                effects.extend(self.config.quorum_down.clone().map(Effect::Run));
            }
        }
    }

    /// clear_service_vs
    pub fn stop(&mut self, is_stopping: bool, effects: &mut Vec<Effect>) {
        if let Some(sorry) = self.config.sorry.filter(|_| self.sorry.is_set) {
            if self.config.servers.iter().any(|server| server.address == sorry.address) {
                self.sorry.is_set = false;
            } else {
                self.delete_sorry(sorry, false, effects);
            }
            self.sorry.is_alive = false;
        }
        for server in 0..self.members.len() {
            self.clear(server, is_stopping, effects);
        }
        self.lose(is_stopping, effects);
        self.call(Call::DeleteService, effects);
        self.is_alive = false;
    }
}

fn standby(service: &Service, sorry: Sorry) -> Target {
    let kind = sorry.kind.or(service.kind).unwrap_or_default();
    Target { address: sorry.address, kind, weight: 1, thresholds: (0, 0) }
}

/// What IPVS knows a service by: addresses first, and then marks (ipvs_group_cmd).
fn entries(service: &Service, config: &Config, counters: &mut Counters) -> Vec<Entry> {
    let entry = |name: String, keys: Vec<Key>| Entry { name, keys, living: None };
    match &service.name {
        ServiceName::Address(address) => vec![entry(String::new(), vec![Key::Address(*address)])],
        ServiceName::Mark(mark) => vec![entry(String::new(), vec![Key::Mark(*mark)])],
        ServiceName::Group(name, _) => {
            let Some(group) = config.server_groups.iter().find(|group| group.name == *name) else { return Vec::new() };
            let ranges = group.ranges.iter().map(|range| {
                let first = trio(SocketAddr::new(range.first, range.port), service.protocol);
                let last = if range.first == range.last { String::new() } else { format!("-{}", range.last) };
                entry(format!("[{first}{last}]"), range.addresses().map(Key::Address).collect())
            });
            let marks = group.marks.iter().map(|mark| entry(format!("[{mark}]"), vec![Key::Mark(*mark)]));
            let counted = |entry: Entry| {
                let living = Some(counters.of(name, service.protocol, &entry.keys));
                Entry { living, ..entry }
            };
            ranges.chain(marks).map(counted).collect()
        }
    }
}

/// Only masquerading changes ports.
pub fn at(call: Call, key: Key) -> Call {
    let port = match key {
        Key::Address(address) => address.port(),
        Key::Mark(_) => 0,
    };
    let moved = |mut target: Target| {
        if target.kind != Kind::Nat {
            target.address.set_port(port);
        }
        target
    };
    match call {
        Call::AddServer(target) => Call::AddServer(moved(target)),
        Call::DeleteServer(target) => Call::DeleteServer(moved(target)),
        Call::EditServer(target) => Call::EditServer(moved(target)),
        other => other,
    }
}
