//! Where programs read from and write to.

use std::cell::RefCell;
use std::rc::Rc;

use super::kernel::Kernel;
use crate::reason::{Console, Note, Stream};

/// What a program writes to. Clones write to the same place.
#[derive(Clone, Debug)]
pub enum Output {
    /// The console of the job with this number: kept, and shown in the trace as it is written.
    Console(usize, Stream, Rc<RefCell<Vec<u8>>>),
    /// Nowhere.
    Null,
}

/// What a program reads from. Clones share their place in it.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// Nothing to read.
    #[default]
    Null,
    /// A file's text, or one that stands in the script itself.
    Text(Rc<RefCell<String>>),
}

impl Stdin {
    /// Takes all that is there.
    pub fn read_to_end(&self) -> String {
        match self {
            Stdin::Null => String::new(),
            Stdin::Text(text) => std::mem::take(&mut *text.borrow_mut()),
        }
    }
}

impl Output {
    /// Writes a text.
    pub fn write(&self, kernel: &mut Kernel, text: &str) {
        if text.is_empty() {
            return;
        }
        match self {
            Output::Console(job, stream, kept) => {
                kept.borrow_mut().extend_from_slice(text.as_bytes());
                let (job, stream) = (*job, *stream);
                kernel.out.note(|| Note::Console(Console::Printed { job, stream, text: text.to_owned() }));
            }
            Output::Null => {}
        }
    }
}
