//! The Address Resolution Protocol (RFC 826) as Linux speaks it: net/ipv4/arp.c.
