//! Names of hosts: dotted quads and /etc/hosts.

use std::net::Ipv4Addr;

use crate::host::Kernel;

/// The address that a name stands for.
pub fn resolve(kernel: &mut Kernel, name: &str) -> Option<Ipv4Addr> {
    if let Ok(address) = name.parse() {
        return Some(address);
    }
    let hosts = kernel.files().read("/etc/hosts").ok()?;
    String::from_utf8_lossy(hosts).lines().find_map(|line| address_of(line, name))
}

/// The first name of an address in /etc/hosts.
pub fn reverse(kernel: &mut Kernel, address: Ipv4Addr) -> Option<String> {
    let hosts = kernel.files().read("/etc/hosts").ok()?;
    let hosts = String::from_utf8_lossy(hosts);
    hosts.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        (words.next()?.parse() == Ok(address)).then(|| words.next())?.map(str::to_owned)
    })
}

/// The address on a line of /etc/hosts, if it is this name's.
fn address_of(line: &str, name: &str) -> Option<Ipv4Addr> {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
    let address = words.next()?.parse().ok()?;
    words.any(|known| known.eq_ignore_ascii_case(name)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_hosts_file() {
        let mut kernel = Kernel::default();
        kernel.files().install("/etc/hosts", b"127.0.0.1 localhost\n::1 ip6\n10.0.0.7\tweb www # not mail\n");
        assert_eq!(resolve(&mut kernel, "WWW"), Some(Ipv4Addr::new(10, 0, 0, 7)));
        assert_eq!(resolve(&mut kernel, "mail"), None);
        assert_eq!(reverse(&mut kernel, Ipv4Addr::new(10, 0, 0, 7)), Some("web".to_owned()));
        assert_eq!(reverse(&mut kernel, Ipv4Addr::new(10, 0, 0, 8)), None);
        assert_eq!(resolve(&mut kernel, "1.2.3.4"), Some(Ipv4Addr::new(1, 2, 3, 4)));
    }
}
