//! `lvslab course`: exercises, in a folder of the learner's.

mod folder;
mod marks;
mod teacher;
mod work;

use std::path::PathBuf;

use super::{Status, output};
use crate::course::{Course, Folder};

/// The exercises that come with the program.
pub const COURSE: Course<'static> = Course(Folder(include!(concat!(env!("OUT_DIR"), "/exercises.rs"))));

/// Exercises that grade themselves: broken labs to repair, clusters to build, questions to answer.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CourseArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Makes a folder for the course.
    Init {
        /// The folder; the one that you are in, unless told.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Your name: the numbers in your exercises are drawn from it.
        #[arg(long, env = "USER", default_value = "learner")]
        learner: String,
    },
    /// Lists the exercises, and which of them you have solved.
    List,
    /// Begins an exercise: writes its files, and shows its ticket.
    Start(Which),
    /// Begins the first exercise that you have not solved.
    Next,
    /// Shows the ticket again.
    Ticket(Which),
    /// Grades your work.
    Check(Which),
    /// Grades your work whenever you save it, until you press Ctrl-C.
    Watch(Which),
    /// Gives a hint; each one says more than the one before.
    Hint(Which),
    /// Shows the solution, once you have solved the exercise.
    Solution {
        #[command(flatten)]
        which: Which,
        /// Shows it before you have solved the exercise.
        #[arg(long)]
        give_up: bool,
    },
    /// Puts an exercise's files back as they were; yours are kept beside them.
    Reset(Which),
    /// Shows how far you have come.
    Progress,
    /// Grades the folders of a whole class.
    Grade {
        /// The learners' folders.
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
        /// Prints comma-separated values.
        #[arg(long)]
        csv: bool,
    },
}

#[derive(clap::Args)]
struct Which {
    /// The exercise: its number or a part of its name; the one that you began last, unless told.
    exercise: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  lvslab course init lvs-course && cd lvs-course
  lvslab course next            begins the first exercise, and says what to do
  lvslab course watch           grades your work whenever you save it
  lvslab course hint            when you are stuck";

impl CourseArgs {
    /// Does it.
    pub fn execute(self) -> Status {
        let result = match self.action {
            Action::Init { dir, learner } => folder::init(&dir, &learner),
            Action::List => work::list(),
            Action::Progress => work::progress(),
            Action::Start(which) => work::start(which.exercise.as_deref()),
            Action::Next => work::next(),
            Action::Ticket(which) => work::ticket(which.exercise.as_deref()),
            Action::Check(which) => work::check(which.exercise.as_deref()),
            Action::Watch(which) => work::watch(which.exercise.as_deref()),
            Action::Hint(which) => work::hint(which.exercise.as_deref()),
            Action::Solution { which, give_up } => work::solution(which.exercise.as_deref(), give_up),
            Action::Reset(which) => work::reset(which.exercise.as_deref()),
            Action::Grade { dirs, csv } => teacher::grade_all(&dirs, csv),
        };
        result.unwrap_or_else(|error| {
            anstream::eprintln!("lvslab: {error}");
            Status::Wrong
        })
    }
}

/// Prints a text.
fn say(text: &str) -> Result<Status, String> {
    output::print(|out| writeln!(out, "{}", text.trim_end())).map_err(|error| error.to_string())?;
    Ok(Status::Held)
}
