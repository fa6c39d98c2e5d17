//! Values of options: protocols, networks, ports, marks, ...

use std::net::Ipv4Addr;

use super::Problem;
use crate::host::netfilter::{
    AddressKinds, AddressType, IcmpTypes, InterfaceName, Limit, MarkBits, Match, Maybe, Network, PROTOCOLS, Ports,
    Range, Side, States,
};
use crate::shell::services;

/// Longest name of an interface (IFNAMSIZ less the end).
const INTERFACE_NAME_LEN: usize = 15;

pub(in crate::shell) fn protocol(text: &str) -> Result<u8, Problem> {
    let name = text.to_ascii_lowercase();
    if name == "all" {
        return Ok(0);
    }
    let known = PROTOCOLS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    known.or_else(|| name.parse().ok()).ok_or_else(|| Problem::usage(format!("unknown protocol \"{name}\" specified")))
}

pub(in crate::shell) fn network(text: &str) -> Result<Network, Problem> {
    let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
    let mask = match mask {
        None => Ipv4Addr::BROADCAST,
        Some(bits) => match bits.parse::<u32>() {
            Ok(bits @ 0..=32) => Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0)),
            _ => bits.parse().map_err(|_| Problem::usage(format!("invalid mask `{bits}' specified")))?,
        },
    };
    let address: Ipv4Addr =
        address.parse().map_err(|_| Problem::usage(format!("host/network `{address}' not found")))?;
    Ok(Network { address: address & mask, mask })
}

pub(in crate::shell) fn interface(name: &str) -> Result<InterfaceName, Problem> {
    if name.len() > INTERFACE_NAME_LEN {
        let text = format!("interface name `{name}' must be shorter than IFNAMSIZ ({INTERFACE_NAME_LEN})");
        return Err(Problem::usage(text));
    }
    Ok(InterfaceName(name.to_owned()))
}

pub(in crate::shell) fn port(text: &str) -> Result<u16, Problem> {
    let number = text.parse().ok().or_else(|| services::port(text));
    number.ok_or_else(|| Problem::usage(format!("invalid port/service `{text}' specified")))
}

pub(in crate::shell) fn ports(text: &str) -> Result<Ports, Problem> {
    let Some((from, to)) = text.split_once(':') else {
        let port = port(text)?;
        return Ok(Ports(port, port));
    };
    let from = if from.is_empty() { Ports::ALL.0 } else { port(from)? };
    let to = if to.is_empty() { Ports::ALL.1 } else { port(to)? };
    if from > to {
        return Err(Problem::usage("invalid portrange (min > max)".to_owned()));
    }
    Ok(Ports(from, to))
}

pub(in crate::shell) fn multiport(side: Side, inverted: bool, text: &str) -> Result<Match, Problem> {
    const LIMIT: usize = 15;
    let is = text.split(',').map(ports).collect::<Result<Vec<_>, _>>()?;
    if is.len() > LIMIT {
        return Err(Problem::usage("too many ports specified".to_owned()));
    }
    Ok(Match::Multiport { side, ports: Maybe { inverted, is } })
}

pub(in crate::shell) fn tcp_flags(text: &str) -> Result<u8, Problem> {
    text.split(',').try_fold(0, |flags, name| {
        let flag = match name.to_ascii_uppercase().as_str() {
            "FIN" => 1,
            "SYN" => 2,
            "RST" => 4,
            "PSH" => 8,
            "ACK" => 16,
            "URG" => 32,
            "ALL" => 0x3f,
            "NONE" => 0,
            _ => return Err(Problem::usage(format!("Unknown TCP flag `{name}'"))),
        };
        Ok(flags | flag)
    })
}

pub(in crate::shell) fn states(text: &str) -> Result<States, Problem> {
    text.split(',').try_fold(States::default(), |states, name| {
        let found = States::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, state) = found.ok_or_else(|| Problem::usage(format!("Bad state \"{name}\"")))?;
        Ok(States(states.0 | state.0))
    })
}

