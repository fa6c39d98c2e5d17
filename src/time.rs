//! Simulated time: whole nanoseconds, and nothing that reads a clock.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Sub};

/// A number of nanoseconds, kept as its successor: an `Option` of a time is then no larger than the time, and a connection
/// has many. 584 years stop one nanosecond short.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Nanos(NonZeroU64);

impl Nanos {
    const ZERO: Nanos = Nanos::new(0);

    const fn new(nanos: u64) -> Nanos {
        Nanos(NonZeroU64::MIN.saturating_add(nanos))
    }

    const fn get(self) -> u64 {
        self.0.get() - 1
    }
}

impl Default for Nanos {
    fn default() -> Nanos {
        Nanos::ZERO
    }
}

impl fmt::Debug for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A moment, in nanoseconds since the lab was switched on.
///
/// The scenario's own zero lies later, when all `setup` is done: whoever shows times subtracts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Nanos);

/// A length of time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Nanos);

/// What clocks show at the scenario's zero: 2026-01-01 00:00:00 UTC, since 1970. It is a fixed number, so that the same run
/// gives the same bytes.
pub const EPOCH: Span = Span::from_secs(1_767_225_600);

impl Time {
    /// When the lab is switched on.
    pub const ZERO: Time = Time(Nanos::ZERO);

    /// The moment `nanos` nanoseconds after the lab was switched on.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(Nanos::new(nanos))
    }

    /// Nanoseconds since the lab was switched on.
    pub const fn as_nanos(self) -> u64 {
        self.0.get()
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub const fn since(self, earlier: Time) -> Span {
        Span::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(Nanos::ZERO);

    /// So many nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Span {
        Span(Nanos::new(nanos))
    }

    /// So many microseconds.
    pub const fn from_micros(micros: u64) -> Span {
        Span::from_nanos(micros.saturating_mul(1_000))
    }

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Span {
        Span::from_nanos(millis.saturating_mul(1_000_000))
    }

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Span {
        Span::from_nanos(secs.saturating_mul(1_000_000_000))
    }

    /// A number of seconds as people type it; negative and non-finite numbers give zero.
    pub fn from_secs_f64(secs: f64) -> Span {
        // A float's cast to an integer saturates, and takes NaN to zero.
        Span::from_nanos((secs * 1e9).round() as u64)
    }

    /// The length in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0.get()
    }

    /// The length in whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.as_nanos() / 1_000_000
    }

    /// The length in whole seconds.
    pub const fn as_secs(self) -> u64 {
        self.as_nanos() / 1_000_000_000
    }

    /// The length in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.as_nanos() as f64 / 1e9
    }

    /// The length `n` times over.
    pub const fn times(self, n: u64) -> Span {
        Span::from_nanos(self.as_nanos().saturating_mul(n))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time::from_nanos(self.as_nanos().saturating_add(span.as_nanos()))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Time {
    type Output = Time;
    fn sub(self, span: Span) -> Time {
        Time::from_nanos(self.as_nanos().saturating_sub(span.as_nanos()))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span::from_nanos(self.as_nanos().saturating_add(other.as_nanos()))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span::from_nanos(self.as_nanos().saturating_sub(other.as_nanos()))
    }
}

impl fmt::Display for Span {
    /// Seconds with six decimals, as tcpdump prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.as_nanos() / 1_000;
        write!(f, "{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_as_typed() {
        assert_eq!(Span::from_secs_f64(0.1), Span::from_millis(100));
        assert_eq!(Span::from_secs_f64(-1.0), Span::ZERO);
        assert_eq!(Span::from_secs_f64(f64::NAN), Span::ZERO);
    }

    #[test]
    fn shown_as_tcpdump_does() {
        assert_eq!(Span::from_nanos(1_000_150_999).to_string(), "1.000150");
    }
}
