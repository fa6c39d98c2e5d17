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

#[cfg(test)]
mod tests {
    use super::*;

    const A: MacAddr = MacAddr([2, 0, 0, 0, 1, 0]);
    const B: MacAddr = MacAddr([2, 0, 0, 0, 2, 0]);

    fn frame(source: MacAddr, destination: MacAddr) -> Frame {
        Frame::new(&[destination.0, source.0].concat())
    }

    fn seconds(seconds: u64) -> Time {
        Time::ZERO + Span::from_secs(seconds)
    }

    #[test]
    fn learns_where_machines_are() {
        let mut switch = Switch::new(SwitchOptions::default());
        assert_eq!(switch.forward(Port(0), &frame(A, B), seconds(0)), Ok(Forward::Flood));
        assert_eq!(switch.forward(Port(1), &frame(B, A), seconds(1)), Ok(Forward::To(Port(0))));
        assert_eq!(switch.forward(Port(0), &frame(A, B), seconds(1)), Ok(Forward::To(Port(1))));
        assert_eq!(switch.forward(Port(1), &frame(A, B), seconds(2)), Err(Loss::SamePort { mac: B }));
        let entry = |mac, age| FdbEntry { port: Port(1), mac, age: Span::from_secs(age) };
        assert_eq!(switch.fdb(seconds(3)), [entry(A, 1), entry(B, 2)]);
    }

    #[test]
    fn forgets_with_time_and_with_the_carrier() {
        let mut switch = Switch::new(SwitchOptions::default());
        for port in [0, 1] {
            let mac = [A, B][port as usize];
            switch.forward(Port(port), &frame(mac, MacAddr::BROADCAST), seconds(0)).unwrap();
        }
        assert_eq!(switch.forward(Port(0), &frame(A, B), seconds(299)), Ok(Forward::To(Port(1))));
        assert_eq!(switch.forward(Port(0), &frame(A, B), seconds(300)), Ok(Forward::Flood));
        assert_eq!(switch.fdb(seconds(300)).len(), 1);
        switch.forget(Port(0));
        assert_eq!(switch.fdb(seconds(0)), [FdbEntry { port: Port(1), mac: B, age: Span::ZERO }]);
    }

    #[test]
    fn groups() {
        let mut switch = Switch::new(SwitchOptions::default());
        let mut filter = Switch::new(SwitchOptions { filter_multicast: true, ..SwitchOptions::default() });
        let mut both = |mac| [&mut switch, &mut filter].map(|s| s.forward(Port(0), &frame(A, mac), seconds(0)));
        assert_eq!(both(MacAddr::BROADCAST), [Ok(Forward::Flood); 2]);
        let vrrp = MacAddr([0x01, 0, 0x5e, 0, 0, 18]);
        assert_eq!(both(vrrp), [Ok(Forward::Flood), Err(Loss::MulticastFiltered { mac: vrrp })]);
        let lldp = MacAddr([0x01, 0x80, 0xc2, 0, 0, 14]);
        assert_eq!(both(lldp), [Err(Loss::LinkLocal { mac: lldp }); 2]);
        let spanning_tree = MacAddr([0x01, 0x80, 0xc2, 0, 0, 0]);
        assert_eq!(both(spanning_tree)[0], Ok(Forward::Flood));
        assert_eq!(switch.forward(Port(0), &frame(vrrp, B), seconds(0)), Err(Loss::BadSource { mac: vrrp }));
    }
}
