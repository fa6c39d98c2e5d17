//! `lvslab trace`: the frames of a run, and nothing else.

use super::subject::{FILTERS, Subject, parse_filter};
use super::{Status, output};
use crate::trace::filter::Filter;
use crate::trace::json;
use crate::trace::story::{self, Telling};

/// Runs a scenario and shows its frames, with their numbers and what was decided about them.
#[derive(clap::Args)]
#[command(after_help = format!("{FILTERS}\n\n{EXAMPLES}"))]
pub struct Trace {
    #[command(flatten)]
    subject: Subject,
    /// Shows only these frames.
    #[arg(value_name = "FILTER", value_parser = parse_filter)]
    filter: Option<Filter>,
    /// Shows them as JSON lines, for programs.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  lvslab trace dr.ron
  lvslab trace dr.ron 'arp or syn'
  lvslab trace dr.ron drops              what was dropped or lost, and why
  lvslab why dr.ron --frame 12           all about one of them";

impl Trace {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        let filter = self.filter.clone().unwrap_or_else(Filter::all);
        loaded.check_names(&filter)?;
        let outcome = loaded.run()?;
        let shown = output::print(|out| {
            if self.json {
                return json::write_frames(out, &outcome.trace, &filter);
            }
            let telling = Telling { filter, colours: output::colours(), numbers: true, commands: false };
            story::write(out, &loaded.plan.title, &outcome.trace, &telling)
        });
        Ok(shown.map_or(Status::Stopped, |()| Status::Held))
    }
}
