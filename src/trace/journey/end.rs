//! What became of a frame at a machine that it came to.

use super::Phase;
use crate::ids::FrameId;
use crate::reason::{Arp, Drop, Ip, Ipvs, Loss, Note, Step};

/// How a frame ended at a place.
#[derive(Clone, Debug)]
pub enum End<'a> {
    /// The machine has passed its packet on as these frames.
    PassedOn(Vec<FrameId>),
    /// Somebody on the machine has taken what was in it.
    Taken(&'a Note),
    /// The machine has dropped it.
    Dropped(&'a Drop),
    /// It was sent to the hardware address of another machine, and a switch has flooded it.
    OtherMachine,
    /// It was lost on a cable or in a switch.
    Lost(&'a Loss),
    /// When the run ended, it was still waiting: for a neighbour's answer, or for other fragments.
    Waiting(&'a Note),
    /// The machine tells nothing of it: that would be a mistake of the simulator.
    Unknown,
}

impl<'a> End<'a> {
    /// The end of a frame at a node, from what was noted there and what it was passed on as.
    pub(super) fn of(phases: &[Phase<'a>], passed_on: Vec<FrameId>) -> End<'a> {
        if !passed_on.is_empty() {
            return End::PassedOn(passed_on);
        }
        let notes = || phases.iter().rev().map(|phase| phase.note);
        let dropped = notes().find_map(|note| match note {
            Note::Drop(drop) => Some(drop),
            _ => None,
        });
        match dropped {
            Some(Drop::OtherHost) => return End::OtherMachine,
            Some(drop) => return End::Dropped(drop),
            None => {}
        }
        if let Some(taken) = notes().find(|note| is_end(note)) {
            return End::Taken(taken);
        }
        notes().find(|note| is_wait(note)).map_or(End::Unknown, End::Waiting)
    }

    /// What this kind of end is called.
    pub const fn name(&self) -> &'static str {
        match self {
            End::PassedOn(_) => "passed-on",
            End::Taken(_) => "taken",
            End::Dropped(_) => "dropped",
            End::OtherMachine => "other-machine",
            End::Lost(_) => "lost",
            End::Waiting(_) => "waiting",
            End::Unknown => "unknown",
        }
    }
}

/// Whether a note says that somebody has taken the packet.
fn is_end(note: &Note) -> bool {
    match note {
        Note::Step(step) => matches!(
            step,
            Step::Joined { .. }
                | Step::Tcp { .. }
                | Step::Udp { .. }
                | Step::Raw { .. }
                | Step::Icmp { .. }
                | Step::Igmp
                | Step::Arp(_)
        ),
        Note::Arp(arp) => !matches!(arp, Arp::Asks { .. }),
        Note::Ip(ip) => matches!(ip, Ip::Redirected { .. } | Ip::RedirectIgnored { .. } | Ip::PathMtu { .. }),
        Note::Ipvs(ipvs) => matches!(ipvs, Ipvs::Relayed { .. } | Ipvs::Learnt { .. } | Ipvs::NotHeard { .. }),
        _ => false,
    }
}

fn is_wait(note: &Note) -> bool {
    matches!(note, Note::Step(Step::Waits { .. } | Step::Fragment))
}
