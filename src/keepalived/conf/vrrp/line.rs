//! Lines of virtual_routes and virtual_rules, in keepalived's words, become words of `ip`.

use super::model::IpLine;
use crate::keepalived::conf::lexer::Line;
use crate::keepalived::conf::parser::Parser;

/// RTPROT_KEEPALIVED
pub(super) const PROTOCOL: &str = "18";

/// The words of a line, and what becomes of them.
pub(super) struct Reading<'a> {
    pub words: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    pub line: &'a Line,
    pub it: IpLine,
    /// What comes last.
    pub hops: Vec<String>,
    pub is_tracked: bool,
}

impl<'a> Reading<'a> {
    pub fn new(line: &'a Line) -> Reading<'a> {
        let words: Vec<&str> = line.words.iter().map(|(word, _)| word.as_str()).collect();
        let it = IpLine { words: Vec::new(), devices: Vec::new() };
        Reading { words: words.into_iter().peekable(), line, it, hops: Vec::new(), is_tracked: true }
    }

    pub fn push(&mut self, words: &[&str]) {
        self.it.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// A word that has a value, under the name that `ip` has for it; none if the value is missing.
    pub fn option(&mut self, parser: &mut Parser, word: &str, name: &str) -> Option<&'a str> {
        let Some(value) = self.words.next() else {
            parser.warn_at(self.line, format!("No parameter specified for {word}"));
            return None;
        };
        if matches!(name, "dev" | "iif" | "oif") {
            self.it.devices.push(value.to_owned());
        }
        self.push(&[name, value]);
        Some(value)
    }

    pub fn has(&self, word: &str) -> bool {
        self.it.words.iter().any(|known| known == word)
    }

    /// What is tracked bears keepalived's own mark.
    pub fn own(&mut self, parser: &mut Parser, what: &str) {
        if let Some(at) = self.it.words.iter().position(|word| word == "proto") {
            if self.it.words.get(at + 1).is_some_and(|protocol| protocol != PROTOCOL) {
                let why = format!("if protocol is not RTPROT_KEEPALIVED({PROTOCOL}), resetting protocol");
                parser.warn_at(self.line, format!("{what} cannot be tracked {why}"));
            }
            self.it.words.drain(at..at + 2);
        }
        self.push(&["proto", PROTOCOL]);
    }

    pub fn finished(mut self) -> IpLine {
        if !self.is_tracked {
            self.it.devices.clear();
        }
        self.it
    }
}
