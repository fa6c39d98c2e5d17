//! arptables: rules about ARP messages, on their way in and out. net/ipv4/arp.c's two hooks, and xt's mangle target.

use std::net::Ipv4Addr;

use smallvec::SmallVec;

use super::rule::{Counters, InterfaceName, Maybe, Network};
use super::table::TableError;
use crate::host::interface::IfIndex;
use crate::host::kernel::Kernel;
use crate::reason::{Drop, Note, Origin, Ruling};
use crate::wire::build::Arp;
use crate::wire::{ARP_LEN, ETHERNET_LEN, MacAddr};

/// A place on a message's way (NF_ARP_IN, NF_ARP_OUT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpHook {
    /// It has come in.
    Input,
    /// It is about to leave.
    Output,
}

/// A rule of arptables.
#[derive(Clone, Debug, Default)]
pub struct ArpRule {
    /// `-s`: the sender's address.
    pub source: Option<Maybe<Network>>,
    /// `--src-mac`: the sender's hardware address.
    pub source_mac: Option<Maybe<MacAddr>>,
    /// `-d`: the address that is asked for.
    pub destination: Option<Maybe<Network>>,
    /// `--dst-mac`: its hardware address.
    pub destination_mac: Option<Maybe<MacAddr>>,
    /// `-i`
    pub iif: Option<Maybe<InterfaceName>>,
    /// `-o`
    pub oif: Option<Maybe<InterfaceName>>,
    /// `--opcode`
    pub operation: Option<Maybe<u16>>,
    /// `--proto-type`
    pub protocol_type: Option<Maybe<u16>>,
    /// `-j`
    pub target: ArpTarget,
    /// What it has matched so far.
    pub counters: Counters,
}

impl ArpRule {
    /// Whether it is the same rule, whatever it has counted.
    pub fn is_same(&self, other: &ArpRule) -> bool {
        self.source == other.source
            && self.source_mac == other.source_mac
            && self.destination == other.destination
            && self.destination_mac == other.destination_mac
            && self.iif == other.iif
            && self.oif == other.oif
            && self.operation == other.operation
            && self.protocol_type == other.protocol_type
            && self.target == other.target
    }

    fn matches(&self, message: &Arp, iif: &str, oif: &str) -> bool {
        fn open<T>(condition: &Option<Maybe<T>>, test: impl FnOnce(&T) -> bool) -> bool {
            condition.as_ref().is_none_or(|condition| condition.holds(test))
        }
        open(&self.source, |network| network.contains(message.sender_ip))
            && open(&self.destination, |network| network.contains(message.target_ip))
            && open(&self.source_mac, |mac| *mac == message.sender_mac)
            && open(&self.destination_mac, |mac| *mac == message.target_mac)
            && open(&self.iif, |name| name.matches(iif))
            && open(&self.oif, |name| name.matches(oif))
            && open(&self.operation, |operation| *operation == message.operation.0)
            && open(&self.protocol_type, |kind| *kind == crate::wire::ETHERTYPE_IPV4)
    }
}

/// What a rule does with the messages that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ArpTarget {
    /// No `-j`: they are counted.
    #[default]
    Count,
    /// They go on.
    Accept,
    /// They end here.
    Drop,
    /// They go back to the chain that sent them here, or get its policy.
    Return,
    /// They are changed.
    Mangle(Mangle),
    /// They visit the chain of this name.
    Jump(String),
}

/// `-j mangle`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mangle {
    /// `--mangle-ip-s`
    pub source: Option<Ipv4Addr>,
    /// `--mangle-ip-d`
    pub destination: Option<Ipv4Addr>,
    /// `--mangle-mac-s`
    pub source_mac: Option<MacAddr>,
    /// `--mangle-mac-d`
    pub destination_mac: Option<MacAddr>,
    /// `--mangle-target`
    pub verdict: ArpVerdict,
}

/// What becomes of a changed message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArpVerdict {
    /// It goes on.
    #[default]
    Accept,
    /// It ends here.
    Drop,
    /// The next rule looks at it.
    Continue,
}

impl Mangle {
    /// target of arpt_mangle.c
    fn apply(&self, message: &mut Arp) {
        message.sender_ip = self.source.unwrap_or(message.sender_ip);
        message.target_ip = self.destination.unwrap_or(message.target_ip);
        message.sender_mac = self.source_mac.unwrap_or(message.sender_mac);
        message.target_mac = self.destination_mac.unwrap_or(message.target_mac);
    }
}

/// A chain of arptables.
#[derive(Clone, Debug)]
pub struct ArpChain {
    /// Its name.
    pub name: String,
    /// Its policy, if it is built in: whether messages go on, and how many it has decided about since somebody has set
    /// it or its counters.
    pub policy: Option<(bool, Option<Counters>)>,
    /// Its rules.
    pub rules: Vec<ArpRule>,
}

/// The filter table of arptables.
#[derive(Clone, Debug)]
pub struct ArpTable {
    /// The two built-in ones first.
    chains: Vec<ArpChain>,
    in_use: bool,
}

