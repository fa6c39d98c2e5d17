//! Segments: read from a packet, and written with the options in the order in which Linux puts them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::{Add, AddAssign, Sub};

use etherparse::checksum::Sum16BitWords;
use etherparse::{TcpHeader, TcpOptionElement, TcpSlice};
use smallvec::SmallVec;

use crate::time::{Span, Time};
use crate::wire::proto;

/// A sequence number, which wraps (RFC 9293, section 3.4). It has no order of its own: see [`Seq::before`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seq(pub u32);

impl Seq {
    pub fn before(self, other: Seq) -> bool {
        (self.0.wrapping_sub(other.0) as i32) < 0
    }

    pub fn after(self, other: Seq) -> bool {
        other.before(self)
    }

    /// How far this one lies behind `earlier`, which must not be after it.
    pub fn since(self, earlier: Seq) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The later of two.
    pub fn latest(self, other: Seq) -> Seq {
        if self.before(other) { other } else { self }
    }
}

impl Add<u32> for Seq {
    type Output = Seq;
    fn add(self, n: u32) -> Seq {
        Seq(self.0.wrapping_add(n))
    }
}

impl AddAssign<u32> for Seq {
    fn add_assign(&mut self, n: u32) {
        *self = *self + n;
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;
    fn sub(self, n: u32) -> Seq {
        Seq(self.0.wrapping_sub(n))
    }
}

/// The control bits that this stack looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub const NONE: Flags = Flags(0);
    pub const FIN: Flags = Flags(1);
    pub const SYN: Flags = Flags(2);
    pub const RST: Flags = Flags(4);
    pub const PSH: Flags = Flags(8);
    pub const ACK: Flags = Flags(16);

    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// How much of the sequence space SYN and FIN take.
    pub const fn len(self) -> u32 {
        self.has(Flags::SYN) as u32 + self.has(Flags::FIN) as u32
    }
}

/// The two ends of a connection, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    pub local: Ipv4Addr,
    pub remote: Ipv4Addr,
    pub local_port: u16,
    pub remote_port: u16,
}

impl Tuple {
    pub fn local_end(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.local, self.local_port)
    }

    pub fn remote_end(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.remote, self.remote_port)
    }

    /// All four numbers mixed with a secret: what ISNs and timestamp offsets are drawn from (secure_seq.c).
    pub fn mix(&self, secret: u64) -> u64 {
        let addresses = u64::from(u32::from(self.local)) << 32 | u64::from(u32::from(self.remote));
        let ports = u64::from(self.local_port) << 16 | u64::from(self.remote_port);
        // Two rounds of the finaliser of MurmurHash3.
        [addresses, ports].into_iter().fold(secret, |hash, word| {
            let hash = (hash ^ word ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
            hash ^ (hash >> 33)
        })
    }
}

impl std::hash::Hash for Tuple {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(u32::from(self.local)) << 32 | u64::from(u32::from(self.remote)));
        state.write_u32(u32::from(self.local_port) << 16 | u32::from(self.remote_port));
    }
}

/// The timestamps option (RFC 7323), in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timestamps {
    pub value: u32,
    pub echo: u32,
}

/// The options of a segment. Those of a SYN are understood in a SYN only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub sack_permitted: bool,
    pub timestamps: Option<Timestamps>,
    /// Selectively acknowledged ranges, from the first number to the one after the last.
    pub sack: SmallVec<[(Seq, Seq); 4]>,
}

/// A segment that was received.
#[derive(Clone, Debug)]
pub(super) struct Segment<'a> {
    pub tuple: Tuple,
    pub seq: Seq,
    pub ack: Seq,
    pub flags: Flags,
    /// As it stands in the header, not scaled.
    pub window: u16,
    pub options: Options,
    pub header_len: u32,
    pub payload: &'a [u8],
}

/// Why bytes are no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    Truncated,
    Checksum,
}

