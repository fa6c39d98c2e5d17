//! The recorded cases: what a real kernel did, and what the simulator makes of the same scenario.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use support::agreement::{Record, differences};
use support::capture::frames;

/// A case as it was recorded.
fn recorded(folder: &Path) -> Record {
    let steps = fs::read_to_string(folder.join("steps.json")).unwrap();
    let mut captures = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            captures.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
        }
    }
    Record { steps: serde_json::from_str(&steps).unwrap(), captures }
}

fn simulated(scenario: &Path) -> Result<Record, String> {
    let (_, outcome) = support::try_run(scenario)?;
    let steps = serde_json::from_str(&outcome.steps.to_json()).unwrap();
    Ok(Record { steps, captures: outcome.captures().collect() })
}

#[test]
fn every_case_agrees_with_the_kernel() {
    let mut wrong = String::new();
    for scenario in support::scenarios("tests/cases") {
        let folder = scenario.parent().unwrap();
        let case = folder.file_name().unwrap().to_string_lossy();
        let differences = match simulated(&scenario) {
            Ok(record) => differences(&case, &recorded(folder), &record),
            Err(why) => vec![why],
        };
        for difference in differences {
            wrong += &format!("{case}: {difference}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the first director tells the other one, datagram by datagram.
fn told(record: &Record) -> Vec<Vec<u8>> {
    const PORT: [u8; 2] = 8848_u16.to_be_bytes();
    let is_message = |frame: &[u8]| frame.get(12..14) == Some(&[8, 0]) && frame.get(36..38) == Some(&PORT);
    let frames = frames(&record.captures["ds1-eth0"]);
    frames.into_iter().filter(|(_, frame)| is_message(frame)).map(|(_, frame)| frame[42..].to_vec()).collect()
}

/// The comparison of cases does not look into these messages; this one does, at every byte.
#[test]
fn directors_tell_one_another_what_the_kernel_tells() {
    let cases = support::scenarios("tests/cases").into_iter();
    let mut heard = 0;
    for scenario in cases.filter(|path| path.parent().is_some_and(|case| case.to_string_lossy().contains("/sync-"))) {
        let (kernel, ours) = (recorded(scenario.parent().unwrap()), simulated(&scenario).unwrap());
        let kernel = told(&kernel);
        assert_eq!(kernel, told(&ours), "{}", scenario.display());
        heard += kernel.len();
    }
    assert!(heard > 0);
}

/// The comparison itself: a case agrees with itself, and not with another.
#[test]
fn agreement_tells_cases_apart() {
    let cases = support::project().join("tests/cases");
    let (rr, problem) = (recorded(&cases.join("dr-rr")), recorded(&cases.join("dr-arp-problem")));
    assert_eq!(differences("dr-rr", &rr, &rr), Vec::<String>::new());
    assert!(!differences("dr-rr", &rr, &problem).is_empty());
}
