//! Backslash sequences, as `$'...'`, `echo -e` and `printf` know them.

/// What a backslash sequence stands for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::shell) enum Escape {
    /// A character.
    Char(char),
    /// `\c`: nothing more is printed.
    Stop,
    /// None that is known: the backslash stands for itself.
    Unknown,
}

/// Reads a sequence behind its backslash; and how many bytes it is long.
pub(in crate::shell) fn escape(rest: &str) -> (Escape, usize) {
    let Some(first) = rest.chars().next() else { return (Escape::Unknown, 0) };
    let plain = match first {
        'a' => '\x07',
        'b' => '\x08',
        'e' | 'E' => '\x1b',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        'c' => return (Escape::Stop, 1),
        'x' => return number(&rest[1..], 16, 2, 1),
        '0'..='7' => return number(rest, 8, if first == '0' { 4 } else { 3 }, 0),
        _ => return (Escape::Unknown, 0),
    };
    (Escape::Char(plain), 1)
}

fn number(digits: &str, radix: u32, max: usize, before: usize) -> (Escape, usize) {
    let len = digits.chars().take(max).take_while(|c| c.is_digit(radix)).count();
    match u32::from_str_radix(&digits[..len], radix).ok().and_then(|code| char::from_u32(code & 0xff)) {
        Some(c) => (Escape::Char(c), before + len),
        None => (Escape::Unknown, 0),
    }
}

/// A text with its sequences replaced, and whether it was cut off by `\c`.
pub(in crate::shell) fn unescape(text: &str) -> (String, bool) {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (escape, len) = escape(rest);
        match escape {
            Escape::Char(c) => plain.push(c),
            Escape::Stop => return (plain, true),
            Escape::Unknown => plain.push('\\'),
        }
        rest = &rest[len..];
    }
    (plain + rest, false)
}

/// The text of `$'...'`.
pub(super) fn c_string(text: &str) -> String {
    unescape(&text.replace("\\'", "'").replace("\\\"", "\"")).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        assert_eq!(unescape(r"a\tb\n\x41\101\0101\q\\"), ("a\tb\nAAA\\q\\".to_owned(), false));
        assert_eq!(unescape(r"ab\cde"), ("ab".to_owned(), true));
        assert_eq!(unescape("\\"), ("\\".to_owned(), false));
        assert_eq!(c_string(r"it\'s"), "it's");
    }
}
