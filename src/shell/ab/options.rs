//! ab's command line, as apr_getopt and ab's main read it.

use super::Failure;
use super::usage::USAGE;
use crate::host::Errno;
use crate::host::files::absolute;
use crate::time::Span;

/// So many requests there are when only their time is limited (MAX_REQUESTS).
const MAX_REQUESTS: i32 = 50_000;
const MAX_CONCURRENCY: i32 = 20_000;

/// The exit status after a wrong command line (EINVAL).
const INVALID: i32 = 22;

/// Letters, with a colon after each that a value follows.
const LETTERS: &str = "n:c:t:s:b:T:p:u:v:lrkVhwiIx:y:z:C:H:P:A:g:X:de:SqB:m:Z:f:E:";

/// What ab is asked for.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub requests: usize,
    pub concurrency: usize,
    pub time_limit: Option<Span>,
    /// How long it waits for anything to happen.
    pub timeout: Span,
    pub keep_alive: bool,
    /// How many requests there are between two lines of progress.
    pub heartbeat: Option<usize>,
    pub percentiles: bool,
    pub confidence: bool,
    /// Answers may differ in length.
    pub any_length: bool,
    /// Broken connections do not end it.
    pub survives: bool,
    pub verbosity: i32,
    pub method: String,
    /// What is sent with each request.
    pub body: Option<Vec<u8>>,
    pub content_type: String,
    pub cookie: String,
    pub headers: Vec<String>,
    /// The address to send from.
    pub bind: Option<String>,
    pub url: Url,
}

/// The parts of the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Url {
    pub host: String,
    pub port: u16,
    pub path: String,
}

/// What a command line asks for.
pub(super) enum Parsed {
    Run(Box<Options>),
    Version,
}

/// A command line half read.
#[derive(Default)]
struct Raw {
    requests: Option<i32>,
    concurrency: Option<i32>,
    time_limit: Option<i32>,
    timeout: Option<i32>,
    method: Option<String>,
    is_quiet: bool,
}

impl Options {
    /// What is said on standard error while reading, and what is asked for. `read` reads a file.
    pub fn parse(
        args: &[String],
        cwd: &str,
        read: impl Fn(&str) -> Result<Vec<u8>, Errno>,
    ) -> (String, Result<Parsed, Failure>) {
        let mut said = String::new();
        let (words, operands) = getopt(&args[1..], &mut said);
        let mut options = Options::default();
        let mut raw = Raw::default();
        for (letter, value) in words {
            match letter {
                'h' => return (said, Err(usage(String::new()))),
                'V' => return (said, Ok(Parsed::Version)),
                _ => {
                    if let Err(failure) = options.set(letter, value, &mut raw, |name| read(&absolute(cwd, name))) {
                        return (said, Err(failure));
                    }
                }
            }
        }
        let parsed = match operands {
            [url] => options.finish(&raw, url).map(|options| Parsed::Run(Box::new(options))),
            _ => Err(usage("ab: wrong number of arguments\n".to_owned())),
        };
        (said, parsed)
    }

    fn set(
        &mut self,
        letter: char,
        value: &str,
        raw: &mut Raw,
        read: impl Fn(&str) -> Result<Vec<u8>, Errno>,
    ) -> Result<(), Failure> {
        match letter {
            'n' => {
                raw.requests = Some(atoi(value));
                if atoi(value) <= 0 {
                    return Err(failure("Invalid number of requests\n\n"));
                }
            }
            'c' => raw.concurrency = Some(atoi(value)),
            't' => (raw.time_limit, raw.requests) = (Some(atoi(value)), Some(MAX_REQUESTS)),
            's' => raw.timeout = Some(atoi(value)),
            'k' => self.keep_alive = true,
            'q' => raw.is_quiet = true,
            'd' => self.percentiles = false,
            'S' => self.confidence = false,
            'l' => self.any_length = true,
            'r' => self.survives = true,
            'v' => self.verbosity = atoi(value),
            'i' => raw.use_method("HEAD")?,
            'm' => raw.method = Some(value.to_owned()),
            'p' | 'u' => {
                raw.use_method(if letter == 'p' { "POST" } else { "PUT" })?;
                let bytes = read(value)
                    .map_err(|error| failure(format!("ab: Could not open POST data file ({value}): {error}\n")))?;
                self.body = Some(bytes);
            }
            'T' => self.content_type = value.to_owned(),
            'C' => self.cookie = format!("Cookie: {value}\r\n"),
            'H' => self.headers.push(value.to_owned()),
            'B' => self.bind = Some(value.to_owned()),
            // What makes no difference without encryption.
            'I' | 'Z' | 'f' | 'E' => {}
            _ => return Err(failure(format!("ab: -{letter}: not supported here\n"))),
        }
        Ok(())
    }

