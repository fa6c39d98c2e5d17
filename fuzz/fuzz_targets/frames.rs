//! Frames arrive at a director: each begins with its length in two bytes, the highest bit of which is the port.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/rig.rs"]
mod rig;

fuzz_target!(|bytes: &[u8]| {
    let mut rig = rig::Rig::new(rig::DIRECTOR);
    let mut rest = bytes;
    while let [high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([high & 0x07, *low])).min(more.len());
        let (frame, behind) = more.split_at(length);
        assert!(rig.receive(u32::from(high >> 7), frame), "nothing came of {frame:02x?}");
        rest = behind;
    }
});
