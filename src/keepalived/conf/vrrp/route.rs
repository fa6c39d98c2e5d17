//! virtual_routes and static_routes (vrrp_iproute.c).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::line::{PROTOCOL, Reading};
use super::model::IpLine;
use crate::keepalived::conf::lexer::Line;
use crate::keepalived::conf::parser::Parser;

/// Words of a route that have a value, and what `ip route` calls them.
const ROUTE: &[(&str, &str)] = &[
    ("src", "src"),
    ("via", "via"),
    ("gw", "via"),
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
    "from",
    "tos",
    "dsfield",
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

/// The lines of virtual_routes or static_routes.
pub fn routes(parser: &mut Parser) -> Vec<IpLine> {
    let lines = parser.values();
    lines.iter().filter_map(|line| route(parser, line)).collect()
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
                or(parser, &mut reading)?;
            }
            "nexthop" if !reading.hops.is_empty() => {
                parser.warn_at(line, "Cannot specify nexthops with \"or\" route");
                break;
            }
            "nexthop" => {
                hops(parser, &mut reading);
                break;
            }
            "encap" => {
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
    if reading.is_tracked {
        reading.own(parser, "Route");
        if reading.it.devices.is_empty() {
            let text = "with no interface specified, not tracking";
            parser.warn_at(line, format!("Warning - cannot track route {destination} {text}"));
        }
    } else if !reading.has("proto") {
        reading.push(&["proto", PROTOCOL]);
    }
    if !reading.has("scope") && !KINDS.iter().any(|kind| *kind != "unicast" && reading.has(kind)) {
        // `ip` would say `link` of one without a gateway.
        reading.push(&["scope", "global"]);
    }
    reading.it.words.append(&mut reading.hops);
    Some(reading.finished())
}

/// The gateway that came before `or` and the one behind it are next hops.
fn or(parser: &mut Parser, reading: &mut Reading<'_>) -> Option<()> {
    let other = reading.words.next().unwrap_or_default();
    if !reading.hops.is_empty() {
        parser.warn_at(reading.line, "\"or\" route already specified - ignoring subsequent");
        return Some(());
    }
    if other.parse::<Ipv4Addr>().is_err() {
        parser.warn_at(reading.line, format!("Invalid \"or\" address {other}"));
        return None;
    }
    if let Some(at) = reading.it.words.iter().position(|word| word == "via") {
        reading.hops.push("nexthop".to_owned());
        reading.hops.extend(reading.it.words.drain(at..(at + 2)));
    }
    reading.hops.extend(["nexthop", "via", other].map(str::to_owned));
    Some(())
}

/// parse_nexthops: behind the first `nexthop`.
fn hops(parser: &mut Parser, reading: &mut Reading<'_>) {
    let line = reading.line;
    let mut hop = vec!["nexthop"];
    while let Some(word) = reading.words.next() {
        match word {
            "via" => {
                reading.words.next_if(|next| *next == "inet");
                let address = reading.words.next().unwrap_or_default();
                if address.parse::<Ipv4Addr>().is_err() {
                    return parser.warn_at(line, format!("invalid nexthop address {address}"));
                }
                hop.extend(["via", address]);
            }
            "dev" => hop.extend(["dev", reading.words.next().unwrap_or_default()]),
            "weight" => {
                let weight = reading.words.next().unwrap_or_default();
                let number = weight.parse::<u32>();
                if number.as_ref().is_ok_and(|number| *number > 256) {
                    parser.warn_at(line, format!("number '{weight}' outside range [0, 256]"));
                }
                if !number.is_ok_and(|number| (1..=256).contains(&number)) {
                    return parser.warn_at(line, format!("Invalid weight {weight} specified for route"));
                }
                hop.extend(["weight", weight]);
            }
            "onlink" => hop.push("onlink"),
            "realms" | "encap" => {
                parser.ignored(line, word);
                reading.words.next();
            }
            "as" => return parser.warn_at(line, "'as [to]' (nat) not supported"),
            "nexthop" => {
                reading.hops.extend(std::mem::replace(&mut hop, vec!["nexthop"]).into_iter().map(str::to_owned))
            }
            _ => {
                parser.warn_at(line, format!("Route has trailing nonsense after nexthops - {word}"));
                break;
            }
        }
    }
    reading.hops.extend(hop.into_iter().map(str::to_owned));
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
