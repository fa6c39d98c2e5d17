//! GRE packets in words (RFC 2784, RFC 2890).

use std::fmt::{self, Formatter};

use super::{DEEPEST, Line, Nesting, Rest};
use crate::wire::ETHERTYPE_IPV4;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const VERSION: u16 = 0x0007;
const FLAGS: [(u16, &str); 4] = [
    (CHECKSUM, "checksum present"),
    (ROUTING, "routing present"),
    (KEY, "key present"),
    (SEQUENCE, "sequence# present"),
];

/// The header's words, one after the other, and what is behind those that have been read.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Option<(u16, u16)> {
        let (&[a, b, c, d], rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

/// The IPv4 packet inside, if there is one.
pub(super) fn inside(bytes: &[u8]) -> Option<&[u8]> {
    let mut words = Words(bytes);
    let (flags, ethertype) = words.next()?;
    for (flag, _) in FLAGS {
        if flags & flag != 0 && !(flag == ROUTING && flags & CHECKSUM != 0) {
            words.next()?;
        }
    }
    (flags & VERSION == 0 && ethertype == ETHERTYPE_IPV4).then_some(words.0)
}

impl Line<'_> {
    pub(super) fn gre(&self, f: &mut Formatter<'_>, rest: &Rest<'_>, nesting: Nesting) -> fmt::Result {
        match self.gre_header(f, rest)? {
            None => f.write_str(" [|gre]"),
            Some((ETHERTYPE_IPV4, packet)) if nesting.depth < DEEPEST => self.ip(f, packet, nesting),
            Some((ethertype, _)) => write!(f, "gre-proto-{ethertype:#x}"),
        }
    }

    /// The header; what it carries, if it is whole.
    fn gre_header<'a>(&self, f: &mut Formatter<'_>, rest: &Rest<'a>) -> Result<Option<(u16, &'a [u8])>, fmt::Error> {
        let mut words = Words(rest.bytes);
        let Some((flags, ethertype)) = words.next() else { return Ok(None) };
        write!(f, "GREv{}", flags & VERSION)?;
        if self.style.verbose {
            let set: Vec<_> = FLAGS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect();
            write!(f, ", Flags [{}]", if set.is_empty() { "none".to_owned() } else { set.join(", ") })?;
        }
        if flags & (CHECKSUM | ROUTING) != 0 {
            let Some((sum, offset)) = words.next() else { return Ok(None) };
            if self.style.verbose {
                write!(f, ", sum {sum:#x}")?;
            }
            write!(f, ", off {offset:#x}")?;
        }
        for (flag, name) in [(KEY, "key=0x"), (SEQUENCE, "seq ")] {
            if flags & flag == 0 {
                continue;
            }
            let Some((high, low)) = words.next() else { return Ok(None) };
            let number = u32::from(high) << 16 | u32::from(low);
            match flag {
                KEY => write!(f, ", {name}{number:x}")?,
                _ => write!(f, ", {name}{number}")?,
            }
        }
        if self.style.link {
            let name = if ethertype == ETHERTYPE_IPV4 { "IPv4" } else { "unknown" };
            write!(f, ", proto {name} ({ethertype:#06x})")?;
        }
        write!(f, ", length {}", rest.len)?;
        f.write_str(if self.style.verbose { "\n\t" } else { ": " })?;
        Ok(Some((ethertype, words.0)))
    }
}
