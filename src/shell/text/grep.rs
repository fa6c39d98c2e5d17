//! grep: lines that a pattern is found in.

use regex_lite::{Regex, RegexBuilder};

use super::read;
use crate::host::Kernel;
use crate::shell::Io;

/// What grep is asked for.
#[derive(Default)]
struct Options {
    flags: String,
    patterns: Vec<String>,
    names: Vec<String>,
    max: Option<usize>,
}

impl Options {
    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    fn parse(args: &[String]) -> Options {
        let mut options = Options::default();
        if args.first().is_some_and(|name| name.ends_with("egrep")) {
            options.flags.push('E');
        }
        let mut words = args.iter().skip(1);
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                Some("e") => options.patterns.extend(words.next().cloned()),
                Some("m") => options.max = words.next().and_then(|number| number.parse().ok()),
                Some(rest) if rest.starts_with("-") => {}
                Some(flags) if !flags.is_empty() => options.flags.push_str(flags),
                _ => options.names.push(word.clone()),
            }
        }
        if options.patterns.is_empty() && !options.names.is_empty() {
            options.patterns.push(options.names.remove(0));
        }
        options
    }

    fn regex(&self) -> Result<Regex, regex_lite::Error> {
        let patterns = self.patterns.iter().flat_map(|pattern| pattern.split('\n'));
        let all: Vec<String> = patterns.map(|pattern| format!("(?:{})", self.translate(pattern))).collect();
        RegexBuilder::new(&all.join("|")).case_insensitive(self.has('i')).build()
    }

    /// A pattern in the form that the regular expressions' crate takes.
    fn translate(&self, pattern: &str) -> String {
        let plain = match (self.has('F'), self.has('E') || self.has('P')) {
            (true, _) => regex_lite::escape(pattern),
            (false, true) => pattern.to_owned(),
            (false, false) => from_basic(pattern),
        };
        match (self.has('x'), self.has('w')) {
            (true, _) => format!("^(?:{plain})$"),
            (false, true) => format!(r"\b(?:{plain})\b"),
            (false, false) => plain,
        }
    }
}

/// In basic regular expressions braces, parentheses, bars, plus and question mark are themselves unless quoted.
pub(in crate::shell) fn from_basic(pattern: &str) -> String {
    const SWAPPED: [char; 7] = ['(', ')', '{', '}', '|', '+', '?'];
    let mut extended = String::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    let mut in_set = false;
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('[', _) if !in_set => {
                in_set = true;
                extended.push(c);
                continue;
            }
            (']', _) => in_set = false,
            ('\\', Some(&next)) if !in_set => {
                chars.next();
                if !SWAPPED.contains(&next) {
                    // `\<` and `\>` are the borders of words; what has no meaning of its own stands for itself.
                    match next {
                        '<' | '>' => extended.push_str(r"\b"),
                        next if next.is_alphabetic() => extended.extend(['\\', next]),
                        next => extended.push_str(&regex_lite::escape(next.encode_utf8(&mut [0; 4]))),
                    }
                } else {
                    extended.push(next);
                }
                continue;
            }
            (c, _) if SWAPPED.contains(&c) && !in_set => extended.push('\\'),
            ('*', _) if extended.is_empty() || extended == "^" => extended.push('\\'),
            _ => {}
        }
        extended.push(c);
    }
    extended
}

