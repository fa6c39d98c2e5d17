//! The Internet Control Message Protocol (RFC 792): net/ipv4/icmp.c.