impl Default for ArpTable {
    fn default() -> ArpTable {
        let built_in = |name: &str| ArpChain { name: name.to_owned(), policy: Some((true, None)), rules: Vec::new() };
        ArpTable { chains: vec![built_in("INPUT"), built_in("OUTPUT")], in_use: false }
    }
}

/// What became of a message, and the rules that did it.
struct Visit {
    goes_on: bool,
    /// Chain, and rule unless it was the policy.
    decided_by: (usize, Option<usize>),
    changed_by: SmallVec<[(usize, usize); 1]>,
}

impl super::Netfilter {
    /// Whether a rule of the first chain lets no neighbour ask for an address at an interface.
    pub(in crate::host) fn arp_drops(&self, interface: &str, address: Ipv4Addr) -> bool {
        let is_about = |rule: &ArpRule| {
            rule.destination.as_ref().is_some_and(|it| it.holds(|network| network.contains(address)))
                && rule.source.is_none()
                && rule.iif.as_ref().is_none_or(|it| it.holds(|name| name.matches(interface)))
        };
        let decides = |rule: &&ArpRule| is_about(rule) && matches!(rule.target, ArpTarget::Accept | ArpTarget::Drop);
        let rules = self.arp.chains().first().map(|input| input.rules.iter().find(decides));
        rules.flatten().is_some_and(|rule| rule.target == ArpTarget::Drop)
    }
}

impl ArpTable {
    /// All chains.
    pub fn chains(&self) -> &[ArpChain] {
        &self.chains
    }

    /// Whether anybody has ever put anything into it.
    pub fn is_in_use(&self) -> bool {
        self.in_use
    }

