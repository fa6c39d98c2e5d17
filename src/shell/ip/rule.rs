//! ip rule.

use std::fmt::Write;

use ipnet::Ipv4Net;

use super::route::{PROTOCOLS, protocol, table};
use super::{Failure, Result, Style, USAGE, WRONG, Words, answered, failure, prefix, told, unsigned};
use crate::host::route::{Action, Protocol, RouteError, Rule, Table};
use crate::host::{Errno, Kernel};

pub(super) fn run(kernel: &mut Kernel, _: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let Some(word) = words.next() else { return show(kernel, words, out) };
    let commands = ["list", "lst", "show", "add", "delete", "flush"];
    match commands.into_iter().find(|command| command.starts_with(word)) {
        Some("add") => add(kernel, words),
        Some("delete") => delete(kernel, words, word),
        Some("flush") => flush(kernel, words),
        Some(_) => show(kernel, words, out),
        None => Err(failure(USAGE, format!("Command \"{word}\" is unknown, try \"ip rule help\".\n"))),
    }
}

fn wrong(word: &str, why: &str) -> Failure {
    failure(USAGE, format!("Error: argument \"{word}\" is wrong: {why}\n\n"))
}

/// What is said about a rule on the command line.
#[derive(Default)]
struct Given {
    inverted: bool,
    from: Option<Ipv4Net>,
    to: Option<Ipv4Net>,
    priority: Option<u32>,
    tos: Option<u8>,
    mark: Option<(u32, u32)>,
    iif: Option<String>,
    oif: Option<String>,
    table: Option<Table>,
    action: Option<Action>,
    suppress: Option<u8>,
    protocol: Option<Protocol>,
}

/// The type of service, as a number in base 16.
pub(super) fn tos(text: &str) -> Result<u8> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u8::from_str_radix(digits, 16).map_err(|_| wrong(text, "TOS value is invalid"))
}

/// A mark, and which of its bits count.
fn mark(text: &str) -> Result<(u32, u32)> {
    let (mark, mask) = text.split_once('/').map_or((text, None), |(mark, mask)| (mark, Some(mask)));
    let mark = unsigned(mark).ok_or_else(|| wrong(mark, "fwmark value is invalid"))?;
    let mask = mask.map(|mask| unsigned(mask).ok_or_else(|| wrong(mask, "fwmask value is invalid"))).transpose()?;
    Ok((mark, mask.unwrap_or(u32::MAX)))
}

/// iprule_modify
fn parse(words: &mut Words<'_>) -> Result<Given> {
    let mut given = Given::default();
    while let Some(word) = words.next() {
        match word {
            "not" => given.inverted = true,
            "from" => given.from = Some(prefix(words.required()?)?),
            "to" => given.to = Some(prefix(words.required()?)?),
            "preference" | "pref" | "order" | "priority" | "prio" => {
                let word = words.required()?;
                given.priority = Some(unsigned(word).ok_or_else(|| wrong(word, "preference value is invalid"))?);
            }
            "tos" | "dsfield" => given.tos = Some(tos(words.required()?)?),
            "fwmark" => given.mark = Some(mark(words.required()?)?),
            "protocol" | "proto" => given.protocol = Some(protocol(words.required()?)?),
            "table" | "lookup" => given.table = Some(table(words.required()?, "invalid table ID")?),
            "suppress_prefixlength" | "sup_pl" => {
                let word = words.required()?;
                let length = word.parse().map_err(|_| wrong(word, "suppress_prefixlength value is invalid"))?;
                given.suppress = Some(length);
            }
            "dev" | "iif" => given.iif = Some(words.required()?.to_owned()),
            "oif" => given.oif = Some(words.required()?.to_owned()),
            "realms" | "tun_id" | "suppress_ifgroup" | "sup_group" | "l3mdev" | "uidrange" | "ipproto" | "sport"
            | "dport" => return Err(failure(WRONG, format!("Error: rules by \"{word}\" are not supported here.\n"))),
            _ => {
                let word = if word == "type" { words.required()? } else { word };
                given.action = Some(action(word, words)?);
            }
        }
    }
    Ok(given)
}

fn action(word: &str, words: &mut Words<'_>) -> Result<Action> {
    match word {
        "goto" => {
            let word = words.required()?;
            unsigned(word).map(Action::Goto).ok_or_else(|| wrong(word, "invalid target"))
        }
        "nop" => Ok(Action::Nop),
        "unreachable" => Ok(Action::Unreachable),
        "blackhole" => Ok(Action::Blackhole),
        "prohibit" => Ok(Action::Prohibit),
        _ => Err(failure(USAGE, format!("Error: argument \"{word}\" is wrong: Failed to parse rule type\n"))),
    }
}

