//! The configuration language: what a keepalived.conf says, and what keepalived 2.2.7 says about it.
//!
//! `source` makes lines of files (with `lexer` and `define`), `parser` blocks of lines; `global`, `vrrp`, `check` and
//! `checker` know the keywords, `services` what follows from several of them, and `model` is what comes out.

mod bfd;
mod check;
mod checker;
mod define;
mod global;
mod group;
mod keywords;
mod lexer;
mod model;
mod parser;
mod services;
mod source;
#[cfg(test)]
mod tests;
mod values;
mod vrrp;

pub use keywords::{KEYWORDS, LEGACY};
pub use model::*;
pub use parser::{Message, Process, Severity, parse};
pub use services::{shown, trio};
pub use source::Files;
pub use vrrp::*;

/// The exit status of `keepalived -t` for these messages: 0 if there are none.
pub fn status(messages: &[Message]) -> i32 {
    let ends = |message: &&Message| matches!(message.severity, Severity::Missing | Severity::Crash);
    if let Some(message) = messages.iter().find(ends) {
        return message.severity.status();
    }
    messages.iter().map(|message| message.severity.status()).max().unwrap_or(0)
}

/// Whether keepalived starts in spite of these messages.
pub fn is_usable(messages: &[Message]) -> bool {
    !messages.iter().any(|message| matches!(message.severity, Severity::Missing | Severity::Fatal | Severity::Crash))
}
