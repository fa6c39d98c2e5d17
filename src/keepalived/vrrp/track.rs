//! What virtual routers watch, and what they make of it: fault, or another priority (vrrp_track.c).

use super::router::State;
use super::script::Outcome;
use super::{Link, Vrrp};
use crate::keepalived::conf::{Track, Watch, Weight};
use crate::time::Time;

/// Something watched, and what it says at the moment.
#[derive(Clone, Debug)]
pub struct Tracked {
    pub(super) track: Track,
    pub(super) says: Says,
}

/// What something that is watched means for a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Nothing is known yet, and nothing begins before it is.
    Wait,
    /// It cannot work.
    Fault,
    /// So much is added to its priority.
    Weight(i32),
}

impl Says {
    pub(super) fn weight(self) -> i64 {
        match self {
            Says::Weight(weight) => i64::from(weight),
            Says::Wait | Says::Fault => 0,
        }
    }
}

/// What `weight` makes of something that is well, or is not.
pub(super) fn judge(weight: Weight, is_well: bool) -> Says {
    let sign = if weight.is_reversed { -1 } else { 1 };
    match weight.value {
        0 if is_well == weight.is_reversed => Says::Fault,
        0 => Says::Weight(0),
        value if (value > 0) == is_well => Says::Weight(value * sign),
        _ => Says::Weight(0),
    }
}

/// What `weight` makes of the number in a tracked file (process_update_vrrp_track_file_status).
pub(super) fn judge_number(weight: Weight, number: i64) -> Says {
    if weight.value == 0 {
        return if (number != 0) == weight.is_reversed { Says::Weight(0) } else { Says::Fault };
    }
    let sign = if weight.is_reversed { -1 } else { 1 };
    match number.saturating_mul(i64::from(weight.value) * sign) {
        ..=-254 => Says::Fault,
        sum => Says::Weight(sum.min(253) as i32),
    }
}

impl Vrrp {
    /// Everything that a router watches: what its configuration says, its group's, and the interfaces that it uses.
    pub(super) fn tracks_of(&self, place: usize) -> Vec<Tracked> {
        let it = &self.routers[place].config;
        let mut tracks: Vec<Track> = it.tracks.clone();
        let mut add = |watch: Watch, weight: Weight| match tracks.iter_mut().find(|track| track.watch == watch) {
            // The more important one wins: what is tracked without a weight stays so.
            Some(known) if known.weight.value != 0 => known.weight = weight,
            Some(_) => {}
            None => tracks.push(Track { watch, weight }),
        };
        if !it.ignores_own_interface && !it.interface.is_empty() {
            add(Watch::Interface(it.interface.clone()), Weight::default());
            if it.vmac.is_some() {
                add(Watch::Interface(it.device()), Weight::default());
            }
        }
        for (vip, device) in it.addresses() {
            let is_own = device == it.interface || device == it.device();
            if !(vip.no_track || is_own && it.ignores_own_interface) {
                add(Watch::Interface(device), Weight::default());
            }
        }
        for device in it.routes.iter().chain(&it.rules).flat_map(|line| &line.devices) {
            add(Watch::Interface(device.clone()), Weight::default());
        }
        if let Some(group) = self.routers[place].group {
            for track in &self.groups[group].config.tracks {
                add(track.watch.clone(), track.weight);
            }
        }
        tracks.into_iter().map(|track| Tracked { says: self.evaluate(&track), track }).collect()
    }

    /// What something says at the moment.
    fn evaluate(&self, track: &Track) -> Says {
        let (weight, name) = (track.weight, track.watch.name());
        match &track.watch {
            Watch::Interface(_) => judge(weight, self.is_up(name)),
            Watch::Script(_) => {
                let script = self.scripts.iter().find(|script| script.config.name == *name);
                match script.and_then(|script| script.is_good()) {
                    Some(is_good) => judge(weight, is_good),
                    None if weight.value == 0 => Says::Wait,
                    None => Says::Weight(0),
                }
            }
            Watch::File(_) => {
                let file = self.files.iter().find(|file| file.config.name == *name);
                judge_number(weight, file.map_or(0, |file| file.status))
            }
            Watch::Process(_) => {
                let process = self.processes.iter().find(|process| process.config.name == *name);
                judge(weight, process.is_some_and(|process| process.has_quorum))
            }
        }
    }

    pub(super) fn is_up(&self, name: &str) -> bool {
        self.links.iter().any(|link| link.name == name && link.is_up)
    }

    /// A run of a script has ended.
    pub fn script(&mut self, script: usize, outcome: Outcome, now: Time) {
        let Some(watched) = self.scripts.get_mut(script) else { return };
        let said = watched.hear(outcome);
        let watch = Watch::Script(watched.config.name.clone());
        said.into_iter().for_each(|text| self.log(text));
        self.reconsider(&watch, now);
    }

    /// A tracked file has been read.
    pub fn file(&mut self, file: usize, status: i64, now: Time) {
        let Some(watched) = self.files.get_mut(file) else { return };
        if std::mem::replace(&mut watched.status, status) != status {
            let watch = Watch::File(watched.config.name.clone());
            self.reconsider(&watch, now);
        }
    }

    /// So many processes of a tracked program are running.
    pub fn processes(&mut self, process: usize, count: u32, now: Time) {
        let Some(watched) = self.processes.get_mut(process) else { return };
        if watched.count(count, now) {
            let how = if watched.has_quorum { "gained" } else { "lost" };
            let name = watched.config.name.clone();
            self.log(format!("Quorum {how} for tracked process {name}"));
            self.reconsider(&Watch::Process(name), now);
        }
    }

