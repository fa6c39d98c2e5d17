//! Any text, typed at a director. The shell's own limits end what would not end.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/rig.rs"]
mod rig;

fuzz_target!(|text: &str| {
    rig::Rig::new(rig::DIRECTOR).type_line(text);
});
