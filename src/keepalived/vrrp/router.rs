//! One virtual router: RFC 3768 section 6, as keepalived has it (vrrp_scheduler.c, vrrp.c).

use std::net::Ipv4Addr;

use super::packet::{self, Advert, Arrival};
use crate::keepalived::conf::{Global, Instance};
use crate::time::{Span, Time};

/// keepalived sets its timer when it has done its work: when a message has been read, and when all that a new master has to
/// do is done. That others are served in the meantime decides who is heard first.
const READING: Span = Span::from_millis(1);
const TAKING_OVER: Span = Span::from_millis(10);

/// The state of a virtual router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It holds the addresses.
    Master,
    /// It listens.
    Backup,
    /// It cannot do its work.
    Fault,
}

impl State {
    /// As notify scripts are told it.
    pub const fn name(self) -> &'static str {
        match self {
            State::Master => "MASTER",
            State::Backup => "BACKUP",
            State::Fault => "FAULT",
        }
    }
}

/// What a virtual router wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something to be written down.
    Log(String),
    /// An advertisement of this priority.
    Advertise(u8),
    /// The addresses, and what else a master holds.
    AddAddresses,
    /// The other way round.
    RemoveAddresses,
    /// So many gratuitous ARPs for each address.
    GratuitousArp(u32),
    /// The scripts of a state.
    Notify(State),
    /// notify_stop
    NotifyStop,
    /// notify_master_rx_lower_pri
    NotifyLowerPriority,
}

/// A virtual router.
#[derive(Debug)]
pub struct Router {
    /// Its configuration.
    pub config: Instance,
    state: State,
    /// How many reasons there are why it cannot work.
    faults: u32,
    /// Its priority with what it tracks.
    priority: u8,
    /// What tracked things add to the configured priority.
    weights: i32,
    /// When it takes over, or advertises itself next.
    deadline: Option<Time>,
    /// How often the master advertises itself.
    master_interval: Span,
    /// Who the master is.
    master: Option<Ipv4Addr>,
    /// When the delay is over after which a master of lower priority is not listened to any more.
    preempt_at: Option<Time>,
    /// When the second batch of gratuitous ARPs is due, and how many they are.
    garp_at: Option<(Time, u32)>,
    /// When the next regular batch is due.
    refresh_at: Option<Time>,
    effects: Vec<Effect>,
}

