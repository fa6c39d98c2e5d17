//! `lvslab run`: a scenario from beginning to end.

use std::io;
use std::path::PathBuf;

use super::subject::{FILTERS, Loaded, Subject, parse_filter, wrong};
use super::{Status, files, output, verdicts};
use crate::scenario::{self, Outcome};
use crate::trace::filter::Filter;
use crate::trace::story::{self, Telling};
use crate::trace::{json, pcapng};

/// Runs a scenario and tells its story.
#[derive(clap::Args, Default)]
#[command(after_help = format!("{FILTERS}\n\n{EXAMPLES}"))]
pub struct Run {
    #[command(flatten)]
    subject: Subject,
    /// Tells only of these frames; commands are always told.
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    trace: Option<Filter>,
    /// Tells the story as JSON lines, for programs.
    #[arg(long)]
    json: bool,
    /// Shows the numbers of frames, which `lvslab why --frame` takes.
    #[arg(long)]
    numbers: bool,
    /// Writes steps.json, and a capture NODE-IFACE.pcap of each interface, into this folder.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Writes one capture of all interfaces, with what was decided about each frame as comments.
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
    /// Writes over files that do not come from lvslab.
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  lvslab run dr.ron --trace 'arp or syn'
  lvslab run dr.ron --trace 'conn 192.168.1.10:40001 and not node client'
  lvslab run dr.ron --trace none --record out";

impl Run {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        if let Some(filter) = &self.trace {
            loaded.check_names(filter)?;
        }
        self.check_targets().map_err(|error| wrong(&error))?;
        let outcome = loaded.run()?;
        self.report(&loaded, &outcome).map_err(|error| {
            anstream::eprintln!("lvslab: {error}");
            Status::Stopped
        })
    }

    fn check_targets(&self) -> Result<(), String> {
        if self.force {
            return Ok(());
        }
        self.record.as_deref().map_or(Ok(()), files::may_record)?;
        self.pcapng.as_deref().map_or(Ok(()), files::may_write)
    }

    fn report(&self, loaded: &Loaded, outcome: &Outcome) -> io::Result<Status> {
        if let Some(dir) = &self.record {
            files::record(dir, outcome)?;
        }
        if let Some(file) = &self.pcapng {
            files::write(file, &pcapng::write(&outcome.trace))?;
        }
        let verdicts = scenario::judge(&loaded.plan, outcome);
        let filter = self.trace.clone().unwrap_or_else(Filter::all);
        output::print(|out| {
            if self.json {
                json::write(out, &outcome.trace, &filter)?;
                return verdicts::write_json(out, &verdicts);
            }
            let telling = Telling { filter, colours: output::colours(), numbers: self.numbers, commands: true };
            story::write(out, &loaded.plan.title, &outcome.trace, &telling)?;
            verdicts::write(out, &verdicts, telling.colours)
        })?;
        Ok(if verdicts.iter().all(|verdict| verdict.held) { Status::Held } else { Status::Failed })
    }
}
