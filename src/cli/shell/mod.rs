//! `lvslab shell`: a scenario, step by step, with commands in between.

mod complete;
mod desk;
pub(super) mod request;

use std::cell::RefCell;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::rc::Rc;

use rustyline::error::ReadlineError;
use rustyline::history::{FileHistory, History};
use rustyline::{CompletionType, Config, Editor};

use super::subject::Subject;
use super::{Status, output};
use crate::scenario::Options;
use crate::session::Session;
use complete::Assistant;
use desk::{Desk, Next};

/// Runs a scenario step by step, forward and back, with commands in between.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Shell {
    #[command(flatten)]
    subject: Subject,
}

const EXAMPLES: &str = "\
At the prompt, `help` lists what there is. Lines may also come from a file or a pipe; then no prompts are printed, and the
exit status is 2 if one of them was not understood.

Examples:
  lvslab shell dr.ron
  echo 'until drop' | lvslab shell scenarios/dr-arp-problem.ron
  printf 'step 3\\nrs1$ ip neigh\\nsave mine.ron\\n' | lvslab shell dr.ron";

impl Shell {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        let session = Session::begin(loaded.plan.clone(), Options::default());
        let session = session.map_err(|failure| loaded.explain(&failure))?;
        let desk = Desk::new(session, loaded.text, output::colours());
        let talk = if io::stdin().is_terminal() && io::stdout().is_terminal() { converse(desk) } else { read(desk) };
        match talk {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Status::Held),
            Err(error) => Err(super::subject::wrong(&error.to_string())),
            Ok(status) => Ok(status),
        }
    }
}

/// Lines from a file or a pipe.
fn read(mut desk: Desk) -> io::Result<Status> {
    let mut out = io::stdout().lock();
    let mut status = Status::Held;
    for line in io::stdin().lock().lines() {
        match desk.obey(&line?, &mut out)? {
            Next::More => {}
            Next::Complained => status = Status::Wrong,
            Next::Quit if desk.leave() => {}
            Next::Quit => break,
        }
        out.flush()?;
    }
    Ok(status)
}

/// Lines from somebody at a terminal.
fn converse(desk: Desk) -> io::Result<Status> {
    desk.welcome(&mut io::stdout().lock())?;
    let desk = Rc::new(RefCell::new(desk));
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor = Editor::<Assistant, FileHistory>::with_history(config, FileHistory::new()).map_err(other)?;
    editor.set_helper(Some(Assistant(Rc::clone(&desk))));
    let history = history_file();
    // Whoever has none begins one.
    let _ = history.as_ref().map(|file| editor.load_history(file));
    let mut repeated = String::new();
    loop {
        let prompt = desk.borrow().prompt();
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            // The line is given up, as in any shell.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) if desk.borrow_mut().leave() => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(other(error)),
        };
        let is_repeating = line.trim().is_empty() && !desk.borrow().is_at_node();
        let line = if is_repeating { repeated.clone() } else { line };
        repeated = Some(line.clone()).filter(|line| is_step(line)).unwrap_or_default();
        // What was pasted may be many.
        for line in line.lines() {
            if desk.borrow_mut().obey(line, &mut io::stdout().lock())? == Next::Quit {
                keep(&mut editor, history);
                return Ok(Status::Held);
            }
        }
    }
    keep(&mut editor, history);
    Ok(Status::Held)
}

/// Whether an empty line does this again.
fn is_step(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    matches!(word, "step" | "s" | "event" | "e" | "back" | "b")
}

/// Writes the history down, where there is a place for it.
fn keep(editor: &mut Editor<Assistant, FileHistory>, file: Option<PathBuf>) {
    let Some(file) = file.filter(|_| !editor.history().is_empty()) else { return };
    // A history that cannot be kept is no reason to complain at the end of a session.
    let _ = file.parent().map(std::fs::create_dir_all);
    let _ = editor.save_history(&file);
}

/// Where the history is kept: in the user's state directory (XDG Base Directory Specification).
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("lvslab/history"))
}

fn other(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error),
    }
}
