use std::fmt;
use std::rc::Rc;

use super::{ETHERNET_LEN, MacAddr};

/// An Ethernet frame, without preamble and check sequence.
///
/// Cloning shares the bytes; [`Frame::bytes_mut`] copies them only if somebody else still holds them, so that a
/// frame which is merely passed on is rewritten where it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Rc<[u8]>);

impl Frame {
    /// A frame of these bytes. Shorter ones than an Ethernet header are padded to it.
    pub fn new(bytes: &[u8]) -> Frame {
        if bytes.len() < ETHERNET_LEN {
            let mut padded = [0; ETHERNET_LEN];
            padded[..bytes.len()].copy_from_slice(bytes);
            return Frame(Rc::from(&padded[..]));
        }
        Frame(Rc::from(bytes))
    }

    /// All bytes, from the destination address on; at least an Ethernet header.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes for rewriting.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        Rc::make_mut(&mut self.0)
    }

    /// Whom the frame is for.
    pub fn destination(&self) -> MacAddr {
        MacAddr(self.0[0..6].try_into().expect("a frame has a header"))
    }

    /// Who sent it.
    pub fn source(&self) -> MacAddr {
        MacAddr(self.0[6..12].try_into().expect("a frame has a header"))
    }

    /// What it carries.
    pub fn ethertype(&self) -> u16 {
        u16::from_be_bytes([self.0[12], self.0[13]])
    }

    /// What follows the Ethernet header.
    pub fn payload(&self) -> &[u8] {
        &self.0[ETHERNET_LEN..]
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Frame({} > {}, type {:#06x}, {} bytes)",
            self.source(),
            self.destination(),
            self.ethertype(),
            self.0.len()
        )
    }
}
