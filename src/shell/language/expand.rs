//! From words to arguments: expansions, field splitting, file names. POSIX 2.6.

use brush_parser::ParserOptions;
use brush_parser::ast::Word;
use brush_parser::word::{
    self, BraceExpressionMember, BraceExpressionOrText, TildeExpr, WordPiece, WordPieceWithSource,
};

use super::interpreter::{Failure, Shell};
use super::{Boxed, pattern};
use crate::host::files::{HOME, absolute};

/// Words do not grow longer than this.
const MAX_WORD_BYTES: usize = 1 << 20;

/// A word of braces does not become more words than this.
const MAX_BRACE_WORDS: usize = 10_000;

/// A piece of a word, expanded.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Text as it was written. Quoted text is no pattern.
    Literal { text: String, quoted: bool },
    /// What an expansion outside of quotes has given: it is split into fields, and may be a pattern.
    Expanded(String),
    /// Several values, each of which is a field of its own: `"$@"`.
    List { values: Vec<String>, quoted: bool },
}

impl Part {
    /// What an expansion has given.
    pub fn of(text: String, quoted: bool) -> Part {
        if quoted { Part::Literal { text, quoted } } else { Part::Expanded(text) }
    }
}

/// An argument in the making.
#[derive(Default)]
struct Field {
    text: String,
    /// The same with what is quoted made harmless.
    pattern: String,
}

impl Field {
    fn push(&mut self, text: &str, quoted: bool) {
        self.text.push_str(text);
        if quoted {
            self.pattern.push_str(&pattern::quote(text));
        } else {
            self.pattern.push_str(text);
        }
    }
}

impl Shell {
    /// The arguments that words give.
    pub async fn expand_all(&mut self, words: &[Word]) -> Result<Vec<String>, Failure> {
        let mut fields = Vec::new();
        for word in words {
            fields.append(&mut self.expand_word(&word.value).await?);
        }
        Ok(fields)
    }

