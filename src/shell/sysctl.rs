//! sysctl, of procps-ng 4.0.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::host::{Errno, Io, Kernel};

#[derive(Default)]
struct Options {
    write: bool,
    names_only: bool,
    values_only: bool,
    quiet: bool,
    ignore: bool,
}

/// sysctl \[OPTIONS\] \[KEY\[=VALUE\]...\]
pub(super) fn sysctl(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let mut options = Options::default();
    let (mut all, mut system, mut files, mut keys) = (false, false, Vec::new(), Vec::new());
    let mut words = args[1..].iter().peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-a" | "-A" | "-X" | "--all" => all = true,
            "-w" | "--write" => options.write = true,
            "-n" | "--values" => options.values_only = true,
            "-N" | "--names" => options.names_only = true,
            "-q" | "--quiet" => options.quiet = true,
            "-e" | "--ignore" => options.ignore = true,
            "-qw" | "-wq" => (options.write, options.quiet) = (true, true),
            "-p" | "-f" | "--load" => {
                let file = words.next_if(|next| !next.starts_with('-')).map_or("/etc/sysctl.conf", String::as_str);
                files.push(file.to_owned());
            }
            "--system" => system = true,
            option if option.starts_with('-') && option.len() > 1 => {
                let _ = writeln!(io.err, "sysctl: invalid option -- '{}'", &option[1..2]);
                return 1;
            }
            key => keys.push(key.to_owned()),
        }
    }
    let mut status = 0;
    if system {
        status |= load_system(kernel, &options, io);
    }
    for file in files {
        status |= load(kernel, &file, &options, io);
    }
    if all {
        status |= show(kernel, "", &options, io);
    }
    if keys.is_empty() && args.len() < 2 {
        io.err.push_str("Usage:\n sysctl [options] [variable[=value] ...]\n");
        return 1;
    }
    for key in keys {
        status |= match key.split_once('=') {
            Some((name, value)) => set(kernel, name.trim(), value.trim(), &options, io),
            None if options.write => {
                let _ = writeln!(io.err, "sysctl: \"{key}\" must be of the form name=value");
                1
            }
            None => show(kernel, &key, &options, io),
        };
    }
    status
}

/// What a machine applies when it boots: PreloadSystem. A file's name decides its turn, and hides later folders' files.
fn load_system(kernel: &mut Kernel, options: &Options, io: &mut Io) -> i32 {
    const FOLDERS: [&str; 5] =
        ["/run/sysctl.d", "/etc/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
    let mut files: BTreeMap<String, &str> = BTreeMap::new();
    for folder in FOLDERS {
        for name in kernel.files().list(folder) {
            if name.ends_with(".conf") {
                files.entry(name).or_insert(folder);
            }
        }
    }
    let mut paths: Vec<_> = files.into_iter().map(|(name, folder)| format!("{folder}/{name}")).collect();
    if kernel.kind_of_path("/etc/sysctl.conf").is_some() {
        paths.push("/etc/sysctl.conf".to_owned());
    }
    let mut status = 0;
    for path in paths {
        if !options.quiet {
            let _ = writeln!(io.out, "* Applying {path} ...");
        }
        status |= load(kernel, &path, options, io);
    }
    status
}

/// The settings in a file: lines of the form name = value.
fn load(kernel: &mut Kernel, file: &str, options: &Options, io: &mut Io) -> i32 {
    let Ok(bytes) = kernel.read_path(file) else {
        let _ = writeln!(io.err, "sysctl: cannot open \"{file}\": No such file or directory");
        return 1;
    };
    let mut status = 0;
    for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (line, ignore) = line.strip_prefix('-').map_or((line, false), |rest| (rest, true));
        match line.split_once('=') {
            Some((name, value)) => {
                let set = set(kernel, name.trim(), value.trim(), options, io);
                status |= if ignore { 0 } else { set };
            }
            None => {
                let _ = writeln!(io.err, "sysctl: {file}({}): invalid syntax, continuing...", number + 1);
            }
        }
    }
    status
}

fn set(kernel: &mut Kernel, name: &str, value: &str, options: &Options, io: &mut Io) -> i32 {
    let value = value.trim_matches(['"', '\'']);
    match kernel.set_sysctl(name, value) {
        Ok(()) => {
            if !options.quiet {
                shown(&name.replace('/', "."), value, options, io);
            }
            0
        }
        Err(error) => complain(name, error, options, io),
    }
}

fn show(kernel: &Kernel, key: &str, options: &Options, io: &mut Io) -> i32 {
    let key = key.replace('/', ".");
    let key = key.trim_end_matches('.');
    if let Ok(value) = kernel.read_sysctl(key) {
        shown(key, &value, options, io);
        return 0;
    }
    let names = kernel.sysctl_names(key);
    if names.is_empty() {
        return complain(key, Errno::NoSuchFile, options, io);
    }
    for name in names {
        if let Ok(value) = kernel.read_sysctl(&name) {
            shown(&name, &value, options, io);
        }
    }
    0
}

fn shown(name: &str, value: &str, options: &Options, io: &mut Io) {
    let _ = match options {
        Options { names_only: true, .. } => writeln!(io.out, "{name}"),
        Options { values_only: true, .. } => writeln!(io.out, "{value}"),
        _ => writeln!(io.out, "{name} = {value}"),
    };
}

fn complain(name: &str, error: Errno, options: &Options, io: &mut Io) -> i32 {
    let path = name.replace('.', "/");
    let _ = match error {
        Errno::NoSuchFile if options.ignore => return 0,
        Errno::NoSuchFile => writeln!(io.err, "sysctl: cannot stat /proc/sys/{path}: {error}"),
        error => writeln!(io.err, "sysctl: setting key \"{}\": {error}", name.replace('/', ".")),
    };
    1
}
