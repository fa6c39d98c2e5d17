//! Changes of a machine's configuration: what a later decision can be traced back to.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::netfilter::Ruling;
use super::origin::Maker;
use super::step::Device;

/// Somebody has changed how a machine is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub what: Config,
    /// Who.
    pub by: Maker,
}

/// A part of a machine's configuration, as it is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Config {
    /// A setting has this value.
    Sysctl {
        /// Its name, with dots.
        name: String,
        /// Its value.
        value: String,
    },
    /// An interface has an address, or has it no more.
    Address {
        /// The address.
        address: Ipv4Addr,
        /// The length of its prefix.
        prefix_len: u8,
        /// The interface.
        interface: Device,
        /// Whether it is there now.
        is_there: bool,
    },
    /// A routing table has an entry that somebody has made, or has it no more.
    Route {
        /// Its prefix and the prefix's length.
        prefix: (Ipv4Addr, u8),
        /// The gateway.
        gateway: Option<Ipv4Addr>,
        /// The interface.
        oif: Option<Device>,
        /// The number of the table; none for the main one.
        table: Option<u32>,
        /// Whether it is there now.
        is_there: bool,
    },
    /// There is a rule that says which routing table is asked, or it is there no more.
    Policy {
        /// Its place among the others.
        priority: u32,
        /// The rule, as `ip rule` shows it.
        rule: String,
        /// Whether it is there now.
        is_there: bool,
    },
    /// An interface is switched on or off.
    Link {
        /// The interface.
        interface: Device,
        /// Whether it is on now.
        up: bool,
    },
    /// A table of iptables or arptables has a new rule.
    Rule {
        /// Whose table: iptables or arptables.
        tool: &'static str,
        /// The table.
        table: &'static str,
        /// The chain.
        chain: String,
        /// The rule, as it would be typed; none for the chain's policy.
        rule: Option<String>,
    },
    /// IPVS has a service, a changed one, or has it no more.
    Service {
        /// The service.
        service: String,
        /// Its scheduler; none if it is gone.
        scheduler: Option<String>,
    },
    /// A service of IPVS has a server, with this weight, or has it no more.
    Server {
        /// The service.
        service: String,
        /// The server.
        server: SocketAddrV4,
        /// Its weight; none if it is gone.
        weight: Option<i32>,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = |is_there: bool| if is_there { "now" } else { "no more" };
        match self {
            Config::Sysctl { name, value } => write!(f, "{name} is {value} now"),
            Config::Address { address, prefix_len, interface, is_there } => {
                write!(f, "{interface} has {address}/{prefix_len} {}", now(*is_there))
            }
            Config::Policy { priority, rule, is_there } => {
                write!(f, "there is a rule {priority} {}: {rule}", now(*is_there))
            }
            Config::Route { prefix: (prefix, len), gateway, oif, table, is_there } => {
                write!(f, "there is a route to {prefix}/{len}")?;
                if let Some(gateway) = gateway {
                    write!(f, " via {gateway}")?;
                }
                if let Some(oif) = oif {
                    write!(f, " dev {oif}")?;
                }
                if let Some(table) = table {
                    write!(f, " table {table}")?;
                }
                write!(f, " {}", now(*is_there))
            }
            Config::Link { interface, up } => write!(f, "{interface} is {} now", if *up { "on" } else { "off" }),
            Config::Rule { tool, table, chain, rule: Some(rule) } => {
                write!(f, "{tool}' {table} {chain} has a new rule: {rule}")
            }
            Config::Rule { tool, table, chain, rule: None } => write!(f, "{tool}' {table} {chain} has a new policy"),
            Config::Service { service, scheduler: Some(scheduler) } => {
                write!(f, "{service} is served by {scheduler} now")
            }
            Config::Service { service, scheduler: None } => write!(f, "{service} is served no more"),
            Config::Server { service, server, weight: Some(weight) } => {
                write!(f, "{service} has the server {server} with weight {weight} now")
            }
            Config::Server { service, server, weight: None } => write!(f, "{service} has the server {server} no more"),
        }
    }
}

impl From<Ruling> for Config {
    fn from(Ruling { tool, table, chain, rule }: Ruling) -> Config {
        Config::Rule { tool, table, chain, rule: rule.map(|(_, text)| text) }
    }
}