    /// The chain of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.chains.iter().position(|chain| chain.name == name)
    }

    /// How many rules lead to a chain.
    pub fn references(&self, name: &str) -> usize {
        let leads_there = |rule: &&ArpRule| matches!(&rule.target, ArpTarget::Jump(chain) if chain == name);
        self.chains.iter().flat_map(|chain| &chain.rules).filter(leads_there).count()
    }

    /// Makes a chain.
    ///
    /// # Errors
    ///
    /// [`TableError::Exists`].
    pub fn add_chain(&mut self, name: &str) -> Result<(), TableError> {
        if self.find(name).is_some() {
            return Err(TableError::Exists);
        }
        self.in_use = true;
        self.chains.push(ArpChain { name: name.to_owned(), policy: None, rules: Vec::new() });
        self.chains[2..].sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    /// Removes a chain.
    ///
    /// # Errors
    ///
    /// [`TableError::Busy`] if it has rules, is built in, or something jumps to it.
    pub fn remove_chain(&mut self, at: usize) -> Result<(), TableError> {
        let chain = &self.chains[at];
        if chain.policy.is_some() || !chain.rules.is_empty() || self.references(&chain.name) > 0 {
            return Err(TableError::Busy);
        }
        self.chains.remove(at);
        Ok(())
    }

    /// Gives a chain another name; rules that lead there still do.
    ///
    /// # Errors
    ///
    /// [`TableError::Exists`].
    pub fn rename_chain(&mut self, at: usize, name: &str) -> Result<(), TableError> {
        if self.find(name).is_some() {
            return Err(TableError::Exists);
        }
        let old = std::mem::replace(&mut self.chains[at].name, name.to_owned());
        for rule in self.chains.iter_mut().flat_map(|chain| &mut chain.rules) {
            if let ArpTarget::Jump(chain) = &mut rule.target
                && *chain == old
            {
                name.clone_into(chain);
            }
        }
        Ok(())
    }

    /// Changes a chain; leaves it as it was if the result is not allowed.
    ///
    /// # Errors
    ///
    /// [`TableError::NotSupported`] for a jump to a built-in chain, [`TableError::TooManyLinks`] for a circle.
    pub fn edit(&mut self, at: usize, change: impl FnOnce(&mut ArpChain)) -> Result<(), TableError> {
        self.in_use = true;
        let before = self.chains[at].clone();
        change(&mut self.chains[at]);
        let checked = self.check_jumps(at);
        if checked.is_err() {
            self.chains[at] = before;
        }
        checked
    }

    /// Sets what becomes of messages that no rule of a built-in chain has decided about.
    pub fn set_policy(&mut self, at: usize, accepts: bool) {
        self.in_use = true;
        if let Some((policy, counters)) = &mut self.chains[at].policy {
            *policy = accepts;
            counters.get_or_insert_default();
        }
    }

    /// Sets a chain's counters to zero.
    pub fn zero(&mut self, at: usize) {
        let chain = &mut self.chains[at];
        chain.rules.iter_mut().for_each(|rule| rule.counters = Counters::default());
        if let Some((_, counters)) = &mut chain.policy {
            *counters = Some(Counters::default());
        }
    }

    fn check_jumps(&self, from: usize) -> Result<(), TableError> {
        // arpt_mangle_checkentry: something has to be changed.
        let changes_nothing = |rule: &ArpRule| matches!(&rule.target, ArpTarget::Mangle(mangle) if Mangle { verdict: ArpVerdict::Accept, ..mangle.clone() } == Mangle::default());
        if self.chains[from].rules.iter().any(changes_nothing) {
            return Err(TableError::InvalidArgument);
        }
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(&at) = reached.get(next) {
            for rule in &self.chains[at].rules {
                let ArpTarget::Jump(name) = &rule.target else { continue };
                match self.find(name) {
                    Some(to) if self.chains[to].policy.is_some() => return Err(TableError::NotSupported),
                    None => {}
                    Some(to) if to == from => return Err(TableError::TooManyLinks),
                    Some(to) if !reached.contains(&to) => reached.push(to),
                    _ => {}
                }
            }
            next += 1;
        }
        Ok(())
    }

    /// nft_do_chain: a message's way from a built-in chain until something is decided. Jumps make no circles.
    fn traverse(&mut self, hook: ArpHook, message: &mut Arp, (iif, oif): (&str, &str), bytes: usize) -> Visit {
        let base = hook as usize;
        let mut stack: SmallVec<[(usize, usize); 4]> = SmallVec::new();
        let mut changed_by = SmallVec::new();
        let (mut at, mut next) = (base, 0);
        loop {
            let rules = &mut self.chains[at].rules;
            let found = rules.iter().skip(next).position(|rule| rule.matches(message, iif, oif));
            let Some(skipped) = found else {
                match stack.pop() {
                    Some(back) => (at, next) = back,
                    None => return self.apply_policy(base, bytes, changed_by),
                }
                continue;
            };
            let index = next + skipped;
            next = index + 1;
            rules[index].counters.add(bytes);
            let decided = |goes_on, changed_by| Visit { goes_on, decided_by: (at, Some(index)), changed_by };
            let rule = &self.chains[at].rules[index];
            match &rule.target {
                ArpTarget::Count => {}
                ArpTarget::Accept => return decided(true, changed_by),
                ArpTarget::Drop => return decided(false, changed_by),
                ArpTarget::Return => match stack.pop() {
                    Some(back) => (at, next) = back,
                    None => return self.apply_policy(base, bytes, changed_by),
                },
                ArpTarget::Mangle(mangle) => {
                    mangle.apply(message);
                    changed_by.push((at, index));
                    match mangle.verdict {
                        ArpVerdict::Accept => return decided(true, changed_by),
                        ArpVerdict::Drop => return decided(false, changed_by),
                        ArpVerdict::Continue => {}
                    }
                }
                ArpTarget::Jump(name) => {
                    let to = self.chains.iter().position(|chain| chain.name == *name);
                    if let Some(to) = to {
                        stack.push((at, next));
                        (at, next) = (to, 0);
                    }
                }
            }
        }
    }

    fn apply_policy(&mut self, base: usize, bytes: usize, changed_by: SmallVec<[(usize, usize); 1]>) -> Visit {
        let mut goes_on = true;
        if let Some((accepts, counters)) = &mut self.chains[base].policy {
            if let Some(counters) = counters {
                counters.add(bytes);
            }
            goes_on = *accepts;
        }
        Visit { goes_on, decided_by: (base, None), changed_by }
    }

    /// All rules.
    pub(super) fn rulings(&self) -> impl Iterator<Item = Ruling> {
        let rules = self.chains.iter().enumerate();
        rules.flat_map(move |(chain, ArpChain { rules, .. })| {
            (0..rules.len()).map(move |index| self.ruling(chain, Some(index)))
        })
    }

    fn ruling(&self, chain: usize, index: Option<usize>) -> Ruling {
        let ArpChain { name, rules, .. } = &self.chains[chain];
        let rule = index.map(|index| (index + 1, rules[index].specification(true).to_string()));
        Ruling { tool: "arptables", table: "filter", chain: name.clone(), rule }
    }
}

impl Kernel {
    /// NF_HOOK(NFPROTO_ARP): puts a message to the rules of arptables. Gives it back, perhaps changed, if it is to go on.
    #[inline]
    pub(in crate::host) fn arp_filter(
        &mut self,
        hook: ArpHook,
        interface: IfIndex,
        message: Arp,
        origin: Origin,
    ) -> Option<Arp> {
        if self.netfilter.arp.in_use { self.put_to_arptables(hook, interface, message, origin) } else { Some(message) }
    }

    fn put_to_arptables(&mut self, hook: ArpHook, interface: IfIndex, mut message: Arp, origin: Origin) -> Option<Arp> {
        let name = self.interfaces.get(interface).map_or("", |interface| &interface.name);
        let (way, bytes) = match hook {
            ArpHook::Input => ((name, ""), ARP_LEN),
            // What leaves has its Ethernet header already.
            ArpHook::Output => (("", name), ARP_LEN + ETHERNET_LEN),
        };
        let table = &mut self.netfilter.arp;
        let visit = table.traverse(hook, &mut message, way, bytes);
        for (chain, index) in visit.changed_by {
            self.out.note_about(origin, || Note::Rule(Box::new(table.ruling(chain, Some(index)))));
        }
        if visit.goes_on {
            return Some(message);
        }
        let (chain, index) = visit.decided_by;
        self.out.note_about(origin, || Note::Drop(Drop::Netfilter(Box::new(table.ruling(chain, index)))));
        None
    }
}
