//! The checkers of a real_server (check/check_api.c, check_http.c and their like).

use std::net::SocketAddr;

use super::check::{own_address, pace};
use super::model::{Checker, CheckerKind, HttpCheck, HttpProtocol, Pace, PagePattern, Server, UdpCheck, Url};
use super::parser::{Parser, Severity};
use super::services::trio;
use crate::time::Span;

/// The highest value of a status code, and the lowest.
const STATUS: std::ops::RangeInclusive<u16> = 100..=599;

/// A checker's keyword inside a real_server.
pub fn keyword(parser: &mut Parser, name: &str, it: &mut Server, protocol: u8) -> bool {
    let kind = match name {
        "TCP_CHECK" => CheckerKind::Tcp,
        "HTTP_GET" | "SSL_GET" => CheckerKind::Http(HttpCheck { is_tls: name == "SSL_GET", ..HttpCheck::default() }),
        "UDP_CHECK" => CheckerKind::Udp(UdpCheck::default()),
        "PING_CHECK" => CheckerKind::Ping,
        "SMTP_CHECK" => CheckerKind::Smtp { helo: "smtpchecker.keepalived.org".to_owned() },
        "DNS_CHECK" => CheckerKind::Dns { name: String::new(), record: 6 },
        "MISC_CHECK" => CheckerKind::Misc { path: String::new(), timeout: None, is_dynamic: false },
        "FILE_CHECK" => CheckerKind::File { name: String::new(), weight: 0 },
        "BFD_CHECK" => CheckerKind::Bfd { name: None },
        _ => return false,
    };
    let mut checker = Checker {
        kind,
        to: Some(it.address),
        bind_to: None,
        bind_port: None,
        bind_if: None,
        mark: None,
        pace: Pace::default(),
        log_all_failures: parser.config.global.log_all_failures,
    };
    let mut weight = None;
    let mut hosts = Vec::new();
    let server = trio(it.address, protocol);
    let plain = checker.clone();
    parser.inner(|parser, name| {
        if name == "host" && matches!(checker.kind, CheckerKind::Smtp { .. }) {
            let mut host = Checker { pace: Pace::default(), ..plain.clone() };
            parser.inner(|parser, name| common_keyword(parser, name, &mut host));
            if host.to.is_some() {
                hosts.push(host);
            }
            return true;
        }
        own_keyword(parser, name, &mut checker, &mut weight, &server) || common_keyword(parser, name, &mut checker)
    });
    if !is_complete(parser, &mut checker, weight, &server) {
        return true;
    }
    if !hosts.is_empty() {
        let text = "The SMTP_CHECK host block is deprecated. Please define additional checkers.";
        parser.say_at_the_end(text.to_owned(), Severity::Log);
    }
    if hosts.is_empty() || checker.asks_elsewhere(&plain) {
        it.checkers.push(checker.clone());
    }
    it.checkers.extend(hosts.into_iter().map(|host| checker.at(host)));
    true
}

impl Checker {
    /// Whether anything is said about the connection besides what goes without saying.
    fn asks_elsewhere(&self, plain: &Checker) -> bool {
        let connection = |it: &Checker| (it.to, it.bind_to, it.bind_port, it.bind_if.clone(), it.mark.unwrap_or(0));
        connection(self) != connection(plain) || self.pace.connect_timeout.is_some()
    }

    /// The same question, asked of another host.
    fn at(&self, host: Checker) -> Checker {
        let pace = Pace { connect_timeout: host.pace.connect_timeout.or(self.pace.connect_timeout), ..self.pace };
        Checker { kind: self.kind.clone(), pace, log_all_failures: self.log_all_failures, ..host }
    }
}

