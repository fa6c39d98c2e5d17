//! What is told of changes to a host's configuration, so that a decision can be traced back to what has caused it.

use super::interface::{Address, IfIndex};
use super::kernel::Kernel;
use super::netfilter::Netfilter;
use super::route::{FibRoute, Hop, Rule, Table};
use crate::reason::{About, Change, Config, Note};

impl Kernel {
    /// Tells that somebody has changed something.
    pub(super) fn note_change(&mut self, what: impl FnOnce(&Kernel) -> Config) {
        if self.out.tracing {
            let change = Change { what: what(self), by: self.out.maker };
            self.out.note_about(About::default(), || Note::Change(Box::new(change)));
        }
    }

    pub(super) fn note_address_change(&mut self, index: IfIndex, address: &Address, is_there: bool) {
        let (ip, prefix_len) = (address.ip, address.prefix_len);
        self.note_change(|kernel| Config::Address {
            address: ip,
            prefix_len,
            interface: kernel.device(index),
            is_there,
        });
    }

    pub(super) fn note_route_change(&mut self, table: Table, route: &FibRoute, is_there: bool) {
        let only = [Hop { oif: route.oif, gateway: route.gateway, ..Hop::default() }];
        for hop in if route.hops.is_empty() { &only } else { &*route.hops } {
            self.note_change(|kernel| Config::Route {
                prefix: (route.prefix.network(), route.prefix.prefix_len()),
                gateway: hop.gateway,
                oif: hop.oif.map(|oif| kernel.device(oif)),
                table: Some(table.0).filter(|_| table != Table::MAIN),
                is_there,
            });
        }
    }

    pub(super) fn note_rule_change(&mut self, rule: &Rule, is_there: bool) {
        self.note_change(|_| Config::Policy { priority: rule.priority, rule: rule.text(|_| true), is_there });
    }

    /// Changes the rules of iptables or arptables, and tells which are new.
    pub fn change_rules<R>(&mut self, change: impl FnOnce(&mut Netfilter) -> R) -> R {
        if !self.out.tracing {
            return change(&mut self.netfilter);
        }
        let before = self.netfilter.all_rules();
        let result = change(&mut self.netfilter);
        for rule in self.netfilter.all_rules() {
            if !before.contains(&rule) {
                self.note_change(|_| rule);
            }
        }
        result
    }

    /// Tells what the process that runs has changed at IPVS.
    pub(super) fn tell_ipvs_changes(&mut self) {
        if !self.ipvs.notes.is_empty() {
            let by = self.out.maker;
            for note in self.ipvs.notes.drain() {
                let note = match note {
                    Note::Change(change) => Note::Change(Box::new(Change { by, ..*change })),
                    note => note,
                };
                self.out.note_about(About::default(), || note);
            }
        }
    }
}