    /// The interfaces as they are now (netlink_if_link_filter, netlink_if_address_filter).
    pub fn links(&mut self, links: Vec<Link>, now: Time) {
        if self.links == links {
            return;
        }
        let before = std::mem::replace(&mut self.links, links);
        let was_up = |name: &str| before.iter().any(|link| link.name == name && link.is_up);
        let mut names: Vec<String> = self.links.iter().chain(&before).map(|link| link.name.clone()).collect();
        names.sort();
        names.dedup();
        let mut gone = Vec::new();
        for name in names {
            let is_in = |links: &[Link]| links.iter().any(|link| link.name == name);
            let (was_there, is_there) = (is_in(&before), is_in(&self.links));
            if !was_there {
                self.log(format!("Interface {name} added"));
            }
            let is_up = self.is_up(&name);
            if was_up(&name) != is_up {
                let watch = Watch::Interface(name.clone());
                if self.routers.iter().any(|router| router.tracks.iter().any(|track| track.track.watch == watch)) {
                    let how = if is_up { "up" } else { "down" };
                    self.log(format!("Netlink reports {} {how}", watch.name()));
                }
                self.reconsider(&watch, now);
            }
            if !is_there {
                gone.push(name);
            }
        }
        self.look_at_sources(now);
        gone.into_iter().for_each(|name| self.log(format!("Interface {name} deleted")));
    }

    /// The first address of an interface that is nobody's virtual one.
    pub(super) fn address_of(&self, interface: &str) -> Option<std::net::Ipv4Addr> {
        let link = self.links.iter().find(|link| link.name == interface)?;
        let is_virtual = |ip: &std::net::Ipv4Addr| {
            let held = self.routers.iter().flat_map(|router| router.config.addresses());
            held.into_iter().any(|(vip, device)| vip.net.addr() == *ip && device == interface)
        };
        link.addresses.iter().copied().find(|ip| !is_virtual(ip))
    }

    /// Whether the addresses that routers speak from are there.
    fn look_at_sources(&mut self, now: Time) {
        for place in 0..self.routers.len() {
            let it = &self.routers[place].config;
            let (interface, configured) = (it.interface.clone(), it.source);
            let there = match configured {
                None => self.address_of(&interface),
                Some(_) if !it.tracks_source => continue,
                Some(source) => {
                    let has = |link: &Link| link.name == interface && link.addresses.contains(&source);
                    self.links.iter().any(has).then_some(source)
                }
            };
            let before = self.routers[place].source;
            match (before, there) {
                (None, Some(address)) => {
                    self.log(format!("Assigned address {address} for interface {interface}"));
                    self.routers[place].source = there;
                    self.mend(place, false, now);
                }
                (Some(address), None) => {
                    self.log(format!("Deassigned address {address} from interface {interface}"));
                    self.fault(place, now);
                    self.routers[place].source = None;
                }
                _ => self.routers[place].source = there,
            }
        }
    }

    /// Something watched has changed: what do those who watch it make of it?
    fn reconsider(&mut self, watch: &Watch, now: Time) {
        for place in 0..self.routers.len() {
            let Some(at) = self.routers[place].tracks.iter().position(|tracked| tracked.track.watch == *watch) else {
                continue;
            };
            let after = self.evaluate(&self.routers[place].tracks[at].track);
            let before = std::mem::replace(&mut self.routers[place].tracks[at].says, after);
            let is_file = matches!(watch, Watch::File(_));
            match (before, after) {
                (Says::Weight(_), Says::Fault) if is_file => {
                    let text = format!("({}): tracked file {} now FAULT state", self.name(place), watch.name());
                    self.log(text);
                    self.fault(place, now);
                    continue;
                }
                (Says::Fault, Says::Weight(weight)) if is_file => {
                    self.file_is_well(place, watch.name(), weight);
                    self.mend(place, false, now);
                    continue;
                }
                (Says::Wait, Says::Fault) => {
                    self.heard(place);
                    self.fault(place, now);
                }
                (Says::Wait, Says::Weight(_)) => {
                    let is_last = self.heard(place);
                    if is_last && self.group_of(place).is_none_or(|group| group.awaited == 0) {
                        self.mend(place, true, now);
                    }
                }
                (Says::Weight(_), Says::Fault) => self.fault(place, now),
                (Says::Fault, Says::Weight(_)) => self.mend(place, false, now),
                _ => {}
            }
            self.reweigh(place);
        }
    }

    /// A file no longer makes a fault. The priority changes without the usual word.
    fn file_is_well(&mut self, place: usize, file: &str, weight: i32) {
        self.routers[place].reweigh();
        let (name, priority) = (self.name(place), self.routers[place].priority);
        self.log(format!("({name}): tracked file {file} leaving FAULT state"));
        if weight != 0 {
            self.log(format!("({name}) Setting effective priority to {priority}"));
        }
    }

    /// One script less to wait for; whether it was the last one.
    fn heard(&mut self, place: usize) -> bool {
        let router = &mut self.routers[place];
        router.awaited = router.awaited.saturating_sub(1);
        let is_last = router.awaited == 0;
        if is_last && let Some(group) = router.group {
            self.groups[group].awaited = self.groups[group].awaited.saturating_sub(1);
        }
        is_last
    }

    /// vrrp_set_effective_priority
    pub(super) fn reweigh(&mut self, place: usize) {
        let Some(before) = self.routers[place].reweigh() else { return };
        let router = &self.routers[place];
        let (name, priority) = (router.config.name.clone(), router.priority);
        self.log(format!("({name}) Changing effective priority from {before} to {priority}"));
        if self.routers[place].config.tells_priority {
            let how = if self.routers[place].state == State::Master { "MASTER" } else { "BACKUP" };
            self.tell("INSTANCE", &name, &format!("{how}_PRIORITY"), priority);
        }
    }
}
