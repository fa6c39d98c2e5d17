//! Round robin: ip_vs_rr.c.

use super::{Change, Pick, Request, Scheduler, Servers};
use crate::reason::Choice;

/// Every server in its turn.
#[derive(Debug, Default)]
pub(super) struct Rr {
    /// One more than the place of the server that was last; 0 is the head of the list itself.
    last: usize,
}

impl Scheduler for Rr {
    fn changed(&mut self, change: Change, _: Servers<'_>) {
        match change {
            Change::Started => self.last = 0,
            Change::Added if self.last > 0 => self.last += 1,
            // When the last one goes, the one before it takes its part, so that nobody is skipped.
            Change::Removed(place) if place < self.last => self.last -= 1,
            Change::Added | Change::Removed(_) | Change::Edited => {}
        }
    }

    fn pick(&mut self, _: &mut Request<'_>, servers: Servers<'_>) -> Option<Pick> {
        let turn = (self.last..servers.len()).chain(0..self.last);
        let place = turn.into_iter().find(|place| servers.at(*place).is_usable())?;
        self.last = place + 1;
        Some(Pick { place, why: Choice::Turn })
    }
}
