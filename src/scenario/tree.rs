//! Where in the text of a scenario its parts stand.
//!
//! ron tells the position of what it cannot read, but not of what it has read. This is a map of a text that ron has
//! accepted, made only when there is something to complain about; it is not a second parser of the format.

use std::ops::Range;

/// A step on the way from the whole file to one of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The value of a struct's field.
    Field(&'static str),
    /// The key of a map's entry, counted from 0.
    Key(usize),
    /// The value of a map's entry, or a list's element, counted from 0.
    Value(usize),
}

/// A value and where it stands.
#[derive(Debug, Default)]
pub struct Tree {
    range: Range<usize>,
    items: Vec<Item>,
}

#[derive(Debug, Default)]
struct Item {
    key: Range<usize>,
    value: Tree,
}

impl Tree {
    /// The map of a text.
    pub fn of(text: &str) -> Tree {
        Scanner { text, at: 0 }.value()
    }

    /// Where the value of a field of the whole stands, if there is such a field.
    pub fn field(&self, text: &str, name: &str) -> Option<Range<usize>> {
        let item = self.items.iter().find(|item| &text[item.key.clone()] == name)?;
        Some(item.value.range.clone())
    }

    /// Where a part stands in `text`, or the nearest thing around it that exists.
    pub fn find(&self, text: &str, path: &[At]) -> Range<usize> {
        let Some((step, rest)) = path.split_first() else { return self.range.clone() };
        let item = match *step {
            At::Field(name) => self.items.iter().find(|item| &text[item.key.clone()] == name),
            At::Key(index) | At::Value(index) => self.items.get(index),
        };
        match (item, step) {
            (None, _) => self.range.clone(),
            (Some(item), At::Key(_)) => item.key.clone(),
            (Some(item), _) => item.value.find(text, rest),
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Goes on behind white space, comments and attributes.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            let length = if rest.starts_with("//") || rest.starts_with("#!") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                block_comment(rest)
            } else {
                return;
            };
            self.at += length;
        }
    }

    fn value(&mut self) -> Tree {
        self.skip();
        let start = self.at;
        self.at += word(self.rest());
        let mut end = self.at;
        self.skip();
        let mut items = Vec::new();
        if self.rest().starts_with(['(', '[', '{']) {
            self.at += 1;
            items = self.items();
            end = self.at;
        }
        // `Some(x)` is x: the way to it is the same whether it is written so or not.
        if self.text[start..end].starts_with("Some") && items.len() == 1 && items[0].key.is_empty() {
            return items.remove(0).value;
        }
        Tree { range: start..end, items }
    }

    fn items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            self.skip();
            let Some(next) = self.rest().chars().next() else { return items };
            if matches!(next, ')' | ']' | '}') {
                self.at += 1;
                return items;
            }
            let before = self.at;
            let first = self.value();
            self.skip();
            if self.rest().starts_with(':') {
                self.at += 1;
                items.push(Item { key: first.range, value: self.value() });
                self.skip();
            } else {
                items.push(Item { key: 0..0, value: first });
            }
            if self.rest().starts_with(',') {
                self.at += 1;
            }
            if self.at == before {
                // Nothing that a value begins with: whatever it is, do not stay here.
                self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            }
        }
    }
}

/// Bytes of the string, number or name that a text begins with; 0 if there is none.
fn word(text: &str) -> usize {
    let hashes = text.strip_prefix('r').map(|rest| rest.len() - rest.trim_start_matches('#').len());
    if let Some(hashes) = hashes
        && text[1 + hashes..].starts_with('"')
    {
        let close = format!("\"{}", "#".repeat(hashes));
        let body = 2 + hashes;
        return text[body..].find(&close).map_or(text.len(), |at| body + at + close.len());
    }
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(text, quote),
        _ => text
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '(' | ')' | '[' | ']' | '{' | '}' | '/'))
            .unwrap_or(text.len()),
    }
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Bytes of the comment that a text begins with; comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r###"#![enable(implicit_some)]
        // A comment with "quotes" and (brackets
        Scenario(
            title: "with a \" and a (", /* nested /* comment */ { */
            nodes: {
                "a": (setup: ["one", r#"two "quoted" ]"#, 'c'.to]),
                "b": (interfaces: { "eth0": (switch: "lan", mtu: Some(9000)) }),
            },
            until: "5s",
            expect: [Output(node: "a", say: "x")],
        )"###;

    fn find(path: &[At]) -> &'static str {
        &TEXT[Tree::of(TEXT).find(TEXT, path)]
    }

    #[test]
    fn parts_are_found() {
        use At::{Field, Key, Value};
        assert_eq!(find(&[Field("title")]), r#""with a \" and a (""#);
        assert_eq!(find(&[Field("nodes"), Key(1)]), r#""b""#);
        assert_eq!(find(&[Field("nodes"), Value(0), Field("setup"), Value(1)]), r##"r#"two "quoted" ]"#"##);
        assert_eq!(find(&[Field("nodes"), Value(1), Field("interfaces"), Value(0), Field("mtu")]), "9000");
        assert_eq!(find(&[Field("until")]), r#""5s""#);
        assert_eq!(find(&[Field("expect"), Value(0), Field("say")]), r#""x""#);
    }

    #[test]
    fn what_is_missing_leads_to_what_is_around_it() {
        assert_eq!(find(&[At::Field("nodes"), At::Value(0), At::Field("files")]), &TEXT[find_range()]);
    }

    fn find_range() -> Range<usize> {
        Tree::of(TEXT).find(TEXT, &[At::Field("nodes"), At::Value(0)])
    }

    #[test]
    fn any_text_is_survived() {
        for end in 0..TEXT.len() {
            Tree::of(&TEXT[..end]);
        }
        for text in ["", "]", "((((", "a:::", "\"\\", "/*", "r#\"", "é(ü,", "Some", "/", "(/)"] {
            Tree::of(text);
        }
    }
}
