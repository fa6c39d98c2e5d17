//! Schedulers: which real server a new connection goes to.
//!
//! A scheduler is a file here with a type that implements [`Scheduler`], and a line in [`new`]. It sees the servers of its
//! service in the kernel's order, the newest first, and is told of every change of them. It says with each choice why,
//! in the terms of [`crate::reason`], so that the trace can show its arithmetic.

mod dh;
mod fo;
mod hash;
mod lblc;
mod lblcr;
mod lc;
mod mh;
#[cfg(test)]
mod model;
mod nq;
mod ovf;
mod rr;
mod sed;
mod sh;
#[cfg(test)]
mod tests;
mod twos;
mod wlc;
mod wrr;

use std::fmt;
use std::net::Ipv4Addr;

pub(super) use hash::jhash_3words;

use super::chance::Chance;
use super::dest::{Dest, DestId};
use crate::reason::Choice;
use crate::time::{Span, Time};

/// The scheduler of a service that names none.
pub const DEFAULT: &str = "wlc";

/// The names of all schedulers.
pub const NAMES: [&str; 14] =
    ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf", "twos"];

/// Chooses real servers for new connections.
pub trait Scheduler: fmt::Debug {
    /// The servers have changed. A scheduler that begins its work is told [`Change::Started`] first.
    fn changed(&mut self, _change: Change, _servers: Servers<'_>) {}

    /// Chooses a server by its place in the list; none if there is no usable one.
    fn pick(&mut self, request: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick>;
}

/// What has happened to the servers of a service. Places are those in the list after an addition, and before a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The scheduler has been bound to the service.
    Started,
    /// A server was put at the head of the list.
    Added,
    /// The server at this place has gone.
    Removed(usize),
    /// A server has another weight.
    Edited,
}

/// What a scheduler may know about a new connection.
#[derive(Debug)]
pub struct Request<'a> {
    /// The client.
    pub source: Ipv4Addr,
    /// The client's port.
    pub source_port: u16,
    /// The virtual address.
    pub destination: Ipv4Addr,
    /// The scheduler's flags of the service, from the lowest bit on.
    pub flags: u8,
    /// When.
    pub now: Time,
    /// How long an unused entry of lblc or lblcr is kept.
    pub expiration: Span,
    /// For schedulers that draw lots.
    pub chance: &'a mut Chance,
}

/// A choice, and why it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The server's place in the list.
    pub place: usize,
    /// Why.
    pub why: Choice,
}

/// The real servers of a service, the newest first.
#[derive(Clone, Copy, Debug)]
pub struct Servers<'a> {
    ids: &'a [DestId],
    dests: &'a [Option<Box<Dest>>],
}

impl<'a> Servers<'a> {
    pub(super) fn new(ids: &'a [DestId], dests: &'a [Option<Box<Dest>>]) -> Servers<'a> {
        Servers { ids, dests }
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.ids.is_empty()
    }

    /// The server at a place.
    pub fn at(self, place: usize) -> &'a Dest {
        self.dests[self.ids[place].0 as usize].as_deref().expect("a server in a list exists")
    }

    /// The number of the server at a place.
    pub fn id(self, place: usize) -> DestId {
        self.ids[place]
    }

    /// Where a server stands, if it is in the list.
    pub fn place(self, id: DestId) -> Option<usize> {
        self.ids.iter().position(|known| *known == id)
    }

    /// All of them.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = &'a Dest> {
        (0..self.len()).map(move |place| self.at(place))
    }

    /// The usable ones with their places.
    pub fn usable(self) -> impl Iterator<Item = (usize, &'a Dest)> {
        self.iter().enumerate().filter(|(_, dest)| dest.is_usable())
    }
}

/// The scheduler of this name.
pub fn new(name: &str) -> Option<Box<dyn Scheduler>> {
    Some(match name {
        "dh" => Box::<dh::Dh>::default(),
        "fo" => Box::new(fo::Fo),
        "lblc" => Box::<lblc::Lblc>::default(),
        "lblcr" => Box::<lblcr::Lblcr>::default(),
        "lc" => Box::new(lc::Lc),
        "mh" => Box::<mh::Mh>::default(),
        "nq" => Box::new(nq::Nq),
        "ovf" => Box::new(ovf::Ovf),
        "rr" => Box::<rr::Rr>::default(),
        "sed" => Box::new(sed::Sed),
        "sh" => Box::<sh::Sh>::default(),
        "twos" => Box::new(twos::Twos),
        "wlc" => Box::new(wlc::Wlc),
        "wrr" => Box::<wrr::Wrr>::default(),
        _ => return None,
    })
}

/// Why flags are none of a scheduler's. It reads as ipvsadm says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// No scheduler has it.
    #[error("invalid scheduler flag `{0}'")]
    Unknown(String),
    /// Another scheduler has it.
    #[error("incompatible scheduler flag `{0}'")]
    OfAnother(String),
}

/// The flags of a scheduler by their names, with commas between them, which strtok takes apart (ipvsadm's parse_sched_flags).
///
/// # Errors
///
/// [`FlagError`]
pub fn flags(scheduler: &str, text: &str) -> Result<u8, FlagError> {
    text.split(',').filter(|name| !name.is_empty()).try_fold(0, |flags, name| {
        let (own, bit) = match name {
            "flag-1" => (scheduler, 1),
            "flag-2" => (scheduler, 2),
            "flag-3" => (scheduler, 4),
            "sh-fallback" => ("sh", sh::FALLBACK),
            "sh-port" => ("sh", sh::PORT),
            "mh-fallback" => ("mh", sh::FALLBACK),
            "mh-port" => ("mh", sh::PORT),
            _ => return Err(FlagError::Unknown(name.to_owned())),
        };
        if own != scheduler {
            return Err(FlagError::OfAnother(name.to_owned()));
        }
        Ok(flags | bit)
    })
}

/// The name of a scheduler that exists, as the reasons want it.
pub(super) fn name(name: &str) -> &'static str {
    NAMES.into_iter().find(|known| *known == name).unwrap_or("no scheduler")
}

/// The usable server whose `load` in proportion to its weight is least; of equal ones the first.
fn least_by_weight(servers: Servers<'_>, load: impl Fn(&Dest) -> u64) -> Option<usize> {
    let mut usable = servers.usable();
    let (mut place, least) = usable.next()?;
    let (mut least_load, mut least_weight) = (load(least), least.weight() as u64);
    for (candidate, dest) in usable {
        let (its_load, its_weight) = (load(dest), dest.weight() as u64);
        if least_load * its_weight > its_load * least_weight {
            (place, least_load, least_weight) = (candidate, its_load, its_weight);
        }
    }
    Some(place)
}
