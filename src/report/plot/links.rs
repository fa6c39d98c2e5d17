//! How much passed each cable.

use std::collections::BTreeMap;

use super::Subject;
use super::chart::{Chart, MOST, Series, Shape, round_up};
use crate::trace::{Direction, Event};

/// What each interface sent, averaged over short times; the busiest ones if there are many.
pub(super) fn chart(subject: &Subject<'_>) -> Result<Chart, &'static str> {
    let end = subject.end();
    let bins: usize = 80;
    let bin = end / bins as f64;
    let mut sent: BTreeMap<_, (u64, Vec<u64>)> = BTreeMap::new();
    for record in subject.trace.records() {
        let Event::Frame { node, port, direction: Direction::Out, id, .. } = &record.event else { continue };
        let Some(at) = subject.seconds(record.at) else { continue };
        let (total, parts) = sent.entry((*node, *port)).or_insert_with(|| (0, vec![0; bins]));
        let bits = subject.trace.frames.of(*id).bytes().len() as u64 * 8;
        *total += bits;
        parts[((at / bin) as usize).min(bins - 1)] += bits;
    }
    if sent.is_empty() {
        return Err("nothing was sent");
    }
    let mut sent: Vec<_> = sent.into_iter().collect();
    // Stable: of equals, the first in the scenario.
    sent.sort_by_key(|(_, (total, _))| std::cmp::Reverse(*total));
    sent.truncate(MOST);
    let peak = sent.iter().flat_map(|(_, (_, parts))| parts).max().copied().unwrap_or_default() as f64 / bin;
    let (unit, label) = match () {
        () if peak >= 1e6 => (1e6, "sent (Mbit/s)"),
        () => (1e3, "sent (kbit/s)"),
    };
    let curve = |(place, ((node, port), (_, parts))): (usize, (_, (u64, Vec<u64>)))| {
        let cast = &subject.trace.cast;
        let name = format!("{}.{}", cast.node(node), cast.interface(node, port));
        let points = parts.iter().enumerate().flat_map(|(at, bits)| {
            let rate = *bits as f64 / bin / unit;
            [(at as f64 * bin, rate), ((at + 1) as f64 * bin, rate)]
        });
        Series { name, colour: place, shape: Shape::Line(points.collect()) }
    };
    let mut series: Vec<_> = sent.into_iter().enumerate().map(curve).collect();
    series.reverse();
    let heading = "What each interface sends".to_owned();
    Ok(Chart { heading, axes: ["time (s)", label], ends: [end, round_up(peak / unit * 1.1)], series })
}
