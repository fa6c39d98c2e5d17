use std::fmt;

use crate::wire::MacAddr;

/// How a frame was lost between two nodes: on a cable, or in a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The cable loses some frames, and this was one of them.
    Chance,
    /// Too much was waiting for the cable already.
    QueueFull {
        /// Bytes that had still to be sent.
        waiting: u64,
    },
    /// The frame is longer than the cable's MTU allows.
    TooLong {
        /// Bytes of the frame, its Ethernet header included.
        length: usize,
        /// The largest IP datagram that the cable takes, in bytes.
        mtu: u32,
    },
    /// Nothing is plugged into the port.
    NoCable,
    /// The cable was unplugged, before or while the frame was on it.
    CableCut,
    /// The port that the frame was sent from is switched off.
    PortOff,
    /// The port at the other end of the cable is switched off.
    FarEndOff,
    /// The switch knows that the destination is behind the port that the frame came in by.
    SamePort {
        /// The destination.
        mac: MacAddr,
    },
    /// The switch has no other port to send it to.
    NobodyElse,
    /// The frame claims to come from a group, or from nobody.
    BadSource {
        /// Its source.
        mac: MacAddr,
    },
    /// The destination is one of those that end at the next switch: 01:80:c2:00:00:01 to 0f.
    LinkLocal {
        /// The destination.
        mac: MacAddr,
    },
    /// The switch is set to drop multicast.
    MulticastFiltered {
        /// The group.
        mac: MacAddr,
    },
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Chance => write!(f, "lost on the cable by chance"),
            Loss::QueueFull { waiting } => write!(f, "no room in the queue for the cable: {waiting} bytes are waiting"),
            Loss::TooLong { length, mtu } => write!(f, "{length} bytes are too long for a cable with mtu {mtu}"),
            Loss::NoCable => write!(f, "no cable in the port"),
            Loss::CableCut => write!(f, "the cable is unplugged"),
            Loss::PortOff => write!(f, "the port is switched off"),
            Loss::FarEndOff => write!(f, "the port at the other end of the cable is switched off"),
            Loss::SamePort { mac } => write!(f, "the switch knows {mac} behind the port that the frame came from"),
            Loss::NobodyElse => write!(f, "nothing else is plugged into the switch"),
            Loss::BadSource { mac } => {
                write!(f, "the switch takes no frames from {mac}, which is no machine's address")
            }
            Loss::LinkLocal { mac } => write!(f, "frames to {mac} end at the switch"),
            Loss::MulticastFiltered { mac } => write!(f, "the switch drops multicast, and {mac} is a group"),
        }
    }
}
