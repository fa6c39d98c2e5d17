//! Rules say which tables are asked for whom: net/core/fib_rules.c, net/ipv4/fib_rules.c.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::interface::{IfIndex, Interfaces, Scope};
use super::super::kernel::Kernel;
use super::super::socket::Errno;
use super::{FibRoute, Found, Kind, Protocol, Query, RouteError, Routes, Table};

/// A rule: the kernel's struct fib4_rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its place: less is asked earlier.
    pub priority: u32,
    /// It is for all that the rest does not describe.
    pub inverted: bool,
    /// Sources that it is for.
    pub from: Ipv4Net,
    /// Destinations that it is for.
    pub to: Ipv4Net,
    /// The type of service that it is for; 0: any.
    pub tos: u8,
    /// The bits of the mark that it is for, and which of them count.
    pub mark: Option<(u32, u32)>,
    /// The interface that packets come in by; `lo` for those made here.
    pub iif: Option<String>,
    /// The interface that packets have to leave by.
    pub oif: Option<String>,
    /// What it does.
    pub action: Action,
    /// Routes of at most this prefix length are passed over (suppress_prefixlength).
    pub suppress: Option<u8>,
    /// Who made it.
    pub protocol: Option<Protocol>,
}

/// What a rule does (FR_ACT_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Asks a table.
    Lookup(Table),
    /// Goes on with the rules from this priority on.
    Goto(u32),
    /// Nothing.
    Nop,
    /// Says that there is no route.
    Unreachable,
    /// Makes packets vanish.
    Blackhole,
    /// Refuses packets: administratively prohibited.
    Prohibit,
}

impl Rule {
    /// A rule for everybody.
    pub fn new(priority: u32, action: Action) -> Rule {
        Rule {
            priority,
            inverted: false,
            from: Ipv4Net::default(),
            to: Ipv4Net::default(),
            tos: 0,
            mark: None,
            iif: None,
            oif: None,
            action,
            suppress: None,
            protocol: None,
        }
    }

    /// As `ip rule` shows it, behind its priority: interfaces of which `is_there` says no are marked.
    pub fn text(&self, is_there: impl Fn(&str) -> bool) -> String {
        let net = |net: Ipv4Net| match net.prefix_len() {
            0 => "all".to_owned(),
            32 => net.addr().to_string(),
            _ => net.to_string(),
        };
        let mut text = format!("{}from {}", if self.inverted { "not " } else { "" }, net(self.from));
        if self.to.prefix_len() > 0 {
            text += &format!(" to {}", net(self.to));
        }
        if self.tos != 0 {
            text += &format!(" tos {:#x}", self.tos);
        }
        match self.mark {
            Some((mark, u32::MAX)) => text += &format!(" fwmark {mark:#x}"),
            Some((mark, mask)) => text += &format!(" fwmark {mark:#x}/{mask:#x}"),
            None => {}
        }
        for (which, name) in [("iif", &self.iif), ("oif", &self.oif)] {
            if let Some(name) = name {
                text += &format!(" {which} {name}{}", if is_there(name) { "" } else { " [detached]" });
            }
        }
        text += &match self.action {
            Action::Lookup(table) => format!(" lookup {table}"),
            Action::Goto(target) => format!(" goto {target}"),
            Action::Nop => " nop".to_owned(),
            Action::Unreachable => " unreachable".to_owned(),
            Action::Blackhole => " blackhole".to_owned(),
            Action::Prohibit => " prohibit".to_owned(),
        };
        match (self.action, self.suppress) {
            (Action::Lookup(_), Some(length)) => format!("{text} suppress_prefixlength {length}"),
            _ => text,
        }
    }

