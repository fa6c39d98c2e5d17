//! How long answers took.

use super::Subject;
use super::chart::{Chart, Series, Shape, round_up};
use super::requests::{Fate, requests};

/// Which part of the answered requests had their first byte within a time.
pub(super) fn chart(subject: &Subject<'_>) -> Result<Chart, &'static str> {
    let fate = |fate| match fate {
        Fate::Answered(seconds) => Some(seconds * 1_000.0),
        _ => None,
    };
    let mut times: Vec<f64> = requests(subject).into_iter().filter_map(|request| fate(request.fate)).collect();
    times.sort_by(f64::total_cmp);
    let Some(&longest) = times.last() else { return Err("no request was answered") };
    let end = round_up(longest * 1.05);
    let mut points = vec![(0.0, 0.0)];
    for (place, time) in (1_usize..).zip(&times) {
        points.push((*time, points.last().map_or(0.0, |point| point.1)));
        points.push((*time, 100.0 * place as f64 / times.len() as f64));
    }
    points.push((end, 100.0));
    let mut series = vec![Series { name: format!("{} answers", times.len()), colour: 0, shape: Shape::Line(points) }];
    for (colour, percent) in [(2, 50), (4, 95), (1, 99)] {
        // The smallest time within which so many were answered.
        let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
        let time = times[rank];
        let shape = Shape::Dashed(vec![(time, 0.0), (time, 100.0)]);
        series.push(Series { name: format!("{percent} % within {time:.2} ms"), colour, shape });
    }
    let heading = "Time from the first packet of a request to the first byte of its answer".to_owned();
    Ok(Chart { heading, axes: ["time to first byte (ms)", "requests answered (%)"], ends: [end, 100.0], series })
}
