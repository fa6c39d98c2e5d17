//! One virtual service: which of its servers are in the pool, and whether they are enough (perform_svr_state,
//! update_quorum_state).

use super::{Call, Effect, Target, server_name};
use crate::keepalived::conf::{self, Service, shown};

/// A server and what is known of it.
#[derive(Clone, Debug)]
struct Member {
    /// The checkers that have not found it well.
    failed: Vec<bool>,
    /// Whether it is in IPVS.
    is_set: bool,
    weight: i32,
}

impl Member {
    fn is_alive(&self) -> bool {
        !self.failed.contains(&true)
    }
}

/// A service that is watched.
#[derive(Debug)]
pub struct Watched {
    pub config: Service,
    members: Vec<Member>,
    has_quorum: bool,
}

impl Watched {
    pub fn new(config: Service) -> Watched {
        let member = |server: &conf::Server| Member {
            failed: server.checkers.iter().map(|checker| checker.pace.or(server.pace).alpha == Some(true)).collect(),
            is_set: false,
            weight: server.weight,
        };
        let members = config.servers.iter().map(member).collect();
        Watched { config, members, has_quorum: false }
    }

    fn target(&self, server: usize) -> Target {
        let it = &self.config.servers[server];
        Target {
            address: it.address,
            kind: it.kind.unwrap_or(self.config.kind),
            weight: self.members[server].weight,
            thresholds: (it.upper_threshold, it.lower_threshold),
        }
    }

    fn sorry(&self) -> Option<Target> {
        let address = self.config.sorry?;
        let kind = self.config.sorry_kind.unwrap_or(self.config.kind);
        Some(Target { address, kind, weight: 1, thresholds: (0, 0) })
    }

    fn is_inhibited(&self, server: usize) -> bool {
        self.config.servers[server].inhibit.unwrap_or(self.config.inhibit)
    }

    /// weigh_live_realservers
    fn live_weight(&self) -> i64 {
        self.members.iter().filter(|member| member.is_alive()).map(|member| i64::from(member.weight)).sum()
    }

    /// init_service_vs: the service, and its servers as far as they count as well.
    pub fn start(&mut self, place: usize, effects: &mut Vec<Effect>) {
        effects.push(Effect::Ipvs(place, Call::AddService));
        for server in 0..self.members.len() {
            if self.members[server].is_alive() {
                self.enter(place, server, effects);
            } else if self.is_inhibited(server) {
                self.members[server].is_set = true;
                effects.push(Effect::Ipvs(place, Call::AddServer(Target { weight: 0, ..self.target(server) })));
            }
        }
        self.judge(place, true, effects);
    }

    fn enter(&mut self, place: usize, server: usize, effects: &mut Vec<Effect>) {
        let target = self.target(server);
        effects.push(match self.members[server].is_set {
            true => Effect::Ipvs(place, Call::EditServer(target)),
            false => Effect::Ipvs(place, Call::AddServer(target)),
        });
        self.members[server].is_set = true;
    }

    fn leave(&mut self, place: usize, server: usize, effects: &mut Vec<Effect>) {
        let target = self.target(server);
        if self.is_inhibited(server) {
            effects.push(Effect::Ipvs(place, Call::EditServer(Target { weight: 0, ..target })));
        } else {
            effects.push(Effect::Ipvs(place, Call::DeleteServer(target)));
            self.members[server].is_set = false;
        }
    }

    pub fn decide(&mut self, place: usize, server: usize, checker: usize, is_up: bool, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.get_mut(server) else { return };
        let before = member.is_alive();
        if let Some(failed) = member.failed.get_mut(checker) {
            *failed = !is_up;
        }
        if before != member.is_alive() {
            self.change(place, server, is_up, effects);
        }
    }

    /// perform_svr_state
    fn change(&mut self, place: usize, server: usize, is_up: bool, effects: &mut Vec<Effect>) {
        let is_inhibited = self.is_inhibited(server);
        let verb = match (is_up, is_inhibited) {
            (true, true) => "Enabling",
            (true, false) => "Adding",
            (false, true) => "Disabling",
            (false, false) => "Removing",
        };
        let relation = if is_inhibited {
            "of"
        } else if is_up {
            "to"
        } else {
            "from"
        };
        let name = server_name(&self.config, self.config.servers[server].address);
        effects.push(Effect::Log(format!("{verb} service {name} {relation} VS {}", shown(&self.config))));
        // While the sorry server stands in, nobody else is in the pool.
        let is_pool_open = self.has_quorum || self.config.sorry.is_none();
        if is_pool_open {
            if is_up {
                self.enter(place, server, effects);
            } else {
                self.leave(place, server, effects);
            }
        }
        let it = &self.config.servers[server];
        effects.extend(if is_up { it.notify_up.clone() } else { it.notify_down.clone() }.map(Effect::Run));
        self.judge(place, false, effects);
    }

