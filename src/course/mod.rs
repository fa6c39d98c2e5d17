//! The course: exercises that grade themselves.
//!
//! An [`Exercise`] is a folder: a ticket, a lab that is broken or unfinished, and what must come of it once it is mended.
//! [`grade()`] puts what the learner may change into the exercise's own lab, runs that in every variation, and looks at
//! what happened on the wire and at what clients saw: any way to make it work is right. Nothing here touches files.

mod answer;
mod draw;
mod exercise;
mod grade;
mod merge;
mod progress;

pub use answer::{Answer, Question};
pub use draw::learner_seed;
pub use exercise::{Check, Course, Exercise, Folder, Hint, Kind, Variation};
pub use grade::{Grade, Mark, Round, Submission, Trouble, answers, grade};
pub use progress::Progress;
