//! The VRRP process: all virtual routers of a machine, what they track, and the groups that they form.
//!
//! What happens goes in (packets, interfaces, results of scripts, time), [`Effect`]s come out. `router` is what one of
//! them is, `transition` how it goes from one state to another, `hear` and `send` what it makes of advertisements, `packet`
//! and `ah` what those look like; `track` is what it watches, `script` the things watched, `sync` its group; `garp`
//! announces addresses, `notify` runs scripts; `start` and `reload` begin it all.

mod ah;
mod effect;
mod garp;
mod hear;
mod notify;
mod packet;
#[cfg(test)]
mod properties;
mod reload;
mod router;
mod script;
mod send;
mod start;
mod sync;
#[cfg(test)]
mod tests;
mod track;
mod transition;

use std::net::Ipv4Addr;

pub use effect::{Change, Effect, Message};
use garp::Garps;
pub use packet::Arrival;
pub use router::{Router, State};
pub use script::{Outcome, Watched, WatchedFile, WatchedProcess};
use sync::SyncGroup;

use super::conf::{Authentication, Global, Statics};
use crate::reason;
use crate::time::{Span, Time};
use crate::wire::proto;

/// How long a new master is busy with its addresses before it sets its clock again.
const TAKING_OVER: Span = Span::from_millis(10);

/// What is known of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Whether it is up and has a carrier.
    pub is_up: bool,
    /// Whether it resolves addresses by ARP.
    pub arp: bool,
    /// Its addresses, the first one first.
    pub addresses: Vec<Ipv4Addr>,
}

/// A socket that adverts come in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ear {
    /// The interface that it is bound to.
    pub interface: String,
    /// VRRP, or AH.
    pub protocol: u8,
    /// The group that it joins; none for one that hears peers.
    pub group: Option<Ipv4Addr>,
}

/// All virtual routers of a machine.
#[derive(Clone, Debug)]
pub struct Vrrp {
    global: Global,
    statics: Statics,
    routers: Vec<Router>,
    groups: Vec<SyncGroup>,
    scripts: Vec<Watched>,
    files: Vec<WatchedFile>,
    processes: Vec<WatchedProcess>,
    links: Vec<Link>,
    garps: Garps,
    /// When vrrp_startup_delay is over.
    begun: Time,
    effects: Vec<Effect>,
}

impl Vrrp {
    /// The routers, in the order of the configuration.
    pub fn routers(&self) -> &[Router] {
        &self.routers
    }

    /// The scripts that are run again and again.
    pub fn scripts(&self) -> &[Watched] {
        &self.scripts
    }

    /// The files that are read again and again.
    pub fn files(&self) -> &[WatchedFile] {
        &self.files
    }

    /// The programs that are looked for again and again.
    pub fn programs(&self) -> &[WatchedProcess] {
        &self.processes
    }

    /// The sockets that are needed, each once.
    pub fn ears(&self) -> Vec<Ear> {
        let mut ears: Vec<Ear> = Vec::new();
        for router in &self.routers {
            let it = &router.config;
            let is_sealed = matches!(it.authentication, Some(Authentication::Header(_)));
            let ear = Ear {
                interface: router.speaks_by(),
                protocol: if is_sealed { proto::AH } else { proto::VRRP },
                group: (!it.is_unicast()).then_some(it.group),
            };
            if !ears.contains(&ear) {
                ears.push(ear);
            }
        }
        ears
    }

    /// What is to be done, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Vrrp::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        let routers = self.routers.iter().filter_map(|router| router.deadline);
        let programs = self.processes.iter().filter_map(|process| process.changes_at);
        routers.chain(programs).chain(self.garps.next_deadline()).min()
    }

    /// Time has passed: routers take over or advertise themselves, ARPs are sent.
    pub fn tick(&mut self, now: Time) {
        self.send_garps(now);
        for process in 0..self.processes.len() {
            if self.processes[process].changes_at.is_some_and(|at| at <= now) {
                self.processes(process, self.processes[process].running, now);
            }
        }
        let mut due: Vec<(Time, usize)> = self
            .routers
            .iter()
            .enumerate()
            .filter_map(|(place, router)| Some((router.deadline.filter(|at| *at <= now)?, place)))
            .collect();
        due.sort_unstable();
        for (_, place) in due {
            self.time_is_up(place, now);
        }
    }

    /// vrrp_dispatcher_read_timeout
    fn time_is_up(&mut self, place: usize, now: Time) {
        if self.routers[place].deadline.is_none_or(|at| at > now) {
            // Its group has moved it in the meantime.
            return;
        }
        self.routers[place].was_master = false;
        let before = self.routers[place].state;
        match before {
            State::Backup => {
                let name = self.name(place);
                self.log(format!("({name}) Receive advertisement timeout"));
                let router = &self.routers[place];
                let (interval, adverts) = (router.master_interval, router.config.down_timer_adverts);
                let (skew, priority) = (router.skew(), router.priority);
                self.decided(reason::Vrrp::TimedOut { name, interval, adverts, skew, priority });
                self.routers[place].wants = State::Master;
                self.goto_master(place, now);
            }
            State::Master => self.advertise_as_master(place, now),
            _ => {}
        }
        self.follow(place, before, now);
        let is_new = before == State::Backup && self.routers[place].state == State::Master;
        self.arm(place, if is_new { now + TAKING_OVER } else { now });
    }

    /// keepalived stops: everything goes that it has brought.
    pub fn stop(&mut self) {
        for place in 0..self.routers.len() {
            if self.routers[place].state == State::Master {
                self.let_go(place, true, false);
            }
        }
        for place in 0..self.routers.len() {
            self.routers[place].state = State::Stop;
            self.routers[place].deadline = None;
            self.notify(place);
        }
        for group in 0..self.groups.len() {
            self.groups[group].state = State::Stop;
            self.notify_group(group);
        }
        self.garps = Garps::default();
        self.remove_statics();
        for place in 0..self.routers.len() {
            self.remove_devices(place);
        }
    }

    fn name(&self, place: usize) -> String {
        self.routers[place].config.name.clone()
    }

    fn decided(&mut self, what: reason::Vrrp) {
        self.effects.push(Effect::Decided(what));
    }

    fn log(&mut self, text: String) {
        self.effects.push(Effect::Log(text));
    }

    /// The synchronisation daemon follows an instance (lvs_sync_daemon).
    fn follow_sync(&mut self, place: usize, is_master: bool) {
        let follows = self.global.sync.as_ref().and_then(|sync| sync.instance.as_ref());
        if follows == Some(&self.routers[place].config.name) {
            self.effects.push(Effect::Sync { is_master });
        }
    }
}
