//! What programs find at paths: the node's files, devices, and below /proc the kernel's own state.

use super::files::{Files, Kind};
use super::kernel::Kernel;
use super::neighbour::State;
use super::socket::Errno;
use crate::ipvs;

/// The settings.
const SETTINGS: &str = "/proc/sys/";

/// What a file below /proc shows at the moment.
type Table = fn(&mut Kernel) -> String;

/// The tables that /proc/net shows.
const TABLES: [(&str, Table); 5] = [
    ("arp", arp),
    ("ip_vs", |kernel| ipvs::proc::services(kernel.ipvs())),
    ("ip_vs_app", |kernel| ipvs::proc::apps(kernel.ipvs())),
    ("ip_vs_conn", |kernel| {
        let now = kernel.now;
        ipvs::proc::connections(kernel.ipvs(), now)
    }),
    ("ip_vs_stats", |kernel| ipvs::proc::stats(kernel.ipvs())),
];

/// What is at a path, as far as it is not a file of the node's own.
enum Place {
    /// /dev/null
    Null,
    /// A directory of settings, by the beginning of their names: with dots between their parts, none behind the last.
    Settings(String),
    /// What may be a setting.
    Setting,
    /// A table of the kernel.
    Table(fn(&mut Kernel) -> String),
    /// The node's own files.
    Own,
}

impl Kernel {
    /// The node's files.
    pub fn files(&mut self) -> &mut Files {
        &mut self.files
    }

    /// What a program reads from a path.
    ///
    /// # Errors
    ///
    /// There is no such file, or it is a directory.
    pub fn read_path(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        match self.place(path) {
            Place::Null => Ok(Vec::new()),
            Place::Settings(_) => Err(Errno::IsDirectory),
            Place::Setting => Ok((self.read_sysctl(path)? + "\n").into_bytes()),
            Place::Table(show) => Ok(show(self).into_bytes()),
            Place::Own => self.files.read(path).map(<[u8]>::to_vec),
        }
    }

    /// What a program writes to a path. Opening a file for writing writes nothing to it.
    ///
    /// # Errors
    ///
    /// Those of [`Files::write`]; what the kernel says about the value of a setting.
    pub fn write_path(&mut self, path: &str, bytes: &[u8], append: bool) -> Result<(), Errno> {
        match self.place(path) {
            Place::Null => Ok(()),
            Place::Settings(_) => Err(Errno::IsDirectory),
            Place::Setting if bytes.is_empty() => self.read_sysctl(path).map(|_| ()),
            Place::Setting => self.set_sysctl(path, &String::from_utf8_lossy(bytes)),
            Place::Table(_) => Err(Errno::AccessDenied),
            Place::Own => self.files.write(path, bytes, append),
        }
    }

    /// The names in a directory, in the order of the alphabet.
    pub fn list_path(&self, path: &str) -> Vec<String> {
        match self.place(path) {
            Place::Settings(prefix) => self.settings_below(&prefix),
            _ if path == "/proc/net" => TABLES.iter().map(|(name, _)| (*name).to_owned()).collect(),
            _ => self.files.list(path),
        }
    }

    /// What is at a path.
    pub fn kind_of_path(&self, path: &str) -> Option<Kind> {
        match self.place(path) {
            Place::Null => Some(Kind::Special),
            Place::Settings(_) => Some(Kind::Directory),
            Place::Setting => self.read_sysctl(path).ok().map(|_| Kind::File { len: 0, executable: false }),
            Place::Table(_) => Some(Kind::File { len: 0, executable: false }),
            Place::Own => self.files.kind(path),
        }
    }

    fn place(&self, path: &str) -> Place {
        if path == "/dev/null" {
            return Place::Null;
        }
        if let Some(name) = path.strip_prefix("/proc/net/") {
            let table = TABLES.iter().find(|(known, _)| *known == name);
            return table.map_or(Place::Own, |(_, show)| Place::Table(*show));
        }
        if path == "/proc/sys" {
            return Place::Settings(String::new());
        }
        let Some(name) = path.strip_prefix(SETTINGS) else { return Place::Own };
        let prefix = prefix(name);
        if self.settings_below(&prefix).is_empty() { Place::Setting } else { Place::Settings(prefix) }
    }

    fn settings_below(&self, prefix: &str) -> Vec<String> {
        let names = self.sysctl_names(prefix);
        let inside = |name: &String| {
            let rest = if prefix.is_empty() { name } else { name.strip_prefix(prefix)?.strip_prefix('.')? };
            Some(rest.split('.').next().unwrap_or(rest).replace('/', "."))
        };
        let mut entries: Vec<String> = names.iter().filter_map(inside).collect();
        entries.sort();
        entries.dedup();
        entries
    }
}

/// The name of a setting as `sysctl` has it: the dot in the name of an interface stands as a slash between dots.
fn prefix(path: &str) -> String {
    let swap = |c| match c {
        '/' => '.',
        '.' => '/',
        c => c,
    };
    path.chars().map(swap).collect()
}

/// /proc/net/arp (arp_format_neigh_entry).
fn arp(kernel: &mut Kernel) -> String {
    const COMPLETE: u8 = 2;
    const PERMANENT: u8 = 4;
    let mut text = "IP address       HW type     Flags       HW address            Mask     Device\n".to_owned();
    for entry in kernel.neighbours().iter() {
        let flags = match entry.state {
            State::None | State::Noarp => continue,
            State::Incomplete | State::Failed => 0,
            State::Permanent => COMPLETE | PERMANENT,
            State::Reachable | State::Stale | State::Delay | State::Probe => COMPLETE,
        };
        let device = kernel.interfaces().find(|interface| interface.index == entry.interface);
        let device = device.map_or("", |interface| interface.name.as_str());
        let (ip, mac) = (entry.ip.to_string(), entry.mac.to_string());
        text += &format!("{ip:<16} 0x{:<10x}0x{flags:<10x}{mac:<17}     *        {device}\n", 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_files_that_nobody_writes_to() {
        let mut kernel = Kernel::new("box", 1);
        let read = |kernel: &mut Kernel, path| String::from_utf8(kernel.read_path(path).unwrap()).unwrap();
        assert!(read(&mut kernel, "/proc/net/ip_vs").starts_with("IP Virtual Server version"));
        assert_eq!(read(&mut kernel, "/proc/net/arp").lines().count(), 1);
        assert_eq!(kernel.write_path("/proc/net/ip_vs", b"x", false), Err(Errno::AccessDenied));
        assert_eq!(kernel.read_path("/proc/net/none"), Err(Errno::NoSuchFile));
        assert_eq!(kernel.list_path("/proc/net"), ["arp", "ip_vs", "ip_vs_app", "ip_vs_conn", "ip_vs_stats"]);
    }

    #[test]
    fn settings_are_files() {
        let mut kernel = Kernel::new("box", 1);
        let path = "/proc/sys/net/ipv4/conf/lo/rp_filter";
        assert_eq!(kernel.write_path(path, b"2\n", false), Ok(()));
        assert_eq!(kernel.read_path(path).as_deref(), Ok(&b"2\n"[..]));
        assert_eq!(kernel.write_path(path, b"x\n", false), Err(Errno::InvalidArgument));
        assert_eq!(kernel.kind_of_path("/proc/sys/net/ipv4/conf"), Some(Kind::Directory));
        assert_eq!(kernel.kind_of_path("/proc/sys/net/ipv4/conf/eth9"), None);
    }
}
