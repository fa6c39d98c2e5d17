//! A script of sed, read into commands.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use regex_lite::{Regex, RegexBuilder};

use crate::shell::text::from_basic;

/// Where a command is carried out.
#[derive(Debug)]
pub(super) enum Address {
    Line(usize),
    Last,
    /// `FIRST~STEP`
    Every {
        first: usize,
        step: usize,
    },
    /// None stands for the pattern that was tried last.
    Like(Option<Regex>),
}

/// Where a range ends.
#[derive(Debug)]
pub(super) enum Until {
    Reached(Address),
    /// `+N`
    More(usize),
    /// `~N`
    Multiple(usize),
}

/// Which lines a command is for.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub first: Option<Address>,
    pub until: Option<Until>,
    pub is_negated: bool,
}

/// What `s` does.
#[derive(Debug)]
pub(super) struct Substitution {
    pub pattern: Option<Regex>,
    pub replacement: Vec<Piece>,
    /// The first occurrence that is replaced.
    pub from: usize,
    pub is_global: bool,
    pub prints: bool,
}

/// A part of what `s` puts in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// What the pattern, or a part of it in parentheses, has matched.
    Group(usize),
}

/// What a command does. Places are those of other commands.
#[derive(Debug)]
pub(super) enum Action {
    Substitute(Box<Substitution>),
    Translate(Vec<(char, char)>),
    Append(String),
    Insert(String),
    Change(String),
    Quit {
        status: i32,
        is_silent: bool,
    },
    /// `{`: those that it is not for go on behind its end.
    Block {
        end: usize,
    },
    Jump(usize),
    /// `t`, `T`: goes there if something has been replaced (or not) since the last line was read.
    JumpIf {
        to: usize,
        replaced: bool,
    },
    /// The commands of one letter without anything else.
    Plain(char),
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    pub lines: Lines,
    pub action: Action,
}

/// A script.
#[derive(Debug)]
pub(super) struct Script(pub Vec<Command>);

/// What is wrong with a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// After so many characters.
    At(usize, String),
    NoLabel(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::At(place, what) => write!(f, "-e expression #1, char {place}: {what}"),
            Error::NoLabel(label) => write!(f, "can't find label for jump to `{label}'"),
        }
    }
}

struct Parser<'a> {
    chars: Peekable<Chars<'a>>,
    /// How many characters have been read.
    read: usize,
    is_extended: bool,
    commands: Vec<Command>,
    /// The blocks that are open.
    blocks: Vec<usize>,
    labels: BTreeMap<String, usize>,
    /// Jumps by the places of their commands.
    jumps: Vec<(usize, String)>,
}

