//! virtual_routes and virtual_rules, in keepalived's words and in those of `ip` (vrrp_iproute.c, vrrp_iprule.c).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::model::IpLine;
use crate::keepalived::conf::lexer::Line;
use crate::keepalived::conf::parser::Parser;

/// Words of a route that have a value, and what `ip route` calls them.
const ROUTE: &[(&str, &str)] = &[
    ("src", "src"),
    ("via", "via"),
    ("gw", "via"),
    ("from", "from"),
    ("tos", "tos"),
    ("dsfield", "tos"),
    ("table", "table"),
    ("protocol", "proto"),
    ("scope", "scope"),
    ("metric", "metric"),
    ("priority", "metric"),
    ("preference", "metric"),
    ("dev", "dev"),
    ("oif", "dev"),
];

/// Words of a route whose values a simulated kernel does not know.
const ROUTE_IGNORED: &[&str] = &[
    "expires",
    "hoplimit",
    "advmss",
    "rtt",
    "rttvar",
    "reordering",
    "window",
    "cwnd",
    "ssthresh",
    "realms",
    "rto_min",
    "initcwnd",
    "initrwnd",
    "features",
    "quickack",
    "congctl",
    "pref",
    "ttl-propagate",
    "track_group",
    "vrf",
    "as",
];

/// Kinds of routes.
const KINDS: &[&str] = &["unicast", "local", "broadcast", "throw", "unreachable", "prohibit", "blackhole"];

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
];

/// Words of a rule whose values a simulated kernel does not know.
const RULE_IGNORED: &[&str] = &[
    "realms",
    "suppress_prefixlength",
    "sup_pl",
    "suppress_ifgroup",
    "sup_group",
    "tunnel-id",
    "uidrange",
    "protocol",
    "ipproto",
    "sport",
    "dport",
    "track_group",
];

/// The lines of virtual_routes or static_routes.
pub fn routes(parser: &mut Parser) -> Vec<IpLine> {
    let lines = parser.values();
    lines.iter().filter_map(|line| route(parser, line)).collect()
}

/// The lines of virtual_rules or static_rules.
pub fn rules(parser: &mut Parser) -> Vec<IpLine> {
    let lines = parser.values();
    lines.iter().filter_map(|line| rule(parser, line)).collect()
}

/// The words of a line, and what becomes of them.
struct Reading<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    line: &'a Line,
    it: IpLine,
    is_tracked: bool,
}

