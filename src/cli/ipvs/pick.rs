//! `lvslab ipvs pick`: the arguments, and what is wrong with them together.

use std::net::Ipv4Addr;

use clap::builder::PossibleValuesParser;
use ipnet::Ipv4Net;

use super::arguments::{Hold, Service, parse_clients, parse_hold, parse_rate, parse_server, parse_service};
use super::experiment::Experiment;
use super::report::{self, Shown};
use crate::cli::{Status, output};
use crate::ipvs::{Error, Persistence, ServiceOptions, scheduler};
use crate::time::Span;
use crate::wire::proto;

/// Shows which server a scheduler gives to each of many requests.
///
/// Servers are added one by one in the order given, as with `ipvsadm -a`: a scheduler meets the last one first, as the
/// kernel's do. They are reached by direct routing. Requests come at an even rate; the clients take turns.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Pick {
    /// The scheduler.
    #[arg(short, long, default_value = scheduler::DEFAULT, value_parser = PossibleValuesParser::new(scheduler::NAMES))]
    scheduler: String,
    /// The scheduler's flags, as for ipvsadm: sh-port, sh-fallback, mh-port, mh-fallback, with commas between them.
    #[arg(short = 'b', long, value_name = "FLAGS")]
    sched_flags: Option<String>,
    /// A real server and its weight (from 0 to 65535; 1 if there is none); once for each server.
    #[arg(long = "server", value_name = "ADDRESS[=WEIGHT]", required = true, value_parser = parse_server)]
    servers: Vec<(Ipv4Addr, i32)>,
    /// Where the clients are: an address or a prefix.
    #[arg(long, value_name = "PREFIX", default_value = "10.9.0.0/24", value_parser = parse_clients)]
    clients: Ipv4Net,
    /// How many requests there are.
    #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    requests: u32,
    /// How many requests there are in a second.
    #[arg(long, value_name = "N[/s]", default_value = "100/s", value_parser = parse_rate)]
    rate: Span,
    /// How long connections stay open: a number of requests, a time, "exp:" before one of these for an exponential
    /// distribution with that mean, or "forever".
    #[arg(long, value_name = "N|TIME", default_value = "0", value_parser = parse_hold)]
    hold: Hold,
    /// The virtual service.
    #[arg(long, value_name = "VIP:PORT[/tcp|/udp]", default_value = "192.168.1.200:80/tcp", value_parser = parse_service)]
    service: Service,
    /// Clients come back to their servers within so many seconds.
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "360",
          value_parser = clap::value_parser!(u32).range(1..=2_678_400))]
    persistent: Option<u32>,
    /// What all randomness is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints the order of the choices, too.
    #[arg(long)]
    sequence: bool,
    /// Prints each choice and its reason, too.
    #[arg(long)]
    why: bool,
    /// Prints one JSON object, for programs.
    #[arg(long, conflicts_with = "why")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  weights in rounds:
    lvslab ipvs pick -s wrr --server 10.0.0.1=3 --server 10.0.0.2=1 --requests 8 --sequence
  the same with connections that stay open, and the arithmetic:
    lvslab ipvs pick -s wlc --server 10.0.0.1=3 --server 10.0.0.2=1 --requests 8 --hold forever --why
  open connections of 2 s on average, 100 requests a second:
    lvslab ipvs pick -s sed --server 10.0.0.1=3 --server 10.0.0.2=1 --hold exp:2s
  hashing knows the clients' addresses only, unless it is told to look at ports:
    lvslab ipvs pick -s sh --server 10.0.0.1 --server 10.0.0.2 --clients 10.9.0.7
    lvslab ipvs pick -s sh -b sh-port --server 10.0.0.1 --server 10.0.0.2 --clients 10.9.0.7";

impl Pick {
    /// Does it.
    pub fn execute(self) -> Status {
        let shown = Shown { sequence: self.sequence, why: self.why, json: self.json, colours: output::colours() };
        let experiment = match self.experiment() {
            Ok(experiment) => experiment,
            Err(error) => return wrong(&error),
        };
        let outcome = match experiment.run() {
            Ok(outcome) => outcome,
            Err(Error::DestinationExists) => return wrong("--server: the same server twice"),
            Err(error) => return wrong(&format!("--server: {error}")),
        };
        let printed = output::print(|out| report::write(out, &experiment, &outcome, &shown));
        printed.map_or(Status::Stopped, |()| Status::Held)
    }

    fn experiment(self) -> Result<Experiment, String> {
        let flags = self.sched_flags.as_deref().map_or(Ok(0), |flags| scheduler::flags(&self.scheduler, flags));
        let options = ServiceOptions {
            scheduler_flags: flags.map_err(|error| {
                format!("--sched-flags: {error}; sh has sh-port and sh-fallback, mh has mh-port and mh-fallback")
            })?,
            scheduler: self.scheduler,
            persistence: self.persistent.map(|seconds| Persistence { timeout: Span::from_secs(seconds.into()) }),
            ..ServiceOptions::default()
        };
        if self.service.protocol == proto::UDP && self.hold != Hold::NONE {
            return Err("--hold: datagrams open nothing that could be held; leave it out, or ask for tcp".to_owned());
        }
        let experiment = Experiment {
            service: self.service,
            options,
            servers: self.servers,
            clients: self.clients,
            requests: self.requests,
            gap: self.rate,
            hold: self.hold,
            seed: self.seed,
            explain: self.why,
        };
        let (_, room) = experiment.room();
        if u64::from(self.requests) > room {
            return Err(format!(
                "--requests: these clients have ports for {room} requests; a shorter prefix of --clients has more"
            ));
        }
        Ok(experiment)
    }
}

fn wrong(error: &str) -> Status {
    anstream::eprintln!("lvslab: {error}");
    Status::Wrong
}
