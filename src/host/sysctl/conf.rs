//! net.ipv4.conf.{all,default,INTERFACE}.*: net/ipv4/devinet.c, include/linux/inetdevice.h.

use super::columns::Columns;
use crate::host::interface::IfIndex;

/// The settings that each interface has for itself, and that all interfaces share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The names are the kernel's; Documentation/networking/ip-sysctl.rst explains them.
pub enum Conf {
    AcceptLocal,
    AcceptRedirects,
    AcceptSourceRoute,
    ArpAccept,
    ArpAnnounce,
    ArpFilter,
    ArpIgnore,
    ArpNotify,
    BootpRelay,
    Forwarding,
    LogMartians,
    McForwarding,
    PromoteSecondaries,
    ProxyArp,
    RouteLocalnet,
    RpFilter,
    SecureRedirects,
    SendRedirects,
    SharedMedia,
    SrcValidMark,
}

/// How the settings of `all` and of an interface become one (the IN_DEV_* macros).
enum Rule {
    Max,
    Or,
    And,
    InterfaceOnly,
    /// accept_redirects: both if the interface forwards, else one of them.
    AcceptRedirects,
}

impl Conf {
    /// All of them, in the order of the alphabet.
    pub const ALL: [Conf; 20] = [
        Conf::AcceptLocal,
        Conf::AcceptRedirects,
        Conf::AcceptSourceRoute,
        Conf::ArpAccept,
        Conf::ArpAnnounce,
        Conf::ArpFilter,
        Conf::ArpIgnore,
        Conf::ArpNotify,
        Conf::BootpRelay,
        Conf::Forwarding,
        Conf::LogMartians,
        Conf::McForwarding,
        Conf::PromoteSecondaries,
        Conf::ProxyArp,
        Conf::RouteLocalnet,
        Conf::RpFilter,
        Conf::SecureRedirects,
        Conf::SendRedirects,
        Conf::SharedMedia,
        Conf::SrcValidMark,
    ];

    /// The name of the file below /proc/sys/net/ipv4/conf/INTERFACE.
    pub const fn name(self) -> &'static str {
        match self {
            Conf::AcceptLocal => "accept_local",
            Conf::AcceptRedirects => "accept_redirects",
            Conf::AcceptSourceRoute => "accept_source_route",
            Conf::ArpAccept => "arp_accept",
            Conf::ArpAnnounce => "arp_announce",
            Conf::ArpFilter => "arp_filter",
            Conf::ArpIgnore => "arp_ignore",
            Conf::ArpNotify => "arp_notify",
            Conf::BootpRelay => "bootp_relay",
            Conf::Forwarding => "forwarding",
            Conf::LogMartians => "log_martians",
            Conf::McForwarding => "mc_forwarding",
            Conf::PromoteSecondaries => "promote_secondaries",
            Conf::ProxyArp => "proxy_arp",
            Conf::RouteLocalnet => "route_localnet",
            Conf::RpFilter => "rp_filter",
            Conf::SecureRedirects => "secure_redirects",
            Conf::SendRedirects => "send_redirects",
            Conf::SharedMedia => "shared_media",
            Conf::SrcValidMark => "src_valid_mark",
        }
    }

    const fn rule(self) -> Rule {
        match self {
            Conf::ArpAccept | Conf::ArpAnnounce | Conf::ArpIgnore | Conf::ArpNotify | Conf::RpFilter => Rule::Max,
            Conf::AcceptSourceRoute | Conf::McForwarding => Rule::And,
            Conf::AcceptRedirects => Rule::AcceptRedirects,
            Conf::Forwarding => Rule::InterfaceOnly,
            _ => Rule::Or,
        }
    }
}

/// Whose setting decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// That of `all`.
    All,
    /// That of the interface itself.
    Interface,
}

/// A setting as it takes effect on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Its value.
    pub value: i32,
    /// Whose value it is.
    pub by: DecidedBy,
}

/// One column of settings: struct ipv4_devconf.
#[derive(Clone, Debug)]
struct Values {
    values: [i32; Conf::ALL.len()],
    /// Which of them were set for this interface, and no longer follow `default`.
    own: u32,
}

impl Values {
    /// ipv4_devconf and ipv4_devconf_dflt as they are at boot.
    fn at_boot() -> Values {
        let mut values = Values { values: [0; Conf::ALL.len()], own: 0 };
        for conf in [Conf::AcceptRedirects, Conf::SendRedirects, Conf::SecureRedirects, Conf::SharedMedia] {
            values.values[conf as usize] = 1;
        }
        values
    }

    fn get(&self, conf: Conf) -> i32 {
        self.values[conf as usize]
    }

    fn set(&mut self, conf: Conf, value: i32) {
        self.values[conf as usize] = value;
        self.own |= 1 << conf as u32;
    }
}

/// Which column of net.ipv4.conf is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `all`.
    All,
    /// `default`.
    Default,
    /// An interface's own.
    Interface(IfIndex),
}

/// net.ipv4.conf.
#[derive(Clone, Debug)]
pub(super) struct ConfTable {
    all: Values,
    default: Values,
    interfaces: Columns<Values>,
}