    /// The arguments that a word gives.
    pub async fn expand_word(&mut self, word: &str) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for word in self.expand_braces(word)? {
            let parts = self.parts(&word).await?;
            for field in self.split(parts) {
                self.spend(field.text.len())?;
                names.append(&mut self.expand_file_names(field)?);
            }
        }
        Ok(names)
    }

    /// A word that stays one: the value of an assignment.
    pub async fn expand_text(&mut self, word: &str) -> Result<String, Failure> {
        let parts = self.parts(word).await?;
        self.join(parts, false)
    }

    /// A word that stays one and is used as a pattern.
    pub async fn expand_pattern(&mut self, word: &str) -> Result<String, Failure> {
        let parts = self.parts(word).await?;
        self.join(parts, true)
    }

    /// The text of a here-document.
    pub async fn expand_here_document(&mut self, text: &str) -> Result<String, Failure> {
        match word::parse_heredoc(text, &ParserOptions::default()) {
            Ok(pieces) => {
                let parts = self.expand_pieces(&pieces, true).await?;
                self.join(parts, false)
            }
            Err(_) => self.fail("bad substitution"),
        }
    }

    /// The expanded pieces of a word.
    pub fn parts<'a>(&'a mut self, word: &'a str) -> Boxed<'a, Result<Vec<Part>, Failure>> {
        Box::pin(async move {
            match word::parse(word, &ParserOptions::default()) {
                Ok(pieces) => self.expand_pieces(&pieces, false).await,
                Err(_) => self.fail(&format!("{word}: bad substitution")),
            }
        })
    }

    fn expand_pieces<'a>(
        &'a mut self,
        pieces: &'a [WordPieceWithSource],
        quoted: bool,
    ) -> Boxed<'a, Result<Vec<Part>, Failure>> {
        Box::pin(async move {
            let mut parts = Vec::new();
            let mut bytes = 0_usize;
            for (index, piece) in pieces.iter().enumerate() {
                // The parser takes what it does not know for text.
                let next = pieces.get(index + 1).map(|next| &next.piece);
                if let (WordPiece::Text(dollar), Some(WordPiece::Text(rest))) = (&piece.piece, next)
                    && dollar == "$"
                    && rest.starts_with('{')
                {
                    return self.fail(&format!("${rest}: bad substitution"));
                }
                let mut expanded = self.expand_piece(&piece.piece, quoted).await?;
                bytes += expanded.iter().map(Part::len).sum::<usize>();
                if bytes > MAX_WORD_BYTES {
                    self.complain("word too long");
                    self.state.status = 1;
                    return Err(Failure::Script);
                }
                parts.append(&mut expanded);
            }
            Ok(parts)
        })
    }

    async fn expand_piece(&mut self, piece: &WordPiece, quoted: bool) -> Result<Vec<Part>, Failure> {
        let part = match piece {
            WordPiece::Text(text) => Part::Literal { text: without_line_breaks(text, quoted), quoted },
            WordPiece::SingleQuotedText(text) => Part::Literal { text: text.clone(), quoted: true },
            WordPiece::AnsiCQuotedText(text) => Part::Literal { text: super::escape::c_string(text), quoted: true },
            WordPiece::EscapeSequence(text) => escaped(text),
            WordPiece::TildeExpansion(tilde) => Part::Literal { text: self.tilde(tilde), quoted: true },
            WordPiece::DoubleQuotedSequence(pieces) | WordPiece::GettextDoubleQuotedSequence(pieces) => {
                let mut parts = self.expand_pieces(pieces, true).await?;
                // Quotes make a field even if there is nothing in them; "$@" without arguments makes none.
                if !parts.iter().any(|part| matches!(part, Part::List { .. })) {
                    parts.push(Part::Literal { text: String::new(), quoted: true });
                }
                return Ok(parts);
            }
            WordPiece::CommandSubstitution(script) => Part::of(self.substitute(script).await?, quoted),
            WordPiece::BackquotedCommandSubstitution(script) => {
                let script = unescape_backquoted(script);
                Part::of(self.substitute(&script).await?, quoted)
            }
            WordPiece::ArithmeticExpression(expression) => {
                Part::of(self.arithmetic(&expression.value).await?.to_string(), quoted)
            }
            WordPiece::ParameterExpansion(expression) => return self.parameter(expression, quoted).await,
        };
        Ok(vec![part])
    }

    fn tilde(&self, tilde: &TildeExpr) -> String {
        match tilde {
            TildeExpr::Home => self.state.text("HOME").unwrap_or_else(|| HOME.to_owned()),
            TildeExpr::UserHome(user) if user == "root" => HOME.to_owned(),
            TildeExpr::UserHome(user) => format!("~{user}"),
            _ => self.state.cwd.to_string(),
        }
    }

    fn join(&mut self, parts: Vec<Part>, as_pattern: bool) -> Result<String, Failure> {
        let mut field = Field::default();
        for part in &parts {
            match part {
                Part::Literal { text, quoted } => field.push(text, *quoted),
                Part::Expanded(text) => field.push(text, false),
                Part::List { values, quoted } => field.push(&values.join(" "), *quoted),
            }
        }
        self.spend(field.text.len())?;
        Ok(if as_pattern { field.pattern } else { field.text })
    }

    /// Field splitting.
    fn split(&self, parts: Vec<Part>) -> Vec<Field> {
        let separators = self.state.text("IFS").unwrap_or_else(|| " \t\n".to_owned());
        let mut splitter = Splitter { separators: &separators, done: Vec::new(), open: None };
        for part in parts {
            match part {
                Part::Literal { text, quoted } => {
                    // A literal piece is never empty unless it was quoted.
                    splitter.field().push(&text, quoted);
                }
                Part::Expanded(text) => splitter.expanded(&text),
                Part::List { values, quoted } => splitter.list(&values, quoted),
            }
        }
        splitter.close();
        splitter.done
    }

    /// File name generation. A pattern that describes no file stays as it is.
    fn expand_file_names(&mut self, field: Field) -> Result<Vec<String>, Failure> {
        if self.state.options.noglob || !pattern::is_pattern(&field.pattern) {
            return Ok(vec![field.text]);
        }
        let root = if field.pattern.starts_with('/') { "/" } else { "" };
        let mut found = vec![root.to_owned()];
        for element in field.pattern.split('/').filter(|element| !element.is_empty()) {
            let mut deeper = Vec::new();
            for prefix in &found {
                self.step()?;
                deeper.append(&mut self.names_below(prefix, element));
            }
            found = deeper;
        }
        Ok(if found.is_empty() { vec![field.text] } else { found })
    }

    /// The paths one level below `prefix` that a pattern without slashes describes.
    fn names_below(&self, prefix: &str, element: &str) -> Vec<String> {
        let join = |name: &str| match prefix {
            "" => name.to_owned(),
            "/" => format!("/{name}"),
            _ => format!("{prefix}/{name}"),
        };
        self.sys.with(|kernel| {
            let mut names = kernel.list_path(&absolute(&self.state.cwd, prefix));
            names
                .retain(|name| pattern::matches(element, name) && (element.starts_with('.') || !name.starts_with('.')));
            if !pattern::is_pattern(element) && names.is_empty() {
                let path = join(&element.replace('\\', ""));
                let exists = kernel.kind_of_path(&absolute(&self.state.cwd, &path)).is_some();
                return if exists { vec![path] } else { Vec::new() };
            }
            names.iter().map(|name| join(name)).collect()
        })
    }

    fn expand_braces(&mut self, word: &str) -> Result<Vec<String>, Failure> {
        let digits = word.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
        // The parser takes numbers of 64 bits.
        if !word.contains('{') || !word.contains('}') || digits > 18 {
            return Ok(vec![word.to_owned()]);
        }
        let Ok(Some(pieces)) = word::parse_brace_expansions(word, &ParserOptions::default()) else {
            return Ok(vec![word.to_owned()]);
        };
        match combine(&pieces) {
            Some(words) => {
                self.spend(words.iter().map(String::len).sum())?;
                Ok(words)
            }
            None => self.fail(&format!("{word}: too many words")),
        }
    }
}

