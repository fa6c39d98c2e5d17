//! A node's own small file system. Nothing of the user's disk is reachable from it.

use std::collections::BTreeMap;

use super::socket::Errno;

/// Where a login begins, and where bare names of a scenario's files lie.
pub const HOME: &str = "/root";

/// All files of a node together hold so many bytes at most: a runaway script must not eat the simulator's memory.
const CAPACITY_BYTES: usize = 16 << 20;

/// So many files and directories at most.
const CAPACITY_ENTRIES: usize = 10_000;

/// The directories of a fresh machine.
const DIRECTORIES: &[&str] = &[
    "/",
    "/bin",
    "/dev",
    "/etc",
    "/etc/init.d",
    "/etc/keepalived",
    "/etc/rc.d",
    "/etc/rc.d/init.d",
    "/etc/sysconfig",
    "/etc/sysctl.d",
    "/home",
    "/proc",
    "/proc/net",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/var",
    "/var/lock",
    "/var/lock/subsys",
    "/var/log",
    "/var/run",
];

/// The names of ports, as Debian lists them: name, port and protocol, other names.
pub const SERVICES: &str = include_str!("services.txt");

/// What the init scripts of older distributions source, as far as scripts of clusters use it.
const FUNCTIONS: &str = r#"success() { return 0; }
failure() { return 1; }
action() {
  local text=$1 status
  shift
  "$@"
  status=$?
  if [ $status -eq 0 ]; then echo "$text [  OK  ]"; else echo "$text [FAILED]"; fi
  return $status
}
"#;

/// The files of a node, by absolute path.
#[derive(Debug)]
pub struct Files {
    entries: BTreeMap<String, Entry>,
    used_bytes: usize,
}

/// What a path leads to.
#[derive(Debug)]
enum Entry {
    Directory,
    File(File),
}

#[derive(Debug)]
struct File {
    contents: Vec<u8>,
    executable: bool,
}

/// What is known of a path without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its length, in bytes.
        len: usize,
        /// Whether it may be run.
        executable: bool,
    },
    /// A device or a setting of the kernel.
    Special,
}

impl Default for Files {
    fn default() -> Files {
        let directories = DIRECTORIES.iter().map(|path| ((*path).to_owned(), Entry::Directory));
        let mut files = Files { entries: directories.collect(), used_bytes: 0 };
        let standard = [
            ("/etc/hosts", "127.0.0.1\tlocalhost\n"),
            ("/etc/rc.d/init.d/functions", FUNCTIONS),
            ("/etc/services", SERVICES),
            ("/etc/sysctl.conf", ""),
        ];
        for (path, text) in standard {
            files.install(path, text.as_bytes());
        }
        files
    }
}

impl Files {
    /// Puts a file in its place, with the directories that lead to it; a bare name belongs into the home. What is too much is left out.
    pub fn install(&mut self, path: &str, contents: &[u8]) {
        let path = absolute(HOME, path);
        let mut parent = parent_of(&path);
        while !self.entries.contains_key(parent) {
            self.entries.insert(parent.to_owned(), Entry::Directory);
            parent = parent_of(parent);
        }
        // The only errors are those of a name that is a directory and of a full disk.
        let _ = self.write(&path, contents, false);
        self.set_executable(&path, contents.starts_with(b"#!"));
    }

    /// A file's bytes.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`], [`Errno::IsDirectory`].
    pub fn read(&self, path: &str) -> Result<&[u8], Errno> {
        match self.entries.get(path) {
            Some(Entry::File(file)) => Ok(&file.contents),
            Some(Entry::Directory) => Err(Errno::IsDirectory),
            None => Err(self.why_absent(path)),
        }
    }

    /// What is at a path.
    pub fn kind(&self, path: &str) -> Option<Kind> {
        Some(match self.entries.get(path)? {
            Entry::Directory => Kind::Directory,
            Entry::File(file) => Kind::File { len: file.contents.len(), executable: file.executable },
        })
    }

