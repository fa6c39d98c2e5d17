//! Names of ports: /etc/services.

use crate::host::{Kernel, SERVICES};

/// The services that a node's /etc/services lists.
pub(super) struct Services(String);

impl Services {
    /// Reads the file; without it no port has a name.
    pub fn read(kernel: &mut Kernel) -> Services {
        let text = kernel.read_path("/etc/services").unwrap_or_default();
        Services(String::from_utf8_lossy(&text).into_owned())
    }

    /// The port of a name or an alias, for a protocol in lower case (getservbyname).
    pub fn port(&self, name: &str, protocol: &str) -> Option<u16> {
        lines(&self.0).find(|line| line.protocol == protocol && line.is_called(name)).map(|line| line.port)
    }

    /// The name of a port, for a protocol in lower case (getservbyport).
    pub fn name(&self, port: u16, protocol: &str) -> Option<&str> {
        lines(&self.0).find(|line| (line.port, line.protocol) == (port, protocol)).map(|line| line.name)
    }
}

/// A port's usual name, whatever the protocol; none for those who want numbers, who are spared the search.
pub(super) fn name_unless(is_numeric: bool, port: u16) -> Option<&'static str> {
    if is_numeric {
        return None;
    }
    lines(SERVICES).find(|line| line.port == port).map(|line| line.name)
}

/// The port that usually has this name, whatever the protocol.
pub(super) fn port(name: &str) -> Option<u16> {
    lines(SERVICES).find(|line| line.is_called(name)).map(|line| line.port)
}

struct Line<'a> {
    name: &'a str,
    port: u16,
    protocol: &'a str,
    aliases: &'a str,
}

impl Line<'_> {
    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.split_whitespace().any(|alias| alias == name)
    }
}

fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        let line = line.split('#').next()?.trim();
        let (name, rest) = line.split_once(char::is_whitespace)?;
        let rest = rest.trim_start();
        let (place, aliases) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (port, protocol) = place.split_once('/')?;
        Some(Line { name, port: port.parse().ok()?, protocol, aliases })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_count_and_protocols_differ() {
        let services = Services("http 80/tcp www # the web\nsyslog\t514/udp\n".to_owned());
        assert_eq!(services.port("www", "tcp"), Some(80));
        assert_eq!(services.port("http", "udp"), None);
        assert_eq!(services.name(514, "udp"), Some("syslog"));
        assert_eq!(services.name(514, "tcp"), None);
    }
}
