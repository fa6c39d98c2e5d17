//! `lvslab trace`: the frames of a run, and nothing else.

use super::Status;
use super::output::Target;
use super::subject::{FILTERS, Subject, parse_filter};
use crate::report::ladder::{self, Ladder};
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
    /// Shows them as a ladder: a column for each machine, an arrow for each frame.
    #[arg(long, conflicts_with = "json")]
    ladder: bool,
    /// Draws the ladder as SVG, or as PNG into a file that is called so.
    #[arg(long, conflicts_with = "json")]
    svg: bool,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  lvslab trace dr.ron
  lvslab trace dr.ron 'arp or syn'
  lvslab trace dr.ron drops              what was dropped or lost, and why
  lvslab trace dr.ron 'arp or syn' --ladder
  lvslab trace dr.ron 'conn 192.168.1.10:40001' -o ladder.svg
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
        self.target.check()?;
        let outcome = loaded.run()?;
        let trace = &outcome.trace;
        if self.svg || !self.json && !self.ladder && self.target.is_picture() {
            return self.target.draw(&ladder::svg::svg(&Ladder::of(&outcome.network, trace, &filter)));
        }
        self.target.write(|out| {
            if self.json {
                return json::write_frames(out, trace, &filter);
            }
            if self.ladder {
                return ladder::text::write(out, &Ladder::of(&outcome.network, trace, &filter));
            }
            let telling = Telling { filter, colours: self.target.colours(), numbers: true, commands: false };
            story::write(out, &loaded.plan.title, trace, &telling)
        })
    }
}
