//! What a checker makes of an answer: the epilogs of check_tcp.c and its like. Each kind of checker counts in its own way.

use super::Pace;
use crate::keepalived::conf::{Checker, CheckerKind, HttpCheck};
use crate::time::Span;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server is well; what an HTTP checker has looked at.
    Good(&'static str),
    /// It is not.
    Bad(Failure),
    /// A script has ended with this status.
    Exited(i32),
    /// A script took too long.
    TimedOut,
}

/// What is wrong with a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came in time.
    Timeout,
    /// It refused, or there is no way to it.
    Refused,
    /// What came is not what was expected.
    Mismatch,
    /// Something that only this kind of checker knows.
    Said(String),
}

/// What is known of a checker.
#[derive(Clone, Debug)]
pub struct State {
    pub pace: Pace,
    pub is_up: bool,
    pub has_run: bool,
    /// Failures in a row.
    pub failures: u32,
    /// What it adds to the server's weight.
    pub weight: i64,
    /// The last exit status that counted (misc_dynamic).
    pub status: i32,
    /// The page that is asked for next.
    pub page: usize,
    /// Whether a page has failed that has not been seen since.
    pub has_failed_page: bool,
}

/// What follows from an answer, in this order.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The checker adds this to the server's weight from now on.
    pub weight: Option<i64>,
    /// What it has added is taken back, without a word to IPVS.
    pub forgets_weight: bool,
    pub log: Vec<String>,
    /// The server is well, or it is not.
    pub decision: Option<bool>,
    pub wait: Span,
}

impl State {
    pub fn new(checker: &Checker, pace: Pace) -> State {
        // At the first question one failure is enough, but for mail servers.
        let is_patient = matches!(checker.kind, CheckerKind::Smtp { .. });
        State {
            pace,
            is_up: true,
            has_run: false,
            failures: if is_patient { 0 } else { pace.retry },
            weight: 0,
            status: 0,
            page: 0,
            has_failed_page: false,
        }
    }

    /// Whether an answer may change anything.
    fn is_open(&self) -> bool {
        self.is_up || !self.has_run
    }

    /// An answer has come. `name` is the server's, `service` the service's, `weight` what is configured.
    pub fn hear(&mut self, checker: &Checker, name: &str, service: &str, weight: i32, answer: Answer) -> Verdict {
        let says_all = checker.log_all_failures;
        match (&checker.kind, answer) {
            (CheckerKind::Misc { path, is_dynamic, .. }, answer) => {
                let whose = format!("{name} VS {service}");
                self.script(path, *is_dynamic, &whose, weight, says_all, answer)
            }
            (CheckerKind::Http(http), Answer::Good(what)) => self.page_is_good(http, name, what),
            (CheckerKind::Http(http), answer) => self.page_is_bad(http, name, says_all, said(answer)),
            (CheckerKind::Smtp { .. }, answer) => self.smtp(name, says_all, answer),
            (CheckerKind::Dns { .. }, answer) => self.dns(name, says_all, answer),
            (kind, answer) => {
                let is_good = matches!(answer, Answer::Good(_));
                let words = Words::of(kind, name, service);
                let mut log = Vec::new();
                if !is_good && self.is_up && says_all {
                    log.push(words.failure(&answer));
                }
                let verdict =
                    if *kind == CheckerKind::Tcp { self.tcp(is_good, &words) } else { self.udp(is_good, &words) };
                Verdict { log: log.into_iter().chain(verdict.log).collect(), ..verdict }
            }
        }
    }

    /// tcp_epilog: a server that is down is asked again at the pace of retries, too.
    fn tcp(&mut self, is_good: bool, words: &Words<'_>) -> Verdict {
        let mut verdict = Verdict { wait: self.pace.delay_loop, ..Verdict::default() };
        if is_good || self.failures >= self.pace.retry {
            self.failures = 0;
            self.news(is_good, words, &mut verdict);
        } else {
            verdict.wait = self.pace.delay_before_retry;
            self.failures += 1;
        }
        verdict
    }

    /// udp_epilog, icmp_epilog
    fn udp(&mut self, is_good: bool, words: &Words<'_>) -> Verdict {
        let mut verdict = Verdict { wait: self.pace.delay_loop, ..Verdict::default() };
        if is_good || (self.is_open() && self.failures >= self.pace.retry) {
            self.failures = 0;
            self.news(is_good, words, &mut verdict);
        } else if self.is_up {
            verdict.wait = self.pace.delay_before_retry;
            self.failures += 1;
        }
        verdict
    }

