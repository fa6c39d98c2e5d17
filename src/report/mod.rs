//! What is shown of a run: ladders and plots. They read the records of a run, and the survey of its network.

mod document;
pub mod gallery;
pub mod ladder;
pub mod page;
pub mod plot;
