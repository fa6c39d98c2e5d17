//! Network interfaces and their addresses.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::tunnel::Tunnel;
use crate::ids::Port;
use crate::reason::Device;
use crate::wire::MacAddr;

/// An interface of a host, numbered as `ip link` numbers them: `lo` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(pub u32);

impl IfIndex {
    /// The loopback interface.
    pub const LO: IfIndex = IfIndex(1);
}

/// What is behind an interface.
#[derive(Clone, Debug)]
pub enum Link {
    /// This host itself.
    Loopback,
    /// A network card, whose cable is at this port.
    Card(Port),
    /// Nothing: what is sent there is gone (drivers/net/dummy.c).
    Dummy,
    /// A network card that others use, too, under addresses of their own (drivers/net/macvlan.c).
    Macvlan(IfIndex),
    /// Another host's end of a tunnel.
    Tunnel(Tunnel),
}

/// A network interface.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its number.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// Its name as notes have it: every packet that is traced takes a copy.
    pub(super) device: Device,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The largest IP datagram that fits, in bytes.
    pub mtu: u32,
    /// Where its frames go.
    pub link: Link,
    /// Whether it is switched on (IFF_UP).
    pub up: bool,
    /// Whether there is somebody at the other end of the cable.
    pub carrier: bool,
    /// Whether it resolves addresses by ARP (not IFF_NOARP).
    pub arp: bool,
    /// Whether it takes in frames for others, too (IFF_PROMISC).
    pub promiscuous: bool,
    /// Its addresses in the order in which the kernel keeps them.
    pub addresses: Vec<Address>,
    /// What has passed it.
    pub counters: Counters,
}

/// What has passed an interface since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames taken in.
    pub rx_packets: u64,
    /// Their bytes, with the Ethernet header.
    pub rx_bytes: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Their bytes, with the Ethernet header.
    pub tx_bytes: u64,
}

impl Interface {
    /// Whether frames can pass: switched on at this end, and somebody at the other.
    pub fn is_running(&self) -> bool {
        self.up && self.carrier
    }

    /// Whether it is `lo`.
    pub fn is_loopback(&self) -> bool {
        self.index == IfIndex::LO
    }

    /// IFF_POINTOPOINT: whether exactly one other host is at the other end.
    pub fn is_point_to_point(&self) -> bool {
        self.tunnel().is_some_and(|tunnel| !tunnel.parameters.remote.is_unspecified())
    }

    /// Where its cable is, if it is a network card.
    pub fn port(&self) -> Option<Port> {
        match self.link {
            Link::Card(port) => Some(port),
            _ => None,
        }
    }

    /// The card below it, if it shares one.
    pub fn lower(&self) -> Option<IfIndex> {
        match self.link {
            Link::Macvlan(lower) => Some(lower),
            _ => None,
        }
    }

    /// Whether it speaks Ethernet with others.
    pub fn is_ethernet(&self) -> bool {
        matches!(self.link, Link::Card(_) | Link::Macvlan(_))
    }

    /// The tunnel that it leads into, if it does.
    pub fn tunnel(&self) -> Option<&Tunnel> {
        match &self.link {
            Link::Tunnel(tunnel) => Some(tunnel),
            _ => None,
        }
    }
}

/// The interfaces of a host.
#[derive(Clone, Debug)]
pub struct Interfaces {
    /// By number.
    list: Vec<Interface>,
    /// The number that the next one gets: those of interfaces that have gone are not used again.
    next: u32,
    /// How many of them share a card.
    macvlans: usize,
}

impl Default for Interfaces {
    /// `lo`, as it is at boot.
    fn default() -> Interfaces {
        let mut interfaces = Interfaces { list: Vec::new(), next: IfIndex::LO.0, macvlans: 0 };
        interfaces.add("lo", MacAddr::ZERO, 65_536, Link::Loopback);
        interfaces
    }
}