    fn news(&self, is_good: bool, words: &Words<'_>, verdict: &mut Verdict) {
        if is_good && (!self.is_up || !self.has_run) {
            verdict.log.push(words.success());
            verdict.decision = Some(true);
        } else if !is_good && self.is_open() {
            verdict.log.push(words.down(self.pace.retry, self.has_run));
            verdict.decision = Some(false);
        }
    }

    /// epilog of check_http.c, REGISTER_CHECKER_NEW: a page after the other, one in each round.
    fn page_is_good(&mut self, http: &HttpCheck, name: &str, what: &str) -> Verdict {
        let mut verdict = Verdict { wait: self.pace.delay_loop, ..Verdict::default() };
        if !self.is_up {
            let path = http.urls.get(self.page).map_or("/", |url| &url.path);
            verdict.log.push(format!("{what} success to {name} url({path})."));
        }
        let is_last = self.page + 1 >= http.urls.len();
        self.failures = 0;
        self.page = if is_last { 0 } else { self.page + 1 };
        let mut is_recovering = !self.is_up;
        if is_last && !self.has_failed_page {
            if !self.is_up || !self.has_run {
                verdict.log.push(format!("Remote Web server {name} succeed on service."));
                verdict.decision = Some(true);
                self.has_run = true;
                is_recovering = false;
            }
        } else if self.has_failed_page {
            // It is back: all pages have to show themselves.
            (self.has_failed_page, self.page) = (false, 0);
        }
        if !self.has_run {
            self.failures = self.pace.retry;
        }
        if http.recovers_fast && (!self.has_run || is_recovering) {
            verdict.wait = Span::ZERO;
        }
        verdict
    }

    /// timeout_epilog, and then epilog with REGISTER_CHECKER_RETRY or REGISTER_CHECKER_FAILED.
    fn page_is_bad(&mut self, http: &HttpCheck, name: &str, says_all: bool, what: String) -> Verdict {
        let mut verdict = Verdict::default();
        if self.is_open() {
            if says_all {
                verdict.log.push(format!("{what} server {name}."));
            }
            self.has_run = true;
            self.failures += 1;
            if self.failures > self.pace.retry {
                if self.is_up {
                    let retries = self.failures - 1;
                    verdict.log.push(match self.pace.retry {
                        0 => format!("HTTP_CHECK on service {name} failed."),
                        _ => format!("HTTP_CHECK on service {name} failed after {retries} retries."),
                    });
                    verdict.decision = Some(false);
                }
                self.has_failed_page = true;
            }
        }
        let is_down = !self.is_up || verdict.decision == Some(false);
        verdict.wait = if self.has_failed_page {
            self.pace.delay_before_retry.max(self.pace.delay_loop)
        } else if http.recovers_fast && is_down {
            Span::ZERO
        } else {
            self.pace.delay_before_retry
        };
        verdict
    }

    /// smtp_final: the first question is repeated as any other, and has_run is set by success alone.
    fn smtp(&mut self, name: &str, says_all: bool, answer: Answer) -> Verdict {
        let mut verdict = Verdict { wait: self.pace.delay_loop, ..Verdict::default() };
        if matches!(answer, Answer::Good(_)) {
            self.failures = 0;
            if !self.is_up || !self.has_run {
                verdict.log.push(format!("Remote SMTP server {name} succeed on service."));
                verdict.decision = Some(true);
            }
            return verdict;
        }
        if self.is_open() && (says_all || self.failures >= self.pace.retry) {
            verdict.log.push(format!("SMTP_CHECK {}", said(answer)));
        }
        self.failures += 1;
        if self.failures <= self.pace.retry {
            verdict.wait = self.pace.delay_before_retry;
            return verdict;
        }
        self.failures = 0;
        verdict.decision = self.is_open().then_some(false);
        verdict
    }

    /// dns_final
    fn dns(&mut self, name: &str, says_all: bool, answer: Answer) -> Verdict {
        let mut verdict = Verdict { wait: self.pace.delay_loop, ..Verdict::default() };
        if matches!(answer, Answer::Good(_)) {
            verdict.decision = (!self.is_up || !self.has_run).then_some(true);
        } else if self.is_open() {
            let is_enough = self.failures >= self.pace.retry;
            if says_all || is_enough {
                let after = match self.has_run && is_enough {
                    true => format!(" after {} retries", self.pace.retry),
                    false => String::new(),
                };
                verdict.log.push(format!("DNS_CHECK ({name}) {}{after}", said(answer)));
            }
            if !is_enough {
                self.failures += 1;
                verdict.wait = self.pace.delay_before_retry;
                return verdict;
            }
            verdict.decision = Some(false);
        }
        self.failures = 0;
        verdict
    }

