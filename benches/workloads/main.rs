//! The workloads that the peers were measured with, in frames over links a second: a flooded frame counts once for each
//! port that it leaves by.
//!
//! `cargo bench --bench workloads [NAME ...]` runs those whose names contain one of the words; all without any. The median
//! of five runs is printed; `RUNS=1` makes it quicker. Those that are recorded keep everything that happens and every
//! reason; they take turns with the same without, and the ratio of their speeds is printed.

mod hosts;
mod plain;

use std::time::Instant;

use lvslab::sim::Unwatched;
use lvslab::trace::Trace;

/// What a run has done.
struct Work {
    /// Frames put on cables.
    frames: u64,
    /// Datagrams or connections that reached their end.
    delivered: u64,
}

/// A workload's name, and how it is run.
type Workload = (&'static str, fn() -> Work);

const WORKLOADS: &[Workload] = &[
    ("W1 route", hosts::tcp_route::<Unwatched>),
    ("W1 DR", hosts::tcp_direct_routing::<Unwatched>),
    ("W2 UDP forward", hosts::udp_forward),
    ("W3 star, ARP learned", hosts::star_arp_learned),
    ("W3 star, ARP known", hosts::star_arp_known),
    ("W2 UDP forward, engine alone", plain::udp_forward),
    ("W3 star, ARP learned, engine alone", plain::star_arp_learned),
    ("W3 star, ARP known, engine alone", plain::star_arp_known),
];

/// A workload's name, and how it is run without records and with them.
type Recording = (&'static str, fn() -> Work, fn() -> Work);

const RECORDED: &[Recording] = &[
    ("W1 route", hosts::tcp_route::<Unwatched>, hosts::tcp_route::<Trace>),
    ("W1 DR", hosts::tcp_direct_routing::<Unwatched>, hosts::tcp_direct_routing::<Trace>),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let runs = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5).max(1);
    println!("{:<40} {:>12} {:>14} {:>12} {:>8}", "workload", "frames", "frames/s", "delivered", "s");
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    for (name, run) in WORKLOADS.iter().filter(|(name, _)| is_wanted(name)) {
        report(name, runs, *run);
    }
    for (name, plain, recorded) in RECORDED.iter().filter(|(name, ..)| is_wanted(name)) {
        compare(name, runs, *plain, *recorded);
    }
}

fn report(name: &str, runs: usize, run: fn() -> Work) {
    let mut timed: Vec<Timed> = (0..runs).map(|_| Timed::run(run)).collect();
    timed.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    timed[runs / 2].print(name);
}

/// The quickest of some runs with and without records, in turn: whatever else this machine does disturbs both alike.
fn compare(name: &str, runs: usize, plain: fn() -> Work, recorded: fn() -> Work) {
    let pairs: Vec<[Timed; 2]> = (0..runs).map(|_| [plain, recorded].map(Timed::run)).collect();
    let quickest = |which: usize| {
        let all = pairs.iter().map(|pair| &pair[which]);
        all.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).expect("there is at least one run")
    };
    let [plain, recorded] = [0, 1].map(quickest);
    recorded.print(&format!("{name}, recorded with reasons"));
    println!("{:<40} {:>26.2} (at least 0.67)", "  of the speed without", plain.seconds / recorded.seconds);
}

/// A run, and how long it took.
struct Timed {
    seconds: f64,
    work: Work,
}

impl Timed {
    fn run(run: fn() -> Work) -> Timed {
        let start = Instant::now();
        let work = run();
        Timed { seconds: start.elapsed().as_secs_f64(), work }
    }

    fn print(&self, name: &str) {
        let Timed { seconds, work: Work { frames, delivered } } = self;
        let rate = *frames as f64 / seconds;
        println!("{name:<40} {frames:>12} {rate:>14.0} {delivered:>12} {seconds:>8.3}");
    }
}