impl<'a> Segment<'a> {
    /// Reads a segment that came from `source` to `destination`.
    pub fn parse(bytes: &'a [u8], source: Ipv4Addr, destination: Ipv4Addr) -> Result<Segment<'a>, Malformed> {
        let slice = TcpSlice::from_slice(bytes).map_err(|_| Malformed::Truncated)?;
        if pseudo_checksum(bytes, source, destination) != 0 {
            return Err(Malformed::Checksum);
        }
        let flags = Flags(bytes[13] & 0x1f);
        Ok(Segment {
            tuple: Tuple {
                local: destination,
                remote: source,
                local_port: slice.destination_port(),
                remote_port: slice.source_port(),
            },
            seq: Seq(slice.sequence_number()),
            ack: Seq(slice.acknowledgment_number()),
            flags,
            window: slice.window_size(),
            options: Options::read(&slice),
            header_len: slice.header_slice().len() as u32,
            payload: slice.payload(),
        })
    }

    /// Bytes of data.
    pub fn len(&self) -> u32 {
        self.payload.len() as u32
    }

    /// The sequence number after this segment's last.
    pub fn end(&self) -> Seq {
        self.seq + self.len() + self.flags.len()
    }

    pub fn has(&self, flag: Flags) -> bool {
        self.flags.has(flag)
    }
}

impl Options {
    /// tcp_parse_options: what comes after something unintelligible is lost.
    fn read(slice: &TcpSlice<'_>) -> Options {
        let mut options = Options::default();
        for option in slice.options_iterator() {
            match option {
                Ok(TcpOptionElement::MaximumSegmentSize(mss)) => options.mss = Some(mss).filter(|&mss| mss > 0),
                Ok(TcpOptionElement::WindowScale(scale)) => options.window_scale = Some(scale.min(MAX_WINDOW_SCALE)),
                Ok(TcpOptionElement::SelectiveAcknowledgementPermitted) => options.sack_permitted = true,
                Ok(TcpOptionElement::Timestamp(value, echo)) => options.timestamps = Some(Timestamps { value, echo }),
                Ok(TcpOptionElement::SelectiveAcknowledgement(first, others)) => {
                    let blocks = std::iter::once(first).chain(others.into_iter().flatten());
                    options.sack.extend(blocks.map(|(from, to)| (Seq(from), Seq(to))));
                }
                Ok(TcpOptionElement::Noop) => {}
                Err(_) => break,
            }
        }
        options
    }

    /// tcp_options_write: SYNs carry their options in this order, and it tells Linux from others.
    fn write(&self) -> SmallVec<[u8; 64]> {
        let mut bytes = SmallVec::new();
        if let Some(mss) = self.mss {
            bytes.extend([2, 4]);
            bytes.extend(mss.to_be_bytes());
        }
        match (self.timestamps, self.sack_permitted) {
            (Some(timestamps), sack_permitted) => {
                bytes.extend(if sack_permitted { [4, 2, 8, 10] } else { [1, 1, 8, 10] });
                bytes.extend(timestamps.value.to_be_bytes());
                bytes.extend(timestamps.echo.to_be_bytes());
            }
            (None, true) => bytes.extend([1, 1, 4, 2]),
            (None, false) => {}
        }
        if let Some(scale) = self.window_scale {
            bytes.extend([1, 3, 3, scale]);
        }
        if !self.sack.is_empty() {
            bytes.extend([1, 1, 5, 2 + 8 * self.sack.len() as u8]);
            for (from, to) in &self.sack {
                bytes.extend(from.0.to_be_bytes());
                bytes.extend(to.0.to_be_bytes());
            }
        }
        bytes
    }
}

/// The largest shift of a window (RFC 7323, section 2.3).
pub(super) const MAX_WINDOW_SCALE: u8 = 14;
/// Bytes of a TCP header without options.
pub(super) const HEADER_LEN: u32 = 20;
/// Bytes of the timestamps option, aligned.
pub(super) const TIMESTAMPS_LEN: u32 = 12;

/// How often invalid segments are answered, lest two confused hosts talk for ever: tcp_oow_rate_limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InvalidLimit {
    last: Option<Time>,
}

impl InvalidLimit {
    /// Nothing was answered yet.
    pub const NEW: InvalidLimit = InvalidLimit { last: None };

    /// Two answers a second (tcp_invalid_ratelimit), and every one to data, which does not come in answer to an answer.
    pub fn permits(&mut self, segment: &Segment<'_>, now: Time) -> bool {
        let carries = segment.end() != segment.seq && !segment.has(Flags::SYN);
        carries || self.permits_another(now)
    }

    pub fn permits_another(&mut self, now: Time) -> bool {
        let permitted = self.last.is_none_or(|last| now.since(last) >= Span::from_millis(500));
        if permitted {
            self.last = Some(now);
        }
        permitted
    }
}

