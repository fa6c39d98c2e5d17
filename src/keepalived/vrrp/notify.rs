//! Scripts that are run and lines that are written when something has happened (vrrp_notify.c).

use super::Vrrp;
use super::effect::Effect;
use super::router::State;
use crate::keepalived::conf::Notify;

fn script(notify: &Notify, state: State) -> Option<&String> {
    match state {
        State::Master => notify.master.as_ref(),
        State::Backup => notify.backup.as_ref(),
        State::Fault => notify.fault.as_ref(),
        State::Stop => notify.stop.as_ref(),
        State::Deleted => notify.deleted.as_ref(),
        State::Init => None,
    }
}

impl Vrrp {
    /// send_instance_notifies
    pub(super) fn notify(&mut self, place: usize) {
        let router = &self.routers[place];
        let is_groups = self.group_of(place).is_some_and(|group| group.state == router.state);
        if router.is_told && is_groups {
            return;
        }
        self.routers[place].is_told = true;
        let router = &self.routers[place];
        // The old way to say that an instance has gone, which still is what happens if nobody asks for the new one.
        let state = match router.state {
            State::Deleted if !router.config.notify.says_deleted => State::Fault,
            state => state,
        };
        let (notify, name, priority) = (router.config.notify.clone(), router.config.name.clone(), router.priority);
        self.run(&notify, "INSTANCE", &name, state, priority);
    }

    /// send_group_notifies
    pub(super) fn notify_group(&mut self, group: usize) {
        let group = &self.groups[group];
        let (notify, name, state) = (group.config.notify.clone(), group.config.name.clone(), group.state);
        self.run(&notify, "GROUP", &name, state, 0);
    }

    fn run(&mut self, notify: &Notify, kind: &str, name: &str, state: State, priority: u8) {
        self.effects.extend(script(notify, state).cloned().map(Effect::Run));
        let any = notify.any.as_ref().map(|line| format!("{line} {kind} {name} {} {priority}", state.name()));
        self.effects.extend(any.map(Effect::Run));
        self.tell(kind, name, state.name(), priority);
    }

    /// send_event_notify: a master has heard of a lower one.
    pub(super) fn notify_lower_priority(&mut self, place: usize) {
        let router = &self.routers[place];
        let (line, name) = (router.config.notify.lower_priority.clone(), router.config.name.clone());
        let priority = router.priority;
        self.effects.extend(line.map(Effect::Run));
        self.tell("INSTANCE", &name, "MASTER_RX_LOWER_PRI", priority);
    }

    /// A line for the fifos.
    pub(super) fn tell(&mut self, kind: &str, name: &str, what: &str, priority: u8) {
        if !self.global.fifos.is_empty() {
            self.effects.push(Effect::Tell(format!("{kind} \"{name}\" {what} {priority}\n")));
        }
    }
}
