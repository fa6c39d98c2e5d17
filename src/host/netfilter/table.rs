//! Tables of chains of rules, and a packet's way through them.

use std::fmt;

use slab::Slab;
use smallvec::SmallVec;

use super::Hook;
use super::matches::Match;
use super::nat::Translation;
use super::rule::{Counters, Reject, Rule, Target, TcpMss, Untrack};
use super::view::View;
use crate::wire::proto;

/// A chain of a table. The numbers of removed chains are reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainId(usize);

/// How deep chains may jump into each other (NFT_JUMP_STACK_SIZE).
const JUMP_LIMIT: usize = 16;

/// A named list of rules.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where packets enter it, if they do without a jump.
    pub base: Option<Base>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// What only a built-in chain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Where packets enter it.
    pub hook: Hook,
    /// Whether packets that no rule has decided about go on.
    pub accepts: bool,
    /// How many those were: counted from the moment on in which somebody has set the policy or the counters.
    pub counters: Option<Counters>,
}

/// Why a table cannot be changed in this way; the text is the C library's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// EINVAL: a match or target that cannot stand in this chain.
    InvalidArgument,
    /// EMLINK: chains that jump in a circle, or too deep.
    TooManyLinks,
    /// EOPNOTSUPP: a jump to a built-in chain.
    NotSupported,
    /// EBUSY: a chain that is still needed.
    Busy,
    /// EEXIST: the name is taken.
    Exists,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TableError::InvalidArgument => "Invalid argument",
            TableError::TooManyLinks => "Too many links",
            TableError::NotSupported => "Operation not supported",
            TableError::Busy => "Device or resource busy",
            TableError::Exists => "File exists",
        })
    }
}

/// How a packet left a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A rule, or no rule and the policy, lets it pass.
    Accept(ChainId, Option<usize>),
    /// A rule, or no rule and the policy, ends it.
    Drop(ChainId, Option<usize>),
    /// A rule ends it and answers.
    Reject(ChainId, usize, Reject),
    /// A rule says what becomes of its connection's addresses.
    Translate(ChainId, usize, Translation),
}

/// What happened to a packet on its way through a table.
pub(super) struct Visit {
    pub outcome: Outcome,
    /// The rules that have marked it or logged it.
    pub passed: SmallVec<[(ChainId, usize); 2]>,
}

/// A table: filter, mangle, ...
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    chains: Slab<Chain>,
    /// Whether anybody has ever put anything into it; packets are not counted before.
    in_use: bool,
}

impl Table {
    pub(super) fn new(name: &'static str, hooks: &[Hook]) -> Table {
        let chain = |&hook: &Hook| Chain {
            name: hook.chain().to_owned(),
            base: Some(Base { hook, accepts: true, counters: None }),
            rules: Vec::new(),
        };
        Table { name, chains: hooks.iter().map(chain).enumerate().collect(), in_use: false }
    }

    /// All chains: the built-in ones in the order in which packets meet them, then the others by name.
    pub fn chains(&self) -> Vec<ChainId> {
        let mut ids: Vec<usize> = self.chains.iter().map(|(id, _)| id).collect();
        ids.sort_by_key(|&id| {
            let chain = &self.chains[id];
            (chain.base.map_or(usize::MAX, |base| base.hook as usize), &chain.name)
        });
        ids.into_iter().map(ChainId).collect()
    }

    /// Whether anybody has ever put anything into it.
    pub fn is_in_use(&self) -> bool {
        self.in_use
    }

    /// The chain of this name.
    pub fn find(&self, name: &str) -> Option<ChainId> {
        self.chains.iter().find(|(_, chain)| chain.name == name).map(|(id, _)| ChainId(id))
    }

    /// A chain.
    pub fn chain(&self, id: ChainId) -> &Chain {
        &self.chains[id.0]
    }

    /// How many rules lead to a chain.
    pub fn references(&self, id: ChainId) -> usize {
        let leads_there = |rule: &&Rule| rule.leads_to() == Some(id);
        self.chains.iter().flat_map(|(_, chain)| &chain.rules).filter(leads_there).count()
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
        self.chains.insert(Chain { name: name.to_owned(), base: None, rules: Vec::new() });
        Ok(())
    }

    /// Removes a chain.
    ///
    /// # Errors
    ///
    /// [`TableError::Busy`] if it has rules, is built in, or something jumps to it.
    pub fn remove_chain(&mut self, id: ChainId) -> Result<(), TableError> {
        let chain = self.chain(id);
        if chain.base.is_some() || !chain.rules.is_empty() || self.references(id) > 0 {
            return Err(TableError::Busy);
        }
        self.chains.remove(id.0);
        Ok(())
    }

