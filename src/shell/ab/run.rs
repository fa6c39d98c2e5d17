//! A run of ab: what its connections have in common, and when it is over.

use std::cell::{Cell, RefCell};
use std::net::SocketAddrV4;
use std::rc::Rc;

use super::Failure;
use super::connection::{Connection, find_ignoring_case};
use super::options::Options;
use super::report;
use crate::apps::resolve;
use crate::host::net::TcpStream;
use crate::host::{Bind, Errno, Process};
use crate::time::Time;

/// APR's number for a poll that found nothing in time.
const TIME_UP: i32 = 70007;
/// APR's number for a name that nobody knows: EAI_NONAME after APR_OS_START_EAIERR.
const NO_NAME: i32 = 670_002;
/// After so many failures ab gives up.
const MAX_FAILURES: u32 = 10;

/// The times of one request, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub connect: u64,
    pub total: u64,
    pub wait: u64,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub started: usize,
    pub good: u32,
    pub failed: u32,
    pub failed_connect: u32,
    pub failed_receive: u32,
    pub failed_length: u32,
    pub failed_otherwise: u32,
    pub failed_writes: u32,
    pub not_2xx: u32,
    pub kept_alive: u32,
    /// Bytes read, those of them in bodies, and bytes written.
    pub read: u64,
    pub body: u64,
    pub posted: u64,
    /// Length of the first answer's body.
    pub length: u64,
    pub server: String,
    pub samples: Vec<Sample>,
    pub start: Time,
    /// When something last happened that counts for the time taken.
    pub last: Time,
}

/// A run, as all its connections see it.
pub(super) struct Run {
    process: Process,
    pub options: Options,
    pub request: Vec<u8>,
    pub figures: RefCell<Figures>,
    /// Connections that have nothing more to do.
    pub idle: RefCell<Vec<TcpStream>>,
    local: Bind,
    remote: SocketAddrV4,
    /// When something last happened on any connection.
    touched: Cell<Time>,
    has_answer: Cell<bool>,
    connections: Cell<usize>,
    failure: RefCell<Option<Failure>>,
}

impl Run {
    /// # Errors
    ///
    /// A name that nobody knows.
    pub fn new(process: &Process, options: Options) -> Result<Run, Failure> {
        let address = |name: &str| {
            let found = process.sys.with(|kernel| resolve(kernel, name));
            let what = format!("apr_sockaddr_info_get() for {name}");
            found.ok_or_else(|| apr_failure(&what, "Name or service not known", NO_NAME))
        };
        let local = Bind { address: options.bind.as_deref().map(address).transpose()?, ..Bind::ANY };
        let remote = SocketAddrV4::new(address(&options.url.host)?, options.url.port);
        let mut request = head(&options).into_bytes();
        request.extend_from_slice(options.body.as_deref().unwrap_or_default());
        let now = process.sys.now();
        let figures = Figures { start: now, last: now, ..Figures::default() };
        Ok(Run {
            process: process.clone(),
            options,
            request,
            figures: RefCell::new(figures),
            idle: RefCell::default(),
            local,
            remote,
            touched: Cell::new(now),
            has_answer: Cell::new(false),
            connections: Cell::new(0),
            failure: RefCell::default(),
        })
    }

    /// Makes all requests and reports them; the exit status.
    pub async fn finish(self: Rc<Run>) -> i32 {
        self.say(2, || {
            let head = head(&self.options);
            format!("INFO: {} header == \n---\n{head}\n---\n", self.options.method)
        });
        self.add_connection();
        let failure = loop {
            if let Some(failure) = self.failure.take() {
                break Some(failure);
            }
            if self.is_over() {
                break None;
            }
            let deadline = self.touched.get() + self.options.timeout;
            if self.process.sys.now() >= deadline {
                break Some(apr_failure("apr_pollset_poll", "The timeout specified has expired", TIME_UP));
            }
            // The others begin when the first one has shown that somebody answers.
            if self.has_answer.get() {
                let missing = self.options.concurrency.saturating_sub(self.connections.get());
                (0..missing).for_each(|_| self.add_connection());
            }
            self.process.sys.wait(&[], Some(deadline)).await;
        };
        if let Some(failure) = failure {
            self.process.complain(&failure.text);
            let done = self.figures.borrow().samples.len();
            if done > 0 {
                self.process.print(&format!("Total of {done} requests completed\n"));
            }
            return failure.status;
        }
        if self.options.heartbeat.is_some() {
            let done = self.figures.borrow().samples.len();
            self.process.complain(&format!("Finished {done} requests\n"));
        } else {
            self.process.print("..done\n");
        }
        self.process.print(&report::text(&self.options, &mut self.figures.borrow_mut()));
        0
    }

    fn add_connection(self: &Rc<Run>) {
        self.connections.set(self.connections.get() + 1);
        let run = Rc::clone(self);
        self.process.sys.spawn_thread(|sys| {
            Box::pin(async move {
                if let Err(failure) = Connection::default().work(&run, &sys, run.local, run.remote).await {
                    run.failure.replace(Some(failure));
                }
                run.wake();
                0
            })
        });
    }

    /// Lets the program look whether it is over.
    fn wake(&self) {
        let main = self.process.sys.pid();
        self.process.sys.with(|kernel| kernel.scheduler.wake_process(main));
    }

    fn is_over(&self) -> bool {
        let figures = self.figures.borrow();
        let time_is_up = self.options.time_limit.is_some_and(|limit| figures.last >= figures.start + limit);
        time_is_up || figures.samples.len() >= self.options.requests
    }

