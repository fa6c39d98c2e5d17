//! Captures in the classic pcap format with microseconds, as `tcpdump -w` writes them: draft-ietf-opsawg-pcap.

use super::record::Trace;
use crate::ids::{NodeId, Port};

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const LINKTYPE_ETHERNET: u32 = 1;
/// tcpdump's default, which here cuts nothing off.
const SNAP_LEN: u32 = 262_144;

/// All frames at an interface.
pub fn write(trace: &Trace, node: NodeId, port: Port) -> Vec<u8> {
    let mut file = Vec::new();
    let u32s = |file: &mut Vec<u8>, numbers: &[u32]| {
        numbers.iter().for_each(|number| file.extend_from_slice(&number.to_le_bytes()));
    };
    u32s(&mut file, &[MAGIC_MICROSECONDS]);
    // Version 2.4.
    file.extend_from_slice(&[2, 0, 4, 0]);
    u32s(&mut file, &[0, 0, SNAP_LEN, LINKTYPE_ETHERNET]);
    for (at, _, frame) in trace.capture(node, port) {
        let nanos = trace.wall(at).as_nanos();
        let (seconds, micros) = (nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000);
        // Frames are no longer than a jumbo IP datagram; seconds fit until 2106.
        let length = frame.bytes().len() as u32;
        u32s(&mut file, &[seconds as u32, micros as u32, length, length]);
        file.extend_from_slice(frame.bytes());
    }
    file
}
