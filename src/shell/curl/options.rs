//! curl's command line.

use crate::time::Span;

/// What curl is asked for.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub urls: Vec<String>,
    /// Where the bodies go, in the order of the URLs.
    pub outputs: Vec<String>,
    pub silent: bool,
    pub show_error: bool,
    pub verbose: bool,
    pub fail: bool,
    /// Print the answer's headers, too.
    pub include: bool,
    /// Ask for the headers only.
    pub head: bool,
    pub http10: bool,
    pub headers: Vec<String>,
    pub method: Option<String>,
    pub data: Option<String>,
    pub user_agent: Option<String>,
    pub write_out: Option<String>,
    /// For the whole transfer.
    pub max_time: Option<Span>,
    pub connect_timeout: Option<Span>,
    /// A device or an address.
    pub interface: Option<String>,
    pub local_port: u16,
    /// How many ports from there on may be tried.
    pub local_ports: u16,
    pub retries: u32,
    pub retry_delay: Option<Span>,
    pub retry_refused: bool,
    /// HOST:PORT:ADDRESS
    pub resolve: Vec<String>,
    /// Where an FTP server is to connect to: ADDRESS\[:PORT\[-PORT\]\]; `-` is the control connection's address.
    pub ftp_port: Option<String>,
    pub disable_epsv: bool,
    pub disable_eprt: bool,
    /// Use the address in the answer to PASV.
    pub trusts_pasv: bool,
    /// List names only.
    pub list_only: bool,
    /// The file to send.
    pub upload: Option<String>,
}

/// Long options, the letter that means the same, and whether a value follows.
const LONG: [(&str, char, bool); 46] = [
    ("anyauth", '-', false),
    ("compressed", '-', false),
    ("connect-timeout", '1', true),
    ("data", 'd', true),
    ("data-ascii", 'd', true),
    ("data-binary", 'd', true),
    ("data-raw", 'd', true),
    ("disable-eprt", 'q', false),
    ("disable-epsv", 'e', false),
    ("fail", 'f', false),
    ("ftp-pasv", 'p', false),
    ("ftp-port", 'P', true),
    ("ftp-skip-pasv-ip", '-', false),
    ("globoff", '-', false),
    ("head", 'I', false),
    ("header", 'H', true),
    ("http1.0", '0', false),
    ("http1.1", '-', false),
    ("include", 'i', false),
    ("insecure", 'k', false),
    ("interface", '2', true),
    ("ipv4", '4', false),
    ("keepalive-time", '_', true),
    ("list-only", 'l', false),
    ("local-port", '3', true),
    ("location", 'L', false),
    ("max-time", 'm', true),
    ("no-buffer", 'N', false),
    ("no-ftp-skip-pasv-ip", 't', false),
    ("no-keepalive", '-', false),
    ("no-progress-meter", 's', false),
    ("noproxy", '_', true),
    ("output", 'o', true),
    ("request", 'X', true),
    ("resolve", '5', true),
    ("retry", '6', true),
    ("retry-connrefused", '8', false),
    ("retry-delay", '7', true),
    ("retry-max-time", '_', true),
    ("show-error", 'S', false),
    ("silent", 's', false),
    ("upload-file", 'T', true),
    ("url", '9', true),
    ("user-agent", 'A', true),
    ("verbose", 'v', false),
    ("write-out", 'w', true),
];

/// Letters that a value follows.
const WITH_VALUE: &str = "AdHmoPTXw";

