//! The scenario: what is in the lab, what is done to it, and what must come of it.
//!
//! [`load()`] turns the text of a file ([`schema`]) into a [`Plan`], or into everything that is wrong with it.
//! [`run`] builds the lab, which is where the nodes meet the engine, and goes through the steps.

mod answers;
mod check;
mod diagnostic;
mod edit;
mod expect;
mod failure;
mod formula;
mod holders;
mod lab;
mod load;
mod parameters;
mod places;
pub mod plan;
pub mod schema;
mod silence;
mod steps;
mod survey;
mod sweep;
mod tree;
mod units;

pub use diagnostic::{Diagnostic, nearest};
pub(crate) use edit::with_steps;
pub use expect::{Measured, Verdict, frames_on, judge, served};
pub use failure::{Failure, busiest};
pub(crate) use lab::Lab;
pub use lab::{Options, Outcome, run, set_up, survey};
pub use load::{load, load_with, parse, resolve};
pub use parameters::{Parameters, Settings};
pub use places::Places;
pub use plan::Plan;
pub use steps::{StepResult, Steps, UNFINISHED};
pub use sweep::{Row, Sweep, Trouble};
pub use units::parse_time;
