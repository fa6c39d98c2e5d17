//! The words of a command line.

use super::Problem;

/// The words of a command line that have not been read yet.
pub(in crate::shell) struct Words<'a>(pub &'a [String]);

impl<'a> Words<'a> {
    /// The next word.
    pub fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// The next word, unless it is an option.
    pub fn next_plain(&mut self) -> Option<&'a str> {
        let is_plain = self.0.first().is_some_and(|word| !word.starts_with('-') && word != "!");
        if is_plain { self.next() } else { None }
    }

    /// The value that this option needs.
    pub fn value(&mut self, option: &str) -> Result<&'a str, Problem> {
        self.next().ok_or_else(|| Problem::usage(format!("option \"{option}\" requires an argument")))
    }
}
