//! Groups of virtual routers that change their states together (vrrp_sync.c).

use super::Vrrp;
use super::router::State;
use crate::keepalived::conf::Group;
use crate::time::Time;

/// A group.
#[derive(Clone, Debug)]
pub struct SyncGroup {
    pub(super) config: Group,
    pub(super) state: State,
    /// How many members cannot work.
    pub(super) faults: u32,
    /// How many members wait for scripts.
    pub(super) awaited: u32,
}

impl SyncGroup {
    pub(super) fn new(config: Group) -> SyncGroup {
        SyncGroup { config, state: State::Init, faults: 0, awaited: 0 }
    }
}

impl Vrrp {
    /// The members of a group, by their places.
    pub(super) fn members(&self, group: usize) -> impl Iterator<Item = usize> + use<> {
        let is_member = |place: &usize| self.routers[*place].group == Some(group);
        (0..self.routers.len()).filter(is_member).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn group_of(&self, place: usize) -> Option<&SyncGroup> {
        self.groups.get(self.routers[place].group?)
    }

    /// vrrp_sync_can_goto_master: only if all others want to; else it waits once more.
    pub(super) fn group_can_be_master(&mut self, place: usize, now: Time) -> bool {
        let Some(group) = self.routers[place].group else { return true };
        let wants = |router: &super::Router| router.wants == State::Master;
        let can = self.groups[group].state == State::Master
            || self.members(group).all(|other| other == place || wants(&self.routers[other]));
        if !can {
            self.routers[place].wait = self.routers[place].master_down();
            self.arm(place, now);
        }
        can
    }

    /// The group's state becomes this one; false if it has been it.
    fn enter(&mut self, place: usize, state: State) -> Option<usize> {
        let group = self.routers[place].group.filter(|group| self.groups[*group].state != state)?;
        let name = &self.groups[group].config.name;
        let text = format!("VRRP_Group({name}) Syncing instances to {} state", state.name());
        self.log(text);
        Some(group)
    }

    fn entered(&mut self, group: usize, state: State) {
        self.groups[group].state = state;
        self.notify_group(group);
    }

    /// vrrp_sync_master
    pub(super) fn sync_master(&mut self, place: usize, now: Time) {
        let is_master = self.group_of(place).is_none_or(|group| group.state == State::Master);
        if is_master || !self.group_can_be_master(place, now) {
            return;
        }
        let Some(group) = self.enter(place, State::Master) else { return };
        for other in self.members(group) {
            if other != place && self.routers[other].state != State::Master {
                self.routers[other].wants = State::Master;
                self.goto_master(other, now);
            }
        }
        self.entered(group, State::Master);
    }

    /// vrrp_sync_backup
    pub(super) fn sync_backup(&mut self, place: usize, now: Time) {
        let Some(group) = self.enter(place, State::Backup) else { return };
        for other in self.members(group) {
            if other == place || self.routers[other].state == State::Backup {
                continue;
            }
            self.routers[other].wants = State::Backup;
            match self.routers[other].state {
                State::Master => self.leave_master(other, false, now),
                _ => self.leave_fault(other, now),
            }
        }
        self.entered(group, State::Backup);
    }

    /// vrrp_sync_fault
    pub(super) fn sync_fault(&mut self, place: usize, now: Time) {
        let Some(group) = self.enter(place, State::Fault) else { return };
        for other in self.members(group) {
            if other == place || self.routers[other].state == State::Fault {
                continue;
            }
            self.routers[other].wants = State::Fault;
            match self.routers[other].state {
                State::Master => self.leave_master(other, false, now),
                _ => {
                    self.routers[other].state = State::Fault;
                    self.leave_fault(other, now);
                }
            }
        }
        self.entered(group, State::Fault);
    }

    /// VRRP_TSM: the others go where one has gone.
    pub(super) fn follow(&mut self, place: usize, before: State, now: Time) {
        match (before, self.routers[place].state) {
            (State::Master, State::Backup) => self.sync_backup(place, now),
            (State::Backup | State::Master | State::Fault, State::Master) => self.sync_master(place, now),
            _ => {}
        }
    }
}
