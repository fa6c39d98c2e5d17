//! Interfaces with a hardware address of their own above a network card (drivers/net/macvlan.c, private mode).

use std::net::Ipv4Addr;

use super::interface::{IfIndex, Interface, Link};
use super::kernel::Kernel;
use super::raw::Direction;
use super::socket::Errno;
use crate::wire::{ETHERTYPE_ARP, ETHERTYPE_IPV4, Frame, MacAddr};

impl Kernel {
    /// `ip link add link LOWER name NAME address MAC type macvlan mode private`.
    ///
    /// # Errors
    ///
    /// [`Errno::Exists`], [`Errno::NoSuchDevice`], [`Errno::InvalidArgument`] above anything but a network card.
    pub fn add_macvlan(&mut self, name: &str, lower: IfIndex, mac: MacAddr) -> Result<IfIndex, Errno> {
        if self.interfaces.by_name(name).is_some() {
            return Err(Errno::Exists);
        }
        let below = self.interfaces.get(lower).ok_or(Errno::NoSuchDevice)?;
        // One above another one has the same card below it.
        let lower = match below.link {
            Link::Card(_) => lower,
            Link::Macvlan(card) => card,
            _ => return Err(Errno::InvalidArgument),
        };
        let mtu = below.mtu;
        let index = self.register(name, mac, mtu, Link::Macvlan(lower));
        self.macvlans_follow(lower);
        Ok(index)
    }

    /// The interfaces above a card.
    fn macvlans(&self, lower: IfIndex) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(move |interface| interface.lower() == Some(lower))
    }

    /// macvlan_handle_frame: whether a frame that a card has got is for an interface above it alone. That is one to its
    /// address, and whatever somebody sends to all with the same address as its own: another router with the same VMAC.
    pub(super) fn macvlan_takes(&mut self, lower: IfIndex, frame: &Frame) -> bool {
        if !self.interfaces.has_macvlans() {
            return false;
        }
        let wanted = if frame.destination().is_group() { frame.source() } else { frame.destination() };
        let taker = self.macvlans(lower).find(|interface| interface.mac == wanted).map(|interface| interface.index);
        if let Some(index) = taker {
            self.macvlan_receive(index, frame.clone());
        }
        taker.is_some()
    }

    /// macvlan_process_broadcast: what is for all is for the interfaces above a card, too, a little later.
    pub(super) fn macvlan_copies(&mut self, lower: IfIndex, frame: &Frame) {
        let is_ipv4 = frame.ethertype() == ETHERTYPE_IPV4;
        let destination = is_ipv4.then(|| frame.payload().get(16..20)).flatten();
        let group = destination.map(|ip| Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])).filter(Ipv4Addr::is_multicast);
        let hears = |interface: &&Interface| group.is_none_or(|group| self.is_member(group, interface.index));
        let hearers: Vec<IfIndex> = self.macvlans(lower).filter(hears).map(|interface| interface.index).collect();
        for index in hearers {
            self.macvlan_receive(index, frame.clone());
        }
    }

    fn macvlan_receive(&mut self, index: IfIndex, frame: Frame) {
        let Some(interface) = self.interfaces.get_mut(index).filter(|interface| interface.up) else { return };
        interface.counters.rx_packets += 1;
        interface.counters.rx_bytes += frame.bytes().len() as u64;
        self.packet_sockets_see(index, Direction::In, &frame);
        match frame.ethertype() {
            ETHERTYPE_ARP => self.arp_receive(index, &frame),
            ETHERTYPE_IPV4 => self.ip_receive(index, frame, 0),
            _ => {}
        }
    }

    /// netif_stacked_transfer_operstate: the interfaces above a card run as long as it runs.
    pub(super) fn macvlans_follow(&mut self, lower: IfIndex) {
        let runs = self.interfaces.get(lower).is_some_and(Interface::is_running);
        let changed: Vec<IfIndex> = self
            .macvlans(lower)
            .filter(|interface| interface.carrier != runs)
            .map(|interface| interface.index)
            .collect();
        for index in changed {
            self.set_carrier(index, runs);
        }
    }
}
