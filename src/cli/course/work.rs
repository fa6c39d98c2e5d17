//! What a learner does: begin, try, ask for help, go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use super::folder::{ANSWERS, Desk, LAB};
use super::{COURSE, marks, say};
use crate::cli::complain::complain;
use crate::cli::{Status, output};
use crate::course::{self, Exercise, Submission, Trouble};

/// How often the watcher looks whether something was saved.
const LOOKS: Duration = Duration::from_millis(300);

pub fn list() -> Result<Status, String> {
    let desk = Desk::here()?;
    let mut lines = String::new();
    let mut chapter = String::new();
    for name in COURSE.names() {
        let exercise = desk.exercise(name)?;
        if exercise.chapter != chapter {
            lines.push_str(&format!("{}{}\n", if chapter.is_empty() { "" } else { "\n" }, exercise.chapter));
            chapter.clone_from(&exercise.chapter);
        }
        let state = match () {
            () if desk.progress.is_solved(name) => "solved",
            () if desk.is_begun(name) => "begun",
            () => "",
        };
        let number = name.split('-').next().unwrap_or_default();
        let kind = format!("{:?}", exercise.kind).to_lowercase();
        lines.push_str(&format!("{number:>4}  {state:<7} {kind:<8} {}\n", exercise.title));
    }
    say(&lines)
}

pub fn progress() -> Result<Status, String> {
    let desk = Desk::here()?;
    let names: Vec<_> = COURSE.names().collect();
    let solved = names.iter().filter(|name| desk.progress.is_solved(name)).count();
    let bar: String = names.iter().map(|name| if desk.progress.is_solved(name) { '#' } else { '.' }).collect();
    say(&format!("{}: {solved} of {} exercises solved\n{bar}", desk.progress.learner, names.len()))
}

pub fn start(wanted: Option<&str>) -> Result<Status, String> {
    let mut desk = Desk::here()?;
    let name = match wanted {
        Some(_) => desk.find(wanted)?,
        None => return next(),
    };
    begin(&mut desk, name)
}

pub fn next() -> Result<Status, String> {
    let mut desk = Desk::here()?;
    match COURSE.names().find(|name| !desk.progress.is_solved(name)) {
        Some(name) => begin(&mut desk, name),
        None => say("Everything is solved. There is nothing left to do."),
    }
}

fn begin(desk: &mut Desk, name: &str) -> Result<Status, String> {
    let exercise = desk.exercise(name)?;
    desk.hand_out(&exercise)?;
    desk.progress.current = Some(name.to_owned());
    desk.save()?;
    say(&ticket_text(&exercise))
}

pub fn ticket(wanted: Option<&str>) -> Result<Status, String> {
    let desk = Desk::here()?;
    say(&ticket_text(&desk.exercise(desk.find(wanted)?)?))
}

fn ticket_text(exercise: &Exercise) -> String {
    let name = &exercise.name;
    let file = if exercise.questions.is_empty() { LAB } else { ANSWERS };
    format!(
        "{}\n\n\
         Read      the book's chapter {}\n\
         Edit      {name}/{file}\n\
         Look      lvslab run {name}/{LAB}; lvslab topo {name}/{LAB}\n\
         Try       lvslab shell {name}/{LAB}\n\
         Grade     lvslab course check, or watch\n\
         Stuck?    lvslab course hint",
        exercise.ticket.trim_end(),
        exercise.chapter
    )
}

pub fn check(wanted: Option<&str>) -> Result<Status, String> {
    let mut desk = Desk::here()?;
    let name = desk.find(wanted)?;
    grade(&mut desk, name)
}

fn grade(desk: &mut Desk, name: &str) -> Result<Status, String> {
    let exercise = desk.exercise(name)?;
    let (lab, answers) = desk.handed_in(name)?;
    let grade = match course::grade(&exercise, Submission { lab: &lab, answers: &answers }) {
        Ok(grade) => grade,
        Err(trouble) => return explain(&trouble, &desk.path(name, LAB), &lab),
    };
    output::print(|out| marks::write(out, &grade, output::colours())).map_err(|error| error.to_string())?;
    if !grade.passed() {
        return Ok(Status::Failed);
    }
    desk.progress.solve(name);
    desk.save()?;
    say(&format!(
        "\nSolved.\n\n{}\n\nGo on     lvslab course next\nCompare   lvslab course solution {name}",
        exercise.after.trim_end()
    ))
}

