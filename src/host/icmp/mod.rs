//! The Internet Control Message Protocol (RFC 792): net/ipv4/icmp.c.

mod limits;
mod receive;
mod send;

pub(super) use limits::ErrorLimits;

/// Bytes of an ICMP header.
const ICMP_LEN: usize = 8;

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
pub(super) const REDIRECT: u8 = 5;
const ECHO: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
const TIMESTAMP: u8 = 13;
const TIMESTAMP_REPLY: u8 = 14;
const ADDRESS_MASK_REPLY: u8 = 18;

/// Codes of destination unreachable (ICMP_*_UNREACH).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    Network = 0,
    Host = 1,
    Protocol = 2,
    Port = 3,
    FragmentationNeeded = 4,
    Filtered = 13,
}

/// Whether a message reports an error: none may be reported about it. Nobody knows of types that nobody knows.
const fn is_error(icmp_type: u8) -> bool {
    matches!(icmp_type, UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM)
        || icmp_type > ADDRESS_MASK_REPLY
}
