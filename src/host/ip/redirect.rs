//! Telling senders of a better way: ip_rt_send_redirect in net/ipv4/route.c.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::super::kernel::Kernel;
use super::super::packet::Packet;
use super::super::route::Route;
use crate::reason::ErrorWithheld;
use crate::time::{Span, Time};

/// After so many redirects a sender is left alone.
const MOST: u32 = 9;
/// The pause after the first; it doubles with each.
const PAUSE: Span = Span::from_millis(20);
/// After so long a silence it begins anew.
const SILENCE: Span = Span::from_millis(20 << 10);

/// How often each sender was told, and when last.
#[derive(Debug, Default)]
pub struct Redirects {
    sent: FxHashMap<Ipv4Addr, (u32, Time)>,
}

impl Redirects {
    fn is_due(&mut self, sender: Ipv4Addr, now: Time) -> bool {
        let (count, last) = self.sent.entry(sender).or_insert((0, now));
        if now > *last + SILENCE {
            *count = 0;
        }
        if *count >= MOST {
            *last = now;
            return false;
        }
        if *count > 0 && now <= *last + PAUSE.times(1 << *count) {
            return false;
        }
        *count += 1;
        *last = now;
        true
    }
}

impl Kernel {
    pub(super) fn send_redirect(&mut self, packet: &Packet, route: &Route) {
        if self.redirects.is_due(packet.source(), self.now) {
            self.icmp_limits.redirected(packet.source(), self.now);
            let gateway = route.gateway.unwrap_or(packet.destination());
            self.icmp_send(packet, 5, 1, gateway.octets());
        } else {
            self.icmp_withhold(packet, 5, 1, ErrorWithheld::RedirectLimit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_with_growing_pauses() {
        let mut redirects = Redirects::default();
        let sender = Ipv4Addr::new(10, 0, 0, 1);
        let sent = |redirects: &mut Redirects, range: std::ops::Range<u64>| {
            range.filter(|millis| redirects.is_due(sender, Time::ZERO + Span::from_millis(*millis))).collect::<Vec<_>>()
        };
        assert_eq!(sent(&mut redirects, 0..20_000), [0, 41, 122, 283, 604, 1245, 2526, 5087, 10_208]);
        assert_eq!(sent(&mut redirects, 41_000..41_010), [41_000]);
    }
}
