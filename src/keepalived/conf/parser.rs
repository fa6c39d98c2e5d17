//! Blocks and keywords: lib/parser.c's process_stream, and the ways in which it complains.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use super::lexer::{self, Files, Line};
use super::model::Config;
use super::{check, global, vrrp};
use crate::time::Span;

/// How bad a message is, by the exit status that `keepalived -t` gives for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// keepalived goes no further: a parameter is missing.
    Missing,
    /// A file or an interface is not there, or two instances clash: keepalived does not start.
    Fatal,
    /// It is said, and keepalived starts.
    Warning,
    /// A script may not be run.
    Security,
}

impl Severity {
    /// The exit status of `keepalived -t`.
    pub const fn status(self) -> i32 {
        match self {
            Severity::Missing => 2,
            Severity::Fatal => 4,
            Severity::Warning => 5,
            Severity::Security => 6,
        }
    }
}

/// Something that keepalived says about a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The file, if it is an included one.
    pub file: Option<String>,
    /// The line, counted from 1; none for what is said after the whole file has been read.
    pub line: Option<usize>,
    /// Where in the line, counted from 1.
    pub column: usize,
    /// What.
    pub text: String,
    /// How bad it is.
    pub severity: Severity,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "({file}: Line {line}) {}", self.text),
            (None, Some(line)) => write!(f, "(Line {line}) {}", self.text),
            (_, None) => f.write_str(&self.text),
        }
    }
}

/// A part of the file: a brace, or words.
#[derive(Clone, Debug)]
enum Item {
    Open(Line),
    Close(Line),
    Words(Line),
}

/// The configuration that is being read.
pub struct Parser {
    items: std::vec::IntoIter<Item>,
    /// The line that is being read.
    here: Line,
    depth: usize,
    pub config: Config,
    pub messages: Vec<Message>,
    /// Whether a missing parameter has ended it all.
    is_over: bool,
}

/// Reads a configuration; `id` is the machine's name.
pub fn parse(text: &str, id: &str, files: &mut dyn Files) -> (Config, Vec<Message>) {
    let (lines, complaints) = lexer::lines(text, id, files);
    let items: Vec<Item> = lines.into_iter().flat_map(split).collect();
    let mut parser = Parser {
        items: items.into_iter(),
        here: Line { file: None, number: 0, words: Vec::new() },
        depth: 0,
        config: Config::default(),
        messages: Vec::new(),
        is_over: false,
    };
    for (file, line, text) in complaints {
        let severity = if text.starts_with("Config files missing") { None } else { Some(Severity::Warning) };
        if let Some(severity) = severity {
            parser.messages.push(Message { file, line: Some(line), column: 1, text, severity });
        }
    }
    parser.block(&mut top);
    if !parser.is_over {
        global::complete(&mut parser);
        vrrp::complete(&mut parser, files);
        check::complete(&mut parser, files);
    }
    (parser.config, parser.messages)
}

/// Takes a line apart at its braces.
fn split(line: Line) -> Vec<Item> {
    let Line { file, number, words } = line;
    let part = |words| Line { file: file.clone(), number, words };
    let mut items = Vec::new();
    let mut before = Vec::new();
    for word in words {
        let is_open = match word.0.as_str() {
            "{" => true,
            "}" => false,
            _ => {
                before.push(word);
                continue;
            }
        };
        if !before.is_empty() {
            items.push(Item::Words(part(std::mem::take(&mut before))));
        }
        let brace = part(vec![word]);
        items.push(if is_open { Item::Open(brace) } else { Item::Close(brace) });
    }
    if !before.is_empty() {
        items.push(Item::Words(part(before)));
    }
    items
}

fn top(parser: &mut Parser, keyword: &str) -> bool {
    global::keyword(parser, keyword) || vrrp::keyword(parser, keyword) || check::keyword(parser, keyword)
}

impl Parser {
    /// Reads lines up to the end of a block, and gives each to `keyword`, which says whether it knows it.
    pub fn block(&mut self, keyword: &mut dyn FnMut(&mut Parser, &str) -> bool) {
        while let Some(item) = self.next() {
            match item {
                Item::Open(line) => {
                    self.here = line;
                    self.warn("Unexpected '{' - ignoring");
                }
                Item::Close(line) => {
                    self.here = line;
                    if self.depth > 0 {
                        return;
                    }
                    self.warn("Extra '}' found");
                    self.warn("Unknown keyword '}'");
                }
                Item::Words(line) => {
                    self.here = line;
                    let name = self.here.words[0].0.clone();
                    if !keyword(self, &name) && !self.is_over {
                        self.warn(format!("Unknown keyword '{name}'"));
                    }
                }
            }
        }
        if self.depth > 0 && !self.is_over {
            let depth = self.depth;
            self.depth = 0;
            self.warn_at_the_end(format!("There are {depth} missing '}}'s or extra '{{'s"));
        }
    }

    fn next(&mut self) -> Option<Item> {
        if self.is_over { None } else { self.items.next() }
    }

    /// Reads the block that belongs to the line that is being read.
    pub fn inner(&mut self, mut keyword: impl FnMut(&mut Parser, &str) -> bool) {
        if self.opens() {
            self.depth += 1;
            self.block(&mut keyword);
            self.depth = self.depth.saturating_sub(1);
        }
    }

    /// The lines of a block of plain values (alloc_value_block).
    pub fn values(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        self.inner(|parser, _| {
            lines.push(parser.here.clone());
            true
        });
        lines
    }

