//! Any text as a scenario: what is wrong with it, or a run.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lvslab::scenario::{self, Options};

fuzz_target!(|text: &str| {
    match scenario::load(text) {
        Ok(plan) => {
            let _ = scenario::run(&plan, Options { max_events: 2_000 });
        }
        Err(diagnostics) => assert!(diagnostics.iter().all(|diagnostic| text.get(diagnostic.at.clone()).is_some())),
    }
});
