//! The settings below /proc/sys.
//!
//! Three kinds: those of net.ipv4.conf, which an interface and `all` decide together; those of the neighbour table; and
//! those that a host has once.

mod columns;
mod conf;
mod neigh;
mod scalar;

pub use conf::{Column, Conf, DecidedBy, Effective};
pub use neigh::Neigh;

use super::interface::{IfIndex, Interfaces};
use super::kernel::Kernel;
use super::socket::Errno;
use crate::reason::Config;
use crate::time::Span;
use conf::ConfTable;
use neigh::NeighTable;
use scalar::ENTRIES;

/// All settings of a host.
#[derive(Debug)]
pub struct Sysctl {
    conf: ConfTable,
    neigh: NeighTable,
    scalars: Vec<Vec<i64>>,
    changes: u64,
}

impl Default for Sysctl {
    fn default() -> Sysctl {
        let scalars = ENTRIES.iter().map(|entry| entry.default.to_vec()).collect();
        Sysctl { conf: ConfTable::default(), neigh: NeighTable::default(), scalars, changes: 0 }
    }
}

/// What the name of a setting means.
enum Key {
    Conf(Column, Conf),
    Neigh(Option<IfIndex>, Neigh),
    /// net.ipv4.ip_forward: another name of net.ipv4.conf.all.forwarding.
    Forward,
    Scalar(usize),
}

impl Sysctl {
    /// A new interface gets settings of its own.
    pub fn add_interface(&mut self, index: IfIndex) {
        self.conf.add_interface(index);
        self.neigh.add_interface(index);
    }

    /// An interface has gone.
    pub fn remove_interface(&mut self, index: IfIndex) {
        self.conf.remove_interface(index);
        self.neigh.remove_interface(index);
    }

    /// The interface got an address: `default` is of no more concern to it.
    pub fn settle(&mut self, index: IfIndex) {
        self.conf.settle(index);
    }

    /// The value of net.ipv4.conf that counts on an interface, and whose it is.
    pub fn effective(&self, index: IfIndex, conf: Conf) -> Effective {
        self.conf.effective(index, conf)
    }

    /// The value of net.ipv4.conf that counts on an interface.
    pub fn conf(&self, index: IfIndex, conf: Conf) -> i32 {
        self.conf.effective(index, conf).value
    }

    /// Whether any interface forwards packets on behalf of others (IPV4_DEVCONF_ALL(forwarding)).
    pub fn ip_forward(&self) -> bool {
        self.conf.get(Column::All, Conf::Forwarding) != Some(0)
    }

    /// net.ipv4.ip_default_ttl, which every packet made here asks for.
    pub fn default_ttl(&self) -> u8 {
        const PLACE: usize = scalar::place("net.ipv4.ip_default_ttl");
        self.scalars[PLACE][0] as u8
    }

    /// A setting of the neighbour table on an interface.
    pub fn neigh(&self, index: IfIndex, neigh: Neigh) -> i64 {
        self.neigh.get(Some(index), neigh)
    }

    /// A time of the neighbour table on an interface.
    pub fn neigh_time(&self, index: IfIndex, neigh: Neigh) -> Span {
        let value = self.neigh(index, neigh).max(0) as u64;
        match neigh {
            Neigh::DelayFirstProbeTime | Neigh::GcStaleTime => Span::from_secs(value),
            Neigh::Locktime | Neigh::AnycastDelay | Neigh::ProxyDelay => Span::from_millis(value * 10),
            _ => Span::from_millis(value),
        }
    }

    /// A setting that a host has once; the first number of those that have several. Unknown names give 0.
    pub fn number(&self, name: &str) -> i64 {
        self.numbers(name).first().copied().unwrap_or_default()
    }

    /// All numbers of a setting that a host has once.
    pub fn numbers(&self, name: &str) -> &[i64] {
        match ENTRIES.binary_search_by(|entry| entry.name.cmp(name)) {
            Ok(at) => &self.scalars[at],
            Err(_) => &[],
        }
    }

