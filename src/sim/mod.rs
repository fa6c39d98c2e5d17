//! The engine: a clock, a queue of events, cables and switches.
//!
//! It knows frames only as bytes, and nodes only by their contract, [`Node`].
//!
//! # The order of events
//!
//! Events happen in the order of their times; events of the same time happen in the order in which they were scheduled.
//! A further node never reorders the others: what a node schedules, and in which order, depends only on the events
//! that it has had. So take a run, add a node that does not talk to the others, and strike its events out again: the first
//! event of the others is the same, therefore what it schedules is the same, therefore the second event is the same, and
//! so on. The same holds for randomness, since each direction of each cable has streams of its own (see
//! [`random`](crate::random)).

mod engine;
mod link;
mod node;
mod queue;
mod sink;
mod switch;

pub use engine::{Engine, EventLimitReached, Plug};
pub use link::{LinkOptions, QueueLimit};
pub use node::{Action, Node, Outbox};
pub use sink::{End, Hop, Sink, Station, Unwatched};
pub use switch::{FdbEntry, SwitchOptions};