pub(in crate::shell) fn mark_bits(extension: &str, option: &str, text: &str) -> Result<MarkBits, Problem> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let bits = match text.split_once('/') {
        None => number(text).map(|value| MarkBits { value, mask: u32::MAX }),
        Some((value, mask)) => number(value).zip(number(mask)).map(|(value, mask)| MarkBits { value, mask }),
    };
    bits.ok_or_else(|| {
        Problem::usage(format!("{extension}: bad integer value for option \"{option}\", or out of range.\n"))
    })
}

pub(in crate::shell) fn log_level(text: &str) -> Result<u8, Problem> {
    let found = super::LOG_LEVELS.iter().position(|level| *level == text);
    let aliased = match text {
        "panic" => Some(0),
        "err" => Some(3),
        "warning" => Some(4),
        _ => None,
    };
    let number = text.parse().ok().filter(|level| *level < super::LOG_LEVELS.len());
    let level = found.or(aliased).or(number);
    let level = level.ok_or_else(|| Problem::usage(format!("log level \"{text}\" unknown\n")))?;
    Ok(level as u8)
}

/// The names of `--icmp-type`: type, and code where one is meant.
pub(in crate::shell) const ICMP_TYPES: [(&str, u8, Option<u8>); 36] = [
    ("any", 255, None),
    ("echo-reply", 0, None),
    ("destination-unreachable", 3, None),
    ("network-unreachable", 3, Some(0)),
    ("host-unreachable", 3, Some(1)),
    ("protocol-unreachable", 3, Some(2)),
    ("port-unreachable", 3, Some(3)),
    ("fragmentation-needed", 3, Some(4)),
    ("source-route-failed", 3, Some(5)),
    ("network-unknown", 3, Some(6)),
    ("host-unknown", 3, Some(7)),
    ("network-prohibited", 3, Some(9)),
    ("host-prohibited", 3, Some(10)),
    ("TOS-network-unreachable", 3, Some(11)),
    ("TOS-host-unreachable", 3, Some(12)),
    ("communication-prohibited", 3, Some(13)),
    ("host-precedence-violation", 3, Some(14)),
    ("precedence-cutoff", 3, Some(15)),
    ("source-quench", 4, None),
    ("redirect", 5, None),
    ("network-redirect", 5, Some(0)),
    ("host-redirect", 5, Some(1)),
    ("TOS-network-redirect", 5, Some(2)),
    ("TOS-host-redirect", 5, Some(3)),
    ("echo-request", 8, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("time-exceeded", 11, None),
    ("ttl-zero-during-transit", 11, Some(0)),
    ("ttl-zero-during-reassembly", 11, Some(1)),
    ("parameter-problem", 12, None),
    ("ip-header-bad", 12, Some(0)),
    ("required-option-missing", 12, Some(1)),
    ("timestamp-request", 13, None),
    ("timestamp-reply", 14, None),
    ("address-mask-request", 17, None),
];

pub(in crate::shell) fn icmp_types(text: &str) -> Result<IcmpTypes, Problem> {
    let name = match text {
        "ping" => "echo-request",
        "pong" => "echo-reply",
        "ttl-exceeded" => "time-exceeded",
        name => name,
    };
    if let Some((_, icmp_type, code)) = ICMP_TYPES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name)) {
        let (first_code, last_code) = code.map_or((0, u8::MAX), |code| (code, code));
        return Ok(IcmpTypes { icmp_type: *icmp_type, first_code, last_code });
    }
    let (icmp_type, code) = text.split_once('/').map_or((text, None), |(icmp_type, code)| (icmp_type, Some(code)));
    let bad = || Problem::usage(format!("Unknown ICMP type `{text}'"));
    let icmp_type = icmp_type.parse().map_err(|_| bad())?;
    let (first_code, last_code) = match code {
        None => (0, u8::MAX),
        Some(code) => code.parse().map(|code| (code, code)).map_err(|_| bad())?,
    };
    Ok(IcmpTypes { icmp_type, first_code, last_code })
}

