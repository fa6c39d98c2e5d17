//! The connection table. It is hashed by the client alone, so that both directions of a connection find the same bucket.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddrV4;

use slab::Slab;

use super::{Conn, ConnId};
use crate::ipvs::dest::Method;
use crate::ipvs::scheduler::jhash_3words;
use crate::time::Time;

/// How many buckets the kernel's table has, as a power of two (conn_tab_bits), and what that may be. Here it only gives
/// listings their order, and drop_entry its chance.
const TABLE_BITS: u32 = 12;
const ALLOWED_BITS: std::ops::RangeInclusive<u32> = 8..=20;

/// All connections of a host.
#[derive(Debug)]
pub struct Connections {
    entries: Slab<Conn>,
    /// The newest entry of each bucket. There are never fewer buckets than entries.
    buckets: Vec<Option<ConnId>>,
    seed: u32,
    /// How many buckets the kernel's table has.
    listed_size: u32,
    serial: u64,
    /// How many entries await their client's port.
    awaiting: usize,
    /// When entries expire, at the latest. An entry whose `armed` is another time has been set to an earlier one.
    timers: BinaryHeap<Reverse<(Time, ConnId)>>,
}

const FIRST_BUCKETS: usize = 64;

impl Connections {
    pub fn new(seed: u32) -> Connections {
        Connections {
            entries: Slab::new(),
            buckets: vec![None; FIRST_BUCKETS],
            seed,
            listed_size: 1 << TABLE_BITS,
            serial: 0,
            awaiting: 0,
            timers: BinaryHeap::new(),
        }
    }

    /// How many buckets the kernel's table has.
    pub fn listed_size(&self) -> u32 {
        self.listed_size
    }

