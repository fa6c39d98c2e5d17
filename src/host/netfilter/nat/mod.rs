//! Address translation: net/netfilter/nf_nat_core.c.
//!
//! What becomes of a connection's source and destination is agreed on once, with its first packet; later packets are
//! rewritten without asking any rule.

mod manip;
mod range;
mod unique;

use std::net::{Ipv4Addr, SocketAddrV4};

use super::conntrack::{Agreed, Connection, Direction, End, Part, States, Tracked, Tuple, quoted_by_error};
use super::table::Outcome;
use super::{Hook, NAT, Netfilter, Way, ruling};
use crate::host::interface::{IfIndex, Scope};
use crate::host::kernel::Kernel;
use crate::host::packet::Packet;
use crate::reason::{self, Drop, NatSide, Note, Ruling};
use crate::wire::proto;
use crate::wire::rewrite::Side;
use manip::Manip;
pub use range::Range;

/// A target of the nat table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// SNAT
    Source(Range),
    /// DNAT
    Destination(Range),
    /// MASQUERADE: the source becomes an address of the interface that the packet leaves by.
    Masquerade(Range),
    /// REDIRECT: the destination becomes this host.
    Redirect(Range),
}

/// What the table wants to become of a connection.
#[derive(Default)]
struct Wish {
    range: Option<Range>,
    /// The rule that wants it, while somebody is tracing.
    by: Option<Ruling>,
    /// The interface whose address it is to bear.
    borrows: Option<IfIndex>,
}

/// Which side of packets is rewritten at a place (HOOK2MANIP).
fn side_at(hook: Hook) -> Side {
    match hook {
        Hook::Postrouting | Hook::Input => Side::Source,
        _ => Side::Destination,
    }
}

impl Connection {
    fn agreed(&self, side: Side) -> Agreed {
        match side {
            Side::Source => self.source,
            Side::Destination => self.destination,
        }
    }
}

impl Netfilter {
    /// ip_vs_update_conntrack: IPVS has given the first packet of a connection another source or destination; answers
    /// are expected accordingly.
    pub(in crate::host) fn alter_reply(&mut self, packet: &mut Packet, side: Side, (address, port): End) {
        let Tracked::Part(part) = &mut packet.tracked else { return };
        let Some(connection) = self.conntrack.connection_mut(part) else { return };
        if connection.is_confirmed() {
            return;
        }
        let reply = &mut connection.tuples[Direction::Reply as usize];
        let is_icmp = reply.protocol == proto::ICMP;
        let end = match side {
            Side::Source => &mut reply.destination,
            Side::Destination => &mut reply.source,
        };
        *end = (address, if is_icmp { end.1 } else { port });
    }
}

impl Kernel {
    /// nf_nat_ipv4_fn: asks the table, if this has not been asked yet about the packet's connection, and rewrites the
    /// packet. None if it ends here.
    pub(super) fn translate(&mut self, hook: Hook, mut packet: Packet, way: &Way) -> Option<Packet> {
        let side = side_at(hook);
        let Tracked::Part(part) = &packet.tracked else { return Some(packet) };
        let Some(connection) = self.netfilter.conntrack.connection(part) else { return Some(packet) };
        let is_error = part.state == States::RELATED && packet.protocol() == proto::ICMP;
        let may_ask = !is_error && matches!(part.state, States::NEW | States::RELATED);
        if may_ask && !connection.agreed(side).is_settled {
            let wish = self.ask_nat(hook, &mut packet, way)?;
            self.settle(&mut packet, side, wish);
        }
        let Tracked::Part(part) = &packet.tracked else { return Some(packet) };
        if !is_error && self.left_elsewhere(hook, part, way) {
            self.netfilter.conntrack.kill(part);
            self.out.note_about(packet.origin, || Note::Drop(Drop::MasqueradeMoved));
            return None;
        }
        let connection = self.netfilter.conntrack.connection(part);
        let manip = connection.and_then(|connection| Manip::new(connection, part.direction, side));
        if let Some(manip) = manip {
            let before = end(&packet, side);
            if is_error {
                manip.rewrite_error(&mut packet);
            } else {
                manip.rewrite(&mut packet);
            }
            let after = end(&packet, side);
            self.out
                .note_about(packet.origin, || Note::Nat(reason::Nat::Rewritten { side: told(side), before, after }));
        }
        Some(packet)
    }

    /// What the table's rules want to become of a first packet: nothing, if none wants anything. None if it ends here.
    fn ask_nat(&mut self, hook: Hook, packet: &mut Packet, way: &Way) -> Option<Wish> {
        let outcome = match self.netfilter.tables[NAT].entrance(hook) {
            Some(entrance) => self.visit(NAT, entrance, packet, way),
            None => return Some(Wish::default()),
        };
        let table = &self.netfilter.tables[NAT];
        let (chain, index, translation) = match outcome {
            Outcome::Accept(..) => return Some(Wish::default()),
            Outcome::Translate(chain, index, translation) => (chain, index, translation),
            // None of this table's targets.
            Outcome::Reject(..) => return None,
            Outcome::Drop(chain, index) => {
                self.out
                    .note_about(packet.origin, || Note::Drop(Drop::Netfilter(Box::new(ruling(table, chain, index)))));
                return None;
            }
        };
        let by = self.out.tracing.then(|| ruling(table, chain, Some(index)));
        let (range, address) = match translation {
            Translation::Source(range) | Translation::Destination(range) => {
                return Some(Wish { range: Some(range), by, borrows: None });
            }
            Translation::Masquerade(range) => (range, self.masquerade_address(packet, way)),
            Translation::Redirect(range) => (range, self.redirect_address(hook, way)),
        };
        let Some(address) = address else {
            self.out.note_about(packet.origin, || Note::Drop(Drop::NoAddressToTranslateTo));
            return None;
        };
        let borrows = way.oif.filter(|_| matches!(translation, Translation::Masquerade(_)));
        Some(Wish { range: Some(Range { addresses: Some((address, address)), ..range }), by, borrows })
    }

