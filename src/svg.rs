//! Pictures as text: SVG of our own, in whole numbers, so that the same picture is the same bytes everywhere.
//!
//! All pictures share one sheet of styles, so that several can stand on one page. Colours are those of Okabe and Ito,
//! which colour-blind readers can tell apart; a reader who prefers dark pages gets a dark picture.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// What every picture begins with: colours for bright and dark pages, and the classes of its parts.
pub const STYLE: &str = "\
:root{--page:#fff;--card:#fff;--ink:#1a2433;--soft:#5b6779;--line:#7c8797;--rule:#d5dbe3;--bar:#e8ecf2;--vip:#fff0d9;\
--vipink:#8a4b00;--blue:#0062a0;--orange:#b85c00;--green:#00785a;--purple:#9c4f7f;--red:#b5361c;--sky:#2a86bd}\
@media(prefers-color-scheme:dark){:root{--page:#12171f;--card:#1b222d;--ink:#e8edf4;--soft:#a5b1c2;--line:#8592a5;\
--rule:#323c4b;--bar:#2a3443;--vip:#46310f;--vipink:#ffc46b;--blue:#63b4ea;--orange:#f0a13c;--green:#35c296;\
--purple:#dc97c0;--red:#f28b6c;--sky:#7cc6f0}}\
.page{fill:var(--page)}\
text{font-family:ui-sans-serif,system-ui,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif;fill:var(--ink);font-size:13px}\
.mono{font-family:ui-monospace,'SF Mono',Menlo,Consolas,'Liberation Mono','DejaVu Sans Mono',monospace;font-size:12px;\
white-space:pre}\
.title{font-size:17px;font-weight:600}.name{font-size:15px;font-weight:600}.soft{fill:var(--soft)}.small{font-size:11px}\
.halo{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}.mid{text-anchor:middle}.end{text-anchor:end}.strong{font-weight:600}\
.card{fill:var(--card);stroke:var(--line);stroke-width:1.25}.bar{fill:var(--bar);stroke:var(--line);stroke-width:1.25}\
.wire{stroke:var(--line);stroke-width:2;fill:none}.rule{stroke:var(--rule);stroke-width:1;fill:none}\
.plug{fill:var(--line)}.vip{fill:var(--vip)}.vipink{fill:var(--vipink)}\
.blue{fill:var(--blue)}.orange{fill:var(--orange)}.green{fill:var(--green)}.purple{fill:var(--purple)}.red{fill:var(--red)}\
.grey{fill:var(--soft)}.arrow{fill:none;stroke-width:1.75}.lost{stroke-dasharray:5 4}\
.arrow.blue{stroke:var(--blue)}.arrow.orange{stroke:var(--orange)}.arrow.green{stroke:var(--green)}\
.arrow.purple{stroke:var(--purple)}.arrow.red{stroke:var(--red)}.arrow.grey{stroke:var(--soft)}.arrow{fill:none!important}";

/// A picture for readers of SVG that know no variables and no dark pages: with the colours of bright pages, and spaces kept.
pub fn plain(picture: &str) -> String {
    let (variables, rest) = STYLE.split_once('}').expect("the sheet begins with the variables");
    let dark = rest.find("}}").expect("those of dark pages come next") + 2;
    let mut sheet = rest[dark..].to_owned();
    for (name, colour) in variables.split(['{', ';']).filter_map(|variable| variable.split_once(':')) {
        sheet = sheet.replace(&format!("var({name})"), colour);
    }
    picture.replace(STYLE, &sheet).replacen("<svg ", "<svg xml:space=\"preserve\" ", 1)
}

/// A text's kind of letters, for those who must know how wide it will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Font {
    /// Letters of one width, 12 pixels high.
    Mono,
    /// Names, 15 pixels high and bold.
    Name,
    /// Small print, 11 pixels high.
    Small,
    /// Ordinary text, 13 pixels high.
    Plain,
    /// A heading, 17 pixels high and bold.
    Title,
}

