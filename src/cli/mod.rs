//! The command line: one file a subcommand. Here is everything that touches files and terminals.

mod check;
mod complain;
mod completions;
mod course;
mod diagnose;
mod files;
mod ipvs;
mod keepalived;
mod output;
mod plot;
mod png;
mod report;
mod run;
mod scenarios;
mod shell;
mod subject;
mod sweep;
mod topo;
mod trace;
mod tui;
mod verdicts;
mod why;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use complain::complaints;
pub use course::COURSE;

/// The scenario that runs when none is named.
pub const DEFAULT_SCENARIO: (&str, &str) = ("scenarios/dr.ron", include_str!("../../scenarios/dr.ron"));

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All went well, and every expectation held.
    Held = 0,
    /// An expectation did not hold.
    Failed = 1,
    /// A file or the command line is wrong; nothing was written.
    Wrong = 2,
    /// The run could not be finished.
    Stopped = 3,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// A laboratory for Linux Virtual Server: whole clusters in one process, frame by frame.
#[derive(Parser)]
#[command(name = "lvslab", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a scenario and tells its story.
    Run(run::Run),
    /// Runs a scenario and shows its frames, with what was decided about them.
    Trace(trace::Trace),
    /// Says why a frame was sent and what became of it: its journey, with every decision on the way.
    Why(why::Why),
    /// Runs a scenario step by step, forward and back, with commands in between.
    Shell(shell::Shell),
    /// Shows a scenario on the whole screen: play, step, back; who knows what, and why.
    Tui(tui::Tui),
    /// Shows the network of a scenario: as text, as a picture, as a graph.
    Topo(topo::Topo),
    /// Runs a scenario and draws a plot of it.
    Plot(plot::Plot),
    /// Runs a scenario and writes it down as one page for a browser.
    Report(report::Report),
    /// Says whether a scenario file is in order, without running it.
    Check(check::Check),
    /// Lists the scenarios that come with lvslab, or prints one.
    Scenarios(scenarios::Scenarios),
    /// The load balancer by itself: what schedulers do with many requests.
    Ipvs(ipvs::Ipvs),
    /// keepalived by itself: what a configuration says.
    Keepalived(keepalived::Keepalived),
    /// Says what is wrong with a cluster, with evidence and the fix.
    Diagnose(diagnose::Diagnose),
    /// Exercises that grade themselves.
    Course(course::CourseArgs),
    /// Runs a scenario with all values of its parameters, and prints a table of what it measures.
    Sweep(sweep::Sweep),
    /// Prints a completion script: `source <(lvslab completions bash)`.
    Completions(completions::Completions),
}

const EXAMPLES: &str = "\
Without a command, a built-in scenario runs: a director and two real servers with direct routing.

Exit status:
  0  all went well, and everything that the scenario expects came true
  1  something that the scenario expects did not come true
  2  the scenario file or the command line is wrong; nothing was written
  3  the run could not be finished: it exceeded its limit on events

Examples:
  lvslab                                        the built-in scenario
  lvslab run scenarios/dr-arp-problem.ron       a scenario of your own
  lvslab run my.ron --trace 'arp and not node router'
  lvslab run my.ron --trace none --record out   commands only; captures and steps.json in out/
  lvslab trace my.ron drops                     what was dropped or lost, and why
  lvslab run my.ron --pcapng lab.pcapng         one capture of all interfaces, for Wireshark
  lvslab topo my.ron -o my.svg                  a picture of the network, or my.png
  lvslab plot my.ron --what vip -o vip.svg      who holds the virtual address, and when nobody does
  lvslab report my.ron -o my.html               a page to play, step and search in
  lvslab shell my.ron                           step by step, forward and back, commands in between
  lvslab tui my.ron                             the same on the whole screen
  lvslab ipvs pick -s wrr --server 10.0.0.1=3 --server 10.0.0.2=1    what a scheduler does
  lvslab course init lvs-course                 exercises, from the first frame to split brain
  lvslab keepalived check keepalived.conf       what a configuration does, and what is wrong with it";

/// The command line as it is parsed: the book's reference is written from it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or_else(|| Command::Run(run::Run::default()));
    let status = match command {
        Command::Run(run) => run.execute(),
        Command::Trace(trace) => trace.execute(),
        Command::Why(why) => why.execute(),
        Command::Shell(shell) => shell.execute(),
        Command::Tui(tui) => tui.execute(),
        Command::Topo(topo) => topo.execute(),
        Command::Plot(plot) => plot.execute(),
        Command::Report(report) => report.execute(),
        Command::Check(check) => check.execute(),
        Command::Scenarios(scenarios) => scenarios.execute(),
        Command::Ipvs(ipvs) => ipvs.execute(),
        Command::Keepalived(keepalived) => return ExitCode::from(keepalived.execute()),
        Command::Diagnose(diagnose) => diagnose.execute(),
        Command::Course(course) => course.execute(),
        Command::Sweep(sweep) => sweep.execute(),
        Command::Completions(completions) => completions.execute(),
    };
    status.into()
}