/// Reads a script.
pub(super) fn parse(text: &str, is_extended: bool) -> Result<Script, Error> {
    let mut parser = Parser {
        chars: text.chars().peekable(),
        read: 0,
        is_extended,
        commands: Vec::new(),
        blocks: Vec::new(),
        labels: BTreeMap::new(),
        jumps: Vec::new(),
    };
    while parser.command()? {}
    parser.finish()
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.chars.next();
        self.read += usize::from(next.is_some());
        next
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.chars.peek().copied().filter(|&c| wanted(c))?;
        self.next()
    }

    fn skip(&mut self, unwanted: impl Fn(char) -> bool) {
        while self.next_if(&unwanted).is_some() {}
    }

    fn skip_blanks(&mut self) {
        self.skip(|c| c.is_whitespace() && c != '\n');
    }

    fn error<T>(&self, what: impl Into<String>) -> Result<T, Error> {
        Err(Error::At(self.read, what.into()))
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(10)) {
            self.next();
            number = Some(number.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit as usize));
        }
        number
    }

    /// Reads a command; false at the end.
    fn command(&mut self) -> Result<bool, Error> {
        self.skip(|c| c.is_whitespace() || c == ';');
        if self.chars.peek().is_none() {
            return Ok(false);
        }
        let lines = self.lines()?;
        let Some(letter) = self.next() else { return self.error("missing command") };
        let action = self.action(letter, &lines)?;
        if let Some(action) = action {
            self.commands.push(Command { lines, action });
        }
        Ok(true)
    }

    fn lines(&mut self) -> Result<Lines, Error> {
        let mut lines = Lines { first: self.address()?, ..Lines::default() };
        self.skip_blanks();
        if lines.first.is_some() && self.next_if(|c| c == ',').is_some() {
            self.skip_blanks();
            lines.until = Some(match self.next_if(|c| c == '+' || c == '~') {
                Some(sign) => {
                    let Some(count) = self.number() else { return self.error("unexpected `,'") };
                    if sign == '+' { Until::More(count) } else { Until::Multiple(count) }
                }
                None => match self.address()? {
                    Some(address) => Until::Reached(address),
                    None => return self.error("unexpected `,'"),
                },
            });
        }
        let may_begin_before = matches!(lines.until, Some(Until::Reached(Address::Like(_))));
        if matches!(lines.first, Some(Address::Line(0))) && !may_begin_before {
            self.next();
            return self.error("invalid usage of line address 0");
        }
        self.skip_blanks();
        if self.next_if(|c| c == '!').is_some() {
            lines.is_negated = true;
            self.skip_blanks();
            if self.next_if(|c| c == '!').is_some() {
                return self.error("multiple `!'s");
            }
        }
        Ok(lines)
    }

    fn address(&mut self) -> Result<Option<Address>, Error> {
        let address = match self.chars.peek().copied() {
            Some('$') => {
                self.next();
                Address::Last
            }
            Some('/' | '\\') => {
                let mut delimiter = self.next();
                if delimiter == Some('\\') {
                    delimiter = self.next();
                }
                let Some(pattern) = delimiter.and_then(|delimiter| self.delimited(delimiter, true)) else {
                    return self.error("unterminated address regex");
                };
                let ignores_case = self.next_if(|c| c == 'I').is_some();
                Address::Like(self.regex(&pattern, ignores_case)?)
            }
            Some('+' | '~') => {
                self.next();
                self.next();
                return self.error("invalid usage of +N or ~N as first address");
            }
            _ => match self.number() {
                Some(first) if self.next_if(|c| c == '~').is_some() => {
                    Address::Every { first, step: self.number().unwrap_or(0) }
                }
                Some(line) => Address::Line(line),
                None => return Ok(None),
            },
        };
        Ok(Some(address))
    }

    /// What stands before a delimiter. In a pattern the delimiter may stand in a set, and quoted.
    fn delimited(&mut self, delimiter: char, is_pattern: bool) -> Option<String> {
        let (mut text, mut in_set) = (String::new(), false);
        loop {
            match self.next()? {
                c if c == delimiter && !in_set => return Some(text),
                '\n' if is_pattern => return None,
                '\\' => match self.next()? {
                    c if c == delimiter => text.push(c),
                    'n' if is_pattern => text.push('\n'),
                    c => text.extend(['\\', c]),
                },
                c => {
                    in_set = match c {
                        '[' if is_pattern && !in_set => {
                            text.push(c);
                            // A bracket at the beginning of a set stands for itself.
                            text.extend(self.next_if(|c| c == '^'));
                            text.extend(self.next_if(|c| c == ']'));
                            true
                        }
                        ']' => false,
                        _ => in_set,
                    };
                    if c != '[' || !is_pattern {
                        text.push(c);
                    }
                }
            }
        }
    }

    fn regex(&self, pattern: &str, ignores_case: bool) -> Result<Option<Regex>, Error> {
        if pattern.is_empty() {
            return Ok(None);
        }
        let extended = if self.is_extended { pattern.to_owned() } else { from_basic(pattern) };
        let regex = RegexBuilder::new(&extended).case_insensitive(ignores_case).build();
        regex.map(Some).or_else(|_| self.error("Invalid preceding regular expression"))
    }

    fn action(&mut self, letter: char, lines: &Lines) -> Result<Option<Action>, Error> {
        let action = match letter {
            '#' if lines.first.is_some() => return self.error("comments don't accept any addresses"),
            '#' => {
                self.skip(|c| c != '\n');
                return Ok(None);
            }
            '{' => {
                self.blocks.push(self.commands.len());
                return Ok(Some(Action::Block { end: 0 }));
            }
            '}' => {
                let Some(begin) = self.blocks.pop() else { return self.error("unexpected `}'") };
                self.commands[begin].action = Action::Block { end: self.commands.len() };
                self.end()?;
                return Ok(None);
            }
            ':' => {
                self.skip_blanks();
                let label = self.label();
                if label.is_empty() {
                    return self.error("\":\" lacks a label");
                }
                self.labels.insert(label, self.commands.len());
                return Ok(None);
            }
            's' => Action::Substitute(Box::new(self.substitution()?)),
            'y' => self.translation()?,
            'a' => Action::Append(self.text()?),
            'i' => Action::Insert(self.text()?),
            'c' => Action::Change(self.text()?),
            'q' | 'Q' => {
                if lines.until.is_some() {
                    return self.error("command only uses one address");
                }
                self.skip_blanks();
                let status = self.number().and_then(|number| i32::try_from(number).ok()).unwrap_or(0);
                self.end()?;
                return Ok(Some(Action::Quit { status, is_silent: letter == 'Q' }));
            }
            'b' | 't' | 'T' => {
                self.skip_blanks();
                let label = self.label();
                self.jumps.push((self.commands.len(), label));
                return Ok(Some(match letter {
                    'b' => Action::Jump(0),
                    _ => Action::JumpIf { to: 0, replaced: letter == 't' },
                }));
            }
            'd' | 'D' | 'p' | 'P' | 'n' | 'N' | 'h' | 'H' | 'g' | 'G' | 'x' | 'z' | '=' => Action::Plain(letter),
            _ => return self.error(format!("unknown command: `{letter}'")),
        };
        if !matches!(action, Action::Append(_) | Action::Insert(_) | Action::Change(_)) {
            self.end()?;
        }
        Ok(Some(action))
    }

    /// A command ends with the line, with a semicolon, or before a brace or a comment.
    fn end(&mut self) -> Result<(), Error> {
        self.skip_blanks();
        match self.chars.peek() {
            None | Some('}' | '#') => Ok(()),
            Some('\n' | ';') => {
                self.next();
                Ok(())
            }
            Some(_) => {
                self.next();
                self.error("extra characters after command")
            }
        }
    }

    fn label(&mut self) -> String {
        let mut label = String::new();
        while let Some(c) = self.next_if(|c| !c.is_whitespace() && c != ';') {
            label.push(c);
        }
        label
    }

    fn substitution(&mut self) -> Result<Substitution, Error> {
        let parts = self.next().and_then(|delimiter| {
            let pattern = self.delimited(delimiter, true)?;
            Some((pattern, self.delimited(delimiter, false)?))
        });
        let Some((pattern, replacement)) = parts else { return self.error("unterminated `s' command") };
        let mut substitution =
            Substitution { pattern: None, replacement: pieces(&replacement), from: 1, is_global: false, prints: false };
        let (mut ignores_case, mut has_number) = (false, false);
        loop {
            match self.chars.peek().copied() {
                Some('g') if substitution.is_global => {
                    self.next();
                    return self.error("multiple `g' options to `s' command");
                }
                Some('p') if substitution.prints => {
                    self.next();
                    return self.error("multiple `p' options to `s' command");
                }
                Some('g') => substitution.is_global = true,
                Some('p') => substitution.prints = true,
                Some('i' | 'I') => ignores_case = true,
                Some('0'..='9') => {
                    let number = self.number().unwrap_or(0);
                    if has_number {
                        return self.error("multiple number options to `s' command");
                    }
                    if number == 0 {
                        return self.error("number option to `s' command may not be zero");
                    }
                    (substitution.from, has_number) = (number, true);
                    continue;
                }
                None | Some('\n' | ';' | '}' | '#') => break,
                Some(c) if c.is_whitespace() => {}
                Some(_) => {
                    self.next();
                    return self.error("unknown option to `s'");
                }
            }
            self.next();
        }
        substitution.pattern = self.regex(&pattern, ignores_case)?;
        let groups = substitution.pattern.as_ref().map_or(10, Regex::captures_len);
        let highest = substitution.replacement.iter().filter_map(|piece| match piece {
            Piece::Group(group) => Some(*group),
            Piece::Text(_) => None,
        });
        match highest.max().filter(|highest| *highest >= groups) {
            Some(missing) => self.error(format!("invalid reference \\{missing} on `s' command's RHS")),
            None => Ok(substitution),
        }
    }

    fn translation(&mut self) -> Result<Action, Error> {
        let parts = self.next().and_then(|delimiter| {
            let from = self.delimited(delimiter, false)?;
            Some((from, self.delimited(delimiter, false)?))
        });
        let Some((from, to)) = parts else { return self.error("unterminated `y' command") };
        let plain = |text: &str| -> Vec<char> {
            let text = text.replace("\\n", "\n").replace("\\\\", "\\");
            text.chars().collect()
        };
        let (from, to) = (plain(&from), plain(&to));
        if from.len() != to.len() {
            return self.error("strings for `y' command are different lengths");
        }
        Ok(Action::Translate(from.into_iter().zip(to).collect()))
    }

    /// The text of `a`, `i`, `c`: on this line, or behind a backslash on the next ones.
    fn text(&mut self) -> Result<String, Error> {
        self.skip_blanks();
        if self.chars.peek().is_none() {
            return self.error("expected \\ after `a', `c' or `i'");
        }
        if self.next_if(|c| c == '\\').is_some() {
            self.skip_blanks();
            self.next_if(|c| c == '\n');
        }
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '\n' => break,
                '\\' => text.extend(self.next()),
                c => text.push(c),
            }
        }
        text.push('\n');
        Ok(text)
    }

    fn finish(mut self) -> Result<Script, Error> {
        if !self.blocks.is_empty() {
            return Err(Error::At(0, "unmatched `{'".to_owned()));
        }
        let end = self.commands.len();
        for (place, label) in self.jumps {
            let target = if label.is_empty() { Some(end) } else { self.labels.get(&label).copied() };
            let Some(target) = target else { return Err(Error::NoLabel(label)) };
            match &mut self.commands[place].action {
                Action::Jump(to) | Action::JumpIf { to, .. } => *to = target,
                _ => {}
            }
        }
        Ok(Script(self.commands))
    }
}

/// What is put in: `&` and `\1` stand for what was found.
fn pieces(replacement: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = replacement.chars();
    while let Some(c) = chars.next() {
        let group = match c {
            '&' => Some(0),
            '\\' => match chars.next() {
                Some(digit) if digit.is_ascii_digit() => digit.to_digit(10).map(|digit| digit as usize),
                Some('n') => {
                    text.push('\n');
                    None
                }
                Some('t') => {
                    text.push('\t');
                    None
                }
                other => {
                    text.extend(other);
                    None
                }
            },
            c => {
                text.push(c);
                None
            }
        };
        if let Some(group) = group {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Group(group));
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}
