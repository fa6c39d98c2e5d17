//! What virtual routers make of the advertisements of others (vrrp_dispatcher_read, vrrp_state_backup,
//! vrrp_state_master_rx).

use std::net::Ipv4Addr;

use super::Vrrp;
use super::packet::{self, Advert, Arrival};
use super::router::{OWNER, Router, State};
use crate::keepalived::conf::Authentication;
use crate::reason;
use crate::time::{Span, Time};

/// A master sets its clock when it has done with a message, not when the message came. That others are served in the
/// meantime decides who is heard first.
const READING: Span = Span::from_millis(1);

impl Vrrp {
    /// A packet has come in by an interface.
    pub fn receive(&mut self, interface: &str, arrival: &Arrival<'_>, now: Time) {
        let Some(vrid) = arrival.vrid() else {
            let what = if arrival.is_sealed { "IPv4 VRRP packet with AH" } else { "IPv4 VRRP packet" };
            self.log(format!("{what} too short - {} bytes", arrival.length()));
            return;
        };
        let shares_socket = |router: &Router| {
            let is_unicast = router.config.is_unicast();
            let is_sealed = matches!(router.config.authentication, Some(Authentication::Header(_)));
            router.speaks_by() == interface
                && is_sealed == arrival.is_sealed
                && match is_unicast {
                    true => router.source == Some(arrival.destination),
                    false => router.config.group == arrival.destination,
                }
        };
        if !self.routers.iter().any(shares_socket) {
            return;
        }
        match self.routers.iter().position(|router| router.config.vrid == vrid && shares_socket(router)) {
            Some(place) => self.hear(place, arrival, now),
            None if self.global.log_unknown_vrids => {
                self.log(format!("Unknown VRID({vrid}) received on interface({interface}). ignoring..."));
            }
            None => {}
        }
    }

    fn hear(&mut self, place: usize, arrival: &Arrival<'_>, now: Time) {
        let router = &mut self.routers[place];
        let before = router.state;
        match before {
            State::Backup => self.hear_as_backup(place, arrival, now),
            State::Master => self.hear_as_master(place, arrival, now),
            _ => return,
        }
        self.follow(place, before, now);
        // Whatever is read puts a master's own advertisement off.
        match self.routers[place].state {
            State::Master if self.routers[place].config.lower_priority_no_advert => {}
            State::Master => self.arm(place, now + READING),
            _ => self.arm(place, now),
        }
    }

    /// vrrp_state_backup
    fn hear_as_backup(&mut self, place: usize, arrival: &Arrival<'_>, now: Time) {
        let source = arrival.source;
        let is_known = self.routers[place].master == Some(source);
        let name = self.name(place);
        match packet::read(&mut self.routers[place], arrival, is_known) {
            Err(why) => {
                self.decided(reason::Vrrp::Refuses { name, why: why.clone() });
                self.log(why);
                self.routers[place].keep_waiting(now);
            }
            Ok(Advert { priority: 0, .. }) => {
                self.log(format!("({name}) Backup received priority 0 advertisement"));
                let wait = self.routers[place].skew();
                self.routers[place].wait = wait;
                self.decided(reason::Vrrp::Resigned { name, master: source, wait });
            }
            Ok(advert) if self.yields_to(place, advert.priority, now) => {
                self.learn(place, advert.interval);
                self.routers[place].wait = self.routers[place].master_down();
                self.routers[place].master = Some(source);
                self.delay_preemption(place, advert.priority, now);
                self.routers[place].wants = State::Backup;
                let (ours, wait) = (self.routers[place].priority, self.routers[place].wait);
                self.decided(reason::Vrrp::Follows { name, master: source, theirs: advert.priority, ours, wait });
            }
            Ok(Advert { priority, .. }) => {
                self.log(format!("({name}) received lower priority ({priority}) advert from {source} - discarding"));
                self.routers[place].keep_waiting(now);
                self.routers[place].master = Some(source);
                let (ours, wait) = (self.routers[place].priority, self.routers[place].wait);
                self.decided(reason::Vrrp::Disregards { name, master: source, theirs: priority, ours, wait });
            }
        }
    }

    /// Whether a backup leaves a master of this priority alone.
    fn yields_to(&self, place: usize, priority: u8, now: Time) -> bool {
        let router = &self.routers[place];
        let is_delayed = router.config.preempt_delay > Span::ZERO && router.preempt_at.is_none_or(|at| at > now);
        router.config.nopreempt || priority >= router.priority || is_delayed
    }