impl Router {
    /// A router that has not been started.
    pub fn new(config: Instance) -> Router {
        Router {
            state: State::Backup,
            faults: 0,
            priority: config.priority,
            weights: 0,
            deadline: None,
            master_interval: config.advert_interval,
            master: None,
            preempt_at: None,
            garp_at: None,
            refresh_at: None,
            effects: Vec::new(),
            config,
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its priority, with what it tracks.
    pub fn priority(&self) -> u8 {
        self.priority
    }

    /// What is to be done, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Router::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        [self.deadline, self.garp_at.map(|(at, _)| at)].into_iter().flatten().min()
    }

    fn log(&mut self, text: impl FnOnce(&str) -> String) {
        let text = text(&self.config.name);
        self.effects.push(Effect::Log(text));
    }

    /// How long a backup waits beyond the master's last chance: the greater its priority, the shorter.
    fn skew(&self) -> Span {
        let share = 256 - u64::from(self.priority);
        let whole = if self.config.version == 3 { self.master_interval } else { Span::from_secs(1) };
        Span::from_nanos(whole.as_nanos() / 256 * share)
    }

    fn master_down(&self) -> Span {
        self.master_interval.times(u64::from(self.config.down_timer_adverts)) + self.skew()
    }

    /// vrrp_init_state: everybody begins as a backup, or in fault.
    pub fn start(&mut self, now: Time) {
        self.log(|name| format!("({name}) removing VIPs."));
        self.effects.push(Effect::RemoveAddresses);
        if self.faults > 0 {
            self.state = State::Fault;
            self.log(|name| format!("({name}) entering FAULT state"));
            self.effects.push(Effect::Notify(State::Fault));
            return;
        }
        self.state = State::Backup;
        self.log(|name| format!("({name}) Entering BACKUP STATE (init)"));
        let wait = if self.config.priority == 255 { Span::from_micros(1) } else { self.master_down() };
        self.deadline = Some(now + wait);
        self.effects.push(Effect::Notify(State::Backup));
    }

    /// Time has come: to take over, to advertise itself, to send ARPs.
    pub fn tick(&mut self, now: Time) {
        if let Some((_, times)) = self.garp_at.filter(|(at, _)| *at <= now) {
            self.garp_at = None;
            if self.state == State::Master {
                self.effects.push(Effect::GratuitousArp(times));
            }
        }
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        match self.state {
            State::Backup => self.become_master(now),
            State::Master => self.advertise(now),
            State::Fault => self.deadline = None,
        }
    }

    /// vrrp_state_goto_master, vrrp_state_become_master
    fn become_master(&mut self, now: Time) {
        self.log(|name| format!("({name}) Receive advertisement timeout"));
        self.effects.push(Effect::Advertise(self.priority));
        self.log(|name| format!("({name}) Entering MASTER STATE"));
        self.log(|name| format!("({name}) setting VIPs."));
        self.state = State::Master;
        self.effects.push(Effect::AddAddresses);
        let garp = self.config.garp;
        self.effects.push(Effect::GratuitousArp(garp.repeat));
        self.garp_at = (garp.delay > Span::ZERO).then_some((now + garp.delay, garp.repeat));
        self.refresh_at = (garp.refresh > Span::ZERO).then_some(now + garp.refresh);
        self.master_interval = self.config.advert_interval;
        self.preempt_at = None;
        self.effects.push(Effect::Notify(State::Master));
        self.deadline = Some(now + self.config.advert_interval + TAKING_OVER);
    }

    /// The group that it belongs to has a new master here.
    pub fn take_over(&mut self, now: Time) {
        if self.state == State::Backup {
            self.become_master(now);
        }
    }

    /// vrrp_state_master_tx
    fn advertise(&mut self, now: Time) {
        self.effects.push(Effect::Advertise(self.priority));
        let garp = self.config.garp;
        if let Some(at) = self.refresh_at.filter(|at| *at <= now) {
            self.effects.push(Effect::GratuitousArp(garp.refresh_repeat));
            self.refresh_at = Some(at + garp.refresh);
        }
        self.deadline = Some(now + self.config.advert_interval);
    }

    /// An advertisement with this router's number.
    pub fn receive(&mut self, arrival: &Arrival<'_>, own: Ipv4Addr, global: &Global, now: Time) {
        if self.state == State::Fault {
            return;
        }
        let is_known = self.master == Some(arrival.source);
        match packet::read(&self.config, arrival, is_known) {
            Ok(_) if self.is_stranger(arrival.source, global) => {
                let source = arrival.source;
                self.log(|name| format!("({name}) unicast source address {source} not a unicast peer"));
            }
            Ok(advert) => match self.state {
                State::Backup => self.hear_as_backup(advert, arrival.source, now),
                State::Master => self.hear_as_master(advert, arrival.source, own, now),
                State::Fault => {}
            },
            Err(why) => self.effects.push(Effect::Log(why)),
        }
        // Whatever is read puts a master's own advertisement off (vrrp_dispatcher_read).
        if self.state == State::Master && !self.config.lower_priority_no_advert {
            self.deadline = Some(now + self.config.advert_interval + READING);
        }
    }

    fn is_stranger(&self, source: Ipv4Addr, global: &Global) -> bool {
        global.check_unicast_source && !self.config.peers.is_empty() && !self.config.peers.contains(&source)
    }

    /// vrrp_state_backup
    fn hear_as_backup(&mut self, advert: Advert, source: Ipv4Addr, now: Time) {
        let own = self.priority;
        if self.config.version == 3 && advert.interval != self.master_interval {
            let (old, new) = (self.master_interval.as_millis(), advert.interval.as_millis());
            self.log(|name| format!("({name}) advertisement interval updated from {old}ms to {new}ms by master"));
            self.master_interval = advert.interval;
        }
        if advert.priority == 0 {
            self.log(|name| format!("({name}) Backup received priority 0 advertisement"));
            self.deadline = Some(now + self.skew());
            return;
        }
        if advert.priority >= own || self.config.nopreempt {
            if self.preempt_at.take().is_some() {
                let delay = self.config.preempt_delay.as_secs_f64();
                self.log(|name| format!("({name}) stop preempt delay ({delay:.6})"));
            }
            self.master = Some(source);
            self.deadline = Some(now + self.master_down());
            return;
        }
        let delay = self.config.preempt_delay;
        if delay > Span::ZERO {
            let until = match self.preempt_at {
                Some(until) => until,
                None => {
                    let seconds = delay.as_secs_f64();
                    self.log(|name| format!("({name}) start preempt delay ({seconds:.6})"));
                    *self.preempt_at.insert(now + delay)
                }
            };
            if now < until {
                self.master = Some(source);
                self.deadline = Some(now + self.master_down());
                return;
            }
        }
        let priority = advert.priority;
        self.log(|name| format!("({name}) received lower priority ({priority}) advert from {source} - discarding"));
    }

    /// vrrp_state_master_rx
    fn hear_as_master(&mut self, advert: Advert, source: Ipv4Addr, own_address: Ipv4Addr, now: Time) {
        let (theirs, ours) = (advert.priority, self.priority);
        if theirs == 0 {
            self.log(|name| format!("({name}) Master received priority 0 message"));
            self.advertise(now);
            return;
        }
        let is_lower = theirs < ours || theirs == ours && source < own_address;
        if is_lower {
            self.log(|name| {
                format!("({name}) Received advert from {source} with lower priority {theirs}, ours {ours}, forcing new election")
            });
            if !self.config.lower_priority_no_advert {
                self.effects.push(Effect::Advertise(ours));
            }
            let garp = self.config.garp;
            let times = garp.lower_priority_repeat.unwrap_or(garp.repeat);
            let delay = garp.lower_priority_delay.unwrap_or(garp.delay);
            if times > 0 {
                self.effects.push(Effect::GratuitousArp(times));
                self.garp_at = (delay > Span::ZERO).then_some((now + delay, times));
            }
            self.effects.push(Effect::NotifyLowerPriority);
            return;
        }
        if theirs == ours && source == own_address {
            self.log(|name| {
                format!("({name}) WARNING - equal priority advert received from remote host with our IP address.")
            });
            return;
        }
        if theirs == 255 && ours == 255 {
            self.log(|name| {
                format!(
                    "({name}) CONFIGURATION ERROR: local instance and a remote instance are both configured as address owner, \
                     please fix - reducing local priority"
                )
            });
            self.config.priority = 254;
            self.priority = 254;
        }
        if theirs > ours {
            self.log(|name| {
                format!("({name}) Master received advert from {source} with higher priority {theirs}, ours {ours}")
            });
        } else {
            self.log(|name| {
                format!(
                    "({name}) Master received advert from {source} with same priority {theirs} but higher IP address than ours"
                )
            });
        }
        if self.config.higher_priority_send_advert {
            self.effects.push(Effect::Advertise(ours));
        }
        self.master = Some(source);
        self.become_backup(now);
    }

    /// vrrp_state_leave_master
    pub fn become_backup(&mut self, now: Time) {
        self.log(|name| format!("({name}) Entering BACKUP STATE"));
        self.log(|name| format!("({name}) removing VIPs."));
        self.effects.push(Effect::RemoveAddresses);
        self.state = State::Backup;
        self.garp_at = None;
        self.preempt_at = None;
        self.deadline = Some(now + self.master_down());
        self.effects.push(Effect::Notify(State::Backup));
    }

    /// What it tracks has changed its weight.
    pub fn set_weights(&mut self, weights: i32, now: Time) {
        self.weights = weights;
        if self.config.priority == 255 {
            return;
        }
        let priority = (i32::from(self.config.priority) + weights).clamp(1, 254) as u8;
        if priority == self.priority {
            return;
        }
        let (old, before) = (self.priority, self.master_down());
        self.priority = priority;
        self.log(|name| format!("({name}) Changing effective priority from {old} to {priority}"));
        if self.state == State::Backup
            && let Some(at) = self.deadline
        {
            let after = self.master_down();
            let earlier = Span::from_nanos(before.as_nanos().saturating_sub(after.as_nanos()));
            let later = Span::from_nanos(after.as_nanos().saturating_sub(before.as_nanos()));
            let moved = Time::from_nanos((at + later).as_nanos().saturating_sub(earlier.as_nanos()));
            self.deadline = Some(moved.max(now));
        }
    }

    /// Something that it needs has gone.
    pub fn fault(&mut self) {
        self.faults += 1;
        if self.state == State::Fault || self.deadline.is_none() {
            return;
        }
        if self.state == State::Master {
            // Once when it leaves the state, once when it gives up the interface.
            self.effects.push(Effect::Advertise(0));
            self.log(|name| format!("({name}) sent 0 priority"));
        }
        self.log(|name| format!("({name}) Entering FAULT STATE"));
        if self.state == State::Master {
            self.effects.push(Effect::Advertise(0));
            self.log(|name| format!("({name}) sent 0 priority"));
        }
        self.log(|name| format!("({name}) removing VIPs."));
        self.effects.push(Effect::RemoveAddresses);
        self.state = State::Fault;
        self.deadline = None;
        self.garp_at = None;
        self.preempt_at = None;
        self.effects.push(Effect::Notify(State::Fault));
    }

    /// Something that it needs has come back.
    pub fn mend(&mut self, now: Time) {
        self.faults = self.faults.saturating_sub(1);
        if self.faults == 0 && self.state == State::Fault {
            self.log(|name| format!("({name}) Entering BACKUP STATE"));
            self.state = State::Backup;
            self.deadline = Some(now + self.master_down());
            self.effects.push(Effect::Notify(State::Backup));
        }
    }

    /// Somebody else has taken an address away: it is fetched back after the skew (set_vrrp_backup).
    pub fn lose_address(&mut self, now: Time) {
        if self.state == State::Master {
            self.effects.push(Effect::Advertise(0));
            self.become_backup(now);
            self.deadline = Some(now + self.skew());
        }
    }

    /// keepalived stops.
    pub fn stop(&mut self) {
        if self.state == State::Master {
            self.effects.push(Effect::Advertise(0));
            self.log(|name| format!("({name}) sent 0 priority"));
            self.log(|name| format!("({name}) removing VIPs."));
            self.effects.push(Effect::RemoveAddresses);
        }
        self.state = State::Fault;
        self.deadline = None;
        self.garp_at = None;
        self.effects.push(Effect::NotifyStop);
    }
}
