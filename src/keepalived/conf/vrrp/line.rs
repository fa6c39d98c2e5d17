//! virtual_routes and virtual_rules, in keepalived's words and in those of `ip` (vrrp_iproute.c, vrrp_iprule.c).

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
    lines.iter().filter_map(|line| read(parser, line, ROUTE, ROUTE_IGNORED, route_word)).collect()
}

/// The lines of virtual_rules or static_rules.
pub fn rules(parser: &mut Parser) -> Vec<IpLine> {
    let lines = parser.values();
    lines.iter().filter_map(|line| read(parser, line, RULE, RULE_IGNORED, rule_word)).collect()
}

/// A word without a value.
fn route_word(word: &str) -> Option<&'static [&'static str]> {
    match word {
        "inet" | "to" | "add" | "prepend" | "append" | "fastopen_no_cookie" => Some(&[]),
        "onlink" => Some(&["onlink"]),
        "unicast" => Some(&["unicast"]),
        "local" => Some(&["local"]),
        "broadcast" => Some(&["broadcast"]),
        "throw" => Some(&["throw"]),
        "unreachable" => Some(&["unreachable"]),
        "prohibit" => Some(&["prohibit"]),
        "blackhole" => Some(&["blackhole"]),
        "default" => Some(&["default"]),
        _ => None,
    }
}

fn rule_word(word: &str) -> Option<&'static [&'static str]> {
    match word {
        "inet" | "type" | "l3mdev" => Some(&[]),
        "not" => Some(&["not"]),
        "nop" => Some(&["nop"]),
        "unreachable" => Some(&["unreachable"]),
        "prohibit" => Some(&["prohibit"]),
        "blackhole" => Some(&["blackhole"]),
        _ => None,
    }
}

fn read(
    parser: &mut Parser,
    line: &Line,
    valued: &[(&str, &str)],
    ignored: &[&str],
    plain: fn(&str) -> Option<&'static [&'static str]>,
) -> Option<IpLine> {
    let mut it = IpLine { words: Vec::new(), devices: Vec::new() };
    let mut is_tracked = true;
    let mut words = line.words.iter().map(|(word, _)| word.as_str()).peekable();
    while let Some(word) = words.next() {
        if let Some((_, name)) = valued.iter().find(|(known, _)| *known == word) {
            if word == "via" && words.peek() == Some(&"inet") {
                words.next();
            }
            let Some(value) = words.next() else {
                parser.warn_at(line, format!("No parameter specified for {word}"));
                return None;
            };
            if matches!(*name, "dev" | "iif" | "oif") {
                it.devices.push(value.to_owned());
            }
            it.words.extend([(*name).to_owned(), value.to_owned()]);
        } else if word == "mtu" {
            let value = words.next().filter(|value| *value != "lock").or_else(|| words.next());
            it.words.extend(value.map(|value| ["mtu".to_owned(), value.to_owned()]).into_iter().flatten());
        } else if word == "no_track" {
            is_tracked = false;
        } else if matches!(word, "nexthop" | "encap" | "or") {
            // Several next hops: the first one stands for all.
            parser.ignored(line, word);
            break;
        } else if ignored.contains(&word) {
            parser.ignored(line, word);
            words.next();
        } else if let Some(known) = plain(word) {
            it.words.extend(known.iter().map(|word| (*word).to_owned()));
        } else {
            it.words.push(word.to_owned());
        }
    }
    if !is_tracked {
        it.devices.clear();
    }
    Some(it)
}
