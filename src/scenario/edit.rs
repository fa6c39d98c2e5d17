//! Changes to the text of a scenario that leave the rest of it, comments and all, as it is.

use std::ops::Range;

use super::plan::{Action, Plan, Step};
use super::tree::{At, Tree};
use crate::ids::Terminal;
use crate::time::Span;

/// The text of a scenario with further steps in its timeline: those of `plan` that stand at `first`, which begin it, and
/// at `last`, which end it. When the run ends, and what its chance is drawn from, becomes what the plan says.
pub(crate) fn with_steps(text: &str, plan: &Plan, first: Range<usize>, last: Range<usize>) -> String {
    let own = last.start - first.end;
    let written = |steps: Range<usize>| plan.timeline[steps].iter().map(|step| line(plan, step)).collect::<String>();
    let mut text = with_timeline(text, own, &written(first), &written(last));
    let known = super::load(&text).ok();
    if let Some(until) = plan.until.filter(|_| known.as_ref().is_none_or(|known| known.until != plan.until)) {
        text = with_field(&text, "until", &format!("\"{}\"", time(until)));
    }
    if known.is_some_and(|known| known.seed != plan.seed) {
        text = with_field(&text, "seed", &plan.seed.to_string());
    }
    text
}

/// With lines at the beginning and at the end of the timeline, which has `own` steps.
fn with_timeline(text: &str, own: usize, first: &str, last: &str) -> String {
    let mut text = text.to_owned();
    if first.is_empty() && last.is_empty() {
        return text;
    }
    if has_field(&text, "timeline").is_none() {
        return with_field(&text, "timeline", &format!("[\n{first}{last}    ]"));
    }
    let tree = Tree::of(&text);
    let list = tree.find(&text, &[At::Field("timeline")]);
    let close = list.end - 1;
    // The bracket's own line is left to it.
    let line_start = text[..close].rfind('\n').map_or(0, |at| at + 1);
    let is_alone = line_start > list.start && text[line_start..close].trim().is_empty();
    let end = if is_alone { line_start } else { close };
    if !last.is_empty() {
        text.insert_str(end, &if is_alone { last.to_owned() } else { format!("\n{last}    ") });
        if let Some(step) = own.checked_sub(1) {
            let step = tree.find(&text, &[At::Field("timeline"), At::Value(step)]);
            if !has_comma(&text[step.end..end]) {
                text.insert(step.end, ',');
            }
        }
    }
    if !first.is_empty() {
        let first = first.trim_end_matches('\n');
        let gap = if text[list.start + 1..].starts_with('\n') { "" } else { "\n    " };
        text.insert_str(list.start + 1, &format!("\n{first}{gap}"));
    }
    text
}

/// Whether there is a comma outside of comments.
fn has_comma(text: &str) -> bool {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix("//") {
        rest = comment.split_once('\n').map_or("", |(_, rest)| rest.trim_start());
    }
    rest.starts_with(',')
}

/// Where the value of a field of the scenario stands, if it is there.
fn has_field(text: &str, name: &'static str) -> Option<Range<usize>> {
    let tree = Tree::of(text);
    let range = tree.find(text, &[At::Field(name)]);
    (range != tree.find(text, &[])).then_some(range)
}

/// With another value for a field of the scenario, which is added if it is not there.
fn with_field(text: &str, name: &'static str, value: &str) -> String {
    let mut text = text.to_owned();
    match has_field(&text, name) {
        Some(range) => text.replace_range(range, value),
        None => {
            // Behind the title, which every scenario has.
            let title = has_field(&text, "title").map_or(text.len(), |title| title.end);
            text.insert_str(title, &format!(",\n    {name}: {value}"));
        }
    }
    text
}

