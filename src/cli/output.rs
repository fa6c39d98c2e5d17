//! Standard output and files: written without panics, and never over what is not ours.

use std::io::{self, BufWriter, Write};

/// Whether standard output shows colours: a terminal that can, and no NO_COLOR.
pub fn colours() -> bool {
    let choice = anstream::AutoStream::choice(&io::stdout());
    choice != anstream::ColorChoice::Never
}

/// Writes to standard output. A reader who has gone (`| head`) is no error.
///
/// # Errors
///
/// As writing does, except for the closed pipe.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
