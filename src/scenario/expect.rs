//! Expectations: whether they make sense, and whether they hold.

use super::answers;
use super::check::{Problem, did_you_mean, join};
use super::lab::Outcome;
use super::plan::Plan;
use super::schema::{Entries, Expectation, Scenario};
use super::steps::StepResult;
use super::tree::At;
use super::units::parse_time;
use super::{formula, holders::holders, silence};
use crate::ids::FrameId;
use crate::time::Span;
use crate::trace::filter::Filter;
use crate::trace::{Event, Index, Record};

/// Whether an expectation came true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it did.
    pub held: bool,
    /// What was expected.
    pub expected: String,
    /// What was there instead; empty if it held.
    pub found: String,
    /// What it shows, as the scenario puts it.
    pub say: String,
    /// What was measured, if it has a name.
    pub measured: Option<Measured>,
}

/// A time that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What it is called.
    pub name: String,
    /// How long it was.
    pub time: Span,
    /// How long theory says that it is at most.
    pub theory: Option<Span>,
}

/// Complains about expectations that speak of things which are not there.
pub(super) fn check(scenario: &Scenario, plan: &Plan, problems: &mut Vec<Problem>) {
    for (index, expectation) in scenario.expect.iter().enumerate() {
        let path = [At::Field("expect"), At::Value(index)];
        let field = |name| join(&path, &[At::Field(name)]);
        let mut known_node = |name: &str, at: &'static str| {
            if plan.node(name).is_none() {
                let nodes: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
                let problem = Problem::new(&field(at), format!("there is no node \"{name}\""));
                problems.push(problem.hint(did_you_mean(name, "nodes", &nodes)));
            }
        };
        match expectation {
            Expectation::Output { node, run, .. } => {
                known_node(node, "node");
                known_step(scenario, node, run, &field("run"), problems);
            }
            Expectation::Served { client, run, .. } | Expectation::Share { client, run, .. } => {
                known_node(client, "client");
                if let Some(run) = run {
                    known_step(scenario, client, run, &field("run"), problems);
                }
            }
            Expectation::Holders { of, at, are, .. } => super::holders::check(plan, &path, of, at, are, problems),
            Expectation::Silence { on, filter, from, to, at_least, at_most, theory, .. } => {
                known_frames(plan, on, filter, &path, problems);
                for (name, text) in [("from", from), ("to", to)] {
                    if let Some(text) = text {
                        silence::known_moment(plan, text, &field(name), problems);
                    }
                }
                for (name, text) in [("at_least", at_least), ("at_most", at_most)] {
                    if let Some(text) = text {
                        silence::known_time(text, &field(name), problems);
                    }
                }
                if theory.as_ref().is_some_and(|theory| formula::value(theory).is_none()) {
                    let problem = Problem::new(&field("theory"), "this is no formula");
                    problems.push(problem.hint("numbers, + - * / and parentheses, like \"3 * 1 + 0.5\""));
                }
            }
            Expectation::Frames { on, filter, .. } => known_frames(plan, on, filter, &path, problems),
        }
    }
}

/// There is such an interface, and the filter is one.
fn known_frames(plan: &Plan, on: &str, filter: &str, path: &[At], problems: &mut Vec<Problem>) {
    let field = |name| join(path, &[At::Field(name)]);
    if plan.interface(on).is_none() {
        let names: Vec<_> = plan.interface_names().collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let problem = Problem::new(&field("on"), format!("there is no interface \"{on}\""));
        problems.push(problem.hint(did_you_mean(on, "interfaces", &names)));
    }
    if let Err(error) = Filter::parse(filter) {
        problems.push(Problem::new(&field("filter"), format!("this is no filter: {error}")));
    }
}

fn known_step(scenario: &Scenario, node: &str, run: &str, path: &[At], problems: &mut Vec<Problem>) {
    let steps = scenario.timeline.iter().filter(|step| step.node.as_deref() == Some(node));
    let lines: Vec<_> = steps.filter_map(|step| step.run.as_deref()).collect();
    let exists = scenario.nodes.keys().contains(&node);
    if exists && !lines.contains(&run) {
        let problem = Problem::new(path, format!("the timeline has no such command on {node}"));
        problems.push(if lines.is_empty() { problem } else { problem.hint(did_you_mean(run, "commands", &lines)) });
    }
}

