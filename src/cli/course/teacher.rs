//! A whole class: every learner's folder, graded anew from what is in it.

use std::path::{Path, PathBuf};

use super::folder::Desk;
use super::{COURSE, say};
use crate::cli::Status;
use crate::course::{self, Grade, Submission, Trouble};

/// What one learner made of one exercise.
struct Row {
    learner: String,
    exercise: &'static str,
    result: String,
    held: usize,
    checks: usize,
    hints: usize,
    gave_up: bool,
}

/// Grades all exercises that were begun in these folders. What learners' own course.ron says of solved ones is not believed.
pub fn grade_all(dirs: &[PathBuf], csv: bool) -> Result<Status, String> {
    let mut rows = Vec::new();
    for dir in dirs {
        rows.extend(learner(dir)?);
    }
    say(&if csv { as_csv(&rows) } else { as_table(&rows) })
}

fn learner(dir: &Path) -> Result<Vec<Row>, String> {
    let desk = Desk::at(dir)?;
    let begun = COURSE.names().filter(|name| desk.is_begun(name));
    begun
        .map(|name| {
            let exercise = desk.exercise(name)?;
            let (lab, answers) = desk.handed_in(name)?;
            let grade = course::grade(&exercise, Submission { lab: &lab, answers: &answers });
            let (held, checks) = grade.as_ref().map_or((0, exercise.checks.len()), count);
            Ok(Row {
                learner: desk.progress.learner.clone(),
                exercise: name,
                result: result(&grade).to_owned(),
                held,
                checks,
                hints: desk.progress.hints.iter().find(|(hinted, _)| hinted == name).map_or(0, |(_, taken)| *taken),
                gave_up: desk.progress.given_up.iter().any(|given_up| given_up == name),
            })
        })
        .collect()
}

fn result(grade: &Result<Grade, Trouble>) -> &'static str {
    match grade {
        Ok(grade) if grade.passed() => "passed",
        Ok(_) => "failed",
        Err(_) => "broken",
    }
}

fn count(grade: &Grade) -> (usize, usize) {
    let marks: Vec<_> = grade.rounds.iter().flat_map(|round| &round.marks).collect();
    (marks.iter().filter(|mark| mark.held).count(), marks.len())
}

fn as_csv(rows: &[Row]) -> String {
    let mut text = String::from("learner,exercise,result,held,checks,hints,gave_up\n");
    for row in rows {
        let learner = row.learner.replace('"', "\"\"");
        text.push_str(&format!(
            "\"{learner}\",{},{},{},{},{},{}\n",
            row.exercise, row.result, row.held, row.checks, row.hints, row.gave_up
        ));
    }
    text
}

fn as_table(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (learner, exercise) = (width(|row| row.learner.len()), width(|row| row.exercise.len()));
    let line = |row: &Row| {
        let gave_up = if row.gave_up { ", gave up" } else { "" };
        format!(
            "{:learner$}  {:exercise$}  {:6}  {}/{} checks, {} hints{gave_up}\n",
            row.learner, row.exercise, row.result, row.held, row.checks, row.hints
        )
    };
    rows.iter().map(line).collect()
}
