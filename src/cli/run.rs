//! `lvslab run`: a scenario from beginning to end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::complain::complain;
use super::{DEFAULT_SCENARIO, Status, output};
use crate::scenario::{Failure, Options, Outcome, load};
use crate::trace::{pcapng, story};

/// Runs a scenario and tells its story.
#[derive(clap::Args, Default)]
pub struct Run {
    /// The scenario file; without it, a built-in one.
    scenario: Option<PathBuf>,
    /// What all randomness is drawn from, instead of the scenario's seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Writes steps.json and a capture NODE-IFACE.pcap of each interface into this folder.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Writes one capture of all interfaces.
    #[arg(long, value_name = "FILE")]
    pcapng: Option<PathBuf>,
}

impl Run {
    /// Does it.
    pub fn execute(self) -> Status {
        let (path, text) = match &self.scenario {
            None => (Path::new(DEFAULT_SCENARIO.0), DEFAULT_SCENARIO.1.to_owned()),
            Some(path) => match fs::read_to_string(path) {
                Ok(text) => (path.as_path(), text),
                Err(error) => {
                    eprintln!("lvslab: {}: {error}", path.display());
                    return Status::Wrong;
                }
            },
        };
        let mut plan = match load(&text) {
            Ok(plan) => plan,
            Err(diagnostics) => {
                complain(path, &text, &diagnostics);
                return Status::Wrong;
            }
        };
        plan.seed = self.seed.unwrap_or(plan.seed);
        let outcome = match crate::scenario::run(&plan, Options::default()) {
            Ok(outcome) => outcome,
            Err(failure) => {
                eprintln!("lvslab: {failure:?}");
                return match failure {
                    Failure::Setup { .. } => Status::Wrong,
                    Failure::Endless { .. } => Status::Stopped,
                };
            }
        };
        if let Err(error) = self.write(&outcome) {
            eprintln!("lvslab: {error}");
            return Status::Stopped;
        }
        match output::print(|out| story::write(out, &outcome.trace, output::colours())) {
            Ok(()) => Status::Held,
            Err(error) => {
                eprintln!("lvslab: {error}");
                Status::Stopped
            }
        }
    }

    fn write(&self, outcome: &Outcome) -> io::Result<()> {
        if let Some(dir) = &self.record {
            fs::create_dir_all(dir)?;
            for (name, capture) in outcome.captures() {
                fs::write(dir.join(name + ".pcap"), capture)?;
            }
            fs::write(dir.join("steps.json"), outcome.steps.to_json())?;
        }
        if let Some(file) = &self.pcapng {
            fs::write(file, pcapng::write(&outcome.trace))?;
        }
        Ok(())
    }
}
