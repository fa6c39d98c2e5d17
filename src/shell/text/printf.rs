//! printf and echo.

use crate::host::Kernel;
use crate::shell::Io;
use crate::shell::language::{Escape, escape, unescape};

/// Fields are not wider than this.
const MAX_WIDTH: usize = 1_000;

/// echo \[-n\] \[-e\] WORD...
pub(in crate::shell) fn echo(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let (mut newline, mut escapes) = (true, false);
    let mut words = args.get(1..).unwrap_or_default();
    while let [first, rest @ ..] = words
        && first.len() > 1
        && let Some(flags) = first.strip_prefix('-')
        && flags.chars().all(|flag| "neE".contains(flag))
    {
        newline &= !flags.contains('n');
        for flag in flags.chars().filter(|flag| *flag != 'n') {
            escapes = flag == 'e';
        }
        words = rest;
    }
    io.out = words.join(" ");
    if escapes {
        let (text, cut_off) = unescape(&io.out);
        io.out = text;
        newline &= !cut_off;
    }
    if newline {
        io.out.push('\n');
    }
    0
}

/// printf FORMAT \[ARGUMENT...\]: the format is used again until all arguments are.
pub(in crate::shell) fn printf(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let [_, format, rest @ ..] = args else {
        io.err = "printf: usage: printf [-v var] format [arguments]\n".to_owned();
        return 2;
    };
    let mut writer = Writer { io, args: rest, taken: 0, status: 0 };
    loop {
        let before = writer.taken;
        let goes_on = writer.write(format);
        if !goes_on || writer.taken == before || writer.taken >= rest.len() {
            return writer.status;
        }
    }
}

struct Writer<'a> {
    io: &'a mut Io,
    args: &'a [String],
    taken: usize,
    status: i32,
}

/// A conversion like `%-08.3d`.
#[derive(Default)]
struct Conversion {
    left: bool,
    zero: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

impl Writer<'_> {
    /// Goes through the format once; false if `\c` has ended it all.
    fn write(&mut self, format: &str) -> bool {
        let mut rest = format;
        while let Some(at) = rest.find(['%', '\\']) {
            self.io.out.push_str(&rest[..at]);
            let is_escape = rest[at..].starts_with('\\');
            rest = &rest[at + 1..];
            let used = if is_escape {
                let (escape, len) = escape(rest);
                match escape {
                    Escape::Char(c) => self.io.out.push(c),
                    Escape::Stop => return false,
                    Escape::Unknown => self.io.out.push('\\'),
                }
                len
            } else {
                self.convert(rest)
            };
            rest = &rest[used..];
        }
        self.io.out.push_str(rest);
        true
    }

    fn next(&mut self) -> String {
        let arg = self.args.get(self.taken).cloned().unwrap_or_default();
        self.taken += 1;
        arg
    }

