//! Simple commands: assignments, words, redirections; and how a name becomes a program.

use std::rc::Rc;

use brush_parser::ast::{
    self, Assignment, AssignmentName, AssignmentValue, CommandPrefixOrSuffixItem as Item, IoRedirect, SimpleCommand,
};

use super::interpreter::{Failure, Flow, Shell};
use super::state::{State, Value};
use crate::host::files::{Kind, absolute};
use crate::host::process::Task;
use crate::host::{Errno, Io, Process, SIGPIPE};
use crate::reason::{Console, Note, Unknown};
use crate::shell::{COMMANDS, Command, find};

/// Where programs lie. The node's own files of the same name come first, as scripts people put there.
const PROGRAM_DIRECTORIES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Builtins whose arguments may be assignments.
const DECLARATIONS: [&str; 5] = ["export", "readonly", "local", "declare", "typeset"];

/// Exit statuses that bash gives by itself.
const CANNOT_RUN: i32 = 126;
const NOT_FOUND: i32 = 127;

/// The statuses of programs that were ended by a signal, and how bash says so.
const SIGNALLED: [(i32, &str); 2] = [(137, "Killed"), (143, "Terminated")];

/// What a name means.
pub(super) enum Program {
    Function(Rc<ast::FunctionBody>),
    Builtin,
    Known(Command),
    /// A file of the node, by its absolute path.
    Script(String),
}

/// A simple command, expanded.
#[derive(Default)]
struct Prepared<'a> {
    /// In front of the command.
    assignments: Vec<&'a Assignment>,
    words: Vec<String>,
    /// Arrays that a declaration assigns after it has declared them.
    arrays: Vec<&'a Assignment>,
    redirects: Vec<IoRedirect>,
    /// How many command substitutions there had been before.
    substitutions: usize,
}

impl Shell {
    pub async fn simple(&mut self, command: &SimpleCommand) -> Flow {
        if let Some(location) = ast::SourceLocation::location(command) {
            self.line = location.start.line;
        }
        let single = std::mem::take(&mut self.single);
        let prepared = match self.prepare(command).await {
            Ok(prepared) => prepared,
            Err(failure) => return failure.flow(),
        };
        if self.state.options.xtrace && !prepared.words.is_empty() {
            self.print_error(&format!("+ {}\n", prepared.words.join(" ")));
        }
        let saved = (self.stdin.clone(), self.out.clone(), self.err.clone());
        let flow = match self.redirect(&prepared.redirects).await {
            Ok(()) => self.start(&prepared, single).await,
            Err(failure) => failure.flow(),
        };
        if prepared.words.first().is_none_or(|name| name != "exec") {
            (self.stdin, self.out, self.err) = saved;
        }
        flow
    }

