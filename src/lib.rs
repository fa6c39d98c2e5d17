//! lvslab: a packet-level simulator and teaching lab for Linux Virtual Server.

pub mod apps;
#[cfg(feature = "cli")]
pub mod cli;
pub mod host;
pub mod ids;
pub mod random;
pub mod reason;
pub mod scenario;
pub mod shell;
pub mod sim;
pub mod time;
pub mod trace;
pub mod wire;
