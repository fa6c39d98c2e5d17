//! The learner's folder: course.ron, and a folder for each exercise that was begun.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::{COURSE, say};
use crate::cli::{Status, files};
use crate::course::{Exercise, Progress, learner_seed};
use crate::scenario::nearest;

const STATE: &str = "course.ron";
/// The learner's lab.
pub const LAB: &str = "lab.ron";
/// The learner's answers.
pub const ANSWERS: &str = "answers.txt";

/// A learner's folder.
pub struct Desk {
    dir: PathBuf,
    /// How far the learner has come.
    pub progress: Progress,
}

/// Makes a folder for the course.
pub fn init(dir: &Path, learner: &str) -> Result<Status, String> {
    let state = dir.join(STATE);
    if state.exists() {
        return Err(format!("{} is there already: `lvslab course next` goes on with it", state.display()));
    }
    fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let desk = Desk { dir: dir.to_owned(), progress: Progress::new(learner) };
    desk.save()?;
    let count = COURSE.names().count();
    let go = if dir == Path::new(".") { String::new() } else { format!("cd {} && ", dir.display()) };
    say(&format!("Welcome, {learner}. There are {count} exercises; begin with\n\n    {go}lvslab course next\n"))
}

impl Desk {
    /// The folder that we are in, or one above it.
    pub fn here() -> Result<Desk, String> {
        let here = env::current_dir().map_err(|error| error.to_string())?;
        let dir = here.ancestors().find(|dir| dir.join(STATE).is_file());
        match dir {
            Some(dir) => Desk::at(dir),
            None => Err("this is no folder of the course; `lvslab course init lvs-course` makes one".to_owned()),
        }
    }

    /// A learner's folder.
    pub fn at(dir: &Path) -> Result<Desk, String> {
        let state = dir.join(STATE);
        let progress =
            Progress::read(&files::read(&state)?).map_err(|error| format!("{}: {error}", state.display()))?;
        Ok(Desk { dir: dir.to_owned(), progress })
    }

    /// Keeps how far the learner has come.
    pub fn save(&self) -> Result<(), String> {
        files::write(&self.dir.join(STATE), self.progress.write().as_bytes()).map_err(|error| error.to_string())
    }

    /// The name of an exercise from its number, its name or a part of it; of the current one if nothing is given.
    pub fn find(&self, wanted: Option<&str>) -> Result<&'static str, String> {
        let Some(wanted) = wanted else {
            let current = self.progress.current.as_deref().and_then(|name| COURSE.names().find(|known| *known == name));
            return current.ok_or_else(|| "no exercise is begun yet: `lvslab course next`".to_owned());
        };
        let number = |name: &str| name.split_once('-').map(|(number, _)| number.trim_start_matches('0').to_owned());
        let exact = COURSE.names().find(|name| {
            *name == wanted || number(name).is_some_and(|number| number == wanted.trim_start_matches('0'))
        });
        let part = || COURSE.names().find(|name| name.contains(wanted));
        exact.or_else(part).ok_or_else(|| match nearest(wanted, COURSE.names()) {
            Some(name) => format!("there is no exercise \"{wanted}\"; did you mean {name}?"),
            None => format!("there is no exercise \"{wanted}\": `lvslab course list` shows them"),
        })
    }

    /// An exercise with this learner's values.
    pub fn exercise(&self, name: &str) -> Result<Exercise, String> {
        COURSE.exercise(name, learner_seed(&self.progress.learner))
    }

    /// Where a file of an exercise is.
    pub fn path(&self, exercise: &str, file: &str) -> PathBuf {
        self.dir.join(exercise).join(file)
    }

    /// Whether an exercise was begun.
    pub fn is_begun(&self, exercise: &str) -> bool {
        self.path(exercise, LAB).exists()
    }

    /// Writes the files of an exercise. Those that are there stay.
    pub fn hand_out(&self, exercise: &Exercise) -> Result<(), String> {
        let folder = self.dir.join(&exercise.name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let answers = answers_form(exercise);
        let files = [
            ("ticket.md", Some(exercise.ticket.as_str())),
            (LAB, Some(exercise.handed_out())),
            (ANSWERS, answers.as_deref()),
        ];
        for (file, text) in files {
            let path = folder.join(file);
            if let (Some(text), false) = (text, path.exists()) {
                files::write(&path, text.as_bytes()).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// The learner's lab and answers.
    pub fn handed_in(&self, exercise: &str) -> Result<(String, String), String> {
        let lab = self.path(exercise, LAB);
        if !lab.exists() {
            return Err(format!(
                "{} is not there: `lvslab course start {exercise}` begins the exercise",
                lab.display()
            ));
        }
        let answers = self.path(exercise, ANSWERS);
        let answers = if answers.exists() { files::read(&answers)? } else { String::new() };
        Ok((files::read(&lab)?, answers))
    }
}

/// The file that the learner writes answers into.
fn answers_form(exercise: &Exercise) -> Option<String> {
    let ask = |question: &crate::course::Question| format!("# {}\n{} =\n", question.ask, question.name);
    let questions: Vec<_> = exercise.questions.iter().map(ask).collect();
    (!questions.is_empty()).then(|| questions.join("\n"))
}
