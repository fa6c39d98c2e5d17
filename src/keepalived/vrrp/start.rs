//! How it begins: what a configuration makes, what is wrong already, and who listens first (vrrp.c vrrp_complete_init,
//! vrrp_scheduler.c vrrp_init_state).

use super::effect::{Change, Effect};
use super::garp::Garps;
use super::router::{Router, State};
use super::script::{Watched, WatchedFile, WatchedProcess};
use super::sync::SyncGroup;
use super::track::Says;
use super::{Link, Vrrp};
use crate::keepalived::conf::{Config, Vip, Watch};
use crate::time::{Span, Time};
use crate::wire::MacAddr;

impl Vrrp {
    /// The routers of a configuration; they have still to be started.
    ///
    /// `files`: the numbers in tracked files, `programs`: how many processes of tracked programs there are.
    pub fn new(config: &Config, links: Vec<Link>, files: &[i64], programs: &[u32]) -> Vrrp {
        // An address of IPv6 alone makes no router here.
        let is_ours = |it: &&crate::keepalived::conf::Instance| !it.vips.is_empty() || it.ipv6 == 0;
        let mut routers: Vec<Router> = config.instances.iter().filter(is_ours).cloned().map(Router::new).collect();
        let groups: Vec<SyncGroup> = config.groups.iter().cloned().map(SyncGroup::new).collect();
        for router in &mut routers {
            router.group = groups.iter().position(|group| group.config.members.contains(&router.config.name));
        }
        let mut files = files.iter().copied();
        let file = |config: &crate::keepalived::conf::TrackFile| WatchedFile {
            config: config.clone(),
            status: files.next().unwrap_or(0),
        };
        let mut programs = programs.iter().copied();
        let program = |config: &crate::keepalived::conf::TrackProcess| {
            let mut program = WatchedProcess::new(config.clone());
            program.running = programs.next().unwrap_or(0);
            program.has_quorum = program.is_enough(program.running);
            program
        };
        Vrrp {
            global: config.global.clone(),
            statics: config.statics.clone(),
            routers,
            groups,
            scripts: config.scripts.iter().cloned().map(Watched::new).collect(),
            files: config.track_files.iter().map(file).collect(),
            processes: config.track_processes.iter().map(program).collect(),
            links,
            garps: Garps::new(config),
            begun: Time::ZERO,
            effects: Vec::new(),
        }
    }

    /// Starts all routers.
    pub fn start(&mut self, now: Time) {
        if self.global.startup_delay > Span::ZERO {
            self.begun = now + self.global.startup_delay;
            let seconds = self.global.startup_delay.as_secs_f64();
            self.log(format!("Delaying startup for {seconds} seconds"));
        }
        let is_there = |name: String| self.links.iter().any(|link| link.name == name);
        let all = self.routers.iter().map(|router| &router.config);
        let were_there: Vec<bool> = all.map(|it| it.vmac.is_none() || is_there(it.device())).collect();
        self.meet_interfaces(None);
        self.complete(None);
        if !self.routers.is_empty() {
            self.log("Registering gratuitous ARP shared channel".to_owned());
        }
        for (place, was_there) in were_there.into_iter().enumerate() {
            // Nothing is left over on a VMAC that is new.
            if was_there {
                self.let_go(place, false, true);
            }
        }
        self.remove_statics();
        self.add_statics();
        self.begin(&[], now);
    }

    /// The addresses that routers speak from, and the interfaces that they bring with them.
    pub(super) fn meet_interfaces(&mut self, old: Option<&Vrrp>) {
        let needs_firewall = |router: &Router| router.config.no_accept || router.config.vmac.is_some();
        if !self.global.names_firewall && self.routers.iter().any(needs_firewall) {
            let text = "use_vmac or no_accept/strict specified, but no firewall configured - using nftables";
            self.log(text.to_owned());
        }
        let mut seen: Vec<String> = Vec::new();
        for place in 0..self.routers.len() {
            let it = &self.routers[place].config;
            let (interface, address) = (it.interface.clone(), self.address_of(&it.interface));
            if it.source.is_none() {
                self.routers[place].source = address;
            }
            if !seen.contains(&interface) {
                if let Some(address) = address {
                    self.log(format!("Assigned address {address} for interface {interface}"));
                }
                seen.push(interface);
            }
            let before = old.and_then(|old| old.twin_of(&self.routers[place]));
            if before.is_none_or(|before| before.config.vmac.is_none()) {
                self.add_devices(place);
            }
        }
    }

