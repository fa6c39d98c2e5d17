//! Definitions and sequences: `$NAME=text`, `~SEQ`, `~LST` (lib/parser.c: replace_param, add_seq, add_lst).

use std::collections::{BTreeMap, VecDeque};

/// The longest line that definitions may make.
const MAX_LINE: usize = 1024;

/// What a name stands for.
#[derive(Clone, Debug, Default)]
struct Definition {
    /// One line, or several.
    lines: Vec<String>,
    /// It was begun with a backslash at its end: then it is only replaced at the end of a line.
    is_multiline: bool,
}

/// All definitions up to a place in the file.
#[derive(Debug)]
pub struct Definitions {
    known: BTreeMap<String, Definition>,
    /// The one that goes on in the next line.
    open: Option<String>,
}

impl Definitions {
    /// Those that are always there.
    pub fn new(id: &str, folder: &str) -> Definitions {
        let mut it = Definitions { known: BTreeMap::new(), open: None };
        for (name, value) in [("_HASH", "#"), ("_BANG", "!"), ("_INSTANCE", id), ("_PWD", folder), ("_RANDOM", "0")] {
            it.set(name, value);
        }
        it
    }

    fn set(&mut self, name: &str, value: &str) {
        self.known.insert(name.to_owned(), Definition { lines: vec![value.to_owned()], is_multiline: false });
    }

    /// Whether the next line belongs to a definition.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A further line of the definition that is open; an empty one ends it.
    pub fn go_on(&mut self, line: &str) {
        let Some(name) = self.open.take() else { return };
        let Some(definition) = self.known.get_mut(&name) else { return };
        let (text, goes_on) = match line.strip_suffix('\\') {
            Some(text) => (text.trim_end_matches([' ', '\t']), true),
            None => (line, false),
        };
        if !text.is_empty() {
            definition.lines.push(text.to_owned());
        }
        if goes_on {
            self.open = Some(name);
        } else if definition.lines.is_empty() {
            definition.is_multiline = false;
        }
    }

    /// Takes `$NAME=text`; false if the line is something else.
    pub fn take(&mut self, line: &str) -> bool {
        let Some((name, value)) = line.strip_prefix('$').and_then(|rest| rest.split_once('=')) else { return false };
        if name_len(name) != name.len() || name.is_empty() {
            return false;
        }
        let value = value.trim_start_matches([' ', '\t']);
        match value.strip_suffix('\\') {
            None => self.set(name, value),
            Some(first) => {
                let first = first.trim_end_matches([' ', '\t']);
                let lines = if first.is_empty() { Vec::new() } else { vec![first.to_owned()] };
                self.known.insert(name.to_owned(), Definition { lines, is_multiline: true });
                self.open = Some(name.to_owned());
            }
        }
        true
    }

    /// Replaces names by what they stand for, and gives back the further lines of a definition that has several; none if
    /// there is nothing to replace.
    pub fn expand(&self, line: &mut String) -> Option<VecDeque<String>> {
        let mut more = VecDeque::new();
        let (mut at, mut has_changed) = (0, false);
        // A definition that stands for itself would go on for ever.
        for _ in 0..MAX_LINE {
            let Some(place) = line[at..].find('$') else { break };
            at += place;
            let Some((definition, end)) = self.find(line, at) else {
                at += 1;
                continue;
            };
            let first = definition.lines.first().map_or("", String::as_str);
            if line.len() + first.len() >= MAX_LINE + (end - at) {
                return None;
            }
            if definition.is_multiline {
                more = definition.lines.iter().skip(1).cloned().collect();
            }
            line.replace_range(at..end, first);
            has_changed = true;
            if first.trim_start_matches([' ', '\t']).starts_with('~') {
                break;
            }
        }
        has_changed.then_some(more)
    }

    /// The definition whose name is used at a place, and where the name ends.
    fn find(&self, line: &str, at: usize) -> Option<(&Definition, usize)> {
        let rest = &line[at + 1..];
        let (name, end) = match rest.strip_prefix('{') {
            Some(inner) => {
                let len = name_len(inner);
                // ${_RANDOM 1 6}: its parameters.
                let close = len + inner[len..].find(|c: char| c != ' ' && !c.is_ascii_digit())?;
                inner[close..].starts_with('}').then_some((&inner[..len], at + 2 + close + 1))?
            }
            None => {
                let len = name_len(rest);
                let is_end = rest[len..].is_empty() || rest[len..].starts_with([' ', '\t', ',', ')']);
                is_end.then_some((&rest[..len], at + 1 + len))?
            }
        };
        let definition = self.known.get(name)?;
        (!definition.is_multiline || end == line.len()).then_some((definition, end))
    }
}

