//! virtual_rules and static_rules (vrrp_iprule.c).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::line::Reading;
use super::model::IpLine;
use crate::keepalived::conf::lexer::Line;
use crate::keepalived::conf::parser::Parser;

/// Words of a rule that have a value, and what `ip rule` calls them.
const RULE: &[(&str, &str)] = &[
    ("from", "from"),
    ("to", "to"),
    ("table", "lookup"),
    ("lookup", "lookup"),
    ("preference", "priority"),
    ("order", "priority"),
    ("priority", "priority"),
    ("tos", "tos"),
    ("dsfield", "tos"),
    ("fwmark", "fwmark"),
    ("dev", "iif"),
    ("iif", "iif"),
    ("oif", "oif"),
    ("goto", "goto"),
    ("suppress_prefixlength", "suppress_prefixlength"),
    ("sup_pl", "suppress_prefixlength"),
    ("protocol", "proto"),
];

/// Words of a rule whose values a simulated kernel does not know: it would be another rule without them.
const RULE_UNKNOWN: &[&str] =
    &["realms", "suppress_ifgroup", "sup_group", "tunnel-id", "uidrange", "ipproto", "sport", "dport"];

/// The lines of virtual_rules or static_rules.
pub fn rules(parser: &mut Parser) -> Vec<IpLine> {
    let lines = parser.values();
    lines.iter().filter_map(|line| rule(parser, line)).collect()
}

/// A rule does one thing.
fn claim<'a>(parser: &mut Parser, line: &Line, action: &mut Option<&'a str>, word: &'a str) -> Option<()> {
    if action.replace(word).is_some() {
        let last = if word == "lookup" { "" } else { "/l3mdev" };
        let all = format!("table/nop/goto/blackhole/prohibit/unreachable{last}");
        parser.warn_at(line, format!("Cannot specify more than one of {all} for rule"));
        return None;
    }
    Some(())
}

/// alloc_rule
fn rule(parser: &mut Parser, line: &Line) -> Option<IpLine> {
    let mut reading = Reading::new(line);
    let mut action: Option<&str> = None;
    let (mut is_known, mut target) = (true, None);
    while let Some(word) = reading.words.next() {
        match word {
            "inet" | "type" => {}
            "no_track" => reading.is_tracked = false,
            "not" => reading.push(&["not"]),
            "nop" | "unreachable" | "prohibit" | "blackhole" | "l3mdev" => {
                claim(parser, line, &mut action, word)?;
                reading.push(&[word]);
                if word == "l3mdev" {
                    parser.ignored(line, word);
                    is_known = false;
                }
            }
            "track_group" => {
                parser.ignored(line, word);
                reading.words.next();
            }
            _ if RULE_UNKNOWN.contains(&word) => {
                parser.ignored(line, word);
                reading.words.next();
                is_known = false;
            }
            _ => {
                let Some((_, name)) = RULE.iter().find(|(known, _)| *known == word) else {
                    parser.warn_at(line, format!("Unknown rule option {word}"));
                    return None;
                };
                let value = reading.option(parser, word, name)?;
                if matches!(*name, "lookup" | "goto") {
                    claim(parser, line, &mut action, name)?;
                    target = value.parse::<u32>().ok().filter(|_| *name == "goto");
                }
                let is_net = value == "default" || value == "all" || value.parse::<Ipv4Net>().is_ok();
                if matches!(word, "from" | "to") && !is_net && value.parse::<Ipv4Addr>().is_err() {
                    parser.warn_at(line, format!("VRRP parsed invalid IP {value}. skipping IP..."));
                    parser.warn_at(line, format!("Invalid rule {word} address {value}"));
                    return None;
                }
            }
        }
    }
    let priority = reading.it.words.iter().position(|word| word == "priority");
    let priority = priority.and_then(|at| reading.it.words.get(at + 1)).and_then(|word| word.parse::<u32>().ok());
    match (target, priority) {
        (Some(target), Some(priority)) if priority >= target => {
            parser.warn_at(line, format!("Invalid rule - preference {priority} >= goto target {target}"));
            return None;
        }
        (Some(target), None) => {
            parser.warn_at(line, format!("Invalid rule - goto target {target} specified without preference"));
            return None;
        }
        _ => {}
    }
    if action.is_none() {
        parser.warn_at(line, "No action specified for rule - ignoring");
        return None;
    }
    if action != Some("lookup") && reading.has("suppress_prefixlength") {
        parser.warn_at(line, "suppressor/realm specified for non table action - skipping");
        return None;
    }
    if reading.is_tracked {
        reading.own(parser, "Rule");
    }
    if priority.is_none() {
        let priority = parser.next_rule_priority();
        let text = "This is probably not what you want.";
        parser.warn_at(line, format!("Rule has no preference specified - setting to {priority}. {text}"));
        reading.push(&["priority", &priority.to_string()]);
    }
    is_known.then(|| reading.finished())
}
