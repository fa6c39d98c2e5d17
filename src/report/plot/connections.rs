//! How many connections each server has.

use std::collections::BTreeMap;

use super::Subject;
use super::chart::{Chart, MOST, Series, Shape, round_up};
use super::share::step;
use crate::ids::NodeId;
use crate::reason::{Connection, Ipvs, Note, Passage};
use crate::trace::Event;
use crate::wire::proto;

/// The states in which a connection counts as active (tcp_state_active_table).
const ACTIVE: [&str; 4] = ["ESTABLISHED", "SYN_SENT", "SYN_RECV", "SYNACK"];

/// Active and inactive connections over time, as the directors count them.
pub(super) fn chart(subject: &Subject<'_>) -> Result<Chart, &'static str> {
    let mut states: BTreeMap<(NodeId, String), bool> = BTreeMap::new();
    let mut counts: BTreeMap<String, [i64; 2]> = BTreeMap::new();
    let mut curves: BTreeMap<String, [Vec<(f64, f64)>; 2]> = BTreeMap::new();
    let mut most = 1;
    for record in subject.trace.records() {
        let Event::Note { node, note: Note::Ipvs(ipvs), .. } = record.event else { continue };
        let Some(at) = subject.seconds(record.at) else { continue };
        let (connection, now) = match ipvs {
            Ipvs::Steered(passage) | Ipvs::Returned(passage) => {
                let Passage { connection, after, .. } = &**passage;
                (connection, Some(connection.protocol == proto::TCP && ACTIVE.contains(after)))
            }
            Ipvs::Expired { connection, .. } => (&**connection, None),
            _ => continue,
        };
        let key = (node, key(connection));
        let before = match now {
            Some(now) => states.insert(key, now),
            None => states.remove(&key),
        };
        if before == now {
            continue;
        }
        let name = subject.owner(*connection.server.ip());
        let count = counts.entry(name.clone()).or_default();
        for (which, change) in [(before, -1), (now, 1)] {
            if let Some(is_active) = which {
                count[usize::from(!is_active)] += change;
            }
        }
        most = most.max(count[0]).max(count[1]);
        let curves = curves.entry(name).or_default();
        for (curve, count) in curves.iter_mut().zip(count) {
            if curve.is_empty() {
                curve.push((0.0, 0.0));
            }
            step(curve, at, *count as f64);
        }
    }
    if curves.is_empty() {
        return Err("no connection was balanced");
    }
    let mut series = Vec::new();
    for (place, (name, [active, inactive])) in curves.into_iter().enumerate().take(MOST) {
        for (word, mut points, is_active) in [("inactive", inactive, false), ("active", active, true)] {
            points.push((subject.end(), points.last().map_or(0.0, |point| point.1)));
            let shape = if is_active { Shape::Line(points) } else { Shape::Dashed(points) };
            series.push(Series { name: format!("{name} {word}"), colour: place, shape });
        }
    }
    let heading = "Connections of each server".to_owned();
    let ends = [subject.end(), round_up(most as f64 * 1.1)];
    Ok(Chart { heading, axes: ["time (s)", "connections"], ends, series })
}

/// What makes a connection itself.
fn key(it: &Connection) -> String {
    format!("{} {} {} {}", it.protocol, it.client, it.virtual_address, it.server)
}
