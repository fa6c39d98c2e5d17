//! Reasons of VRRP.

use std::fmt;
use std::net::Ipv4Addr;

use crate::time::Span;

/// What a virtual router decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vrrp {
    /// Nothing was heard of a master for so long: it takes over.
    TimedOut {
        /// The instance's name.
        name: String,
        /// How often a master advertises itself.
        interval: Span,
        /// How many of its advertisements must be missing (vrrp_down_timer_adverts).
        adverts: u32,
        /// How much longer it waits: the greater its priority, the shorter.
        skew: Span,
        /// Its priority.
        priority: u8,
    },
    /// A backup has heard a master whom it leaves alone.
    Follows {
        /// The instance's name.
        name: String,
        /// The master.
        master: Ipv4Addr,
        /// The master's priority.
        theirs: u8,
        /// Its own.
        ours: u8,
        /// How long it waits for the next advertisement.
        wait: Span,
    },
    /// A backup has heard a master of lower priority, and will not wait any longer for it than it has begun to.
    Disregards {
        /// The instance's name.
        name: String,
        /// The master.
        master: Ipv4Addr,
        /// The master's priority.
        theirs: u8,
        /// Its own.
        ours: u8,
        /// How long it still waits.
        wait: Span,
    },
    /// A backup has heard that the master resigns.
    Resigned {
        /// The instance's name.
        name: String,
        /// The master.
        master: Ipv4Addr,
        /// How long it waits before it takes over.
        wait: Span,
    },
    /// A master has heard another one of higher priority, or of the same and a higher address.
    GivesWay {
        /// The instance's name.
        name: String,
        /// The other one.
        other: Ipv4Addr,
        /// The other one's priority.
        theirs: u8,
        /// Its own.
        ours: u8,
    },
    /// A master has heard another one of lower priority, or of the same and a lower address.
    Insists {
        /// The instance's name.
        name: String,
        /// The other one.
        other: Ipv4Addr,
        /// The other one's priority.
        theirs: u8,
        /// Its own.
        ours: u8,
    },
    /// What has come is not an advertisement that it believes.
    Refuses {
        /// The instance's name.
        name: String,
        /// Why, in keepalived's words.
        why: String,
    },
}

impl fmt::Display for Vrrp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |span: &Span| span.as_secs_f64();
        match self {
            Vrrp::TimedOut { name, interval, adverts, skew, priority } => {
                let all = interval.times(u64::from(*adverts)) + *skew;
                write!(
                    f,
                    "({name}) takes over: no advertisement for {} s ({adverts} * {} s, and a skew of {:.3} s for priority \
                     {priority})",
                    seconds(&all),
                    seconds(interval),
                    seconds(skew)
                )
            }
            Vrrp::Follows { name, master, theirs, ours, wait } => write!(
                f,
                "({name}) stays backup of {master}, whose priority is {theirs} (ours {ours}): waits {:.3} s for the next",
                seconds(wait)
            ),
            Vrrp::Disregards { name, master, theirs, ours, wait } => write!(
                f,
                "({name}) pays no heed to {master}, whose priority is {theirs} (ours {ours}): takes over in {:.3} s",
                seconds(wait)
            ),
            Vrrp::Resigned { name, master, wait } => {
                write!(f, "({name}) hears {master} resign: takes over in {:.3} s", seconds(wait))
            }
            Vrrp::GivesWay { name, other, theirs, ours } => {
                write!(f, "({name}) is master no more: {other} has priority {theirs}, ours is {ours}")
            }
            Vrrp::Insists { name, other, theirs, ours } => {
                write!(f, "({name}) stays master: {other} has priority {theirs}, ours is {ours}")
            }
            Vrrp::Refuses { name, why } => write!(f, "({name}) does not believe it: {why}"),
        }
    }
}
