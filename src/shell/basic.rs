//! Commands of a line or two: `echo`, `sleep`.

use super::{Io, Process};
use crate::host::Kernel;
use crate::host::process::Task;
use crate::time::Span;

/// echo [-n] WORD...
pub(super) fn echo(_: &mut Kernel, args: &[String], io: &mut Io) -> i32 {
    let words = &args[1..];
    let (words, newline) = match words.split_first() {
        Some((first, rest)) if first == "-n" => (rest, ""),
        _ => (words, "\n"),
    };
    io.out = words.join(" ") + newline;
    0
}

/// sleep SECONDS...
pub(super) fn sleep(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let mut total = Span::ZERO;
        for arg in &args[1..] {
            let Some(span) = seconds(arg) else {
                process.complain(&format!(
                    "sleep: invalid time interval ‘{arg}’\nTry 'sleep --help' for more information.\n"
                ));
                return 1;
            };
            total = total + span;
        }
        if args.len() < 2 {
            process.complain("sleep: missing operand\nTry 'sleep --help' for more information.\n");
            return 1;
        }
        process.sys.sleep(total).await;
        0
    })
}

/// A number with an optional unit, as sleep takes it.
fn seconds(text: &str) -> Option<Span> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3600.0),
        (at, 'd') => (&text[..at], 86400.0),
        _ => (text, 1.0),
    };
    let number: f64 = number.parse().ok()?;
    (number >= 0.0).then(|| Span::from_secs_f64(number * unit))
}
