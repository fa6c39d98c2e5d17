//! Builtins that run other commands: in front of them, as shells of their own, as services.

use super::USAGE;
use crate::host::Errno;
use crate::host::files::{Kind, absolute};
use crate::shell::language::interpreter::{Flow, Shell};
use crate::shell::language::simple::base_name;
use crate::shell::language::state::{Options, State, is_name};
use crate::shell::seconds;
use crate::time::Span;

/// What `timeout` gives when the time is over, and when it was called wrongly.
const TIMED_OUT: i32 = 124;
const TIMEOUT_FAILED: i32 = 125;

const SIGTERM: i32 = 15;

impl Shell {
    /// Commands in front of commands.
    pub(super) async fn prefixed(&mut self, name: &str, args: &[String], single: bool) -> Flow {
        if name == "command" && matches!(args.first().map(String::as_str), Some("-v" | "-V")) {
            self.state.status = self.describe_all(&args[1..], false);
            return Flow::Next;
        }
        let mut rest = args;
        while let Some((word, more)) = rest.split_first() {
            match word.split_once('=') {
                Some((variable, value)) if name == "env" && is_name(variable) => {
                    // The variables of `env` end with it: it always runs in a scope or a process of its own.
                    let assigned = self.state.set_text(variable, value);
                    if self.allow(variable, assigned).is_err() {
                        return Flow::Next;
                    }
                }
                _ if word.starts_with('-') => {}
                _ => break,
            }
            rest = more;
        }
        if rest.is_empty() {
            self.state.status = if name == "env" { self.print_environment(&[]) } else { 0 };
            return Flow::Next;
        }
        let flow = self.dispatch(rest, single).await;
        if name == "exec" { Flow::Exit } else { flow }
    }

    /// service NAME ACTION: a script in /etc/init.d, or what systemd says.
    pub(super) async fn service(&mut self, args: &[String]) -> Flow {
        let [name, action, ..] = args else {
            self.print_error(
                "Usage: service < option > | --status-all | [ service_name [ command | --full-restart ] ]\n",
            );
            self.state.status = 1;
            return Flow::Next;
        };
        let script = format!("/etc/init.d/{name}");
        let exists = self.sys.with(|kernel| matches!(kernel.kind_of_path(&script), Some(Kind::File { .. })));
        let words: Vec<String> = match exists {
            true => std::iter::once(script).chain(args[1..].iter().cloned()).collect(),
            false => vec!["systemctl".to_owned(), action.clone(), name.clone()],
        };
        self.dispatch(&words, false).await
    }

    /// timeout \[-s SIGNAL\] \[-k SECONDS\] SECONDS COMMAND...
    pub(super) async fn timeout(&mut self, args: &[String]) -> i32 {
        let mut rest = args;
        while let [option, more @ ..] = rest
            && option.starts_with('-')
        {
            let takes_value = matches!(option.as_str(), "-s" | "-k");
            rest = more.get(usize::from(takes_value)..).unwrap_or_default();
        }
        let [limit, command @ ..] = rest else {
            self.print_error("timeout: missing operand\nTry 'timeout --help' for more information.\n");
            return TIMEOUT_FAILED;
        };
        let Some(limit) = seconds(limit) else {
            self.print_error(&format!(
                "timeout: invalid time interval '{limit}'\nTry 'timeout --help' for more information.\n"
            ));
            return TIMEOUT_FAILED;
        };
        let command = command.to_vec();
        let mut shell = self.subshell();
        let pid = self.sys.spawn("timeout", |sys| {
            Box::pin(async move {
                shell.sys = sys;
                shell.dispatch(&command, true).await;
                shell.state.status
            })
        });
        let until = (limit > Span::ZERO).then(|| self.sys.now() + limit);
        match self.sys.join_until(pid, until).await {
            Some(status) => status,
            None => {
                self.sys.with(|kernel| kernel.scheduler.kill(pid, SIGTERM));
                self.sys.join(pid).await;
                TIMED_OUT
            }
        }
    }

    /// bash \[-c SCRIPT \[NAME\]\] \[FILE\] \[ARGUMENT...\]
    pub(super) async fn shell_program(&mut self, name: &str, args: &[String]) -> i32 {
        let mut rest = args;
        let mut options = Options::default();
        let mut from_argument = false;
        while let [flags, more @ ..] = rest
            && let Some(letters) = flags.strip_prefix('-')
        {
            for letter in letters.chars() {
                match letter {
                    'c' => from_argument = true,
                    letter if options.switch(letter, true) => {}
                    _ => {}
                }
            }
            rest = more;
        }
        let (script, own_name, args) = match rest {
            [script, rest @ ..] if from_argument => {
                let (own_name, args) = match rest {
                    [] => (name, rest),
                    [own_name, args @ ..] => (own_name.as_str(), args),
                };
                (script.clone(), own_name.to_owned(), args)
            }
            [] if from_argument => {
                self.print_error(&format!("{name}: -c: option requires an argument\n"));
                return USAGE;
            }
            [] => {
                self.stdin.complete(&self.sys).await;
                (self.stdin.take(), name.to_owned(), rest)
            }
            [file, args @ ..] => {
                let path = absolute(&self.state.cwd, file);
                match self.sys.with(|kernel| kernel.read_path(&path)) {
                    Ok(bytes) => (String::from_utf8_lossy(&bytes).into_owned(), file.clone(), args),
                    Err(error) => {
                        self.print_error(&format!("{name}: {file}: {error}\n"));
                        return if error == Errno::NoSuchFile { 127 } else { 126 };
                    }
                }
            }
        };
        let state = State { options, ..self.state.for_program(&own_name, args.to_vec()) };
        self.run_shell(base_name(&own_name), state, script).await
    }
}