impl Interfaces {
    /// Adds an interface. It is off, unless it is `lo`.
    pub(super) fn add(&mut self, name: &str, mac: MacAddr, mtu: u32, link: Link) -> IfIndex {
        let index = IfIndex(self.next);
        self.next += 1;
        self.macvlans += usize::from(matches!(link, Link::Macvlan(_)));
        self.list.push(Interface {
            index,
            name: name.to_owned(),
            device: Device::new(name),
            mac,
            mtu,
            up: matches!(link, Link::Loopback),
            carrier: true,
            arp: matches!(link, Link::Card(_) | Link::Macvlan(_)),
            link,
            promiscuous: false,
            addresses: Vec::new(),
            counters: Counters::default(),
        });
        index
    }

    /// Takes an interface out.
    pub(super) fn remove(&mut self, index: IfIndex) {
        self.list.retain(|interface| interface.index != index);
        self.macvlans = self.list.iter().filter(|interface| interface.lower().is_some()).count();
    }

    /// Whether any of them shares a card.
    pub(super) fn has_macvlans(&self) -> bool {
        self.macvlans > 0
    }

    /// Where an interface stands in the list: at its number, unless others have gone.
    fn place(&self, index: IfIndex) -> Option<usize> {
        let guess = (index.0 as usize).checked_sub(1)?;
        match self.list.get(guess) {
            Some(interface) if interface.index == index => Some(guess),
            _ => self.list.binary_search_by_key(&index, |interface| interface.index).ok(),
        }
    }

    /// The interface of this number.
    pub fn get(&self, index: IfIndex) -> Option<&Interface> {
        self.list.get(self.place(index)?)
    }

    /// The interface of this number, for changing.
    pub fn get_mut(&mut self, index: IfIndex) -> Option<&mut Interface> {
        let place = self.place(index)?;
        self.list.get_mut(place)
    }

    /// The interface of this name.
    pub fn by_name(&self, name: &str) -> Option<&Interface> {
        self.list.iter().find(|interface| interface.name == name)
    }

    /// The interface whose cable is at this port.
    pub fn by_port(&self, port: Port) -> Option<&Interface> {
        // Ports are handed out in the order of the interfaces, behind lo and tunl0: the first guess is nearly always right.
        let is_there = |interface: &&Interface| interface.port() == Some(port);
        let guess = self.list.get(port.0 as usize + 2).filter(is_there);
        guess.or_else(|| self.list.iter().find(is_there))
    }

    /// All interfaces by number.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> + Clone {
        self.list.iter()
    }

    /// Every address, with its interface.
    pub fn addresses(&self) -> impl Iterator<Item = (&Interface, &Address)> {
        self.list.iter().flat_map(|interface| interface.addresses.iter().map(move |address| (interface, address)))
    }
}

/// An IPv4 address of an interface: the kernel's struct in_ifaddr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address itself.
    pub ip: Ipv4Addr,
    /// Length of the subnet's prefix, in bits.
    pub prefix_len: u8,
    /// The broadcast address, if one was set.
    pub broadcast: Option<Ipv4Addr>,
    /// How far the address is valid.
    pub scope: Scope,
    /// The name that `ifconfig` shows it under, like `eth0:0`.
    pub label: String,
    /// Whether an earlier address of the same subnet is there (IFA_F_SECONDARY).
    pub secondary: bool,
    /// Whether no route to its subnet comes with it (IFA_F_NOPREFIXROUTE).
    pub no_prefix_route: bool,
}

impl Address {
    /// The subnet, as a prefix.
    pub fn subnet(&self) -> Ipv4Net {
        Ipv4Net::new_assert(self.ip, self.prefix_len.min(32)).trunc()
    }

    /// inet_ifa_match: whether an address is of the same subnet.
    pub fn shares_subnet_with(&self, other: Ipv4Addr) -> bool {
        self.subnet().contains(&other)
    }
}

/// How far an address or a route is valid; wider ones are smaller numbers (RT_SCOPE_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everywhere.
    Global = 0,
    /// On the attached link.
    Link = 253,
    /// In this machine.
    Host = 254,
    /// Nowhere.
    Nowhere = 255,
}
