//! The reports in reports/ are what the program makes of their scenarios, byte for byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

mod support;

/// `lvslab report --gallery reports` makes it anew.
#[test]
fn the_gallery_is_up_to_date() {
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    let _ = fs::remove_dir_all(&fresh);
    let lvslab = Command::new(env!("CARGO_BIN_EXE_lvslab")).args(["report", "--gallery"]).arg(&fresh).output().unwrap();
    assert!(lvslab.status.success(), "{}", String::from_utf8_lossy(&lvslab.stderr));
    let kept = support::project().join("reports");
    let drawn = |folder: &Path| -> BTreeSet<_> {
        let names = fs::read_dir(folder).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
        names.filter(|name| name.extension().is_some_and(|it| it == "html" || it == "svg")).collect()
    };
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        for name in drawn(&fresh) {
            fs::copy(fresh.join(&name), kept.join(&name)).unwrap();
        }
    }
    assert_eq!(drawn(&fresh), drawn(&kept), "files come and go: lvslab report --gallery reports");
    for name in drawn(&fresh) {
        let [now, then] = [&fresh, &kept].map(|folder| fs::read(folder.join(&name)).unwrap());
        assert!(now == then, "reports/{} is stale: lvslab report --gallery reports", name.display());
    }
}

/// `lvslab sweep SCENARIO > reports/REPORT` makes them anew.
const REPORTS: &[(&str, &str)] = &[("scenarios/keepalived/outage.ron", "reports/outage.md")];

#[test]
fn reports_are_up_to_date() {
    for (scenario, report) in REPORTS {
        let lvslab = Command::new(env!("CARGO_BIN_EXE_lvslab"))
            .current_dir(support::project())
            .args(["sweep", scenario])
            .output()
            .unwrap();
        assert!(lvslab.status.success(), "{}", String::from_utf8_lossy(&lvslab.stderr));
        let kept = fs::read_to_string(support::project().join(report)).unwrap();
        assert!(String::from_utf8_lossy(&lvslab.stdout) == kept, "lvslab sweep {scenario} > {report}");
    }
}