    /// One conversion, behind its percent sign; how many bytes of the format it takes.
    fn convert(&mut self, rest: &str) -> usize {
        let mut conversion = Conversion::default();
        let mut chars = rest.char_indices().peekable();
        while let Some((_, flag)) = chars.next_if(|(_, c)| "-0+ #".contains(*c)) {
            match flag {
                '-' => conversion.left = true,
                '0' => conversion.zero = true,
                '+' => conversion.plus = true,
                _ => {}
            }
        }
        let mut number = |chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>| {
            if chars.next_if(|(_, c)| *c == '*').is_some() {
                return self.next().parse().unwrap_or(0);
            }
            let mut value = 0_usize;
            while let Some(digit) = chars.next_if(|(_, c)| c.is_ascii_digit()).and_then(|(_, c)| c.to_digit(10)) {
                value = value.saturating_mul(10).saturating_add(digit as usize);
            }
            value
        };
        conversion.width = number(&mut chars).min(MAX_WIDTH);
        if chars.next_if(|(_, c)| *c == '.').is_some() {
            conversion.precision = Some(number(&mut chars).min(MAX_WIDTH));
        }
        let Some((at, kind)) = chars.next() else {
            self.complain("missing format character");
            return rest.len();
        };
        match kind {
            '%' => self.io.out.push('%'),
            's' => {
                let text = self.next();
                self.put(&conversion, cut(&text, conversion.precision));
            }
            'b' => {
                let text = unescape(&self.next()).0;
                self.put(&conversion, text);
            }
            'q' => {
                let text = self.next();
                let plain = text.chars().all(|c| c.is_alphanumeric() || "_-./:=@%+,".contains(c)) && !text.is_empty();
                self.put(&conversion, if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) });
            }
            'c' => {
                let text = self.next();
                self.put(&conversion, text.chars().take(1).collect());
            }
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let number = self.integer();
                let text = match kind {
                    'x' => format!("{number:x}"),
                    'X' => format!("{number:X}"),
                    'o' => format!("{number:o}"),
                    'u' => (number as u64).to_string(),
                    _ if conversion.plus => format!("{number:+}"),
                    _ => number.to_string(),
                };
                self.put(&conversion, text);
            }
            'f' | 'e' | 'g' => {
                let arg = self.next();
                let number: f64 = arg.parse().unwrap_or_else(|_| self.not_a_number(&arg));
                self.put(&conversion, format!("{number:.*}", conversion.precision.unwrap_or(6)));
            }
            other => self.complain(&format!("`{other}': invalid format character")),
        }
        at + kind.len_utf8()
    }

    fn integer(&mut self) -> i64 {
        let arg = self.next();
        if arg.is_empty() {
            return 0;
        }
        // A quote in front of a character asks for its number.
        if let Some(c) = arg.strip_prefix(['\'', '"']).and_then(|rest| rest.chars().next()) {
            return i64::from(u32::from(c));
        }
        let parsed = match (arg.strip_prefix("0x"), arg.strip_prefix('0')) {
            (Some(digits), _) => i64::from_str_radix(digits, 16),
            (None, Some(digits)) if !digits.is_empty() => i64::from_str_radix(digits, 8),
            _ => arg.trim().parse(),
        };
        parsed.unwrap_or_else(|_| {
            self.not_a_number(&arg);
            0
        })
    }

    fn not_a_number(&mut self, arg: &str) -> f64 {
        if !arg.is_empty() {
            self.complain(&format!("{arg}: invalid number"));
        }
        0.0
    }

    fn complain(&mut self, message: &str) {
        self.io.err.push_str(&format!("bash: line 1: printf: {message}\n"));
        self.status = 1;
    }

    fn put(&mut self, conversion: &Conversion, text: String) {
        let missing = conversion.width.saturating_sub(text.chars().count());
        let out = &mut self.io.out;
        match (conversion.left, conversion.zero) {
            (true, _) => {
                out.push_str(&text);
                out.extend(std::iter::repeat_n(' ', missing));
            }
            (false, zero) => {
                let (sign, digits) = text.split_at(usize::from(zero && text.starts_with(['-', '+'])));
                out.push_str(sign);
                out.extend(std::iter::repeat_n(if zero { '0' } else { ' ' }, missing));
                out.push_str(digits);
            }
        }
    }
}

fn cut(text: &str, precision: Option<usize>) -> String {
    text.chars().take(precision.unwrap_or(usize::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn formats() {
        insta::assert_snapshot!(Console::new().converse(&[
            "printf '%5s|%-5s|%05d|%x|%.2f|%%|%c|%b\\n' ab ab -42 255 1.5 xyz 'a\\tb'",
            "printf '%s=%s\\n' a 1 b; printf 'no newline'; printf '%d\\n' x; printf '%+d %.1s %q\\n' 5 abc \"it's\"",
            "echo -n a; echo -e 'b\\tc\\n'; echo -ne 'x\\cy'; echo -E '\\n' -n; printf",
        ]), @r#"
        $ printf '%5s|%-5s|%05d|%x|%.2f|%%|%c|%b\n' ab ab -42 255 1.5 xyz 'a\tb'
           ab|ab   |-0042|ff|1.50|%|x|a	b
        $ printf '%s=%s\n' a 1 b; printf 'no newline'; printf '%d\n' x; printf '%+d %.1s %q\n' 5 abc "it's"
        a=1
        b=
        no newline0
        +5 a 'it'\''s'
        bash: line 1: printf: x: invalid number
        $ echo -n a; echo -e 'b\tc\n'; echo -ne 'x\cy'; echo -E '\n' -n; printf
        ab	c

        x\n -n
        printf: usage: printf [-v var] format [arguments]
        [2]
        "#);
    }
}
