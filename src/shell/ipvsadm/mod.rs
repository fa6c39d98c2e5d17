//! ipvsadm 1.31: the administrator's tool of the load balancer.

mod list;
mod names;
mod options;
mod save;
mod usage;

use std::fmt::Write;

use crate::host::{Io, Kernel};
use crate::ipvs::{DestOptions, Error, ServiceOptions};
use options::{Command, Options};

/// The exit status of a call that makes no sense, of one that popt does not understand, and of a listing that fails.
const WRONG: i32 = 2;
const REFUSED: i32 = 255;
const NOT_LISTED: i32 = 1;

/// Why a call went no further: what it says, and its exit status.
struct Failure {
    text: String,
    status: i32,
}

fn wrong(text: impl Into<String>) -> Failure {
    Failure { text: text.into(), status: WRONG }
}

fn refused(error: Error) -> Failure {
    Failure { text: error.to_string(), status: REFUSED }
}

/// ipvsadm COMMAND \[OPTIONS\]
pub(super) fn ipvsadm(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    run(kernel, args, io)
}

/// ipvsadm-save [-n]: what `ipvsadm -S` prints.
pub(super) fn save(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let numeric = args[1..].iter().any(|word| word == "-n" || word == "--numeric");
    save::print(kernel, numeric, &mut io.out);
    0
}

/// ipvsadm-restore: an empty table, and then what `ipvsadm -R` reads. Lines that begin with # are left out.
pub(super) fn restore(kernel: &mut Kernel, _: &[String], io: &mut Io) -> i32 {
    let now = kernel.now;
    kernel.ipvs().flush(now);
    let text = io.stdin.take();
    let lines: String = text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
    restore_lines(kernel, "ipvsadm", &lines, io)
}

fn run(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let result = options::parse(kernel, args).and_then(|options| carry_out(kernel, args, options, io));
    match result {
        Ok(status) => status,
        Err(Failure { text, status }) => {
            let _ = writeln!(io.err, "{text}");
            status
        }
    }
}

fn carry_out(kernel: &mut Kernel, args: &[String], options: Options, io: &mut Io) -> Result<i32, Failure> {
    let now = kernel.now;
    let service = || ServiceOptions {
        scheduler: options.scheduler.clone().unwrap_or_else(|| "wlc".to_owned()),
        scheduler_flags: options.scheduler_flags,
        persistence: options.persistence,
        netmask: options.netmask,
        one_packet: options.one_packet,
        engine: options.engine,
    };
    match options.command {
        Command::AddService => kernel.ipvs().add_service(options.key()?, service()).map_err(refused)?,
        Command::EditService => kernel.ipvs().edit_service(options.key()?, service()).map_err(refused)?,
        Command::DeleteService => kernel.ipvs().delete_service(options.key()?, now).map_err(refused)?,
        Command::Flush => kernel.ipvs().flush(now),
        Command::AddServer => kernel.ipvs().add_dest(options.key()?, server(&options)?).map_err(refused)?,
        Command::EditServer => kernel.ipvs().edit_dest(options.key()?, server(&options)?).map_err(refused)?,
        Command::DeleteServer => {
            kernel.ipvs().delete_dest(options.key()?, &server(&options)?, now).map_err(refused)?;
        }
        Command::Zero => kernel.ipvs().zero(options.service, now).map_err(refused)?,
        Command::SetTimeouts(seconds) => kernel.ipvs().set_timeouts(seconds),
        Command::Save => save::print(kernel, options.numeric, &mut io.out),
        Command::Restore => {
            let text = io.stdin.take();
            return Ok(restore_lines(kernel, &args[0], &text, io));
        }
        Command::List => list::print(kernel, &options, &mut io.out)?,
        Command::Version => io.out.push_str(usage::VERSION),
        Command::Help => {
            io.out.push_str(usage::VERSION);
            io.out.push_str(&usage::text(&args[0]));
        }
    }
    Ok(0)
}

/// What is said about a server. Only masquerading can change ports, so the others get the service's own.
fn server(options: &Options) -> Result<DestOptions, Failure> {
    let key = options.key()?;
    let mut server = options.server.ok_or_else(|| wrong("no server"))?;
    let is_mark = matches!(key, crate::ipvs::ServiceKey::Mark(_));
    if server.method != crate::ipvs::Method::Masquerade && !is_mark {
        server.port = key.port();
    }
    Ok(server)
}

/// One command a line, perhaps with the word ipvsadm in front; the last one's status counts, and nonsense ends it all.
fn restore_lines(kernel: &mut Kernel, program: &str, text: &str, io: &mut Io) -> i32 {
    let mut status = 0;
    for line in text.lines() {
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match words.first().map(String::as_str) {
            None => continue,
            Some("ipvsadm") => words[0] = program.to_owned(),
            Some(_) => words.insert(0, program.to_owned()),
        }
        status = run(kernel, &words, io);
        if status == WRONG {
            break;
        }
    }
    status
}
