//! `lvslab check`: whether a scenario file is in order.

use std::path::PathBuf;

use super::complain::complain;
use super::{Status, files, output};
use crate::scenario::load;

/// Says whether a scenario file is in order, without running it.
#[derive(clap::Args)]
pub struct Check {
    /// The scenario file.
    scenario: PathBuf,
}

impl Check {
    /// Does it.
    pub fn execute(self) -> Status {
        let text = match files::read(&self.scenario) {
            Ok(text) => text,
            Err(error) => {
                anstream::eprintln!("lvslab: {error}");
                return Status::Wrong;
            }
        };
        match load(&text) {
            Ok(plan) => {
                let (nodes, steps) = (plan.nodes.len(), plan.timeline.len());
                let line = format!("{}: ok: {nodes} nodes, {steps} steps", self.scenario.display());
                output::print(|out| writeln!(out, "{line}")).map_or(Status::Stopped, |()| Status::Held)
            }
            Err(diagnostics) => {
                complain(&self.scenario, &text, &diagnostics);
                Status::Wrong
            }
        }
    }
}
