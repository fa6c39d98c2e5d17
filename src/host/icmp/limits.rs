//! How many errors a host sends: net.ipv4.icmp_ratelimit, icmp_msgs_per_sec, and what route.c has for packets without a way.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use crate::time::{Span, Time};

/// So many errors may go to one destination at once (XRLIM_BURST_FACTOR).
const BURST: u64 = 6;
/// Packets without a way: one error a second to each sender (ip_rt_error_cost), and so many at once (ip_rt_error_burst).
const NO_ROUTE_PAUSE: Span = Span::from_secs(1);
const NO_ROUTE_BURST: u64 = 5;

/// How many errors may still be sent.
#[derive(Debug, Default)]
pub struct ErrorLimits {
    /// What is left for each destination (struct inet_peer).
    peers: FxHashMap<Ipv4Addr, Saved>,
    /// What is left for packets without a way, for each sender.
    no_route: FxHashMap<Ipv4Addr, Saved>,
    /// What is left for all of them, in millionths of a message, and when that was so.
    global: Option<(u64, Time)>,
}

/// A token bucket that fills with time.
#[derive(Clone, Copy, Debug)]
struct Saved {
    span: Span,
    last: Time,
}

impl Saved {
    /// A full bucket.
    fn new(pause: Span, burst: u64, now: Time) -> Saved {
        Saved { span: pause.times(burst), last: now }
    }

    fn take(&mut self, pause: Span, burst: u64, now: Time) -> bool {
        self.span = (self.span + now.since(self.last)).min(pause.times(burst));
        self.last = now;
        let allowed = self.span >= pause;
        if allowed {
            self.span = self.span - pause;
        }
        allowed
    }
}

impl ErrorLimits {
    /// inet_peer_xrlim_allow: one in `pause`, save for a first burst.
    pub(super) fn allows_peer(&mut self, peer: Ipv4Addr, pause: Span, now: Time) -> bool {
        self.peers.entry(peer).or_insert(Saved::new(pause, BURST, now)).take(pause, BURST, now)
    }

    /// ip_rt_send_redirect keeps its books in the same place: a peer that was just redirected gets no error right after.
    pub(in crate::host) fn redirected(&mut self, peer: Ipv4Addr, now: Time) {
        self.peers.insert(peer, Saved { span: Span::ZERO, last: now });
    }

    /// ip_error
    pub(in crate::host) fn allows_no_route(&mut self, sender: Ipv4Addr, now: Time) -> bool {
        let full = Saved::new(NO_ROUTE_PAUSE, NO_ROUTE_BURST, now);
        self.no_route.entry(sender).or_insert(full).take(NO_ROUTE_PAUSE, NO_ROUTE_BURST, now)
    }

    /// icmp_global_allow
    pub(super) fn allows_any(&mut self, per_second: u64, burst: u64, now: Time) -> bool {
        const ONE: u64 = 1_000_000;
        let most = burst.saturating_mul(ONE);
        let (saved, last) = self.global.get_or_insert((most, now));
        let earned = (now.since(*last).as_nanos() / 1_000).saturating_mul(per_second);
        *saved = saved.saturating_add(earned).min(most);
        *last = now;
        let allowed = *saved >= ONE;
        if allowed {
            *saved -= ONE;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::from_millis(millis)
    }

    #[test]
    fn a_burst_of_six_then_one_a_second() {
        let mut limits = ErrorLimits::default();
        let allowed =
            (0..40).filter(|tenth| limits.allows_peer(PEER, Span::from_secs(1), at(tenth * 100))).collect::<Vec<_>>();
        assert_eq!(allowed, [0, 1, 2, 3, 4, 5, 10, 20, 30]);
    }

    #[test]
    fn five_at_once_about_packets_without_a_way() {
        let mut limits = ErrorLimits::default();
        assert_eq!((0..20).filter(|_| limits.allows_no_route(PEER, at(0))).count(), 5);
        assert!(!limits.allows_no_route(PEER, at(999)) && limits.allows_no_route(PEER, at(1000)));
    }

    #[test]
    fn no_more_than_the_host_may_send() {
        let mut limits = ErrorLimits::default();
        assert_eq!((0..100).filter(|_| limits.allows_any(1000, 50, at(0))).count(), 50);
        assert!(limits.allows_any(1000, 50, at(1)));
    }
}