    /// What is wrong already, and the groups' first states. `old`: what there was before a reload.
    pub(super) fn complete(&mut self, old: Option<&Vrrp>) {
        for place in 0..self.routers.len() {
            self.routers[place].tracks = self.tracks_of(place);
        }
        self.first_states_of_groups();
        for place in 0..self.routers.len() {
            self.count_faults(place);
        }
        let unused: Vec<String> = self.unused_scripts();
        for group in 0..self.groups.len() {
            self.agree_on_wishes(group);
        }
        for place in 0..self.routers.len() {
            let in_fault = self.group_of(place).is_some_and(|group| group.state == State::Fault);
            if self.routers[place].state != State::Fault && !in_fault {
                continue;
            }
            self.routers[place].state = State::Fault;
            let before = old.and_then(|old| old.twin_of(&self.routers[place]));
            if before.is_some_and(|before| before.state == State::Fault) {
                continue;
            }
            let name = self.name(place);
            self.log(format!("({name}) entering FAULT state"));
            self.notify(place);
        }
        for name in unused {
            self.log(format!("Warning - script {name} is not used"));
        }
    }

    fn unused_scripts(&mut self) -> Vec<String> {
        let tracks = self.routers.iter().flat_map(|router| &router.tracks);
        let used: Vec<Watch> = tracks.map(|tracked| tracked.track.watch.clone()).collect();
        let (kept, unused): (Vec<_>, Vec<_>) = std::mem::take(&mut self.scripts)
            .into_iter()
            .partition(|script| used.contains(&Watch::Script(script.config.name.clone())));
        self.scripts = kept;
        unused.into_iter().map(|script| script.config.name).collect()
    }

    /// vrrp_sync_set_group: unless all its members own their addresses, a group begins as backup.
    fn first_states_of_groups(&mut self) {
        for group in 0..self.groups.len() {
            let owns = |place: usize| {
                let router: &Router = &self.routers[place];
                router.wants == State::Master && router.is_owner()
            };
            let all = self.members(group).all(owns);
            self.groups[group].state = if all { State::Master } else { State::Backup };
        }
    }

    /// If some want to begin as master and others do not, none does.
    fn agree_on_wishes(&mut self, group: usize) {
        let members: Vec<usize> = self.members(group).collect();
        let is_backup = |place: &usize| {
            let router = &self.routers[*place];
            router.wants == State::Backup || !router.is_owner()
        };
        if members.iter().any(is_backup) {
            for place in members {
                if self.routers[place].wants == State::Master {
                    self.routers[place].wants = State::Backup;
                }
            }
        }
    }

    /// initialise_tracking_priorities
    fn count_faults(&mut self, place: usize) {
        let name = self.name(place);
        let mut said: Vec<String> = Vec::new();
        let mut faults = 0;
        if self.routers[place].config.lacks_peers {
            said.push(format!("({name}) Cannot use unicast without any peers - going to fault state"));
            faults += 1;
        }
        for tracked in &self.routers[place].tracks {
            let what = tracked.track.watch.name();
            match (tracked.says, &tracked.track.watch) {
                (Says::Fault, Watch::Interface(_)) => {
                    said.push(format!("({name}): entering FAULT state (interface {what} down)"));
                }
                (Says::Fault, Watch::File(_)) => {
                    said.push(format!("({name}): entering FAULT state (tracked file {what} has status -254)"));
                }
                (Says::Fault, Watch::Process(_)) => {
                    let text = "entering FAULT state (tracked process";
                    said.push(format!("({name}) {text} {what} quorum not achieved)"));
                }
                (Says::Fault, Watch::Script(_)) => {
                    said.push(format!("({name}): entering FAULT state due to script {what}"));
                }
                _ => continue,
            }
            faults += 1;
        }
        let router = &self.routers[place];
        let has = |source| self.links.iter().any(|link| link.addresses.contains(&source));
        let lacks = match router.source {
            None => Some(format!("({name}) entering FAULT state (no IPv4 address for interface)")),
            Some(source) if router.config.is_unicast() && !has(source) => {
                Some(format!("({name}): entering FAULT state (src address not configured)"))
            }
            Some(_) => None,
        };
        faults += u32::from(lacks.is_some());
        said.extend(lacks);
        said.into_iter().for_each(|text| self.log(text));
        let router = &mut self.routers[place];
        router.faults = faults;
        router.awaited = router.tracks.iter().filter(|tracked| tracked.says == Says::Wait).count() as u32;
        if faults > 0 {
            router.state = State::Fault;
        }
        self.reweigh(place);
        self.count_for_group(place);
    }

    fn count_for_group(&mut self, place: usize) {
        let router = &self.routers[place];
        let Some(group) = router.group else { return };
        let (is_fault, waits, name) = (router.state == State::Fault, router.awaited > 0, router.config.name.clone());
        let it = &mut self.groups[group];
        let is_first = is_fault && it.state != State::Fault;
        if is_fault {
            it.state = State::Fault;
            it.faults += 1;
        }
        if waits {
            it.awaited += 1;
            if it.state != State::Fault {
                it.state = State::Init;
            }
        }
        if is_first {
            let text = format!("VRRP_Group({}): Syncing {name} to FAULT state", it.config.name);
            self.log(text);
        }
    }

