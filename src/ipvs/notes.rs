use crate::reason::{self, Change, Config, Drop, Maker, Note};

/// The decisions of the load balancer, in their order. None are kept while nobody reads them.
#[derive(Debug, Default)]
pub struct Notes {
    /// Whether anybody reads them.
    pub wanted: bool,
    list: Vec<Note>,
}

impl Notes {
    /// A decision.
    #[inline]
    pub(super) fn add(&mut self, note: impl FnOnce() -> reason::Ipvs) {
        if self.wanted {
            self.list.push(Note::Ipvs(note()));
        }
    }

    /// The end of a packet.
    #[inline]
    pub(super) fn drop(&mut self, note: impl FnOnce() -> reason::IpvsDrop) {
        if self.wanted {
            self.list.push(Note::Drop(Drop::Ipvs(note())));
        }
    }

    /// Somebody has changed the configuration; the host knows who.
    pub(super) fn changed(&mut self, what: impl FnOnce() -> Config) {
        if self.wanted {
            self.list.push(Note::Change(Box::new(Change { what: what(), by: Maker::Kernel })));
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes what there is.
    pub fn drain(&mut self) -> impl Iterator<Item = Note> {
        self.list.drain(..)
    }
}