    /// update_quorum_state
    fn judge(&mut self, place: usize, is_first: bool, effects: &mut Vec<Effect>) {
        let live = self.live_weight();
        let (quorum, hysteresis) = (i64::from(self.config.quorum), i64::from(self.config.hysteresis));
        let name = shown(&self.config);
        if !self.has_quorum && live >= quorum + hysteresis {
            self.has_quorum = true;
            effects.push(Effect::Log(format!(
                "Gained quorum {quorum}+{hysteresis}={} <= {live} for VS {name}",
                quorum + hysteresis
            )));
            if !is_first && let Some(sorry) = self.sorry() {
                let sorry_name = server_name(&self.config, sorry.address);
                effects.push(Effect::Log(format!("Removing sorry server {sorry_name} from VS {name}")));
                effects.push(Effect::Ipvs(place, Call::DeleteServer(sorry)));
                effects.push(Effect::Log(format!("Adding alive servers to the pool for VS {name}")));
                for server in 0..self.members.len() {
                    if self.members[server].is_alive() {
                        self.enter(place, server, effects);
                    }
                }
            }
            effects.extend(self.config.quorum_up.clone().map(Effect::Run));
        } else if (self.has_quorum || is_first) && (live == 0 || live < quorum - hysteresis) {
            self.has_quorum = false;
            let verb = if is_first { "Starting with quorum down" } else { "Lost quorum" };
            effects.push(Effect::Log(format!(
                "{verb} {quorum}-{hysteresis}={} > {live} for VS {name}",
                quorum - hysteresis
            )));
            if let Some(sorry) = self.sorry() {
                let sorry_name = server_name(&self.config, sorry.address);
                effects.push(Effect::Log(format!("Adding sorry server {sorry_name} to VS {name}")));
                effects.push(Effect::Log(format!("Removing alive servers from the pool for VS {name}")));
                for server in 0..self.members.len() {
                    if self.members[server].is_set && self.members[server].is_alive() {
                        effects.push(Effect::Ipvs(place, Call::DeleteServer(self.target(server))));
                        self.members[server].is_set = false;
                    }
                }
                effects.push(Effect::Ipvs(place, Call::AddServer(sorry)));
            }
            effects.extend(self.config.quorum_down.clone().map(Effect::Run));
        }
    }

    /// update_svr_wgt
    pub fn set_weight(&mut self, place: usize, server: usize, weight: i32, effects: &mut Vec<Effect>) {
        let Some(member) = self.members.get_mut(server).filter(|member| member.weight != weight) else { return };
        let old = std::mem::replace(&mut member.weight, weight);
        let is_active = member.is_set && member.is_alive();
        let name = server_name(&self.config, self.config.servers[server].address);
        effects.push(Effect::Log(format!(
            "Changing weight from {old} to {weight} for {}active service {name} of VS {}",
            if is_active { "" } else { "in" },
            shown(&self.config)
        )));
        if is_active {
            effects.push(Effect::Ipvs(place, Call::EditServer(self.target(server))));
        }
        self.judge(place, false, effects);
    }

    /// A reload: servers that the new configuration does not have leave.
    pub fn drop_servers(&mut self, place: usize, new: &Service, effects: &mut Vec<Effect>) {
        for server in 0..self.members.len() {
            let address = self.config.servers[server].address;
            if self.members[server].is_set && !new.servers.iter().any(|other| other.address == address) {
                let (name, vs) = (server_name(&self.config, address), shown(&self.config));
                effects.push(Effect::Log(format!("Removing service {name} from VS {vs}")));
                effects.push(Effect::Ipvs(place, Call::DeleteServer(self.target(server))));
                self.members[server].is_set = false;
            }
        }
    }

    /// A reload: what was known of servers that stay.
    pub fn inherit(&mut self, old: &Watched, place: usize, effects: &mut Vec<Effect>) {
        self.has_quorum = old.has_quorum;
        let is_other = (&old.config.scheduler, old.config.persistence, &old.config.flags)
            != (&self.config.scheduler, self.config.persistence, &self.config.flags);
        if is_other {
            effects.push(Effect::Ipvs(place, Call::AddService));
        }
        for server in 0..self.members.len() {
            let it = &self.config.servers[server];
            let known = old.config.servers.iter().position(|other| other.address == it.address);
            let Some(known) = known else {
                if self.members[server].is_alive() {
                    self.enter(place, server, effects);
                }
                continue;
            };
            let was = &old.members[known];
            if it.checkers == old.config.servers[known].checkers {
                self.members[server].failed.clone_from(&was.failed);
            }
            self.members[server].is_set = was.is_set;
            let weight = self.members[server].weight;
            if was.weight != weight && was.is_set {
                effects.push(Effect::Ipvs(place, Call::EditServer(self.target(server))));
            }
        }
        self.judge(place, false, effects);
    }

    /// clear_service_vs
    pub fn stop(&mut self, place: usize, effects: &mut Vec<Effect>) {
        if !self.has_quorum
            && let Some(sorry) = self.sorry()
        {
            effects.push(Effect::Ipvs(place, Call::DeleteServer(sorry)));
        }
        for server in 0..self.members.len() {
            if !self.members[server].is_set {
                continue;
            }
            let name = server_name(&self.config, self.config.servers[server].address);
            effects.push(Effect::Log(format!("Shutting down service {name} from VS {}", shown(&self.config))));
            effects.push(Effect::Ipvs(place, Call::DeleteServer(self.target(server))));
            self.members[server].is_set = false;
        }
        effects.push(Effect::Ipvs(place, Call::DeleteService));
    }
}
