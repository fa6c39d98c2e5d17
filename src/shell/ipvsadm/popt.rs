//! Options as popt takes them apart: one after the other, in the order of the line.

use super::options::{OPTIONS, Tag, Takes};

/// Why popt stops, in its words.
pub(super) const UNKNOWN: &str = "unknown option";
const MISSING: &str = "missing argument";
const UNWANTED: &str = "option does not take an argument";

/// A line of options on its way through popt (poptGetNextOpt).
pub(super) struct Popt<'a> {
    words: &'a [String],
    /// The next word.
    next: usize,
    /// What is left of a word of short options.
    bundle: &'a str,
    /// Words that are no options.
    stray: Vec<&'a str>,
}

impl<'a> Popt<'a> {
    /// Reads the words that follow the program's name.
    pub fn new(args: &'a [String]) -> Popt<'a> {
        Popt { words: args, next: 1, bundle: "", stray: Vec::new() }
    }

    /// The next option and its value, or what is wrong with it.
    pub fn option(&mut self) -> Option<Result<(Tag, Option<&'a str>), &'static str>> {
        while self.bundle.is_empty() {
            let word = self.words.get(self.next)?.as_str();
            self.next += 1;
            match word.strip_prefix('-') {
                Some("-") => {
                    self.stray.extend(self.words[self.next..].iter().map(String::as_str));
                    self.next = self.words.len();
                }
                None | Some("") => self.stray.push(word),
                Some(rest) => match rest.strip_prefix('-') {
                    Some(long) => return Some(self.long(long)),
                    None => self.bundle = rest,
                },
            }
        }
        Some(self.short())
    }

    /// The word that an error is about (poptBadOption): the last one that was looked at.
    pub fn bad_word(&self) -> &'a str {
        self.words.get(self.next - 1).map_or("", String::as_str)
    }

    /// The words that are no options.
    pub fn stray(self) -> Vec<&'a str> {
        self.stray
    }

    fn long(&mut self, text: &'a str) -> Result<(Tag, Option<&'a str>), &'static str> {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let option = OPTIONS.iter().find(|option| option.long == name).ok_or(UNKNOWN)?;
        match (option.takes, attached) {
            (Takes::Nothing, Some(_)) => Err(UNWANTED),
            (Takes::Nothing, None) => Ok((option.tag, None)),
            (_, Some(value)) => Ok((option.tag, Some(value))),
            (takes, None) => Ok((option.tag, self.value(takes)?)),
        }
    }

    fn short(&mut self) -> Result<(Tag, Option<&'a str>), &'static str> {
        let mut letters = self.bundle.chars();
        let letter = letters.next();
        let rest = letters.as_str();
        self.bundle = "";
        let option = OPTIONS.iter().find(|option| option.letter == letter).ok_or(UNKNOWN)?;
        if option.takes == Takes::Nothing {
            if rest.starts_with('=') {
                return Err(UNWANTED);
            }
            self.bundle = rest;
            return Ok((option.tag, None));
        }
        // The rest of the word is the value, or else the next word.
        if rest.is_empty() {
            return Ok((option.tag, self.value(option.takes)?));
        }
        Ok((option.tag, Some(rest.strip_prefix('=').unwrap_or(rest))))
    }

    fn value(&mut self, takes: Takes) -> Result<Option<&'a str>, &'static str> {
        let word = self.words.get(self.next).map(String::as_str);
        if takes == Takes::Maybe && word.is_none_or(|word| word.starts_with('-')) {
            return Ok(None);
        }
        let word = word.ok_or(MISSING)?;
        self.next += 1;
        Ok(Some(word))
    }
}
