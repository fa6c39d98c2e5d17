//! virtual_server_group, and addresses as checkers' blocks have them (check/check_data.c: alloc_vsg_entry; lib/utils.c:
//! inet_stosockaddr).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::model::{Range, ServerGroup};
use super::parser::Parser;

/// An address and a port; a port of zeros is none. None, and perhaps a message about the port, if they make no sense.
/// What stands behind a `-` or a `/` is somebody else's.
pub fn endpoint(parser: &mut Parser, address: &str, port: Option<&str>) -> Option<SocketAddr> {
    let port = match port.filter(|port| !port.trim_start_matches('0').is_empty()) {
        Some(port) => parser.unsigned_text(port, 1, 65_535, true)? as u16,
        None => 0,
    };
    let end = address.find('-').or_else(|| address.find('/')).unwrap_or(address.len());
    Some(SocketAddr::new(ip(&address[..end])?, port))
}

/// An address of the family that its look says.
pub fn ip(text: &str) -> Option<IpAddr> {
    if text.contains(':') { text.parse().ok().map(IpAddr::V6) } else { text.parse().ok().map(IpAddr::V4) }
}

/// virtual_server_group NAME { ... }
pub fn server_group(parser: &mut Parser) {
    let Some(name) = parser.parameter() else { return };
    let mut group = ServerGroup { name, ..ServerGroup::default() };
    let mut has_unknown_family = false;
    if let Some(extra) = parser.word(2) {
        let text = format!("Block (null) has extra parameters {extra} ...");
        parser.warn(text);
    }
    parser.each_value_of_named(|parser| entry(parser, &mut group, &mut has_unknown_family));
    let has = |is_wanted: fn(&IpAddr) -> bool| group.ranges.iter().any(|range| is_wanted(&range.first));
    if group.ranges.is_empty() && group.marks.is_empty() {
        parser.warn(format!("virtual server group {} has no entries - removing", group.name));
    } else if has(IpAddr::is_ipv4) && has(IpAddr::is_ipv6) && has_unknown_family {
        parser.warn(format!(
            "virtual server group {} cannot have IPv4, IPv6 and fwmark without family - removing",
            group.name
        ));
    } else {
        parser.config.server_groups.push(group);
    }
}

fn entry(parser: &mut Parser, group: &mut ServerGroup, has_unknown_family: &mut bool) {
    let Some(first) = parser.word(0).map(str::to_owned) else { return };
    if first == "fwmark" {
        let Some(text) = parser.parameter() else { return };
        let Some(mark) = parser.unsigned(1, 0, u32::MAX, true) else {
            let name = &group.name;
            return parser.warn(format!("({name}): fwmark '{text}' must be in [0, {}] - ignoring", u32::MAX));
        };
        match parser.word(2) {
            None => *has_unknown_family = true,
            Some("inet" | "inet6") => {}
            Some(family) => {
                let text = format!("({}): fwmark '{mark}' family {family} unknown - ignoring", group.name);
                return parser.warn(text);
            }
        }
        group.marks.push(mark);
        return;
    }
    let port = parser.word(1).map(str::to_owned).filter(|port| !port.trim_start_matches('0').is_empty());
    let Some(start) = endpoint(parser, &first, port.as_deref()) else {
        let (label, slash, port) = if port.is_some() { ("/port", "/", port.as_deref()) } else { ("", "", None) };
        let port = port.unwrap_or_default();
        return parser.warn(format!("Invalid virtual server group IP address {first} {label}{slash}{port} - skipping"));
    };
    let last = match (first.split_once('/'), first.split_once('-')) {
        (Some((_, mask)), _) => masked(parser, &first, start.ip(), mask),
        (None, Some((_, end))) => range_end(parser, &first, start, end),
        (None, None) => Some(start.ip()),
    };
    if let Some(last) = last {
        group.ranges.push(Range { first: start.ip(), last, port: start.port() });
    }
}

/// `10.0.0.0/30`: the whole network.
fn masked(parser: &mut Parser, text: &str, first: IpAddr, mask: &str) -> Option<IpAddr> {
    let most = if first.is_ipv4() { 32 } else { 128 };
    let Some(mask) = mask.parse::<u32>().ok().filter(|mask| (1..=most).contains(mask)) else {
        parser.warn(format!("Invalid netmask - {text} - skipping"));
        return None;
    };
    let (is_clean, last) = match first {
        IpAddr::V4(first) => {
            let bits = u32::MAX.checked_shr(mask).unwrap_or(0);
            (u32::from(first) & bits == 0, IpAddr::V4(Ipv4Addr::from(u32::from(first) | bits)))
        }
        IpAddr::V6(first) => {
            let bits = u128::MAX.checked_shr(mask).unwrap_or(0);
            (u128::from(first) & bits == 0, IpAddr::V6(Ipv6Addr::from(u128::from(first) | bits)))
        }
    };
    if !is_clean {
        parser.warn(format!("Address mask bits not empty - {text} - skipping"));
        return None;
    }
    Some(last)
}

/// `10.0.0.1-10.0.0.9`, or `10.0.0.1-9`: the last byte runs.
fn range_end(parser: &mut Parser, text: &str, start: SocketAddr, end: &str) -> Option<IpAddr> {
    if end.contains(if start.is_ipv4() { '.' } else { ':' }) {
        let Some(last) = endpoint(parser, end, None) else {
            parser.warn(format!("Invalid range end {text} - skipping"));
            return None;
        };
        if last.is_ipv4() != start.is_ipv4() {
            parser.warn(format!("Range address families do not match {text} - skipping"));
            return None;
        }
        if last.ip() < start.ip() {
            parser.warn(format!("Address range end is less than address range start - {text} - skipping"));
            return None;
        }
        return Some(last.ip());
    }
    let (radix, most) = if start.is_ipv4() { (10, 255) } else { (16, 0xffff) };
    let digits = end.find(|c: char| !c.is_digit(radix)).unwrap_or(end.len());
    let value = u32::from_str_radix(&end[..digits], radix).unwrap_or(if digits == 0 { 0 } else { u32::MAX });
    if digits < end.len() {
        let prefix = if parser.is_test { "" } else { "WARNING - " };
        let rest = &end[digits..];
        parser.warn(format!("{prefix}Virtual server group range '{text}' has extra characters at end '{rest}'"));
        if parser.is_test {
            return None;
        }
    } else if value > most {
        parser.warn(format!("Virtual server group range '{text}' end '{end}' too large"));
        return None;
    }
    let (begun, last) = match start.ip() {
        IpAddr::V4(first) => {
            let [a, b, c, d] = first.octets();
            (u32::from(d), IpAddr::V4(Ipv4Addr::new(a, b, c, value as u8)))
        }
        IpAddr::V6(first) => {
            let mut segments = first.segments();
            let begun = segments[7];
            segments[7] = value as u16;
            (u32::from(begun), IpAddr::V6(Ipv6Addr::from(segments)))
        }
    };
    if begun >= value {
        parser.warn(format!("Address range end is not greater than address range start - {text} - skipping"));
        return None;
    }
    Some(last)
}
