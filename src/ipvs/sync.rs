//! The daemons that tell another director about connections: ip_vs_sync.c.

use std::net::Ipv4Addr;

/// Which end of the synchronisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tells about its connections.
    Master,
    /// Listens.
    Backup,
}

impl Role {
    /// As ipvsadm calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Backup => "backup",
        }
    }
}

/// How a daemon was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// The interface that messages leave or come in by.
    pub interface: String,
    /// What tells clusters apart; 0 at a backup: any.
    pub id: u8,
    /// The longest message, in bytes.
    pub max_len: u16,
    /// The multicast group.
    pub group: Ipv4Addr,
    /// The UDP port.
    pub port: u16,
    /// The messages' TTL.
    pub ttl: u8,
}

/// The daemons of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daemons {
    /// The one that tells.
    pub master: Option<Daemon>,
    /// The one that listens.
    pub backup: Option<Daemon>,
}

impl Daemons {
    /// The daemon of a role.
    pub fn of(&mut self, role: Role) -> &mut Option<Daemon> {
        match role {
            Role::Master => &mut self.master,
            Role::Backup => &mut self.backup,
        }
    }
}
