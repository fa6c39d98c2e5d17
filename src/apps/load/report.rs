//! What load prints at the end.

use std::collections::BTreeMap;

use super::options::Options;
use crate::host::Errno;
use crate::time::Span;

/// What has come of the requests.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub sent: u64,
    servers: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    /// In microseconds; longer ones than an hour count as an hour.
    times: Vec<u32>,
    took: Span,
}

/// What is always told, even if it has not happened.
const REFUSED: &str = "refused";
const TIMED_OUT: &str = "timed out";

/// The shares of requests whose time is shown, in percent.
const PERCENTILES: [usize; 5] = [50, 90, 95, 99, 100];

impl Report {
    pub fn answered(&mut self, server: String, took: Span) {
        *self.servers.entry(server).or_default() += 1;
        self.times.push(u32::try_from(took.as_nanos() / 1000).unwrap_or(u32::MAX));
    }

    pub fn failed(&mut self, error: Errno) {
        let name = match error {
            Errno::WouldBlock | Errno::TimedOut => TIMED_OUT.to_owned(),
            Errno::ConnectionRefused => REFUSED.to_owned(),
            Errno::ConnectionReset => "reset".to_owned(),
            other => other.to_string(),
        };
        *self.failures.entry(name).or_default() += 1;
    }

    /// All requests have come to their end.
    pub fn end(&mut self, took: Span) {
        self.took = took;
    }

    pub fn text(&mut self, options: &Options) -> String {
        let Report { sent, took, .. } = self;
        let answered: u64 = self.servers.values().sum();
        let mut text = format!("{}: {sent} sent in {:.3} s\n", options.target, took.as_secs_f64());
        text.push_str(&line("answered", answered, *sent));
        self.failures.entry(REFUSED.to_owned()).or_default();
        self.failures.entry(TIMED_OUT.to_owned()).or_default();
        text.extend(self.failures.iter().map(|(name, count)| line(name, *count, *sent)));
        if answered == 0 {
            return text;
        }
        text.push_str("by server\n");
        text.extend(self.servers.iter().map(|(name, count)| line(name, *count, answered)));
        self.times.sort_unstable();
        text.push_str("response times\n");
        for share in PERCENTILES {
            let place = (self.times.len() * share).div_ceil(100).max(1) - 1;
            text.push_str(&format!("  {:<32}{:>9.3} ms\n", format!("{share}%"), f64::from(self.times[place]) / 1000.0));
        }
        text
    }
}

fn line(name: &str, count: u64, of: u64) -> String {
    let share = if of == 0 { 0.0 } else { count as f64 * 100.0 / of as f64 };
    format!("  {name:<32}{count:>9}  {share:5.1}%\n")
}
