//! Numbers, times and switches, and what is said about wrong ones (lib/parser.c: read_unsigned_func and its like).

use std::net::Ipv4Addr;
use std::str::FromStr;

use super::parser::Parser;
use crate::time::Span;

/// How many decimal places times have.
const PLACES: usize = 6;

/// The longest time, in microseconds.
pub const TIMER_MAX: u64 = u64::MAX - 1;

impl Parser {
    /// The word of this number on the line, the keyword being 0.
    pub fn word(&self, at: usize) -> Option<&str> {
        self.here.words.get(at).map(|(word, _)| word.as_str())
    }

    /// All words after the keyword.
    pub fn words(&self) -> Vec<String> {
        self.here.words.iter().skip(1).map(|(word, _)| word.clone()).collect()
    }

    /// All words after the keyword, with blanks between them.
    pub fn rest(&self) -> String {
        self.words().join(" ")
    }

    /// The keyword's first parameter, without which keepalived gives up.
    pub fn parameter(&mut self) -> Option<String> {
        self.parameter_at(1)
    }

    /// A parameter by its place.
    pub fn parameter_at(&mut self, at: usize) -> Option<String> {
        if let Some(word) = self.word(at) {
            return Some(word.to_owned());
        }
        let (first, last) = (self.word(0).unwrap_or_default(), self.word(at - 1).unwrap_or_default());
        self.missing(format!(
            "*** Configuration line starting `{first}` is missing a parameter after keyword `{last}` at word position {}",
            at + 1
        ));
        None
    }

