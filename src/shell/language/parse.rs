//! From text to syntax tree. The grammar is the parser crate's; what it must not be given is kept from it here.

use std::rc::Rc;

use brush_parser::{ParseError, ParserOptions, Token, ast, uncached_tokenize_str};

/// Scripts are not longer than this.
const MAX_SCRIPT_BYTES: usize = 256 << 10;

/// Brackets and commands within each other at most. The parser goes down a stack frame for each of them.
const MAX_NESTING: usize = 64;

/// Words that begin a compound command, and the ones that end it.
const OPENING_WORDS: [&str; 5] = ["if", "while", "until", "for", "case"];
const CLOSING_WORDS: [&str; 3] = ["fi", "done", "esac"];

/// Why a script cannot be understood, as bash says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The line it was noticed on, from 1.
    pub line: usize,
    pub text: String,
}

/// The syntax tree of a script.
pub(super) fn parse(script: &str) -> Result<Rc<ast::Program>, SyntaxError> {
    let last_line = script.lines().count().max(1);
    if script.len() > MAX_SCRIPT_BYTES || nesting(script) > MAX_NESTING {
        return Err(SyntaxError { line: last_line, text: "script too large or too deeply nested".to_owned() });
    }
    if has_huge_number(script) {
        return Err(SyntaxError { line: last_line, text: "file descriptor out of range".to_owned() });
    }
    let options = ParserOptions::default();
    let tokens = uncached_tokenize_str(script, &options.tokenizer_options())
        .map_err(|error| SyntaxError { line: last_line, text: tokenizer_error(&error.to_string()) })?;
    brush_parser::parse_tokens(&tokens, &options).map(Rc::new).map_err(|error| near(&error, &tokens, script, last_line))
}

/// bash names the quote that was never closed.
fn tokenizer_error(error: &str) -> String {
    let quote = ['"', '\'', '`'].into_iter().find(|quote| error.contains(*quote) || error.contains(name_of(*quote)));
    match quote {
        Some(quote) => format!("unexpected EOF while looking for matching `{quote}'"),
        None => "syntax error: unexpected end of file".to_owned(),
    }
}

fn name_of(quote: char) -> &'static str {
    match quote {
        '"' => "double",
        '\'' => "single",
        _ => "backquote",
    }
}

fn near(error: &ParseError, tokens: &[Token], script: &str, last_line: usize) -> SyntaxError {
    let at = match error {
        ParseError::ParsingNear(position) => Some(position),
        _ => None,
    };
    let token = at.and_then(|at| tokens.iter().find(|token| token.location().start.index == at.index));
    let (Some(at), Some(token)) = (at, token) else {
        return SyntaxError { line: last_line, text: "syntax error: unexpected end of file".to_owned() };
    };
    let name = if token.to_str() == "\n" { "newline" } else { token.to_str() };
    let quoted = script.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
    SyntaxError { line: at.line, text: format!("syntax error near unexpected token `{name}'\n`{quoted}'") }
}

/// Whether a number stands where the parser takes one without looking at its size: a file descriptor in front of a
/// redirection, a place in the directory stack behind a tilde.
fn has_huge_number(script: &str) -> bool {
    let mut before = "";
    script.split_inclusive(|c: char| !c.is_ascii_digit()).any(|run| {
        let digits = run.trim_end_matches(|c: char| !c.is_ascii_digit());
        let is_descriptor = run.ends_with(['<', '>']);
        let is_place = before.ends_with(['~', '+', '-']);
        before = run;
        digits.len() > 9 && is_descriptor || digits.len() > 18 && is_place
    })
}

/// How deep brackets and compound commands stand within each other, counted without regard to quotes; or how long a run
/// of operators with one operand is, since each of those is a level, too.
fn nesting(script: &str) -> usize {
    let (mut depth, mut deepest, mut run) = (0_usize, 0, 0_usize);
    let mut at_command = true;
    for word in script.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let end = word.chars().next_back().filter(|c| !c.is_alphanumeric());
        let name = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        if at_command && OPENING_WORDS.contains(&name) || matches!(end, Some('(' | '{' | '[')) {
            depth += 1;
        }
        if at_command && CLOSING_WORDS.contains(&name) || matches!(end, Some(')' | '}' | ']')) {
            depth = depth.saturating_sub(1);
        }
        run = match end {
            Some('!' | '-' | '~' | '+') if name.is_empty() => run + 1,
            Some(c) if c.is_whitespace() && name.is_empty() => run,
            _ => 0,
        };
        deepest = deepest.max(depth).max(run / 4);
        at_command = match end {
            Some('\n' | ';' | '&' | '|' | '(' | '{' | '`') => true,
            Some(' ' | '\t') => at_command && name.is_empty() || matches!(name, "then" | "do" | "else"),
            _ => false,
        };
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why_not(script: &str) -> String {
        let error = parse(script).unwrap_err();
        format!("line {}: {}", error.line, error.text)
    }

    #[test]
    fn errors_as_bash_words_them() {
        assert_eq!(why_not("echo )"), "line 1: syntax error near unexpected token `)'\n`echo )'");
        assert_eq!(why_not("if true\n"), "line 1: syntax error: unexpected end of file");
        assert_eq!(why_not("echo \"abc"), "line 1: unexpected EOF while looking for matching `\"'");
    }

    #[test]
    fn deep_scripts_are_refused() {
        assert!(parse(&"( ".repeat(5000)).is_err());
        assert!(parse(&"if true; then ".repeat(5000)).is_err());
        assert!(parse(&format!("echo $(({}1))", "-".repeat(5000))).is_err());
        assert!(parse(&format!("echo {}", "if ".repeat(500))).is_ok(), "plain words");
        assert!(parse("99999999999999999999< x").is_err() && parse("echo ~+99999999999999999999").is_err());
        assert!(parse(&"# for if while\n".repeat(500)).is_ok(), "comments");
    }
}