    /// A block whose contents do not matter.
    pub fn skip(&mut self) {
        self.inner(|parser, _| {
            if parser.peeks_open() {
                parser.skip();
            }
            true
        });
    }

    fn peeks_open(&self) -> bool {
        matches!(self.items.as_slice().first(), Some(Item::Open(_)))
    }

    fn opens(&mut self) -> bool {
        let is_open = self.peeks_open();
        if is_open {
            self.next();
        } else {
            self.warn("Missing '{' at beginning of configuration block");
        }
        is_open
    }

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
        let text = format!(
            "*** Configuration line starting `{first}` is missing a parameter after keyword `{last}` at word position {}",
            at + 1
        );
        self.say(text, Severity::Missing);
        self.is_over = true;
        None
    }

    /// A number within bounds; none, and a message, if it is not.
    pub fn number(&mut self, what: &str, min: i64, max: i64) -> Option<i64> {
        let text = self.parameter()?;
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            Ok(_) => {
                self.warn(format!("number '{text}' outside range [{min}, {max}]"));
                self.warn(format!("{what} '{text}' is invalid"));
                None
            }
            Err(_) => {
                self.warn(format!("WARNING - invalid number '{text}'"));
                self.warn(format!("{what} '{text}' is invalid"));
                None
            }
        }
    }

    /// As [`Parser::number`], with words of the keyword's own for what is wrong.
    pub fn number_or(&mut self, min: i64, max: i64, complaint: impl FnOnce(&str) -> String) -> Option<i64> {
        let text = self.parameter()?;
        let what = match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => return Some(number),
            Ok(number) if number < 0 && min >= 0 => format!("negative number '{text}'"),
            Ok(_) => format!("number '{text}' outside range [{min}, {max}]"),
            Err(_) => format!("invalid number '{text}'"),
        };
        self.warn(what);
        self.warn(complaint(&text));
        None
    }

    /// A time in decimal seconds, within bounds.
    pub fn seconds(&mut self, what: &str, min: f64, max: f64) -> Option<Span> {
        self.seconds_or(min, max, |text| format!("{what} '{text}' is invalid"))
    }

    /// As [`Parser::seconds`], with words of the keyword's own for what is wrong.
    pub fn seconds_or(&mut self, min: f64, max: f64, complaint: impl FnOnce(&str) -> String) -> Option<Span> {
        let text = self.parameter()?;
        match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && (min..=max).contains(&seconds) => {
                return Some(Span::from_secs_f64(seconds));
            }
            Ok(_) => self.warn(format!("number '{text}' outside range [{min:.6}, {max:.6}]")),
            Err(_) => self.warn(format!("invalid number '{text}'")),
        }
        self.warn(complaint(&text));
        None
    }

    /// on, off and their like; nothing at all means on.
    pub fn switch(&mut self) -> Option<bool> {
        match self.word(1) {
            None | Some("on" | "true" | "yes") => Some(true),
            Some("off" | "false" | "no") => Some(false),
            Some(other) => {
                let (name, other) = (self.word(0).unwrap_or_default().to_owned(), other.to_owned());
                self.warn(format!("Invalid value '{other}' for {name} specified"));
                None
            }
        }
    }

    /// As [`Parser::switch`], in an instance.
    pub fn switch_of(&mut self, whose: &str) -> Option<bool> {
        match self.word(1) {
            None | Some("on" | "true" | "yes") => Some(true),
            Some("off" | "false" | "no") => Some(false),
            Some(other) => {
                let text = format!("({whose}) invalid {} {other} specified", self.word(0).unwrap_or_default());
                self.warn(text);
                None
            }
        }
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

    /// Notes that the keyword of this line means nothing to a simulated machine.
    pub fn without_effect(&mut self) {
        let (line, word) = (self.here.clone(), self.word(0).unwrap_or_default().to_owned());
        self.ignored(&line, &word);
    }

    /// Notes that a word of a line means nothing to a simulated machine.
    pub fn ignored(&mut self, line: &Line, word: &str) {
        let number = line.file.is_none().then_some(line.number);
        self.config.without_effect.push((number, word.to_owned()));
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

    /// Something about the line that is being read.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.say(text.into(), Severity::Warning);
    }

    /// As [`Parser::warn`], about another line.
    pub fn warn_at(&mut self, line: &Line, text: impl Into<String>) {
        let here = std::mem::replace(&mut self.here, line.clone());
        self.warn(text);
        self.here = here;
    }

    fn say(&mut self, text: String, severity: Severity) {
        if self.is_over {
            return;
        }
        let column = self.here.words.first().map_or(1, |(_, column)| *column);
        let message = Message { file: self.here.file.clone(), line: Some(self.here.number), column, text, severity };
        self.messages.push(message);
    }

    /// What is said when the whole file has been read.
    pub fn warn_at_the_end(&mut self, text: impl Into<String>) {
        self.say_at_the_end(text.into(), Severity::Warning);
    }

    /// As [`Parser::warn_at_the_end`], for what keeps keepalived from starting.
    pub fn fatal_at_the_end(&mut self, text: impl Into<String>) {
        self.say_at_the_end(text.into(), Severity::Fatal);
    }

    /// What is said about scripts that anybody may change.
    pub fn security(&mut self, text: impl Into<String>) {
        self.say_at_the_end(text.into(), Severity::Security);
    }

    fn say_at_the_end(&mut self, text: String, severity: Severity) {
        if !self.is_over {
            self.messages.push(Message { file: None, line: None, column: 1, text, severity });
        }
    }
}
