//! How far a learner has come: the file course.ron of a course's folder.

use serde::{Deserialize, Serialize};

use crate::scenario::parse;

/// A learner and what is done.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename = "Progress")]
pub struct Progress {
    /// Whose it is; the values in the exercises are drawn from this name.
    pub learner: String,
    /// The exercise that was begun last.
    #[serde(default)]
    pub current: Option<String>,
    /// What was solved.
    #[serde(default)]
    pub solved: Vec<String>,
    /// Whose solution was asked for before it was solved.
    #[serde(default)]
    pub given_up: Vec<String>,
    /// How many hints were taken.
    #[serde(default)]
    pub hints: Vec<(String, usize)>,
}

impl Progress {
    /// Nothing is done yet.
    pub fn new(learner: &str) -> Progress {
        Progress { learner: learner.to_owned(), ..Progress::default() }
    }

    /// What is written in a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Progress, String> {
        parse(text).map_err(|error| error.message)
    }

    /// The text of the file.
    pub fn write(&self) -> String {
        let pretty =
            ron::ser::PrettyConfig::new().struct_names(true).extensions(ron::extensions::Extensions::IMPLICIT_SOME);
        let text = ron::ser::to_string_pretty(self, pretty).expect("names and numbers can be written");
        text + "\n"
    }

    /// An exercise is solved.
    pub fn solve(&mut self, exercise: &str) {
        add(&mut self.solved, exercise);
    }

    /// The solution of an exercise is shown before it was solved.
    pub fn give_up(&mut self, exercise: &str) {
        if !self.is_solved(exercise) {
            add(&mut self.given_up, exercise);
        }
    }

    /// Whether an exercise is solved.
    pub fn is_solved(&self, exercise: &str) -> bool {
        self.solved.iter().any(|solved| solved == exercise)
    }

    /// Whether the solution of an exercise may be shown.
    pub fn may_see_solution(&self, exercise: &str) -> bool {
        self.is_solved(exercise) || self.given_up.iter().any(|given_up| given_up == exercise)
    }

    /// Takes the next hint of so many: its place in the list. The last one is given again and again.
    pub fn take_hint(&mut self, exercise: &str, of: usize) -> usize {
        let taken = match self.hints.iter_mut().find(|(name, _)| name == exercise) {
            Some((_, taken)) => taken,
            None => &mut self.hints.push_mut((exercise.to_owned(), 0)).1,
        };
        *taken = (*taken + 1).min(of);
        taken.saturating_sub(1)
    }
}

fn add(list: &mut Vec<String>, name: &str) {
    if !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut progress = Progress::new("anna");
        progress.current = Some("02-arp".into());
        progress.solve("01-hello");
        progress.solve("01-hello");
        progress.give_up("01-hello");
        progress.give_up("02-arp");
        progress.take_hint("02-arp", 3);
        assert_eq!(Progress::read(&progress.write()), Ok(progress.clone()));
        assert_eq!(progress.solved.len(), 1);
        assert_eq!(progress.given_up, ["02-arp"]);
    }

    #[test]
    fn hints_come_one_after_the_other() {
        let mut progress = Progress::new("anna");
        let taken: Vec<_> = (0..4).map(|_| progress.take_hint("01-hello", 3)).collect();
        assert_eq!(taken, [0, 1, 2, 2]);
    }
}