impl Options {
    /// # Errors
    ///
    /// curl's own words, or nothing if there is no URL.
    pub fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if let Some(name) = word.strip_prefix("--") {
                let known = LONG.iter().find(|(known, ..)| *known == name);
                let (_, letter, takes_value) = known.ok_or_else(|| format!("option {word}: is unknown"))?;
                let value = if *takes_value { words.next().ok_or_else(|| missing(word))? } else { "" };
                options.set(*letter, value, word)?;
            } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                for (at, letter) in letters.char_indices() {
                    let name = format!("-{letter}");
                    if !WITH_VALUE.contains(letter) {
                        options.set(letter, "", &name)?;
                        continue;
                    }
                    let attached = &letters[at + letter.len_utf8()..];
                    let value =
                        if attached.is_empty() { words.next().ok_or_else(|| missing(&name))? } else { attached };
                    options.set(letter, value, &name)?;
                    break;
                }
            } else {
                options.urls.push(word.clone());
            }
        }
        if options.urls.is_empty() { Err(String::new()) } else { Ok(options) }
    }

    fn set(&mut self, letter: char, value: &str, name: &str) -> Result<(), String> {
        let seconds = || {
            let number: Option<f64> = value.parse().ok().filter(|number: &f64| *number >= 0.0);
            number.map(Span::from_secs_f64).ok_or_else(|| not_a_number(name))
        };
        match letter {
            's' => self.silent = true,
            'S' => self.show_error = true,
            'v' => self.verbose = true,
            'f' => self.fail = true,
            'i' => self.include = true,
            'I' => self.head = true,
            '0' => self.http10 = true,
            'H' => self.headers.push(value.to_owned()),
            'X' => self.method = Some(value.to_owned()),
            'd' => {
                let before = self.data.take().map(|data| data + "&").unwrap_or_default();
                self.data = Some(before + value);
            }
            'A' => self.user_agent = Some(value.to_owned()),
            'w' => self.write_out = Some(value.to_owned()),
            'o' => self.outputs.push(value.to_owned()),
            // 0 means that there is no limit.
            'm' => self.max_time = Some(seconds()?).filter(|span| *span > Span::ZERO),
            '1' => self.connect_timeout = Some(seconds()?).filter(|span| *span > Span::ZERO),
            '2' => self.interface = Some(value.to_owned()),
            '3' => {
                let (first, last) = value.split_once('-').unwrap_or((value, value));
                self.local_port = first.trim().parse().map_err(|_| not_a_number(name))?;
                let last: u16 = last.trim().parse().map_err(|_| not_a_number(name))?;
                self.local_ports = last.saturating_sub(self.local_port);
            }
            '5' => self.resolve.push(value.to_owned()),
            '6' => self.retries = value.parse().map_err(|_| not_a_number(name))?,
            '7' => self.retry_delay = Some(seconds()?).filter(|span| *span > Span::ZERO),
            '8' => self.retry_refused = true,
            'P' => self.ftp_port = Some(value.to_owned()),
            'p' => self.ftp_port = None,
            'e' => self.disable_epsv = true,
            'q' => self.disable_eprt = true,
            't' => self.trusts_pasv = true,
            'l' => self.list_only = true,
            'T' => self.upload = Some(value.to_owned()),
            '9' => self.urls.push(value.to_owned()),
            // What makes no difference here: encryption, buffering, redirects that no server here sends.
            'k' | 'L' | 'N' | '4' | 'g' | 'j' | '-' | '_' | '#' => {}
            _ => return Err(format!("option {name}: is unknown")),
        }
        Ok(())
    }

    /// Whether failures are told: -s hides them, -S shows them all the same.
    pub fn shows_errors(&self) -> bool {
        !self.silent || self.show_error
    }
}

fn missing(name: &str) -> String {
    format!("option {name}: requires parameter")
}

fn not_a_number(name: &str) -> String {
    format!("option {name}: expected a proper numerical parameter")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn letters_may_stand_together() {
        let options = parse("-sSm2 --connect-timeout 0.5 -o/dev/null 10.0.0.1").unwrap();
        assert!(options.silent && options.show_error && options.shows_errors());
        assert_eq!(options.max_time, Some(Span::from_secs(2)));
        assert_eq!(options.connect_timeout, Some(Span::from_millis(500)));
        assert_eq!((options.outputs, options.urls), (vec!["/dev/null".to_owned()], vec!["10.0.0.1".to_owned()]));
    }

    #[test]
    fn what_is_wrong_in_the_tools_words() {
        assert_eq!(parse("--nosuch x").unwrap_err(), "option --nosuch: is unknown");
        assert_eq!(parse("-m").unwrap_err(), "option -m: requires parameter");
        assert_eq!(parse("-m abc x").unwrap_err(), "option -m: expected a proper numerical parameter");
        assert_eq!(parse("-s").unwrap_err(), "");
    }
}