/// install_checker_common_keywords
fn common_keyword(parser: &mut Parser, name: &str, it: &mut Checker) -> bool {
    if matches!(it.kind, CheckerKind::File { .. }) {
        return false;
    }
    if matches!(it.kind, CheckerKind::Bfd { .. }) && name != "alpha" {
        return false;
    }
    match name {
        "retry" | "delay_before_retry" | "warmup" | "delay_loop" | "alpha" => {
            return pace(parser, name, &mut it.pace, "checker");
        }
        "log_all_failures" => {
            let complaint = |word: &str| format!("Invalid log_all_failures parameter {word}");
            it.log_all_failures = parser.switch_or(complaint).unwrap_or(it.log_all_failures);
            return true;
        }
        _ if matches!(it.kind, CheckerKind::Misc { .. }) => return false,
        "connect_timeout" => return pace(parser, name, &mut it.pace, "checker"),
        "connect_ip" => {
            let port = it.to.map_or(0, |to| to.port());
            it.to = own_address(parser, name).map(|ip| SocketAddr::new(ip, port));
            if let Some(to) = it.to.filter(|to| it.bind_to.is_some_and(|own| own.is_ipv4() != to.is_ipv4())) {
                let ip = to.ip();
                parser.warn(format!("connect_ip address {ip} does not match address family of bindto - skipping"));
                it.to = None;
            }
        }
        "bindto" => {
            it.bind_to = own_address(parser, name);
            if let Some(own) = it.bind_to.filter(|own| it.to.is_some_and(|to| to.is_ipv4() != own.is_ipv4())) {
                parser.warn(format!("bindto address {own} does not match address family of connect_ip - skipping"));
                it.bind_to = None;
            }
        }
        "connect_port" => {
            if let (Some(port), Some(to)) = (port(parser, name), &mut it.to) {
                to.set_port(port);
            }
        }
        "bind_port" => it.bind_port = port(parser, name).or(it.bind_port),
        "bind_if" => match parser.parameter() {
            Some(name) if name.len() > 15 => {
                parser.warn(format!("Interface name {name} is too long - ignoring"));
            }
            name => it.bind_if = name,
        },
        "fwmark" => {
            it.mark = parser.unsigned(1, 0, u32::MAX, true);
            if it.mark.is_none() {
                let text = parser.word(1).unwrap_or_default().to_owned();
                parser.warn(format!("Invalid fwmark connection value '{text}'"));
            }
        }
        _ => return false,
    }
    true
}

fn port(parser: &mut Parser, name: &str) -> Option<u16> {
    let port = parser.unsigned(1, 1, 65_535, true).map(|port| port as u16);
    if port.is_none() {
        let text = parser.word(1).unwrap_or_default().to_owned();
        parser.warn(format!("Invalid checker {name} '{text}'"));
    }
    port
}

/// The keywords that only some checkers have.
fn own_keyword(
    parser: &mut Parser,
    keyword: &str,
    it: &mut Checker,
    file_weight: &mut Option<i32>,
    server: &str,
) -> bool {
    match &mut it.kind {
        CheckerKind::Http(http) => http_keyword(parser, keyword, http, &mut it.pace),
        CheckerKind::Udp(udp) => udp_keyword(parser, keyword, udp),
        CheckerKind::Smtp { helo } => smtp_keyword(parser, keyword, helo),
        CheckerKind::Dns { name, record } => dns_keyword(parser, keyword, name, record),
        CheckerKind::Misc { path, timeout, is_dynamic } => misc_keyword(parser, keyword, path, timeout, is_dynamic),
        CheckerKind::File { name, .. } => file_keyword(parser, keyword, name, file_weight),
        // After a wrong name nothing else is looked at.
        CheckerKind::Bfd { name } if name.as_deref() == Some("") => matches!(keyword, "name" | "alpha"),
        CheckerKind::Bfd { name } if keyword == "name" => {
            bfd_name(parser, name, server);
            true
        }
        CheckerKind::Tcp | CheckerKind::Ping | CheckerKind::Bfd { .. } => false,
    }
}

fn http_keyword(parser: &mut Parser, name: &str, it: &mut HttpCheck, pace: &mut Pace) -> bool {
    match name {
        "url" => url(parser, it),
        "virtualhost" => match parser.word(1) {
            Some(host) => it.virtualhost = Some(host.to_owned()),
            None => parser.warn("HTTP_GET virtualhost name missing"),
        },
        "nb_get_retry" => {
            parser.warn("nb_get_retry is deprecated - please use 'retry'");
            match parser.unsigned(1, 0, u32::MAX, true) {
                Some(retry) => pace.retry = Some(retry),
                None => {
                    let text = parser.word(1).unwrap_or_default().to_owned();
                    parser.warn(format!("Invalid nb_get_retry value '{text}'"));
                }
            }
        }
        "http_protocol" => match parser.word(1).map(str::to_owned).as_deref() {
            None => parser.warn("Missing http_protocol version"),
            Some("1.0") => it.protocol = HttpProtocol::V10,
            Some("1.0C" | "1.0c") => it.protocol = HttpProtocol::V10Close,
            Some("1.1") => it.protocol = HttpProtocol::V11,
            Some(other) => parser.warn(format!("Invalid http_protocol version {other}")),
        },
        // There is one certificate for all names.
        "enable_sni" => {
            let _ = parser.switch_or(|word| format!("Invalid enable_sni parameter {word}"));
            parser.without_effect();
        }
        "fast_recovery" => {
            let complaint = |word: &str| format!("Invalid fast_recovery parameter {word}");
            it.recovers_fast = parser.switch_or(complaint).unwrap_or(it.recovers_fast);
        }
        _ => return false,
    }
    true
}

