//! The book: every command in it prints what the book says it prints.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

fn pages(folder: &Path) -> BTreeSet<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = paths.flat_map(|path| if path.is_dir() { pages(&path) } else { BTreeSet::from([path]) });
    let is_page = |path: &PathBuf| path.extension().is_some_and(|it| it == "md") && !path.ends_with("SUMMARY.md");
    pages.filter(is_page).collect()
}
