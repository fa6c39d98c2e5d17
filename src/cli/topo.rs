//! `lvslab topo`: the network of a scenario, as it is when the set-up is done.

use super::Status;
use super::output::Target;
use super::subject::Subject;
use crate::scenario::{self, Options};
use crate::topo::{dot, draw, text};

/// Shows the network of a scenario: who is plugged in where, and which part everybody plays.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Topo {
    #[command(flatten)]
    subject: Subject,
    /// Draws it as SVG.
    #[arg(long, group = "form")]
    svg: bool,
    /// Writes it as a graph in Graphviz's language.
    #[arg(long, group = "form")]
    dot: bool,
    /// Writes it as text; that is what it does unless told otherwise.
    #[arg(long, group = "form")]
    text: bool,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  lvslab topo dr.ron
  lvslab topo dr.ron --svg -o dr.svg
  lvslab topo dr.ron --dot | dot -Tpdf > dr.pdf";

impl Topo {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        self.target.check()?;
        let loaded = self.subject.load()?;
        let network = scenario::survey(&loaded.plan, Options::default()).map_err(|failure| loaded.explain(&failure))?;
        self.target.write(|out| {
            if self.svg {
                out.write_all(draw::svg(&network).as_bytes())
            } else if self.dot {
                out.write_all(dot::dot(&network).as_bytes())
            } else {
                text::write(out, &network)
            }
        })
    }
}