/// A step as it stands in a file, a line of its own.
fn line(plan: &Plan, step: &Step) -> String {
    let plug = |node: crate::ids::NodeId, interface: usize| {
        let node = &plan.nodes[node.0 as usize];
        quoted(&format!("{}.{}", node.name, node.interfaces[interface].name))
    };
    let name = |node: crate::ids::NodeId| quoted(&plan.nodes[node.0 as usize].name);
    let what = match &step.action {
        Action::Run(node, Terminal::FIRST, line) => format!("node: {}, run: {}", name(*node), quoted(line)),
        Action::Run(node, Terminal(terminal), line) => {
            format!("node: {}, terminal: {terminal}, run: {}", name(*node), quoted(line))
        }
        Action::Cable(node, interface, false) => format!("fault: LinkDown({})", plug(*node, *interface)),
        Action::Cable(node, interface, true) => format!("fault: LinkUp({})", plug(*node, *interface)),
        Action::Loss(node, interface, [outward, inward]) => {
            format!("fault: Lossy(on: {}, in: {inward:?}, out: {outward:?})", plug(*node, *interface))
        }
        Action::Crash(node) => format!("fault: Crash({})", name(*node)),
        Action::Boot(node) => format!("fault: Boot({})", name(*node)),
        Action::Slow(node, delay, jitter) => {
            let (delay, jitter) = (time(*delay), time(*jitter));
            format!("fault: Slow(node: {}, delay: \"{delay}\", jitter: \"{jitter}\")", name(*node))
        }
    };
    format!("        (at: \"{}\", {what}),\n", time(step.at))
}

/// A time as files have it, exactly.
fn time(span: Span) -> String {
    let nanos = span.as_nanos();
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A text as RON has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::scenario::load;

    fn edited(timeline: &str) -> String {
        let text = format!("Scenario(\n    title: \"t\",\n    nodes: {{ \"a\": () }},\n{timeline}    expect: [],\n)\n");
        let mut plan = load(&text).unwrap();
        let own = plan.timeline.len();
        let typed = |at, line: &str| Step { at, action: Action::Run(NodeId(0), Terminal(2), line.to_owned()) };
        plan.timeline.insert(0, typed(Span::ZERO, "echo \"first\\n\""));
        plan.timeline.push(typed(Span::from_nanos(1_500_000_001), "echo last"));
        plan.seed = 7;
        let text = with_steps(&text, &plan, 0..1, own + 1..own + 2);
        let again = load(&text).unwrap();
        assert_eq!(format!("{again:?}"), format!("{plan:?}"), "{text}");
        text
    }

    #[test]
    fn steps_are_added_and_comments_stay() {
        insta::assert_snapshot!(edited(
            "    timeline: [\n        // Why.\n        (at: \"1s\", node: \"a\", run: \"true\") // no comma, but a comment\n    ],\n"
        ), @r#"
        Scenario(
            title: "t",
            seed: 7,
            nodes: { "a": () },
            timeline: [
                (at: "0s", node: "a", terminal: 2, run: "echo \"first\\n\""),
                // Why.
                (at: "1s", node: "a", run: "true"), // no comma, but a comment
                (at: "1.500000001s", node: "a", terminal: 2, run: "echo last"),
            ],
            expect: [],
        )
        "#);
    }

    #[test]
    fn timelines_of_all_kinds() {
        for timeline in [
            "",
            "    timeline: [],\n",
            "    timeline: [\n    ],\n",
            "    timeline: [(at: \"1s\", node: \"a\", run: \"true\")],\n",
            "    timeline: [(at: \"1s\", node: \"a\", run: \"true\"),],\n",
            "    timeline: [ (at: \"1s\", node: \"a\", run: \"true\") ],\n",
            "    timeline: [\n        (at: \"1s\", node: \"a\", run: \"true\"),\n        // , the end\n    ],\n    seed: 3,\n",
            "    timeline: [(at: \"1s\", node: \"a\", run: \"true\"),\n        (at: \"1s\", node: \"a\", run: \"true\")],\n",
        ] {
            edited(timeline);
        }
    }
}
