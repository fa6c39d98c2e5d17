//! Questions whose answers are computed from a run.

use regex_lite::Regex;
use serde::Deserialize;

use crate::scenario::{Outcome, Plan, frames_on, served};

/// Something to find out, or to foretell.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What the answer is called in the learner's file of answers.
    pub name: String,
    /// The question.
    pub ask: String,
    /// Where the answer comes from.
    pub answer: Answer,
    /// What is told if the answer is right.
    pub say: String,
    /// What is told if it is not; it does not give the answer away.
    pub otherwise: String,
}

/// Where an answer comes from.
#[derive(Clone, Debug, Deserialize)]
pub enum Answer {
    /// One of these texts.
    Text(Vec<String>),
    /// Who answered a client's request number `nth`, from 1.
    Server {
        /// The client.
        client: String,
        /// Which request.
        nth: usize,
    },
    /// How many of a client's requests a server (or "timeout", "refused") answered.
    Served {
        /// The client.
        client: String,
        /// Who answered.
        by: String,
    },
    /// What the parenthesis of a pattern matched in a command's output.
    Printed {
        /// Where the command was typed.
        node: String,
        /// The command, as it stands in the timeline.
        run: String,
        /// A regular expression with one group.
        pattern: String,
    },
    /// How many frames of a kind passed an interface.
    Frames {
        /// The interface, like "rs1.eth0".
        on: String,
        /// Which frames, in the language of `--trace`.
        filter: String,
    },
    /// The number of the first frame of a kind at an interface.
    Frame {
        /// The interface, like "rs1.eth0".
        on: String,
        /// Which frames, in the language of `--trace`.
        filter: String,
    },
}

impl Answer {
    /// The right answers; any of them will do.
    ///
    /// # Errors
    ///
    /// Why the run has no answer: the exercise is wrong.
    pub(super) fn right(&self, plan: &Plan, outcome: &Outcome) -> Result<Vec<String>, String> {
        let one = |text: String| Ok(vec![text]);
        match self {
            Answer::Text(texts) => Ok(texts.clone()),
            Answer::Server { client, nth } => {
                let served = served(outcome, client, None);
                let server = nth.checked_sub(1).and_then(|index| served.get(index));
                one(server.cloned().ok_or_else(|| format!("{client} had no request number {nth}"))?)
            }
            Answer::Served { client, by } => {
                one(served(outcome, client, None).iter().filter(|server| *server == by).count().to_string())
            }
            Answer::Printed { node, run, pattern } => {
                let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
                let mut steps = outcome.steps.steps.iter().filter(|step| step.node == *node && step.cmd == *run);
                let found = steps.find_map(|step| Some(pattern.captures(&step.out)?.get(1)?.as_str().to_owned()));
                one(found.ok_or_else(|| format!("{node} $ {run} printed nothing like {pattern}"))?)
            }
            Answer::Frames { on, filter } => one(frames_on(plan, outcome, on, filter).len().to_string()),
            Answer::Frame { on, filter } => {
                let first = frames_on(plan, outcome, on, filter).first().map(|id| id.number().to_string());
                one(first.ok_or_else(|| format!("{on} saw no frame that is `{filter}`"))?)
            }
        }
    }
}

/// Whether two answers are the same: letters' case, white space, commas and the # before a frame's number aside.
pub(super) fn same(given: &str, right: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        words.map(|word| word.trim_start_matches('#').to_lowercase()).collect()
    };
    words(given) == words(right)
}

/// A learner's file of answers: `name = answer` on a line, and comments behind `#`.
pub(super) fn given<'a>(answers: &'a str, name: &str) -> Option<&'a str> {
    let lines = answers.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let mut pairs = lines.filter_map(|line| line.split_once('='));
    let (_, answer) = pairs.find(|(known, _)| known.trim() == name)?;
    Some(answer.trim()).filter(|answer| !answer.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_from_lines() {
        let answers = "# first = not this\nfirst = rs1\nsecond=rs2, rs3\nthird =\n";
        assert_eq!(given(answers, "first"), Some("rs1"));
        assert_eq!(given(answers, "second"), Some("rs2, rs3"));
        assert_eq!(given(answers, "third"), None);
        assert_eq!(given(answers, "fourth"), None);
    }

    #[test]
    fn how_it_is_written_does_not_count() {
        assert!(same("RS2,rs3", "rs2  rs3"));
        assert!(same("#7", "7"));
        assert!(!same("rs3 rs2", "rs2 rs3"));
    }
}