/// grep \[-E|-F\] \[-i\] \[-v\] \[-c\] \[-q\] \[-n\] \[-o\] \[-w\] \[-x\] \[-l\] \[-h\] \[-H\] \[-s\] \[-m N\] \[-e\] PATTERN \[FILE...\]
pub(in crate::shell) fn grep(kernel: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let options = Options::parse(args);
    if options.patterns.is_empty() {
        io.err = "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n".to_owned();
        return 2;
    }
    let Ok(regex) = options.regex() else {
        io.err = "grep: Invalid regular expression\n".to_owned();
        return 2;
    };
    let names = if options.names.is_empty() { vec!["-".to_owned()] } else { options.names.clone() };
    let (mut found, mut failed) = (false, false);
    for name in &names {
        match read(kernel, io, name) {
            Ok(text) => found |= search(&options, &regex, name, names.len() > 1, &text, io),
            Err(_) if options.has('s') => failed = true,
            Err(error) => {
                io.err.push_str(&format!("grep: {name}: {error}\n"));
                failed = true;
            }
        }
    }
    match (failed, found) {
        (_, true) if options.has('q') => 0,
        (true, _) => 2,
        (false, found) => i32::from(!found),
    }
}

/// Prints what is found in one text; whether there was anything.
fn search(options: &Options, regex: &Regex, name: &str, several: bool, text: &str, io: &mut Io) -> bool {
    let shown = if name == "-" { "(standard input)" } else { name };
    let prefix = if options.has('H') || several && !options.has('h') { format!("{shown}:") } else { String::new() };
    let mut count = 0;
    for (number, line) in text.lines().enumerate() {
        if options.max.is_some_and(|max| count >= max) {
            break;
        }
        if regex.is_match(line) == options.has('v') {
            continue;
        }
        count += 1;
        if options.flags.contains(['q', 'c', 'l']) {
            continue;
        }
        let number = if options.has('n') { format!("{}:", number + 1) } else { String::new() };
        if options.has('o') {
            let parts = regex.find_iter(line).filter(|part| !part.is_empty());
            io.out.extend(parts.map(|part| format!("{prefix}{number}{}\n", part.as_str())));
        } else {
            io.out.push_str(&format!("{prefix}{number}{line}\n"));
        }
    }
    if options.has('l') && count > 0 {
        io.out.push_str(&format!("{shown}\n"));
    } else if options.has('c') && !options.has('q') {
        io.out.push_str(&format!("{prefix}{count}\n"));
    }
    count > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::testing::Console;

    #[test]
    fn basic_expressions() {
        assert_eq!(from_basic(r"a+b\(c\|d\)[(|]\.*"), r"a\+b(c|d)[(|]\.*");
        assert_eq!(from_basic("*x"), r"\*x");
        assert_eq!(from_basic(r"\<eth\>"), r"\beth\b");
    }

    #[test]
    fn lines_are_found() {
        insta::assert_snapshot!(Console::new().converse(&[
            "printf 'inet 10.0.0.1/8\\nlink up\\nInet 10.0.0.12\\n' > f; grep inet f; grep -ic inet f; grep -v inet f",
            "grep -E '10\\.0\\.0\\.1(/|$)' f; grep -o '[0-9]*\\.[0-9.]*' f; grep -w 10.0.0.1 f; grep -n up f; grep -q zz f; echo $?",
            "grep x none; grep; grep '(' f; grep -E '(' f; cat f | grep -c up; grep up f f; grep -l up f",
        ]), @r"
        $ printf 'inet 10.0.0.1/8\nlink up\nInet 10.0.0.12\n' > f; grep inet f; grep -ic inet f; grep -v inet f
        inet 10.0.0.1/8
        2
        link up
        Inet 10.0.0.12
        $ grep -E '10\.0\.0\.1(/|$)' f; grep -o '[0-9]*\.[0-9.]*' f; grep -w 10.0.0.1 f; grep -n up f; grep -q zz f; echo $?
        inet 10.0.0.1/8
        10.0.0.1
        10.0.0.12
        inet 10.0.0.1/8
        2:link up
        1
        $ grep x none; grep; grep '(' f; grep -E '(' f; cat f | grep -c up; grep up f f; grep -l up f
        1
        f:link up
        f:link up
        f
        grep: none: No such file or directory
        Usage: grep [OPTION]... PATTERNS [FILE]...
        Try 'grep --help' for more information.
        grep: Invalid regular expression
        ");
    }
}
