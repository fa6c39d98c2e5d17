//! What keepalived 2.2.7 was seen to say about configurations (`.ci/verdicts --record tests/keepalived`): every message, in
//! order, and the exit status of `keepalived -t`.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use lvslab::keepalived::conf::{self, Files, Severity};

/// The machine on which the verdicts were recorded, as far as configurations ask about it.
struct Machine {
    folder: PathBuf,
    name: String,
}

impl Files for Machine {
    fn read(&mut self, pattern: &str) -> Vec<(String, String)> {
        // There is one pattern, and one file that it fits.
        let path = pattern.replace('*', "one");
        fs::read_to_string(self.folder.join(&path)).map(|text| (path, text)).into_iter().collect()
    }

    fn is_program(&mut self, path: &str) -> bool {
        path.starts_with("/bin/")
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_test(&self) -> bool {
        true
    }
}

fn verdict(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let mut machine = Machine { folder: path.parent().unwrap().to_owned(), name };
    let (_, messages) = conf::parse(&text, "director", &mut machine);
    let is_heard = |message: &&conf::Message| !matches!(message.severity, Severity::Log | Severity::Crash);
    let said: String = messages.iter().filter(is_heard).map(|message| format!("{message}\n")).collect();
    format!("{said}status {}\n", conf::status(&messages))
}

#[test]
fn every_configuration_gets_the_verdict_that_keepalived_gave() {
    let mut wrong = String::new();
    let mut all = 0;
    for entry in fs::read_dir(support::project().join("tests/keepalived")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let (theirs, ours) = (fs::read_to_string(path.with_extension("verdict")).unwrap(), verdict(&path));
        if theirs != ours {
            wrong += &format!("{}\nkeepalived:\n{theirs}lvslab:\n{ours}\n", path.display());
        }
        all += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(all > 80);
}

/// What a reader of `lvslab keepalived check` sees.
#[test]
fn configurations_are_explained() {
    let lvslab = env!("CARGO_BIN_EXE_lvslab");
    for name in ["check-http-wrong", "lang-unknown-block", "service-good", "service-dr-ports", "vrrp-typo"] {
        let mut command = std::process::Command::new(lvslab);
        command.current_dir(support::project().join("tests/keepalived"));
        let output = command.args(["keepalived", "check", &format!("{name}.conf")]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status.code().unwrap();
        insta::assert_snapshot!(name, format!("{}{}status {status}\n", text(&output.stderr), text(&output.stdout)));
    }
}
