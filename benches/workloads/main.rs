//! The workloads that the peers were measured with, in frames over links a second: a flooded frame counts once for each
//! port that it leaves by.
//!
//! `cargo bench --bench workloads [NAME ...]` runs those whose names contain one of the words; all without any. The median
//! of five runs is printed; `RUNS=1` makes it quicker. Those that are recorded keep everything that happens and every
//! reason: compare them with the same without.

mod hosts;
mod plain;

use std::time::Instant;

use lvslab::sim::Unwatched;
use lvslab::trace::Recorder;

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
    ("W1 route, recorded with reasons", hosts::tcp_route::<Recorder>),
    ("W1 DR, recorded with reasons", hosts::tcp_direct_routing::<Recorder>),
    ("W2 UDP forward", hosts::udp_forward),
    ("W3 star, ARP learned", hosts::star_arp_learned),
    ("W3 star, ARP known", hosts::star_arp_known),
    ("W2 UDP forward, engine alone", plain::udp_forward),
    ("W3 star, ARP learned, engine alone", plain::star_arp_learned),
    ("W3 star, ARP known, engine alone", plain::star_arp_known),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let runs = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5).max(1);
    println!("{:<40} {:>12} {:>14} {:>12} {:>8}", "workload", "frames", "frames/s", "delivered", "s");
    for (name, run) in WORKLOADS {
        if words.is_empty() || words.iter().any(|word| name.contains(word)) {
            report(name, runs, *run);
        }
    }
}

fn report(name: &str, runs: usize, run: fn() -> Work) {
    let mut timed: Vec<(f64, Work)> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            let work = run();
            (start.elapsed().as_secs_f64(), work)
        })
        .collect();
    timed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (seconds, Work { frames, delivered }) = &timed[runs / 2];
    let rate = *frames as f64 / seconds;
    println!("{name:<40} {frames:>12} {rate:>14.0} {delivered:>12} {seconds:>8.3}");
}