    /// fib_rule_match
    fn fits(&self, interfaces: &Interfaces, query: &Query) -> bool {
        let index = |name: &str| interfaces.by_name(name).map(|interface| interface.index);
        let fits_by = |name: &Option<String>, by: Option<IfIndex>| {
            name.as_ref().is_none_or(|name| by.is_some() && index(name) == by)
        };
        let contains = |net: Ipv4Net, ip: Ipv4Addr| net.prefix_len() == 0 || net.contains(&ip);
        let is_described = fits_by(&self.iif, Some(query.iif))
            && fits_by(&self.oif, query.oif)
            && self.mark.is_none_or(|(mark, mask)| (mark ^ query.mark) & mask == 0)
            && contains(self.from, query.source.unwrap_or(Ipv4Addr::UNSPECIFIED))
            && contains(self.to, query.destination)
            && (self.tos == 0 || self.tos == query.tos & TOS_MASK);
        is_described != self.inverted
    }
}

/// IPTOS_RT_MASK: which bits of the type of service rules look at.
const TOS_MASK: u8 = 0x1c;

/// The rules of a host, the first one first.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    list: Vec<Rule>,
    /// Somebody has changed them, ever (fib_has_custom_rules).
    are_custom: bool,
    /// What rules say that refuse.
    refusals: [FibRoute; 2],
}

impl Default for Rules {
    /// fib_default_rules_init
    fn default() -> Rules {
        let rule =
            |priority, table| Rule { protocol: Some(Protocol::Kernel), ..Rule::new(priority, Action::Lookup(table)) };
        let refusal = |kind| FibRoute {
            prefix: Ipv4Net::default(),
            kind,
            scope: Scope::Nowhere,
            protocol: Protocol::Kernel,
            metric: 0,
            source: None,
            oif: None,
            gateway: None,
            onlink: false,
            mtu: None,
            hops: Box::default(),
        };
        Rules {
            list: vec![rule(0, Table::LOCAL), rule(32_766, Table::MAIN), rule(32_767, Table::DEFAULT)],
            are_custom: false,
            refusals: [refusal(Kind::Blackhole), refusal(Kind::Prohibit)],
        }
    }
}

impl Rules {
    #[inline]
    pub(super) fn are_custom(&self) -> bool {
        self.are_custom
    }
}

impl Routes {
    /// The rules, in the order in which they are asked.
    pub fn rules(&self) -> &[Rule] {
        &self.rules.list
    }

