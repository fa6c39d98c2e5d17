//! `lvslab diagnose`: what is wrong with a cluster.

use std::io::{self, Write};

use serde::Serialize;

use super::subject::Subject;
use super::{Status, output};
use crate::diagnose::{self, Finding};
use crate::trace::Trace;

/// Runs a scenario and says what is wrong with the cluster: what shows it, where it comes from, what mends it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Diagnose {
    #[command(flatten)]
    subject: Subject,
    /// Prints JSON lines, for programs.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Exit status: 0 if nothing was found, 1 if something was.

Examples:
  lvslab diagnose dr-arp-problem
  lvslab diagnose my.ron --json";

const BOLD: u8 = 1;
const RED: u8 = 31;

impl Diagnose {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        let outcome = loaded.run()?;
        let findings = diagnose::diagnose(&loaded.plan, &outcome);
        let shown = output::print(|out| {
            if self.json {
                findings.iter().try_for_each(|finding| write_json(out, &outcome.trace, finding))
            } else {
                write(out, &outcome.trace, &findings, output::colours())
            }
        });
        let status = if findings.is_empty() { Status::Held } else { Status::Failed };
        Ok(shown.map_or(Status::Stopped, |()| status))
    }
}

fn write(out: &mut dyn Write, trace: &Trace, findings: &[Finding], colours: bool) -> io::Result<()> {
    if findings.is_empty() {
        return writeln!(out, "nothing found");
    }
    let painted = |code: u8, text: &str| if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    for (number, finding) in (1..).zip(findings) {
        let Finding { kind, what, evidence, cause, fix } = finding;
        writeln!(out, "{}", painted(BOLD, &format!("{number}. {what}")))?;
        for seen in evidence {
            let at = seen.at.map(|at| format!("{:.6} s  ", trace.relative(at) as f64 / 1e9)).unwrap_or_default();
            let frame = seen.frame.map(|id| format!("frame {}  ", id.0)).unwrap_or_default();
            writeln!(out, "     seen   {at}{frame}{}", seen.text)?;
        }
        if let Some(cause) = cause {
            writeln!(out, "    cause   {}$ {}", cause.node, cause.line)?;
        }
        for command in fix {
            writeln!(out, "      {}   {}$ {}", painted(RED, "fix"), command.node, command.line)?;
        }
        writeln!(out, "     read   {}, in the book", kind.chapter())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    what: &'a str,
    evidence: Vec<Seen<'a>>,
    cause: Option<(&'a str, &'a str)>,
    fix: Vec<(&'a str, &'a str)>,
    read: &'static str,
}

#[derive(Serialize)]
struct Seen<'a> {
    at: Option<f64>,
    frame: Option<u64>,
    text: &'a str,
}

fn write_json(out: &mut dyn Write, trace: &Trace, finding: &Finding) -> io::Result<()> {
    let seen = |seen: &diagnose::Evidence| seen.at.map(|at| trace.relative(at) as f64 / 1e9);
    let line = Line {
        kind: finding.kind.name(),
        what: &finding.what,
        evidence: finding
            .evidence
            .iter()
            .map(|it| Seen { at: seen(it), frame: it.frame.map(|id| id.0), text: &it.text })
            .collect(),
        cause: finding.cause.as_ref().map(|command| (command.node.as_str(), command.line.as_str())),
        fix: finding.fix.iter().map(|command| (command.node.as_str(), command.line.as_str())).collect(),
        read: finding.kind.chapter(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