    /// nf_nat_masquerade_ipv4: the address that this host would speak from on the way to the next hop.
    fn masquerade_address(&self, packet: &Packet, way: &Way) -> Option<Ipv4Addr> {
        let next_hop = way.gateway.unwrap_or(packet.destination());
        let address = self.select_address(way.oif?, Some(next_hop), Scope::Global);
        (!address.is_unspecified()).then_some(address)
    }

    /// nf_nat_redirect_ipv4
    fn redirect_address(&self, hook: Hook, way: &Way) -> Option<Ipv4Addr> {
        if hook == Hook::Output {
            return Some(Ipv4Addr::LOCALHOST);
        }
        let interface = self.interfaces.get(way.iif?)?;
        interface.addresses.iter().find(|address| !address.secondary).map(|address| address.ip)
    }

    /// nf_nat_setup_info: decides what this side of the connection becomes, for as long as it lasts.
    fn settle(&mut self, packet: &mut Packet, side: Side, wish: Wish) {
        let Netfilter { conntrack, random, .. } = &mut self.netfilter;
        let Tracked::Part(part) = &mut packet.tracked else { return };
        let Some(connection) = conntrack.connection(part).filter(|connection| !connection.is_confirmed()) else {
            return;
        };
        let current = connection.tuple(Direction::Reply).reply();
        // nf_nat_alloc_null_binding: nobody wants a change, but what it looks like may be taken.
        let range = wish.range.unwrap_or_else(|| Range::single(side_of(current, side).0));
        let chosen = unique::Chooser { conntrack, random, now: self.now, side, range: &range }.choose(current);
        let Some(connection) = conntrack.connection_mut(part) else { return };
        connection.tuples[Direction::Reply as usize] = chosen.reply();
        let agreed = Agreed { is_settled: true, is_changed: chosen != current };
        match side {
            Side::Source => connection.source = agreed,
            Side::Destination => connection.destination = agreed,
        }
        if wish.borrows.is_some() {
            connection.masquerades_by = wish.borrows;
        }
        let (before, after) = (address(side_of(current, side)), address(side_of(chosen, side)));
        match wish.by {
            Some(by) => self.out.note_about(packet.origin, || {
                Note::Nat(reason::Nat::Agreed { by: Box::new(by), side: told(side), before, after })
            }),
            None if agreed.is_changed => {
                self.out.note_about(packet.origin, || Note::Nat(reason::Nat::Clash { before, after }));
            }
            None => {}
        }
    }

    /// nf_nat_oif_changed: a masqueraded connection would leave by another interface than the one whose address it bears.
    fn left_elsewhere(&self, hook: Hook, part: &Part, way: &Way) -> bool {
        let connection = self.netfilter.conntrack.connection(part);
        let by = connection.and_then(|connection| connection.masquerades_by);
        hook == Hook::Postrouting && part.direction == Direction::Original && by.is_some_and(|by| way.oif != Some(by))
    }

    /// masq_device_event, masq_inet_event: connections that borrow an address that has gone end.
    pub(in crate::host) fn forget_masqueraded(&mut self, index: IfIndex, address: Option<Ipv4Addr>) {
        self.netfilter.conntrack.forget(|connection: &Connection| {
            let borrowed = connection.tuple(Direction::Reply).destination.0;
            connection.masquerades_by == Some(index) && address.is_none_or(|address| address == borrowed)
        });
    }
}

fn side_of(tuple: Tuple, side: Side) -> End {
    match side {
        Side::Source => tuple.source,
        Side::Destination if tuple.protocol == proto::ICMP => (tuple.destination.0, tuple.source.1),
        Side::Destination => tuple.destination,
    }
}

fn address((ip, port): End) -> SocketAddrV4 {
    SocketAddrV4::new(ip, port)
}

/// A side of a packet as it is now; of ICMP errors, without a port.
fn end(packet: &Packet, side: Side) -> SocketAddrV4 {
    let ip = match side {
        Side::Source => packet.source(),
        Side::Destination => packet.destination(),
    };
    let is_error = quoted_by_error(packet.ip()).is_some();
    let tuple = Tuple::read(packet.ip()).filter(|_| !is_error);
    SocketAddrV4::new(ip, tuple.map_or(0, |(tuple, _)| side_of(tuple, side).1))
}

fn told(side: Side) -> NatSide {
    match side {
        Side::Source => NatSide::Source,
        Side::Destination => NatSide::Destination,
    }
}