    /// Gives a chain another name.
    ///
    /// # Errors
    ///
    /// [`TableError::Exists`].
    pub fn rename_chain(&mut self, id: ChainId, name: &str) -> Result<(), TableError> {
        if self.find(name).is_some() {
            return Err(TableError::Exists);
        }
        name.clone_into(&mut self.chains[id.0].name);
        Ok(())
    }

    /// Changes a chain's rules; leaves them as they were if the result is not allowed.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn edit(&mut self, id: ChainId, change: impl FnOnce(&mut Vec<Rule>)) -> Result<(), TableError> {
        self.in_use = true;
        let before = self.chains[id.0].rules.clone();
        change(&mut self.chains[id.0].rules);
        let checked = self.check_rules(id).and_then(|()| self.check_jumps());
        if checked.is_err() {
            self.chains[id.0].rules = before;
        }
        checked
    }

    /// Sets what becomes of packets that no rule of a built-in chain has decided about.
    pub fn set_policy(&mut self, id: ChainId, accepts: bool) {
        self.in_use = true;
        if let Some(base) = &mut self.chains[id.0].base {
            base.accepts = accepts;
            base.counters.get_or_insert_default();
        }
    }

    /// Sets the counters of a built-in chain's policy, or of one of a chain's rules, to zero.
    pub fn zero(&mut self, id: ChainId, rule: Option<usize>) {
        let chain = &mut self.chains[id.0];
        match rule {
            Some(index) => chain.rules.get_mut(index).into_iter().for_each(|rule| rule.counters = Counters::default()),
            None => {
                chain.rules.iter_mut().for_each(|rule| rule.counters = Counters::default());
                chain.base.iter_mut().for_each(|base| base.counters = Some(Counters::default()));
            }
        }
    }

    /// Whether a packet at this hook has to be put to this table.
    pub(super) fn entrance(&self, hook: Hook) -> Option<ChainId> {
        let is_there = |(_, chain): &(usize, &Chain)| chain.base.is_some_and(|base| base.hook == hook);
        self.in_use.then(|| self.chains.iter().find(is_there).map(|(id, _)| ChainId(id)))?
    }

    /// Whether a rule asks about connections.
    pub(super) fn needs_tracking(&self) -> bool {
        let asks = |rule: &Rule| {
            let is_about_connections =
                |condition: &Match| matches!(condition, Match::State { .. } | Match::Connmark(_));
            matches!(rule.target, Target::Connmark(_)) || rule.matches.iter().any(is_about_connections)
        };
        self.chains.iter().any(|(_, chain)| chain.rules.iter().any(asks))
    }

    /// What the kernel's extensions check when a rule comes in: in which tables they can be, and where packets meet them.
    fn check_rules(&self, id: ChainId) -> Result<(), TableError> {
        let fits_table = |rule: &Rule| match rule.target {
            Target::Translate(_) => self.name == "nat",
            Target::Reject(Reject::TcpReset) => self.name == "filter" && is_tcp(rule),
            Target::Reject(_) => self.name == "filter",
            Target::Untrack(_) => self.name == "raw",
            Target::TcpMss(mss) => is_tcp(rule) && self.chain(id).base.is_none_or(|base| can_apply(mss, base.hook)),
            _ => true,
        };
        if !self.chain(id).rules.iter().all(fits_table) {
            return Err(TableError::InvalidArgument);
        }
        let bases = self.chains.iter().filter_map(|(id, chain)| Some((ChainId(id), chain.base?.hook)));
        for (base, hook) in bases {
            let reached = self.reached_from(base);
            let mut rules = reached.iter().flat_map(|&id| &self.chain(id).rules);
            if !rules.all(|rule| fits_hook(rule, hook)) {
                return Err(TableError::InvalidArgument);
            }
        }
        Ok(())
    }

    /// A chain, and those that packets may come to from it.
    fn reached_from(&self, base: ChainId) -> Vec<ChainId> {
        let mut reached = vec![base];
        let mut next = 0;
        while let Some(&id) = reached.get(next) {
            let further = self.chain(id).rules.iter().filter_map(Rule::leads_to);
            let new: Vec<ChainId> = further.filter(|id| !reached.contains(id)).collect();
            reached.extend(new);
            next += 1;
        }
        reached
    }

    fn check_jumps(&self) -> Result<(), TableError> {
        let is_base = |id: ChainId| self.chain(id).base.is_some();
        let mut targets = self.chains.iter().flat_map(|(_, chain)| chain.rules.iter().filter_map(Rule::leads_to));
        if targets.any(is_base) {
            return Err(TableError::NotSupported);
        }
        let mut level: Vec<ChainId> = self.chains().into_iter().filter(|&id| is_base(id)).collect();
        for _ in 0..=JUMP_LIMIT {
            let mut next: Vec<ChainId> =
                level.iter().flat_map(|&id| self.chain(id).rules.iter().filter_map(Rule::leads_to)).collect();
            next.sort_by_key(|id| id.0);
            next.dedup();
            level = next;
        }
        if level.is_empty() { Ok(()) } else { Err(TableError::TooManyLinks) }
    }

    /// nft_do_chain: a packet's way from this built-in chain until something is decided.
    pub(super) fn traverse(&mut self, entrance: ChainId, view: &mut View<'_>) -> Visit {
        let mut stack: SmallVec<[(ChainId, usize); JUMP_LIMIT]> = SmallVec::new();
        let mut passed = SmallVec::new();
        let (mut at, mut next) = (entrance, 0);
        let outcome = loop {
            let rules = &mut self.chains[at.0].rules[next..];
            let Some(skipped) = rules.iter_mut().position(|rule| rule.matches(view)) else {
                match stack.pop() {
                    Some(back) => (at, next) = back,
                    None => break self.apply_policy(entrance, view),
                }
                continue;
            };
            let rule = &mut rules[skipped];
            rule.counters.count(view);
            let index = next + skipped;
            next = index + 1;
            match &rule.target {
                Target::Count => {}
                Target::Log(_) | Target::TcpMss(_) => passed.push((at, index)),
                Target::Connmark(target) => {
                    target.apply(view);
                    passed.push((at, index));
                }
                Target::Untrack(Untrack::Nothing) => {}
                Target::Untrack(_) => {
                    view.is_untracked = true;
                    passed.push((at, index));
                }
                Target::Translate(translation) => break Outcome::Translate(at, index, *translation),
                Target::Mark(bits) => {
                    view.mark = view.mark & !bits.mask ^ bits.value;
                    passed.push((at, index));
                }
                Target::Accept => break Outcome::Accept(at, Some(index)),
                Target::Drop => break Outcome::Drop(at, Some(index)),
                Target::Reject(reject) => break Outcome::Reject(at, index, *reject),
                Target::Return => match stack.pop() {
                    Some(back) => (at, next) = back,
                    None => break self.apply_policy(entrance, view),
                },
                Target::Jump(chain) => {
                    stack.push((at, next));
                    (at, next) = (*chain, 0);
                }
                Target::Goto(chain) => (at, next) = (*chain, 0),
            }
        };
        Visit { outcome, passed }
    }

    fn apply_policy(&mut self, entrance: ChainId, view: &View<'_>) -> Outcome {
        let Some(base) = &mut self.chains[entrance.0].base else { return Outcome::Accept(entrance, None) };
        if let Some(counters) = &mut base.counters {
            counters.count(view);
        }
        if base.accepts { Outcome::Accept(entrance, None) } else { Outcome::Drop(entrance, None) }
    }
}