    /// net.ipv4.ip_local_port_range: the ports that sockets get which do not choose their own.
    pub fn local_port_range(&self) -> (u16, u16) {
        let port = |number: i64| number.clamp(1, i64::from(u16::MAX)) as u16;
        match *self.numbers("net.ipv4.ip_local_port_range") {
            [low, high] => (port(low), port(high)),
            _ => (1, u16::MAX),
        }
    }

    /// How often something was written: whoever keeps a copy looks whether it is still good.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// What the file of this name (with dots or slashes) says.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`].
    pub fn read(&self, interfaces: &Interfaces, name: &str) -> Result<String, Errno> {
        Ok(match find(interfaces, &dotted(name)).ok_or(Errno::NoSuchFile)? {
            Key::Conf(column, conf) => self.conf.get(column, conf).unwrap_or_default().to_string(),
            Key::Neigh(index, neigh) => self.neigh.get(index, neigh).to_string(),
            Key::Forward => i32::from(self.ip_forward()).to_string(),
            Key::Scalar(at) => join(&self.scalars[at]),
        })
    }

    /// Writes to the file of this name.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`]; [`Errno::InvalidArgument`] if it is no number, or one out of range.
    pub fn write(&mut self, interfaces: &Interfaces, name: &str, text: &str) -> Result<(), Errno> {
        let key = find(interfaces, &dotted(name)).ok_or(Errno::NoSuchFile)?;
        let numbers = parse(text)?;
        let first = *numbers.first().ok_or(Errno::InvalidArgument)?;
        self.changes += 1;
        let narrow = || i32::try_from(first).map_err(|_| Errno::InvalidArgument);
        match key {
            Key::Conf(column, conf) => self.conf.set(column, conf, narrow()?),
            Key::Forward => self.conf.set(Column::All, Conf::Forwarding, narrow()?),
            Key::Neigh(index, neigh) => self.neigh.set(index, neigh, first),
            Key::Scalar(at) => {
                // What is not written stays as it is.
                let mut all = self.scalars[at].clone();
                for (place, number) in all.iter_mut().zip(numbers) {
                    *place = number;
                }
                if !ENTRIES[at].allows(&all) {
                    return Err(Errno::InvalidArgument);
                }
                self.scalars[at] = all;
            }
        }
        Ok(())
    }

    /// The names of all settings, with dots, that begin with `prefix`, in the order in which `sysctl -a` shows them.
    pub fn names(&self, interfaces: &Interfaces, prefix: &str) -> Vec<String> {
        let columns = ["all", "default"].into_iter().map(str::to_owned);
        let own = || interfaces.iter().map(|interface| interface.name.clone());
        let conf = columns.chain(own()).flat_map(|column| {
            Conf::ALL.into_iter().map(move |conf| format!("net.ipv4.conf.{column}.{}", conf.name()))
        });
        let neigh = std::iter::once("default".to_owned()).chain(own()).flat_map(|column| {
            Neigh::ALL.into_iter().map(move |neigh| format!("net.ipv4.neigh.{column}.{}", neigh.name()))
        });
        let scalars = ENTRIES.iter().map(|entry| entry.name.to_owned());
        let mut names: Vec<_> = std::iter::once("net.ipv4.ip_forward".to_owned())
            .chain(conf)
            .chain(neigh)
            .chain(scalars)
            .filter(|name| {
                name.strip_prefix(prefix)
                    .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('.'))
            })
            .collect();
        names.sort();
        names
    }
}

impl Kernel {
    /// What a setting says; see [`Sysctl::read`].
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`].
    pub fn read_sysctl(&self, name: &str) -> Result<String, Errno> {
        self.sysctl.read(&self.interfaces, name)
    }

    /// Changes a setting; see [`Sysctl::write`].
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`], [`Errno::InvalidArgument`].
    pub fn set_sysctl(&mut self, name: &str, value: &str) -> Result<(), Errno> {
        self.sysctl.write(&self.interfaces, name, value)?;
        self.note_change(|_| Config::Sysctl { name: dotted(name), value: value.trim().to_owned() });
        // Its defences may have work to do from now on.
        self.ipvs();
        Ok(())
    }

    /// The names of all settings below `prefix`.
    pub fn sysctl_names(&self, prefix: &str) -> Vec<String> {
        self.sysctl.names(&self.interfaces, prefix)
    }
}

