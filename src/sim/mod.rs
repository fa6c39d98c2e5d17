//! The engine: a clock, a queue of events, cables and switches.
//!
//! It knows frames only as bytes, and nodes only by their contract, [`Node`]. Events happen in the order of their
//! times; events of the same time happen in the order in which they were scheduled. Since each node schedules its own
//! events in an order that depends only on what it receives, a further node never reorders the others.

mod node;

pub use node::{Action, Node, Outbox};