/// All words that braces give; none if they are too many.
fn combine(pieces: &[BraceExpressionOrText]) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    for piece in pieces {
        let choices = match piece {
            BraceExpressionOrText::Text(text) => vec![text.clone()],
            BraceExpressionOrText::Expr(members) => {
                let mut choices = Vec::new();
                for member in members {
                    choices.append(&mut choices_of(member)?);
                }
                choices
            }
        };
        if words.len().saturating_mul(choices.len()) > MAX_BRACE_WORDS {
            return None;
        }
        words = words.iter().flat_map(|word| choices.iter().map(move |choice| format!("{word}{choice}"))).collect();
    }
    Some(words)
}

fn choices_of(member: &BraceExpressionMember) -> Option<Vec<String>> {
    let (start, end, increment, is_char) = match *member {
        BraceExpressionMember::Child(ref pieces) => return combine(pieces),
        BraceExpressionMember::NumberSequence { start, end, increment } => (start, end, increment, false),
        BraceExpressionMember::CharSequence { start, end, increment } => {
            (i64::from(u32::from(start)), i64::from(u32::from(end)), increment, true)
        }
    };
    let step = increment.unsigned_abs().max(1);
    let count = start.abs_diff(end) / step;
    if count >= MAX_BRACE_WORDS as u64 {
        return None;
    }
    let at = |index: u64| {
        let offset = (index * step) as i64;
        if end >= start { start + offset } else { start - offset }
    };
    let show = |value: i64| match u8::try_from(value) {
        Ok(byte) if is_char => char::from(byte).to_string(),
        _ => value.to_string(),
    };
    Some((0..=count).map(|index| show(at(index))).collect())
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Part::Literal { text, .. } | Part::Expanded(text) => text.len(),
            Part::List { values, .. } => values.iter().map(String::len).sum(),
        }
    }
}

/// Makes fields out of parts.
struct Splitter<'a> {
    separators: &'a str,
    done: Vec<Field>,
    open: Option<Field>,
}

impl Splitter<'_> {
    fn field(&mut self) -> &mut Field {
        self.open.get_or_insert_default()
    }

    fn close(&mut self) {
        self.done.extend(self.open.take());
    }

    fn expanded(&mut self, text: &str) {
        let mut after_separator = false;
        for c in text.chars() {
            if !self.separators.contains(c) {
                self.field().push(c.encode_utf8(&mut [0; 4]), false);
                after_separator = false;
            } else if c.is_whitespace() {
                self.close();
            } else {
                // Other separators delimit empty fields, too.
                if self.open.is_none() && (after_separator || self.done.is_empty()) {
                    self.field();
                }
                self.close();
                after_separator = true;
            }
        }
    }

    fn list(&mut self, values: &[String], quoted: bool) {
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.close();
            }
            if quoted {
                self.field().push(value, true);
            } else {
                self.expanded(value);
            }
        }
    }
}

/// A backslash and the newline behind it are not there at all.
fn without_line_breaks(text: &str, quoted: bool) -> String {
    if quoted { text.replace("\\\n", "") } else { text.to_owned() }
}

fn escaped(text: &str) -> Part {
    let text = match text.strip_prefix('\\') {
        Some("\n") => "",
        Some(rest) => rest,
        None => text,
    };
    Part::Literal { text: text.to_owned(), quoted: true }
}

/// In backquotes a backslash quotes backquotes, dollars and itself.
fn unescape_backquoted(script: &str) -> String {
    let mut plain = String::with_capacity(script.len());
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        let quotes = c == '\\' && matches!(chars.peek(), Some('`' | '$' | '\\'));
        plain.extend(if quotes { chars.next() } else { Some(c) });
    }
    plain
}
