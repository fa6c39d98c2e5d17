//! What becomes of a machine as a whole.

use std::fmt;
use std::net::Ipv4Addr;

/// Something that has become of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// It has lost power.
    PowerLost,
    /// It has been switched on.
    Booted,
    /// It has an address on a network card that is switched on: it answers when somebody asks for it.
    Holds {
        /// The address.
        address: Ipv4Addr,
        /// The card.
        interface: String,
    },
    /// It has the address there no more.
    HoldsNoMore {
        /// The address.
        address: Ipv4Addr,
        /// The card.
        interface: String,
    },
    /// Nobody is at the other end of a card's cable any more.
    CarrierLost {
        /// The card.
        interface: String,
    },
    /// Somebody is there again.
    CarrierBack {
        /// The card.
        interface: String,
    },
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Machine::PowerLost => f.write_str("loses power: all is gone but its files"),
            Machine::Booted => f.write_str("is switched on, with the files that it had"),
            Machine::Holds { address, interface } => write!(f, "has {address} on {interface} now"),
            Machine::HoldsNoMore { address, interface } => write!(f, "has {address} on {interface} no more"),
            Machine::CarrierLost { interface } => write!(f, "{interface}: the cable is dead"),
            Machine::CarrierBack { interface } => write!(f, "{interface}: the cable works again"),
        }
    }
}
