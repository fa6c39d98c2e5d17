//! A machine under load: its programs get their turn late. The kernel itself, which answers interrupts, does not wait.

use crate::random::{RngExt, Stream};
use crate::time::Span;

/// How late programs run: each time that one may run, it waits for this long.
#[derive(Debug)]
pub struct Lag {
    /// At least so long.
    delay: Span,
    /// And longer by chance, so much at most.
    jitter: Span,
    chance: Stream,
}

impl Lag {
    pub(super) fn new(delay: Span, jitter: Span, chance: Stream) -> Lag {
        Lag { delay, jitter, chance }
    }

    /// How long the next one waits.
    pub(super) fn draw(&mut self) -> Span {
        self.delay + Span::from_nanos(self.chance.random_range(0..=self.jitter.as_nanos()))
    }
}