impl<'a> Reading<'a> {
    fn new(line: &'a Line) -> Reading<'a> {
        let words: Vec<&str> = line.words.iter().map(|(word, _)| word.as_str()).collect();
        let it = IpLine { words: Vec::new(), devices: Vec::new() };
        Reading { words: words.into_iter().peekable(), line, it, is_tracked: true }
    }

    fn push(&mut self, words: &[&str]) {
        self.it.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// A word that has a value, under the name that `ip` has for it; none if the value is missing.
    fn option(&mut self, parser: &mut Parser, word: &str, name: &str) -> Option<&'a str> {
        let Some(value) = self.words.next() else {
            parser.warn_at(self.line, format!("No parameter specified for {word}"));
            return None;
        };
        if matches!(name, "dev" | "iif" | "oif") {
            self.it.devices.push(value.to_owned());
        }
        self.push(&[name, value]);
        Some(value)
    }

    fn finished(mut self) -> IpLine {
        if !self.is_tracked {
            self.it.devices.clear();
        }
        self.it
    }
}

/// alloc_route
fn route(parser: &mut Parser, line: &Line) -> Option<IpLine> {
    let mut reading = Reading::new(line);
    let mut destination = None;
    while let Some(word) = reading.words.next() {
        match word {
            "inet" | "to" | "add" | "prepend" | "append" | "fastopen_no_cookie" => {}
            "onlink" => reading.push(&["onlink"]),
            "no_track" => reading.is_tracked = false,
            "mtu" => {
                let value = reading.words.next().filter(|value| *value != "lock");
                if let Some(value) = value.or_else(|| reading.words.next()) {
                    reading.push(&["mtu", value]);
                }
            }
            "or" => {
                parser.warn_at(line, "\"or\" for routes is deprecated. Please use \"nexthop\"");
                parser.ignored(line, word);
                reading.words.next();
            }
            "nexthop" | "encap" => {
                // Several next hops: there is none in a simulated table.
                parser.ignored(line, word);
                break;
            }
            _ if ROUTE_IGNORED.contains(&word) => {
                parser.ignored(line, word);
                reading.words.next();
            }
            _ => match ROUTE.iter().find(|(known, _)| *known == word) {
                Some((_, name)) => {
                    if word == "gw" {
                        parser.warn_at(line, "\"gw\" for routes is deprecated. Please use \"via\"");
                    }
                    reading.words.next_if(|next| *name == "via" && *next == "inet");
                    reading.option(parser, word, name)?;
                }
                None if KINDS.contains(&word) => reading.push(&[word]),
                None => destination = Some(destined(parser, line, word, &mut reading)?),
            },
        }
    }
    let Some(destination) = destination else {
        parser.warn_at(line, "Route must have a destination");
        return None;
    };
    if reading.is_tracked && reading.it.devices.is_empty() {
        let text = "with no interface specified, not tracking";
        parser.warn_at(line, format!("Warning - cannot track route {destination} {text}"));
    }
    Some(reading.finished())
}

/// Where a route leads.
fn destined(parser: &mut Parser, line: &Line, word: &str, reading: &mut Reading<'_>) -> Option<String> {
    let is_net = word == "default" || word.parse::<Ipv4Addr>().is_ok() || word.parse::<Ipv4Net>().is_ok();
    if !is_net {
        parser.warn_at(line, format!("unknown route keyword {word}"));
        return None;
    }
    reading.push(&[word]);
    Some(word.to_owned())
}

/// alloc_rule
fn rule(parser: &mut Parser, line: &Line) -> Option<IpLine> {
    let mut reading = Reading::new(line);
    // A simulated machine has the three rules that are always there, and no others.
    parser.ignored(line, "a rule");
    let (mut has_action, mut has_priority) = (false, false);
    while let Some(word) = reading.words.next() {
        match word {
            "inet" | "type" => {}
            "l3mdev" => parser.ignored(line, word),
            "no_track" => reading.is_tracked = false,
            "not" => reading.push(&["not"]),
            "nop" | "unreachable" | "prohibit" | "blackhole" => {
                has_action = true;
                reading.push(&[word]);
            }
            _ if RULE_IGNORED.contains(&word) => {
                parser.ignored(line, word);
                reading.words.next();
            }
            _ => {
                let Some((_, name)) = RULE.iter().find(|(known, _)| *known == word) else {
                    parser.warn_at(line, format!("Unknown rule option {word}"));
                    return None;
                };
                let value = reading.option(parser, word, name)?;
                has_action |= matches!(*name, "lookup" | "goto");
                has_priority |= *name == "priority";
                let is_net = value == "default" || value == "all" || value.parse::<Ipv4Net>().is_ok();
                if matches!(word, "from" | "to") && !is_net && value.parse::<Ipv4Addr>().is_err() {
                    parser.warn_at(line, format!("VRRP parsed invalid IP {value}. skipping IP..."));
                    parser.warn_at(line, format!("Invalid rule {word} address {value}"));
                    return None;
                }
            }
        }
    }
    if !has_action {
        parser.warn_at(line, "No action specified for rule - ignoring");
        return None;
    }
    if !has_priority {
        let priority = parser.next_rule_priority();
        let text = "This is probably not what you want.";
        parser.warn_at(line, format!("Rule has no preference specified - setting to {priority}. {text}"));
        reading.push(&["priority", &priority.to_string()]);
    }
    Some(reading.finished())
}