/// About how many pixels wide a text is: rather too many, since everybody has other letters.
pub fn width(text: &str, font: Font) -> i32 {
    // In hundredths of a pixel: the letters of most sans-serif faces are 0.56 em wide on average, bold ones 0.6.
    let per_letter = match font {
        Font::Mono => 725,
        Font::Name => 900,
        Font::Small => 620,
        Font::Plain => 730,
        Font::Title => 1_000,
    };
    let letters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 2_000);
    (letters.saturating_mul(per_letter) + 99) / 100
}

/// A text as it stands between tags or in quoted attributes; control characters, which XML has not, become question marks.
pub fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || c.is_control();
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Breaks a text into lines of at most so many pixels, at spaces where it can.
pub fn wrap(text: &str, font: Font, most: i32) -> Vec<String> {
    wrap_where(text, |line, word| width(line, font) + width(" ", font) + width(word, font) <= most)
}

/// Breaks a text into lines at spaces: a word goes on the last line if `fits` says that there is room behind what is there.
pub fn wrap_where(text: &str, fits: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if fits(line, word) {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A picture that is being drawn. What is drawn later lies above.
pub struct Picture {
    width: i32,
    height: i32,
    title: String,
    description: String,
    body: String,
}

impl Picture {
    /// An empty picture of so many pixels; title and description are for those who cannot see it.
    pub fn new(width: i32, height: i32, title: &str, description: &str) -> Picture {
        let (title, description) = (title.to_owned(), description.to_owned());
        let mut picture = Picture { width, height, title, description, body: String::new() };
        picture.put(format_args!("<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>"));
        picture
    }

    fn put(&mut self, element: fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("writing to a string cannot fail");
    }

    /// A rectangle with rounded corners.
    pub fn rect(&mut self, class: &str, (x, y): (i32, i32), (width, height): (i32, i32), radius: i32) {
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
        ));
    }

    /// A filled circle.
    pub fn dot(&mut self, class: &str, (x, y): (i32, i32), radius: i32) {
        self.put(format_args!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"));
    }

    /// A line along a path in SVG's own terms, like "M0 0H10".
    pub fn path(&mut self, class: &str, path: impl Display) {
        self.put(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    /// A text on a base line.
    pub fn text(&mut self, class: &str, (x, y): (i32, i32), text: &str) {
        self.put(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(text)));
    }

    /// Begins a group; `data` are attributes for scripts, as name and value.
    pub fn open(&mut self, class: &str, data: &[(&str, &str)]) {
        let mut attributes = String::new();
        for (name, value) in data {
            write!(attributes, " data-{name}=\"{}\"", escape(value)).expect("writing to a string cannot fail");
        }
        self.put(format_args!("<g class=\"{class}\"{attributes}>"));
    }

    /// Ends a group.
    pub fn close(&mut self) {
        self.put(format_args!("</g>"));
    }

    /// The text that appears when the pointer rests on the group that is open.
    pub fn hint(&mut self, text: &str) {
        self.put(format_args!("<title>{}</title>", escape(text)));
    }

    /// The picture as a file of its own.
    pub fn finish(self) -> String {
        self.write(&format!("<style>{STYLE}</style>\n"))
    }

    /// The picture as a part of a page that has [`STYLE`] already.
    pub fn inline(self) -> String {
        self.write("")
    }

    fn write(self, style: &str) -> String {
        let Picture { width, height, title, description, body } = self;
        let (title, description) = (escape(&title), escape(&description));
        format!(
            "<svg class=\"lvslab\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n<desc>{description}</desc>\n\
             {style}{body}</svg>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_xml_is_escaped() {
        assert_eq!(escape("a<b>&\"c'\u{7}\n"), "a&lt;b&gt;&amp;&quot;c&#39;? ");
        assert!(matches!(escape("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("aa bb cc", Font::Mono, 40), ["aa bb", "cc"]);
        assert_eq!(wrap("a-word-without-end b", Font::Mono, 40), ["a-word-without-end", "b"]);
        assert_eq!(wrap("", Font::Mono, 40), [""]);
    }
}
