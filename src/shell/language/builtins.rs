//! Commands that are part of the shell: they change it, or need to know it.

use std::rc::Rc;

use super::interpreter::{Flow, Shell};
use super::simple::{Program, base_name};
use super::state::{Options, State, Value, is_name};
use crate::host::files::{HOME, Kind, absolute};
use crate::host::{Errno, Pid};
use crate::time::Span;

/// The exit status of a builtin that was called wrongly.
const USAGE: i32 = 2;

/// What `timeout` gives when the time is over.
const TIMED_OUT: i32 = 124;

const SIGTERM: i32 = 15;

const NAMES: [&str; 43] = [
    ".", ":", "[", "bash", "break", "builtin", "cd", "command", "continue", "dash", "declare", "env", "eval", "exec",
    "exit", "export", "jobs", "kill", "let", "local", "nohup", "printenv", "pwd", "read", "readonly", "return",
    "service", "set", "sh", "shift", "shopt", "source", "sudo", "test", "timeout", "trap", "type", "typeset", "ulimit",
    "umask", "unset", "wait", "which",
];

/// Those that are programs of their own on a real machine, and can be called by their path.
const PROGRAMS: [&str; 12] =
    ["[", "bash", "dash", "env", "kill", "nohup", "printenv", "service", "sh", "test", "timeout", "which"];

const SIGNALS: [(&str, i32); 8] =
    [("HUP", 1), ("INT", 2), ("QUIT", 3), ("KILL", 9), ("USR1", 10), ("USR2", 12), ("TERM", 15), ("CONT", 18)];

pub(super) fn is_builtin(name: &str) -> bool {
    NAMES.contains(&name)
}

pub(super) fn is_program(name: &str) -> bool {
    PROGRAMS.contains(&name)
}

impl Shell {
    /// Runs a builtin. What it gives is `$?`, unless it goes elsewhere.
    pub async fn builtin(&mut self, words: &[String], single: bool) -> Flow {
        let name = base_name(words.first().map_or("", String::as_str)).to_owned();
        let args = words.get(1..).unwrap_or_default();
        let status = match name.as_str() {
            "break" | "continue" | "exit" | "return" => return self.leave_something(&name, args),
            "." | "source" => return self.source(&name, args).await,
            "eval" => {
                self.state.status = 0;
                if self.enter().is_err() {
                    return Flow::Exit;
                }
                let flow = self.script(&args.join(" ")).await;
                self.leave();
                return flow;
            }
            "builtin" | "command" | "exec" | "nohup" | "sudo" | "env" => {
                return self.prefixed(&name, args, single).await;
            }
            "service" => return self.service(args).await,
            "timeout" => self.timeout(args).await,
            "bash" | "sh" | "dash" => self.shell_program(&name, args).await,
            "read" => self.read(args).await,
            "wait" => self.wait(args).await,
            "let" => self.let_expressions(args),
            _ => self.instant_builtin(&name, args),
        };
        self.state.status = status;
        Flow::Next
    }

    fn instant_builtin(&mut self, name: &str, args: &[String]) -> i32 {
        match name {
            "[" | "test" => {
                let words: Vec<String> = std::iter::once(name.to_owned()).chain(args.iter().cloned()).collect();
                self.test_command(&words)
            }
            "cd" => self.change_directory(args),
            "pwd" => self.print(name, &format!("{}\n", self.state.cwd)),
            "declare" | "typeset" | "local" | "export" | "readonly" => self.declare_variables(name, args),
            "printenv" => self.print_environment(args),
            "unset" => self.unset(args),
            "set" => self.set_options(args),
            "shift" => self.shift(args),
            "kill" => self.kill(args),
            "type" => self.describe_all(args, true),
            "which" => self.which(args),
            // `:`, and what has no effect here: jobs, shopt, trap, ulimit, umask.
            _ => 0,
        }
    }

    /// Writes a builtin's output; the exit status.
    fn print(&self, name: &str, text: &str) -> i32 {
        match self.sys.with(|kernel| self.out.write(kernel, text)) {
            Ok(()) => 0,
            Err(error) => self.write_error(name, error),
        }
    }