/// How many characters at the beginning make a name.
fn name_len(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// A line that is repeated with other values.
#[derive(Debug)]
pub struct Sequence {
    names: Vec<String>,
    values: Values,
    text: String,
}

#[derive(Debug)]
enum Values {
    Range { next: i64, step: i64, last: i64, is_hex: bool },
    List(VecDeque<Vec<String>>),
}

impl Sequence {
    /// The next line; its definitions are made.
    pub fn next(&mut self, definitions: &mut Definitions) -> Option<String> {
        let values = match &mut self.values {
            Values::List(sets) => sets.pop_front()?,
            Values::Range { next, step, last, is_hex } => {
                if (*step > 0 && *next > *last) || (*step < 0 && *next < *last) {
                    return None;
                }
                let value = if *is_hex { format!("{next:x}") } else { next.to_string() };
                *next = next.saturating_add(*step);
                vec![value]
            }
        };
        for (name, value) in self.names.iter().zip(&values) {
            definitions.set(name, value);
        }
        Some(self.text.clone())
    }

    /// `~SEQ(name, start, step, end) text`, with two numbers `start, end`, with one `end`; `~SEQx` counts in hexadecimal.
    /// Otherwise what keepalived calls it.
    pub fn range(line: &str, definitions: &Definitions) -> Result<Sequence, &'static str> {
        const INVALID: &str = "Invalid ~SEQ definition";
        let rest = line.strip_prefix("~SEQ").unwrap_or_default();
        let (rest, is_hex) = rest.strip_prefix('x').map_or((rest, false), |rest| (rest, true));
        let inner = rest.trim_start_matches([' ', '\t']).strip_prefix('(').ok_or("")?;
        let (inside, text) = inner.split_once(')').ok_or(INVALID)?;
        let (name, numbers) = inside.split_once(',').ok_or(INVALID)?;
        let mut numbers = numbers.to_owned();
        definitions.expand(&mut numbers);
        let numbers: Vec<i64> =
            numbers.split(',').map(|text| number(text.trim())).collect::<Option<_>>().ok_or(INVALID)?;
        let (next, step, last) = match numbers[..] {
            [end] => (if end < 0 { -1 } else { 1 }, if end < 1 { -1 } else { 1 }, end),
            [start, end] => (start, if start <= end { 1 } else { -1 }, end),
            [start, step, end] => (start, step, end),
            _ => return Err(INVALID),
        };
        if step == 0 || (next < last && step < 0) || (next > last && step > 0) {
            return Err("Invalid ~SEQ values");
        }
        if is_hex && (next < 0 || last < 0) {
            return Err("~SEQx is only valid for positive numbers");
        }
        let values = Values::Range { next, step, last, is_hex };
        Ok(Sequence { names: vec![name.trim().to_owned()], values, text: text.trim_start().to_owned() })
    }

    /// `~LST(name, value, value) text`, `~LST({name, name}, {value, value}, ...) text`
    pub fn list(line: &str) -> Option<Sequence> {
        let inner = line.strip_prefix("~LST")?.trim_start_matches([' ', '\t']).strip_prefix('(')?;
        let (inside, text) = inner.split_once(')')?;
        let mut sets = VecDeque::new();
        let mut rest = inside.trim();
        loop {
            let (set, after) = match rest.strip_prefix('{') {
                Some(set) => set.split_once('}').map(|(set, after)| (set, after.trim_start()))?,
                None => rest.find(',').map_or((rest, ""), |comma| rest.split_at(comma)),
            };
            sets.push_back(set.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>());
            match after.strip_prefix(',') {
                Some(more) => rest = more.trim_start(),
                None if after.is_empty() => break,
                None => return None,
            }
        }
        let names = sets.pop_front()?;
        if sets.is_empty() || sets.iter().any(|set| set.len() > names.len()) {
            return None;
        }
        for set in &mut sets {
            set.resize(names.len(), String::new());
        }
        Some(Sequence { names, values: Values::List(sets), text: text.trim_start().to_owned() })
    }
}

/// strtol with base 0.
fn number(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    value.ok().map(|value| sign * value)
}
