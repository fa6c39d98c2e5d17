//! `lvslab report`: a run as one page for a browser.

mod gallery;
mod known;

use std::path::PathBuf;

use super::Status;
use super::output::Target;
use super::subject::{Loaded, Subject};
use crate::diagnose::{self, Evidence};
use crate::report::page::{Finding, Page, Verdict};
use crate::scenario::{self, Outcome, Places};
use crate::trace::Trace;
use crate::trace::journey::Command;

/// Runs a scenario and writes it down as one page for a browser: play it, step forward and back, ask why.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Report {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    target: Target,
    /// Writes pages and pictures of the scenarios that teach most into this folder, with an index.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["scenario", "output"])]
    gallery: Option<PathBuf>,
}

const EXAMPLES: &str = "\
The page needs nothing but itself: no network, no other file.

Examples:
  lvslab report dr -o dr.html
  lvslab report keepalived/failover --until 12s -o failover.html
  lvslab report --gallery reports";

impl Report {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        if let Some(folder) = &self.gallery {
            return gallery::write(folder, self.target.force());
        }
        let loaded = self.subject.load()?;
        self.target.check()?;
        let page = exhibit(&loaded)?.page;
        self.target.write(|out| out.write_all(page.as_bytes()))
    }
}

/// A scenario that was run, and its page.
struct Exhibited {
    outcome: Outcome,
    page: String,
    /// How many expectations came true, and how many there are.
    held: (usize, usize),
    /// What is wrong with the cluster.
    findings: Vec<String>,
}

/// Runs a scenario and makes its page.
///
/// # Errors
///
/// What the process ends with; the complaint has been printed.
fn exhibit(loaded: &Loaded) -> Result<Exhibited, Status> {
    let outcome = loaded.run()?;
    let known = known::known(&loaded.plan, &outcome.trace).map_err(|failure| loaded.explain(&failure))?;
    let verdicts = scenario::judge(&loaded.plan, &outcome);
    let file = loaded.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let places = Places::of(&loaded.plan, &loaded.text);
    let findings = diagnose::diagnose(&loaded.plan, &places, &outcome);
    let place = |command: &Command<'_>| Some(format!("{file}:{}", places.line(command.node, command.job)?));
    let Outcome { network, trace, length, .. } = &outcome;
    let page = Page {
        title: &loaded.plan.title,
        about: about(&loaded.text),
        source: (&file, &loaded.text),
        network,
        trace,
        length: *length,
        verdicts: verdicts
            .iter()
            .map(|it| Verdict { held: it.held, say: &it.say, expected: &it.expected, found: &it.found })
            .collect(),
        findings: findings.iter().map(|it| finding(it, &file, trace)).collect(),
        known,
        place: &place,
    };
    let page = page.html();
    let held = (verdicts.iter().filter(|verdict| verdict.held).count(), verdicts.len());
    let findings = findings.into_iter().map(|finding| finding.what).collect();
    Ok(Exhibited { page, held, findings, outcome })
}

fn finding<'a>(it: &'a diagnose::Finding, file: &str, trace: &Trace) -> Finding<'a> {
    let evidence = |seen: &Evidence| {
        let at = seen.at.filter(|at| *at >= trace.zero);
        let at = at.map(|at| format!("at {} s: ", at.since(trace.zero))).unwrap_or_default();
        (seen.frame.map(|id| id.number()), at + &seen.text)
    };
    let command = |command: &diagnose::Command| format!("{}$ {}", command.node, command.line);
    Finding {
        what: &it.what,
        evidence: it.evidence.iter().map(evidence).collect(),
        cause: it.cause.as_ref().map(|cause| cause.place(file)),
        fix: it.fix.iter().map(command).collect(),
        read: it.kind.chapter(),
    }
}

/// The comment that a scenario's file begins with: what it shows, in paragraphs.
fn about(text: &str) -> Vec<String> {
    let comment = text.lines().map_while(|line| line.strip_prefix("//")).map(str::trim);
    let mut paragraphs = vec![String::new()];
    for line in comment {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn the_comment_at_the_top_is_what_it_is_about() {
        let text = "// One\n// and more.\n//\n// Two.\nScenario(\n// not this\n)";
        assert_eq!(about(text), ["One and more.", "Two."]);
        assert!(about("Scenario()").is_empty());
    }
}