    /// Makes a file anew, or adds to its end.
    ///
    /// # Errors
    ///
    /// No such directory, a directory of this name, or no room.
    pub fn write(&mut self, path: &str, bytes: &[u8], append: bool) -> Result<(), Errno> {
        let before = match self.entries.get(path) {
            Some(Entry::Directory) => return Err(Errno::IsDirectory),
            Some(Entry::File(file)) => file.contents.len(),
            None => {
                self.require_parent(path)?;
                0
            }
        };
        let kept = if append { before } else { 0 };
        let used = self.used_bytes - before + kept + bytes.len();
        if used > CAPACITY_BYTES {
            return Err(Errno::NoSpace);
        }
        self.used_bytes = used;
        let fresh = || Entry::File(File { contents: Vec::new(), executable: false });
        if let Entry::File(file) = self.entries.entry(path.to_owned()).or_insert_with(fresh) {
            file.contents.truncate(kept);
            file.contents.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Makes a directory.
    ///
    /// # Errors
    ///
    /// It is there already, or what it should lie in is not.
    pub fn make_directory(&mut self, path: &str) -> Result<(), Errno> {
        if self.entries.contains_key(path) {
            return Err(Errno::Exists);
        }
        self.require_parent(path)?;
        self.entries.insert(path.to_owned(), Entry::Directory);
        Ok(())
    }

    /// Removes a file, or a directory and all that is in it.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchFile`].
    pub fn remove(&mut self, path: &str) -> Result<(), Errno> {
        if !self.entries.contains_key(path) {
            return Err(self.why_absent(path));
        }
        let inside = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        self.entries.retain(|name, _| name != path && !name.starts_with(&inside) || name == "/");
        self.used_bytes = self
            .entries
            .values()
            .map(|entry| if let Entry::File(file) = entry { file.contents.len() } else { 0 })
            .sum();
        Ok(())
    }

    /// Gives a file or a directory another place.
    ///
    /// # Errors
    ///
    /// What is to be moved is not there, or where it should go is not; a directory cannot go into itself.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        if !self.entries.contains_key(from) {
            return Err(self.why_absent(from));
        }
        if from == to {
            return Ok(());
        }
        let inside = format!("{from}/");
        if to.starts_with(&inside) {
            return Err(Errno::InvalidArgument);
        }
        self.require_parent(to)?;
        let moved = self.entries.extract_if(.., |name, _| name == from || name.starts_with(&inside));
        let moved: Vec<(String, Entry)> = moved.collect();
        self.entries.extend(moved.into_iter().map(|(name, entry)| (format!("{to}{}", &name[from.len()..]), entry)));
        Ok(())
    }

    /// Says whether a file may be run.
    pub fn set_executable(&mut self, path: &str, yes: bool) {
        if let Some(Entry::File(file)) = self.entries.get_mut(path) {
            file.executable = yes;
        }
    }

    /// The names in a directory, in the order of the alphabet.
    pub fn list(&self, directory: &str) -> Vec<String> {
        let prefix = if directory == "/" { "/".to_owned() } else { format!("{directory}/") };
        let below = self.entries.range(prefix.clone()..).map_while(|(name, _)| name.strip_prefix(&prefix));
        below.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect()
    }

    fn require_parent(&self, path: &str) -> Result<(), Errno> {
        if self.entries.len() >= CAPACITY_ENTRIES {
            return Err(Errno::NoSpace);
        }
        match self.entries.get(parent_of(path)) {
            Some(Entry::Directory) => Ok(()),
            Some(Entry::File(_)) => Err(Errno::NotDirectory),
            None => Err(Errno::NoSuchFile),
        }
    }

    /// ENOTDIR if something on the way is a file.
    fn why_absent(&self, path: &str) -> Errno {
        let mut parent = parent_of(path);
        while parent != "/" {
            if matches!(self.entries.get(parent), Some(Entry::File(_))) {
                return Errno::NotDirectory;
            }
            parent = parent_of(parent);
        }
        Errno::NoSuchFile
    }
}

/// The absolute path that a name means in a working directory, without `.` and `..`.
pub fn absolute(cwd: &str, name: &str) -> String {
    let from_root = if name.starts_with('/') { "" } else { cwd };
    let mut parts: Vec<&str> = Vec::new();
    for part in from_root.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The directory that an absolute path lies in.
pub fn parent_of(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => &path[..at],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_absolute() {
        assert_eq!(absolute("/root", "a"), "/root/a");
        assert_eq!(absolute("/root", "../etc//./hosts"), "/etc/hosts");
        assert_eq!(absolute("/root", "/../.."), "/");
    }

    #[test]
    fn installed_files_bring_their_directories() {
        let mut files = Files::default();
        files.install("/opt/lab/check.sh", b"#!/bin/sh\n");
        files.install("note", b"hello");
        assert_eq!(files.kind("/opt/lab"), Some(Kind::Directory));
        assert_eq!(files.kind("/opt/lab/check.sh"), Some(Kind::File { len: 10, executable: true }));
        assert_eq!(files.read("/root/note"), Ok(&b"hello"[..]));
    }

    #[test]
    fn the_disk_fills_up() {
        let mut files = Files::default();
        let half = vec![0; CAPACITY_BYTES / 2];
        files.write("/tmp/a", &half, false).unwrap();
        assert_eq!(files.write("/tmp/a", &half, true), Err(Errno::NoSpace), "SERVICES takes some bytes, too");
        files.write("/tmp/a", &half, false).unwrap();
        files.remove("/tmp/a").unwrap();
        files.write("/tmp/b", &half, false).unwrap();
        assert_eq!(files.write("/nowhere/a", b"", false), Err(Errno::NoSuchFile));
        assert_eq!(files.write("/tmp/b/c", b"", false), Err(Errno::NotDirectory));
    }

    #[test]
    fn directories_move_with_what_is_in_them() {
        let mut files = Files::default();
        files.install("/tmp/a/b/c", b"x");
        files.rename("/tmp/a", "/tmp/z").unwrap();
        assert_eq!(files.read("/tmp/z/b/c"), Ok(&b"x"[..]));
        assert_eq!(files.list("/tmp"), ["z"]);
        assert_eq!(files.rename("/tmp/z", "/tmp/z/b"), Err(Errno::InvalidArgument));
    }
}