    /// vrrp_init_state: everybody listens first, but those who own their addresses, and those whom a reload has found
    /// master. `unchanged`: groups that are told nothing.
    pub(super) fn begin(&mut self, unchanged: &[usize], now: Time) {
        for group in 0..self.groups.len() {
            let is_news = matches!(self.groups[group].state, State::Fault | State::Backup);
            if is_news && !unchanged.contains(&group) {
                self.notify_group(group);
            }
        }
        for place in 0..self.routers.len() {
            self.begin_one(place);
            self.arm(place, now);
        }
    }

    fn begin_one(&mut self, place: usize) {
        let waits = self.routers[place].awaited > 0 || self.group_of(place).is_some_and(|group| group.awaited > 0);
        let groups = self.group_of(place).map(|group| group.state);
        let router = &mut self.routers[place];
        let first = router.state;
        if first == State::Fault {
            router.wants = State::Fault;
        }
        let state = groups.unwrap_or(router.wants);
        let is_up = router.faults == 0;
        let is_master = is_up && !waits && state == State::Master && router.wants == State::Master;
        if is_master && (router.is_owner() || router.was_master) {
            if !router.was_master {
                // The simplest way to become master is to wait as a backup for next to nothing.
                router.state = State::Backup;
                router.wait = Span::from_micros(1);
            }
            let is_master = self.routers[place].state == State::Master;
            self.follow_sync(place, is_master);
            return;
        }
        router.wait = router.master_down();
        self.follow_sync(place, false);
        self.let_go(place, false, false);
        let name = self.name(place);
        let router = &mut self.routers[place];
        if is_up && state != State::Fault && !waits {
            if router.state != State::Backup {
                router.state = State::Backup;
                self.log(format!("({name}) Entering BACKUP STATE (init)"));
            }
        } else {
            router.state = State::Fault;
        }
        let router = &self.routers[place];
        if router.state != first && (router.state != State::Fault || router.faults > 0) {
            self.notify(place);
        }
    }

    /// The interfaces that a router brings with it, and what it changes at those that are there.
    pub(super) fn add_devices(&mut self, place: usize) {
        let it = self.routers[place].config.clone();
        if it.promotes_secondaries && it.vmac.is_none() {
            self.effects.push(Effect::PromoteSecondaries(it.interface.clone(), true));
        }
        let Some(vmac) = &it.vmac else { return };
        let (name, below) = (it.device(), it.interface.clone());
        if self.links.iter().any(|link| link.name == name) {
            self.log(format!("({}) Found matching interface {name}", it.name));
            return;
        }
        let mac = vmac.mac.unwrap_or(MacAddr([0, 0, 0x5e, 0, 1, it.vrid]));
        let is_up = self.is_up(&below);
        self.effects.push(Effect::Vmac { change: Change::Add, name: name.clone(), below, mac });
        self.log(format!("({}): Success creating VMAC interface {name}", it.name));
        self.links.push(Link { name, is_up, arp: true, addresses: Vec::new() });
    }

    pub(super) fn remove_devices(&mut self, place: usize) {
        let it = &self.routers[place].config;
        let interface = it.interface.clone();
        if it.vmac.is_some() {
            let (whose, name, mac) = (it.name.clone(), it.device(), MacAddr::ZERO);
            self.log(format!("({whose}) Success removing VMAC interface {name}"));
            self.links.retain(|link| link.name != name);
            self.effects.push(Effect::Vmac { change: Change::Remove, name, below: interface, mac });
        } else if it.promotes_secondaries {
            self.effects.push(Effect::PromoteSecondaries(interface, false));
        }
    }

    pub(super) fn add_statics(&mut self) {
        let statics = self.statics.clone();
        let address = |vip: Vip| Effect::Address(Change::Add, vip.device.clone().unwrap_or_default(), vip);
        self.effects.extend(statics.addresses.into_iter().map(address));
        self.effects.extend(statics.routes.into_iter().map(|line| Effect::Route(Change::Add, line.words)));
        self.effects.extend(statics.rules.into_iter().map(|line| Effect::Rule(Change::Add, line.words)));
    }

    pub(super) fn remove_statics(&mut self) {
        let statics = self.statics.clone();
        self.effects.extend(statics.rules.into_iter().map(|line| Effect::Rule(Change::Remove, line.words)));
        self.effects.extend(statics.routes.into_iter().map(|line| Effect::Route(Change::Remove, line.words)));
        let address = |vip: Vip| Effect::Address(Change::Remove, vip.device.clone().unwrap_or_default(), vip);
        self.effects.extend(statics.addresses.into_iter().map(address));
    }
}
