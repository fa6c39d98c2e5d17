//! The shell language.

use crate::host::{Job, Output, Stdin, Sys, process::Task};
use crate::shell::{Command, Io, Process, find};

/// A login on a node: what one command line leaves to the next.
#[derive(Clone, Debug, Default)]
pub struct Session {}

impl Session {
    /// A command line to run; `&` at its end puts it into the background.
    pub fn job(&self, line: &str) -> Job {
        let text = line.trim_end();
        let (text, background) = match text.strip_suffix('&') {
            Some(rest) if !rest.ends_with('&') => (rest, true),
            _ => (text, false),
        };
        let script = text.to_owned();
        Job {
            line: line.to_owned(),
            background,
            start: Box::new(move |sys, out, err| Box::pin(run(script, sys, out, err))),
        }
    }
}

async fn run(script: String, sys: Sys, out: Output, err: Output) -> i32 {
    let mut status = 0;
    for command in script.split([';', '\n']) {
        let args: Vec<String> = command.split_whitespace().map(|word| word.replace(['"', '\''], "")).collect();
        let Some(name) = args.first() else { continue };
        status = match find(name.rsplit('/').next().unwrap_or(name)) {
            None => {
                let text = format!("bash: line 1: {name}: command not found\n");
                let _ = sys.with(|kernel| err.write(kernel, &text));
                127
            }
            Some(Command::Instant(call) | Command::Filter(call)) => {
                let mut io = Io::default();
                sys.with(|kernel| {
                    let status = call(kernel, &args, &mut io);
                    let _ = out.write(kernel, &io.out);
                    let _ = err.write(kernel, &io.err);
                    status
                })
            }
            Some(Command::Running(start)) => {
                let (out, err) = (out.clone(), err.clone());
                let name = name.clone();
                let start = move |sys| -> Task {
                    start(Process { sys, stdin: Stdin::Null, out, err, cwd: "/root".into() }, args)
                };
                let pid = sys.spawn(&name, start);
                sys.join(pid).await
            }
        };
    }
    status
}
