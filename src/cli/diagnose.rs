//! `lvslab diagnose`: what is wrong with a cluster.

use std::io::{self, Write};

use serde::Serialize;

use super::subject::Subject;
use super::{Status, output};
use crate::diagnose::{self, Command, Evidence, Finding, Gravity};
use crate::scenario::{self, Options, Places};
use crate::svg::wrap_where;
use crate::trace::Trace;

/// Runs a scenario and says what is wrong with the cluster: what shows it, where it comes from, what mends it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Diagnose {
    #[command(flatten)]
    subject: Subject,
    /// Runs the set-up only, and looks at the configuration: addresses, routes, services, the files of keepalived.
    #[arg(long)]
    config_only: bool,
    /// Prints JSON lines, for programs.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Exit status: 0 if no fault was found (notes do not count), 1 if one was.

Examples:
  lvslab diagnose dr-arp-problem
  lvslab diagnose my.ron --config-only
  lvslab diagnose my.ron --json";

const BOLD: u8 = 1;
const RED: u8 = 31;
const GREEN: u8 = 32;

impl Diagnose {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        let places = Places::of(&loaded.plan, &loaded.text);
        let (outcome, findings) = if self.config_only {
            let outcome =
                scenario::set_up(&loaded.plan, Options::default()).map_err(|failure| loaded.explain(&failure))?;
            let findings = diagnose::check(&loaded.plan, &places, &outcome);
            (outcome, findings)
        } else {
            let outcome = loaded.run()?;
            let findings = diagnose::diagnose(&loaded.plan, &places, &outcome);
            (outcome, findings)
        };
        let file = loaded.path.display().to_string();
        let page = Page { trace: &outcome.trace, file: &file, colours: output::colours() };
        let shown = output::print(|out| {
            if self.json {
                findings.iter().try_for_each(|it| page.write_json(out, it))
            } else {
                page.write(out, &findings)
            }
        });
        let is_fault = |finding: &Finding| finding.kind.gravity() == Gravity::Fault;
        let status = if findings.iter().any(is_fault) { Status::Failed } else { Status::Held };
        Ok(shown.map_or(Status::Stopped, |()| status))
    }
}

/// As many letters as a line may have, without its indentation.
const WIDTH: usize = 110;

/// A text in lines that fit.
fn broken(text: &str) -> Vec<String> {
    wrap_where(text, |line, word| line.chars().count() + 1 + word.chars().count() <= WIDTH)
}

fn write_broken(out: &mut dyn Write, lead: &str, text: &str) -> io::Result<()> {
    for (place, line) in broken(text).iter().enumerate() {
        let lead = if place == 0 { lead } else { "     " };
        writeln!(out, "   {lead}  {line}")?;
    }
    Ok(())
}

/// What findings are printed with.
struct Page<'a> {
    trace: &'a Trace,
    file: &'a str,
    colours: bool,
}

impl Page<'_> {
    fn painted(&self, code: u8, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn write(&self, out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
        if findings.is_empty() {
            return writeln!(out, "nothing found");
        }
        for (number, finding) in (1..).zip(findings) {
            if number > 1 {
                writeln!(out)?;
            }
            self.write_finding(out, number, finding)?;
        }
        Ok(())
    }

    fn write_finding(&self, out: &mut dyn Write, number: usize, finding: &Finding) -> io::Result<()> {
        let Finding { kind, what, evidence, cause, fix } = finding;
        let lead = match kind.gravity() {
            Gravity::Fault => String::new(),
            Gravity::Note => "note: ".to_owned(),
        };
        for (place, line) in broken(&format!("{number}. {lead}{what}")).iter().enumerate() {
            writeln!(out, "{}{}", if place > 0 { "   " } else { "" }, self.painted(BOLD, line))?;
        }
        for seen in evidence {
            write_broken(out, "seen ", &(self.when(seen) + &seen.text))?;
        }
        if let Some(cause) = cause {
            write_broken(out, &self.painted(RED, "cause"), &cause.place(self.file))?;
        }
        // A command is to be copied as it is.
        for Command { node, line } in fix {
            writeln!(out, "   {}    {node}$ {line}", self.painted(GREEN, "fix"))?;
        }
        writeln!(out, "   read   chapter {} of the book; this is called {}", kind.chapter(), kind.name())
    }

    /// The moment and the frame of something that was seen.
    fn when(&self, seen: &Evidence) -> String {
        match (self.seconds(seen), seen.frame) {
            (Some(at), Some(frame)) => format!("at {at:.6} s, frame {}: ", frame.number()),
            (Some(at), None) => format!("at {at:.6} s: "),
            (None, _) => String::new(),
        }
    }

    fn seconds(&self, seen: &Evidence) -> Option<f64> {
        seen.at.map(|at| self.trace.relative(at) as f64 / 1e9)
    }

    fn write_json(&self, out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
        let seen = |it| Seen { at: self.seconds(it), frame: it.frame.map(|id| id.number()), text: &it.text };
        let line = Line {
            kind: finding.kind.name(),
            gravity: finding.kind.gravity().name(),
            what: &finding.what,
            evidence: finding.evidence.iter().map(seen).collect(),
            cause: finding.cause.as_ref().map(|it| Because { node: &it.node, text: &it.text, line: it.line }),
            fix: finding.fix.iter().map(|it| Typed { node: &it.node, line: &it.line }).collect(),
            read: finding.kind.chapter(),
        };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")
    }
}

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    gravity: &'static str,
    what: &'a str,
    evidence: Vec<Seen<'a>>,
    cause: Option<Because<'a>>,
    fix: Vec<Typed<'a>>,
    read: &'static str,
}

#[derive(Serialize)]
struct Seen<'a> {
    /// Seconds since the scenario's time zero.
    at: Option<f64>,
    frame: Option<u64>,
    text: &'a str,
}

#[derive(Serialize)]
struct Because<'a> {
    node: &'a str,
    text: &'a str,
    /// The line of the scenario's file.
    line: Option<usize>,
}

#[derive(Serialize)]
struct Typed<'a> {
    node: &'a str,
    line: &'a str,
}
