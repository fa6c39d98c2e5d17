//! The lab tools' arguments: by position, most of them optional.

/// Arguments by position, without the program's name.
pub(super) struct Args<'a> {
    words: &'a [String],
    usage: &'static str,
}

impl<'a> Args<'a> {
    pub fn new(words: &'a [String], usage: &'static str) -> Args<'a> {
        Args { words: words.get(1..).unwrap_or_default(), usage }
    }

    /// Takes `-w SECONDS` off the front.
    pub fn take_timeout(&mut self) -> Result<Option<f64>, String> {
        if self.words.first().is_none_or(|word| word != "-w") {
            return Ok(None);
        }
        let seconds = self.number(1, f64::NAN)?;
        if seconds.is_nan() {
            return Err(self.usage());
        }
        self.words = &self.words[2..];
        Ok(Some(seconds))
    }

    pub fn word(&self, at: usize) -> Result<&'a str, String> {
        self.optional(at).ok_or_else(|| self.usage())
    }

    pub fn optional(&self, at: usize) -> Option<&'a str> {
        self.words.get(at).map(String::as_str)
    }

    /// A number, or `default` if there is no such argument. Numbers may have a fraction wherever they stand.
    pub fn number(&self, at: usize, default: f64) -> Result<f64, String> {
        let Some(word) = self.optional(at) else { return Ok(default) };
        word.parse().map_err(|_| format!("could not convert '{word}' to a number\n{}", self.usage()))
    }

    /// A whole number, at least 0.
    pub fn count(&self, at: usize, default: u32) -> Result<u32, String> {
        self.number(at, f64::from(default)).map(|number| number as u32)
    }

    pub fn port(&self, at: usize) -> Result<u16, String> {
        let word = self.word(at)?;
        word.parse().map_err(|_| format!("'{word}' is no port\n{}", self.usage()))
    }

    fn usage(&self) -> String {
        format!("usage: {}\n", self.usage)
    }
}
