//! The scenario that a command is about: read, run, and complained about.

use std::path::{Path, PathBuf};

use super::complain::complain;
use super::{DEFAULT_SCENARIO, Status, files, scenarios};
use crate::scenario::{self, Diagnostic, Failure, Options, Outcome, Parameters, Plan, load, load_with, nearest};
use crate::time::Span;
use crate::trace::filter::{Filter, WORDS};

/// Which scenario is run, and how.
#[derive(clap::Args, Default)]
pub struct Subject {
    /// The scenario: a file, or the name of one that comes with lvslab (`lvslab scenarios` lists them); dr unless told.
    scenario: Option<PathBuf>,
    /// Chooses a parameter's value; for a sweep, several with commas between them.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// What all randomness is drawn from, instead of the scenario's own seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Ends the run at this time, like "10s": no command begins later. The lab is watched 0.6 s longer.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Span>,
    /// Stops a run that has more events than this.
    #[arg(long, value_name = "N")]
    max_events: Option<u64>,
}

/// A scenario file that is in order.
pub struct Loaded {
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What it says.
    pub plan: Plan,
}

impl Subject {
    /// Reads the scenario. Complaints about it have been printed when there is none.
    ///
    /// # Errors
    ///
    /// What the process ends with.
    pub fn load(&self) -> Result<Loaded, Status> {
        let (path, text) = self.read()?;
        let plan = if self.settings.is_empty() { load(&text) } else { self.load_chosen(&text)? };
        match plan {
            Ok(mut plan) => {
                plan.seed = self.seed.unwrap_or(plan.seed);
                plan.until = self.until.or(plan.until);
                plan.max_events = self.max_events.or(plan.max_events);
                Ok(Loaded { path, text, plan })
            }
            Err(diagnostics) => {
                complain(&path, &text, &diagnostics);
                Err(Status::Wrong)
            }
        }
    }

    /// The file's name and its text.
    ///
    /// # Errors
    ///
    /// What the process ends with; the complaint has been printed.
    pub fn read(&self) -> Result<(PathBuf, String), Status> {
        let (path, text) = match &self.scenario {
            None => (Path::new(DEFAULT_SCENARIO.0), DEFAULT_SCENARIO.1.to_owned()),
            Some(path) if path.exists() => (path.as_path(), files::read(path).map_err(|error| wrong(&error))?),
            Some(path) => built_in(path).ok_or_else(|| wrong(&missing(path)))?,
        };
        Ok((path.to_owned(), text))
    }

    fn load_chosen(&self, text: &str) -> Result<Result<Plan, Vec<Diagnostic>>, Status> {
        let parameters = match Parameters::of(text) {
            Ok(parameters) => parameters,
            Err(diagnostic) => return Ok(Err(vec![diagnostic])),
        };
        let settings = parameters.settings(&self.settings).map_err(|error| wrong(&error))?;
        Ok(load_with(text, &settings))
    }

    /// The parameters that are set, each with all of its values.
    pub fn several(&self) -> Vec<(String, Vec<String>)> {
        let values = |(name, values): &(String, String)| (name.clone(), values.split(',').map(str::to_owned).collect());
        self.settings.iter().map(values).collect()
    }
}

impl Loaded {
    /// One of the scenarios that come with lvslab.
    ///
    /// # Errors
    ///
    /// What the process ends with; the complaint has been printed.
    pub fn built_in(name: &str) -> Result<Loaded, Status> {
        let (path, text) = built_in(Path::new(name)).ok_or_else(|| wrong(&missing(Path::new(name))))?;
        match load(&text) {
            Ok(plan) => Ok(Loaded { path: path.to_owned(), text, plan }),
            Err(diagnostics) => {
                complain(path, &text, &diagnostics);
                Err(Status::Wrong)
            }
        }
    }

    /// Runs it. What went wrong has been printed when there is no outcome.
    ///
    /// # Errors
    ///
    /// What the process ends with.
    pub fn run(&self) -> Result<Outcome, Status> {
        scenario::run(&self.plan, Options::default()).map_err(|failure| self.explain(&failure))
    }

    /// Prints why a run did not come to its end.
    pub fn explain(&self, failure: &Failure) -> Status {
        match failure.diagnostic(&self.plan, &self.text) {
            Some(diagnostic) => {
                complain(&self.path, &self.text, &[diagnostic]);
                Status::Wrong
            }
            None => {
                anstream::eprintln!("lvslab: {}", endless(failure));
                Status::Stopped
            }
        }
    }

    /// A filter that names what is not there would be silent for ever.
    ///
    /// # Errors
    ///
    /// What the process ends with; the complaint has been printed.
    pub fn check_names(&self, filter: &Filter) -> Result<(), Status> {
        let interfaces: Vec<_> = self.plan.interface_names().collect();
        for name in filter.names() {
            let known = self.plan.node(name).is_some()
                || interfaces
                    .iter()
                    .any(|known| known == name || known.split_once('.').is_some_and(|(_, it)| it == name));
            if !known {
                return Err(wrong(&format!(
                    "the filter names \"{name}\", which is no node or interface; interfaces: {}",
                    interfaces.join(", ")
                )));
            }
        }
        Ok(())
    }
}

fn built_in(path: &Path) -> Option<(&Path, String)> {
    let (name, text) = scenarios::find(path.to_str()?)?;
    Some((Path::new(name), text.to_owned()))
}

fn missing(path: &Path) -> String {
    let name = path.display().to_string();
    let hint = match nearest(&name, scenarios::names()) {
        Some(known) => format!("did you mean {known}?"),
        None => "`lvslab scenarios` lists those that come with lvslab".to_owned(),
    };
    format!("there is no file {name}, and no scenario of that name; {hint}")
}

/// Prints what is wrong with the command line or a file.
pub fn wrong(error: &str) -> Status {
    anstream::eprintln!("lvslab: {error}");
    Status::Wrong
}

/// What a filter is, for the help of those who take one.
pub const FILTERS: &str = "\
FILTER is an expression as for tcpdump (arp, icmp, host A, src A, net A/N, tcp port 80, ether host M, joined by and, or,
not, and parentheses), with these words besides:
  node NAME, on NODE.IFACE         at this node, at this interface
  in, out                          as the node sees it
  request, reply                   ARP
  syn, synack, fin, rst, data      TCP
  conn A:P                         one end of the conversation is this
  drops, noted                     dropped or lost; decided about
  all, none                        everything, nothing";

/// A filter, for clap.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| format!("{error}; words besides tcpdump's: {}", WORDS.join(" ")))
}

fn parse_setting(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("a parameter's name, `=`, and its value are expected")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A time, for clap.
///
/// # Errors
///
/// What a time is.
pub fn parse_time(text: &str) -> Result<Span, &'static str> {
    scenario::parse_time(text).ok_or("a number and a unit is expected, like \"1.5s\" or \"200ms\"")
}

/// Which traffic does not end.
fn endless(failure: &Failure) -> String {
    let Failure::Endless { events, trace } = failure else { return String::new() };
    let now = trace.relative(trace.last());
    let mut text = format!(
        "stopped: {events} events, and no end in sight {:.3} s after time zero (--max-events sets the limit)",
        now as f64 / 1e9
    );
    let busiest = scenario::busiest(trace);
    if !busiest.is_empty() {
        text.push_str("\nsent most often at the end:");
    }
    for (count, place, line) in busiest {
        text.push_str(&format!("\n{count:>7} times by {place}: {line}"));
    }
    text
}
