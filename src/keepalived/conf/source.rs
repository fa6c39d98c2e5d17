//! From files to lines: includes, conditions, definitions, braces (lib/parser.c: read_line).

use std::collections::VecDeque;

use super::define::{Definitions, Sequence};
use super::lexer::{self, Line};

/// What a configuration is read with: the other files of the machine, and who reads it.
pub trait Files {
    /// The texts of all files that a pattern names, in order, each with its path; none if there is no such file.
    fn read(&mut self, pattern: &str) -> Vec<(String, String)>;

    /// Whether there is a program at a path. Scripts that are not there are not spoken of.
    fn is_program(&mut self, _path: &str) -> bool {
        false
    }

    /// How the file that is read was named.
    fn name(&self) -> &str {
        "/etc/keepalived/keepalived.conf"
    }

    /// Whether this is `keepalived -t`, which is stricter with numbers.
    fn is_test(&self) -> bool {
        false
    }
}

/// What the files hold, one thing after the other.
#[derive(Clone, Debug)]
pub enum Item {
    /// A line.
    Line(Line),
    /// A complaint about a line.
    Complaint(Complaint),
}

/// What is said about a line before anybody has understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where; none for what is said at the end.
    pub place: Option<(Option<String>, usize)>,
    /// What.
    pub text: String,
    /// What is missing.
    pub kind: Fault,
}

/// How bad a complaint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A quote or a brace.
    Syntax,
    /// A file that may be missing.
    File,
    /// A file that may not (includer, includea and their like).
    NeededFile,
}

/// How deep files may include files.
const MAX_DEPTH: usize = 32;

/// How many lines sequences and includes may make of a file.
const MAX_LINES: usize = 20_000;

/// How many files may be included.
const MAX_FILES: usize = 256;

/// What fgets is given.
const LINE_BUFFER: usize = 1023;

/// Reads a text as one of keepalived's processes does. The first one reads the files, and names none as long as there is
/// only one; the others read its copy, from which comments have gone, and name each.
pub fn items(text: &str, id: &str, is_copy: bool, files: &mut dyn Files) -> Vec<Item> {
    let name = is_copy.then(|| files.name().to_owned());
    let folder = files.name().rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
    let mut reader = Reader {
        id,
        is_copy,
        files,
        definitions: Definitions::new(id, &folder),
        frames: Vec::new(),
        place: Place::default(),
        depth: 0,
        files_left: MAX_FILES,
        items: Vec::new(),
    };
    reader.file(name.as_deref(), "", text, 0);
    if reader.depth > 0 {
        let text = format!("There are {} missing '}}'s or extra '{{'s", reader.depth);
        reader.items.push(Item::Complaint(Complaint { place: None, text, kind: Fault::Syntax }));
    }
    reader.items
}

/// The line of a file that is being read.
#[derive(Default)]
struct Place {
    file: Option<String>,
    number: usize,
    /// The line as it stands in the file, and how far its words have been found.
    raw: String,
    found: usize,
}

/// Lines that come from definitions, before the file goes on.
enum Frame {
    Lines(VecDeque<String>),
    Sequence(Sequence),
}

struct Reader<'a> {
    id: &'a str,
    is_copy: bool,
    files: &'a mut dyn Files,
    definitions: Definitions,
    frames: Vec<Frame>,
    place: Place,
    /// Open braces.
    depth: usize,
    /// How many files may still be included.
    files_left: usize,
    items: Vec<Item>,
}

