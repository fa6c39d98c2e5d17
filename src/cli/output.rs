//! Standard output and files: written without panics, and never over what is not ours.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::subject::wrong;
use super::{Status, files, png};

/// Where a page or a picture goes.
#[derive(clap::Args, Default)]
pub struct Target {
    /// Writes it into this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Writes over a file that does not come from lvslab.
    #[arg(long)]
    force: bool,
}

impl Target {
    /// Whether it can be written there, before any work is done for it.
    ///
    /// # Errors
    ///
    /// What the process ends with; the complaint has been printed.
    pub fn check(&self) -> Result<(), Status> {
        match &self.output {
            Some(path) if !self.force => files::may_draw(path).map_err(|error| wrong(&error)),
            _ => Ok(()),
        }
    }

    /// Whether files that do not come from lvslab are written over.
    pub fn force(&self) -> bool {
        self.force
    }

    /// Whether it goes to a terminal that shows colours.
    pub fn colours(&self) -> bool {
        self.output.is_none() && colours()
    }

    /// Whether the file's name asks for a picture.
    pub fn is_picture(&self) -> bool {
        ["svg", "png"].iter().any(|ending| self.ends_in(ending))
    }

    fn ends_in(&self, ending: &str) -> bool {
        let found = self.output.as_ref().and_then(|path| path.extension());
        found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
    }

    /// Writes an SVG picture, as PNG if the file is called so.
    ///
    /// # Errors
    ///
    /// What the process ends with; the complaint has been printed.
    pub fn draw(&self, picture: &str) -> Result<Status, Status> {
        self.write(|out| match self.ends_in("png") {
            true => out.write_all(&png::png(picture)?),
            false => out.write_all(picture.as_bytes()),
        })
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// What the process ends with; the complaint has been printed.
    pub fn write(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Status, Status> {
        let written = match &self.output {
            None => print(write),
            Some(path) => {
                let mut page = Vec::new();
                write(&mut page).and_then(|()| files::write(path, &page))
            }
        };
        written.map(|()| Status::Held).map_err(|error| {
            anstream::eprintln!("lvslab: {error}");
            Status::Stopped
        })
    }
}

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
