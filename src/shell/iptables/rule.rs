//! The rule part of a command line: conditions and target.

use super::Problem;
use super::matches::StatisticDraft;
use super::targets::{DraftTarget, target};
use super::values::{interface, network, protocol};
use super::words::Words;
use crate::host::netfilter::{Maybe, Network, Rule, Table, Target};

/// A rule as it is typed: one for each address of a list after `-s` or `-d`.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) rule: Rule,
    sources: Vec<Maybe<Network>>,
    destinations: Vec<Maybe<Network>>,
    pub(super) target: Option<DraftTarget>,
    pub(super) statistic: Option<StatisticDraft>,
    /// The matches of `-m`.
    pub(super) loaded: Vec<&'static str>,
    given: Vec<&'static str>,
}

impl Draft {
    /// Takes one option with its values from the front of `rest`. False if it does not belong to a rule.
    pub fn option(&mut self, option: &str, inverted: bool, rest: &mut Words<'_>) -> Result<bool, Problem> {
        let maybe_network = |text: &str| {
            text.split(',').map(|text| Ok(Maybe { inverted, is: network(text)? })).collect::<Result<Vec<_>, Problem>>()
        };
        self.check_once(option, inverted)?;
        match option {
            "-p" | "--proto" | "--protocol" => {
                let number = protocol(rest.value(option)?)?;
                self.rule.protocol = (number != 0).then_some(Maybe { inverted, is: number });
            }
            "-s" | "--src" | "--source" => self.sources = maybe_network(rest.value(option)?)?,
            "-d" | "--dst" | "--destination" => self.destinations = maybe_network(rest.value(option)?)?,
            "-i" | "--in-interface" => {
                self.rule.iif = Some(Maybe { inverted, is: interface(rest.value(option)?)? });
            }
            "-o" | "--out-interface" => {
                self.rule.oif = Some(Maybe { inverted, is: interface(rest.value(option)?)? });
            }
            "-f" | "--fragment" => self.rule.fragment = Some(Maybe { inverted, is: () }),
            "-j" | "--jump" => {
                self.target = Some(target(rest.value(option)?)?);
            }
            "-g" | "--goto" => {
                self.target = Some(DraftTarget::Chain { name: rest.value(option)?.to_owned(), goto: true });
            }
            "-m" | "--match" => self.load(rest.value(option)?)?,
            _ => return Ok(self.match_option(option, inverted, rest)? || self.target_option(option, rest)?),
        }
        Ok(true)
    }

    /// Most options can be given only once, and some cannot be inverted.
    fn check_once(&mut self, option: &str, inverted: bool) -> Result<(), Problem> {
        const ONCE: [(&str, &str); 12] = [
            ("-p", "--protocol"),
            ("-s", "--source"),
            ("-d", "--destination"),
            ("-i", "--in-interface"),
            ("-o", "--out-interface"),
            ("-j", "--jump"),
            ("--sport", "--source-port"),
            ("--dport", "--destination-port"),
            ("-m", "--match"),
            ("-g", "--goto"),
            ("-f", "--fragment"),
            ("--icmp-type", "--icmp-type"),
        ];
        let Some((short, long)) = ONCE.iter().find(|(short, long)| [*short, *long].contains(&option)) else {
            return Ok(());
        };
        if inverted && matches!(*short, "-j" | "-m" | "-g") {
            return Err(Problem::usage(format!("cannot have ! before {short}")));
        }
        if *short == "-m" {
            return Ok(());
        }
        if self.given.contains(short) {
            return Err(Problem::usage(match short.starts_with("--") {
                true => format!("Only one `{long}' allowed"),
                false => format!("multiple {short} flags not allowed"),
            }));
        }
        self.given.push(short);
        Ok(())
    }

    /// The rules that were meant, for a chain of this table.
    pub fn finish(self, table: &Table, chain: &str) -> Result<Vec<Rule>, Problem> {
        self.check(chain)?;
        if table.name == "nat" && matches!(self.target, Some(DraftTarget::Known(Target::Drop))) {
            return Err(super::no_drop_in_nat());
        }
        let mut rule = self.rule;
        if let Some(statistic) = self.statistic {
            let (at, condition) = statistic.finish()?;
            rule.matches.insert(at, condition);
        }
        let protocol = rule.protocol.as_ref().filter(|it| !it.inverted).map(|it| it.is);
        rule.target = self.target.map_or(Ok(Target::Count), |target| target.finish(table, protocol))?;
        let either = |networks: Vec<Maybe<Network>>| -> Vec<Option<Maybe<Network>>> {
            // A mask of no bits asks for nothing.
            let mut options: Vec<_> = networks
                .into_iter()
                .map(|it| Some(it).filter(|it| it.inverted || !it.is.mask.is_unspecified()))
                .collect();
            if options.is_empty() {
                options.push(None);
            }
            options
        };
        let (sources, destinations) = (either(self.sources), either(self.destinations));
        let pairs = sources.iter().flat_map(|source| destinations.iter().map(move |destination| (source, destination)));
        Ok(pairs
            .map(|(source, destination)| Rule {
                source: source.clone(),
                destination: destination.clone(),
                ..rule.clone()
            })
            .collect())
    }

    fn check(&self, chain: &str) -> Result<(), Problem> {
        let cannot = |option| Err(Problem::usage(format!("Can't use {option} with {chain}\n")));
        if self.rule.oif.is_some() && matches!(chain, "PREROUTING" | "INPUT") {
            return cannot("-o");
        }
        if self.rule.iif.is_some() && matches!(chain, "POSTROUTING" | "OUTPUT") {
            return cannot("-i");
        }
        self.check_matches()
    }
}
