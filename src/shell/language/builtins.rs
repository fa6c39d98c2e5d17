//! Commands that are part of the shell: they change it, or need to know it.

mod programs;
mod variables;

use std::rc::Rc;

use super::interpreter::{Flow, Shell};
use super::simple::{Program, base_name};
use crate::host::files::{HOME, Kind, absolute};
use crate::host::{Errno, Pid};

/// The exit status of a builtin that was called wrongly.
const USAGE: i32 = 2;

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

/// Commands that need nothing of the shell, but are part of bash.
const BUILT_IN_COMMANDS: [&str; 4] = ["echo", "false", "printf", "true"];

const SIGNALS: [(&str, i32); 10] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("TERM", 15),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
];

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
            "trap" => self.trap(args),
            // `:`, and what has no effect here: jobs, shopt, ulimit, umask.
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
                self.complain("return: can only `return' from a function or sourced script");
                self.state.status = USAGE;
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

    fn change_directory(&mut self, args: &[String]) -> i32 {
        if args.len() > 1 {
            return self.wrong("cd: too many arguments");
        }
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
        if args.first().is_some_and(|arg| arg == "-") {
            self.print("cd", &format!("{path}\n"));
        }
        let before = std::mem::replace(&mut self.state.cwd, Rc::from(path.as_str()));
        let assigned =
            self.state.set_text("OLDPWD", before.to_string()).and_then(|()| self.state.set_text("PWD", path));
        i32::from(self.allow("PWD", assigned).is_err())
    }

    /// trap COMMANDS EXIT; signals end a shell here without its having a say.
    fn trap(&mut self, args: &[String]) -> i32 {
        if let [commands, conditions @ ..] = args
            && conditions.iter().any(|condition| condition == "EXIT" || condition == "0")
        {
            self.state.exit_trap = Some(commands.clone()).filter(|commands| commands != "-" && !commands.is_empty());
        }
        0
    }

    /// kill \[-SIGNAL\] PID...
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
                Ok(Program::Known(_)) if BUILT_IN_COMMANDS.contains(&name.as_str()) => {
                    if in_words {
                        "a shell builtin".to_owned()
                    } else {
                        name.clone()
                    }
                }
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