/// A number of one of the tool's own option parsers.
pub(in crate::shell) fn bounded(extension: &str, option: &str, text: &str, most: u32) -> Result<u32, Problem> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.filter(|number| *number <= most).ok_or_else(|| {
        let range = if most == u32::MAX { String::new() } else { format!(" (0-{most})") };
        Problem::usage(format!("{extension}: bad value for option \"{option}\", or out of range{range}.\n"))
    })
}

/// `--limit`: so many packets in a second, minute, hour or day. The tool's scale makes odd rates a little slower.
pub(in crate::shell) fn limit(text: &str) -> Result<(u64, u64), Problem> {
    const SCALE: u64 = 10_000;
    let bad = || Problem::usage(format!("bad rate \"{text}\"'"));
    let (number, unit) = text.split_once('/').map_or((text, "second"), |(number, unit)| (number, unit));
    let seconds = [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86_400)]
        .into_iter()
        .find(|(name, _)| !unit.is_empty() && name.starts_with(&unit.to_ascii_lowercase()))
        .map(|(_, seconds)| seconds);
    let number: u64 = number.parse().map_err(|_| bad())?;
    let seconds = seconds.filter(|_| number > 0).ok_or_else(bad)?;
    if number / seconds > SCALE {
        return Err(Problem::usage(format!("Rate too fast \"{text}\"")));
    }
    Ok(limit_of(SCALE * seconds / number))
}

/// add_nft_limit: what the tool's number means: so many in so many seconds.
fn limit_of(average: u64) -> (u64, u64) {
    const UNITS: [u64; 4] = [864_000_000, 36_000_000, 600_000, 10_000];
    let too_fast = |unit: &u64| average > *unit || unit / average < unit % average;
    let at = UNITS[1..].iter().position(too_fast).unwrap_or(UNITS.len() - 1);
    (UNITS[at] / average, UNITS[at] / 10_000)
}

/// The default of `--limit`: three an hour.
pub(in crate::shell) fn default_limit() -> Limit {
    Limit::new(3, 3600, 5)
}

/// The types of `--src-type` and `--dst-type`.
pub(in crate::shell) fn address_kinds(text: &str) -> Result<AddressKinds, Problem> {
    text.split(',').try_fold(AddressKinds::default(), |kinds, name| {
        let known = AddressType::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, kind) = known.ok_or_else(|| Problem::usage(format!("addrtype: bad type \"{name}\"")))?;
        Ok(kinds.with(*kind))
    })
}

/// From one address to another.
pub(in crate::shell) fn address_range(option: &str, text: &str) -> Result<(Ipv4Addr, Ipv4Addr), Problem> {
    let bad = || Problem::usage(format!("iprange: Bad value for \"{option}\" option: \"{text}\""));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok((first.parse().map_err(|_| bad())?, last.parse().map_err(|_| bad())?))
}

/// `ADDRESS[-ADDRESS][:PORT[-PORT]]`, as SNAT and DNAT want it.
pub(in crate::shell) fn nat_range(text: &str) -> Result<Range, Problem> {
    let (addresses, ports) = text.split_once(':').map_or((text, None), |(addresses, ports)| (addresses, Some(ports)));
    let ports = ports.map(nat_ports).transpose()?;
    let address = |text: &str| text.parse().map_err(|_| Problem::usage(format!("Bad IP address \"{text}\"")));
    let addresses = match addresses.split_once('-') {
        _ if addresses.is_empty() => None,
        Some((first, last)) => Some((address(first)?, address(last)?)),
        None => Some((address(addresses)?, address(addresses)?)),
    };
    Ok(Range { addresses, ports, ..Range::default() })
}

/// `PORT[-PORT]`
pub(in crate::shell) fn nat_ports(text: &str) -> Result<Ports, Problem> {
    let port = |part: &str| {
        let number = part.parse().ok().or_else(|| services::port(part));
        number.ok_or_else(|| Problem::usage(format!("Port `{part}' not valid")))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok(Ports(port(first)?, port(last)?))
}
