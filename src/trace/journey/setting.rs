//! What has made a decision possible: the configuration that it rests on, and who has set it.

use std::net::Ipv4Addr;

use super::{Author, Command, Journeys, Phase};
use crate::ids::NodeId;
use crate::reason::{Arp, Change, Config, Device, Drop, IpDrop, Ipvs, IpvsDrop, Note, Ruling, Setting, Step, Withheld};
use crate::time::Time;

/// What a decision rests on.
#[derive(Clone, Debug)]
pub enum Basis<'a> {
    /// Somebody has configured it.
    Set {
        /// What was configured.
        what: &'a Config,
        /// When.
        at: Time,
        /// By whom.
        by: Author<'a>,
    },
    /// A setting that nobody has changed.
    Default {
        /// Its name, with dots.
        name: String,
    },
}

impl<'a> Basis<'a> {
    /// The command line that could be changed to have it otherwise.
    pub fn command(&self) -> Option<Command<'a>> {
        match self {
            Basis::Set { by: Author::Program { command, .. }, .. } => *command,
            _ => None,
        }
    }
}

impl<'a> Journeys<'a> {
    /// The configuration that a decision rests on, if it rests on any.
    pub fn basis(&self, phase: &Phase<'a>) -> Option<Basis<'a>> {
        match phase.note {
            Note::Step(step) => self.of_step(phase, step),
            Note::Arp(Arp::Answered { target, holder: None, .. }) => self.address(phase, *target),
            Note::Arp(Arp::Answered { holder: Some(_), .. }) => self.setting(phase, "net.ipv4.conf.all.arp_ignore"),
            Note::Arp(Arp::Proxied { .. }) => self.setting(phase, "net.ipv4.conf.all.proxy_arp"),
            Note::Arp(arp) => arp_setting(arp).and_then(|setting| self.setting(phase, &setting.name)),
            Note::Rule(ruling) | Note::Drop(Drop::Netfilter(ruling)) => self.rule(phase, ruling),
            Note::Nat(crate::reason::Nat::Agreed { by, .. }) => self.rule(phase, by),
            Note::Drop(Drop::Ip(drop)) => self.of_ip_drop(phase, drop),
            Note::Drop(Drop::Ipvs(IpvsDrop::NoServer(unserved))) => self.service(phase, &unserved.service),
            Note::Drop(Drop::Ipvs(IpvsDrop::OtherPort { service })) => self.service(phase, service),
            Note::Ipvs(Ipvs::Kept(persistent) | Ipvs::Remembered(persistent)) => {
                self.service(phase, &persistent.service)
            }
            Note::Ipvs(Ipvs::Scheduled(schedule)) => {
                let chosen = schedule.candidates.get(schedule.chosen)?.server;
                let is_it = |what: &Config| {
                    matches!(what, Config::Server { server, weight: Some(_), .. }
                        if server.ip() == chosen.ip() && [chosen.port(), 0].contains(&server.port()))
                };
                self.last(phase, is_it)
            }
            _ => None,
        }
    }

    fn of_step(&self, phase: &Phase<'a>, step: &Step) -> Option<Basis<'a>> {
        match step {
            Step::ForUs { destination, .. } => self.address(phase, *destination),
            Step::Routed { prefix: Some(wanted), gateway, oif, table, .. } => {
                let is_it = |what: &Config| {
                    matches!(what, Config::Route { prefix, gateway: by, oif: known, table: of, is_there: true }
                        if prefix == wanted && by == gateway && of == table && known.is_none_or(|known| known == *oif))
                };
                self.last(phase, is_it).or_else(|| self.subnet(phase, oif, *wanted))
            }
            Step::Accepted(ruling) => self.rule(phase, ruling),
            _ => None,
        }
    }

    fn of_ip_drop(&self, phase: &Phase<'a>, drop: &IpDrop) -> Option<Basis<'a>> {
        match drop {
            IpDrop::ReversePath { setting, .. } | IpDrop::EchoIgnored { setting } => self.setting(phase, &setting.name),
            IpDrop::NotForwarding { .. } => self.setting(phase, "net.ipv4.ip_forward"),
            IpDrop::SourceIsOurs { source } => self.address(phase, *source),
            IpDrop::Refused { destination, .. } => self.last(phase, |what| {
                matches!(what, Config::Route { prefix: (prefix, len), gateway: None, is_there: true, .. }
                    if network(*destination, *len) == *prefix)
            }),
            IpDrop::InterfaceDown { interface } => self.last(
                phase,
                |what| matches!(what, Config::Link { interface: known, up: false } if known.name() == interface),
            ),
            _ => None,
        }
    }

    /// Who has given the node this address.
    fn address(&self, phase: &Phase<'a>, wanted: Ipv4Addr) -> Option<Basis<'a>> {
        let is_it =
            |what: &Config| matches!(what, Config::Address { address, is_there: true, .. } if *address == wanted);
        let is_around = |what: &Config| {
            matches!(what, Config::Address { address, prefix_len, is_there: true, .. }
                if network(*address, *prefix_len) == network(wanted, *prefix_len))
        };
        self.last(phase, is_it).or_else(|| self.last(phase, is_around))
    }

    /// fib_add_ifaddr: whose address on an interface has made the route to its network. That is the first one there;
    /// those that come later, like a virtual address, add none.
    fn subnet(&self, phase: &Phase<'a>, oif: &Device, wanted: (Ipv4Addr, u8)) -> Option<Basis<'a>> {
        let mut there: Vec<(Time, &'a Change, Ipv4Addr)> = Vec::new();
        for &(at, change) in self.changes(phase.node).iter().take_while(|(at, _)| *at <= phase.at) {
            let Config::Address { address, prefix_len, interface, is_there } = &change.what else { continue };
            if interface != oif || (network(*address, *prefix_len), *prefix_len) != wanted {
                continue;
            }
            if !is_there {
                there.retain(|(.., known)| known != address);
            } else if there.iter().all(|(.., known)| known != address) {
                there.push((at, change, *address));
            }
        }
        let &(at, Change { what, by }, _) = there.first()?;
        Some(Basis::Set { what, at, by: self.author(at, phase.node, *by) })
    }

    fn setting(&self, phase: &Phase<'a>, wanted: &str) -> Option<Basis<'a>> {
        let is_it = |what: &Config| matches!(what, Config::Sysctl { name, .. } if name == wanted);
        Some(self.last(phase, is_it).unwrap_or_else(|| Basis::Default { name: wanted.to_owned() }))
    }

    fn service(&self, phase: &Phase<'a>, wanted: &str) -> Option<Basis<'a>> {
        self.last(phase, |what| matches!(what, Config::Service { service, .. } if service == wanted))
    }

    fn rule(&self, phase: &Phase<'a>, ruling: &Ruling) -> Option<Basis<'a>> {
        let (_, wanted) = ruling.rule.as_ref()?;
        self.last(phase, |what| {
            matches!(what, Config::Rule { tool, table, chain, rule: Some(rule) }
                if (tool, table, chain, rule) == (&ruling.tool, &ruling.table, &ruling.chain, wanted))
        })
    }

    /// The last change of this kind at the phase's node before it.
    fn last(&self, phase: &Phase<'a>, is_it: impl Fn(&Config) -> bool) -> Option<Basis<'a>> {
        let changes = self.changes(phase.node).iter().rev();
        let (at, Change { what, by }) = changes.copied().find(|(at, change)| *at <= phase.at && is_it(&change.what))?;
        Some(Basis::Set { what, at, by: self.author(at, phase.node, *by) })
    }

    /// How a node's configuration has changed, in order.
    pub fn changes(&self, node: NodeId) -> &[(Time, &'a Change)] {
        self.changes.get(&node).map_or(&[], Vec::as_slice)
    }
}

fn arp_setting(arp: &Arp) -> Option<&Setting> {
    match arp {
        Arp::Withheld { why, .. } => match &**why {
            Withheld::Ignore { setting, .. } | Withheld::Filter { setting, .. } => Some(setting),
            Withheld::Source(_) => None,
        },
        Arp::Asks { setting, foreign: true, .. } | Arp::Unsolicited { setting, .. } => Some(setting),
        _ => None,
    }
}

/// The network that an address is in.
fn network(address: Ipv4Addr, prefix_len: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}
