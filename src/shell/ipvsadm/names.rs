//! Names and numbers of addresses, ports and protocols, both ways.

use std::net::Ipv4Addr;

use crate::apps::resolve;
use crate::host::Kernel;
use crate::ipvs::ServiceKey;
use crate::wire::proto;

/// The protocols that services have, as listings call them.
pub(super) fn protocol(number: u8) -> &'static str {
    match number {
        proto::TCP => "TCP",
        proto::UDP => "UDP",
        proto::SCTP => "SCTP",
        _ => "IP",
    }
}

/// An address as people write it: dotted, in C's other notations, or a name.
pub(super) fn address(kernel: &mut Kernel, text: &str) -> Option<Ipv4Addr> {
    // inet_aton takes 10.1 for 10.0.0.1; a bare number is not taken for an address here.
    if !text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    inet_aton(text).or_else(|| resolve(kernel, text))
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

/// A port number or the name of a service in /etc/services.
pub(super) fn port(kernel: &mut Kernel, text: &str, protocol: u8) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let wanted = super::names::protocol(protocol).to_lowercase();
    services(kernel).into_iter().find(|(name, _, of)| name == text && *of == wanted).map(|(_, port, _)| port)
}

/// The lines of /etc/services: name, port, protocol.
fn services(kernel: &mut Kernel) -> Vec<(String, u16, String)> {
    let text = kernel.read_path("/etc/services").unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let (name, place) = (words.next()?, words.next()?);
            let (port, protocol) = place.split_once('/')?;
            Some((name.to_owned(), port.parse().ok()?, protocol.to_owned()))
        })
        .collect()
}

/// How listings show addresses and ports.
pub(super) struct Shown {
    numeric: bool,
    hosts: Vec<(Ipv4Addr, String)>,
    services: Vec<(String, u16, String)>,
}

impl Shown {
    pub fn new(kernel: &mut Kernel, numeric: bool) -> Shown {
        if numeric {
            return Shown { numeric, hosts: Vec::new(), services: Vec::new() };
        }
        let text = kernel.read_path("/etc/hosts").unwrap_or_default();
        let hosts = String::from_utf8_lossy(&text)
            .lines()
            .filter_map(|line| {
                let mut words = line.split('#').next()?.split_whitespace();
                Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
            })
            .collect();
        Shown { numeric, hosts, services: services(kernel) }
    }

    /// An address and port, cut to the width of its column.
    pub fn endpoint(&self, ip: Ipv4Addr, port: u16, protocol: u8, width: usize) -> String {
        let name = self.hosts.iter().find(|(known, _)| *known == ip).map(|(_, name)| name.clone());
        let host = name.unwrap_or_else(|| ip.to_string());
        let of = self::protocol(protocol).to_lowercase();
        let service = self.services.iter().find(|(_, known, by)| *known == port && *by == of);
        let mut text = match service.filter(|_| !self.numeric) {
            Some((name, ..)) => format!("{host}:{name}"),
            None => format!("{host}:{port}"),
        };
        text.truncate(width);
        text
    }

    /// A service's name: protocol, address and port, or its mark.
    pub fn service(&self, key: ServiceKey) -> String {
        match key {
            ServiceKey::Address { protocol, address, port } => {
                let endpoint = self.endpoint(address, port, protocol, 33);
                format!("{:<4} {endpoint}", self::protocol(protocol))
            }
            ServiceKey::Mark(mark) => format!("FWM  {mark}"),
        }
    }
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
}