/// Which expectations came true, in the file's order.
pub fn judge(plan: &Plan, outcome: &Outcome) -> Vec<Verdict> {
    let index = Index::of(&outcome.trace);
    plan.expect.iter().map(|expectation| verdict(plan, outcome, &index, expectation)).collect()
}

fn verdict(plan: &Plan, outcome: &Outcome, index: &Index<'_>, expectation: &Expectation) -> Verdict {
    match expectation {
        Expectation::Output { node, run, contains, lacks, equals, line, status, say } => {
            let wish = Wish { contains, lacks, equals: equals.as_deref(), line: line.as_deref(), status: *status };
            let complaints: Vec<_> = steps(outcome, node, Some(run)).filter_map(|step| wish.complaint(step)).collect();
            let expected = format!("{node} $ {run}: {}", wish.in_words());
            Verdict {
                held: complaints.is_empty(),
                expected,
                found: complaints.join("\n"),
                say: say.clone(),
                measured: None,
            }
        }
        Expectation::Served { client, run, by, any_order, say } => {
            let mut served = served(outcome, client, run.as_deref());
            let mut wanted = by.clone();
            let expected = format!("{client} is served by {}", list(&wanted));
            let found = list(&served);
            if *any_order {
                served.sort();
                wanted.sort();
            }
            verdict_of(served == wanted, expected, found, say)
        }
        Expectation::Share { client, run, of, within, say } => {
            share(outcome, client, run.as_deref(), &Parts { of, within: *within }, say)
        }
        Expectation::Holders { of, at, are, say } => {
            let (found, mut wanted) = (holders(&outcome.trace, of, at), are.clone());
            wanted.sort_by_key(|name| plan.node(name));
            verdict_of(found == wanted, format!("{of} is held by {} at {at}", list(&wanted)), list(&found), say)
        }
        Expectation::Silence { on, filter, from, to, name, theory, at_least, at_most, say } => {
            let times = frames(plan, outcome, index, on, filter).map(|record| record.at);
            let silence = silence::longest(outcome, times, from.as_deref(), to.as_deref());
            let least = at_least.as_deref().and_then(parse_time).is_none_or(|least| silence >= least);
            let most = at_most.as_deref().and_then(parse_time).is_none_or(|most| silence <= most);
            let range = [
                at_least.as_ref().map(|it| format!("at least {it}")),
                at_most.as_ref().map(|it| format!("at most {it}")),
            ];
            let range: Vec<String> = range.into_iter().flatten().collect();
            let expected = format!("{} without frames on {on} that are `{filter}`", range.join(" and "));
            let theory = theory.as_deref().and_then(formula::value).map(Span::from_secs_f64);
            let measured = name.clone().map(|name| Measured { name, time: silence, theory });
            let verdict = verdict_of(least && most, expected, format!("{:.3} s", silence.as_secs_f64()), say);
            Verdict { measured, ..verdict }
        }
        Expectation::Frames { on, filter, at_least, at_most, say } => {
            let count = frames(plan, outcome, index, on, filter).count() as u64;
            let least = at_least.unwrap_or(u64::from(at_most.is_none()));
            let range = match at_most {
                None => format!("at least {least}"),
                Some(0) => "no".to_owned(),
                Some(most) if *most == least => format!("{most}"),
                Some(most) => format!("{least} to {most}"),
            };
            let held = count >= least && at_most.is_none_or(|most| count <= most);
            verdict_of(held, format!("{range} frames on {on} that are `{filter}`"), count.to_string(), say)
        }
    }
}

fn verdict_of(held: bool, expected: String, found: String, say: &str) -> Verdict {
    Verdict { held, expected, found: if held { String::new() } else { found }, say: say.to_owned(), measured: None }
}

/// What a command's output must be like.
struct Wish<'a> {
    contains: &'a [String],
    lacks: &'a [String],
    equals: Option<&'a str>,
    line: Option<&'a str>,
    status: Option<i32>,
}

