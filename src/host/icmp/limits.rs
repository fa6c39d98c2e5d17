//! How many errors a host reports: struct inet_peer, ip_error and ip_rt_send_redirect of net/ipv4/route.c, icmp.c's limits.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use crate::time::{Span, Time};

/// icmp_ratelimit lets so many errors go at once (XRLIM_BURST_FACTOR).
const BURST: u64 = 6;
/// What an error about a packet without a way costs (ip_rt_error_cost), before icmp_ratelimit has its share.
const NO_ROUTE_COST: Span = Span::from_secs(1);
/// What may be saved for such errors (ip_rt_error_burst).
const NO_ROUTE_BURST: Span = Span::from_secs(5);
/// What somebody has saved who was never told anything.
const FRESH: Span = Span::from_secs(60);
/// After so many redirects a sender is left alone (ip_rt_redirect_number).
const MOST_REDIRECTS: u32 = 9;
/// The pause after the first redirect is twice this, and doubles with each (ip_rt_redirect_load).
const REDIRECT_PAUSE: Span = Span::from_millis(20);
/// After so long a silence redirects begin anew (ip_rt_redirect_silence).
const REDIRECT_SILENCE: Span = Span::from_millis(20 << 10);

/// How many errors may still be reported, and to whom.
#[derive(Debug, Default)]
pub struct ErrorLimits {
    peers: FxHashMap<Ipv4Addr, Peer>,
    /// What is left for all peers together, in millionths of a message, and when that was so.
    global: Option<(u64, Time)>,
}

/// What is remembered of somebody who is told about errors. All limits share it, as they do in the kernel.
#[derive(Clone, Copy, Debug)]
struct Peer {
    /// Time that is saved: each error costs some.
    saved: Span,
    /// When that was so.
    last: Option<Time>,
    redirects: u32,
}

impl Peer {
    fn take(&mut self, cost: Span, most: Span, now: Time) -> bool {
        let earned = self.last.map_or(FRESH, |last| now.since(last));
        self.saved = (self.saved + earned).min(most);
        self.last = Some(now);
        let allowed = self.saved >= cost;
        if allowed {
            self.saved = self.saved - cost;
        }
        allowed
    }
}

impl ErrorLimits {
    fn peer(&mut self, address: Ipv4Addr) -> &mut Peer {
        self.peers.entry(address).or_insert(Peer { saved: Span::ZERO, last: None, redirects: 0 })
    }

    /// inet_peer_xrlim_allow: one error in `pause`, save for a first burst.
    pub(super) fn allows_peer(&mut self, peer: Ipv4Addr, pause: Span, now: Time) -> bool {
        self.peer(peer).take(pause, pause.times(BURST), now)
    }

    /// ip_error: whether somebody is told that his packets have no way.
    pub(in crate::host) fn allows_no_route(&mut self, sender: Ipv4Addr, now: Time) -> bool {
        self.peer(sender).take(NO_ROUTE_COST, NO_ROUTE_BURST, now)
    }

    /// ip_rt_send_redirect: whether somebody is told of a better way.
    pub(in crate::host) fn allows_redirect(&mut self, sender: Ipv4Addr, now: Time) -> bool {
        let peer = self.peer(sender);
        if peer.last.is_none_or(|last| now > last + REDIRECT_SILENCE) {
            (peer.saved, peer.redirects) = (Span::ZERO, 0);
        }
        if peer.redirects >= MOST_REDIRECTS {
            peer.last = Some(now);
            return false;
        }
        let pause = REDIRECT_PAUSE.times(1 << peer.redirects);
        let is_due = peer.redirects == 0 || peer.last.is_none_or(|last| now > last + pause);
        if is_due {
            peer.last = Some(now);
            peer.redirects += 1;
        }
        is_due
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
    const PAUSE: Span = Span::from_secs(1);

    fn at(millis: u64) -> Time {
        Time::ZERO + Span::from_millis(millis)
    }

    #[test]
    fn a_burst_of_six_then_one_a_second() {
        let mut limits = ErrorLimits::default();
        let allowed: Vec<_> = (0..40).filter(|tenth| limits.allows_peer(PEER, PAUSE, at(tenth * 100))).collect();
        assert_eq!(allowed, [0, 1, 2, 3, 4, 5, 10, 20, 30]);
    }

    /// As recorded of Linux 6.1: twelve pings without a route, five a second, then twelve whose TTL runs out.
    #[test]
    fn all_errors_are_paid_from_one_purse() {
        let mut limits = ErrorLimits::default();
        let no_route =
            |limits: &mut ErrorLimits, now| limits.allows_no_route(PEER, now) && limits.allows_peer(PEER, PAUSE, now);
        for earlier in [0, 1200, 3600] {
            assert!(no_route(&mut limits, at(earlier)));
        }
        let told: Vec<_> = (1..=12).filter(|n| no_route(&mut limits, at(12_800 + n * 200))).collect();
        assert_eq!(told, [1, 2]);
        let told: Vec<_> = (1..=12).filter(|n| limits.allows_peer(PEER, PAUSE, at(16_800 + n * 200))).collect();
        assert_eq!(told, [1, 2, 6, 11]);
    }

    #[test]
    fn nine_redirects_with_growing_pauses() {
        let mut limits = ErrorLimits::default();
        let sent = |limits: &mut ErrorLimits, range: std::ops::Range<u64>| {
            range.filter(|millis| limits.allows_redirect(PEER, at(*millis))).collect::<Vec<_>>()
        };
        assert_eq!(sent(&mut limits, 0..20_000), [0, 41, 122, 283, 604, 1245, 2526, 5087, 10_208]);
        assert_eq!(sent(&mut limits, 41_000..41_010), [41_000]);
    }

    #[test]
    fn no_more_than_the_host_may_send() {
        let mut limits = ErrorLimits::default();
        assert_eq!((0..100).filter(|_| limits.allows_any(1000, 50, at(0))).count(), 50);
        assert!(limits.allows_any(1000, 50, at(1)));
    }
}
