//! `lvslab ipvs`: the load balancer by itself, without a network around it.

mod arguments;
mod experiment;
mod pick;
mod report;

use super::Status;

/// The load balancer by itself, without a network around it.
#[derive(clap::Args)]
pub struct Ipvs {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows which server a scheduler gives to each of many requests.
    Pick(pick::Pick),
}

impl Ipvs {
    /// Does it.
    pub fn execute(self) -> Status {
        match self.command {
            Command::Pick(pick) => pick.execute(),
        }
    }
}