impl Reader<'_> {
    fn file(&mut self, name: Option<&str>, folder: &str, text: &str, depth: usize) {
        // The copy has more lines where there were longer ones.
        let mut longer = 0;
        for (index, raw) in text.split('\n').enumerate() {
            let mut rest = raw.trim_end_matches('\r');
            let (index, mut parts) = (index + longer, 0);
            loop {
                // A line that is longer than the buffer goes on as if it were the next one.
                let end = rest.floor_char_boundary(LINE_BUFFER.min(rest.len()));
                let (part, after) = rest.split_at(end);
                let index = index + parts;
                let is_whole = after.is_empty() || self.is_copy;
                let number = if is_whole { index + 1 } else { index };
                self.place = Place { file: name.map(str::to_owned), number, raw: part.to_owned(), found: 0 };
                self.physical_line(folder, part, depth);
                rest = after;
                if rest.is_empty() {
                    break;
                }
                parts += usize::from(self.is_copy);
            }
            longer += parts;
            if self.items.len() >= MAX_LINES {
                return;
            }
        }
    }

    fn physical_line(&mut self, folder: &str, part: &str, depth: usize) {
        // A copy has been through this once.
        let text = if self.is_copy { self.plain(&lexer::without_comment(part).0) } else { self.plain(part) };
        if self.definitions.is_open() {
            self.definitions.go_on(&text);
            return;
        }
        self.line(text, folder, depth);
        while self.items.len() < MAX_LINES
            && let Some(frame) = self.frames.last_mut()
        {
            let next = match frame {
                Frame::Lines(lines) => lines.pop_front(),
                Frame::Sequence(sequence) => sequence.next(&mut self.definitions),
            };
            match next {
                Some(text) => self.line(text, folder, depth),
                None => drop(self.frames.pop()),
            }
        }
    }

    fn plain(&mut self, line: &str) -> String {
        let (text, is_closed) = lexer::without_comment(line);
        if !is_closed {
            self.complain(format!("Unterminated quote '{text}'"), Fault::Syntax);
        }
        text
    }

    fn complain(&mut self, text: String, kind: Fault) {
        let place = Some((self.place.file.clone(), self.place.number));
        self.items.push(Item::Complaint(Complaint { place, text, kind }));
    }

    /// A line without its comment: conditions, definitions, sequences, includes; what is left are words.
    fn line(&mut self, mut text: String, folder: &str, depth: usize) {
        loop {
            match self.for_this_machine(&text) {
                Some(rest) => text = rest,
                None => return,
            }
            if text.is_empty() || self.definitions.take(&text) {
                return;
            }
            if text.starts_with("~SEQ") || text.starts_with("~LST") {
                self.sequence(&text);
                return;
            }
            if text.starts_with('~') {
                break;
            }
            let Some(more) = self.definitions.expand(&mut text) else { break };
            if !more.is_empty() && self.frames.len() < MAX_DEPTH {
                self.frames.push(Frame::Lines(more));
            }
            text = self.plain(&text);
            if !text.starts_with(['@', '~']) && !text.contains('$') {
                break;
            }
        }
        if !self.include(&text, folder, depth) {
            self.split(&text, folder, depth);
        }
    }

    /// `@id rest` is for the machine of this configuration identifier only, `@^id rest` for all others.
    fn for_this_machine(&self, line: &str) -> Option<String> {
        let Some(rest) = line.strip_prefix('@') else { return Some(line.to_owned()) };
        let (rest, is_reversed) = rest.strip_prefix('^').map_or((rest, false), |rest| (rest, true));
        let (name, rest) = rest.split_once([' ', '\t'])?;
        ((name == self.id) != is_reversed).then(|| rest.trim_start_matches([' ', '\t']).to_owned())
    }

    fn sequence(&mut self, text: &str) {
        let (made, kind) = if text.starts_with("~SEQ") {
            (Sequence::range(text, &self.definitions), "SEQ")
        } else {
            (Sequence::list(text).ok_or(""), "LST")
        };
        match made {
            Ok(sequence) if self.frames.len() < MAX_DEPTH => self.frames.push(Frame::Sequence(sequence)),
            Ok(_) => {}
            Err(detail) => {
                if !detail.is_empty() {
                    self.complain(format!("{detail} '{text}'"), Fault::Syntax);
                }
                self.complain(format!("Invalid ~{kind} specification '{text}'"), Fault::Syntax);
            }
        }
    }

    /// `include PATTERN`, relative to the file's folder; true if the line is one.
    fn include(&mut self, text: &str, folder: &str, depth: usize) -> bool {
        let Some(rest) = text.strip_prefix("include") else { return false };
        let (rest, need) = match rest.strip_prefix(['r', 'm', 'w', 'b', 'a']) {
            Some(after) => (after, rest.chars().next()),
            None => (rest, None),
        };
        if !rest.starts_with([' ', '\t']) {
            return false;
        }
        let pattern = rest.trim();
        let path = if pattern.starts_with('/') { pattern.to_owned() } else { format!("{folder}{pattern}") };
        let found = if depth < MAX_DEPTH { self.files.read(&path) } else { Vec::new() };
        // The copy says what was missing no more.
        if found.is_empty() && !self.is_copy {
            let is_pattern = pattern.contains(['*', '?', '[']);
            match (need, is_pattern) {
                (Some('a' | 'w'), true) => {
                    self.complain(format!("No config files matched '{pattern}'."), Fault::NeededFile);
                }
                (_, true) => {}
                (Some('a' | 'w' | 'm'), false) => {
                    self.complain(format!("Config files missing '{pattern}'."), Fault::NeededFile);
                }
                (_, false) => self.complain(format!("Config files missing '{pattern}'."), Fault::File),
            }
        }
        let here = std::mem::take(&mut self.place);
        let frames = std::mem::take(&mut self.frames);
        for (path, text) in found {
            let Some(left) = self.files_left.checked_sub(1) else { break };
            self.files_left = left;
            let inner = path.rsplit_once('/').map_or("", |(inner, _)| &path[..=inner.len()]).to_owned();
            let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            self.file(Some(&name), &inner, &text, depth + 1);
        }
        self.place = here;
        self.frames = frames;
        true
    }

    /// Braces get lines of their own; what stands behind one is read as a line again.
    fn split(&mut self, text: &str, folder: &str, depth: usize) {
        let Some(at) = lexer::brace(text) else { return self.words(text) };
        if at > 0 {
            self.words(&text[..at]);
            return self.split(&text[at..], folder, depth);
        }
        let (brace, rest) = text.split_at(1);
        if brace == "{" {
            self.depth += 1;
        } else if self.depth > 0 {
            self.depth -= 1;
        } else {
            self.complain("Extra '}' found".to_owned(), Fault::Syntax);
        }
        self.words(brace);
        let rest = rest.trim_matches([' ', '\t']);
        if !rest.is_empty() {
            self.line(rest.to_owned(), folder, depth);
        }
    }

    fn words(&mut self, text: &str) {
        let text = text.trim_end_matches([' ', '\t']);
        let (words, is_closed) = lexer::words(text);
        if !is_closed {
            self.complain(format!("Unmatched quote: '{text}'"), Fault::Syntax);
        }
        let words: Vec<(String, usize)> = words.into_iter().map(|(word, _)| self.placed(word)).collect();
        if words.is_empty() {
            return;
        }
        let Place { file, number, .. } = &self.place;
        self.items.push(Item::Line(Line { file: file.clone(), number: *number, words, text: text.to_owned() }));
    }

    /// A word, and where it stands in the file's line; one from a definition stands where the words before it end.
    fn placed(&mut self, word: &str) -> (String, usize) {
        let place = &mut self.place;
        if let Some(at) = place.raw.get(place.found..).and_then(|rest| rest.find(word)) {
            place.found += at;
        }
        let column = place.found + 1;
        if place.raw[place.found..].starts_with(word) {
            place.found += word.len();
        }
        (word.to_owned(), column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Files for One {
        fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
            match pattern {
                "conf.d/*.conf" => vec![
                    ("conf.d/a.conf".to_owned(), "included 1\ninclude b\n".to_owned()),
                    ("conf.d/c.conf".to_owned(), "included 3\n".to_owned()),
                ],
                "conf.d/b" => vec![(pattern.to_owned(), "included 2\n".to_owned())],
                _ => Vec::new(),
            }
        }
    }

    fn read(text: &str) -> Vec<String> {
        let show = |item| match item {
            Item::Line(line) => line.words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join("|"),
            Item::Complaint(complaint) => {
                format!("{}: {}", complaint.place.map_or(0, |(_, line)| line), complaint.text)
            }
        };
        items(text, "ds1", false, &mut One).into_iter().map(show).collect()
    }

    #[test]
    fn definitions_and_conditions() {
        let text = "$vip=10.0.0.1\nx $vip\ny ${vip}/24\nz $none $vip/24\n@ds1 mine\n@ds2 theirs\n@^ds2 others\n";
        assert_eq!(read(text), ["x|10.0.0.1", "y|10.0.0.1/24", "z|$none|$vip/24", "mine", "others"]);
        assert_eq!(read("$a=1\n$b=${a}2\n$a=3\nx $b"), ["x|32"], "a name is looked up when it is used");
        assert!(read("$a=x$a\ny $a")[0].starts_with("y|xxx"), "a definition of itself ends somewhere");
    }

    #[test]
    fn definitions_of_several_lines() {
        let text = "$SERVER= \\\n  real_server 10.0.0.${n} 80 { \\\n weight 1 \\\n }\n$n=2\n$SERVER\n";
        assert_eq!(read(text), ["real_server|10.0.0.2|80", "{", "weight|1", "}"]);
    }

    #[test]
    fn sequences() {
        assert_eq!(read("~SEQ(n, 2) a $n"), ["a|1", "a|2"]);
        assert_eq!(read("~SEQ(n, 5, -2, 1) ~SEQ(m, 1) ${n}-${m}"), ["5-1", "3-1", "1-1"]);
        assert_eq!(read("~SEQx(n, 9, 11) a $n"), ["a|9", "a|a", "a|b"]);
        assert_eq!(read("~LST({a, b}, {1, 2}, {3}) x $a $b y"), ["x|1|2|y", "x|3|y"]);
        assert_eq!(read("~SEQ(n, 1, 0, 2) x")[0], "1: Invalid ~SEQ values '~SEQ(n, 1, 0, 2) x'");
        assert_eq!(read("~SEQ(n, 1000000000000) x").len(), MAX_LINES);
    }

    #[test]
    fn included_files() {
        assert_eq!(read("include conf.d/*.conf\n"), ["included|1", "included|2", "included|3"]);
        assert_eq!(read("include no\ninclude *.no\n"), ["1: Config files missing 'no'."]);
    }

    #[test]
    fn braces_stand_alone() {
        assert_eq!(read("vrrp_instance a{\nb { c }\n}"), ["vrrp_instance|a", "{", "b", "{", "c", "}", "}"]);
        assert_eq!(read("a {"), ["a", "{", "0: There are 1 missing '}'s or extra '{'s"]);
        assert_eq!(read("}"), ["1: Extra '}' found", "}"]);
    }
}
