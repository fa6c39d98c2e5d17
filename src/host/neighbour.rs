//! The neighbour table and its states: net/core/neighbour.c.

/// Which MAC address belongs to which neighbour, as far as known.
#[derive(Debug, Default)]
pub struct Neighbours {}
