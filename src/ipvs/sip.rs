//! Finding the Call-ID of SIP messages: ip_vs_pe_sip.c, and ct_sip_get_header as it asks it.

/// The longest Call-ID that counts (IP_VS_PEDATA_MAXLEN), in bytes.
const MAX_CALL_ID: usize = 255;

/// Where the search begins. The kernel means the beginning of the message, but adds the length of the headers before it
/// (20 bytes of IPv4 and 8 of UDP) once more; a message begins with a line that is longer.
const SEARCH_FROM: usize = 28;

/// What a search for a header comes to.
enum Found {
    /// A value, and where it ends.
    Value(std::ops::Range<usize>),
    /// A header of that name without a value that can be understood, and where its value should be.
    Nonsense(usize),
    /// No such header.
    Nothing,
}

/// The Call-ID of a message (get_callid).
pub(super) fn call_id(message: &[u8]) -> Option<&str> {
    let mut from = SEARCH_FROM;
    let value = loop {
        match find(message, from) {
            Found::Value(value) => break value,
            Found::Nonsense(at) => from += at,
            Found::Nothing => return None,
        }
    };
    // A value that nothing follows may be cut off.
    let is_whole = matches!(message.get(value.end), Some(b'\r' | b'\n'));
    let value = &message[value];
    (is_whole && value.len() <= MAX_CALL_ID).then(|| std::str::from_utf8(value).ok())?
}

/// The next Call-ID from `from` on (ct_sip_get_header). RFC 3261, section 20.8, allows its name to be `i`, too.
fn find(message: &[u8], from: usize) -> Found {
    let mut at = from;
    while at < message.len() {
        let end = end_of_line(&message[at..]);
        at += end;
        let line = &message[at.min(message.len())..];
        let Some(name) = name_len(line).filter(|_| end > 0) else {
            // The first byte of a line can end that line, but the kernel has stepped over it.
            at += 1;
            continue;
        };
        let Some(colon) = skip_blanks(message, at + name).filter(|at| message[*at] == b':') else {
            return Found::Nothing;
        };
        let Some(start) = skip_blanks(message, colon + 1) else { return Found::Nothing };
        return match value_len(&message[start..]) {
            0 => Found::Nonsense(start),
            len => Found::Value(start..start + len),
        };
    }
    Found::Nothing
}

/// How long the end of a line at the beginning of a text is: RFC 3261 wants CR and LF, RFC 2543 allowed one of them.
fn end_of_line(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}

/// The length of the name, if a line is a Call-ID's.
fn name_len(line: &[u8]) -> Option<usize> {
    if line.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"Call-Id")) {
        return Some(7);
    }
    match line {
        [b'i' | b'I', next, ..] if !next.is_ascii_alphabetic() => Some(1),
        _ => None,
    }
}

/// The next byte that is no blank (sip_skip_whitespace); a line end that a blank follows is one, but only one is.
fn skip_blanks(message: &[u8], at: usize) -> Option<usize> {
    let blanks =
        |from: usize| message.get(from..)?.iter().position(|byte| !matches!(byte, b' ' | b'\t')).map(|n| from + n);
    let at = blanks(at)?;
    match end_of_line(&message[at..]) {
        0 => Some(at),
        end => blanks(at + end).filter(|next| *next > at + end),
    }
}

/// callid_len: a word, or two with an @ between them.
fn value_len(text: &[u8]) -> usize {
    let word = |text: &[u8]| text.iter().take_while(|byte| is_word(**byte)).count();
    let first = word(text);
    if first == 0 || text.get(first) != Some(&b'@') {
        return first;
    }
    match word(&text[first + 1..]) {
        0 => 0,
        second => first + 1 + second,
    }
}

/// RFC 3261, section 25.1: what a word consists of.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~()<>:\\\"/[]?{}".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with these headers behind its first line.
    fn of(headers: &str) -> Option<String> {
        let message = format!("INVITE sip:bob@example.com SIP/2.0\r\n{headers}");
        call_id(message.as_bytes()).map(str::to_owned)
    }

    #[test]
    fn call_ids_by_both_names() {
        let found = Some("a84b4c76e66710@pc33.example.com".to_owned());
        assert_eq!(of("Via: SIP/2.0/UDP pc33\r\nCall-ID: a84b4c76e66710@pc33.example.com\r\n\r\n"), found);
        assert_eq!(of("i:a84b4c76e66710@pc33.example.com\n"), found);
        assert_eq!(of("call-id :\r\n a84b4c76e66710@pc33.example.com\r"), found);
        assert_eq!(of("i: alone\r\n").as_deref(), Some("alone"));
    }

    #[test]
    fn what_is_no_call_id() {
        assert_eq!(of(""), None);
        assert_eq!(of("Via: i: x\r\n"), None);
        assert_eq!(of("Call-ID: cut@off"), None, "without a line's end");
        assert_eq!(of("Call-ID: a@\r\n"), None);
        assert_eq!(of("Call-ID:\r\nVia: x\r\n"), None);
        assert_eq!(of("id: x\r\n"), None);
        assert_eq!(of("Call-ID: two words\r\n"), None, "something else than a line's end follows");
        assert_eq!(of(&format!("Call-ID: {}\r\n", "x".repeat(256))), None);
        assert_eq!(of(&format!("Call-ID: {}\r\n", "x".repeat(255))).map(|id| id.len()), Some(255));
        assert_eq!(call_id(b"OPTIONS\r\nCall-ID: x\r\n"), None, "before the place where the search begins");
    }

    #[test]
    fn a_call_id_that_makes_no_sense_is_passed_over() {
        let after = "x".repeat(60);
        assert_eq!(of(&format!("i: @\r\nVia: {after}\r\ni: good\r\n")).as_deref(), Some("good"));
    }

    proptest::proptest! {
        #[test]
        fn any_message(bytes in proptest::collection::vec(proptest::sample::select(b"Call-Idi: @x\r\n\t\0".to_vec()), 0..200)) {
            let _ = call_id(&bytes);
        }
    }
}
