//! `lvslab run`: a scenario from beginning to end.

use std::io;
use std::path::{Path, PathBuf};

use super::complain::complain;
use super::{DEFAULT_SCENARIO, Status, files, output, verdicts};
use crate::scenario::{self, Failure, Options, Outcome, Plan, load};
use crate::time::Span;
use crate::trace::filter::{Filter, WORDS};
use crate::trace::story::{self, Telling};
use crate::trace::{json, pcapng};

/// Runs a scenario and tells its story.
#[derive(clap::Args, Default)]
#[command(after_help = FILTERS)]
pub struct Run {
    /// The scenario file; without it, a built-in one.
    scenario: Option<PathBuf>,
    /// What all randomness is drawn from, instead of the scenario's own seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Tells only of these frames; commands are always told.
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    trace: Option<Filter>,
    /// Tells the story as JSON lines, for programs.
    #[arg(long)]
    json: bool,
    /// Writes steps.json, and a capture NODE-IFACE.pcap of each interface, into this folder.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Writes one capture of all interfaces, with what was decided about each frame as comments.
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// Writes over files that do not come from lvslab.
    #[arg(long)]
    force: bool,
    /// Ends the run at this time, like "10s".
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Span>,
    /// Stops a run that has more events than this.
    #[arg(long, value_name = "N")]
    max_events: Option<u64>,
}

const FILTERS: &str = "\
FILTER is an expression as for tcpdump (arp, icmp, host A, src A, net A/N, tcp port 80, ether host M, joined by and, or,
not, and parentheses), with these words besides:
  node NAME, on NODE.IFACE         at this node, at this interface
  in, out                          as the node sees it
  request, reply                   ARP
  syn, synack, fin, rst, data      TCP
  conn A:P                         one end of the conversation is this
  drops, noted                     dropped or lost; decided about
  all, none                        everything, nothing

Examples:
  lvslab run dr.ron --trace 'arp or syn'
  lvslab run dr.ron --trace 'conn 192.168.1.10:40001 and not node client'
  lvslab run dr.ron --trace none --record out";

fn parse_filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| format!("{error}; words besides tcpdump's: {}", WORDS.join(" ")))
}

fn parse_time(text: &str) -> Result<Span, &'static str> {
    scenario::parse_time(text).ok_or("a number and a unit is expected, like \"1.5s\" or \"200ms\"")
}

impl Run {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|(status, error)| {
            anstream::eprintln!("lvslab: {error}");
            status
        })
    }

    fn try_execute(self) -> Result<Status, (Status, String)> {
        let wrong = |error: String| (Status::Wrong, error);
        let (path, text) = match &self.scenario {
            None => (Path::new(DEFAULT_SCENARIO.0), DEFAULT_SCENARIO.1.to_owned()),
            Some(path) => (path.as_path(), files::read(path).map_err(wrong)?),
        };
        let mut plan = match load(&text) {
            Ok(plan) => plan,
            Err(diagnostics) => {
                complain(path, &text, &diagnostics);
                return Ok(Status::Wrong);
            }
        };
        plan.seed = self.seed.unwrap_or(plan.seed);
        plan.until = self.until.or(plan.until);
        plan.max_events = self.max_events.or(plan.max_events);
        self.check_names(&plan).map_err(wrong)?;
        self.check_targets().map_err(wrong)?;
        match scenario::run(&plan, Options::default()) {
            Ok(outcome) => self.report(&plan, &outcome).map_err(|error| (Status::Stopped, error.to_string())),
            Err(failure) => match failure.diagnostic(&plan, &text) {
                Some(diagnostic) => {
                    complain(path, &text, &[diagnostic]);
                    Ok(Status::Wrong)
                }
                None => Err((Status::Stopped, endless(&failure))),
            },
        }
    }

    /// A filter that names what is not there would be silent for ever.
    fn check_names(&self, plan: &Plan) -> Result<(), String> {
        let interfaces: Vec<_> = plan.interface_names().collect();
        for name in self.trace.iter().flat_map(Filter::names) {
            let known = plan.node(name).is_some()
                || interfaces
                    .iter()
                    .any(|known| known == name || known.split_once('.').is_some_and(|(_, it)| it == name));
            if !known {
                return Err(format!(
                    "--trace: there is no node or interface \"{name}\"; interfaces: {}",
                    interfaces.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn check_targets(&self) -> Result<(), String> {
        if self.force {
            return Ok(());
        }
        self.record.as_deref().map_or(Ok(()), files::may_record)?;
        self.pcapng.as_deref().map_or(Ok(()), files::may_write)
    }

    fn report(&self, plan: &Plan, outcome: &Outcome) -> io::Result<Status> {
        if let Some(dir) = &self.record {
            files::record(dir, outcome)?;
        }
        if let Some(file) = &self.pcapng {
            files::write(file, &pcapng::write(&outcome.trace))?;
        }
        let verdicts = scenario::judge(plan, outcome);
        let filter = self.trace.clone().unwrap_or_else(Filter::all);
        output::print(|out| {
            if self.json {
                json::write(out, &outcome.trace, &filter)?;
                return verdicts::write_json(out, &verdicts);
            }
            let telling = Telling { filter, colours: output::colours() };
            story::write(out, &plan.title, &outcome.trace, &telling)?;
            verdicts::write(out, &verdicts, telling.colours)
        })?;
        Ok(if verdicts.iter().all(|verdict| verdict.held) { Status::Held } else { Status::Failed })
    }
}

/// Which traffic does not end.
fn endless(failure: &Failure) -> String {
    let Failure::Endless { events, trace } = failure else { return String::new() };
    let now = trace.records.last().map_or(0, |record| trace.relative(record.at));
    let mut text = format!(
        "stopped: {events} events, and no end in sight {:.3} s after time zero (--max-events sets the limit)",
        now as f64 / 1e9
    );
    let busiest = scenario::busiest(trace);
    if !busiest.is_empty() {
        text.push_str("\nsent most often at the end:");
    }
    for (count, place, line) in busiest {
        text.push_str(&format!("\n{count:>7} times by {place}: {line}"));
    }
    text
}
