//! What became of the clients' requests.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use super::Subject;
use super::chart::{Chart, Series, Shape, round_up};
use crate::ids::NodeId;
use crate::topo::Role;
use crate::trace::filter::Segment;
use crate::trace::{Direction, Event, Facts};
use crate::wire::proto;

/// A request, as its client sees it: a TCP connection, or a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Request {
    /// When it began, in seconds.
    pub at: f64,
    /// What came of it.
    pub fate: Fate,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// The first byte of an answer came after so many seconds.
    Answered(f64),
    /// It was turned down.
    Refused,
    /// Nothing came.
    Lost,
}

/// All requests of clients, in the order in which they began.
pub(super) fn requests(subject: &Subject<'_>) -> Vec<Request> {
    let is_client: Vec<_> =
        subject.network.machines.iter().map(|machine| subject.network.role(machine) == Role::Client).collect();
    let mut requests: Vec<Request> = Vec::new();
    let mut open: BTreeMap<(NodeId, u8, SocketAddrV4, SocketAddrV4), usize> = BTreeMap::new();
    for record in subject.trace.records() {
        let Event::Frame { node, direction, made, id, .. } = &record.event else { continue };
        let is_own = *direction == Direction::In || made.is_some();
        if !is_own || !is_client.get(node.0 as usize).copied().unwrap_or_default() {
            continue;
        }
        let (Some(at), facts) = (subject.seconds(record.at), Facts::of(&subject.trace.frames.of(*id))) else {
            continue;
        };
        let (Some(protocol), Some((from, to)), Some(ports)) = (facts.protocol, facts.addresses, facts.ports) else {
            continue;
        };
        let (from, to) = (SocketAddrV4::new(from, ports.0), SocketAddrV4::new(to, ports.1));
        let is_tcp = protocol == proto::TCP;
        if *direction == Direction::Out {
            let key = (*node, protocol, from, to);
            let is_new = if is_tcp { facts.segment == Some(Segment::Syn) } else { true };
            // The same SYN again is no new request, as long as nothing has come of it.
            let is_repeated = is_tcp && open.get(&key).is_some_and(|&known| requests[known].fate == Fate::Lost);
            if is_new && !is_repeated {
                open.insert(key, requests.len());
                requests.push(Request { at, fate: Fate::Lost });
            }
        } else if let Some(request) = open.get(&(*node, protocol, to, from)).map(|&known| &mut requests[known])
            && request.fate == Fate::Lost
        {
            match facts.segment {
                Some(Segment::Rst) if is_tcp => request.fate = Fate::Refused,
                Some(Segment::Data | Segment::Fin) => request.fate = Fate::Answered(at - request.at),
                _ if !is_tcp => request.fate = Fate::Answered(at - request.at),
                _ => {}
            }
        }
    }
    requests
}

/// Requests by what became of them, for each second or part of it.
pub(super) fn chart(subject: &Subject<'_>) -> Result<Chart, &'static str> {
    let requests = requests(subject);
    if requests.is_empty() {
        return Err("no client has asked for anything");
    }
    let last = requests.last().map_or(0.0, |request| request.at);
    let end = round_up((last * 1.05).max(0.001)).min(subject.end());
    // A bar a second, but never so few that nothing is to be seen, nor so many that bars become lines.
    let bin = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0];
    let bin = bin.into_iter().find(|bin| end / bin <= 60.0).unwrap_or(end / 60.0);
    let bins = (end / bin).ceil() as usize + 1;
    let mut counts = vec![[0_u32; 3]; bins];
    for request in &requests {
        let kind = match request.fate {
            Fate::Answered(_) => 0,
            Fate::Refused => 1,
            Fate::Lost => 2,
        };
        counts[((request.at / bin) as usize).min(bins - 1)][kind] += 1;
    }
    let rate = |count: u32| f64::from(count) / bin;
    let most = counts.iter().map(|kinds| rate(kinds.iter().sum())).fold(0.0, f64::max);
    let mut series = Vec::new();
    for (kind, (name, colour)) in [("answered", 0), ("refused", 4), ("lost", 1)].into_iter().enumerate() {
        let bar = |(place, kinds): (usize, &[u32; 3])| {
            let (low, own) = (rate(kinds[..kind].iter().sum()), rate(kinds[kind]));
            let left = place as f64 * bin;
            (own > 0.0).then_some([left + bin * 0.06, left + bin * 0.94, low, low + own])
        };
        let bars: Vec<_> = counts.iter().enumerate().filter_map(bar).collect();
        let total: u32 = counts.iter().map(|kinds| kinds[kind]).sum();
        series.push(Series { name: format!("{name}: {total}"), colour, shape: Shape::Bars(bars) });
    }
    let heading = "Requests by when they began".to_owned();
    Ok(Chart { heading, axes: ["time (s)", "requests a second"], ends: [end, round_up(most * 1.15)], series })
}
