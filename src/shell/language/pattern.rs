//! Patterns with `*`, `?` and `[...]`: POSIX 2.13.

/// Characters that mean something in a pattern.
const SPECIAL: [char; 4] = ['*', '?', '[', '\\'];

/// A text with its special characters quoted, so that it stands for itself.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(&c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Whether a pattern has a special character that is not quoted.
pub(super) fn is_pattern(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

/// Whether a pattern describes all of a text. Takes time in the product of both lengths at most.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how far the text was when it was met.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
            continue;
        }
        if p == pattern.len() && t == text.len() {
            return true;
        }
        if let Some(next) = text.get(t).and_then(|&c| match_one(&pattern[p..], c)) {
            p += next;
            t += 1;
            continue;
        }
        // A star takes one character more, and everything behind it is tried again.
        match star {
            Some((at, taken)) if taken < text.len() => {
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
            _ => return false,
        }
    }
}

/// How long the pattern's first element is, if it describes this character.
fn match_one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        [] => None,
        ['?', ..] => Some(1),
        ['\\', quoted, ..] => (*quoted == c).then_some(2),
        ['[', set @ ..] => match match_set(set, c) {
            Some((len, true)) => Some(len + 1),
            Some((_, false)) => None,
            None => (c == '[').then_some(1),
        },
        [plain, ..] => (*plain == c).then_some(1),
    }
}

/// How long a bracket expression is behind its `[`, and whether the character is in it; none if it has no end.
fn match_set(set: &[char], c: char) -> Option<(usize, bool)> {
    let negated = matches!(set.first(), Some('!' | '^'));
    let mut at = usize::from(negated);
    let first = at;
    let mut found = false;
    loop {
        match set.get(at..)? {
            [] => return None,
            [']', ..] if at > first => return Some((at + 1, found != negated)),
            ['[', ':', rest @ ..] if rest.contains(&':') => {
                let end = rest.iter().position(|&c| c == ':')?;
                let class: String = rest[..end].iter().collect();
                found |= in_class(&class, c);
                at += end + 4;
            }
            [low, '-', high, ..] if *high != ']' => {
                found |= (*low..=*high).contains(&c);
                at += 3;
            }
            ['\\', quoted, ..] => {
                found |= *quoted == c;
                at += 2;
            }
            [one, ..] => {
                found |= *one == c;
                at += 1;
            }
        }
    }
}

fn in_class(class: &str, c: char) -> bool {
    match class {
        "alnum" => c.is_alphanumeric(),
        "alpha" => c.is_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "lower" => c.is_lowercase(),
        "punct" => c.is_ascii_punctuation(),
        "space" => c.is_whitespace(),
        "upper" => c.is_uppercase(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

/// Which part of a text a pattern takes away from an end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Front,
    Back,
}

/// The text without the shortest or longest part at one end that the pattern describes.
pub(super) fn strip<'a>(text: &'a str, pattern: &str, end: End, longest: bool) -> &'a str {
    let mut cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    // From the least that can be taken to the most, or the other way round.
    if (end == End::Back) != longest {
        cuts.reverse();
    }
    for cut in cuts {
        let (front, back) = text.split_at(cut);
        match end {
            End::Front if matches(pattern, front) => return back,
            End::Back if matches(pattern, back) => return front,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        assert!(matches("*.conf", "keepalived.conf"));
        assert!(matches("10.0.[0-9].?", "10.0.5.9"));
        assert!(matches("[!a-c]*", "dog") && !matches("[!a-c]*", "cat"));
        assert!(matches("\\*", "*") && !matches("\\*", "a"));
        assert!(matches("[[:digit:]]*x", "9 and x"));
        assert!(matches("[", "[") && !matches("a[", "a"));
        assert!(matches("", "") && !matches("", "a") && matches("**", ""));
    }

    #[test]
    fn ends_are_taken_away() {
        assert_eq!(strip("a.b.c", "*.", End::Front, false), "b.c");
        assert_eq!(strip("a.b.c", "*.", End::Front, true), "c");
        assert_eq!(strip("a.b.c", ".*", End::Back, false), "a.b");
        assert_eq!(strip("a.b.c", ".*", End::Back, true), "a");
        assert_eq!(strip("abc", "x", End::Back, true), "abc");
    }

    proptest! {
        #[test]
        fn quoted_texts_describe_themselves(text in ".{0,20}") {
            prop_assert!(matches(&quote(&text), &text));
            prop_assert!(!is_pattern(&quote(&text)));
        }

        #[test]
        fn any_pattern_is_decided(pattern in "[a-c*?\\[\\]!\\\\^-]{0,30}", text in "[a-c]{0,40}") {
            let _ = matches(&pattern, &text);
        }
    }
}
