//! What every page for a browser begins with.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::svg;

/// A whole document: the style sheet of pictures and this one, and this body. It needs nothing from elsewhere.
///
/// `kind` is what the program knows its own pages by: the `report` in `<!-- lvslab report -->`.
pub(super) fn document(kind: &str, title: &str, style: &str, body: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        (PreEscaped(format!("<!-- lvslab {kind} -->")))
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content="lvslab";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(svg::STYLE)) (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    markup.into_string() + "\n"
}