impl Wish<'_> {
    fn in_words(&self) -> String {
        let contains = self.contains.iter().map(|text| format!("prints \"{text}\""));
        let lacks = self.lacks.iter().map(|text| format!("does not print \"{text}\""));
        let equals = self.equals.iter().map(|text| format!("prints exactly \"{}\"", text.trim()));
        let line = self.line.iter().map(|pattern| format!("prints a line like \"{pattern}\""));
        let status = self.status.iter().map(|status| format!("ends with exit status {status}"));
        contains.chain(lacks).chain(equals).chain(line).chain(status).collect::<Vec<_>>().join(", ")
    }

    fn complaint(&self, step: &StepResult) -> Option<String> {
        let good = self.contains.iter().all(|text| step.out.contains(text))
            && !self.lacks.iter().any(|text| step.out.contains(text))
            && self.equals.is_none_or(|text| step.out.trim() == text.trim())
            && self.line.is_none_or(|pattern| step.out.lines().any(|line| is_like(line, pattern)))
            && self.status.is_none_or(|status| step.rc == status);
        (!good).then(|| format!("exit status {}\n{}{}", step.rc, step.out, step.err).trim_end().to_owned())
    }
}

/// Whether a text is like a pattern, in which `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The commands of the timeline on a node.
fn steps<'a>(outcome: &'a Outcome, node: &'a str, run: Option<&'a str>) -> impl Iterator<Item = &'a StepResult> {
    let timeline = outcome.steps.steps.iter().filter(move |step| step.at.is_some() && step.node == node);
    timeline.filter(move |step| run.is_none_or(|run| step.cmd == run))
}

/// Who answered a client's requests, or what the client said instead, in order; those of one command if it is given.
pub fn served(outcome: &Outcome, client: &str, run: Option<&str>) -> Vec<String> {
    steps(outcome, client, run).flat_map(answers::in_order).map(str::to_owned).collect()
}

/// What part of a client's requests each server is to have, and how far off that may be.
struct Parts<'a> {
    of: &'a Entries<f64>,
    within: f64,
}

fn share(outcome: &Outcome, client: &str, run: Option<&str>, parts: &Parts<'_>, say: &str) -> Verdict {
    let counts = answers::counts(steps(outcome, client, run));
    let total = counts.values().sum::<u64>().max(1) as f64;
    let part = |server: &str| counts.get(server).map_or(0.0, |&count| count as f64 / total);
    let held = parts.of.iter().all(|(server, wanted)| (part(server) - wanted).abs() <= parts.within);
    let percent = |part: f64| format!("{:.0} %", part * 100.0);
    let wanted: Vec<_> = parts.of.iter().map(|(server, part)| format!("{server} {}", percent(*part))).collect();
    let found: Vec<_> = counts.keys().map(|server| format!("{server} {}", percent(part(server)))).collect();
    let expected = format!("{client}'s requests are shared: {} (within {})", list(&wanted), percent(parts.within));
    verdict_of(held, expected, list(&found), say)
}

/// The numbers of the frames of a kind that passed an interface, in order.
pub fn frames_on(plan: &Plan, outcome: &Outcome, on: &str, filter: &str) -> Vec<FrameId> {
    let index = Index::of(&outcome.trace);
    let id = |record: Record<'_>| match record.event {
        Event::Frame { id, .. } => Some(id),
        _ => None,
    };
    frames(plan, outcome, &index, on, filter).filter_map(id).collect()
}

/// The records of the frames at an interface that a filter chooses.
fn frames<'a>(
    plan: &Plan,
    outcome: &'a Outcome,
    index: &'a Index<'a>,
    on: &str,
    filter: &str,
) -> impl Iterator<Item = Record<'a>> {
    let place = plan.interface(on);
    let filter = Filter::parse(filter).unwrap_or_else(|_| Filter::all());
    let here = move |event: &Event<'_>| match event {
        Event::Frame { node, port, .. } => Some((*node, port.0 as usize)) == place,
        _ => false,
    };
    let records = outcome.trace.records().filter(move |record| here(&record.event));
    records.filter(move |record| index.chooses(&filter, record))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn patterns() {
        for (text, pattern) in
            [("a b c", "a*c"), ("abc", "abc"), ("abc", "*"), ("", "*"), ("TCP  x:80 wlc", "*x:80*"), ("aXbXc", "a*b*c")]
        {
            assert!(is_like(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("abc", "ab"), ("abc", "*b"), ("abc", "b*"), ("ab", "ab*b")] {
            assert!(!is_like(text, pattern), "{text} {pattern}");
        }
    }
}