fn is_tcp(rule: &Rule) -> bool {
    rule.protocol.as_ref().is_some_and(|it| it.is == proto::TCP && !it.inverted)
}

/// tcpmss_tg4_check: where it is not known yet how a packet will leave, nothing can be clamped to that way. The check sees
/// only the chain that the rule is in, not those that lead there.
fn can_apply(mss: TcpMss, hook: Hook) -> bool {
    matches!(mss, TcpMss::Set(_)) || !matches!(hook, Hook::Prerouting | Hook::Input)
}

/// Whether packets at this place may meet the rule.
fn fits_hook(rule: &Rule, hook: Hook) -> bool {
    let has_mac = rule.matches.iter().any(|condition| matches!(condition, Match::Mac(_)));
    let target_fits = match rule.target {
        Target::Translate(Translation::Source(_)) => matches!(hook, Hook::Postrouting | Hook::Input),
        Target::Translate(Translation::Masquerade(_)) => hook == Hook::Postrouting,
        Target::Translate(Translation::Destination(_) | Translation::Redirect(_)) => {
            matches!(hook, Hook::Prerouting | Hook::Output)
        }
        Target::Reject(_) => !matches!(hook, Hook::Prerouting | Hook::Postrouting),
        _ => true,
    };
    target_fits && !(has_mac && matches!(hook, Hook::Output | Hook::Postrouting))
}

impl Rule {
    fn leads_to(&self) -> Option<ChainId> {
        match self.target {
            Target::Jump(chain) | Target::Goto(chain) => Some(chain),
            _ => None,
        }
    }
}