fn url(parser: &mut Parser, it: &mut HttpCheck) {
    let (mut url, mut has_path, mut pattern) = (Url::default(), false, PatternWords::default());
    parser.inner(|parser, name| {
        match name {
            "path" => {
                has_path = true;
                url.path = parser.word(1).unwrap_or_default().to_owned();
            }
            "digest" => digest(parser, &mut url),
            "virtualhost" => match parser.word(1) {
                Some(host) => url.virtualhost = Some(host.to_owned()),
                None => parser.warn("Missing HTTP_GET virtualhost name"),
            },
            "status_code" => status_code(parser, &mut url),
            _ => return pattern.keyword(parser, name),
        }
        true
    });
    url.regex = pattern.made(parser);
    if has_path {
        it.urls.push(url);
    } else {
        parser.warn("HTTP/SSL_GET checker url has no path - ignoring");
    }
}

fn digest(parser: &mut Parser, url: &mut Url) {
    let Some(text) = parser.parameter() else { return };
    if url.digest.is_some() {
        return parser.warn(format!("Digest '{text}' is a duplicate"));
    }
    if text.len() != 32 {
        let len = text.len();
        return parser.warn(format!("digest '{text}' character length should be 32 rather than {len}"));
    }
    // keepalived reads it from its end, and cuts it off there.
    let wrong = (0..16).rev().find(|byte| {
        let pair = text.as_bytes().get(byte * 2..byte * 2 + 2);
        !pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    });
    match wrong {
        None => url.digest = Some(text),
        Some(byte) => {
            let shown = String::from_utf8_lossy(&text.as_bytes()[..byte * 2 + 2]).into_owned();
            let (first, second) = (byte * 2, byte * 2 + 1);
            parser.warn(format!("Unable to interpret hex digit in '{shown}' at offset {first}/{second}"));
        }
    }
}

fn status_code(parser: &mut Parser, url: &mut Url) {
    for word in parser.words() {
        let (low, high) = word.split_once('-').unwrap_or((&word, &word));
        match (low.parse::<u16>(), high.parse::<u16>()) {
            (Ok(low), Ok(high)) if STATUS.contains(&low) && STATUS.contains(&high) && low <= high => {
                url.status.push((low, high));
            }
            _ => parser.warn(format!("Invalid HTTP_GET status code '{word}'")),
        }
    }
}

/// regex and the keywords around it. What is wrong with them is only written into the log.
#[derive(Default)]
struct PatternWords {
    pattern: Option<String>,
    options: String,
    rest: PagePattern,
    has_rest: bool,
}

impl PatternWords {
    fn keyword(&mut self, parser: &mut Parser, name: &str) -> bool {
        match name {
            "regex" => match parser.command().as_deref() {
                Some([_, pattern]) => self.pattern = Some(pattern.clone()),
                Some(_) => parser.say("regex missing or too many fields".to_owned(), Severity::Log),
                None => parser.crash(),
            },
            "regex_no_match" => self.rest.must_not_match = true,
            "regex_options" => {
                for word in parser.words() {
                    self.options += match word.as_str() {
                        "caseless" => "i",
                        "multiline" => "m",
                        "dotall" => "s",
                        "extended" => "x",
                        "ungreedy" => "U",
                        _ => "",
                    };
                }
            }
            "regex_min_offset" => self.rest.min_offset = offset(parser, "min").unwrap_or(0),
            "regex_max_offset" => self.rest.max_offset = offset(parser, "max"),
            // How much memory the pattern may take.
            "regex_stack" => {
                parser.without_effect();
                return true;
            }
            _ => return false,
        }
        self.has_rest |= name != "regex";
        true
    }

