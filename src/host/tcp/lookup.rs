//! Which socket has these two ends: the kernel's inet_ehash.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use rustc_hash::FxBuildHasher;
use slab::Slab;

use super::segment::Tuple;
use super::table::Entry;
use crate::host::socket::SocketId;

/// The sockets that have two ends, requests and TIME_WAIT included. It holds their numbers alone: the ends are looked up
/// at the sockets, so that a million of them are not stored twice.
#[derive(Debug, Default)]
pub(super) struct Established(HashTable<SocketId>);

impl Established {
    pub fn find(&self, sockets: &Slab<Entry>, tuple: &Tuple) -> Option<SocketId> {
        self.0.find(hash(tuple), |id| ends(sockets, *id) == Some(tuple)).copied()
    }

    /// From now on segments between the ends of this socket are for it, whoever had them before.
    pub fn insert(&mut self, sockets: &Slab<Entry>, id: SocketId) {
        let Some(tuple) = ends(sockets, id) else { return };
        let is_it = |known: &SocketId| ends(sockets, *known) == Some(tuple);
        let rehash = |known: &SocketId| ends(sockets, *known).map_or(0, hash);
        match self.0.entry(hash(tuple), is_it, rehash) {
            Place::Occupied(mut known) => *known.get_mut() = id,
            Place::Vacant(place) => {
                place.insert(id);
            }
        }
    }

    /// Whether it was there.
    pub fn remove(&mut self, tuple: &Tuple, id: SocketId) -> bool {
        self.0.find_entry(hash(tuple), |known| *known == id).map(|found| found.remove()).is_ok()
    }
}

fn ends(sockets: &Slab<Entry>, id: SocketId) -> Option<&Tuple> {
    sockets.get(id.0 as usize)?.socket.ends()
}

fn hash(tuple: &Tuple) -> u64 {
    FxBuildHasher.hash_one(tuple)
}
