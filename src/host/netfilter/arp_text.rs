//! Rules of arptables as the tool writes them.

use std::fmt::{self, Display, Formatter};

use super::arp::{ArpRule, ArpTarget, ArpVerdict, Mangle};
use super::rule::{InterfaceName, Maybe, Network};
use super::text::listed;
use crate::wire::ETHERTYPE_IPV4;

/// The names of `--opcode`, from 1 on.
pub const OPERATIONS: [&str; 9] = [
    "Request",
    "Reply",
    "Request_Reverse",
    "Reply_Reverse",
    "DRARP_Request",
    "DRARP_Reply",
    "DRARP_Error",
    "InARP_Request",
    "ARP_NAK",
];

/// A rule on its way to the screen.
struct Specification<'a> {
    rule: &'a ArpRule,
    is_numeric: bool,
    /// What stands for any interface, if that is to be said.
    any: Option<&'a str>,
}

impl ArpRule {
    /// The rule as `-S` and `-L` write it.
    pub fn specification(&self, is_numeric: bool) -> impl Display + '_ {
        Specification { rule: self, is_numeric, any: None }
    }

    /// The rule as `-L -v` writes it, without what it has counted.
    pub fn verbose(&self, is_numeric: bool) -> impl Display + '_ {
        Specification { rule: self, is_numeric, any: Some(if is_numeric { "*" } else { "any" }) }
    }
}

impl Display for Specification<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        let mut say = |option: &str, inverted: bool, value: String| {
            words.push(format!("{}{option} {value}", if inverted { "! " } else { "" }));
        };
        let rule = self.rule;
        match &rule.target {
            ArpTarget::Count => {}
            ArpTarget::Accept => say("-j", false, "ACCEPT".to_owned()),
            ArpTarget::Drop => say("-j", false, "DROP".to_owned()),
            ArpTarget::Return => say("-j", false, "RETURN".to_owned()),
            ArpTarget::Mangle(_) => say("-j", false, "mangle".to_owned()),
            ArpTarget::Jump(chain) => say("-j", false, chain.clone()),
        }
        let interface = |it: &Option<Maybe<InterfaceName>>| match it {
            Some(Maybe { inverted, is }) => Some((*inverted, is.0.clone())),
            None => self.any.map(|any| (false, any.to_owned())),
        };
        for (option, name) in [("-i", interface(&rule.iif)), ("-o", interface(&rule.oif))] {
            name.into_iter().for_each(|(inverted, name)| say(option, inverted, name));
        }
        let mut network = |option, it: &Option<Maybe<Network>>| {
            it.iter().for_each(|it| say(option, it.inverted, listed(&it.is)));
        };
        network("-s", &rule.source);
        if let Some(mac) = &rule.source_mac {
            say("--src-mac", mac.inverted, mac.is.to_string());
        }
        rule.destination.iter().for_each(|it| say("-d", it.inverted, listed(&it.is)));
        if let Some(mac) = &rule.destination_mac {
            say("--dst-mac", mac.inverted, mac.is.to_string());
        }
        if let Some(Maybe { inverted, is }) = &rule.operation {
            let name = usize::from(*is).checked_sub(1).and_then(|at| OPERATIONS.get(at)).filter(|_| !self.is_numeric);
            say("--opcode", *inverted, name.map_or_else(|| is.to_string(), |name| (*name).to_owned()));
        }
        if let Some(Maybe { inverted, is }) = &rule.protocol_type {
            let is_named = *is == ETHERTYPE_IPV4 && !self.is_numeric;
            say("--proto-type", *inverted, if is_named { "IPv4".to_owned() } else { format!("{is:#x}") });
        }
        if let ArpTarget::Mangle(Mangle { source, destination, source_mac, destination_mac, verdict }) = &rule.target {
            source.iter().for_each(|it| say("--mangle-ip-s", false, it.to_string()));
            source_mac.iter().for_each(|it| say("--mangle-mac-s", false, it.to_string()));
            destination.iter().for_each(|it| say("--mangle-ip-d", false, it.to_string()));
            destination_mac.iter().for_each(|it| say("--mangle-mac-d", false, it.to_string()));
            match verdict {
                ArpVerdict::Accept => {}
                ArpVerdict::Drop => say("--mangle-target", false, "DROP".to_owned()),
                ArpVerdict::Continue => say("--mangle-target", false, "CONTINUE".to_owned()),
            }
        }
        f.write_str(&words.join(" "))
    }
}
