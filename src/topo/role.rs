//! Which part a machine plays, by what it is configured to do.

use std::fmt;

use super::{Machine, Network};

/// A part in a cluster. The order is that in which packets meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It asks.
    Client,
    /// It passes packets on between networks.
    Router,
    /// It balances services.
    Director,
    /// A director passes packets to it.
    RealServer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Client => "client",
            Role::Router => "router",
            Role::Director => "director",
            Role::RealServer => "real server",
        })
    }
}

impl Network {
    /// The part that a machine plays. A director that serves, too, is a director.
    pub fn role(&self, machine: &Machine) -> Role {
        if !machine.services.is_empty() || !machine.virtual_routers.is_empty() {
            Role::Director
        } else if !self.serves(machine).is_empty() {
            Role::RealServer
        } else if machine.forwards && machine.switches().count() > 1 {
            Role::Router
        } else {
            Role::Client
        }
    }

    /// The part with what a learner wants to know about it: "director, wlc", "real server, DR, weight 3".
    pub fn part(&self, machine: &Machine) -> String {
        let role = self.role(machine);
        let mut words = vec![role.to_string()];
        match role {
            Role::Director => {
                words.extend(only(machine.services.iter().map(|service| service.scheduler.clone())));
                words.extend(only(machine.virtual_routers.iter().map(|it| format!("priority {}", it.priority))));
            }
            Role::RealServer => {
                let servers = self.serves(machine);
                words.extend(only(servers.iter().map(|server| server.method.name().to_owned())));
                words.extend(only(servers.iter().map(|server| format!("weight {}", server.weight))));
            }
            Role::Client | Role::Router => {}
        }
        if machine.is_off {
            words.push("off".to_owned());
        }
        words.join(", ")
    }
}

/// What all agree on.
fn only(mut words: impl Iterator<Item = String>) -> Option<String> {
    let first = words.next()?;
    words.all(|word| word == first).then_some(first)
}
