//! ip address.

use std::fmt::Write;

use ipnet::Ipv4Net;

use super::{REFUSED, Result, Style, WRONG, Words, address, answered, device, failure, index, prefix};
use crate::host::{Address, Errno, Interface, Kernel, Scope};

pub(super) fn run(kernel: &mut Kernel, style: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    match words.command(&["add", "change", "replace", "delete", "show", "list", "lst", "flush"])? {
        "add" => add(kernel, words, false),
        "change" | "replace" => add(kernel, words, true),
        "delete" => delete(kernel, words),
        "flush" => flush(kernel, words),
        _ => show(kernel, style, words, out),
    }
}

/// What is said about an address on the command line.
struct Given {
    device: String,
    net: Ipv4Net,
    broadcast: Option<String>,
    label: Option<String>,
    scope: Option<Scope>,
    no_prefix_route: bool,
}

fn parse(words: &mut Words<'_>) -> Result<Given> {
    let (mut device, mut net, mut broadcast, mut label, mut scope) = (None, None, None, None, None);
    let mut no_prefix_route = false;
    while let Some(word) = words.next() {
        match word {
            "dev" => device = Some(words.required()?.to_owned()),
            "label" => label = Some(words.required()?.to_owned()),
            "scope" => scope = Some(parse_scope(words.required()?)?),
            "peer" | "remote" => net = Some(prefix(words.required()?)?),
            "metric" | "valid_lft" | "preferred_lft" => drop(words.required()?),
            "noprefixroute" => no_prefix_route = true,
            "home" | "nodad" => {}
            _ if "broadcast".starts_with(word) && word.len() >= 3 => broadcast = Some(words.required()?.to_owned()),
            "local" => net = Some(prefix(words.required()?)?),
            _ if net.is_none() => net = Some(prefix(word)?),
            _ => {
                return Err(failure(
                    WRONG,
                    format!("Error: either \"local\" is duplicate, or \"{word}\" is a garbage.\n"),
                ));
            }
        }
    }
    let device = device.ok_or_else(|| failure(WRONG, "Not enough information: \"dev\" argument is required.\n"))?;
    let net = net.ok_or_else(|| answered(Errno::InvalidArgument))?;
    Ok(Given { device, net, broadcast, label, scope, no_prefix_route })
}

fn parse_scope(text: &str) -> Result<Scope> {
    match text {
        "global" | "universe" | "0" => Ok(Scope::Global),
        "link" | "253" => Ok(Scope::Link),
        "host" | "254" => Ok(Scope::Host),
        "nowhere" | "255" => Ok(Scope::Nowhere),
        _ => Err(failure(WRONG, format!("Error: argument \"{text}\" is wrong: invalid scope value.\n\n"))),
    }
}

pub(super) const fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Global => "global",
        Scope::Link => "link",
        Scope::Host => "host",
        Scope::Nowhere => "nowhere",
    }
}

fn add(kernel: &mut Kernel, words: &mut Words<'_>, replace: bool) -> Result<()> {
    let given = parse(words)?;
    if let Some(label) = &given.label
        && !label.starts_with(&given.device)
    {
        let text = format!("\"dev\" ({}) must match \"label\" ({label}).\n", given.device);
        return Err(failure(WRONG, text));
    }
    let index = index(kernel, &given.device)?;
    let (ip, len) = (given.net.addr(), given.net.prefix_len());
    let broadcast = match given.broadcast.as_deref() {
        None => None,
        Some("+") => Some(given.net.broadcast()),
        Some("-") => Some(given.net.network()),
        Some(text) => Some(address(text)?),
    };
    let scope = given.scope.unwrap_or(if ip.is_loopback() { Scope::Host } else { Scope::Global });
    let label = given.label.unwrap_or(given.device);
    let no_prefix_route = given.no_prefix_route;
    let made = Address { ip, prefix_len: len, broadcast, scope, label, secondary: false, no_prefix_route };
    match kernel.add_address(index, made) {
        Err(Errno::Exists) if replace => Ok(()),
        result => result.map_err(answered),
    }
}

fn delete(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    let given = parse(words)?;
    let index = index(kernel, &given.device)?;
    let (ip, len) = (given.net.addr(), given.net.prefix_len());
    let has = |len: Option<u8>| {
        device(kernel, &given.device).is_ok_and(|interface| {
            interface
                .addresses
                .iter()
                .any(|address| address.ip == ip && len.is_none_or(|len| len == address.prefix_len))
        })
    };
    // Without a length, any will do.
    let len = Some(len).filter(|_| has(Some(len)) || len != 32);
    kernel.delete_address(index, ip, len).map_err(answered)
}

/// Which addresses are meant by show and flush.
#[derive(Default)]
struct Filter<'a> {
    device: Option<&'a str>,
    to: Option<Ipv4Net>,
    label: Option<&'a str>,
    scope: Option<Scope>,
    up: bool,
    secondary: Option<bool>,
}

