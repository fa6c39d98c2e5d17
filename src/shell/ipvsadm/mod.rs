//! ipvsadm 1.31: the administrator's tool of the load balancer.
//!
//! `popt` takes the line apart, `options` says what may stand on it, `call` understands it, and this file does it.

mod call;
mod list;
mod names;
mod options;
mod popt;
mod save;
mod usage;
mod values;

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::host::route::Kind;
use crate::host::{Io, Kernel};
use crate::ipvs::Error;
use call::{Call, try_help};
use options::{Command, Opt};

/// The exit status of a call that makes no sense, of one that popt or the kernel does not understand, and of a listing that fails.
const WRONG: i32 = 2;
const REFUSED: i32 = 255;
const NOT_LISTED: i32 = 1;

/// Why a call went no further.
struct Failure {
    text: String,
    status: i32,
    /// The program ends here, even if it has more lines to read.
    is_last: bool,
}

impl Failure {
    fn exit(status: i32, text: String) -> Failure {
        Failure { text, status, is_last: true }
    }
}

/// A call that makes no sense (fail).
fn wrong(text: impl Into<String>) -> Failure {
    Failure::exit(WRONG, text.into())
}

/// A call that is not carried out, which does not keep ipvsadm from the next line.
fn left(text: String) -> Failure {
    Failure { text, status: REFUSED, is_last: false }
}

fn refused(error: Error) -> Failure {
    left(error.to_string())
}

/// ipvsadm COMMAND \[OPTIONS\]
pub(super) fn ipvsadm(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    if args.len() == 1 {
        return list::everything(kernel, &mut io.out);
    }
    run(kernel, args, io, false).0
}

/// ipvsadm-save [-n]: what `ipvsadm -S` prints.
pub(super) fn save(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    if args[1..].iter().any(|word| word.starts_with('-') && word != "-n") {
        let program = args[0].rsplit('/').next().unwrap_or_default();
        let _ = writeln!(io.err, "{program}: Script to save the IPVS table to stdout.");
        io.err.push_str("   With the -n option, prints out the table in numeric format.\n");
        return 1;
    }
    save::print(kernel, args.len() > 1, &mut io.out);
    0
}

/// ipvsadm-restore: an empty table, and then what `ipvsadm -R` reads. Lines that begin with # are left out.
pub(super) fn restore(kernel: &mut Kernel, _: &[String], io: &mut Io) -> i32 {
    let now = kernel.now;
    kernel.ipvs().flush(now);
    let text = io.stdin.take();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    restore_lines(kernel, "ipvsadm", &lines.join("\n"), io)
}

/// One call, perhaps a line of many (process_options). Gives its status, and whether the program ends with it.
fn run(kernel: &mut Kernel, args: &[String], io: &mut Io, is_line: bool) -> (i32, bool) {
    let result = Call::read(kernel, args).and_then(|call| match call.command {
        // No line of many may ask for many lines.
        Command::Restore if is_line => Err(try_help(&args[0])),
        Command::Restore => {
            let text = io.stdin.take();
            Ok((restore_lines(kernel, &args[0], &text, io), true))
        }
        Command::Help | Command::Version => {
            io.out.push_str(usage::VERSION);
            if call.command == Command::Help {
                io.out.push_str(&usage::text(&args[0]));
            }
            Ok((0, true))
        }
        _ => carry_out(kernel, &call, io).map(|()| (0, false)),
    });
    result.unwrap_or_else(|failure| {
        let _ = writeln!(io.err, "{}", failure.text);
        (failure.status, failure.is_last)
    })
}

fn carry_out(kernel: &mut Kernel, call: &Call, io: &mut Io) -> Result<(), Failure> {
    let now = kernel.now;
    match call.command {
        Command::AddService => {
            let key = call.key()?;
            kernel.ipvs().add_service(key, call.service_options()?).map_err(refused)?;
        }
        Command::EditService => {
            let key = call.key()?;
            kernel.ipvs().edit_service(key, call.service_options()?).map_err(refused)?;
        }
        Command::DeleteService => kernel.ipvs().delete_service(call.key()?, now).map_err(refused)?,
        Command::Flush => kernel.ipvs().flush(now),
        Command::AddServer => {
            let (key, mut server) = (call.key()?, call.server()?);
            // inet_addr_type: the broadcast address of a subnet will do as little as 255.255.255.255.
            if kernel.routes().kind_of(server.address) == Kind::Broadcast {
                server.address = Ipv4Addr::BROADCAST;
            }
            kernel.ipvs().add_dest(key, server).map_err(refused)?;
        }
        Command::EditServer => kernel.ipvs().edit_dest(call.key()?, call.server()?).map_err(refused)?,
        Command::DeleteServer => kernel.ipvs().delete_dest(call.key()?, &call.server()?, now).map_err(refused)?,
        Command::Zero => kernel.ipvs().zero(call.maybe_key()?, now).map_err(refused)?,
        Command::SetTimeouts => kernel.ipvs().set_timeouts(call.timeouts),
        Command::StartDaemon => {
            kernel.start_sync(call.role, call.daemon()?).map_err(|error| left(error.to_string()))?
        }
        Command::StopDaemon => kernel.stop_sync(call.role).map_err(refused)?,
        Command::Save => save::print(kernel, call.given.has(Opt::Numeric), &mut io.out),
        Command::List => list::print(kernel, call, &mut io.out)?,
        Command::Restore | Command::Help | Command::Version => {}
    }
    Ok(())
}

/// One command a line; the last one's status counts (restore_table). The word ipvsadm is left out wherever it stands.
fn restore_lines(kernel: &mut Kernel, program: &str, text: &str, io: &mut Io) -> i32 {
    let mut status = 0;
    for line in text.lines() {
        let words = line.split_whitespace().filter(|word| *word != "ipvsadm");
        let words: Vec<String> = std::iter::once(program).chain(words).map(str::to_owned).collect();
        if words.len() == 1 {
            continue;
        }
        let is_last;
        (status, is_last) = run(kernel, &words, io, true);
        if is_last {
            break;
        }
    }
    status
}
