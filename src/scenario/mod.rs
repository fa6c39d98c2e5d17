//! The scenario: what is in the lab, what is done to it, and what must come of it.
//!
//! [`load`] turns the text of a file ([`schema`]) into a [`Plan`], or into everything that is wrong with it.
//! A [`Lab`] is built from a plan: it is where the nodes meet the engine.

mod check;
mod diagnostic;
mod expect;
mod load;
pub mod plan;
pub mod schema;
mod tree;
mod units;

pub use diagnostic::Diagnostic;
pub use load::load;
pub use plan::Plan;
