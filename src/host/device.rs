//! Network interfaces switched on and off: net/core/dev.c, and what devinet.c, fib_frontend.c and arp.c make of it.

use std::net::Ipv4Addr;

use super::interface::{IfIndex, Link};
use super::kernel::Kernel;
use super::process::WaitOn;
use super::socket::Errno;
use crate::ids::Port;
use crate::reason::{Config, Machine, Note};
use crate::sim::Action;
use crate::wire::MacAddr;

impl Kernel {
    /// Plugs in a network card, whose cable is at this port. It is off.
    pub fn add_interface(&mut self, name: &str, mac: MacAddr, mtu: u32, port: Port) -> IfIndex {
        self.register(name, mac, mtu, Link::Card(port))
    }

    /// register_netdevice
    pub(super) fn register(&mut self, name: &str, mac: MacAddr, mtu: u32, link: Link) -> IfIndex {
        let index = self.interfaces.add(name, mac, mtu, link);
        self.sysctl.add_interface(index);
        self.wake(WaitOn::Links);
        index
    }

    /// `ip link add ... type dummy`.
    ///
    /// # Errors
    ///
    /// [`Errno::Exists`].
    pub fn add_dummy(&mut self, name: &str) -> Result<IfIndex, Errno> {
        if self.interfaces.by_name(name).is_some() {
            return Err(Errno::Exists);
        }
        // Locally administered, and none of a card: 0e:00:00:00:00:NN.
        let mac = MacAddr([0x0e, 0, 0, 0, 0, self.interfaces.iter().count() as u8]);
        Ok(self.register(name, mac, 1500, Link::Dummy))
    }

    /// unregister_netdevice: `ip link del`. What a host comes with stays.
    ///
    /// # Errors
    ///
    /// [`Errno::NotSupported`] for network cards and `lo`, [`Errno::NotPermitted`] for a tunnel that takes what no other
    /// one does, [`Errno::NoSuchDevice`].
    pub fn delete_interface(&mut self, index: IfIndex) -> Result<(), Errno> {
        match &self.interfaces.get(index).ok_or(Errno::NoSuchDevice)?.link {
            Link::Loopback | Link::Card(_) => return Err(Errno::NotSupported),
            Link::Tunnel(tunnel) if tunnel.is_fallback() => return Err(Errno::NotPermitted),
            Link::Tunnel(_) | Link::Dummy | Link::Macvlan(_) => {}
        }
        self.set_interface_up(index, false)?;
        let addresses = self.interfaces.get(index).map(|interface| interface.addresses.clone()).unwrap_or_default();
        for address in addresses {
            // A secondary address may have gone with its primary one.
            let _ = self.delete_address(index, address.ip, Some(address.prefix_len));
        }
        self.disable_ip(index, true);
        self.sysctl.remove_interface(index);
        self.interfaces.remove(index);
        self.wake(WaitOn::Links);
        Ok(())
    }

    /// dev_open, dev_close: `ip link set ... up|down`.
    ///
    /// # Errors
    ///
    /// [`Errno::NoSuchDevice`].
    pub fn set_interface_up(&mut self, index: IfIndex, up: bool) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(index).ok_or(Errno::NoSuchDevice)?;
        if interface.up == up {
            return Ok(());
        }
        interface.up = up;
        let port = interface.port();
        self.note_change(|kernel| Config::Link { interface: kernel.device(index), up });
        self.macvlans_follow(index);
        self.wake(WaitOn::Links);
        if let Some(port) = port {
            self.out.actions.push(Action::Carrier { port, up });
        }
        let addresses = self.interfaces.get(index).map(|interface| interface.addresses.clone()).unwrap_or_default();
        for address in &addresses {
            self.note_address(index, address.ip, up);
        }
        if !up {
            self.disable_ip(index, false);
            self.forget_masqueraded(index, None);
            return Ok(());
        }
        self.routes.interface_back(index);
        for address in addresses {
            self.add_address_routes(index, &address);
            self.announce_too_early(index, address.ip);
        }
        Ok(())
    }

    /// An address has come to an interface, or has gone from it.
    pub(super) fn note_address(&mut self, index: IfIndex, address: Ipv4Addr, holds: bool) {
        let Some(interface) = self.interfaces.get(index) else { return };
        if matches!(interface.link, Link::Loopback | Link::Dummy | Link::Tunnel(_)) {
            return;
        }
        self.out.note_about(None, || {
            let interface = interface.name.clone();
            Note::Machine(match holds {
                true => Machine::Holds { address, interface },
                false => Machine::HoldsNoMore { address, interface },
            })
        });
    }

    /// IFF_NOARP: `ip link set ... arp on|off`.
    pub fn set_interface_arp(&mut self, index: IfIndex, on: bool) {
        if let Some(interface) = self.interfaces.get_mut(index) {
            interface.arp = on;
        }
    }

    /// IFF_PROMISC: `ip link set ... promisc on|off`.
    pub fn set_interface_promiscuous(&mut self, index: IfIndex, on: bool) {
        if let Some(interface) = self.interfaces.get_mut(index) {
            interface.promiscuous = on;
        }
    }

    /// netif_carrier_on, netif_carrier_off: what happens at the other end of the cable. Routes stay; what is known
    /// about neighbours does not.
    pub(super) fn carrier_changed(&mut self, port: Port, up: bool) {
        if let Some(index) = self.interfaces.by_port(port).map(|interface| interface.index) {
            let interface = self.interface_name(index).to_owned();
            self.out.note_about(None, || {
                Note::Machine(match up {
                    true => Machine::CarrierBack { interface },
                    false => Machine::CarrierLost { interface },
                })
            });
            self.set_carrier(index, up);
            self.macvlans_follow(index);
        }
    }

    pub(super) fn set_carrier(&mut self, index: IfIndex, up: bool) {
        if let Some(interface) = self.interfaces.get_mut(index) {
            interface.carrier = up;
        }
        self.wake(WaitOn::Links);
        if !up {
            self.neighbours_lose_carrier(index);
        }
    }

    /// dev_set_mtu: `ip link set ... mtu`.
    ///
    /// # Errors
    ///
    /// [`Errno::InvalidArgument`] outside of what the link takes, [`Errno::NoSuchDevice`].
    pub fn set_interface_mtu(&mut self, index: IfIndex, mtu: u32) -> Result<(), Errno> {
        let interface = self.interfaces.get_mut(index).ok_or(Errno::NoSuchDevice)?;
        let most = match &interface.link {
            Link::Loopback => u32::MAX,
            Link::Card(_) | Link::Dummy | Link::Macvlan(_) => 65_535,
            Link::Tunnel(tunnel) => tunnel.largest_mtu(),
        };
        if mtu < 68 || mtu > most {
            return Err(Errno::InvalidArgument);
        }
        interface.mtu = mtu;
        self.routes_changed();
        Ok(())
    }

    /// dev_set_mac_address: `ip link set ... address`.
    ///
    /// # Errors
    ///
    /// [`Errno::AddressNotAvailable`] for a group's or nobody's address, [`Errno::NoSuchDevice`].
    pub fn set_interface_mac(&mut self, index: IfIndex, mac: MacAddr) -> Result<(), Errno> {
        if mac.is_group() || mac == MacAddr::ZERO {
            return Err(Errno::AddressNotAvailable);
        }
        let interface = self.interfaces.get_mut(index).ok_or(Errno::NoSuchDevice)?;
        interface.mac = mac;
        let addresses = interface.addresses.clone();
        self.neighbours_down(index);
        for address in addresses {
            self.announce_address(index, address.ip);
        }
        Ok(())
    }
}