    /// Sets it, as a power of two; what the kernel does not take becomes the default.
    pub fn set_table_bits(&mut self, bits: u32) {
        self.listed_size = 1 << if ALLOWED_BITS.contains(&bits) { bits } else { TABLE_BITS };
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, id: ConnId) -> Option<&Conn> {
        self.entries.get(id.place())
    }

    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.entries.get_mut(id.place())
    }

    /// ip_vs_conn_hashkey
    fn hash(&self, protocol: u8, client: SocketAddrV4) -> u32 {
        let address = u32::from_le_bytes(client.ip().octets());
        jhash_3words(address, u32::from(client.port().swap_bytes()), u32::from(protocol), self.seed)
    }

    fn bucket(&self, protocol: u8, client: SocketAddrV4) -> usize {
        self.hash(protocol, client) as usize & (self.buckets.len() - 1)
    }

    fn find(&self, protocol: u8, client: SocketAddrV4, is_it: impl Fn(&Conn) -> bool) -> Option<ConnId> {
        let mut next = self.buckets[self.bucket(protocol, client)];
        while let Some(id) = next {
            let conn = &self.entries[id.place()];
            if conn.client == client && conn.protocol == protocol && is_it(conn) {
                return Some(id);
            }
            next = conn.next;
        }
        None
    }

    /// The connection that a client's packet belongs to (ip_vs_conn_in_get): one of its own port, or one that awaits any.
    pub fn find_in(&self, protocol: u8, client: SocketAddrV4, virtual_address: SocketAddrV4) -> Option<ConnId> {
        let found = |client: SocketAddrV4, awaits_port| {
            self.find(protocol, client, |conn| {
                conn.virtual_address == virtual_address && conn.awaits_port == awaits_port && !conn.is_template()
            })
        };
        let any_port = || found(SocketAddrV4::new(*client.ip(), 0), true);
        found(client, false).or_else(|| if self.awaiting > 0 { any_port() } else { None })
    }

    /// The template of a group of clients (ip_vs_ct_in_get).
    pub fn find_template(
        &self,
        protocol: u8,
        group: SocketAddrV4,
        virtual_address: SocketAddrV4,
        data: Option<&str>,
    ) -> Option<ConnId> {
        self.find(protocol, group, |conn| {
            conn.is_template() && conn.virtual_address == virtual_address && conn.special.data.as_deref() == data
        })
    }

    /// The connection that a server's packet belongs to (ip_vs_conn_out_get): masqueraded servers answer from their own
    /// address, others from the virtual one.
    pub fn find_out(&self, protocol: u8, server: SocketAddrV4, client: SocketAddrV4) -> Option<ConnId> {
        self.find(protocol, client, |conn| {
            let own = if conn.method == Method::Masquerade { conn.server } else { conn.virtual_address };
            own == server && !conn.is_template()
        })
    }

    /// Puts an entry at the head of its bucket. Its timer has still to be started.
    pub fn insert(&mut self, conn: Conn) -> ConnId {
        if self.entries.len() >= self.buckets.len() {
            self.grow();
        }
        self.awaiting += usize::from(conn.awaits_port);
        let id = ConnId::of(self.entries.insert(conn));
        self.link(id);
        id
    }

    fn link(&mut self, id: ConnId) {
        self.serial += 1;
        let conn = &self.entries[id.place()];
        let bucket = self.bucket(conn.protocol, conn.client);
        let conn = &mut self.entries[id.place()];
        conn.serial = self.serial;
        conn.next = self.buckets[bucket].replace(id);
    }

    fn unlink(&mut self, id: ConnId) {
        let conn = &self.entries[id.place()];
        let (bucket, after) = (self.bucket(conn.protocol, conn.client), conn.next);
        if self.buckets[bucket] == Some(id) {
            self.buckets[bucket] = after;
            return;
        }
        let mut next = self.buckets[bucket];
        while let Some(before) = next {
            let conn = &mut self.entries[before.place()];
            if conn.next == Some(id) {
                conn.next = after;
                return;
            }
            next = conn.next;
        }
    }

    /// Twice as many buckets, each with its entries in the order that they had.
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.buckets);
        self.buckets = vec![None; old.len() * 2];
        let mut chain = Vec::new();
        for head in old {
            let mut next = head;
            while let Some(id) = next {
                chain.push(id);
                next = self.entries[id.place()].next;
            }
            for id in chain.drain(..).rev() {
                let conn = &self.entries[id.place()];
                let bucket = self.bucket(conn.protocol, conn.client);
                self.entries[id.place()].next = self.buckets[bucket].replace(id);
            }
        }
    }

    /// Changes what an entry is found by.
    pub fn rehash(&mut self, id: ConnId, change: impl FnOnce(&mut Conn)) {
        self.unlink(id);
        change(&mut self.entries[id.place()]);
        self.link(id);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, id: ConnId) -> Conn {
        self.unlink(id);
        let conn = self.entries.remove(id.place());
        self.awaiting -= usize::from(conn.awaits_port);
        conn
    }

    /// The client's port has become known (ip_vs_conn_fill_cport).
    pub fn fill_port(&mut self, id: ConnId, port: u16) {
        if self.get(id).is_some_and(|conn| conn.awaits_port) {
            self.awaiting -= 1;
            self.rehash(id, |conn| {
                conn.awaits_port = false;
                conn.client.set_port(port);
            });
        }
    }

    /// Starts an entry's timer anew, with its time-out (ip_vs_conn_put).
    pub fn restart(&mut self, id: ConnId, now: Time) {
        let Some(conn) = self.entries.get_mut(id.place()) else { return };
        conn.expires = now + conn.timeout;
        self.arm(id);
    }

    /// Lets an entry expire at once (ip_vs_conn_expire_now). It is still there until the timers are looked at.
    pub fn expire_now(&mut self, id: ConnId, now: Time) {
        let Some(conn) = self.entries.get_mut(id.place()) else { return };
        conn.expires = conn.expires.min(now);
        self.arm(id);
    }

    fn arm(&mut self, id: ConnId) {
        let conn = &mut self.entries[id.place()];
        // A timer that fires too early is set anew then, so that the packets of a busy connection do not touch the heap.
        if conn.armed.is_none_or(|armed| conn.expires < armed) {
            conn.armed = Some(conn.expires);
            self.timers.push(Reverse((conn.expires, id)));
        }
    }

    /// When the next timer fires.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// The next entry that has expired; its timer runs no more.
    pub fn pop_expired(&mut self, now: Time) -> Option<ConnId> {
        while self.next_deadline().is_some_and(|at| at <= now) {
            let Reverse((at, id)) = self.timers.pop()?;
            let Some(conn) = self.entries.get_mut(id.place()).filter(|conn| conn.armed == Some(at)) else {
                continue;
            };
            conn.armed = None;
            if conn.expires <= now {
                return Some(id);
            }
            self.arm(id);
        }
        None
    }

    /// The entries of a bucket of the kernel's table, the newest first.
    pub fn in_bucket(&self, bucket: u32) -> Vec<ConnId> {
        let mut found = Vec::new();
        // A bucket here is several of the kernel's, or the other way round.
        for own in (bucket as usize & (self.buckets.len() - 1)..self.buckets.len()).step_by(self.listed_size as usize) {
            let mut next = self.buckets[own];
            while let Some(id) = next {
                let conn = &self.entries[id.place()];
                if self.hash(conn.protocol, conn.client) & (self.listed_size - 1) == bucket {
                    found.push((Reverse(conn.serial), id));
                }
                next = conn.next;
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// All entries in the order of the kernel's listings: by bucket, the newest first.
    pub fn listed(&self) -> Vec<ConnId> {
        let place =
            |conn: &Conn| (self.hash(conn.protocol, conn.client) & (self.listed_size - 1), Reverse(conn.serial));
        let mut all: Vec<_> = self.entries.iter().map(|(id, conn)| (place(conn), ConnId::of(id))).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, id)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::time::Span;

    const VIP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 100), 80);

    fn conn(client: u16, method: Method) -> Conn {
        let server = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, 1), 8080);
        Conn::new(6, SocketAddrV4::new(Ipv4Addr::LOCALHOST, client), VIP, server, None, method)
    }

    #[test]
    fn answers_are_found_by_the_address_that_they_bear() {
        let mut table = Connections::new(7);
        let (nat, dr) = (conn(1, Method::Masquerade), conn(2, Method::Route));
        let (nat_client, dr_client, server) = (nat.client, dr.client, nat.server);
        let (nat, dr) = (table.insert(nat), table.insert(dr));
        assert_eq!(table.find_out(6, server, nat_client), Some(nat));
        assert_eq!(table.find_out(6, VIP, nat_client), None);
        assert_eq!(table.find_out(6, VIP, dr_client), Some(dr));
        assert_eq!(table.find_in(6, dr_client, VIP), Some(dr));
        assert_eq!(table.find_in(17, dr_client, VIP), None);
    }

    #[test]
    fn a_busy_connection_has_one_timer() {
        let mut table = Connections::new(7);
        let id = table.insert(conn(1, Method::Route));
        let second = |n| Time::ZERO + Span::from_secs(n);
        for n in 0..100 {
            table.restart(id, second(n));
            assert_eq!(table.pop_expired(second(n)), None);
        }
        assert_eq!(table.timers.len(), 1);
        assert_eq!(table.pop_expired(second(101)), None);
        assert_eq!(table.pop_expired(second(102)), Some(id));
        assert_eq!(table.next_deadline(), None);
    }

    proptest! {
        /// Against a list that is searched from its newest end.
        #[test]
        fn finds_what_is_there(actions in prop::collection::vec((0_u8..3, 0_u16..200), 0..600)) {
            let mut table = Connections::new(1);
            let mut model: Vec<(u16, ConnId)> = Vec::new();
            for (action, client) in actions {
                match action {
                    0 | 1 => model.push((client, table.insert(conn(client, Method::Route)))),
                    _ => if let Some(at) = model.iter().rposition(|(known, _)| *known == client) {
                        table.remove(model.remove(at).1);
                    }
                }
                let expected = model.iter().rev().find(|(known, _)| *known == client).map(|(_, id)| *id);
                let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, client);
                prop_assert_eq!(table.find_in(6, address, VIP), expected);
                prop_assert_eq!(table.entries.len(), model.len());
            }
        }
    }
}
