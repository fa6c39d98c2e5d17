//! A page that leads to others: pictures, and what each is about.

use maud::html;

use super::document::document;

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
    let body = html! {
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
    };
    document("gallery", "lvslab: the runs that teach most", STYLE, &body)
}