    /// misc_check_child_thread; the wait counts from when the script was started.
    fn script(
        &mut self,
        path: &str,
        is_dynamic: bool,
        whose: &str,
        weight: i32,
        says_all: bool,
        answer: Answer,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let path = path.split_whitespace().next().unwrap_or(path);
        let (status, reason) = match &answer {
            Answer::Exited(status) => (Some(*status), format!("failed{{}} (exited with status {status}).")),
            _ => (None, "timed out{}.".to_owned()),
        };
        if let Some(status) = status.filter(|status| *status == 0 || is_dynamic && (2..=255).contains(status)) {
            if status != self.status {
                self.status = status;
                verdict.weight = Some(if status == 0 { 0 } else { i64::from(status) - 2 - i64::from(weight) });
            }
            if !self.is_up || !self.has_run {
                verdict.log.push(format!("Misc check for [{whose}] by [{path}] succeeded."));
                verdict.decision = Some(true);
            }
            self.failures = 0;
        } else if self.is_open() {
            let is_enough = self.failures >= self.pace.retry;
            if is_enough {
                self.failures = 0;
                if let Some(status) = status {
                    (self.status, verdict.forgets_weight) = (status, true);
                }
                verdict.decision = Some(false);
            } else {
                self.failures += 1;
            }
            if is_enough || says_all {
                let message = reason.replacen("{}", &self.counted(), 1);
                verdict.log.push(format!("Misc check for [{whose}] by [{path}] {message}"));
            }
        }
        verdict.wait = if self.failures > 0 { self.pace.delay_before_retry } else { self.pace.delay_loop };
        verdict
    }

    /// How far a script's failures have got.
    fn counted(&self) -> String {
        let retries = |count: u32| if count == 1 { "retry" } else { "retries" };
        match (self.pace.retry, self.failures) {
            (0, _) => " with retry disabled".to_owned(),
            (all, 0) => format!(" after {all} {}", retries(all)),
            (all, 1) => format!(", will do {all} {}", retries(all)),
            (all, now) => format!(" on retry {}/{all}", now - 1),
        }
    }
}

fn said(answer: Answer) -> String {
    match answer {
        Answer::Bad(Failure::Said(text)) => text,
        Answer::Bad(Failure::Timeout) | Answer::TimedOut => "Timeout connecting".to_owned(),
        _ => "Error connecting".to_owned(),
    }
}

/// The sentences of TCP_CHECK, UDP_CHECK and PING_CHECK.
struct Words<'a> {
    kind: &'a CheckerKind,
    name: &'a str,
    service: &'a str,
}

impl<'a> Words<'a> {
    fn of(kind: &'a CheckerKind, name: &'a str, service: &'a str) -> Words<'a> {
        Words { kind, name, service }
    }

    fn protocol(&self) -> &'static str {
        match self.kind {
            CheckerKind::Tcp => "TCP",
            CheckerKind::Ping => "ICMP",
            _ => "UDP",
        }
    }

    fn success(&self) -> String {
        format!("{} connection to {} success.", self.protocol(), self.name)
    }

    fn failure(&self, answer: &Answer) -> String {
        let (protocol, name) = (self.protocol(), self.name);
        match (self.kind, answer) {
            (CheckerKind::Ping, Answer::Bad(Failure::Timeout)) => {
                format!("ICMP connection to address {name} timeout.")
            }
            (CheckerKind::Ping, _) => format!("ICMP connection to {name} of {} failed.", self.service),
            (CheckerKind::Tcp, Answer::Bad(Failure::Timeout)) => format!("TCP connection to {name} timeout."),
            (_, Answer::Bad(Failure::Mismatch)) => format!("UDP check to {name} reply data mismatch."),
            _ => format!("{protocol} connection to {name} failed."),
        }
    }

    fn down(&self, retry: u32, has_run: bool) -> String {
        let name = self.name;
        let (what, of) = match self.kind {
            CheckerKind::Tcp => ("TCP_CHECK", String::new()),
            CheckerKind::Ping => ("ICMP CHECK", format!(" of {}", self.service)),
            _ => ("UDP_CHECK", String::new()),
        };
        if retry > 0 && has_run {
            format!("{what} on service {name}{of} failed after {retry} retries.")
        } else {
            format!("{what} on service {name} failed.")
        }
    }
}
