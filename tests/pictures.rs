//! The README's pictures are what lvslab draws today; those in reports/ are held by `tests/reports.rs`.

mod support;

use std::fs;
use std::process::Command;

/// A picture, and the arguments that draw it.
const PICTURES: &[(&str, &[&str])] = &[("docs/dr.svg", &["topo", "scenarios/dr.ron", "--svg"])];

#[test]
fn pictures_are_fresh() {
    for (path, arguments) in PICTURES {
        let output = Command::new(env!("CARGO_BIN_EXE_lvslab"))
            .args(*arguments)
            .current_dir(support::project())
            .output()
            .expect("lvslab starts");
        let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        support::assert_fresh(path, &drawn);
    }
}

/// What --svg, --dot and --text write, and where.
#[test]
fn a_picture_is_written_over_but_nothing_else() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let draw = |name: &str| {
        let mut lvslab = Command::new(env!("CARGO_BIN_EXE_lvslab"));
        lvslab.args(["topo", "dr", "--svg", "-o"]).arg(folder.join(name)).output().expect("lvslab starts").status.code()
    };
    assert_eq!([draw("a.svg"), draw("a.svg")], [Some(0), Some(0)]);
    fs::write(folder.join("b.svg"), "<svg>mine</svg>").unwrap();
    assert_eq!(draw("b.svg"), Some(2));
    assert_eq!(fs::read_to_string(folder.join("b.svg")).unwrap(), "<svg>mine</svg>");
}
