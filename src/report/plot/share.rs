//! Which share of the connections each server got.

use std::collections::BTreeMap;

use super::Subject;
use super::chart::{Chart, MOST, Series, Shape, round_up};
use crate::reason::{Ipvs, Note};
use crate::trace::Event;

/// The shares so far, against those that the weights would give.
pub(super) fn chart(subject: &Subject<'_>) -> Result<Chart, &'static str> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut got: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut due: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for record in subject.trace.records() {
        let Event::Note { note: Note::Ipvs(ipvs), .. } = record.event else { continue };
        let Some(at) = subject.seconds(record.at) else { continue };
        let server = match ipvs {
            Ipvs::Scheduled(schedule) => {
                let all: i64 = schedule.candidates.iter().map(|it| i64::from(it.weight)).sum();
                for it in &schedule.candidates {
                    let share = if all > 0 { 100.0 * f64::from(it.weight) / all as f64 } else { 0.0 };
                    let name = subject.owner(*it.server.ip());
                    counts.entry(name.clone()).or_default();
                    step(due.entry(name).or_default(), at, share);
                }
                schedule.connection.server
            }
            Ipvs::Remembered(persistent) => persistent.connection.server,
            _ => continue,
        };
        *counts.entry(subject.owner(*server.ip())).or_default() += 1;
        let total: u32 = counts.values().sum();
        for (name, count) in &counts {
            step(got.entry(name.clone()).or_default(), at, 100.0 * f64::from(*count) / f64::from(total));
        }
    }
    if got.is_empty() {
        return Err("no connection was balanced");
    }
    let last = got.values().flatten().map(|point| point.0).fold(0.0, f64::max);
    let end = round_up((last * 1.05).max(0.001)).min(subject.end());
    let finish = |mut points: Vec<(f64, f64)>| {
        let last = points.last().map_or(0.0, |point| point.1);
        points.push((end, last));
        points
    };
    let mut series = Vec::new();
    for (place, (name, points)) in got.into_iter().enumerate().take(MOST) {
        if let Some(points) = due.remove(&name) {
            let name = format!("{name} by weight");
            series.push(Series { name, colour: place, shape: Shape::Dashed(finish(points)) });
        }
        series.push(Series { name, colour: place, shape: Shape::Line(finish(points)) });
    }
    let heading = "Share of the connections so far".to_owned();
    Ok(Chart { heading, axes: ["time (s)", "share (%)"], ends: [end, 100.0], series })
}

/// Goes on to a moment at the last height, and from there to a new one.
pub(super) fn step(points: &mut Vec<(f64, f64)>, at: f64, value: f64) {
    if let Some(&(_, last)) = points.last() {
        points.push((at, last));
    }
    points.push((at, value));
}