    /// Whether another request is to be made.
    pub fn wants_more(&self) -> bool {
        self.figures.borrow().started < self.options.requests && !self.is_over()
    }

    /// Something has happened on a connection.
    pub fn touch(&self, now: Time) {
        self.touched.set(now);
    }

    /// A request has been written.
    pub fn sent(&self, now: Time) {
        let mut figures = self.figures.borrow_mut();
        figures.started += 1;
        figures.posted += self.request.len() as u64;
        figures.last = now;
    }

    /// The header of an answer is there.
    pub fn header_came(&self, header: &str, body: u64) {
        let mut figures = self.figures.borrow_mut();
        if figures.good == 0 {
            let server = find_ignoring_case(header, "Server:").and_then(|rest| rest.get(1..)).unwrap_or_default();
            figures.server = server.split(|c: char| c <= ' ').next().unwrap_or_default().to_owned();
        }
        let code = header.find("HTTP").and_then(|at| header.get(at + 9..at + 12)).unwrap_or("500");
        if code.starts_with('2') {
            self.say(3, || format!("LOG: Response code = {code}\n"));
        } else {
            figures.not_2xx += 1;
            self.say(2, || format!("WARNING: Response code not 2xx ({code})\n"));
        }
        figures.body += body;
        if !self.has_answer.replace(true) {
            self.wake();
        }
    }

    /// A body of this length is complete.
    pub fn check_length(&self, length: u64) {
        let mut figures = self.figures.borrow_mut();
        if figures.good == 1 {
            figures.length = length;
        } else if length != figures.length && !self.options.any_length {
            figures.failed += 1;
            figures.failed_length += 1;
        }
    }

    /// A request has come to its end, one way or another.
    pub fn completed(&self, sample: Sample) {
        let done = {
            let samples = &mut self.figures.borrow_mut().samples;
            if samples.len() >= self.options.requests {
                return;
            }
            samples.push(sample);
            samples.len()
        };
        if self.options.heartbeat.is_some_and(|every| done % every == 0) {
            self.process.complain(&format!("Completed {done} requests\n"));
        }
        if self.is_over() {
            self.wake();
        }
    }

    /// A connection could not even be begun.
    pub fn connect_failed(&self, error: Errno) -> Result<(), Failure> {
        self.fail("apr_socket_connect()", Some(error))?;
        self.figures.borrow_mut().failed_connect += 1;
        Ok(())
    }

    /// A header has no end.
    pub fn bad_header(&self) -> Result<(), Failure> {
        self.figures.borrow_mut().not_2xx += 1;
        self.fail("", None)
    }

    /// One more failure of a kind of which there must not be many.
    fn fail(&self, what: &str, error: Option<Errno>) -> Result<(), Failure> {
        let before = self.figures.borrow().failed;
        self.figures.borrow_mut().failed += 1;
        if before <= MAX_FAILURES {
            return Ok(());
        }
        let aborted = "\nTest aborted after 10 failures\n\n";
        Err(match error {
            None => Failure { text: format!("{aborted}\n"), status: 1 },
            Some(error) => {
                let failure = apr_failure(what, &error.to_string(), error.number());
                Failure { text: format!("{aborted}{}", failure.text), ..failure }
            }
        })
    }

    /// Nothing could be read.
    pub fn receive_failed(&self, error: Errno) -> Result<(), Failure> {
        self.figures.borrow_mut().failed_receive += 1;
        let failure = apr_failure("apr_socket_recv", &error.to_string(), error.number());
        if !self.options.survives {
            return Err(failure);
        }
        self.figures.borrow_mut().failed += 1;
        if self.options.verbosity >= 1 {
            self.process.complain(&failure.text);
        }
        Ok(())
    }

    /// poll(2) has told of the same failure.
    pub fn poll_failed(&self) {
        let mut figures = self.figures.borrow_mut();
        figures.failed += 1;
        figures.failed_otherwise += 1;
    }

    /// A request could not be written.
    pub fn write_failed(&self, error: Errno) {
        if error == Errno::WouldBlock {
            return self.process.print("Send request timed out!\n");
        }
        self.figures.borrow_mut().failed_writes += 1;
        self.process.print("Send request failed!\n");
    }

    /// Says something if so much is to be said.
    pub fn say(&self, verbosity: i32, text: impl FnOnce() -> String) {
        if self.options.verbosity >= verbosity {
            self.process.print(&text());
        }
    }
}

/// apr_err: the end of the program.
fn apr_failure(what: &str, why: &str, number: i32) -> Failure {
    Failure { text: format!("{what}: {why} ({number})\n"), status: number & 0xff }
}

/// The request without its body.
fn head(options: &Options) -> String {
    let Options { url, method, cookie, content_type, .. } = options;
    let mut headers: String = options.headers.iter().map(|header| format!("{header}\r\n")).collect();
    let port = if url.port == 80 { String::new() } else { format!(":{}", url.port) };
    for (name, value) in [
        ("Host:", format!("{}{port}", url.host)),
        ("User-Agent:", "ApacheBench/2.3".to_owned()),
        ("Accept:", "*/*".to_owned()),
    ] {
        let is_own = |header: &&String| header.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
        if !options.headers.iter().any(|header| is_own(&header)) {
            headers.push_str(&format!("{name} {value}\r\n"));
        }
    }
    let keep_alive = if options.keep_alive { "Connection: Keep-Alive\r\n" } else { "" };
    let content = options
        .body
        .as_ref()
        .map_or(String::new(), |body| format!("Content-length: {}\r\nContent-type: {content_type}\r\n", body.len()));
    format!("{method} {} HTTP/1.0\r\n{keep_alive}{cookie}{content}{headers}\r\n", url.path)
}
