//! The reports in reports/ are what the program makes of their scenarios, byte for byte.

use std::fs;
use std::process::Command;

mod support;

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
