//! What programs are connected to: where they read from and write to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::kernel::Kernel;
use super::process::{Sys, WaitOn};
use super::socket::Errno;
use crate::ids::JobId;
use crate::reason::{Console, Note, Stream};

/// A pipe holds so many bytes; what is written beyond that is lost, which no reader that keeps up will see.
const PIPE_BYTES: usize = 4 << 20;

/// So many bytes are kept of what a job prints on one stream.
const CONSOLE_BYTES: usize = 16 << 20;

/// What a program writes to. Clones write to the same place.
#[derive(Clone, Debug)]
pub enum Output {
    /// The terminal of this job: kept, and shown in the trace as it is written.
    Console(JobId, Stream, Rc<RefCell<Vec<u8>>>),
    /// The end of the file at this absolute path; below /proc it is a setting.
    File(Rc<str>),
    /// A pipe.
    Pipe(Rc<Writer>),
    /// A text that the shell collects.
    Text(Rc<RefCell<String>>),
    /// Nowhere.
    Null,
}

/// What a program reads from. Clones share their place in it.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// Nothing to read.
    #[default]
    Null,
    /// A file's text, or one that stands in the script itself; what has been read is gone.
    Text(Rc<RefCell<Buffer>>),
    /// A pipe.
    Pipe(Rc<Reader>),
}

/// A text of which the beginning has been read.
#[derive(Debug, Default)]
pub struct Buffer {
    text: String,
    read: usize,
}

impl Buffer {
    fn push(&mut self, text: &str) {
        self.text.drain(..std::mem::take(&mut self.read));
        self.text.push_str(text);
    }

    fn take(&mut self) -> String {
        let mut text = std::mem::take(self);
        text.text.split_off(text.read)
    }

    fn take_line(&mut self) -> Option<String> {
        let end = self.read + self.text[self.read..].find('\n')? + 1;
        let line = self.text[self.read..end].to_owned();
        self.read = end;
        Some(line)
    }
}

/// Bytes on their way from one program to another.
#[derive(Debug)]
struct Pipe {
    id: u32,
    text: RefCell<Buffer>,
    has_writer: Cell<bool>,
    has_reader: Cell<bool>,
    /// Where the kernel looks for pipes that have lost an end: a program that is dropped cannot enter it.
    abandoned: Rc<RefCell<Vec<u32>>>,
}

/// The end of a pipe that is written to.
#[derive(Debug)]
pub struct Writer(Rc<Pipe>);

/// The end of a pipe that is read from.
#[derive(Debug)]
pub struct Reader(Rc<Pipe>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.has_writer.set(false);
        self.0.abandoned.borrow_mut().push(self.0.id);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.has_reader.set(false);
    }
}

/// A new pipe: what is written to one end is read from the other.
pub fn pipe(kernel: &mut Kernel) -> (Output, Stdin) {
    let (id, abandoned) = kernel.scheduler.new_pipe();
    let pipe = Rc::new(Pipe {
        id,
        text: RefCell::default(),
        has_writer: Cell::new(true),
        has_reader: Cell::new(true),
        abandoned,
    });
    (Output::Pipe(Rc::new(Writer(Rc::clone(&pipe)))), Stdin::Pipe(Rc::new(Reader(pipe))))
}

impl Output {
    /// Writes a text.
    ///
    /// # Errors
    ///
    /// A full disk, a pipe that nobody reads, a setting that does not take this value.
    pub fn write(&self, kernel: &mut Kernel, text: &str) -> Result<(), Errno> {
        if text.is_empty() {
            return Ok(());
        }
        match self {
            Output::Console(_, _, kept) if kept.borrow().len() + text.len() > CONSOLE_BYTES => {
                return Err(Errno::NoSpace);
            }
            Output::Console(job, stream, kept) => {
                kept.borrow_mut().extend_from_slice(text.as_bytes());
                let (job, stream) = (*job, *stream);
                kernel.out.note(|| Note::Console(Console::Printed { job, stream, text: text.into() }));
            }
            Output::File(path) => kernel.write_path(path, text.as_bytes(), true)?,
            Output::Pipe(writer) => writer.0.write(kernel, text)?,
            Output::Text(collected) => collected.borrow_mut().push_str(text),
            Output::Null => {}
        }
        Ok(())
    }
}