impl Default for ConfTable {
    fn default() -> ConfTable {
        let mut default = Values::at_boot();
        default.values[Conf::AcceptSourceRoute as usize] = 1;
        ConfTable { all: Values::at_boot(), default, interfaces: Columns::default() }
    }
}

impl ConfTable {
    /// inetdev_init: a new interface begins with what `default` says.
    pub fn add_interface(&mut self, index: IfIndex) {
        self.interfaces.add(index, Values { own: 0, ..self.default.clone() });
    }

    pub fn remove_interface(&mut self, index: IfIndex) {
        self.interfaces.remove(index);
    }

    /// ipv4_devconf_setall: the interface got an address, and no longer follows `default`.
    pub fn settle(&mut self, index: IfIndex) {
        if let Some(values) = self.interfaces.get_mut(index) {
            values.own = u32::MAX;
        }
    }

    pub fn get(&self, column: Column, conf: Conf) -> Option<i32> {
        match column {
            Column::All => Some(self.all.get(conf)),
            Column::Default => Some(self.default.get(conf)),
            Column::Interface(index) => Some(self.interfaces.get(index)?.get(conf)),
        }
    }

    /// devinet_conf_proc, devinet_sysctl_forward.
    pub fn set(&mut self, column: Column, conf: Conf, value: i32) {
        match column {
            Column::All => self.all.set(conf, value),
            Column::Default => self.set_default(conf, value),
            Column::Interface(index) => {
                if let Some(values) = self.interfaces.get_mut(index) {
                    values.set(conf, value);
                }
            }
        }
        if column == Column::All && conf == Conf::Forwarding {
            self.forward_everywhere(value);
        }
    }

    /// devinet_copy_dflt_conf: interfaces that have not set the value themselves follow.
    fn set_default(&mut self, conf: Conf, value: i32) {
        self.default.set(conf, value);
        for values in self.interfaces.iter_mut() {
            if values.own & 1 << conf as u32 == 0 {
                values.values[conf as usize] = value;
            }
        }
    }

    /// inet_forward_change.
    fn forward_everywhere(&mut self, on: i32) {
        self.all.values[Conf::AcceptRedirects as usize] = i32::from(on == 0);
        self.default.values[Conf::Forwarding as usize] = on;
        for values in self.interfaces.iter_mut() {
            values.values[Conf::Forwarding as usize] = on;
        }
    }

    /// The value that counts on an interface.
    pub fn effective(&self, index: IfIndex, conf: Conf) -> Effective {
        let all = self.all.get(conf);
        let interface = self.interfaces.get(index);
        let own = interface.map_or(0, |values| values.get(conf));
        let by = |condition| if condition { DecidedBy::All } else { DecidedBy::Interface };
        let both = || Effective { value: i32::from(all != 0 && own != 0), by: by(all == 0) };
        let either = || Effective { value: i32::from(all != 0 || own != 0), by: by(all != 0 && own == 0) };
        match conf.rule() {
            Rule::Max => Effective { value: all.max(own), by: by(all > own) },
            Rule::Or => either(),
            Rule::And => both(),
            Rule::InterfaceOnly => Effective { value: own, by: DecidedBy::Interface },
            Rule::AcceptRedirects if interface.is_some_and(|values| values.get(Conf::Forwarding) != 0) => both(),
            Rule::AcceptRedirects => either(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH0: IfIndex = IfIndex(2);

    fn table() -> ConfTable {
        let mut table = ConfTable::default();
        table.add_interface(ETH0);
        table
    }

    #[test]
    fn the_greater_of_all_and_the_interface_counts() {
        let mut table = table();
        table.set(Column::All, Conf::ArpIgnore, 1);
        assert_eq!(table.effective(ETH0, Conf::ArpIgnore), Effective { value: 1, by: DecidedBy::All });
        table.set(Column::Interface(ETH0), Conf::ArpIgnore, 2);
        assert_eq!(table.effective(ETH0, Conf::ArpIgnore), Effective { value: 2, by: DecidedBy::Interface });
        assert_eq!(table.get(Column::All, Conf::ArpIgnore), Some(1));
    }

    #[test]
    fn redirects_stop_only_when_both_are_off() {
        let mut table = table();
        table.set(Column::All, Conf::SendRedirects, 0);
        assert_eq!(table.effective(ETH0, Conf::SendRedirects).value, 1);
        table.set(Column::Interface(ETH0), Conf::SendRedirects, 0);
        assert_eq!(table.effective(ETH0, Conf::SendRedirects).value, 0);
    }

    #[test]
    fn default_is_followed_until_an_address_is_there() {
        let mut table = table();
        table.set(Column::Default, Conf::RpFilter, 2);
        assert_eq!(table.get(Column::Interface(ETH0), Conf::RpFilter), Some(2));
        table.settle(ETH0);
        table.set(Column::Default, Conf::RpFilter, 1);
        assert_eq!(table.get(Column::Interface(ETH0), Conf::RpFilter), Some(2));
    }

    #[test]
    fn forwarding_is_written_everywhere() {
        let mut table = table();
        table.set(Column::All, Conf::Forwarding, 1);
        assert_eq!(table.effective(ETH0, Conf::Forwarding).value, 1);
        assert_eq!(table.get(Column::All, Conf::AcceptRedirects), Some(0));
        assert_eq!(table.effective(ETH0, Conf::AcceptRedirects).value, 0);
    }
}
