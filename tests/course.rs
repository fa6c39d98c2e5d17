//! `lvslab course` as a learner and a teacher use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An exercise without drawn values, so that its folder holds the very solution.
const EXERCISE: &str = "19-two-answers";

/// An empty folder.
fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("course").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn course(folder: &Path, arguments: &[&str]) -> Output {
    let mut lvslab = Command::new(env!("CARGO_BIN_EXE_lvslab"));
    lvslab.arg("course").args(arguments).current_dir(folder).env("USER", "anna").output().expect("lvslab starts")
}

/// What a command prints, if it ends with this status.
fn out(folder: &Path, arguments: &[&str], status: i32) -> String {
    let output = course(folder, arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
    text
}

fn solution() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises").join(EXERCISE).join("solution.ron");
    fs::read_to_string(path).unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned())
        }
    }
    found.sort();
    found
}

#[test]
fn from_an_empty_folder_to_a_solved_exercise() {
    let home = folder("learner");
    assert!(out(&home, &["next"], 2).contains("`lvslab course init lvs-course` makes one"));
    assert!(out(&home, &["init", "lvs"], 0).contains("cd lvs && lvslab course next"));
    let desk = home.join("lvs");

    assert!(out(&desk, &["check"], 2).contains("no exercise is begun yet"));
    let ticket = out(&desk, &["start", "two-answers"], 0);
    assert!(ticket.contains("Edit      19-two-answers/lab.ron"), "{ticket}");
    assert_eq!(files(&home), ["course.ron", "lab.ron", "ticket.md"]);
    assert!(out(&desk, &["check"], 1).contains("   no  "));
    assert!(out(&desk, &["solution"], 2).contains("--give-up"));
    assert!(out(&desk, &["hint"], 0).starts_with("Hint 1 of 3"));
    assert!(out(&desk, &["hint"], 0).starts_with("Hint 2 of 3"));

    // From below the folder, too; the state is the folder's, not the place's.
    fs::write(desk.join(EXERCISE).join("lab.ron"), solution()).unwrap();
    assert!(out(&desk.join(EXERCISE), &["check"], 0).contains("Solved."));
    assert!(out(&desk, &["progress"], 0).contains("anna: 1 of"));
    let list = out(&desk, &["list"], 0);
    assert!(list.lines().any(|line| line.contains("  19  solved")), "{list}");
    assert!(out(&desk, &["solution", "19"], 0).contains("arp_ignore"));
    assert!(!out(&desk, &["next"], 0).contains("The director has nothing to do"));
}

#[test]
fn nothing_of_the_learner_s_is_lost() {
    let home = folder("reset");
    out(&home, &["init"], 0);
    assert!(out(&home, &["init"], 2).contains("is there already"));
    out(&home, &["start", "19"], 0);
    let lab = home.join(EXERCISE).join("lab.ron");
    let handed_out = fs::read_to_string(&lab).unwrap();
    fs::write(&lab, "mine").unwrap();
    out(&home, &["start", "19"], 0);
    assert_eq!(fs::read_to_string(&lab).unwrap(), "mine");
    assert!(
        out(&home, &["check"], 2).contains("lab.ron:1:1"),
        "a file that is no scenario gets an error with its place"
    );
    out(&home, &["reset"], 0);
    assert_eq!(fs::read_to_string(&lab).unwrap(), handed_out);
    out(&home, &["reset"], 0);
    assert_eq!(fs::read_to_string(home.join(EXERCISE).join("lab.ron.old")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(home.join(EXERCISE).join("lab.ron.old2")).unwrap(), handed_out);
}

#[test]
fn watching_ends_when_it_is_solved() {
    let home = folder("watch");
    out(&home, &["init"], 0);
    out(&home, &["start", "19"], 0);
    let mut lvslab = Command::new(env!("CARGO_BIN_EXE_lvslab"));
    let watcher =
        lvslab.args(["course", "watch"]).current_dir(&home).stdout(std::process::Stdio::piped()).spawn().unwrap();
    fs::write(home.join(EXERCISE).join("lab.ron"), solution()).unwrap();
    let output = watcher.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("Solved."));
}

#[test]
fn a_class_is_graded_from_its_files() {
    let home = folder("class");
    for learner in ["anna", "boris"] {
        out(&home, &["init", learner, "--learner", learner], 0);
        out(&home.join(learner), &["start", "19"], 0);
    }
    fs::write(home.join("anna").join(EXERCISE).join("lab.ron"), solution()).unwrap();
    let table = out(&home, &["grade", "anna", "boris", "--csv"], 0);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0], "learner,exercise,result,held,checks,hints,gave_up");
    assert_eq!(lines[1], "\"anna\",19-two-answers,passed,6,6,0,false");
    assert!(lines[2].starts_with("\"boris\",19-two-answers,failed,0,"), "{table}");
}

#[test]
fn a_wrong_name_gets_a_hint() {
    let home = folder("names");
    out(&home, &["init"], 0);
    assert!(out(&home, &["start", "two-anwsers"], 2).contains("did you mean 19-two-answers?"));
}
