//! Any configuration of keepalived: messages and a model, never a panic.
#![no_main]

use lvslab::keepalived::{advice, conf};

struct Alone;

impl conf::Files for Alone {
    /// Every file is the same, and includes itself.
    fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
        vec![(pattern.to_owned(), "include again\nrouter_id x\n".to_owned())]
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (config, messages) = conf::parse(text, "director", &mut Alone);
    conf::status(&messages);
    advice::explain(&config);
    advice::advise(&config);
});
