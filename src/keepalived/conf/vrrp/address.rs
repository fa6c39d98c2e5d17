//! virtual_ipaddress and its like, unicast_peer (vrrp/vrrp_ipaddress.c alloc_ipaddress).

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;

use super::model::{Peer, Vip};
use crate::keepalived::conf::lexer::Line;
use crate::keepalived::conf::parser::Parser;

/// The longest name of an interface, or of an address.
const NAME_MAX: usize = 15;

/// The addresses of a block.
#[derive(Default)]
pub struct Addresses {
    /// Those of IPv4.
    pub found: Vec<Vip>,
    /// How many of IPv6 there are.
    pub ipv6: usize,
}

/// Reads a block of addresses.
pub fn addresses(parser: &mut Parser) -> Addresses {
    let mut addresses = Addresses::default();
    for line in parser.values() {
        let word = line.words[0].0.as_str();
        let ip = word.split_once('/').map_or(word, |(ip, _)| ip);
        if ip.parse::<Ipv6Addr>().is_ok() {
            addresses.ipv6 += 1;
            parser.ignored(&line, &format!("{word} (IPv6)"));
        } else {
            addresses.found.extend(address(parser, &line));
        }
    }
    addresses
}

/// One line: `IP[/len] [brd IP|+|-] [dev IF] [scope S] [label L] ...`.
fn address(parser: &mut Parser, line: &Line) -> Option<Vip> {
    let mut words = line.words.iter().map(|(word, _)| word.as_str());
    let text = words.next()?;
    let net = net(parser, line, text)?;
    let mut vip =
        Vip { net, device: None, broadcast: None, label: None, scope: None, no_prefix_route: false, no_track: false };
    while let Some(word) = words.next() {
        match word {
            "home" | "-nodad" | "mngtmpaddr" | "autojoin" | "use_vmac" => parser.ignored(line, word),
            "noprefixroute" => vip.no_prefix_route = true,
            "no_track" => vip.no_track = true,
            "dev" | "scope" | "brd" | "broadcast" | "label" | "peer" | "preferred_lft" | "track_group" => {
                let Some(value) = words.next() else {
                    parser.warn_at(line, format!("No {word} parameter specified for {text}"));
                    return None;
                };
                option(parser, line, word, value, &mut vip)?;
            }
            other => {
                parser.warn_at(line, format!("Unknown configuration entry '{other}' for ip address - ignoring"));
            }
        }
    }
    Some(vip)
}

fn net(parser: &mut Parser, line: &Line, text: &str) -> Option<Ipv4Net> {
    let (address, len) = text.split_once('/').map_or((text, None), |(address, len)| (address, Some(len)));
    let Ok(ip) = address.parse::<Ipv4Addr>() else {
        parser.warn_at(line, format!("VRRP parsed invalid IP {text}. skipping IP..."));
        return None;
    };
    let prefix = match len.map(str::parse) {
        None => 32,
        Some(Ok(len @ 0..=32)) => len,
        Some(_) => {
            let len = len.unwrap_or_default();
            let what = if len.parse::<u64>().is_ok() { "outside range [0, 32]" } else { "" };
            let shown = text;
            let text =
                if what.is_empty() { format!("invalid number '{len}'") } else { format!("number '{len}' {what}") };
            parser.warn_at(line, text);
            parser.warn_at(line, format!("Invalid address prefix len {len} for address {shown} - using 32"));
            32
        }
    };
    Ipv4Net::new(ip, prefix).ok()
}

/// A word that has a value; none if the whole address is not to be had.
fn option(parser: &mut Parser, line: &Line, word: &str, value: &str, vip: &mut Vip) -> Option<()> {
    let shown = line.words[0].0.clone();
    match word {
        "dev" if vip.device.is_some() => {
            parser.warn_at(line, format!("Cannot specify ipaddress device more than once for {shown}"));
            return None;
        }
        "dev" => vip.device = Some(value.to_owned()),
        "label" if value.len() > NAME_MAX => {
            let text = format!("Address label {value} is longer than maximum length {NAME_MAX} - removing address");
            parser.warn_at(line, text);
            return None;
        }
        "label" => vip.label = Some(value.to_owned()),
        "scope" => match scope(value) {
            Some(scope) => vip.scope = Some(scope),
            None => parser.warn_at(line, format!("Invalid scope '{value}' specified for {shown} - ignoring")),
        },
        "brd" | "broadcast" => vip.broadcast = broadcast(parser, line, value, vip.net)?,
        _ => parser.ignored(line, word),
    }
    Some(())
}

fn scope(text: &str) -> Option<u8> {
    match text {
        "global" => Some(0),
        "site" => Some(200),
        "link" => Some(253),
        "host" => Some(254),
        "nowhere" => Some(255),
        number => number.parse().ok(),
    }
}

fn broadcast(parser: &mut Parser, line: &Line, text: &str, net: Ipv4Net) -> Option<Option<Ipv4Addr>> {
    match text {
        "+" | "-" if net.prefix_len() > 30 => {
            let len = net.prefix_len();
            parser.warn_at(line, format!("Address prefix length {len} too long for broadcast"));
            Some(None)
        }
        "+" => Some(Some(net.broadcast())),
        "-" => Some(Some(net.network())),
        _ => match text.parse() {
            Ok(address) => Some(Some(address)),
            Err(_) => {
                let text = format!("VRRP is trying to assign invalid broadcast {text}. skipping VIP...");
                parser.warn_at(line, text);
                None
            }
        },
    }
}

/// The lines of unicast_peer, and whether any of them limits the TTL.
pub fn peers(parser: &mut Parser, whose: &str) -> (Vec<Peer>, bool) {
    let (mut peers, mut has_limits) = (Vec::new(), false);
    for line in parser.values() {
        let words: Vec<&str> = line.words.iter().map(|(word, _)| word.as_str()).collect();
        let Ok(address) = words[0].parse() else {
            parser.warn_at(
                &line,
                format!(
                    "Configuration error: VRRP instance[{whose}] malformed unicast peer address[{}]. Skipping...",
                    words[0]
                ),
            );
            continue;
        };
        let mut peer = Peer { address, min_ttl: 0, max_ttl: 255 };
        for pair in words[1..].chunks(2) {
            match (pair[0], pair.get(1).map(|text| text.parse::<u8>())) {
                (option, None) => parser.warn_at(&line, format!("({whose}) {option} is missing a value")),
                ("min_ttl", Some(Ok(ttl))) => (peer.min_ttl, has_limits) = (ttl, true),
                ("max_ttl", Some(Ok(ttl))) => (peer.max_ttl, has_limits) = (ttl, true),
                (_, Some(Err(_))) => parser.warn_at(&line, format!("number '{}' outside range [0, 255]", pair[1])),
                (option, _) => parser.warn_at(&line, format!("({whose}) unknown unicast_peer option {option}")),
            }
        }
        if peer.min_ttl > peer.max_ttl {
            let Peer { min_ttl, max_ttl, .. } = peer;
            let text = format!("({whose}) min_ttl {min_ttl} > max_ttl {max_ttl} - all packets will be discarded");
            parser.warn_at(&line, text);
        }
        peers.push(peer);
    }
    (peers, has_limits)
}