    fn wrong(&self, message: &str) -> i32 {
        self.complain(message);
        1
    }

    /// break, continue, return, exit.
    fn leave_something(&mut self, name: &str, args: &[String]) -> Flow {
        let number = match args.first().map(|arg| arg.parse::<i64>()) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(_)) => {
                self.complain(&format!("{name}: {}: numeric argument required", args[0]));
                self.state.status = USAGE;
                return if name == "return" { Flow::Return } else { Flow::Exit };
            }
        };
        let status = number.map_or(self.state.status, |number| (number & 0xff) as i32);
        match name {
            "exit" => {
                self.state.status = status;
                Flow::Exit
            }
            "return" if self.functions == 0 && self.sourced == 0 => {
                self.state.status = self.wrong("return: can only `return' from a function or sourced script");
                Flow::Next
            }
            "return" => {
                self.state.status = status;
                Flow::Return
            }
            _ if self.loops == 0 => {
                self.complain(&format!("{name}: only meaningful in a `for', `while', or `until' loop"));
                self.state.status = 0;
                Flow::Next
            }
            _ => {
                self.state.status = 0;
                let levels = usize::try_from(number.unwrap_or(1)).unwrap_or(0);
                if levels == 0 {
                    self.state.status =
                        self.wrong(&format!("{name}: {}: loop count out of range", number.unwrap_or(0)));
                    return Flow::Break(self.loops);
                }
                let levels = levels.min(self.loops);
                if name == "break" { Flow::Break(levels) } else { Flow::Continue(levels) }
            }
        }
    }

    async fn source(&mut self, name: &str, args: &[String]) -> Flow {
        let Some((file, rest)) = args.split_first() else {
            self.complain(&format!("{name}: filename argument required"));
            self.print_error(&format!("{name}: usage: {name} filename [arguments]\n"));
            self.state.status = USAGE;
            return Flow::Next;
        };
        let path = absolute(&self.state.cwd, file);
        let text = match self.sys.with(|kernel| kernel.read_path(&path)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                self.state.status = self.wrong(&format!("{file}: {error}"));
                return Flow::Next;
            }
        };
        if self.enter().is_err() {
            return Flow::Exit;
        }
        let args = if rest.is_empty() { self.state.args.clone() } else { rest.to_vec() };
        let args = std::mem::replace(&mut self.state.args, args);
        let (line, outer) = (self.line, std::mem::replace(&mut self.state.name, file.clone()));
        self.sourced += 1;
        self.state.status = 0;
        let flow = self.script(&text).await;
        self.sourced -= 1;
        self.state.name = outer;
        self.line = line;
        if !rest.is_empty() {
            self.state.args = args;
        }
        self.leave();
        if flow == Flow::Return { Flow::Next } else { flow }
    }

    /// Commands in front of commands.
    async fn prefixed(&mut self, name: &str, args: &[String], single: bool) -> Flow {
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
    async fn service(&mut self, args: &[String]) -> Flow {
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

    /// timeout [-s SIGNAL] [-k SECONDS] SECONDS COMMAND...
    async fn timeout(&mut self, args: &[String]) -> i32 {
        let mut rest = args;
        while let [option, more @ ..] = rest
            && option.starts_with('-')
        {
            let takes_value = matches!(option.as_str(), "-s" | "-k");
            rest = more.get(usize::from(takes_value)..).unwrap_or_default();
        }
        let [limit, command @ ..] = rest else {
            self.print_error("timeout: missing operand\nTry 'timeout --help' for more information.\n");
            return 125;
        };
        let Some(limit) = crate::shell::seconds(limit) else {
            self.print_error(&format!(
                "timeout: invalid time interval ‘{limit}’\nTry 'timeout --help' for more information.\n"
            ));
            return 125;
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

    /// bash [-c SCRIPT [NAME]] [FILE] [ARGUMENT...]
    async fn shell_program(&mut self, name: &str, args: &[String]) -> i32 {
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

    /// read [-r] [-t SECONDS] [-a ARRAY] [NAME...]
    async fn read(&mut self, args: &[String]) -> i32 {
        let mut raw = false;
        let mut array = None;
        let mut names = args;
        while let [option, more @ ..] = names
            && let Some(letters) = option.strip_prefix('-')
        {
            names = more;
            raw |= letters.contains('r');
            if letters.ends_with(['a', 'd', 'n', 'p', 't', 'u']) {
                let Some((value, more)) = names.split_first() else {
                    self.complain(&format!("read: {option}: option requires an argument"));
                    return USAGE;
                };
                if letters.ends_with('a') {
                    array = Some(value.clone());
                }
                names = more;
            }
        }
        if let Some(bad) = names.iter().chain(&array).find(|name| !is_name(name)) {
            return self.wrong(&format!("read: `{bad}': not a valid identifier"));
        }
        let stdin = self.stdin.clone();
        let Some(mut line) = stdin.line(&self.sys).await else {
            self.store_line("", names, array.as_deref());
            return 1;
        };
        while !raw && line.ends_with("\\\n") {
            line.truncate(line.len() - 2);
            match stdin.line(&self.sys).await {
                Some(more) => line.push_str(&more),
                None => break,
            }
        }
        let complete = line.ends_with('\n');
        let text = line.trim_end_matches('\n');
        let text = if raw { text.to_owned() } else { text.replace('\\', "") };
        if !self.store_line(&text, names, array.as_deref()) {
            return 1;
        }
        i32::from(!complete)
    }

    /// Distributes a line's words; the last variable gets all that is left.
    fn store_line(&mut self, line: &str, names: &[String], array: Option<&str>) -> bool {
        let separators = self.state.text("IFS").unwrap_or_else(|| " \t\n".to_owned());
        let is_separator = |c: char| separators.contains(c);
        let is_space = |c: char| c.is_whitespace() && separators.contains(c);
        let mut rest = line.trim_matches(is_space);
        if let Some(name) = array {
            let words = rest.split(is_separator).filter(|word| !word.is_empty()).map(str::to_owned);
            let assigned = self.state.set(name, Value::Array((0..).zip(words).collect()));
            return self.allow(name, assigned).is_ok();
        }
        if names.is_empty() {
            let assigned = self.state.set_text("REPLY", line);
            return self.allow("REPLY", assigned).is_ok();
        }
        for (index, name) in names.iter().enumerate() {
            let value = if index + 1 == names.len() {
                std::mem::take(&mut rest)
            } else {
                let end = rest.find(is_separator).unwrap_or(rest.len());
                let value = &rest[..end];
                let behind = rest[end..].trim_start_matches(is_space);
                rest = behind.strip_prefix(|c: char| is_separator(c) && !is_space(c)).unwrap_or(behind);
                rest = rest.trim_start_matches(is_space);
                value
            };
            let assigned = self.state.set_text(name, value);
            if self.allow(name, assigned).is_err() {
                return false;
            }
        }
        true
    }

    async fn wait(&mut self, args: &[String]) -> i32 {
        if args.is_empty() {
            for pid in std::mem::take(&mut self.state.children) {
                self.sys.join(pid).await;
            }
            return 0;
        }
        let mut status = 0;
        for arg in args {
            status = match arg.parse().map(Pid) {
                Ok(pid) if self.state.children.contains(&pid) => self.sys.join(pid).await,
                Ok(_) => {
                    self.complain(&format!("wait: pid {arg} is not a child of this shell"));
                    127
                }
                Err(_) => self.wrong(&format!("wait: `{arg}': not a pid or valid job spec")),
            };
        }
        status
    }

    fn let_expressions(&mut self, args: &[String]) -> i32 {
        let mut value = 0;
        for arg in args {
            match self.calculate(arg, 0) {
                Ok(result) => value = result,
                Err(_) => return 1,
            }
        }
        i32::from(value == 0)
    }

    fn change_directory(&mut self, args: &[String]) -> i32 {
        let name = match args.first().map(String::as_str) {
            None | Some("~") => self.state.text("HOME").unwrap_or_else(|| HOME.to_owned()),
            Some("-") => self.state.text("OLDPWD").unwrap_or_else(|| self.state.cwd.to_string()),
            Some(name) => name.to_owned(),
        };
        let path = absolute(&self.state.cwd, &name);
        let problem = match self.sys.with(|kernel| kernel.kind_of_path(&path)) {
            Some(Kind::Directory) => None,
            Some(_) => Some(Errno::NotDirectory),
            None => Some(Errno::NoSuchFile),
        };
        if let Some(problem) = problem {
            return self.wrong(&format!("cd: {name}: {problem}"));
        }
        let before = std::mem::replace(&mut self.state.cwd, Rc::from(path.as_str()));
        let assigned =
            self.state.set_text("OLDPWD", before.to_string()).and_then(|()| self.state.set_text("PWD", path));
        i32::from(self.allow("PWD", assigned).is_err())
    }

    /// export, readonly, local, declare, typeset: [-x] [-r] [-a] [-i] NAME[=VALUE]...
    fn declare_variables(&mut self, command: &str, args: &[String]) -> i32 {
        if command == "local" && self.functions == 0 {
            return self.wrong("local: can only be used in a function");
        }
        let (mut exported, mut readonly) = (command == "export", command == "readonly");
        let is_local = command != "export" && command != "readonly" && self.functions > 0;
        let (mut status, mut is_array) = (0, false);
        for arg in args {
            if let Some(letters) = arg.strip_prefix('-') {
                if letters.contains('A') {
                    return self.wrong(&format!("{command}: -A: associative arrays are not supported here"));
                }
                exported |= letters.contains('x');
                readonly |= letters.contains('r');
                is_array |= letters.contains('a');
                continue;
            }
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), None),
            };
            if !is_name(name) {
                status = self.wrong(&format!("{command}: `{arg}': not a valid identifier"));
                continue;
            }
            let declared = if is_local { self.state.declare_local(name) } else { Ok(()) };
            let assigned = declared.and_then(|()| match value {
                Some(value) => self.state.set_text(name, value),
                None if is_array && (is_local || self.state.get(name).is_none()) => {
                    self.state.set(name, Value::Array(Default::default()))
                }
                None => Ok(()),
            });
            if self.allow(name, assigned).is_err() {
                status = 1;
            } else if exported || readonly {
                self.state.mark(name, exported, readonly);
            }
        }
        status
    }

    fn print_environment(&self, names: &[String]) -> i32 {
        let exported = self.state.exported();
        if names.is_empty() {
            let lines: String = exported.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            return self.print("printenv", &lines);
        }
        let values: Vec<&str> = names.iter().filter_map(|name| exported.get(name.as_str()).copied()).collect();
        self.print("printenv", &values.iter().map(|value| format!("{value}\n")).collect::<String>());
        i32::from(values.len() < names.len())
    }

    fn unset(&mut self, args: &[String]) -> i32 {
        let mut status = 0;
        let functions_only = args.first().is_some_and(|arg| arg == "-f");
        for name in args.iter().filter(|arg| !arg.starts_with('-')) {
            if functions_only || self.state.get(name).is_none() {
                self.state.functions.remove(name);
            } else if self.state.unset(name).is_err() {
                status = self.wrong(&format!("unset: {name}: cannot unset: readonly variable"));
            }
        }
        status
    }

    fn set_options(&mut self, args: &[String]) -> i32 {
        if args.is_empty() {
            let plain = self.state.all().into_iter().filter_map(|(name, value)| match value {
                Value::Scalar(text) => Some(format!("{name}={text}\n")),
                Value::Array(_) => None,
            });
            return self.print("set", &plain.collect::<String>());
        }
        let mut rest = args;
        while let [option, more @ ..] = rest {
            let on = option.starts_with('-');
            match option.strip_prefix(['-', '+']) {
                Some("o") => {
                    let Some((name, more)) = more.split_first() else { return 0 };
                    if !self.state.options.switch_long(name, on) {
                        return self.wrong(&format!("set: {name}: invalid option name"));
                    }
                    rest = more;
                    continue;
                }
                Some("-") if on => {
                    self.state.args = more.to_vec();
                    return 0;
                }
                Some(letters) if !letters.is_empty() => {
                    if let Some(bad) = letters.chars().find(|letter| !self.state.options.switch(*letter, on)) {
                        let sign = if on { '-' } else { '+' };
                        self.complain(&format!("set: {sign}{bad}: invalid option"));
                        self.print_error(
                            "set: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n",
                        );
                        return USAGE;
                    }
                }
                _ => {
                    self.state.args = rest.to_vec();
                    return 0;
                }
            }
            rest = more;
        }
        0
    }

    fn shift(&mut self, args: &[String]) -> i32 {
        let count = match args.first().map(|arg| arg.parse::<usize>()) {
            None => 1,
            Some(Ok(count)) => count,
            Some(Err(_)) => return self.wrong(&format!("shift: {}: numeric argument required", args[0])),
        };
        if count > self.state.args.len() {
            return 1;
        }
        self.state.args.drain(..count);
        0
    }

    /// kill [-SIGNAL] PID...
    fn kill(&mut self, args: &[String]) -> i32 {
        let (signal, pids) = match args {
            [option, name, pids @ ..] if option == "-s" => (signal_number(name), pids),
            [option, ..] if option == "-l" => {
                let names: Vec<String> = SIGNALS.iter().map(|(name, number)| format!("{number}) SIG{name}")).collect();
                return self.print("kill", &(names.join(" ") + "\n"));
            }
            [option, pids @ ..] if option.len() > 1 && option.starts_with('-') => (signal_number(&option[1..]), pids),
            pids => (Some(SIGTERM), pids),
        };
        let Some(signal) = signal else {
            return self.wrong(&format!("kill: {}: invalid signal specification", args[0].trim_start_matches('-')));
        };
        if pids.is_empty() {
            self.print_error(
                "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n",
            );
            return USAGE;
        }
        let mut status = 0;
        for pid in pids {
            let job = pid.strip_prefix('%').and_then(|number| number.parse::<usize>().ok());
            let job = job.and_then(|number| self.state.children.get(number.wrapping_sub(1)).copied());
            let Some(target) = job.or_else(|| pid.parse().ok().map(Pid)) else {
                status = self.wrong(&format!("kill: {pid}: arguments must be process or job IDs"));
                continue;
            };
            let alive = self.sys.with(|kernel| {
                let alive = kernel.scheduler.is_alive(target);
                if signal != 0 {
                    kernel.scheduler.kill(target, signal);
                }
                alive
            });
            if !alive {
                status = self.wrong(&format!("kill: ({pid}) - No such process"));
            }
        }
        status
    }

    /// type, or command -v: what names mean.
    fn describe_all(&mut self, names: &[String], in_words: bool) -> i32 {
        let mut status = 0;
        for name in names.iter().filter(|name| !name.starts_with('-')) {
            let what = match self.look_up(name) {
                Ok(Program::Function(_)) if in_words => "a function".to_owned(),
                Ok(Program::Builtin) if in_words => "a shell builtin".to_owned(),
                Ok(Program::Function(_) | Program::Builtin) => name.clone(),
                Ok(Program::Known(_)) => program_path(name),
                Ok(Program::Script(path)) => path,
                Err(_) => {
                    if in_words {
                        self.complain(&format!("type: {name}: not found"));
                    }
                    status = 1;
                    continue;
                }
            };
            self.print("type", &if in_words { format!("{name} is {what}\n") } else { format!("{what}\n") });
        }
        status
    }

    fn which(&mut self, names: &[String]) -> i32 {
        let mut status = 0;
        for name in names {
            match self.look_up(name) {
                Ok(Program::Script(path)) => {
                    self.print("which", &format!("{path}\n"));
                }
                Ok(Program::Known(_)) => {
                    self.print("which", &format!("{}\n", program_path(name)));
                }
                Ok(Program::Builtin) if is_program(name) => {
                    self.print("which", &format!("{}\n", program_path(name)));
                }
                _ => status = 1,
            }
        }
        status
    }
}

/// The number of a signal by name or number.
pub(in crate::shell) fn signal_number(name: &str) -> Option<i32> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    let known = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    known.or_else(|| name.parse().ok().filter(|number| (0..=64).contains(number)))
}

/// Where a program lies that every node has.
fn program_path(name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("/usr/sbin/{name}") }
}
