//! How long no frame of a kind came by.

use super::check::Problem;
use super::lab::Outcome;
use super::plan::Plan;
use super::tree::At;
use super::units::parse_time;
use crate::time::{Span, Time};

/// Complains about a moment that is none, or that comes after the end.
pub(super) fn known_moment(plan: &Plan, text: &str, path: &[At], problems: &mut Vec<Problem>) {
    if let Some(at) = known_time(text, path, problems)
        && plan.until.is_some_and(|until| at > until)
    {
        problems.push(Problem::new(path, format!("at {text}, the run is over")));
    }
}

/// Complains about a time that is none.
pub(super) fn known_time(text: &str, path: &[At], problems: &mut Vec<Problem>) -> Option<Span> {
    let time = parse_time(text);
    if time.is_none() {
        problems.push(Problem::new(path, format!("\"{text}\" is not a time")));
    }
    time
}

/// The longest time between two of these moments, which are in order. The watch begins and ends like them, if that is given;
/// else it begins with the first one, and ends with the run.
pub(super) fn longest(
    outcome: &Outcome,
    times: impl Iterator<Item = Time>,
    from: Option<&str>,
    to: Option<&str>,
) -> Span {
    let zero = outcome.trace.zero;
    let moment = |text: Option<&str>| text.and_then(parse_time).map(|at| zero + at);
    let end = moment(to).unwrap_or(zero + outcome.length);
    let times: Vec<Time> = times.filter(|at| moment(from).is_none_or(|from| *at >= from) && *at <= end).collect();
    let begin = moment(from).or(times.first().copied()).unwrap_or(zero);
    let starts = [begin].into_iter().chain(times.iter().copied());
    let gaps = starts.zip(times.iter().copied().chain([end])).map(|(start, stop)| stop.since(start));
    gaps.max().unwrap_or_default()
}