    fn finish(mut self, raw: &Raw, url: &str) -> Result<Options, Failure> {
        self.method = raw.method.clone().unwrap_or_else(|| "GET".to_owned());
        if url.len() > 8 && url.starts_with("https://") {
            return Err(failure("SSL not compiled in; no https support\n"));
        }
        self.url = parse_url(url).ok_or_else(|| usage("ab: invalid URL\n".to_owned()))?;
        let (requests, concurrency) = (raw.requests.unwrap_or(1), raw.concurrency.unwrap_or(1));
        if !(0..=MAX_CONCURRENCY).contains(&concurrency) {
            return Err(usage(format!("ab: Invalid Concurrency [Range 0..{MAX_CONCURRENCY}]\n")));
        }
        if concurrency > requests {
            let text = "ab: Cannot use concurrency level greater than total number of requests\n";
            return Err(usage(text.to_owned()));
        }
        self.requests = requests.unsigned_abs() as usize;
        self.concurrency = concurrency.unsigned_abs() as usize;
        self.time_limit = raw.time_limit.and_then(seconds).filter(|limit| *limit > Span::ZERO);
        self.timeout = raw.timeout.map_or(Some(self.timeout), seconds).unwrap_or(Span::ZERO);
        // A line after each tenth, but not more often than after each hundred.
        self.heartbeat = (!raw.is_quiet && self.requests > 150).then(|| (self.requests / 10).max(100));
        Ok(self)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            requests: 1,
            concurrency: 1,
            time_limit: None,
            timeout: Span::from_secs(30),
            keep_alive: false,
            heartbeat: None,
            percentiles: true,
            confidence: true,
            any_length: false,
            survives: false,
            verbosity: 0,
            method: String::new(),
            body: None,
            content_type: "text/plain".to_owned(),
            cookie: String::new(),
            headers: Vec::new(),
            bind: None,
            url: Url::default(),
        }
    }
}

impl Raw {
    fn use_method(&mut self, method: &str) -> Result<(), Failure> {
        if self.method.is_some() {
            return Err(failure(format!("Cannot mix {method} with other methods\n\n")));
        }
        self.method = Some(method.to_owned());
        Ok(())
    }
}

/// apr_getopt: it ends at the first word that is no option, and at the first option that is wrong.
fn getopt<'a>(words: &'a [String], said: &mut String) -> (Vec<(char, &'a str)>, &'a [String]) {
    let mut options = Vec::new();
    let mut at = 0;
    while let Some(bundle) = words.get(at).and_then(|word| word.strip_prefix('-')).filter(|bundle| !bundle.is_empty()) {
        at += 1;
        if bundle == "-" {
            break;
        }
        for (place, letter) in bundle.char_indices() {
            let Some(known) = LETTERS.find(letter).filter(|_| letter != ':') else {
                said.push_str(&format!("ab: illegal option -- {letter}\n"));
                return (options, &words[at..]);
            };
            if !LETTERS[known + 1..].starts_with(':') {
                options.push((letter, ""));
                continue;
            }
            let attached = &bundle[place + letter.len_utf8()..];
            if !attached.is_empty() {
                options.push((letter, attached));
            } else if let Some(value) = words.get(at) {
                options.push((letter, value));
                at += 1;
            } else {
                said.push_str(&format!("ab: option requires an argument -- {letter}\n"));
                return (options, &words[at..]);
            }
            break;
        }
    }
    (options, &words[at..])
}

/// C's atoi: the number that a text begins with.
fn atoi(text: &str) -> i32 {
    let text = text.trim_start();
    let sign = text.len() - text.trim_start_matches(['-', '+']).len();
    let end = text[sign..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |end| sign + end);
    text[..end].parse().unwrap_or(0)
}

fn seconds(number: i32) -> Option<Span> {
    u64::try_from(number).ok().map(Span::from_secs)
}

fn parse_url(url: &str) -> Option<Url> {
    let rest = if url.len() > 7 { url.strip_prefix("http://").unwrap_or(url) } else { url };
    let (authority, path) = rest.split_at(rest.find('/')?);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (authority, 80),
    };
    (!host.is_empty()).then(|| Url { host: host.to_owned(), port, path: path.to_owned() })
}

fn failure(text: impl Into<String>) -> Failure {
    Failure { text: text.into(), status: 1 }
}

fn usage(text: String) -> Failure {
    Failure { text: text + USAGE, status: INVALID }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_need_a_path() {
        let url = |host: &str, port, path: &str| Some(Url { host: host.into(), port, path: path.into() });
        assert_eq!(parse_url("http://web/"), url("web", 80, "/"));
        assert_eq!(parse_url("10.0.0.1:8080/a?b"), url("10.0.0.1", 8080, "/a?b"));
        for bad in ["http://web", "web:x/", "http:///", ":80/"] {
            assert_eq!(parse_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        assert_eq!((atoi("12x"), atoi("-3"), atoi("x"), atoi(""), atoi("99999999999")), (12, -3, 0, 0, 0));
    }
}
