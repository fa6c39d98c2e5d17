//! Messages on the wire, in both versions (struct ip_vs_sync_mesg and ip_vs_sync_mesg_v0).

use std::net::{Ipv4Addr, SocketAddrV4};

/// The two versions' headers and entries, in bytes.
const HEADER: usize = 8;
const HEADER_V0: usize = 4;
const ENTRY: usize = 36;
const ENTRY_V0: usize = 24;

/// The bits of an entry's flags (IP_VS_CONN_F_*). The lowest three are the forwarding method.
pub mod flags {
    pub const METHOD: u32 = 0x7;
    pub const NO_OUTPUT: u32 = 0x80;
    pub const INACTIVE: u32 = 0x100;
    pub const SEQUENCES: u32 = 0x600;
    pub const NO_CLIENT_PORT: u32 = 0x800;
    pub const TEMPLATE: u32 = 0x1000;
    /// What a backup takes over of them (IP_VS_CONN_F_BACKUP_MASK).
    pub const TAKEN_OVER: u32 = METHOD | NO_OUTPUT | INACTIVE | SEQUENCES | NO_CLIENT_PORT | TEMPLATE;
}

/// An option of an entry: what it is, how long it is, and itself.
const SEQUENCES: u8 = 1;
const ENGINE_DATA: u8 = 2;
const ENGINE_NAME: u8 = 3;
/// Set in the kind of options that may be passed over.
const PASSABLE: u8 = 1 << 6;

/// Two struct ip_vs_seq: 24 bytes.
const SEQUENCES_LEN: usize = 24;

/// The longest name of an engine, and the longest data of one, in bytes.
const MAX_NAME: usize = 16;
const MAX_DATA: usize = 255;

/// What a message says about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub protocol: u8,
    pub flags: u32,
    pub state: u16,
    pub client: SocketAddrV4,
    pub virtual_address: SocketAddrV4,
    pub server: SocketAddrV4,
    /// The mark of the packet that opened it.
    pub mark: u32,
    /// In seconds; version 0 does not say it.
    pub timeout: Option<u32>,
    /// What an engine knows it by.
    pub data: Option<Box<str>>,
}

/// A message that is being written.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    max_len: usize,
    version: u8,
    entries: u8,
}

impl Writer {
    pub fn new(version: u8, id: u8, max_len: u16) -> Writer {
        let bytes = if version == 0 { vec![0, id, 0, 0] } else { vec![0, id, 0, 0, 0, 1, 0, 0] };
        Writer { bytes, max_len: usize::from(max_len), version, entries: 0 }
    }

    /// Whether an entry can be added. A message takes one at least, however long.
    pub fn takes(&self, entry: &Entry, version: u8) -> bool {
        let end = self.bytes.len().next_multiple_of(4) + length(entry, version);
        self.version == version && (self.entries == 0 || end <= self.max_len && self.entries < u8::MAX)
    }

    pub fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        let bytes = &mut self.bytes;
        let ports = [entry.client.port(), entry.virtual_address.port(), entry.server.port()];
        let addresses = [entry.client.ip(), entry.virtual_address.ip(), entry.server.ip()];
        let put_ports = |bytes: &mut Vec<u8>| bytes.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        let put_addresses = |bytes: &mut Vec<u8>| bytes.extend(addresses.iter().flat_map(|address| address.octets()));
        if self.version == 0 {
            bytes.extend([0, entry.protocol]);
            put_ports(bytes);
            put_addresses(bytes);
            bytes.extend((entry.flags as u16).to_be_bytes());
            bytes.extend(entry.state.to_be_bytes());
            return;
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend([0, entry.protocol]);
        bytes.extend((length(entry, 1) as u16).to_be_bytes());
        bytes.extend(entry.flags.to_be_bytes());
        bytes.extend(entry.state.to_be_bytes());
        put_ports(bytes);
        bytes.extend(entry.mark.to_be_bytes());
        bytes.extend(entry.timeout.unwrap_or_default().to_be_bytes());
        put_addresses(bytes);
        if let Some(data) = &entry.data {
            for (kind, text) in [(ENGINE_DATA, &**data), (ENGINE_NAME, "sip")] {
                bytes.extend([kind, text.len() as u8]);
                bytes.extend(text.as_bytes());
            }
        }
    }

    /// The whole message: its header knows its length and how many entries it has.
    pub fn finish(mut self) -> Vec<u8> {
        let size = (self.bytes.len() as u16).to_be_bytes();
        self.bytes[2..4].copy_from_slice(&size);
        self.bytes[if self.version == 0 { 0 } else { 4 }] = self.entries;
        self.bytes
    }
}

