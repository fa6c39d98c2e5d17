//! What happened and why: the records of a run, and the forms in which they are shown and kept.

mod changes;
mod facts;
pub mod filter;
mod index;
pub mod journey;
pub mod json;
pub mod pcap;
pub mod pcapng;
mod record;
pub mod story;
mod teller;

pub use changes::{Change, changed};
pub use facts::Facts;
pub use index::Index;
pub use record::{Cast, Direction, Event, Member, Plug, Record, Recorder, Trace};
pub use teller::{Kind, Line, Teller, brief};
