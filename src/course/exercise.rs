//! Exercises as they are written, and as a learner gets them.

use serde::Deserialize;

use super::answer::Question;
use super::draw::Draws;
use crate::scenario::parse;
use crate::scenario::schema::{Entries, Expectation, Node, Step};

/// The texts of a folder and of what is below it: paths with `/`, sorted.
#[derive(Clone, Copy, Debug)]
pub struct Folder<'a>(pub &'a [(&'a str, &'a str)]);

impl<'a> Folder<'a> {
    /// A text, if it is there.
    pub fn get(self, path: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
    }

    /// The names and texts below a folder.
    pub fn below(self, folder: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let folder = format!("{folder}/");
        self.0.iter().filter_map(move |(name, text)| Some((name.strip_prefix(&folder)?, *text)))
    }
}

/// All exercises, in the order in which they are meant to be done.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a>(pub Folder<'a>);

impl<'a> Course<'a> {
    /// The folders' names: a number, and what it is about.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        self.0.0.iter().filter_map(|(path, _)| path.strip_suffix("/exercise.ron"))
    }

    /// An exercise, with the values that this learner draws.
    ///
    /// # Errors
    ///
    /// What is wrong with the folder. The exercises that come with the program have nothing wrong with them.
    pub fn exercise(self, name: &str, seed: u64) -> Result<Exercise, String> {
        let files: Vec<_> = self.0.below(name).collect();
        Exercise::new(name, Folder(&files), seed)
    }

    /// A text of an exercise's folder with the values that this learner draws.
    ///
    /// # Errors
    ///
    /// What is wrong with the folder.
    pub fn exercise_text(self, name: &str, text: &str, seed: u64) -> Result<String, String> {
        let files: Vec<_> = self.0.below(name).collect();
        Ok(draws(name, Folder(&files), seed)?.fill(text))
    }
}

/// What there is to do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Kind {
    /// Something is broken.
    Repair,
    /// Something is missing.
    Build,
    /// Say what will happen, before it does.
    Predict,
    /// Say what has happened, and where.
    Find,
    /// It works, but it could work better.
    Improve,
}

/// An exercise with a learner's values in it.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// The name of its folder.
    pub name: String,
    /// What it is about, in a few words.
    pub title: String,
    /// The chapter of the book that it belongs to.
    pub chapter: String,
    /// What there is to do.
    pub kind: Kind,
    /// The nodes whose set-up and files are the learner's.
    pub edits: Vec<String>,
    /// The nodes at which the learner says what is typed when.
    pub steps: Vec<String>,
    /// What must be true of every run.
    pub checks: Vec<Check>,
    /// What must be answered.
    pub questions: Vec<Question>,
    /// What else must go well, apart from what the ticket tells of.
    pub variations: Vec<Variation>,
    /// Three hints, each stronger than the one before.
    pub hints: Vec<Hint>,
    /// What somebody complains about, or wants: Markdown.
    pub ticket: String,
    /// The lab that is run.
    pub lab: String,
    /// The lab as the learner gets it, if some of it is hidden.
    pub shown: Option<String>,
    /// The lab once it is solved; where there are only questions to answer, there is none.
    pub solution: Option<String>,
    /// What is told when it is solved: Markdown.
    pub after: String,
}

/// Something that is checked.
#[derive(Clone, Debug, Deserialize)]
pub enum Check {
    /// What must be true of a run.
    Run {
        /// What; its `say` is what is told when it is true.
        expect: Expectation,
        /// What is told when it is not.
        otherwise: String,
    },
    /// At most so many commands are typed in what is the learner's.
    Commands {
        /// So many.
        at_most: usize,
        /// What is told when it is true.
        say: String,
        /// What is told when it is not.
        otherwise: String,
    },
}

/// Another run with the learner's work in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variation {
    /// What is different, in a few words: "another client".
    pub name: String,
    /// What chance is drawn from, if not from the lab's own seed.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The set-up and files of nodes which are not the learner's, where they differ.
    #[serde(default)]
    pub nodes: Entries<Node>,
    /// What happens, instead of the lab's timeline.
    #[serde(default)]
    pub timeline: Option<Vec<Step>>,
    /// When the run ends, if not when the lab's does.
    #[serde(default)]
    pub until: Option<String>,
    /// What must be true, instead of the exercise's own checks.
    #[serde(default)]
    pub checks: Option<Vec<Check>>,
}

/// Help.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// What is said.
    pub say: String,
    /// A node and a command to look at, at the end of the run.
    #[serde(default)]
    pub look: Option<(String, String)>,
    /// What that command prints in the lab as it was given out, among other things.
    #[serde(default)]
    pub shows: Option<String>,
}

/// The file exercise.ron.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Exercise")]
struct Written {
    title: String,
    chapter: String,
    kind: Kind,
    #[serde(default)]
    edits: Vec<String>,
    #[serde(default)]
    steps: Vec<String>,
    #[serde(default)]
    checks: Vec<Check>,
    #[serde(default)]
    questions: Vec<Question>,
    #[serde(default)]
    variations: Vec<Variation>,
    hints: Vec<Hint>,
}

/// The values that a learner draws, by the file draws.ron.
fn draws(name: &str, files: Folder<'_>, seed: u64) -> Result<Draws, String> {
    let choices: Entries<Vec<String>> = match files.get("draws.ron") {
        Some(text) => parse(text).map_err(|error| format!("{name}/draws.ron: {}", error.message))?,
        None => Entries::default(),
    };
    Draws::new(&choices, name, seed).map_err(|error| format!("{name}/draws.ron: {error}"))
}

impl Exercise {
    fn new(name: &str, files: Folder<'_>, seed: u64) -> Result<Exercise, String> {
        let wrong = |file: &str, what: &str| format!("{name}/{file}: {what}");
        let draws = draws(name, files, seed)?;
        let filled = |file: &str| files.get(file).map(|text| draws.fill(text));
        let needed = |file: &str| filled(file).ok_or_else(|| wrong(file, "this file is missing"));
        let text = needed("exercise.ron")?;
        let written: Written = parse(&text).map_err(|error| {
            let line = text[..error.at.start].lines().count();
            wrong(&format!("exercise.ron:{line}"), &error.message)
        })?;
        Ok(Exercise {
            name: name.to_owned(),
            title: written.title,
            chapter: written.chapter,
            kind: written.kind,
            edits: written.edits,
            steps: written.steps,
            checks: written.checks,
            questions: written.questions,
            variations: written.variations,
            hints: written.hints,
            ticket: needed("ticket.md")?,
            lab: needed("lab.ron")?,
            shown: filled("shown.ron"),
            solution: filled("solution.ron"),
            after: needed("after.md")?,
        })
    }

    /// The lab as the learner gets it.
    pub fn handed_out(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.lab)
    }
}
