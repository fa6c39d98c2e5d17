//! Words of a line: comments, quotes and braces (lib/parser.c: decomment, alloc_strvec_r, alloc_strvec_quoted_escaped).

/// A line of the configuration that says something. Braces stand on lines of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The file, if messages name it.
    pub file: Option<String>,
    /// Counted from 1.
    pub number: usize,
    /// Its words, and where each begins in the file's line, counted from 1.
    pub words: Vec<(String, usize)>,
    /// What the words were made of: commands are read from it once more, by other rules.
    pub text: String,
}

impl Line {
    /// Its first word.
    pub fn keyword(&self) -> &str {
        self.words.first().map_or("", |(word, _)| word)
    }
}

/// What separates words.
const BLANKS: [char; 5] = [' ', '\t', '\x0b', '\x0c', '\r'];

/// A line without its comment and the blanks around it; false if a quote is left open.
///
/// `#` and `!` outside quotes begin a comment anywhere, even inside a word; a backslash before them makes them plain.
pub fn without_comment(line: &str) -> (String, bool) {
    let mut out = String::with_capacity(line.len());
    let (mut is_quoted, mut is_comment, mut goes_on) = (false, false, false);
    let mut chars = line.trim_start_matches([' ', '\t']).chars();
    while let Some(c) = chars.next() {
        match c {
            '"' if !is_comment => is_quoted = !is_quoted,
            '\\' => match chars.next() {
                // A definition goes on in the next line, even behind a comment.
                None => {
                    goes_on = true;
                    break;
                }
                Some(next) => {
                    if !is_comment {
                        if is_quoted || !matches!(next, '#' | '!') {
                            out.push(c);
                        }
                        out.push(next);
                    }
                    continue;
                }
            },
            '#' | '!' if !is_quoted => is_comment = true,
            _ => {}
        }
        if !is_comment {
            out.push(c);
        }
    }
    out.truncate(out.trim_end_matches([' ', '\t']).len());
    if goes_on {
        out.push('\\');
    }
    (out, !is_quoted)
}

/// Where the first brace outside quotes stands.
pub fn brace(text: &str) -> Option<usize> {
    let mut at = 0;
    if text.starts_with(['{', '}']) {
        return Some(0);
    }
    loop {
        at += text[at..].find(['{', '}', '"'])?;
        if !text[at..].starts_with('"') {
            return Some(at);
        }
        at += 1;
        at += text[at..].find('"')? + 1;
    }
}

/// Words between blanks; a quoted part is a word of its own. Each comes with its place, counted from 0. False if a quote
/// is not closed: what follows it is lost.
pub fn words(text: &str) -> (Vec<(&str, usize)>, bool) {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(BLANKS);
        let place = text.len() - rest.len();
        if rest.is_empty() {
            return (words, true);
        }
        if let Some(inner) = rest.strip_prefix('"') {
            let Some((quoted, after)) = inner.split_once('"') else { return (words, false) };
            words.push((quoted, place));
            rest = after;
            continue;
        }
        let end = rest.find(|c| c == '"' || BLANKS.contains(&c)).unwrap_or(rest.len());
        words.push((&rest[..end], place));
        rest = &rest[end..];
    }
}

/// The words of a command: both kinds of quotes, anywhere in a word, and escapes. The quote that is left open otherwise.
pub fn command(text: &str) -> Result<Vec<String>, char> {
    let mut words = Vec::new();
    let mut chars = text.trim_start_matches(BLANKS).chars().peekable();
    while chars.peek().is_some() {
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', _) => word.extend(escape(&mut chars)),
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (c, None) if BLANKS.contains(&c) => break,
                _ => word.push(c),
            }
        }
        if let Some(open) = quote {
            return Err(open);
        }
        words.push(word);
        while chars.next_if(|c| BLANKS.contains(c)).is_some() {}
    }
    Ok(words)
}

/// What a backslash makes of the characters behind it.
fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let digits = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix: u32, most: usize| {
        let mut value: u8 = 0;
        for _ in 0..most {
            let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
            // A char of C: what does not fit is lost.
            value = value.wrapping_mul(radix as u8).wrapping_add(digit as u8);
            chars.next();
        }
        char::from(value)
    };
    Some(match *chars.peek()? {
        '0'..='7' => digits(chars, 8, 3),
        c => {
            chars.next();
            match c {
                'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => digits(chars, 16, usize::MAX),
                'c' if chars.peek().is_some() => chars.next().map_or('c', |c| char::from(c as u8 & 0x1f)),
                'a' => '\x07',
                'b' => '\x08',
                'E' => '\x1b',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\x0b',
                other => other,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_begin_anywhere() {
        let plain = |text: &str| without_comment(text).0;
        assert_eq!(plain("  auth_pass abc!def"), "auth_pass abc");
        assert_eq!(plain("a \"b # c\" # d"), "a \"b # c\"");
        assert_eq!(plain("e\\#f \\! g"), "e#f ! g");
        assert_eq!(plain("! all"), "");
        assert_eq!(plain("$A=x # comment \\"), "$A=x\\");
        assert_eq!(without_comment("f \"g"), ("f \"g".to_owned(), false));
    }

    #[test]
    fn quotes_make_words() {
        let read = |text: &'static str| words(text).0.into_iter().map(|(word, _)| word).collect::<Vec<_>>();
        assert_eq!(read("c\"d e\" f"), ["c", "d e", "f"]);
        assert_eq!(read("weight\t\"  10\""), ["weight", "  10"]);
        assert_eq!(words("a \"b"), (vec![("a", 0)], false));
    }

    #[test]
    fn braces_in_quotes_are_plain() {
        assert_eq!(brace("misc_path \"a {b}\""), None);
        assert_eq!(brace("virtual_ipaddress{ 10.0.0.1"), Some(17));
        assert_eq!(brace("a \"{"), None);
    }

    #[test]
    fn commands_have_quotes_and_escapes() {
        let read = |text: &str| command(text).map(|words| words.join("|"));
        assert_eq!(
            read("misc_path \"/bin/a 'b' c\\x41\\101\\n\" d\\ e"),
            Ok("misc_path|/bin/a 'b' cAA\n|d e".to_owned())
        );
        assert_eq!(read("notify '/bin/x \"y\"'z"), Ok("notify|/bin/x \"y\"z".to_owned()));
        assert_eq!(read("notify 'open"), Err('\''));
    }
}
