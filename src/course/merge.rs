//! The learner's work in the exercise's own lab: what is not the learner's to change comes from the exercise.

use super::exercise::{Check, Exercise, Variation};
use crate::scenario::schema::{Entries, Expectation, Node, Scenario, Step};

/// The lab of a round.
///
/// # Errors
///
/// The name of a node that the learner's file lacks.
pub(super) fn merge(
    exercise: &Exercise,
    lab: &Scenario,
    learner: &Scenario,
    variation: Option<&Variation>,
) -> Result<Scenario, String> {
    let mut merged = lab.clone();
    if let Some(variation) = variation {
        merged.seed = variation.seed.unwrap_or(merged.seed);
        merged.until = variation.until.clone().or(merged.until);
        merged.timeline = variation.timeline.clone().unwrap_or(merged.timeline);
        for (name, node) in variation.nodes.iter() {
            put(&mut merged.nodes, name, node)?;
        }
    }
    for name in &exercise.edits {
        put(&mut merged.nodes, name, find(&learner.nodes, name)?)?;
    }
    let theirs = |step: &Step| step.node.as_ref().is_some_and(|node| exercise.steps.contains(node));
    merged.timeline.retain(|step| !theirs(step));
    merged.timeline.extend(learner.timeline.iter().filter(|step| theirs(step)).cloned());
    merged.expect = expectations(checks(exercise, variation)).cloned().collect();
    Ok(merged)
}

/// What is checked in a round.
pub(super) fn checks<'a>(exercise: &'a Exercise, variation: Option<&'a Variation>) -> &'a [Check] {
    variation.and_then(|variation| variation.checks.as_deref()).unwrap_or(&exercise.checks)
}

fn expectations(checks: &[Check]) -> impl Iterator<Item = &Expectation> {
    checks.iter().filter_map(|check| match check {
        Check::Run { expect, .. } => Some(expect),
        Check::Commands { .. } => None,
    })
}

/// How many commands the learner's part has: the set-up of nodes, and what is typed later.
pub(super) fn commands(exercise: &Exercise, learner: &Scenario) -> usize {
    let edited = learner.nodes.iter().filter(|(name, _)| exercise.edits.iter().any(|edited| edited == name));
    let typed =
        learner.timeline.iter().filter(|step| step.node.as_ref().is_some_and(|node| exercise.steps.contains(node)));
    edited.map(|(_, node)| node.setup.len()).sum::<usize>() + typed.count()
}

/// Gives a node another set-up and other files; its cables stay.
fn put(nodes: &mut Entries<Node>, name: &str, from: &Node) -> Result<(), String> {
    let (_, node) = nodes.0.iter_mut().find(|(known, _)| known == name).ok_or_else(|| name.to_owned())?;
    node.setup.clone_from(&from.setup);
    node.files.clone_from(&from.files);
    Ok(())
}

fn find<'a>(nodes: &'a Entries<Node>, name: &str) -> Result<&'a Node, String> {
    nodes.iter().find(|(known, _)| *known == name).map(|(_, node)| node).ok_or_else(|| name.to_owned())
}