    fn made(self, parser: &mut Parser) -> Option<PagePattern> {
        let Some(pattern) = self.pattern else {
            if self.has_rest {
                parser.say("regex parameters specified without regex".to_owned(), Severity::Log);
            }
            return None;
        };
        let pattern = if self.options.is_empty() { pattern } else { format!("(?{}){pattern}", self.options) };
        let mut made = PagePattern { pattern, ..self.rest };
        if let Some(max) = made.max_offset.filter(|max| made.min_offset > *max) {
            let min = made.min_offset;
            parser.say(format!("regex min offset {min} > regex_max_offset {max} - ignoring"), Severity::Log);
            (made.min_offset, made.max_offset) = (0, None);
        }
        Some(made)
    }
}

fn offset(parser: &mut Parser, which: &str) -> Option<usize> {
    match parser.words().as_slice() {
        [text] => text.parse().ok().or_else(|| {
            parser.say(format!("Invalid regex_{which}_offset {text} specified"), Severity::Log);
            None
        }),
        _ => {
            parser.say(format!("Missing or too may options for regex_{which}_offset"), Severity::Log);
            None
        }
    }
}

fn udp_keyword(parser: &mut Parser, name: &str, it: &mut UdpCheck) -> bool {
    match name {
        "payload" if parser.word(1).is_none() => parser.warn("UDP_CHECK payload requires a payload"),
        "payload" => match hex(&parser.rest(), false) {
            Some(bytes) => it.payload = bytes.into_iter().map(|(byte, _)| byte).collect(),
            None => parser.warn("Invalid hex string for UDP_CHECK payload"),
        },
        "require_reply" => {
            it.requires_reply = true;
            if parser.word(1).is_some() {
                match hex(&parser.rest(), true) {
                    Some(bytes) => it.reply = bytes,
                    None => parser.warn("Invalid hex string for UDP_CHECK reply"),
                }
            }
        }
        "min_reply_length" | "max_reply_length" => {
            let which = &name[..3];
            match parser.unsigned(1, 0, 65_535, false).map(|len| len as u16) {
                Some(len) if which == "min" => it.min = len,
                Some(len) => it.max = len,
                None => {
                    let text = parser.word(1).unwrap_or_default().to_owned();
                    parser.warn(format!("UDP_CHECK {which} length {text} not valid - must be between 0 & 65535"));
                }
            }
        }
        _ => return false,
    }
    true
}

