//! A learning switch, as Linux's bridge is one without spanning tree: net/bridge/br_input.c, br_forward.c, br_fdb.c.

use rustc_hash::FxHashMap;

use crate::ids::Port;
use crate::reason::Loss;
use crate::time::{Span, Time};
use crate::wire::{Frame, MacAddr};

/// What is special about a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchOptions {
    /// How long an address that it does not hear from is remembered.
    pub ageing: Span,
    /// Whether it drops multicast instead of flooding it, as the networks of many clouds do.
    pub filter_multicast: bool,
}

impl Default for SwitchOptions {
    /// Linux's bridge: BR_DEFAULT_AGEING_TIME.
    fn default() -> SwitchOptions {
        SwitchOptions { ageing: Span::from_secs(300), filter_multicast: false }
    }
}

/// Where a machine was heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FdbEntry {
    /// Behind which port.
    pub port: Port,
    /// Its address.
    pub mac: MacAddr,
    /// How long ago.
    pub age: Span,
}

/// The forwarding database of a switch, and its rules. The engine does the forwarding.
#[derive(Debug)]
pub(super) struct Switch {
    options: SwitchOptions,
    heard: FxHashMap<MacAddr, Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    port: Port,
    at: Time,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    /// Out of one port.
    To(Port),
    /// Out of all ports but the one that it came in by.
    Flood,
}

impl Switch {
    pub(super) fn new(options: SwitchOptions) -> Switch {
        Switch { options, heard: FxHashMap::default() }
    }

    /// Learns from a frame, and decides where it goes.
    pub(super) fn forward(&mut self, port: Port, frame: &Frame, now: Time) -> Result<Forward, Loss> {
        let (source, destination) = (frame.source(), frame.destination());
        // br_handle_frame: is_valid_ether_addr.
        if source.is_group() || source == MacAddr::ZERO {
            return Err(Loss::BadSource { mac: source });
        }
        if destination == PAUSE {
            return Err(Loss::LinkLocal { mac: destination });
        }
        self.heard.insert(source, Heard { port, at: now });
        if destination.is_group() {
            return self.forward_group(destination);
        }
        match self.heard.get(&destination) {
            Some(heard) if self.has_expired(heard, now) => Ok(Forward::Flood),
            Some(heard) if heard.port == port => Err(Loss::SamePort { mac: destination }),
            Some(heard) => Ok(Forward::To(heard.port)),
            None => Ok(Forward::Flood),
        }
    }

    fn forward_group(&self, group: MacAddr) -> Result<Forward, Loss> {
        // Without spanning tree, the bridge passes on its own group address, ...:00, so that others can find loops.
        let [head @ .., last] = group.0;
        if head == LINK_LOCAL && (1..16).contains(&last) {
            return Err(Loss::LinkLocal { mac: group });
        }
        if self.options.filter_multicast && group != MacAddr::BROADCAST {
            return Err(Loss::MulticastFiltered { mac: group });
        }
        Ok(Forward::Flood)
    }

    /// The carrier at a port is gone: whoever was behind it may be anywhere.
    pub(super) fn forget(&mut self, port: Port) {
        self.heard.retain(|_, heard| heard.port != port);
    }

    /// Who is where, by port and address.
    pub(super) fn fdb(&self, now: Time) -> Vec<FdbEntry> {
        let live = self.heard.iter().filter(|(_, heard)| !self.has_expired(heard, now));
        let mut entries: Vec<FdbEntry> =
            live.map(|(&mac, heard)| FdbEntry { port: heard.port, mac, age: now.since(heard.at) }).collect();
        entries.sort_unstable();
        entries
    }

    fn has_expired(&self, heard: &Heard, now: Time) -> bool {
        now.since(heard.at) >= self.options.ageing
    }
}

/// What all link-local group addresses of IEEE 802.1D begin with.
const LINK_LOCAL: [u8; 5] = [0x01, 0x80, 0xc2, 0, 0];
/// Where pause frames (IEEE 802.3x) go; the bridge does not even learn from these.
const PAUSE: MacAddr = MacAddr([0x01, 0x80, 0xc2, 0, 0, 1]);
