//! Complaints about the user's files, as compilers print them.

use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::scenario::Diagnostic;

/// Prints what is wrong with a file to standard error.
pub fn complain(path: &Path, text: &str, diagnostics: &[Diagnostic]) {
    anstream::eprint!("{}", render(&path.display().to_string(), text, diagnostics, Renderer::styled()));
}

/// The complaints as plain text.
pub fn complaints(path: &str, text: &str, diagnostics: &[Diagnostic]) -> String {
    render(path, text, diagnostics, Renderer::plain())
}

fn render(path: &str, text: &str, diagnostics: &[Diagnostic], renderer: Renderer) -> String {
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut page = String::new();
    for diagnostic in diagnostics {
        page.push_str(&renderer.render(&[group(path, text, diagnostic)]));
        page.push_str("\n\n");
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn group<'a>(path: &'a str, text: &'a str, diagnostic: &'a Diagnostic) -> Group<'a> {
    let primary = AnnotationKind::Primary.span(diagnostic.at.clone()).label(diagnostic.label.as_str());
    let mut snippet = Snippet::source(text).path(path).annotation(primary);
    if let Some((place, label)) = diagnostic.other.as_deref() {
        snippet = snippet.annotation(AnnotationKind::Context.span(place.clone()).label(label.as_str()));
    }
    let group = Level::ERROR.primary_title(diagnostic.message.as_str()).element(snippet);
    match &diagnostic.hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    }
}
