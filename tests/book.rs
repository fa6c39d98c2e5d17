//! The book: every command in it prints what the book says it prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// `TRYCMD=overwrite cargo test --test book` puts what is printed into the chapters: read the difference.
#[test]
fn commands_print_what_the_book_shows() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .case("book/src/*.md")
        .case("book/src/reference/*.md")
        .run();
}

/// Each page is in the table of contents, and each entry of the table is a page.
#[test]
fn the_table_of_contents_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
    let summary = fs::read_to_string(root.join("SUMMARY.md")).unwrap();
    let links: BTreeSet<_> =
        summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(|link| root.join(link)).collect();
    assert_eq!(links, pages(&root));
}

/// A link to another page finds it, and the heading that it names; a picture is one that `book/draw` makes.
#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
    let drawn = fs::read_to_string(root.join("../pictures.txt")).unwrap();
    let drawn: BTreeSet<_> = drawn.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let mut shown = BTreeSet::new();
    let mut broken = Vec::new();
    for page in pages(&root) {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.clone() } else { page.with_file_name(path) };
            if let Some(name) = path.strip_prefix("pictures/").and_then(|name| name.strip_suffix(".svg")) {
                shown.insert(name.to_owned());
            } else if !fs::read_to_string(&target)
                .is_ok_and(|text| heading.is_empty() || headings(&text).iter().any(|it| it == heading))
            {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(shown.iter().map(String::as_str).collect::<BTreeSet<_>>(), drawn, "pictures shown, and pictures drawn");
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES)
}

/// Where the links and pictures of a page point to.
fn links(text: &str) -> Vec<String> {
    let target = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.into_string()),
        _ => None,
    };
    events(text).filter_map(target).collect()
}

/// The names that mdBook gives to the headings of a page.
fn headings(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for event in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => (inside, _) = (true, names.push(String::new())),
            Event::End(TagEnd::Heading(_)) => inside = false,
            Event::Text(part) | Event::Code(part) if inside => {
                let kept = part.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                names.last_mut().unwrap().extend(kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }));
            }
            _ => {}
        }
    }
    names
}

fn pages(folder: &Path) -> BTreeSet<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = paths.flat_map(|path| if path.is_dir() { pages(&path) } else { BTreeSet::from([path]) });
    let is_page = |path: &PathBuf| path.extension().is_some_and(|it| it == "md") && !path.ends_with("SUMMARY.md");
    pages.filter(is_page).collect()
}