/// What a segment to be sent says, besides its ports and its data.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub seq: Seq,
    pub ack: Seq,
    pub flags: Flags,
    pub window: u16,
    pub options: Options,
}

/// Appends a segment from the local end of `tuple` to the remote one. The data may lie in two pieces.
pub(super) fn write(buffer: &mut Vec<u8>, tuple: &Tuple, header: &Header, payload: (&[u8], &[u8])) {
    let mut tcp = TcpHeader::new(tuple.local_port, tuple.remote_port, header.seq.0, header.window);
    tcp.acknowledgment_number = header.ack.0;
    tcp.fin = header.flags.has(Flags::FIN);
    tcp.syn = header.flags.has(Flags::SYN);
    tcp.rst = header.flags.has(Flags::RST);
    tcp.psh = header.flags.has(Flags::PSH);
    tcp.ack = header.flags.has(Flags::ACK);
    tcp.set_options_raw(&header.options.write()).expect("at most 40 bytes of options are made");
    let start = buffer.len();
    buffer.extend_from_slice(&tcp.to_bytes());
    buffer.extend_from_slice(payload.0);
    buffer.extend_from_slice(payload.1);
    let sum = pseudo_checksum(&buffer[start..], tuple.local, tuple.remote);
    buffer[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
}

/// The checksum over pseudo header and segment; 0 if the segment holds the right one already.
fn pseudo_checksum(segment: &[u8], source: Ipv4Addr, destination: Ipv4Addr) -> u16 {
    Sum16BitWords::new()
        .add_4bytes(source.octets())
        .add_4bytes(destination.octets())
        .add_2bytes([0, proto::TCP])
        .add_2bytes((segment.len() as u16).to_be_bytes())
        .add_slice(segment)
        .ones_complement()
        .to_be()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUPLE: Tuple = Tuple {
        local: Ipv4Addr::new(10, 0, 0, 1),
        remote: Ipv4Addr::new(10, 0, 0, 2),
        local_port: 40001,
        remote_port: 80,
    };

    fn there(bytes: &[u8]) -> Result<Segment<'_>, Malformed> {
        Segment::parse(bytes, TUPLE.local, TUPLE.remote)
    }

    #[test]
    fn options_of_a_syn_stand_in_the_kernels_order() {
        let options = Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps { value: 1, echo: 0 }),
            sack: SmallVec::new(),
        };
        let wire = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
        assert_eq!(options.write().as_slice(), wire);

        let header = Header { flags: Flags::SYN, window: 64240, options: options.clone(), ..Header::default() };
        let mut bytes = Vec::new();
        write(&mut bytes, &TUPLE, &header, (&[], &[]));
        assert_eq!(there(&bytes).unwrap().options, options);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let options = Options {
            timestamps: Some(Timestamps { value: 7, echo: 9 }),
            sack: [(Seq(5), Seq(6)), (Seq(8), Seq(9)), (Seq(11), Seq(12))].into_iter().collect(),
            ..Options::default()
        };
        let flags = Flags::ACK.with(Flags::PSH).with(Flags::FIN);
        let header = Header { seq: Seq(1), ack: Seq(2), flags, window: 3, options };
        let mut bytes = vec![0xee];
        write(&mut bytes, &TUPLE, &header, (b"od", b"d"));
        let segment = there(&bytes[1..]).unwrap();
        assert_eq!((segment.seq, segment.ack, segment.flags, segment.window), (Seq(1), Seq(2), flags, 3));
        assert_eq!((segment.payload, segment.end(), segment.options), (&b"odd"[..], Seq(5), header.options));
        assert_eq!((segment.tuple.local_port, segment.tuple.remote_port), (80, 40001));
    }

    #[test]
    fn damage_is_found() {
        let mut bytes = Vec::new();
        write(&mut bytes, &TUPLE, &Header::default(), (b"data", &[]));
        assert_eq!(there(&bytes[..19]).unwrap_err(), Malformed::Truncated);
        bytes[21] ^= 4;
        assert_eq!(there(&bytes).unwrap_err(), Malformed::Checksum);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let high = Seq(u32::MAX - 1);
        assert!(high.before(high + 5) && (high + 5).after(high));
        assert_eq!((high + 5).since(high), 5);
    }
}
