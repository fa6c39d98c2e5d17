//! `lvslab completions`: what a shell needs to complete our command lines.

use clap_complete::Shell;

use super::{Status, command, output};

/// Prints a completion script for a shell.
#[derive(clap::Args)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    /// Does it.
    pub fn execute(self) -> Status {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command(), "lvslab", &mut script);
        output::print(|out| out.write_all(&script)).map_or(Status::Stopped, |()| Status::Held)
    }
}
