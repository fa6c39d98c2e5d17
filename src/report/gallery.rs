//! A page that leads to others: pictures, and what each is about.

use maud::{DOCTYPE, PreEscaped, html};

use crate::svg;

const STYLE: &str = include_str!("gallery.css");

/// A run with a page and a picture of its own.
pub struct Exhibit {
    /// What the scenario is called on the command line.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it shows, in its own words.
    pub about: String,
    /// The page's file.
    pub page: String,
    /// The picture's file, and what it shows.
    pub picture: (String, String),
    /// How many expectations came true, and how many there are.
    pub held: (usize, usize),
    /// What is wrong with the cluster.
    pub findings: Vec<String>,
}

/// The page.
pub fn html(exhibits: &[Exhibit]) -> String {
    let page = html! {
        (DOCTYPE)
        // What the program knows its own pages by.
        (PreEscaped("<!-- lvslab gallery -->"))
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "lvslab: the runs that teach most" }
                link rel="icon" href="data:,";
                style { (PreEscaped(svg::STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                h1 { "The runs that teach most" }
                p {
                    "Each opens as a page of its own: play it frame by frame, step forward and back, click on a frame for its "
                    "headers and for every decision on its way."
                }
                main {
                    @for it in exhibits {
                        article {
                            h2 { a href=(it.page) { (it.title) } }
                            a href=(it.page) tabindex="-1" { img src=(it.picture.0) alt=(it.picture.1) loading="lazy"; }
                            p { (it.about) }
                            @for finding in &it.findings { p.finding { "Found: " (finding) } }
                            p.soft { (it.held.0) " of " (it.held.1) " expectations came true. " code { "lvslab report " (it.name) } }
                        }
                    }
                }
            }
        }
    };
    page.into_string() + "\n"
}
