//! When a checker asks again, and when it believes what it hears: the epilogs of check_tcp.c and its like.

use super::DELAY_LOOP;
use crate::keepalived::conf::{self, CheckerKind};
use crate::time::Span;

/// A checker's patience.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    delay_loop: Span,
    delay_before_retry: Span,
    retry: u32,
    /// How long one question may take.
    pub timeout: Span,
    /// How long the first question waits at most, beyond a second.
    pub warmup: Span,
    failures: u32,
    has_run: bool,
    is_up: bool,
}

/// What a result means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The server is well, or it is not; none: nothing new.
    pub news: Option<bool>,
    /// How often it was asked again before.
    pub retries: u32,
    /// When the next question is asked.
    pub wait: Span,
}

impl Pace {
    /// A checker's patience, with what its server and service say about it.
    pub fn new(checker: &conf::Checker, outer: conf::Pace) -> Pace {
        let own = checker.pace.or(outer);
        let delay_loop = own.delay_loop.unwrap_or(DELAY_LOOP);
        let (retry, delay_before_retry) = match checker.kind {
            CheckerKind::Http { .. } => (1, Span::from_secs(3)),
            CheckerKind::Dns { .. } => (3, delay_loop),
            CheckerKind::Misc { .. } => (0, Span::from_secs(1)),
            _ => (1, Span::from_secs(1)),
        };
        let timeout = match checker.kind {
            CheckerKind::Misc { timeout, .. } => timeout.unwrap_or(delay_loop),
            _ => own.connect_timeout.unwrap_or(Span::from_secs(5)),
        };
        let retry = own.retry.unwrap_or(retry);
        Pace {
            delay_loop,
            delay_before_retry: own.delay_before_retry.unwrap_or(delay_before_retry),
            retry,
            timeout,
            warmup: own.warmup.unwrap_or(delay_loop),
            // At the first question one failure is enough.
            failures: retry,
            has_run: false,
            is_up: own.alpha != Some(true),
        }
    }

    /// Whether the server is believed to be well.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// How long a server that dies silently stays in the pool, at most: it has just answered, and then every question takes
    /// its whole time.
    pub fn worst_case(&self) -> Span {
        let questions = self.timeout.times(u64::from(self.retry) + 1);
        self.delay_loop + questions + self.delay_before_retry.times(u64::from(self.retry))
    }

    /// A question has been answered, or not.
    pub fn hear(&mut self, is_success: bool) -> Verdict {
        let retries = if self.has_run { self.failures } else { 0 };
        if !is_success && self.failures < self.retry {
            self.failures += 1;
            self.has_run = true;
            return Verdict { news: None, retries, wait: self.delay_before_retry };
        }
        self.failures = 0;
        let is_news = is_success != self.is_up || !self.has_run;
        self.has_run = true;
        self.is_up = is_success;
        Verdict { news: is_news.then_some(is_success), retries, wait: self.delay_loop }
    }
}