/// read_hex_str: pairs of digits or single ones, blanks between them; an x stands for anything. Each byte comes with the bits that count.
fn hex(text: &str, has_wildcards: bool) -> Option<Vec<(u8, u8)>> {
    let digit = |c: u8| match c {
        b'x' | b'X' if has_wildcards => Some((0, 0)),
        _ => char::from(c).to_digit(16).map(|digit| (digit as u8, 0xf)),
    };
    let mut bytes = Vec::new();
    for word in text.split_ascii_whitespace() {
        for pair in word.as_bytes().chunks(2) {
            let (high, high_mask) = digit(pair[0])?;
            bytes.push(match pair.get(1) {
                Some(low) => {
                    let (low, low_mask) = digit(*low)?;
                    (high << 4 | low, high_mask << 4 | low_mask)
                }
                None => (high, high_mask | 0xf0),
            });
        }
    }
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

fn smtp_keyword(parser: &mut Parser, name: &str, helo: &mut String) -> bool {
    match name {
        "helo_name" => match parser.word(1) {
            Some(name) => *helo = name.to_owned(),
            None => parser.warn("SMTP_CHECK helo name missing"),
        },
        _ => return false,
    }
    true
}

fn dns_keyword(parser: &mut Parser, keyword: &str, name: &mut String, record: &mut u16) -> bool {
    match keyword {
        "type" => {
            let Some(text) = parser.parameter() else { return true };
            let number = match text.to_ascii_uppercase().as_str() {
                "A" => 1,
                "NS" => 2,
                "CNAME" => 5,
                "SOA" => 6,
                "MX" => 15,
                "TXT" => 16,
                "AAAA" => 28,
                "RRSIG" => 46,
                "DNSKEY" => 48,
                _ => {
                    parser.warn(format!("Unknown DNS check type {text} - ignoring"));
                    return true;
                }
            };
            *record = number;
        }
        "name" if !name.is_empty() => parser.warn("DNS_CHECK name already specified - ignoring"),
        "name" => {
            let Some(text) = parser.parameter() else { return true };
            if (text.starts_with('.') && text.len() > 1) || text.contains("..") {
                parser.warn(format!("DNS_CHECK name '{text}' has empty label - ignoring"));
            } else {
                *name = text;
            }
        }
        _ => return false,
    }
    true
}

fn misc_keyword(
    parser: &mut Parser,
    name: &str,
    path: &mut String,
    timeout: &mut Option<Span>,
    is_dynamic: &mut bool,
) -> bool {
    match name {
        "misc_path" => {
            match parser.command() {
                // What is quoted stands for a whole command.
                Some(words) => *path = words.get(1..).unwrap_or_default().join(" "),
                None => parser.crash(),
            }
        }
        "misc_timeout" => match parser.unsigned(1, 0, u32::MAX / 1_000_000, true) {
            Some(seconds) => *timeout = Some(Span::from_secs(u64::from(seconds))),
            None => {
                let text = parser.word(1).unwrap_or_default().to_owned();
                parser.warn(format!("Invalid misc_timeout value '{text}'"));
            }
        },
        "misc_dynamic" => *is_dynamic = true,
        // Everything runs as root.
        "user" if parser.word(1).is_none() => {
            parser.warn(format!("No user specified for misc checker script {path}"));
        }
        "user" => parser.without_effect(),
        _ => return false,
    }
    true
}

fn file_keyword(parser: &mut Parser, keyword: &str, name: &mut String, weight: &mut Option<i32>) -> bool {
    match keyword {
        "track_file" => {
            let Some(text) = parser.parameter() else { return true };
            if parser.config.track_files.iter().any(|file| file.name == text) {
                *name = text;
            } else {
                parser.warn(format!("track_file {text} not found"));
            }
        }
        "weight" if parser.word(1).is_none() => parser.warn("track file weight missing"),
        "weight" => {
            let most = i32::MAX;
            let Some(value) = parser.integer(1, -most, most, true) else {
                parser.warn(format!("weight for track file must be in [-{most}..{most}] inclusive. Ignoring..."));
                return true;
            };
            match parser.word(2).map(str::to_owned).as_deref() {
                None | Some("noreverse") => *weight = Some(value),
                Some("reverse") => *weight = Some(-value),
                Some(other) => parser.warn(format!("unknown track file weight option {other} - ignoring")),
            }
        }
        _ => return false,
    }
    true
}

fn bfd_name(parser: &mut Parser, slot: &mut Option<String>, server: &str) {
    let words = parser.words();
    let [text] = words.as_slice() else {
        *slot = Some(String::new());
        return parser.warn(format!("({server}) BFD_CHECK - No or too many names specified - skipping checker"));
    };
    match slot {
        _ if !parser.config.bfds.contains(text) => {
            parser.warn(format!("({server}) BFD_CHECK - BFD {text} not configured"));
            *slot = Some(String::new());
        }
        Some(name) => parser.warn(format!("({server}) BFD_CHECK - BFD {text} already specified as {name}")),
        None => *slot = Some(text.clone()),
    }
}

/// The end handlers: whether there is a checker at all.
fn is_complete(parser: &mut Parser, it: &mut Checker, file_weight: Option<i32>, server: &str) -> bool {
    match &mut it.kind {
        CheckerKind::Http(http) if http.urls.is_empty() => {
            parser.warn("HTTP/SSL_GET checker has no urls specified - ignoring");
            parser.crash();
            return false;
        }
        CheckerKind::Udp(udp) if udp.min > udp.max => {
            let (min, max) = (udp.min, udp.max);
            parser.warn(format!("UDP_CHECK min_reply length {min} > max_reply_length {max} - will always fail"));
        }
        CheckerKind::Dns { name, .. } if name.is_empty() => *name = ".".to_owned(),
        CheckerKind::Misc { path, .. } if path.is_empty() => {
            parser.warn("No script path has been specified for MISC_CHECKER - skipping");
            return false;
        }
        CheckerKind::File { name, .. } if name.is_empty() => {
            parser.warn("FILE_CHECK has no track_file specified - ignoring");
            return false;
        }
        CheckerKind::File { name, weight } => {
            let file = parser.config.track_files.iter().find(|file| file.name == *name);
            let own =
                file.map_or(0, |file| if file.weight.is_reversed { -file.weight.value } else { file.weight.value });
            *weight = file_weight.unwrap_or(own);
        }
        CheckerKind::Bfd { name } if name.as_deref() == Some("") => return false,
        CheckerKind::Bfd { name: None } => {
            parser.warn(format!("({server}) No name has been specified for BFD_CHECKER - skipping"));
            return false;
        }
        _ => {}
    }
    true
}