fn add(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    if words.peek().is_none() {
        return Err(failure(WRONG, "\"ip rule add\" requires arguments.\n"));
    }
    let given = parse(words)?;
    if given.tos.is_some_and(|tos| tos & 3 != 0) {
        return Err(told("Invalid dsfield (tos): ECN bits must be 0"));
    }
    let action = given.action.unwrap_or(Action::Lookup(given.table.unwrap_or(Table::MAIN)));
    let priority = given.priority.unwrap_or_else(|| kernel.routes().default_priority());
    let rule = Rule {
        inverted: given.inverted,
        from: given.from.unwrap_or_default(),
        to: given.to.unwrap_or_default(),
        tos: given.tos.unwrap_or(0),
        mark: given.mark,
        iif: given.iif,
        oif: given.oif,
        suppress: given.suppress,
        protocol: given.protocol,
        ..Rule::new(priority, action)
    };
    kernel.add_rule(rule).map_err(refused)
}

fn refused(error: RouteError) -> Failure {
    match error {
        RouteError::Errno(error) => answered(error),
        RouteError::Text(text) => told(text),
    }
}

impl Given {
    /// rule_find: what is not given may be anything.
    fn fits(&self, rule: &Rule) -> bool {
        let is = |given: Option<&String>, name: Option<&String>| given.is_none() || given == name;
        let looks_up = |table| rule.action == Action::Lookup(table);
        (!self.inverted || rule.inverted)
            && self.from.is_none_or(|from| from == rule.from)
            && self.to.is_none_or(|to| to == rule.to)
            && self.priority.is_none_or(|priority| priority == rule.priority)
            && self.tos.is_none_or(|tos| tos == rule.tos)
            && self.mark.is_none_or(|mark| Some(mark) == rule.mark)
            && is(self.iif.as_ref(), rule.iif.as_ref())
            && is(self.oif.as_ref(), rule.oif.as_ref())
            && self.table.is_none_or(looks_up)
            && self.action.is_none_or(|action| action == rule.action)
            && self.suppress.is_none_or(|length| Some(length) == rule.suppress)
            && self.protocol.is_none_or(|protocol| Some(protocol) == rule.protocol)
    }
}

fn delete(kernel: &mut Kernel, words: &mut Words<'_>, command: &str) -> Result<()> {
    if words.peek().is_none() {
        return Err(failure(WRONG, format!("\"ip rule {command}\" requires arguments.\n")));
    }
    let given = parse(words)?;
    // The kernel looks at the words before it looks for the rule.
    let priority = given.priority.unwrap_or_else(|| kernel.routes().default_priority());
    if matches!(given.action, Some(Action::Goto(target)) if target <= priority) {
        return Err(told("Backward goto not supported"));
    }
    kernel.delete_rule(|rule| given.fits(rule)).map_err(answered)
}

/// Which rules are meant by show and flush: the same words, of which some only narrow the choice down.
fn wanted(words: &mut Words<'_>) -> Result<Given> {
    if let Some(word) = words.peek() {
        let known = [
            "preference",
            "pref",
            "order",
            "priority",
            "prio",
            "not",
            "from",
            "to",
            "tos",
            "dsfield",
            "fwmark",
            "table",
            "lookup",
            "dev",
            "iif",
            "oif",
            "protocol",
            "proto",
        ];
        if word == "all" {
            words.next();
        } else if !known.contains(&word) {
            return Err(failure(WRONG, format!("Error: inet prefix is expected rather than \"{word}\".\n")));
        }
    }
    parse(words)
}

/// All but the first one go.
fn flush(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let given = wanted(words)?;
    while kernel.delete_rule(|rule| rule.priority != 0 && given.fits(rule)) != Err(Errno::NoSuchFile) {}
    Ok(())
}

fn show(kernel: &Kernel, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let given = wanted(words)?;
    for rule in kernel.routes().rules().iter().filter(|rule| given.fits(rule)) {
        describe(kernel, rule, out);
    }
    Ok(())
}

/// print_rule
fn describe(kernel: &Kernel, rule: &Rule, out: &mut String) {
    let text = rule.text(|name| kernel.interface(name).is_some());
    let _ = write!(out, "{}:\t{text}", rule.priority);
    if let Action::Goto(target) = rule.action
        && !kernel.routes().rules().iter().any(|rule| rule.priority == target)
    {
        out.push_str(" [unresolved]");
    }
    match rule.protocol {
        None | Some(Protocol::Kernel) => {}
        Some(Protocol::Boot) => out.push_str(" proto boot"),
        Some(Protocol::Static) => out.push_str(" proto static"),
        Some(Protocol::Other(number)) => match PROTOCOLS.iter().find(|(known, _)| *known == number) {
            Some((_, name)) => drop(write!(out, " proto {name}")),
            None => drop(write!(out, " proto {number}")),
        },
    }
    out.push('\n');
}
