//! How patient a checker is (validate_check_config).

use super::DELAY_LOOP;
use crate::keepalived::conf::{self, CheckerKind};
use crate::time::Span;

/// A checker's patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between questions.
    pub delay_loop: Span,
    /// Between a failure and the next question.
    pub delay_before_retry: Span,
    /// How many failures in a row are not yet believed.
    pub retry: u32,
    /// How long one question may take.
    pub timeout: Span,
    /// How long the first question waits at most, beyond a second.
    pub warmup: Span,
    /// Not well until it has answered.
    pub is_alpha: bool,
}

impl Pace {
    /// A checker's patience, with what its server and service say about it.
    pub fn new(checker: &conf::Checker, server: conf::Pace, service: conf::Pace) -> Pace {
        let outer = server.or(service);
        let own = checker.pace.or(outer);
        let delay_loop = own.delay_loop.unwrap_or(DELAY_LOOP);
        let (retry, delay_before_retry) = match checker.kind {
            CheckerKind::Http(_) => (1, Span::from_secs(3)),
            CheckerKind::Dns { .. } => (3, delay_loop),
            CheckerKind::Misc { .. } => (0, Span::from_secs(1)),
            _ => (1, Span::from_secs(1)),
        };
        let timeout = match checker.kind {
            // Not the checker's own delay_loop: the service's.
            CheckerKind::Misc { timeout, .. } => {
                timeout.filter(|timeout| *timeout > Span::ZERO).unwrap_or(service.delay_loop.unwrap_or(DELAY_LOOP))
            }
            _ => own.connect_timeout.unwrap_or(Span::from_secs(5)),
        };
        Pace {
            delay_loop,
            delay_before_retry: own.delay_before_retry.unwrap_or(delay_before_retry),
            retry: own.retry.unwrap_or(retry),
            timeout,
            warmup: checker.pace.warmup.or(outer.warmup).unwrap_or(delay_loop),
            is_alpha: own.alpha == Some(true),
        }
    }

    /// How long a server that dies silently stays in the pool, at most: it has just answered, and then every question takes
    /// its whole time.
    pub fn worst_case(&self) -> Span {
        let questions = self.timeout.times(u64::from(self.retry) + 1);
        self.delay_loop + questions + self.delay_before_retry.times(u64::from(self.retry))
    }
}