    /// Expands a command.
    async fn prepare<'a>(&mut self, command: &'a SimpleCommand) -> Result<Prepared<'a>, Failure> {
        self.step()?;
        let mut prepared = Prepared { substitutions: self.substitutions, ..Prepared::default() };
        let prefix = command.prefix.iter().flat_map(|prefix| &prefix.0);
        let suffix = command.suffix.iter().flat_map(|suffix| &suffix.0);
        for item in prefix {
            match item {
                Item::AssignmentWord(assignment, _) => prepared.assignments.push(assignment),
                Item::IoRedirect(redirect) => prepared.redirects.push(redirect.clone()),
                Item::Word(_) | Item::ProcessSubstitution(..) => {}
            }
        }
        if let Some(name) = &command.word_or_name {
            prepared.words = self.expand_word(&name.value).await?;
        }
        let declares = prepared.words.first().is_some_and(|name| DECLARATIONS.contains(&name.as_str()));
        for item in suffix {
            match item {
                Item::Word(word) => prepared.words.append(&mut self.expand_word(&word.value).await?),
                Item::AssignmentWord(assignment, _) if declares => self.declare(assignment, &mut prepared).await?,
                Item::AssignmentWord(_, word) => prepared.words.append(&mut self.expand_word(&word.value).await?),
                Item::IoRedirect(redirect) => prepared.redirects.push(redirect.clone()),
                Item::ProcessSubstitution(..) => return self.fail("process substitution: not supported here"),
            }
        }
        Ok(prepared)
    }

    async fn declare<'a>(&mut self, assignment: &'a Assignment, prepared: &mut Prepared<'a>) -> Result<(), Failure> {
        let AssignmentName::VariableName(name) = &assignment.name else {
            prepared.arrays.push(assignment);
            return Ok(());
        };
        match &assignment.value {
            AssignmentValue::Scalar(word) => {
                let text = self.expand_text(&word.value).await?;
                let before = if assignment.append { self.state.text(name) } else { None };
                prepared.words.push(format!("{name}={}{text}", before.unwrap_or_default()));
            }
            AssignmentValue::Array(_) => {
                prepared.words.push(name.clone());
                prepared.arrays.push(assignment);
            }
        }
        Ok(())
    }

    async fn start(&mut self, prepared: &Prepared<'_>, single: bool) -> Flow {
        // Variables in front of a command are its own.
        let scoped = !prepared.words.is_empty() && !prepared.assignments.is_empty();
        if scoped {
            self.state.enter_scope();
        }
        let flow = match self.assign_all(&prepared.assignments, scoped).await {
            Ok(()) if prepared.words.is_empty() => {
                // Without a command the status is that of the last command substitution.
                if self.substitutions == prepared.substitutions {
                    self.state.status = 0;
                }
                Flow::Next
            }
            Ok(()) => self.dispatch(&prepared.words, single).await,
            Err(failure) => failure.flow(),
        };
        if scoped {
            self.state.leave_scope();
        }
        match self.assign_all(&prepared.arrays, false).await {
            Ok(()) => flow,
            Err(failure) => failure.flow(),
        }
    }

    async fn assign_all(&mut self, assignments: &[&Assignment], exported: bool) -> Result<(), Failure> {
        for assignment in assignments {
            if exported && let AssignmentName::VariableName(name) = &assignment.name {
                let declared = self.state.declare_local(name);
                self.allow(name, declared)?;
                self.state.mark(name, true, false);
            }
            self.assign(assignment).await?;
        }
        Ok(())
    }

    async fn assign(&mut self, assignment: &Assignment) -> Result<(), Failure> {
        let (name, assigned) = match (&assignment.name, &assignment.value) {
            (AssignmentName::VariableName(name), AssignmentValue::Scalar(word)) => {
                let text = self.expand_text(&word.value).await?;
                let before = if assignment.append { self.state.text(name) } else { None };
                let text = before.unwrap_or_default() + &text;
                self.spend(text.len())?;
                (name, self.state.set_text(name, text))
            }
            (AssignmentName::ArrayElementName(name, index), AssignmentValue::Scalar(word)) => {
                let text = self.expand_text(&word.value).await?;
                let index = self.arithmetic(index).await?;
                let before = if assignment.append { self.state.element(name, index) } else { None };
                (name, self.state.set_element(name, index, before.unwrap_or_default() + &text))
            }
            (AssignmentName::VariableName(name), AssignmentValue::Array(words)) => {
                let mut elements: std::collections::BTreeMap<i64, String> = match assignment.append {
                    true => self.state.elements(name).into_iter().collect(),
                    false => Default::default(),
                };
                for (index, word) in words {
                    match index {
                        Some(index) => {
                            let index = self.arithmetic(&index.value).await?;
                            let text = self.expand_text(&word.value).await?;
                            elements.insert(index, text);
                        }
                        None => {
                            for text in self.expand_word(&word.value).await? {
                                let next = elements.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
                                elements.insert(next, text);
                            }
                        }
                    }
                }
                (name, self.state.set(name, Value::Array(elements)))
            }
            (AssignmentName::ArrayElementName(name, _), AssignmentValue::Array(_)) => {
                return self.fail(&format!("{name}: cannot assign list to array member"));
            }
        };
        self.allow(name, assigned)
    }

    /// Runs a command by its name.
    pub fn dispatch<'a>(&'a mut self, words: &'a [String], single: bool) -> super::Boxed<'a, Flow> {
        Box::pin(async move {
            let Some(name) = words.first() else { return Flow::Next };
            match self.look_up(name) {
                Ok(Program::Function(body)) => self.call(&body, &words[1..]).await,
                Ok(Program::Builtin) => self.builtin(words, single).await,
                Ok(Program::Known(command)) => {
                    self.state.status = self.run_program(command, words, single).await;
                    Flow::Next
                }
                Ok(Program::Script(path)) => {
                    self.state.status = self.run_script(&path, words).await;
                    Flow::Next
                }
                Err((status, why)) => {
                    self.complain(&format!("{name}: {why}"));
                    self.state.status = status;
                    Flow::Next
                }
            }
        })
    }

    /// What a name means; or the exit status and the message when it means nothing.
    pub fn look_up(&self, name: &str) -> Result<Program, (i32, String)> {
        if let Some(body) = self.state.functions.get(name) {
            return Ok(Program::Function(Rc::clone(body)));
        }
        if super::builtins::is_builtin(name) {
            return Ok(Program::Builtin);
        }
        if name.contains('/') {
            return self.look_up_path(name);
        }
        let own = PROGRAM_DIRECTORIES.iter().map(|directory| format!("{directory}/{name}"));
        let is_script = |path: &String| {
            matches!(self.sys.with(|kernel| kernel.kind_of_path(path)), Some(Kind::File { executable: true, .. }))
        };
        if let Some(path) = own.into_iter().find(is_script) {
            return Ok(Program::Script(path));
        }
        if let Some(command) = find(name) {
            return Ok(Program::Known(command));
        }
        self.sys.with(|kernel| {
            let note = || {
                let unknown = Unknown { name: name.to_owned(), known: nearest(name) };
                Note::Console(Console::Unknown(Box::new(unknown)))
            };
            kernel.out.note(note);
        });
        Err((NOT_FOUND, "command not found".to_owned()))
    }

    fn look_up_path(&self, name: &str) -> Result<Program, (i32, String)> {
        let path = absolute(&self.state.cwd, name);
        match self.sys.with(|kernel| kernel.kind_of_path(&path)) {
            Some(Kind::File { executable: true, .. }) => return Ok(Program::Script(path)),
            Some(Kind::Directory) => return Err((CANNOT_RUN, "Is a directory".to_owned())),
            Some(_) => return Err((CANNOT_RUN, "Permission denied".to_owned())),
            None => {}
        }
        match program_at(&path) {
            Some(program) if super::builtins::is_builtin(program) => Ok(Program::Builtin),
            Some(program) => {
                find(program).map(Program::Known).ok_or((NOT_FOUND, "No such file or directory".to_owned()))
            }
            None => Err((NOT_FOUND, "No such file or directory".to_owned())),
        }
    }

    async fn call(&mut self, body: &ast::FunctionBody, args: &[String]) -> Flow {
        if let Err(failure) = self.enter() {
            return failure.flow();
        }
        let args = std::mem::replace(&mut self.state.args, args.to_vec());
        let loops = std::mem::take(&mut self.loops);
        self.state.enter_scope();
        self.functions += 1;
        let flow = self.redirected(body.1.as_ref(), &body.0).await;
        self.functions -= 1;
        self.state.leave_scope();
        self.loops = loops;
        self.state.args = args;
        self.leave();
        if flow == Flow::Exit { Flow::Exit } else { Flow::Next }
    }

    async fn run_program(&mut self, command: Command, words: &[String], single: bool) -> i32 {
        match command {
            Command::Instant(call) => self.run_instant(call, words),
            Command::Filter(call) => {
                self.stdin.complete(&self.sys).await;
                self.run_instant(call, words)
            }
            Command::Running(start) => self.run_running(start, words, single).await,
        }
    }

    fn run_instant(&mut self, call: crate::shell::Instant, words: &[String]) -> i32 {
        let cwd = Rc::clone(&self.state.cwd);
        let mut io = Io { stdin: self.stdin.clone(), cwd, ..Io::default() };
        let (status, written) = self.sys.with(|kernel| {
            let status = call(kernel, words, &mut io);
            // What cannot be complained about is lost.
            let _ = self.err.write(kernel, &io.err);
            (status, self.out.write(kernel, &io.out))
        });
        match written {
            Ok(()) => status,
            Err(error) => self.write_error(words.first().map_or("", String::as_str), error),
        }
    }

    /// What becomes of a command whose output went nowhere; its exit status.
    pub fn write_error(&self, name: &str, error: Errno) -> i32 {
        if error == Errno::BrokenPipe {
            self.sys.with(|kernel| kernel.scheduler.kill(self.sys.pid(), SIGPIPE));
        } else {
            self.complain(&format!("{name}: write error: {error}"));
        }
        1
    }

    async fn run_running(&mut self, start: fn(Process, Vec<String>) -> Task, words: &[String], single: bool) -> i32 {
        let name = base_name(words.first().map_or("", String::as_str)).to_owned();
        if self.step_for_process().is_err() {
            return self.state.status;
        }
        let args = words.to_vec();
        if single {
            self.sys.rename(&name);
            return start(self.process(self.sys.clone()), args).await;
        }
        let pid = self.sys.spawn(&name, |sys| start(self.process(sys), args));
        let status = self.sys.join(pid).await;
        if let Some((_, word)) = SIGNALLED.iter().find(|(signalled, _)| *signalled == status) {
            self.print_error(&format!("{word}\n"));
        }
        status
    }

    async fn run_script(&mut self, path: &str, words: &[String]) -> i32 {
        let text = match self.sys.with(|kernel| kernel.read_path(path)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                self.complain(&format!("{path}: {error}"));
                return CANNOT_RUN;
            }
        };
        let interpreter = text.strip_prefix("#!").and_then(|rest| rest.lines().next()).unwrap_or("/bin/sh");
        let shell_name =
            interpreter.split_whitespace().filter(|word| !word.starts_with('-')).map(base_name).next_back();
        if !matches!(shell_name, Some("sh" | "bash" | "dash")) {
            let name = words.first().map_or(path, String::as_str);
            self.complain(&format!("{name}: cannot execute: required file not found"));
            return NOT_FOUND;
        }
        let name = words.first().cloned().unwrap_or_default();
        let state = self.state.for_program(&name, words.get(1..).unwrap_or_default().to_vec());
        self.run_shell(base_name(path), state, text).await
    }

    /// A shell as a program of its own: what it changes stays in it.
    pub async fn run_shell(&mut self, process_name: &str, state: State, script: String) -> i32 {
        if self.step_for_process().and_then(|()| self.enter()).is_err() {
            return self.state.status;
        }
        let this = self.clone();
        let pid = self.sys.spawn(process_name, |sys| {
            Box::pin(async move {
                let mut shell = this.inside(this.process(sys), state);
                drop(this);
                shell.program(&script).await;
                shell.state.status
            })
        });
        self.leave();
        self.sys.join(pid).await
    }
}

/// The name of the program that lies at a path on every node.
pub(in crate::shell) fn program_at(path: &str) -> Option<&str> {
    let (directory, name) = path.rsplit_once('/')?;
    let known = find(name).is_some() || super::builtins::is_program(name);
    (PROGRAM_DIRECTORIES.contains(&directory) && known).then_some(name)
}

pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// All commands, those first whose names are most alike.
fn nearest(name: &str) -> Vec<&'static str> {
    let mut known: Vec<&str> = COMMANDS.iter().map(|(known, _)| *known).collect();
    known.sort_by(|left, right| {
        let alike = |known| strsim::jaro_winkler(name, known);
        alike(right).total_cmp(&alike(left)).then_with(|| left.cmp(right))
    });
    known
}
