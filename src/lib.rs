//! lvslab: a packet-level simulator and teaching lab for Linux Virtual Server.
//!
//! A scenario file says which machines there are, what is typed on them when, and what must come of it. The lab runs it:
//! every machine is a small Linux, real Ethernet frames travel between them, and every decision that a machine takes
//! about a frame can be asked for its reason. Time is simulated, chance is seeded: the same scenario gives the same bytes.
//!
//! ```no_run
//! let text = "..."; // a scenario file
//! let plan = lvslab::scenario::load(text).map_err(|problems| format!("{problems:#?}"))?;
//! let outcome = lvslab::scenario::run(&plan, lvslab::scenario::Options::default());
//! # Ok::<(), String>(())
//! ```
//!
//! # The house
//!
//! Data flows one way, and the rooms are named after the stations that it passes:
//!
//! ```text
//! scenario.ron -> scenario -> sim( host( ipvs, shell, apps ) ) -> trace -> the reader
//!                             everything that touches bytes: wire
//! ```
//!
//! - [`scenario`] reads the file, with all that is wrong with it at its line and column; builds the lab; goes through the
//!   steps; judges the expectations. It is where machines meet the engine, so it knows everybody below.
//! - [`sim`] is the engine: the clock, the queue of events, cables, switches. It knows frames only as bytes, and machines
//!   only by a contract of five methods.
//! - [`host`] is a Linux: interfaces, addresses, routes, ARP, netfilter, ICMP, TCP and UDP, and the processes on top, which
//!   are futures that enter the kernel by system calls. Client, router, director and real server are all this type.
//! - [`ipvs`] is the load balancer itself: services, schedulers, connections. It gives verdicts, which the host carries out.
//! - [`shell`] is what can be typed on a host: a small POSIX shell and its commands, one file a command; [`apps`] are the
//!   servers and clients of the lab.
//! - [`wire`] reads, builds, rewrites and describes frames. It knows nobody.
//! - [`reason`] is the vocabulary of decisions: why a frame was dropped, answered, rewritten, steered. It sits below all who
//!   decide, so that each decision can name its reason at its place.
//! - [`session`] holds a run in hand: on until something happens, back, commands in between, saved as a scenario.
//! - [`topo`] is the network as it is configured: who plays which part, whether the addresses make sense, its picture; [`svg`]
//!   writes pictures.
//! - [`trace`] keeps what happened and tells it: as a story, as captures, as JSON lines. It never reaches back into a
//!   living machine.
//! - [`course`] grades exercises: labs that somebody has to mend, build or foretell.
//! - [`diagnose`] judges a run: what is wrong with the cluster, with evidence.
//! - [`report`] shows it: ladders, and plots.
//! - `cli`, the command line, is the only room with windows: nothing below it opens a file or reads a clock. Without it
//!   (feature `cli`) the library builds for a browser.
//!
//! [`time`], [`ids`] and [`random`] are the cellar: integer nanoseconds, small names, and all randomness.
//!
//! A test (`tests/house.rs`) reads the sources and holds them to who may know whom.

pub mod apps;
#[cfg(feature = "cli")]
pub mod cli;
pub mod course;
pub mod diagnose;
pub mod host;
pub mod ids;
pub mod ipvs;
pub mod keepalived;
pub mod random;
mod rare;
pub mod reason;
pub mod report;
pub mod scenario;
pub mod session;
pub mod shell;
pub mod sim;
pub mod svg;
pub mod time;
pub mod topo;
pub mod trace;
pub mod wire;
