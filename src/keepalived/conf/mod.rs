//! The configuration language: what a keepalived.conf says, and what keepalived 2.2.7 says about it.
//!
//! `lexer` makes lines of a text, `parser` blocks of lines; `global`, `vrrp` and `check` know the keywords, and `model` is
//! what comes out.

mod check;
mod global;
mod lexer;
mod model;
mod parser;
#[cfg(test)]
mod tests;
mod vrrp;

pub use check::shown;
pub use lexer::Files;
pub use model::*;
pub use parser::{Message, Severity, parse};

/// The exit status of `keepalived -t` for these messages: 0 if there are none.
pub fn status(messages: &[Message]) -> i32 {
    if let Some(message) = messages.iter().find(|message| message.severity == Severity::Missing) {
        return message.severity.status();
    }
    messages.iter().map(|message| message.severity.status()).max().unwrap_or(0)
}

/// Whether keepalived starts in spite of these messages.
pub fn is_usable(messages: &[Message]) -> bool {
    !messages.iter().any(|message| matches!(message.severity, Severity::Missing | Severity::Fatal))
}