impl<'a> Filter<'a> {
    fn parse(kernel: &Kernel, words: &mut Words<'a>) -> Result<Filter<'a>> {
        let mut filter = Filter::default();
        while let Some(word) = words.next() {
            match word {
                "dev" => filter.device = Some(words.required()?),
                "to" => filter.to = Some(prefix(words.required()?)?),
                "label" => filter.label = Some(words.required()?),
                "scope" => filter.scope = Some(parse_scope(words.required()?)?),
                "up" => filter.up = true,
                "primary" => filter.secondary = Some(false),
                "secondary" => filter.secondary = Some(true),
                "permanent" | "dynamic" => {}
                name => filter.device = Some(name),
            }
        }
        if let Some(name) = filter.device {
            let missing = || failure(WRONG, format!("Device \"{name}\" does not exist.\n"));
            kernel.interface(name).ok_or_else(missing)?;
        }
        Ok(filter)
    }

    fn wants_interface(&self, interface: &Interface) -> bool {
        self.device.is_none_or(|name| name == interface.name) && (!self.up || interface.up)
    }

    fn wants(&self, address: &Address) -> bool {
        self.to.is_none_or(|net| net.contains(&address.ip))
            && self.label.is_none_or(|label| match label.strip_suffix('*') {
                Some(beginning) => address.label.starts_with(beginning),
                None => address.label == label,
            })
            && self.scope.is_none_or(|scope| scope == address.scope)
            && self.secondary.is_none_or(|secondary| secondary == address.secondary)
    }

    fn is_selective(&self) -> bool {
        self.to.is_some() || self.label.is_some() || self.scope.is_some() || self.secondary.is_some()
    }
}

fn flush(kernel: &mut Kernel, words: &mut Words<'_>) -> Result<()> {
    if words.peek().is_none() {
        return Err(failure(REFUSED - 1, "Flush requires arguments.\n"));
    }
    let filter = Filter::parse(kernel, words)?;
    let chosen: Vec<_> = kernel
        .interfaces()
        .filter(|interface| filter.wants_interface(interface))
        .flat_map(|interface| interface.addresses.iter().map(|address| (interface.index, address)))
        .filter(|(_, address)| filter.wants(address))
        .map(|(index, address)| (index, address.ip, address.prefix_len))
        .collect();
    for (index, ip, len) in chosen {
        // A secondary address may have gone with its primary one.
        let _ = kernel.delete_address(index, ip, Some(len));
    }
    Ok(())
}

fn show(kernel: &Kernel, style: Style, words: &mut Words<'_>, out: &mut String) -> Result<()> {
    let filter = Filter::parse(kernel, words)?;
    for interface in kernel.interfaces().filter(|interface| filter.wants_interface(interface)) {
        let addresses: Vec<_> = interface.addresses.iter().filter(|address| filter.wants(address)).collect();
        if filter.is_selective() && addresses.is_empty() {
            continue;
        }
        if style.brief {
            let list: String =
                addresses.iter().map(|address| format!("{}/{} ", address.ip, address.prefix_len)).collect();
            let _ = writeln!(
                out,
                "{:<16} {:<14} {list}",
                super::link::full_name(kernel, interface),
                super::link::state(interface)
            );
            continue;
        }
        if !style.oneline {
            super::link::describe(kernel, interface, "", style, out);
        }
        for address in addresses {
            if style.oneline {
                let _ = write!(out, "{}: {}", interface.index.0, interface.name);
            }
            describe(address, style, out);
        }
    }
    Ok(())
}

fn describe(address: &Address, style: Style, out: &mut String) {
    let _ = write!(out, "    inet {}/{}", address.ip, address.prefix_len);
    if let Some(broadcast) = address.broadcast {
        let _ = write!(out, " brd {broadcast}");
    }
    let _ = write!(out, " scope {}", scope_name(address.scope));
    if address.secondary {
        out.push_str(" secondary");
    }
    if address.no_prefix_route {
        out.push_str(" noprefixroute");
    }
    let break_ = if style.oneline { "\\" } else { "\n" };
    let _ = writeln!(out, " {}{break_}       valid_lft forever preferred_lft forever", address.label);
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn an_address_may_come_without_its_route() {
        let lines = [
            "ip addr add 10.7.0.1/24 dev eth0 noprefixroute",
            "ip addr show dev eth0 to 10.7.0.0/24",
            "ip route",
            "ip addr del 10.7.0.1/24 dev eth0",
        ];
        insta::assert_snapshot!(Console::with_cable().converse(&lines), @"
        $ ip addr add 10.7.0.1/24 dev eth0 noprefixroute
        $ ip addr show dev eth0 to 10.7.0.0/24
        3: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000
            link/ether 02:00:00:00:01:00 brd ff:ff:ff:ff:ff:ff
            inet 10.7.0.1/24 scope global noprefixroute eth0
               valid_lft forever preferred_lft forever
        $ ip route
        10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 
        $ ip addr del 10.7.0.1/24 dev eth0
        ");
    }
}
