//! How a virtual router goes from one state to another (vrrp.c vrrp_state_*, vrrp_track.c down_instance,
//! vrrp_scheduler.c try_up_instance).

use super::Vrrp;
use super::effect::{Change, Effect};
use super::router::State;
use crate::time::{Span, Time};

impl Vrrp {
    /// vrrp_state_goto_master
    pub(super) fn goto_master(&mut self, place: usize, now: Time) {
        if !self.group_can_be_master(place, now) {
            self.routers[place].wants = State::Master;
            return;
        }
        self.routers[place].state = State::Master;
        self.arm(place, now);
        self.advertise_as_master(place, now);
    }

    /// vrrp_state_master_tx: the advertisement goes first, so that the old master lets go of the addresses.
    pub(super) fn advertise_as_master(&mut self, place: usize, now: Time) {
        self.advertise(place, self.routers[place].priority);
        if !self.routers[place].holds {
            let name = self.name(place);
            self.log(format!("({name}) Entering MASTER STATE"));
            self.become_master(place, now);
            let delay = self.routers[place].config.garp.delay;
            if delay > Span::ZERO {
                self.garps.later(now + delay, place, self.routers[place].config.garp.repeat);
            }
            return;
        }
        let router = &mut self.routers[place];
        let garp = router.config.garp;
        if router.refresh_at.is_some_and(|at| at <= now) {
            router.refresh_at = Some(now + garp.refresh);
            self.announce(place, garp.refresh_repeat, now);
        }
        let router = &mut self.routers[place];
        if let (Some(at), Some((every, is_all))) = (router.elsewhere_at, router.config.garp_elsewhere)
            && at <= now
        {
            router.elsewhere_at = Some(now + every);
            self.announce_elsewhere(place, is_all, now);
        }
    }

    /// vrrp_state_become_master
    fn become_master(&mut self, place: usize, now: Time) {
        let name = self.name(place);
        let router = &mut self.routers[place];
        let own = router.config.advert_interval;
        let learned = std::mem::replace(&mut router.master_interval, own);
        if learned != own {
            let (learned, own) = (learned.as_millis(), own.as_millis());
            self.log(format!("({name}) changing advert interval from {learned}ms to locally configured {own}ms"));
        }
        self.hold(place);
        let router = &mut self.routers[place];
        let (repeat, refresh) = (router.config.garp.repeat, router.config.garp.refresh);
        router.refresh_at = (refresh > Span::ZERO).then_some(now + refresh);
        router.elsewhere_at = router.config.garp_elsewhere.map(|(every, _)| now + every);
        self.announce(place, repeat, now);
        self.notify(place);
        self.follow_sync(place, true);
    }

    /// Puts everything there that a master holds.
    pub(super) fn hold(&mut self, place: usize) {
        let name = self.name(place);
        let it = self.routers[place].config.clone();
        if !it.accepts() {
            self.log(format!("({name}) setting firewall drop rule"));
            let addresses = it.vips.iter().chain(&it.excluded).map(|vip| vip.net.addr());
            self.effects.extend(addresses.map(|address| Effect::Firewall(Change::Add, address)));
        }
        if !it.vips.is_empty() {
            self.log(format!("({name}) setting VIPs."));
        }
        for (n, (vip, device)) in it.addresses().enumerate() {
            if n == it.vips.len() {
                self.log(format!("({name}) setting E-VIPs."));
            }
            self.effects.push(Effect::Address(Change::Add, device, vip.clone()));
        }
        self.routers[place].holds = true;
        if !it.routes.is_empty() {
            self.log(format!("({name}) setting Virtual Routes"));
            self.effects.extend(it.routes.into_iter().map(|line| Effect::Route(Change::Add, line.words)));
        }
        if !it.rules.is_empty() {
            self.log(format!("({name}) setting Virtual Rules"));
            self.effects.extend(it.rules.into_iter().map(|line| Effect::Rule(Change::Add, line.words)));
        }
    }

    /// vrrp_restore_interface: takes everything away again, even if `force` somebody else has put it there.
    pub(super) fn let_go(&mut self, place: usize, says_farewell: bool, force: bool) {
        let name = self.name(place);
        if says_farewell {
            self.advertise(place, 0);
            self.log(format!("({name}) sent 0 priority"));
        }
        let it = self.routers[place].config.clone();
        if !it.rules.is_empty() {
            self.log(format!("({name}) removing Virtual Rules"));
            self.effects.extend(it.rules.iter().map(|line| Effect::Rule(Change::Remove, line.words.clone())));
        }
        if !it.routes.is_empty() {
            self.log(format!("({name}) removing Virtual Routes"));
            self.effects.extend(it.routes.iter().map(|line| Effect::Route(Change::Remove, line.words.clone())));
        }
        self.garps.forget(place);
        if !std::mem::replace(&mut self.routers[place].holds, false) && !force {
            return;
        }
        if !it.vips.is_empty() {
            self.log(format!("({name}) removing VIPs."));
        }
        for (n, (vip, device)) in it.addresses().enumerate() {
            if n == it.vips.len() {
                self.log(format!("({name}) removing E-VIPs."));
            }
            self.effects.push(Effect::Address(Change::Remove, device, vip.clone()));
        }
        if !it.accepts() {
            self.log(format!("({name}) removing firewall drop rule"));
            let addresses = it.vips.iter().chain(&it.excluded).map(|vip| vip.net.addr());
            self.effects.extend(addresses.map(|address| Effect::Firewall(Change::Remove, address)));
        }
    }