/// Why a lab cannot be graded.
fn explain(trouble: &Trouble, path: &Path, lab: &str) -> Result<Status, String> {
    match trouble {
        Trouble::Lab(diagnostics) => {
            complain(path, lab, diagnostics);
            Ok(Status::Wrong)
        }
        Trouble::NoNode(node) => Err(format!("{}: the node \"{node}\" must stay in it", path.display())),
        Trouble::Endless(events) => Err(format!("stopped after {events} events: this goes round for ever")),
        Trouble::Exercise(error) => Err(format!("the exercise itself is wrong: {error}")),
    }
}

pub fn watch(wanted: Option<&str>) -> Result<Status, String> {
    let mut desk = Desk::here()?;
    let name = desk.find(wanted)?;
    let files = [desk.path(name, LAB), desk.path(name, ANSWERS)];
    let saved = || files.each_ref().map(|file| fs::metadata(file).and_then(|data| data.modified()).ok());
    let mut seen: Option<[Option<SystemTime>; 2]> = None;
    loop {
        let now = saved();
        if seen != Some(now) {
            seen = Some(now);
            match grade(&mut desk, name) {
                Ok(Status::Held) => return Ok(Status::Held),
                Ok(_) => say(&format!("\n{name}: waiting for you to save it again (Ctrl-C ends)"))?,
                Err(error) => say(&format!("lvslab: {error}"))?,
            };
        }
        sleep(LOOKS);
    }
}

pub fn hint(wanted: Option<&str>) -> Result<Status, String> {
    let mut desk = Desk::here()?;
    let exercise = desk.exercise(desk.find(wanted)?)?;
    let count = exercise.hints.len();
    let taken = desk.progress.take_hint(&exercise.name, count);
    desk.save()?;
    let Some(hint) = exercise.hints.get(taken) else { return Err("there are no hints for this one".to_owned()) };
    let look = hint.look.as_ref().map_or(String::new(), |(node, run)| {
        format!("\n\nLook: lvslab shell {}/{LAB}, and there\n\n    run\n    {node}$ {run}", exercise.name)
    });
    say(&format!("Hint {} of {count}: {}{look}", taken + 1, hint.say))
}

pub fn solution(wanted: Option<&str>, give_up: bool) -> Result<Status, String> {
    let mut desk = Desk::here()?;
    let exercise = desk.exercise(desk.find(wanted)?)?;
    if give_up {
        desk.progress.give_up(&exercise.name);
        desk.save()?;
    }
    if !desk.progress.may_see_solution(&exercise.name) {
        return Err("it is shown once the exercise is solved; `--give-up` shows it now".to_owned());
    }
    let mut text = exercise.solution.clone().unwrap_or_default();
    if !exercise.questions.is_empty() {
        let right = course::answers(&exercise, &exercise.lab);
        for (name, right) in right.map_err(|trouble| format!("the exercise itself is wrong: {trouble:?}"))? {
            text.push_str(&format!("{name} = {}\n", right.first().map_or("", String::as_str)));
        }
    }
    say(&format!("{}\n\n{}", text.trim_end(), exercise.after))
}

pub fn reset(wanted: Option<&str>) -> Result<Status, String> {
    let desk = Desk::here()?;
    let exercise = desk.exercise(desk.find(wanted)?)?;
    let mut kept = Vec::new();
    for file in [LAB, ANSWERS] {
        let path = desk.path(&exercise.name, file);
        if path.exists() {
            let aside = free_name(&path);
            fs::rename(&path, &aside).map_err(|error| format!("{}: {error}", path.display()))?;
            kept.push(aside.display().to_string());
        }
    }
    desk.hand_out(&exercise)?;
    say(&format!("{} is as it was; yours is kept: {}", exercise.name, kept.join(", ")))
}

/// A name for a file that is put aside: lab.ron.old, or lab.ron.old2 if that is taken.
fn free_name(path: &Path) -> PathBuf {
    let mut names = (1..).map(|number| match number {
        1 => format!("{}.old", path.display()),
        _ => format!("{}.old{number}", path.display()),
    });
    names.find_map(|name| Some(PathBuf::from(name)).filter(|name| !name.exists())).expect("one of all names is free")
}