impl Pipe {
    fn write(&self, kernel: &mut Kernel, text: &str) -> Result<(), Errno> {
        if !self.has_reader.get() {
            return Err(Errno::BrokenPipe);
        }
        let mut waiting = self.text.borrow_mut();
        if waiting.text.len() + text.len() <= PIPE_BYTES {
            waiting.push(text);
        }
        kernel.wake(WaitOn::Pipe(self.id));
        Ok(())
    }
}

impl Stdin {
    /// A text to read from.
    pub fn text(text: impl Into<String>) -> Stdin {
        Stdin::Text(Rc::new(RefCell::new(Buffer { text: text.into(), read: 0 })))
    }

    /// Takes all that is there already.
    pub fn take(&self) -> String {
        self.buffer().map(|buffer| buffer.borrow_mut().take()).unwrap_or_default()
    }

    /// Waits until nothing more will come.
    pub async fn complete(&self, sys: &Sys) {
        while let Some(pipe) = self.open_pipe() {
            sys.wait(&[WaitOn::Pipe(pipe)], None).await;
        }
    }

    /// Waits for a line, and takes it with its newline; the last one may have none. None at the end.
    pub async fn line(&self, sys: &Sys) -> Option<String> {
        let buffer = self.buffer()?;
        loop {
            let line = buffer.borrow_mut().take_line();
            match (line, self.open_pipe()) {
                (Some(line), _) => return Some(line),
                (None, Some(pipe)) => sys.wait(&[WaitOn::Pipe(pipe)], None).await,
                (None, None) => return Some(self.take()).filter(|last| !last.is_empty()),
            }
        }
    }

    /// Waits until there is something, and takes all of it. None at the end.
    pub async fn some(&self, sys: &Sys) -> Option<String> {
        loop {
            let text = self.take();
            if !text.is_empty() {
                return Some(text);
            }
            sys.wait(&[WaitOn::Pipe(self.open_pipe()?)], None).await;
        }
    }

    fn buffer(&self) -> Option<&RefCell<Buffer>> {
        match self {
            Stdin::Null => None,
            Stdin::Text(text) => Some(text),
            Stdin::Pipe(reader) => Some(&reader.0.text),
        }
    }

    /// The pipe from which more may come.
    fn open_pipe(&self) -> Option<u32> {
        match self {
            Stdin::Pipe(reader) if reader.0.has_writer.get() => Some(reader.0.id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Terminal;

    #[test]
    fn a_buffer_gives_lines() {
        let mut buffer = Buffer::default();
        buffer.push("one\ntwo");
        assert_eq!(buffer.take_line().as_deref(), Some("one\n"));
        assert_eq!(buffer.take_line(), None);
        buffer.push(" and more\nthree");
        assert_eq!(buffer.take_line().as_deref(), Some("two and more\n"));
        assert_eq!(buffer.take(), "three");
        assert_eq!(buffer.take(), "");
    }

    #[test]
    fn a_pipe_without_readers_is_broken() {
        let mut kernel = Kernel::default();
        let (writer, reader) = pipe(&mut kernel);
        assert_eq!(writer.write(&mut kernel, "text"), Ok(()));
        assert_eq!(reader.take(), "text");
        drop(reader);
        assert_eq!(writer.write(&mut kernel, "text"), Err(Errno::BrokenPipe));
    }

    #[test]
    fn a_console_takes_only_so_much() {
        let mut kernel = Kernel::default();
        let job = JobId::new(Terminal::FIRST, 0);
        let console = Output::Console(job, Stream::Out, Rc::default());
        let half = "x".repeat(CONSOLE_BYTES / 2);
        assert_eq!(console.write(&mut kernel, &half), Ok(()));
        assert_eq!(console.write(&mut kernel, &half), Ok(()));
        assert_eq!(console.write(&mut kernel, "x"), Err(Errno::NoSpace));
    }
}