    /// vrrp_state_leave_master: to the state that it wants.
    pub(super) fn leave_master(&mut self, place: usize, says_farewell: bool, now: Time) {
        if self.routers[place].holds {
            self.follow_sync(place, false);
        }
        let name = self.name(place);
        if self.routers[place].wants == State::Fault {
            self.log(format!("({name}) Entering FAULT STATE"));
            self.advertise(place, 0);
        } else {
            self.log(format!("({name}) Entering BACKUP STATE"));
            self.routers[place].preempt_at = None;
        }
        self.let_go(place, says_farewell, false);
        let router = &mut self.routers[place];
        router.state = if router.wants == State::Fault { State::Fault } else { State::Backup };
        self.notify(place);
        self.routers[place].wait = self.routers[place].master_down();
        self.arm(place, now);
    }

    /// vrrp_state_leave_fault: out of it, or into it for one that is no master.
    pub(super) fn leave_fault(&mut self, place: usize, now: Time) {
        let (name, wants) = (self.name(place), self.routers[place].wants);
        if wants == State::Master {
            self.goto_master(place, now);
        } else {
            if self.routers[place].state != wants {
                self.log(format!("({name}) Entering {} STATE", wants.name()));
            }
            self.routers[place].state = wants;
            self.notify(place);
            if wants == State::Backup {
                self.routers[place].preempt_at = None;
            }
        }
        self.wait_as_at_first(place);
        self.arm(place, now);
    }

    fn wait_as_at_first(&mut self, place: usize) {
        let router = &mut self.routers[place];
        router.master_interval = router.config.advert_interval;
        router.wait = router.master_down();
    }

    /// down_instance: something that it needs has gone.
    pub(super) fn fault(&mut self, place: usize, now: Time) {
        let router = &mut self.routers[place];
        let is_first = router.faults == 0;
        router.faults = router.faults.saturating_add(1);
        if !is_first && router.state != State::Init {
            return;
        }
        router.wants = State::Fault;
        match router.state {
            State::Master => self.leave_master(place, true, now),
            _ => self.leave_fault(place, now),
        }
        if let Some(group) = self.routers[place].group {
            self.groups[group].faults += 1;
            if self.groups[group].faults == 1 {
                self.sync_fault(place, now);
            }
        }
    }

    /// try_up_instance: something that it needs has come back, or the last script that it waited for has been heard.
    pub(super) fn mend(&mut self, place: usize, is_heard: bool, now: Time) {
        let group = self.routers[place].group;
        let router = &mut self.routers[place];
        if !is_heard {
            router.faults = router.faults.saturating_sub(1);
        }
        if router.faults > 0 || router.awaited > 0 {
            if router.faults == 0 && !is_heard {
                router.wants = State::Backup;
                if let Some(group) = group {
                    self.groups[group].faults = self.groups[group].faults.saturating_sub(1);
                    self.groups[group].state = State::Init;
                }
            }
            return;
        }
        if !(router.wants == State::Master && router.is_owner()) {
            router.wants = State::Backup;
        }
        self.wait_as_at_first(place);
        if let Some(group) = group {
            let group = &mut self.groups[group];
            if !is_heard {
                group.faults = group.faults.saturating_sub(1);
            }
            if group.faults > 0 || group.awaited > 0 {
                return;
            }
        }
        let wants = self.routers[place].wants;
        if wants == State::Master && !self.group_can_be_master(place, now) {
            self.routers[place].wants = State::Backup;
        }
        self.leave_fault(place, now);
        self.greet(place);
        self.arm(place, now);
        self.routers[place].wants = wants;
        if self.routers[place].state == State::Master {
            self.sync_master(place, now);
        } else {
            self.sync_backup(place, now);
        }
    }

    /// Peers may have forgotten a unicast router's address while it was away, and would lose time asking for it.
    fn greet(&mut self, place: usize) {
        let router = &self.routers[place];
        let Some(address) = router.source.filter(|_| router.config.is_unicast()) else { return };
        let (name, interface) = (router.config.name.clone(), router.config.interface.clone());
        self.log(format!("{name}: sending gratuitous ARP for {address}"));
        self.arp(&interface, address);
    }

    /// set_vrrp_backup: somebody else has taken an address away. It is fetched back after the skew.
    pub fn lose_address(&mut self, place: usize, now: Time) {
        if self.routers.get(place).is_none_or(|router| router.state != State::Master) {
            return;
        }
        let group = self.routers[place].group;
        let all: Vec<usize> = match group {
            Some(group) => std::iter::once(place).chain(self.members(group).filter(|other| *other != place)).collect(),
            None => vec![place],
        };
        for place in all {
            if self.routers[place].state != State::Master {
                continue;
            }
            self.routers[place].wants = State::Backup;
            self.leave_master(place, true, now);
            self.routers[place].wait = self.routers[place].skew();
            self.arm(place, now);
        }
        if let Some(group) = group {
            self.groups[group].state = State::Backup;
        }
    }

    pub(super) fn arm(&mut self, place: usize, now: Time) {
        self.routers[place].arm(now, self.begun);
    }
}
