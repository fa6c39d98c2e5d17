//! What the tests share: recorded runs, read and held against each other.

#![allow(dead_code, reason = "every test file uses a part of it")]

pub mod agreement;
pub mod capture;

use std::fs;
use std::path::{Path, PathBuf};

use lvslab::scenario::{self, Options, Outcome, Plan};

/// The folder of the project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The scenario files in a folder of the project, and in folders one below, sorted.
pub fn scenarios(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![project().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ron") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no scenarios in {folder}");
    files
}

/// Loads and runs a scenario.
pub fn run(path: &Path) -> (Plan, Outcome) {
    try_run(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Loads and runs a scenario, or says what is wrong with it.
pub fn try_run(path: &Path) -> Result<(Plan, Outcome), String> {
    let text = fs::read_to_string(path).unwrap();
    let plan = scenario::load(&text).map_err(|errors| format!("{errors:#?}"))?;
    match scenario::run(&plan, Options::default()) {
        Ok(outcome) => Ok((plan, outcome)),
        Err(failure) => Err(format!("{:?}", failure.diagnostic(&plan, &text))),
    }
}

/// Holds a file of the project to what it is made from. `INSTA_UPDATE=always` writes it anew.
pub fn assert_fresh(path: &str, made: &str) {
    let file = project().join(path);
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::write(&file, made).unwrap();
    }
    // Not assert_eq: two whole pictures or pages side by side help nobody.
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == made, "{path} is stale: INSTA_UPDATE=always cargo test, and read the difference");
}
