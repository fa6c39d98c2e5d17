//! How listings show addresses, ports and services.

use std::net::Ipv4Addr;

use crate::host::Kernel;
use crate::ipvs::ServiceKey;
use crate::shell::services::Services;
use crate::wire::proto;

/// How listings show addresses and ports: as numbers, or by the names that the node knows.
pub(super) struct Shown(Option<Names>);

struct Names {
    hosts: Vec<(Ipv4Addr, String)>,
    services: Services,
}

impl Shown {
    pub fn new(kernel: &mut Kernel, is_numeric: bool) -> Shown {
        Shown((!is_numeric).then(|| Names::read(kernel)))
    }

    /// An address and port, of a protocol or of none.
    pub fn endpoint(&self, ip: Ipv4Addr, port: u16, protocol: u8) -> String {
        let Some(names) = &self.0 else { return format!("{ip}:{port}") };
        let host = names.hosts.iter().find(|(known, _)| *known == ip).map(|(_, name)| name);
        let host = host.cloned().unwrap_or_else(|| ip.to_string());
        match proto::lower_name(protocol).and_then(|protocol| names.services.name(port, protocol)) {
            Some(service) => format!("{host}:{service}"),
            None => format!("{host}:{port}"),
        }
    }

    /// A service's name: protocol, address and port, or its mark. No longer than its column.
    pub fn service(&self, key: ServiceKey) -> String {
        match key {
            ServiceKey::Address { protocol, address, port } => {
                let mut text = format!("{:<4} {}", proto::name(protocol), self.endpoint(address, port, protocol));
                cut(&mut text, 33);
                text
            }
            // A mark is printed as a signed number.
            ServiceKey::Mark(mark) => format!("FWM  {}", mark.cast_signed()),
        }
    }

    /// A server of a service, no longer than its column. The protocol of a mark is none.
    pub fn server(&self, ip: Ipv4Addr, port: u16, key: ServiceKey) -> String {
        let mut text = self.endpoint(ip, port, protocol(key));
        cut(&mut text, 28);
        text
    }
}

impl Names {
    fn read(kernel: &mut Kernel) -> Names {
        let text = kernel.read_path("/etc/hosts").unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let hosts = text.lines().filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
        });
        Names { hosts: hosts.collect(), services: Services::read(kernel) }
    }
}

/// The protocol of a service; a mark has none.
pub(super) fn protocol(key: ServiceKey) -> u8 {
    match key {
        ServiceKey::Address { protocol, .. } => protocol,
        ServiceKey::Mark(_) => 0,
    }
}

fn cut(text: &mut String, width: usize) {
    if let Some((end, _)) = text.char_indices().nth(width) {
        text.truncate(end);
    }
}
