//! Where keepalived writes: a file of the node, and the trace.

use super::Process;
use crate::reason::{Console, Note};

/// The file.
pub const FILE: &str = "/var/log/keepalived.log";

/// keepalived's pen.
#[derive(Clone)]
pub struct Log(pub Process);

impl Log {
    /// Writes a line, with the time in front of it.
    pub fn write(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.0.sys.with(|kernel| {
            let seconds = kernel.clock(kernel.now).as_secs();
            let stamp = crate::shell::basic::show_date(seconds, 0, "%a %b %e %T %Y");
            // Nobody is told of a full disk.
            let _ = kernel.files().write(FILE, format!("{stamp}: {text}\n").as_bytes(), true);
            kernel.out.note(|| Note::Console(Console::Logged { program: "keepalived", text: text.into() }));
        });
    }
}
