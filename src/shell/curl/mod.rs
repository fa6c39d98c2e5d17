//! curl, as far as HTTP and FTP without encryption go; messages are those of curl 7.88.1.

mod ftp;
mod options;
mod transfer;
mod write_out;

use options::Options;
use transfer::{Outcome, Transfer};

use crate::host::Process;
use crate::host::files::absolute;
use crate::host::process::Task;
use crate::time::Span;

/// Why a transfer has failed: curl's exit status and message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    code: i32,
    message: String,
}

impl Failure {
    fn new(code: i32, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into() }
    }

    /// Whether --retry tries again: time-outs, and refusals if it is told so.
    fn is_transient(&self, options: &Options) -> bool {
        self.code == 28 || self.code == 7 && options.retry_refused
    }
}

/// Runs it.
pub(super) fn curl(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let options = match Options::parse(&args[1..]) {
            Ok(options) => options,
            Err(why) => {
                let hint = "curl: try 'curl --help' or 'curl --manual' for more information\n";
                process.complain(&if why.is_empty() { hint.to_owned() } else { format!("curl: {why}\n{hint}") });
                return 2;
            }
        };
        let mut status = 0;
        for (index, url) in options.urls.iter().enumerate() {
            status = one_url(&process, &options, url, options.outputs.get(index)).await;
        }
        status
    })
}

/// Fetches a URL, again if --retry says so; the exit status.
async fn one_url(process: &Process, options: &Options, url: &str, output: Option<&String>) -> i32 {
    let mut delay = Span::from_secs(1);
    let mut left = options.retries;
    loop {
        let mut transfer = Transfer::new(process, options, url);
        let outcome = transfer.run().await;
        let failure = outcome.as_ref().err().cloned();
        if let Some(failure) = failure.as_ref().filter(|failure| left > 0 && failure.is_transient(options)) {
            let pause = options.retry_delay.unwrap_or(delay);
            if options.shows_errors() {
                let reason = if failure.code == 28 { "timeout" } else { "connection refused" };
                let (seconds, plural) = (pause.as_secs(), if left == 1 { "retry" } else { "retries" });
                let text =
                    format!("Warning: Problem: {reason}. Will retry in {seconds} seconds. {left} {plural} left.\n");
                process.complain(&text);
            }
            process.sys.sleep(pause).await;
            delay = delay.times(2);
            left -= 1;
            continue;
        }
        return finish(process, options, &transfer, outcome, output);
    }
}

/// Hands over what came, and says what went wrong.
fn finish(
    process: &Process,
    options: &Options,
    transfer: &Transfer<'_>,
    outcome: Result<Outcome, Failure>,
    output: Option<&String>,
) -> i32 {
    let failure = deliver(process, options, transfer, outcome, output).err();
    if !options.silent {
        process.complain(&write_out::meter(transfer));
    }
    if let Some(failure) = &failure
        && options.shows_errors()
    {
        process.complain(&format!("curl: ({}) {}\n", failure.code, failure.message));
    }
    if let Some(format) = &options.write_out {
        let (text, complaints) = write_out::format(format, transfer, failure.as_ref());
        process.print(&text);
        process.complain(&complaints);
    }
    failure.map_or(0, |failure| failure.code)
}

fn deliver(
    process: &Process,
    options: &Options,
    transfer: &Transfer<'_>,
    outcome: Result<Outcome, Failure>,
    output: Option<&String>,
) -> Result<(), Failure> {
    let (outcome, failure) = match outcome {
        Ok(outcome) => (outcome, None),
        // What came before it broke is printed all the same.
        Err(failure) => (Outcome { headers: transfer.headers.clone(), body: transfer.body.clone() }, Some(failure)),
    };
    if options.fail && transfer.code >= 400 && transfer.is_http() {
        return Err(Failure::new(22, format!("The requested URL returned error: {}", transfer.code)));
    }
    let mut text = if options.include || options.head { outcome.headers } else { String::new() };
    text.push_str(&String::from_utf8_lossy(&outcome.body));
    match output.filter(|name| *name != "-") {
        None => process.print(&text),
        Some(name) => {
            let path = absolute(&process.cwd, name);
            let written = process.sys.with(|kernel| kernel.write_path(&path, text.as_bytes(), false));
            if written.is_err() && failure.is_none() {
                return Err(Failure::new(23, "Failure writing output to destination"));
            }
        }
    }
    failure.map_or(Ok(()), Err)
}