fn length(entry: &Entry, version: u8) -> usize {
    match (version, &entry.data) {
        (0, _) => ENTRY_V0,
        (_, Some(data)) => ENTRY + 2 + data.len() + 2 + "sip".len(),
        (_, None) => ENTRY,
    }
}

/// Reads a message with this identifier, or with any if it is 0 (ip_vs_process_message): as many entries as make sense.
pub fn read(bytes: &[u8], id: u8) -> Vec<Entry> {
    let [first, own_id, size_high, size_low, ..] = *bytes else { return Vec::new() };
    let size = usize::from(u16::from_be_bytes([size_high, size_low]));
    if size != bytes.len() || id != 0 && own_id != id {
        return Vec::new();
    }
    match bytes.get(..HEADER) {
        Some([0, _, _, _, entries, 1, 0, 0]) => read_v1(&bytes[HEADER..], *entries),
        _ => read_v0(&bytes[HEADER_V0..], first),
    }
}

fn read_v0(mut bytes: &[u8], entries: u8) -> Vec<Entry> {
    let mut read = Vec::new();
    for _ in 0..entries {
        let Some((entry, rest)) = bytes.split_at_checked(ENTRY_V0) else { break };
        let flags = u32::from(u16_at(entry, 20));
        bytes = rest;
        if flags & flags::SEQUENCES != 0 {
            let Some(rest) = bytes.get(SEQUENCES_LEN..) else { break };
            bytes = rest;
        }
        let [client, virtual_address, server] = endpoints(entry, 2, 8);
        read.push(Entry {
            protocol: entry[1],
            flags,
            state: u16_at(entry, 22),
            client,
            virtual_address,
            server,
            mark: 0,
            timeout: None,
            data: None,
        });
    }
    read
}

fn read_v1(mut bytes: &[u8], entries: u8) -> Vec<Entry> {
    let mut read = Vec::new();
    for _ in 0..entries {
        if bytes.len() < ENTRY {
            break;
        }
        let version_and_size = u16_at(bytes, 2);
        let size = usize::from(version_and_size & 0xfff);
        if version_and_size >> 12 != 0 || size > bytes.len() {
            break;
        }
        match read_entry(&bytes[..size]) {
            Ok(entry) => read.extend(entry),
            Err(Broken) => break,
        }
        bytes = bytes.get(size.next_multiple_of(4)..).unwrap_or_default();
    }
    read
}

/// A message that is not to be read further.
struct Broken;

/// ip_vs_proc_sync_conn: none if it is to be passed over.
fn read_entry(bytes: &[u8]) -> Result<Option<Entry>, Broken> {
    if bytes.first() == Some(&1) {
        // IPv6, which this kernel is built without.
        return Ok(None);
    }
    if bytes.first() != Some(&0) || bytes.len() < ENTRY {
        return Err(Broken);
    }
    let (mut name, mut data, mut has_sequences) = (None, None, false);
    let mut rest = &bytes[ENTRY..];
    while !rest.is_empty() {
        let (&[kind, len], after) = rest.split_first_chunk().ok_or(Broken)?;
        let (value, after) = after.split_at_checked(usize::from(len)).filter(|_| len > 0).ok_or(Broken)?;
        rest = after;
        match kind & !PASSABLE {
            SEQUENCES if value.len() == SEQUENCES_LEN && !has_sequences => has_sequences = true,
            ENGINE_DATA if value.len() <= MAX_DATA && data.is_none() => data = Some(value),
            ENGINE_NAME if value.len() <= MAX_NAME && name.is_none() => name = Some(value),
            SEQUENCES | ENGINE_DATA | ENGINE_NAME => return Err(Broken),
            _ if kind & PASSABLE == 0 => return Ok(None),
            _ => {}
        }
    }
    let data = match (data, name) {
        (None, _) => None,
        (Some(data), Some(b"sip")) => match std::str::from_utf8(data) {
            Ok(text) => Some(text.into()),
            Err(_) => return Ok(None),
        },
        (Some(_), _) => return Ok(None),
    };
    let [client, virtual_address, server] = endpoints(bytes, 10, 24);
    Ok(Some(Entry {
        protocol: bytes[1],
        flags: u32_at(bytes, 4) & flags::TAKEN_OVER,
        state: u16_at(bytes, 8),
        client,
        virtual_address,
        server,
        mark: u32_at(bytes, 16),
        timeout: Some(u32_at(bytes, 20)),
        data,
    }))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) << 16 | u32::from(u16_at(bytes, at + 2))
}

fn endpoints(bytes: &[u8], ports: usize, addresses: usize) -> [SocketAddrV4; 3] {
    [0, 1, 2].map(|n| {
        let address = Ipv4Addr::from(u32_at(bytes, addresses + 4 * n));
        SocketAddrV4::new(address, u16_at(bytes, ports + 2 * n))
    })
}