    fn delay_preemption(&mut self, place: usize, priority: u8, now: Time) {
        let router = &mut self.routers[place];
        let (name, delay) = (&router.config.name, router.config.preempt_delay);
        let text = match (priority >= router.priority, router.preempt_at) {
            _ if delay == Span::ZERO => return,
            (true, Some(_)) => {
                router.preempt_at = None;
                format!("({name}) stop preempt delay")
            }
            (false, None) => {
                router.preempt_at = Some(now + delay);
                format!("({name}) start preempt delay ({:.6})", delay.as_secs_f64())
            }
            _ => return,
        };
        self.log(text);
    }

    /// RFC 5798 section 6.4: the master says how often it advertises itself.
    fn learn(&mut self, place: usize, interval: Span) {
        let router = &mut self.routers[place];
        if router.config.version != 3 || router.master_interval == interval {
            return;
        }
        let old = std::mem::replace(&mut router.master_interval, interval).as_millis();
        let (name, new) = (&router.config.name, interval.as_millis());
        let text = format!("({name}) advertisement interval updated from {old}ms to {new}ms by master");
        self.log(text);
    }

    /// vrrp_state_master_rx
    fn hear_as_master(&mut self, place: usize, arrival: &Arrival<'_>, now: Time) {
        let advert = match packet::read(&mut self.routers[place], arrival, false) {
            Ok(advert) => advert,
            Err(why) => {
                self.decided(reason::Vrrp::Refuses { name: self.name(place), why: why.clone() });
                return self.log(why);
            }
        };
        let (name, source) = (self.name(place), arrival.source);
        let router = &self.routers[place];
        let own = router.source.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let (theirs, ours) = (advert.priority, router.priority);
        let is_higher = theirs > ours || theirs == ours && source > own;
        if theirs == 0 || is_higher && router.config.higher_priority_send_advert {
            self.advertise(place, ours);
        }
        if theirs == 0 {
            return self.log(format!("({name}) Master received priority 0 message"));
        }
        let ours = if theirs == ours { self.compare_equals(place, source, own) } else { ours };
        if theirs < ours || theirs == ours && source < own {
            return self.answer_lower(place, advert, source, now);
        }
        if theirs == ours && source == own {
            return;
        }
        self.log(if theirs > ours {
            format!("({name}) Master received advert from {source} with higher priority {theirs}, ours {ours}")
        } else {
            let what = "but higher IP address than ours";
            format!("({name}) Master received advert from {source} with same priority {theirs} {what}")
        });
        self.decided(reason::Vrrp::GivesWay { name, other: source, theirs, ours });
        self.learn(place, advert.interval);
        self.routers[place].wants = State::Backup;
        self.leave_master(place, false, now);
    }

    /// Both have the same priority: what is said of it, and our priority then.
    fn compare_equals(&mut self, place: usize, source: Ipv4Addr, own: Ipv4Addr) -> u8 {
        let name = self.name(place);
        if source == own {
            self.log(format!(
                "({name}) WARNING - equal priority advert received from remote host with our IP address."
            ));
        } else if self.routers[place].priority == OWNER {
            self.log(format!(
                "({name}) CONFIGURATION ERROR: local instance and a remote instance are both configured as address owner, \
                 please fix - reducing local priority"
            ));
            self.routers[place].priority = OWNER - 1;
            self.routers[place].config.priority = OWNER - 1;
        }
        self.routers[place].priority
    }

    /// A master of lower priority: it is told again who is master, and so is everybody on the link.
    fn answer_lower(&mut self, place: usize, advert: Advert, source: Ipv4Addr, now: Time) {
        let name = self.name(place);
        let router = &self.routers[place];
        let (theirs, ours, is_silent) = (advert.priority, router.priority, router.config.lower_priority_no_advert);
        let election = if is_silent { "" } else { ", forcing new election" };
        self.log(format!("({name}) Received advert from {source} with lower priority {theirs}, ours {ours}{election}"));
        self.decided(reason::Vrrp::Insists { name: name.clone(), other: source, theirs, ours });
        if let Some(number) = advert.sequence {
            self.log(format!("({name}) IPSEC-AH : Syncing seq_num - Increment seq"));
            self.routers[place].sequence = number.wrapping_add(1);
        }
        if !is_silent {
            self.advertise(place, ours);
        }
        self.announce_after_lower(place, now);
        for other in self.routers[place].group.map(|group| self.members(group)).into_iter().flatten() {
            if other != place {
                self.announce_after_lower(other, now);
            }
        }
        self.notify_lower_priority(place);
    }
}