/// The name with dots: `net/ipv4/conf/eth0.1/rp_filter` keeps the dot of a VLAN, as sysctl's own rule has it.
fn dotted(name: &str) -> String {
    let name = name.strip_prefix("/proc/sys/").unwrap_or(name);
    let first = name.find(['.', '/']).map(|at| name.as_bytes()[at]);
    if first == Some(b'/') {
        name.replace('.', "\u{1}").replace('/', ".").replace('\u{1}', "/")
    } else {
        name.to_owned()
    }
}

fn find(interfaces: &Interfaces, name: &str) -> Option<Key> {
    if let Ok(at) = ENTRIES.binary_search_by(|entry| entry.name.cmp(name)) {
        return Some(Key::Scalar(at));
    }
    if name == "net.ipv4.ip_forward" {
        return Some(Key::Forward);
    }
    let index = |column: &str| Some(interfaces.by_name(&column.replace('/', "."))?.index);
    if let Some(rest) = name.strip_prefix("net.ipv4.conf.") {
        let (column, name) = rest.rsplit_once('.')?;
        let conf = Conf::ALL.into_iter().find(|conf| conf.name() == name)?;
        let column = match column {
            "all" => Column::All,
            "default" => Column::Default,
            interface => Column::Interface(index(interface)?),
        };
        return Some(Key::Conf(column, conf));
    }
    let (column, name) = name.strip_prefix("net.ipv4.neigh.")?.rsplit_once('.')?;
    let neigh = Neigh::ALL.into_iter().find(|neigh| neigh.name() == name)?;
    let index = if column == "default" { None } else { Some(index(column)?) };
    Some(Key::Neigh(index, neigh))
}

/// proc_dointvec: numbers with white space between them; octal and hexadecimal as in C.
fn parse(text: &str) -> Result<Vec<i64>, Errno> {
    text.split_whitespace().map(|word| number(word).ok_or(Errno::InvalidArgument)).collect()
}

fn number(word: &str) -> Option<i64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    let value = value.ok().filter(|value| *value >= 0)?;
    Some(if negative { -value } else { value })
}

fn join(numbers: &[i64]) -> String {
    numbers.iter().map(i64::to_string).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(ENTRIES.is_sorted_by_key(|entry| entry.name));
    }

    #[test]
    fn numbers_as_in_c() {
        assert_eq!(parse(" 10 0x10 010 -1\n"), Ok(vec![10, 16, 8, -1]));
        assert_eq!(parse("1x"), Err(Errno::InvalidArgument));
    }

    #[test]
    fn read_and_written_by_either_name() {
        let interfaces = Interfaces::default();
        let mut sysctl = Sysctl::default();
        sysctl.write(&interfaces, "net/ipv4/ip_forward", "1\n").unwrap();
        assert_eq!(sysctl.read(&interfaces, "net.ipv4.conf.all.forwarding").unwrap(), "1");
        sysctl.write(&interfaces, "/proc/sys/net/ipv4/vs/sync_threshold", "1 50").unwrap();
        assert_eq!(sysctl.read(&interfaces, "net.ipv4.vs.sync_threshold").unwrap(), "1\t50");
        assert_eq!(sysctl.write(&interfaces, "net.ipv4.vs.sync_threshold", "50"), Err(Errno::InvalidArgument));
        assert_eq!(sysctl.read(&interfaces, "net.ipv4.nonsense"), Err(Errno::NoSuchFile));
        assert_eq!(sysctl.write(&interfaces, "net.ipv4.ip_default_ttl", "0"), Err(Errno::InvalidArgument));
    }
}
