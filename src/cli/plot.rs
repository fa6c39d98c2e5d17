//! `lvslab plot`: a run as a plot.

use super::Status;
use super::output::Target;
use super::subject::{Subject, wrong};
use crate::report::plot::{self, What};

/// Runs a scenario and draws a plot of it, as SVG, or as PNG into a file that is called so.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Plot {
    #[command(flatten)]
    subject: Subject,
    /// What it shows: share, connections, vip, requests, latency, or links.
    #[arg(long, default_value = "share", value_parser = parse_what, value_name = "WHAT")]
    what: What,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
WHAT is one of:
  share         which share of the connections each server got, against its weight
  connections   how many active and inactive connections each server has
  vip           who holds the virtual address, with gaps and overlaps
  requests      how many requests were answered, refused and lost a second
  latency       how long answers took
  links         what each interface sends

Examples:
  lvslab plot dr.ron -o share.svg
  lvslab plot keepalived/failover --what vip -o vip.png";

fn parse_what(text: &str) -> Result<What, String> {
    let names = What::ALL.map(What::name);
    What::ALL.into_iter().find(|what| what.name() == text).ok_or_else(|| format!("one of {}", names.join(", ")))
}

impl Plot {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        let loaded = self.subject.load()?;
        self.target.check()?;
        let outcome = loaded.run()?;
        let subject = plot::Subject { network: &outcome.network, trace: &outcome.trace, length: outcome.length };
        let svg = plot::svg(self.what, &subject).map_err(|why| wrong(&format!("nothing to plot: {why}")))?;
        self.target.draw(&svg)
    }
}
