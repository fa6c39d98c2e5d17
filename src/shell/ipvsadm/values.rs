//! What options are given: numbers, addresses, flags.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Failure, wrong};
use crate::apps::resolve;
use crate::host::Kernel;
use crate::ipvs::scheduler;
use crate::shell::services::Services;
use crate::wire::proto;

/// What is said about a time that is none.
pub(super) const NO_NUMBER: &str = "invalid timeout value";

/// A number in decimal as strtol reads it, with nothing behind it (string_to_number).
pub(super) fn number(text: &str, min: i64, max: i64) -> Option<i64> {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| (min..=max).contains(number))
}

/// An address, and the port if there is one.
pub(super) enum Endpoint {
    V4(Ipv4Addr, Option<u16>),
    V6,
}

/// host\[:port\] (parse_service).
pub(super) fn endpoint(kernel: &mut Kernel, text: &str, protocol: u8) -> Option<Endpoint> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Some((inside, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        return inside.parse::<Ipv6Addr>().ok().map(|_| Endpoint::V6);
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some(Endpoint::V6);
    }
    let (host_text, port_text) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let address = host(kernel, host_text)?;
    let port = match port_text {
        None => None,
        Some(text) => Some(match number(text, 0, 65_535) {
            Some(number) => number as u16,
            None => Services::read(kernel).port(text, proto::lower_name(protocol)?)?,
        }),
    };
    Some(Endpoint::V4(address, port))
}

/// An address in C's notations, or a name.
pub(super) fn host(kernel: &mut Kernel, text: &str) -> Option<Ipv4Addr> {
    inet_aton(text).or_else(|| resolve(kernel, text))
}

/// The group of a daemon: an address that stands for many.
pub(super) fn group(text: &str) -> Result<Endpoint, Failure> {
    let is_v6 = text.contains(':');
    let group = if is_v6 {
        text.parse().ok().filter(Ipv6Addr::is_multicast).map(|_| Endpoint::V6)
    } else {
        text.parse().ok().filter(Ipv4Addr::is_multicast).map(|group| Endpoint::V4(group, None))
    };
    group.ok_or_else(|| wrong(format!("invalid IPv{} mcast-group `{text}'", if is_v6 { 6 } else { 4 })))
}

/// inet_aton: one to four parts, decimal, octal or hexadecimal; the last one fills the rest.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(c_number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 32 - 8 * first.len() as u32;
    if u64::from(*last) >= 1 << room {
        return None;
    }
    let high = first.iter().fold(0, |sum, part| sum << 8 | part);
    Some(Ipv4Addr::from(if first.is_empty() { *last } else { high << room | last }))
}

fn c_number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u32::from_str_radix(text, 8).ok(),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// parse_sched_flags
pub(super) fn scheduler_flags(scheduler: &str, text: &str) -> Result<u8, Failure> {
    if text.bytes().all(|byte| byte == b',') {
        // ipvsadm 1.31 looks at the first name without asking whether there is one.
        return Err(Failure::exit(139, "Segmentation fault".to_owned()));
    }
    scheduler::flags(scheduler, text).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_c_reads_them() {
        assert_eq!(inet_aton("10.1"), Some([10, 0, 0, 1].into()));
        assert_eq!(inet_aton("0x7f.0.0.1"), Some([127, 0, 0, 1].into()));
        assert_eq!(inet_aton("010.0.0.1"), Some([8, 0, 0, 1].into()));
        assert_eq!(inet_aton("10.0.0.256"), None);
        assert_eq!(inet_aton("10.0.0.0.1"), None);
    }

    #[test]
    fn numbers_as_c_reads_them() {
        assert_eq!(number(" +13", 0, 99), Some(13));
        assert_eq!(number("010", 0, 99), Some(10));
        assert_eq!(number("14 ", 0, 99), None);
        assert_eq!(number("0x1", 0, 99), None);
        assert_eq!(number("", 0, 99), None);
        assert_eq!(number("99999999999999999999", 0, 99), None);
    }
}
