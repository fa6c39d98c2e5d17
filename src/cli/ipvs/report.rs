//! What came of many requests: a table with bars, the order of the choices, or JSON.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use serde::Serialize;

use super::experiment::{Experiment, Outcome, Server};
use crate::wire::proto;

/// What is to be seen.
pub struct Shown {
    pub sequence: bool,
    pub why: bool,
    pub json: bool,
    pub colours: bool,
}

/// How many characters a bar of all requests has.
const BAR: usize = 40;
/// How many choices stand in a line.
const IN_A_LINE: usize = 40;

/// Prints what came of an experiment.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, experiment: &Experiment, outcome: &Outcome, shown: &Shown) -> io::Result<()> {
    if shown.json {
        return write_json(out, experiment, outcome, shown.sequence);
    }
    write_title(out, experiment)?;
    write_table(out, outcome, shown.colours)?;
    if shown.sequence {
        write_sequence(out, outcome)?;
    }
    if shown.why { write_reasons(out, outcome) } else { Ok(()) }
}

fn write_title(out: &mut dyn Write, experiment: &Experiment) -> io::Result<()> {
    let (service, (clients, _)) = (experiment.service, experiment.room());
    let requests = experiment.requests;
    let plural = |n: u64, one: &str| if n == 1 { format!("{n} {one}") } else { format!("{n} {one}s") };
    writeln!(
        out,
        "{} {}, {}: {} from {}\n",
        proto::name(service.protocol),
        service.endpoint,
        experiment.options.scheduler,
        plural(requests.into(), "request"),
        plural(clients.min(requests.into()), "client"),
    )
}

/// The servers in the order in which the scheduler meets them, which is the order of `ipvsadm -L`.
fn listed(outcome: &Outcome) -> impl Iterator<Item = (usize, &Server)> {
    outcome.servers.iter().enumerate().rev()
}

fn write_table(out: &mut dyn Write, outcome: &Outcome, colours: bool) -> io::Result<()> {
    let all = outcome.picks.len() as f64;
    let weights: f64 = outcome.servers.iter().map(|server| f64::from(server.weight)).sum();
    writeln!(out, "  server              weight  requests   share  by weight   active  inactive")?;
    for (place, server) in listed(outcome) {
        let share = f64::from(server.requests) / all;
        let by_weight = if weights > 0.0 { f64::from(server.weight) / weights } else { 0.0 };
        writeln!(
            out,
            "{:>3}  {:<16} {:>6}  {:>8}  {:>5.1}%     {:>5.1}%  {:>7}  {:>8}  {}",
            place + 1,
            server.address,
            server.weight,
            server.requests,
            share * 100.0,
            by_weight * 100.0,
            server.active,
            server.inactive,
            bar(share, by_weight, colours),
        )?;
    }
    let refused = outcome.picks.iter().filter(|pick| pick.server.is_none()).count();
    if refused > 0 {
        let share = refused as f64 / all;
        writeln!(out, "  -  {:<23}  {refused:>8}  {:>5.1}%", "refused", share * 100.0)?;
    }
    Ok(())
}

/// A bar of what a server got, with a mark where its weight would have it end.
fn bar(share: f64, by_weight: f64, colours: bool) -> String {
    let cells = |part: f64| (part * BAR as f64).round() as usize;
    let (filled, mark) = (cells(share), cells(by_weight));
    let end = filled.max(mark + 1);
    let bar: String = (0..end)
        .map(|cell| {
            if cell == mark {
                '|'
            } else if cell < filled {
                '#'
            } else {
                '.'
            }
        })
        .collect();
    if colours { format!("\x1b[36m{bar}\x1b[0m") } else { bar }
}

/// The number of the chosen server of each request.
fn write_sequence(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    writeln!(out, "\nin this order")?;
    let width = outcome.servers.len().to_string().len();
    for (line, picks) in outcome.picks.chunks(IN_A_LINE).enumerate() {
        write!(out, "{:>6} ", line * IN_A_LINE + 1)?;
        for pick in picks {
            match pick.server {
                Some(place) => write!(out, " {:>width$}", place + 1)?,
                None => write!(out, " {:>width$}", "-")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_reasons(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    writeln!(out, "\nfor these reasons")?;
    for (n, pick) in outcome.picks.iter().enumerate() {
        writeln!(out, "{:>6}  {}: {}", n + 1, pick.client, pick.why.join("; "))?;
    }
    Ok(())
}

fn write_json(out: &mut dyn Write, experiment: &Experiment, outcome: &Outcome, sequence: bool) -> io::Result<()> {
    #[derive(Serialize)]
    struct Document<'a> {
        service: SocketAddrV4,
        protocol: &'static str,
        scheduler: &'a str,
        requests: usize,
        refused: usize,
        servers: Vec<Entry>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sequence: Option<Vec<Option<Ipv4Addr>>>,
    }
    #[derive(Serialize)]
    struct Entry {
        address: Ipv4Addr,
        weight: i32,
        requests: u32,
        active: u32,
        inactive: u32,
    }
    let entry = |server: &Server| Entry {
        address: server.address,
        weight: server.weight,
        requests: server.requests,
        active: server.active,
        inactive: server.inactive,
    };
    let address = |place: usize| outcome.servers[place].address;
    let document = Document {
        service: experiment.service.endpoint,
        protocol: if experiment.service.protocol == proto::UDP { "udp" } else { "tcp" },
        scheduler: &experiment.options.scheduler,
        requests: outcome.picks.len(),
        refused: outcome.picks.iter().filter(|pick| pick.server.is_none()).count(),
        servers: listed(outcome).map(|(_, server)| entry(server)).collect(),
        sequence: sequence.then(|| outcome.picks.iter().map(|pick| pick.server.map(address)).collect()),
    };
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n")
}
