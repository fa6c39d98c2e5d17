//! `lvslab topo`: the network of a scenario, as it is when the set-up is done or at any time after.

use super::Status;
use super::output::Target;
use super::subject::{Loaded, Subject, parse_time, wrong};
use crate::scenario::{self, Options};
use crate::session::{Halt, Session};
use crate::time::Span;
use crate::topo::{Network, dot, draw, text};

/// Shows the network of a scenario: who is plugged in where, and which part everybody plays.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Topo {
    #[command(flatten)]
    subject: Subject,
    /// Draws it as SVG, or as PNG into a file that is called so.
    #[arg(long, group = "form")]
    svg: bool,
    /// Writes it as a graph in Graphviz's language.
    #[arg(long, group = "form")]
    dot: bool,
    /// Writes it as text; that is what it does unless told otherwise.
    #[arg(long, group = "form")]
    text: bool,
    /// The moment that it shows, like "5s": who holds a virtual address then; without it, time zero.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<Span>,
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  lvslab topo dr.ron
  lvslab topo dr.ron -o dr.svg
  lvslab topo keepalived/failover --at 20s
  lvslab topo dr.ron --dot | dot -Tpdf > dr.pdf";

impl Topo {
    /// Does it.
    pub fn execute(self) -> Status {
        self.try_execute().unwrap_or_else(|status| status)
    }

    fn try_execute(self) -> Result<Status, Status> {
        self.target.check()?;
        let loaded = self.subject.load()?;
        let network = self.network(&loaded)?;
        if self.svg || !self.dot && !self.text && self.target.is_picture() {
            return self.target.draw(&draw::svg(&network));
        }
        self.target.write(|out| {
            if self.dot { out.write_all(dot::dot(&network).as_bytes()) } else { text::write(out, &network) }
        })
    }

    fn network(&self, loaded: &Loaded) -> Result<Network, Status> {
        let (plan, options) = (loaded.plan.clone(), Options::default());
        let explained = |failure| loaded.explain(&failure);
        let Some(at) = self.at else { return scenario::survey(&plan, options).map_err(explained) };
        let mut session = Session::begin(plan, options).map_err(explained)?;
        match session.jump(at).map_err(explained)? {
            Halt::Exhausted => Err(wrong("the limit of events comes first (--max-events sets it)")),
            _ => Ok(session.network()),
        }
    }
}
