//! keepalived 2.2.7 on a node: carries out what the state machines of [`crate::keepalived`] want.
//!
//! `daemon` is its life; `router` and `device` the VRRP process's hands, `pool` the checkers' process's; `probe` asks servers.

mod daemon;
mod device;
mod log;
mod pool;
mod probe;
mod router;
mod script;
mod status;

use super::Process;
use crate::host::Kernel;
use crate::host::process::Task;
use crate::keepalived::conf::{self, Config, Files, Message};
pub use log::FILE as LOG;
use log::Log;
pub(super) use status::status;

/// Where it looks for its configuration.
const CONFIG: &str = "/etc/keepalived/keepalived.conf";

const VERSION: &str = "Keepalived v2.2.7 (01/16,2022)";

/// The signals that it listens to.
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
pub(super) const SIGTERM: i32 = 15;

/// Files of the node that a configuration includes.
struct Included<'a> {
    kernel: &'a mut Kernel,
    name: &'a str,
    is_test: bool,
}

impl Files for Included<'_> {
    fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
        let folder =
            if pattern.starts_with('/') { "" } else { self.name.rfind('/').map_or("", |at| &self.name[..=at]) };
        let path = format!("{folder}{pattern}");
        let mut paths = super::language::matching(self.kernel, &path);
        if paths.is_empty() {
            paths.push(path);
        }
        let read = |path: String| {
            let bytes = self.kernel.read_path(&path).ok()?;
            let named = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            Some((named, String::from_utf8_lossy(&bytes).into_owned()))
        };
        paths.into_iter().filter_map(read).collect()
    }

    fn is_program(&mut self, path: &str) -> bool {
        let is_file =
            matches!(self.kernel.kind_of_path(path), Some(crate::host::files::Kind::File { executable: true, .. }));
        is_file || super::language::program_at(path).is_some()
    }

    fn name(&self) -> &str {
        self.name
    }

    fn is_test(&self) -> bool {
        self.is_test
    }
}

/// Reads a configuration; none if there is no such file.
fn read(kernel: &mut Kernel, path: &str, is_test: bool) -> Option<(Config, Vec<Message>)> {
    let bytes = kernel.read_path(path).ok()?;
    let id = kernel.name.clone();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (config, mut messages) = conf::parse(&text, &id, &mut Included { kernel, name: path, is_test });
    let mut missing: Vec<&str> = Vec::new();
    for it in &config.instances {
        let interface = it.interface.as_str();
        if interface.is_empty() || kernel.interface(interface).is_some() || missing.contains(&interface) {
            continue;
        }
        let (text, severity) = if config.global.dynamic_interfaces {
            missing.push(interface);
            let what = "which doesn't currently exist - will use if created";
            (format!("Configuration specifies interface {interface} {what}"), conf::Severity::Log)
        } else {
            let text = format!("WARNING - interface {interface} for vrrp_instance {} doesn't exist", it.name);
            (text, conf::Severity::Fatal)
        };
        messages.push(Message { file: None, line: None, column: 1, text, severity });
    }
    Some((config, messages))
}

/// keepalived [-t] [-f FILE] [-v]: without -t, what systemd starts.
pub(super) fn keepalived(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let mut path = CONFIG.to_owned();
        let (mut is_test, mut in_foreground) = (false, false);
        let mut words = args.iter().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "-t" | "--config-test" => is_test = true,
                "-f" | "--use-file" => path = words.next().cloned().unwrap_or(path),
                "-n" | "--dont-fork" => in_foreground = true,
                "-v" | "--version" => {
                    process.complain(&format!("{VERSION}\n"));
                    return 0;
                }
                _ => {}
            }
        }
        if is_test {
            return test(&process, &path);
        }
        if in_foreground {
            return daemon::run(process, path).await;
        }
        let sys = process.sys.clone();
        sys.spawn("keepalived", |sys| Box::pin(daemon::run(process.thread(sys), path)));
        0
    })
}

/// keepalived -t
fn test(process: &Process, path: &str) -> i32 {
    let Some((_, messages)) = process.sys.with(|kernel| read(kernel, path, true)) else {
        // Nobody misses the file: this is what 2.2.7 does.
        process.complain(&format!("Config files missing '{path}'.\n"));
        return 0;
    };
    for message in messages.iter().filter(|message| message.severity != conf::Severity::Log) {
        process.complain(&format!("{message}\n"));
    }
    conf::status(&messages)
}

/// Starts it as systemd does; false if it does not stay.
pub(super) async fn start(process: &Process) -> bool {
    let daemon = Process { out: crate::host::Output::Null, err: crate::host::Output::Null, ..process.clone() };
    let pid = process.sys.spawn("keepalived", |sys| Box::pin(daemon::run(daemon.thread(sys), CONFIG.to_owned())));
    let until = process.sys.now() + daemon::START_UP;
    process.sys.join_until(pid, Some(until)).await.is_none()
}
