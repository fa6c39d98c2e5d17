//! Texts that occur often, kept once.

use rustc_hash::FxHashMap;

/// Texts and their numbers.
#[derive(Default)]
pub(super) struct Strings {
    numbers: FxHashMap<String, u32>,
    texts: Vec<String>,
}

impl Strings {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    /// All of them, in the order of their numbers.
    pub fn finish(self) -> Vec<String> {
        self.texts
    }
}