    /// fib_rules_lookup
    pub(super) fn ask_rules(&self, interfaces: &Interfaces, query: &Query, scope: Scope) -> Option<Found<'_>> {
        let refused = |route| Some(Found { route, table: Table::MAIN });
        let [blackhole, prohibit] = &self.rules.refusals;
        let mut from = 0;
        for rule in &self.rules.list {
            if rule.priority < from || !rule.fits(interfaces, query) {
                continue;
            }
            match rule.action {
                // One that leads nowhere does nothing: FIB_RULE_UNRESOLVED.
                Action::Goto(target) if self.rules.list.iter().any(|rule| rule.priority == target) => from = target,
                Action::Goto(_) | Action::Nop => {}
                Action::Unreachable => return None,
                Action::Blackhole => return refused(blackhole),
                Action::Prohibit => return refused(prohibit),
                Action::Lookup(table) => {
                    let found = self.lookup_in(table, query, scope);
                    let passes = |found: &Found<'_>| rule.suppress.is_none_or(|n| found.route.prefix.prefix_len() > n);
                    if let Some(found) = found.filter(passes) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// fib_default_rule_pref: just before the first of the rules that follow the first one.
    pub fn default_priority(&self) -> u32 {
        self.rules.list.get(1).map_or(0, |rule| rule.priority.saturating_sub(1))
    }
}

impl Kernel {
    /// fib_nl_newrule: `ip rule add`.
    ///
    /// # Errors
    ///
    /// Why it makes no sense, or [`Errno::Exists`] for one that is there.
    pub fn add_rule(&mut self, rule: Rule) -> Result<(), RouteError> {
        check(&rule)?;
        let rules = &mut self.routes.rules;
        if rules.list.contains(&rule) {
            return Err(RouteError::Errno(Errno::Exists));
        }
        let at = rules.list.partition_point(|other| other.priority <= rule.priority);
        rules.list.insert(at, rule.clone());
        rules.are_custom = true;
        self.note_rule_change(&rule, true);
        self.routes_changed();
        Ok(())
    }

    /// fib_nl_delrule: takes the first rule of which `is_it` says so away.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`] if there is none.
    pub fn delete_rule(&mut self, is_it: impl Fn(&Rule) -> bool) -> Result<(), Errno> {
        let rules = &mut self.routes.rules;
        let at = rules.list.iter().position(is_it).ok_or(Errno::NoSuchFile)?;
        let gone = rules.list.remove(at);
        rules.are_custom = true;
        self.note_rule_change(&gone, false);
        self.routes_changed();
        Ok(())
    }
}

/// fib_nl2rule: one can only go forward.
pub(super) fn check(rule: &Rule) -> Result<(), RouteError> {
    match rule.action {
        Action::Goto(target) if target <= rule.priority => Err(RouteError::Text("Backward goto not supported")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::route;
    use super::*;

    /// Which interface a packet from this source leaves by, if the tables 100 and main lead everywhere by 3 and 2.
    fn way(rules: &[Rule], source: [u8; 4]) -> Result<u32, Option<Kind>> {
        let mut kernel = Kernel::new("test", 1);
        kernel.routes.insert(Table(100), route("0.0.0.0/0", 0, 3));
        kernel.routes.insert(Table::MAIN, route("0.0.0.0/0", 0, 2));
        for rule in rules {
            kernel.add_rule(rule.clone()).unwrap();
        }
        let query = Query { source: Some(source.into()), mark: 5, ..Query::to([8, 8, 8, 8].into()) };
        let found = kernel.routes.lookup(&kernel.interfaces, &query, Scope::Global).ok_or(None)?;
        found.route.oif.map(|oif| oif.0).ok_or(Some(found.route.kind))
    }

    fn from(net: &str, priority: u32, action: Action) -> Rule {
        Rule { from: net.parse().unwrap(), ..Rule::new(priority, action) }
    }

    #[test]
    fn the_source_chooses_the_table() {
        let rules = [from("10.0.0.0/24", 1000, Action::Lookup(Table(100)))];
        assert_eq!((way(&rules, [10, 0, 0, 1]), way(&rules, [10, 0, 1, 1])), (Ok(3), Ok(2)));
        let inverted = [Rule { inverted: true, ..rules[0].clone() }];
        assert_eq!((way(&inverted, [10, 0, 0, 1]), way(&inverted, [10, 0, 1, 1])), (Ok(2), Ok(3)));
    }

    #[test]
    fn rules_refuse_jump_and_pass_over() {
        let all = |priority, action| Rule::new(priority, action);
        let here = [10, 0, 0, 1];
        assert_eq!(way(&[all(5, Action::Prohibit)], here), Err(Some(Kind::Prohibit)));
        assert_eq!(way(&[all(5, Action::Blackhole)], here), Err(Some(Kind::Blackhole)));
        assert_eq!(way(&[all(5, Action::Unreachable)], here), Err(None));
        assert_eq!(way(&[all(4, Action::Goto(32_766)), all(5, Action::Prohibit)], here), Ok(2));
        assert_eq!(way(&[all(4, Action::Goto(9)), all(5, Action::Lookup(Table(100)))], here), Ok(3));
        let suppressed = Rule { suppress: Some(0), ..all(5, Action::Lookup(Table(100))) };
        assert_eq!(way(&[suppressed], here), Ok(2));
        let marked = Rule { mark: Some((1, 3)), ..all(5, Action::Lookup(Table(100))) };
        assert_eq!(way(std::slice::from_ref(&marked), here), Ok(3));
        assert_eq!(way(&[Rule { mark: Some((1, u32::MAX)), ..marked }], here), Ok(2));
    }

    #[test]
    fn an_empty_table_leaves_it_to_the_next_rule() {
        assert_eq!(way(&[Rule::new(5, Action::Lookup(Table(7)))], [10, 0, 0, 1]), Ok(2));
    }
}
