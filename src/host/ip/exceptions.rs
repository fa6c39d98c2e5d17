//! What routers have told about single destinations: struct fib_nh_exception, net/ipv4/route.c.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;

use super::super::kernel::Kernel;
use super::super::packet::Packet;
use super::super::route::Kind;
use super::super::sysctl::Conf;
use crate::reason::{Ip, Note, RedirectIgnored};
use crate::time::{Span, Time};

/// How long a redirect is believed (ip_rt_gc_timeout).
const REDIRECT_LIFETIME: Span = Span::from_secs(300);

/// An exception to the routing tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The largest datagram that reaches the destination, in bytes.
    pub mtu: Option<u32>,
    /// A better gateway.
    pub gateway: Option<Ipv4Addr>,
    /// When it is forgotten.
    pub expires: Time,
}

/// The exceptions by destination.
#[derive(Debug, Default)]
pub struct Exceptions {
    by_destination: FxHashMap<Ipv4Addr, Exception>,
}

impl Exceptions {
    /// The exception that counts now.
    pub fn get(&self, destination: Ipv4Addr, now: Time) -> Option<&Exception> {
        if self.by_destination.is_empty() {
            return None;
        }
        self.by_destination.get(&destination).filter(|exception| exception.expires > now)
    }

    fn entry(&mut self, destination: Ipv4Addr, now: Time) -> &mut Exception {
        let fresh = Exception { mtu: None, gateway: None, expires: now };
        let exception = self.by_destination.entry(destination).or_insert(fresh);
        if exception.expires <= now {
            *exception = fresh;
        }
        exception
    }

    /// Forgets all: the routing tables have changed.
    pub fn clear(&mut self) {
        self.by_destination.clear();
    }
}

impl Kernel {
    /// __ip_rt_update_pmtu: a router has told that nothing longer reaches the destination.
    pub(in crate::host) fn learn_path_mtu(&mut self, destination: Ipv4Addr, mtu: u32) {
        let least = self.sysctl.number("net.ipv4.route.min_pmtu").max(68) as u32;
        let lifetime = Span::from_secs(self.sysctl.number("net.ipv4.route.mtu_expires").max(0) as u64);
        let Ok(route) = self.route_output(destination, None, None) else { return };
        let mtu = mtu.max(least.min(route.mtu));
        if mtu > route.mtu {
            return;
        }
        let exception = self.exceptions.entry(destination, self.now);
        exception.mtu = Some(mtu);
        exception.expires = self.now + lifetime;
        self.out.note(|| Note::Ip(Ip::PathMtu { destination, mtu }));
    }

    /// __ip_do_redirect: a router has told that `gateway` is a better one for a destination.
    pub(in crate::host) fn learn_redirect(&mut self, redirect: &Packet, destination: Ipv4Addr, gateway: Ipv4Addr) {
        match self.try_redirect(redirect.source(), destination, gateway) {
            Ok(()) => self.out.note(|| Note::Ip(Ip::Redirected { destination, gateway })),
            Err(why) => self.out.note(|| Note::Ip(Ip::RedirectIgnored { gateway, why })),
        }
    }

    fn try_redirect(
        &mut self,
        router: Ipv4Addr,
        destination: Ipv4Addr,
        gateway: Ipv4Addr,
    ) -> Result<(), RedirectIgnored> {
        let route = self.route_output(destination, None, None).map_err(|_| RedirectIgnored::OtherRouter)?;
        let oif = route.oif;
        if route.gateway != Some(router) || gateway == router {
            return Err(RedirectIgnored::OtherRouter);
        }
        if self.sysctl.conf(oif, Conf::AcceptRedirects) == 0 {
            return Err(RedirectIgnored::NotAccepted);
        }
        let is_possible = match self.sysctl.conf(oif, Conf::SharedMedia) {
            0 => self.is_on_link(oif, gateway, router),
            _ => self.routes.kind_of(gateway) == Kind::Unicast,
        };
        if !is_possible || gateway.is_multicast() || gateway.is_broadcast() || gateway.octets()[0] == 0 {
            return Err(RedirectIgnored::NotOnLink);
        }
        if !self.resolve_neighbour(oif, gateway) {
            return Err(RedirectIgnored::Unresolved);
        }
        let exception = self.exceptions.entry(destination, self.now);
        exception.gateway = Some(gateway);
        exception.expires = self.now + REDIRECT_LIFETIME;
        Ok(())
    }

    /// rt_cache_flush.
    pub(in crate::host) fn routes_changed(&mut self) {
        self.exceptions.clear();
    }

    /// `ip route flush cache`.
    pub fn flush_route_cache(&mut self) {
        self.exceptions.clear();
    }

    /// What routers have told about a destination, if it still counts.
    pub fn path_exception(&self, destination: Ipv4Addr) -> Option<Exception> {
        self.exceptions.get(destination, self.now).copied()
    }
}
