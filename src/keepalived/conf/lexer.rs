//! Lines, comments, quotes, definitions and includes: lib/parser.c's read_line, decomment and alloc_strvec.

use std::collections::BTreeMap;

/// A line of the configuration that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file, if it is an included one.
    pub file: Option<String>,
    /// Counted from 1.
    pub number: usize,
    /// Its words, and where each begins, counted from 1.
    pub words: Vec<(String, usize)>,
}

/// Reads files of the machine by path or pattern.
pub trait Files {
    /// The texts of all files that a pattern names, in order; none if there is no such file.
    fn read(&mut self, pattern: &str) -> Vec<(String, String)>;

    /// Whether there is a program at a path. Scripts that are not there are not spoken of.
    fn is_program(&mut self, _path: &str) -> bool {
        false
    }
}

/// What the lexer has to say about a line.
pub type Complaint = (Option<String>, usize, String);

/// How deep files may include files.
const MAX_DEPTH: usize = 32;

/// Takes a text apart into lines.
pub fn lines(text: &str, id: &str, files: &mut dyn Files) -> (Vec<Line>, Vec<Complaint>) {
    let mut lexer = Lexer { id, files, definitions: BTreeMap::new(), lines: Vec::new(), complaints: Vec::new() };
    for (name, value) in [("_HASH", "#"), ("_BANG", "!"), ("_INSTANCE", id)] {
        lexer.definitions.insert(name.to_owned(), value.to_owned());
    }
    lexer.text(None, text, 0);
    (lexer.lines, lexer.complaints)
}

struct Lexer<'a> {
    id: &'a str,
    files: &'a mut dyn Files,
    definitions: BTreeMap<String, String>,
    lines: Vec<Line>,
    complaints: Vec<Complaint>,
}

impl Lexer<'_> {
    fn text(&mut self, file: Option<&str>, text: &str, depth: usize) {
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let plain = without_comment(line);
            let Some(plain) = self.for_this_machine(&plain) else { continue };
            if let Some((name, value)) = definition(&plain) {
                let value = self.expanded(value);
                self.definitions.insert(name.to_owned(), value);
                continue;
            }
            let expanded = self.expanded(&plain);
            let (words, is_closed) = words(&expanded);
            if !is_closed {
                let text = format!("Unterminated quote '{}'", expanded.trim());
                self.complaints.push((file.map(str::to_owned), number, text));
            }
            match words.as_slice() {
                [] => {}
                [(keyword, _), (pattern, _), ..] if keyword == "include" && depth < MAX_DEPTH => {
                    let found = self.files.read(pattern);
                    if found.is_empty() {
                        let text = format!("Config files missing '{pattern}'.");
                        self.complaints.push((file.map(str::to_owned), number, text));
                    }
                    for (path, text) in found {
                        self.text(Some(&path), &text, depth + 1);
                    }
                }
                _ => self.lines.push(Line { file: file.map(str::to_owned), number, words }),
            }
        }
    }

    /// `@id rest` is for the machine of this configuration identifier only, `@^id rest` for all others.
    fn for_this_machine(&self, line: &str) -> Option<String> {
        let Some(rest) = line.trim_start().strip_prefix('@') else { return Some(line.to_owned()) };
        let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let applies = match name.strip_prefix('^') {
            Some(other) => other != self.id,
            None => name == self.id,
        };
        applies.then(|| rest.to_owned())
    }

    /// `$NAME` before a blank, a comma or the end, and `${NAME}` anywhere.
    fn expanded(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let (name, after) = match rest[1..].strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some(found) => found,
                None => {
                    let end = rest[1..].find([' ', '\t', ',']).map_or(rest.len(), |end| end + 1);
                    (&rest[1..end], &rest[end..])
                }
            };
            match self.definitions.get(name) {
                Some(value) => {
                    out.push_str(value);
                    rest = after;
                }
                None => {
                    out.push('$');
                    rest = &rest[1..];
                }
            }
        }
        out + rest
    }
}

/// `$NAME=text`
fn definition(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start().strip_prefix('$')?.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, value))
}

/// `#` and `!` outside quotes begin a comment anywhere, even inside a word; a backslash before them makes them plain.
fn without_comment(line: &str) -> String {
    let (mut out, mut is_quoted) = (String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\\' if !is_quoted && matches!(chars.peek(), Some('#' | '!')) => {
                out.extend(chars.next());
                continue;
            }
            '#' | '!' if !is_quoted => break,
            _ => {}
        }
        out.push(c);
    }
    out
}

/// Words between blanks; a quoted part is a word of its own. Braces at the edges of words stand by themselves. False if a
/// quote is not closed.
fn words(line: &str) -> (Vec<(String, usize)>, bool) {
    let mut words: Vec<(String, usize)> = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\x0b', '\x0c', '\r']);
        let place = line.len() - rest.len() + 1;
        if rest.is_empty() {
            return (words, true);
        }
        if let Some(inner) = rest.strip_prefix('"') {
            let Some((quoted, after)) = inner.split_once('"') else {
                words.push((inner.to_owned(), place));
                return (words, false);
            };
            words.push((quoted.to_owned(), place));
            rest = after;
            continue;
        }
        let end = rest.find([' ', '\t', '\x0b', '\x0c', '\r', '"']).unwrap_or(rest.len());
        let word = &rest[..end];
        rest = &rest[end..];
        match word.strip_suffix('{') {
            Some(name) if !name.is_empty() => {
                words.push((name.to_owned(), place));
                words.push(("{".to_owned(), place + name.len()));
            }
            _ => words.push((word.to_owned(), place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Files for One {
        fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
            if pattern == "part.conf" { vec![(pattern.to_owned(), "included 1\n".to_owned())] } else { Vec::new() }
        }
    }

    fn read(text: &str) -> Vec<String> {
        let (lines, complaints) = lines(text, "ds1", &mut One);
        let words = |line: &Line| line.words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join("|");
        let said = complaints.iter().map(|(_, number, text)| format!("{number}: {text}"));
        lines.iter().map(words).chain(said).collect()
    }

    #[test]
    fn comments_begin_anywhere() {
        assert_eq!(read("auth_pass abc!def\na \"b # c\" # d\ne\\#f\n! all"), ["auth_pass|abc", "a|b # c", "e#f"]);
    }

    #[test]
    fn definitions_and_conditions() {
        let text = "$vip=10.0.0.1\nx $vip\ny ${vip}/24\nz $none\n@ds1 mine\n@ds2 theirs\n@^ds2 others\n";
        assert_eq!(read(text), ["x|10.0.0.1", "y|10.0.0.1/24", "z|$none", "mine", "others"]);
    }

    #[test]
    fn included_files() {
        assert_eq!(read("include part.conf\ninclude no\n"), ["included|1", "2: Config files missing 'no'."]);
    }

    #[test]
    fn braces_stand_alone() {
        assert_eq!(read("vrrp_instance a{\nb { c }\n"), ["vrrp_instance|a|{", "b|{|c|}"]);
        assert_eq!(read("c\"d e\"\nf \"g"), ["c|d e", "f|g", "2: Unterminated quote 'f \"g'"]);
    }
}
