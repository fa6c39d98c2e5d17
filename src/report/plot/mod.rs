//! Plots of a run, drawn by plotters from its records alone.

mod chart;
mod connections;
mod latency;
mod links;
mod requests;
mod share;
mod vip;

use std::fmt;

use crate::time::Span;
use crate::topo::Network;
use crate::trace::Trace;

/// What a plot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Which share of the connections each server got, against its weight.
    Share,
    /// How many active and inactive connections each server has.
    Connections,
    /// Who holds the virtual address.
    Vip,
    /// How many requests were answered, refused and lost.
    Requests,
    /// How long answers took.
    Latency,
    /// How much passed each cable.
    Links,
}

impl What {
    /// All of them.
    pub const ALL: [What; 6] = [What::Share, What::Connections, What::Vip, What::Requests, What::Latency, What::Links];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            What::Share => "share",
            What::Connections => "connections",
            What::Vip => "vip",
            What::Requests => "requests",
            What::Latency => "latency",
            What::Links => "links",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A run to be plotted.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its network.
    pub network: &'a Network,
    /// Its records.
    pub trace: &'a Trace,
    /// How long it was.
    pub length: Span,
}

impl Subject<'_> {
    /// A moment in seconds from time zero; none if it belongs to the set-up.
    fn seconds(&self, at: crate::time::Time) -> Option<f64> {
        (at >= self.trace.zero).then(|| at.since(self.trace.zero).as_secs_f64())
    }

    /// The end of the time axis.
    fn end(&self) -> f64 {
        self.length.as_secs_f64().max(0.001)
    }

    /// Who has an address, or the address.
    fn owner(&self, address: std::net::Ipv4Addr) -> String {
        self.network.holders(address).next().map_or_else(|| address.to_string(), |machine| machine.name.clone())
    }
}

/// A plot as SVG.
///
/// # Errors
///
/// Why there is nothing to be seen.
pub fn svg(what: What, subject: &Subject<'_>) -> Result<String, &'static str> {
    let chart = match what {
        What::Share => share::chart(subject),
        What::Connections => connections::chart(subject),
        What::Vip => return vip::svg(subject),
        What::Requests => requests::chart(subject),
        What::Latency => latency::chart(subject),
        What::Links => links::chart(subject),
    }?;
    Ok(chart.svg(&subject.network.title))
}

#[cfg(test)]
mod tests;