    /// `WARNING - `, where the daemon takes what `keepalived -t` refuses.
    fn prefix(&self, is_lenient: bool) -> &'static str {
        if is_lenient && !self.is_test { "WARNING - " } else { "" }
    }

    /// A number that is not negative (read_unsigned_strvec); a lenient daemon takes `10x` for 10.
    pub fn unsigned(&mut self, at: usize, min: u32, max: u32, is_lenient: bool) -> Option<u32> {
        let text = self.parameter_at(at)?;
        self.unsigned_text(&text, min, max, is_lenient)
    }

    /// As [`Parser::unsigned`], of a word that is at hand.
    pub fn unsigned_text(&mut self, text: &str, min: u32, max: u32, is_lenient: bool) -> Option<u32> {
        let warning = self.prefix(is_lenient);
        let digits = text.trim_start();
        let (value, is_whole) = leading_number(digits);
        let value = value.and_then(|value| u32::try_from(value).ok());
        let in_range = value.filter(|value| (min..=max).contains(value));
        if digits.starts_with('-') {
            self.warn(format!("{warning}negative number '{text}'"));
            return None;
        } else if !is_whole {
            self.warn(format!("{warning}invalid number '{text}'"));
        } else if value.is_none() {
            self.warn(format!("{warning}number '{text}' outside unsigned integer range"));
        } else if in_range.is_none() {
            self.warn(format!("{warning}number '{text}' outside range [{min}, {max}]"));
        } else {
            return in_range;
        }
        in_range.filter(|_| is_lenient && !self.is_test)
    }

    /// A number that may be negative (read_int_strvec).
    pub fn integer(&mut self, at: usize, min: i32, max: i32, is_lenient: bool) -> Option<i32> {
        let text = self.parameter_at(at)?;
        let warning = self.prefix(is_lenient);
        let (value, is_whole) = leading_number(text.trim_start());
        let value = value.and_then(|value| i32::try_from(value).ok());
        let in_range = value.filter(|value| (min..=max).contains(value));
        if !is_whole {
            self.warn(format!("{warning}invalid number '{text}'"));
        } else if value.is_none() {
            self.warn(format!("{warning}number '{text}' outside integer range"));
        } else if in_range.is_none() {
            self.warn(format!("number '{text}' outside range [{min}, {max}]"));
        } else {
            return in_range;
        }
        in_range.filter(|_| is_lenient && !self.is_test)
    }

    /// A time in decimal seconds; bounds in microseconds (read_timer).
    pub fn timer(&mut self, at: usize, min: u64, max: u64) -> Option<Span> {
        let text = self.parameter_at(at)?;
        let warning = self.prefix(true);
        if text.starts_with('-') {
            self.warn(format!("{warning}negative number '{text}'"));
            return None;
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let kept = fraction.get(..PLACES).unwrap_or(fraction);
        if fraction.len() > PLACES {
            self.warn(format!("{warning}number '{text}' has too many decimal places"));
        }
        let (value, is_whole) = leading_number(format!("{whole}{kept:0<PLACES$}").trim_start());
        let value = value.and_then(|value| u64::try_from(value).ok());
        let rounds_up = fraction.as_bytes().get(PLACES).is_some_and(|digit| *digit >= b'5');
        let value = value.and_then(|value| value.checked_add(u64::from(rounds_up)));
        let in_range = value.filter(|value| (min..=max).contains(value));
        if !is_whole {
            self.warn(format!("{warning}invalid number '{text}'"));
        } else if value.is_none() {
            self.warn(format!("{warning}number '{text}' outside unsigned decimal range"));
        } else if in_range.is_none() {
            let shown = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            self.warn(format!("{warning}number '{text}' outside range [{}, {}]", shown(min), shown(max)));
        }
        in_range.map(|micros| Span::from_nanos(micros.saturating_mul(1000)))
    }

    /// A number within bounds; none, and what kind of number it should have been, if it is not.
    pub fn number(&mut self, what: &str, min: i64, max: i64) -> Option<i64> {
        self.number_or(min, max, |text| format!("{what} '{text}' is invalid"))
    }

    /// As [`Parser::number`], with words of the keyword's own for what is wrong.
    pub fn number_or(&mut self, min: i64, max: i64, complaint: impl FnOnce(&str) -> String) -> Option<i64> {
        let text = self.parameter()?;
        let clamped = |bound: i64| i32::try_from(bound).unwrap_or(if bound < 0 { i32::MIN } else { i32::MAX });
        let value = match (u32::try_from(min), u32::try_from(max)) {
            (Ok(min), Ok(max)) => self.unsigned(1, min, max, true).map(i64::from),
            _ => self.integer(1, clamped(min), clamped(max), true).map(i64::from),
        };
        if value.is_none() {
            self.warn(complaint(&text));
        }
        value
    }

    /// A time in decimal seconds, within bounds; none, and what it should have been, if it is not.
    pub fn seconds(&mut self, what: &str, min: f64, max: f64) -> Option<Span> {
        self.seconds_or(min, max, |text| format!("{what} '{text}' is invalid"))
    }

    /// As [`Parser::seconds`], with words of the keyword's own for what is wrong.
    pub fn seconds_or(&mut self, min: f64, max: f64, complaint: impl FnOnce(&str) -> String) -> Option<Span> {
        let text = self.parameter()?;
        let micros = |seconds: f64| (seconds * 1e6).round() as u64;
        let value = self.timer(1, micros(min), micros(max));
        if value.is_none() {
            self.warn(complaint(&text));
        }
        value
    }

    /// As [`Parser::switch`], in an instance.
    pub fn switch_of(&mut self, whose: &str) -> Option<bool> {
        let name = self.word(0).unwrap_or_default().to_owned();
        self.switch_or(|word| format!("({whose}) invalid {name} {word} specified"))
    }

    /// garp_extra_if, in global_defs or in an instance: how often, and whether on all interfaces.
    pub fn garp_elsewhere(&mut self) -> Option<(Span, bool)> {
        let words = self.words();
        let is_all = words.iter().any(|word| word == "all");
        let seconds = words.iter().find_map(|word| word.parse::<u64>().ok()).filter(|seconds| *seconds <= 86_400);
        if seconds.is_none() {
            let text = format!("{} specified without time - ignoring", self.word(0).unwrap_or_default());
            self.warn(text);
        }
        seconds.map(|seconds| (Span::from_secs(seconds), is_all))
    }

    /// on, off and their like; nothing at all means on.
    pub fn switch(&mut self) -> Option<bool> {
        let name = self.word(0).unwrap_or_default().to_owned();
        self.switch_or(|word| format!("Invalid value '{word}' for {name} specified"))
    }

    /// As [`Parser::switch`], with a complaint of its own.
    pub fn switch_or(&mut self, complaint: impl FnOnce(&str) -> String) -> Option<bool> {
        match self.word(1) {
            None | Some("on" | "true" | "yes") => Some(true),
            Some("off" | "false" | "no") => Some(false),
            Some(other) => {
                let text = complaint(other);
                self.warn(text);
                None
            }
        }
    }

    /// A parameter of another kind; a message if it makes no sense.
    pub fn parsed<T: FromStr>(&mut self, complaint: impl FnOnce(&str) -> String) -> Option<T> {
        let text = self.parameter()?;
        let value = text.parse().ok();
        if value.is_none() {
            self.warn(complaint(&text));
        }
        value
    }

    /// An address.
    pub fn address(&mut self) -> Option<Ipv4Addr> {
        self.parsed(|text| format!("Invalid address '{text}'"))
    }
}

/// The number that a text begins with, as strtol reads it: none if there is no room for it. Whether it is all of the text.
fn leading_number(text: &str) -> (Option<i128>, bool) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let value = if end == 0 { Ok(0) } else { digits[..end].parse::<i128>() };
    let is_whole = end == digits.len() && (end > 0 || text.is_empty());
    (value.ok().filter(|value| *value <= i128::from(u64::MAX)).map(|value| sign * value), is_whole)
}
