//! What happened and why: the records of a run, and the forms in which they are shown and kept.

mod cast;
mod changes;
mod chunks;
mod facts;
pub mod filter;
mod frames;
mod index;
pub mod journey;
pub mod json;
pub mod pcap;
pub mod pcapng;
mod record;
pub mod story;
mod teller;

pub use cast::{Cast, Member, Plug};
pub use changes::{Change, changed};
pub use facts::Facts;
pub use frames::Frames;
pub use index::Index;
pub use record::{Direction, Event, Record, Trace};
pub use teller::{Kind, Line, Teller, brief};
