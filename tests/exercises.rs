//! Every exercise of the course: it fails as it is handed out, its solution passes, and plausible mistakes do not.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

use lvslab::course::{Answer, Course, Exercise, Folder, Kind, Submission, answers, grade, learner_seed};
use lvslab::scenario::schema::{Scenario, Step};
use lvslab::scenario::{Options, load, parse, resolve, run};

/// Learners with different draws.
const LEARNERS: [&str; 4] = ["anna", "boris", "chen", "dana"];

/// The exercises as they lie in their folder, so that writing one does not mean building the program each time.
/// `EXERCISES=19,28 cargo test --test exercises` looks at these alone.
static FILES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let only = env::var("EXERCISES").unwrap_or_default();
    let wanted = |path: &str| only.is_empty() || only.split(',').any(|start| path.starts_with(start));
    let root = Path::new("exercises");
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    let mut files: Vec<_> = below(root)
        .into_iter()
        .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
        .filter(|(path, _)| wanted(path))
        .collect();
    files.sort();
    files
});

fn below(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

static TEXTS: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| FILES.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect());

fn course() -> Course<'static> {
    Course(Folder(&TEXTS))
}

fn exercises(learner: &str) -> impl Iterator<Item = Exercise> {
    course().names().map(move |name| course().exercise(name, learner_seed(learner)).unwrap())
}

/// The mistakes that the author thought of: names and texts.
fn mistakes(exercise: &Exercise) -> Vec<(String, String)> {
    let Folder(files) = course().0;
    let folder = format!("{}/wrong/", exercise.name);
    files.iter().filter_map(|(path, text)| Some((path.strip_prefix(&folder)?.to_owned(), (*text).to_owned()))).collect()
}

/// The file of answers with these in it.
fn form(answers: &[(String, Vec<String>)]) -> String {
    answers.iter().map(|(name, right)| format!("{name} = {}\n", right[0])).collect()
}

fn passes(exercise: &Exercise, lab: &str, answers: &str) -> Result<bool, String> {
    let grade =
        grade(exercise, Submission { lab, answers }).map_err(|trouble| format!("{}: {trouble:#?}", exercise.name))?;
    Ok(grade.passed())
}

#[test]
fn as_handed_out_it_fails_for_the_reason_in_its_ticket() {
    for exercise in exercises(LEARNERS[0]) {
        let grade = grade(&exercise, Submission { lab: exercise.handed_out(), answers: "" }).unwrap();
        let first = &grade.rounds[0].marks[0];
        assert!(
            !first.held,
            "{}: the first check is the ticket's symptom, and must fail: {}",
            exercise.name, first.say
        );
    }
}

#[test]
fn the_solution_passes_for_every_learner() {
    for exercise in LEARNERS.into_iter().flat_map(exercises) {
        let lab = exercise.solution.as_deref().unwrap_or(exercise.handed_out());
        let right = form(&answers(&exercise, &exercise.lab).unwrap());
        let grade = grade(&exercise, Submission { lab, answers: &right }).unwrap();
        assert!(grade.passed(), "{}: {grade:#?}", exercise.name);
        assert_eq!(grade.rounds.len(), 1 + exercise.variations.len());
    }
}

#[test]
fn plausible_mistakes_fail() {
    for learner in LEARNERS {
        for exercise in exercises(learner) {
            let mistakes = mistakes(&exercise);
            assert!(mistakes.len() >= 3, "{} has {} wrong solutions, and needs three", exercise.name, mistakes.len());
            for (name, text) in mistakes {
                let text = course().exercise_text(&exercise.name, &text, learner_seed(learner)).unwrap();
                let passed = match (name.ends_with(".txt"), exercise.kind) {
                    (true, _) => passes(&exercise, exercise.handed_out(), &text),
                    // What somebody foretells who takes the lab for this one.
                    (false, Kind::Predict) => {
                        let wrong = form(&answers(&exercise, &text).unwrap());
                        passes(&exercise, exercise.handed_out(), &wrong)
                    }
                    (false, _) => passes(&exercise, &text, ""),
                };
                assert_eq!(passed, Ok(false), "{}/wrong/{name}, as {learner} gets it", exercise.name);
            }
        }
    }
}

#[test]
fn hints_show_what_they_promise() {
    for exercise in exercises(LEARNERS[0]) {
        assert_eq!(exercise.hints.len(), 3, "{}", exercise.name);
        for hint in &exercise.hints {
            let (Some((node, line)), Some(shows)) = (&hint.look, &hint.shows) else {
                assert!(hint.shows.is_none(), "{}: a hint shows something without looking", exercise.name);
                continue;
            };
            let printed = at_the_end(&exercise, node, line);
            assert!(printed.contains(shows.as_str()), "{}: {node}$ {line} prints\n{printed}", exercise.name);
        }
    }
}

/// What a command prints when it is typed at the end of the lab as it was handed out.
fn at_the_end(exercise: &Exercise, node: &str, line: &str) -> String {
    let mut lab: Scenario = parse(&exercise.lab).unwrap();
    let plan = load(&exercise.lab).unwrap();
    let last = plan.until.unwrap_or_else(|| plan.timeline.iter().map(|step| step.at).max().unwrap_or_default());
    let at = format!("{}ns", last.as_nanos());
    lab.timeline.push(Step {
        at,
        node: Some(node.to_owned()),
        run: Some(line.to_owned()),
        fault: None,
        terminal: None,
    });
    lab.expect.clear();
    let outcome = run(&resolve(&lab).unwrap(), Options::default()).unwrap();
    let step = outcome.steps.steps.last().unwrap();
    format!("{}{}", step.out, step.err)
}

#[test]
fn folders_are_whole() {
    let names: Vec<_> = course().names().collect();
    let numbers: Vec<_> = names.iter().map(|name| name.split('-').next().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a.len() == 2 && a < b), "each exercise has a number of its own: {numbers:?}");
    for exercise in exercises(LEARNERS[0]) {
        let asks = !exercise.questions.is_empty();
        assert!(exercise.solution.is_some() || asks, "{} has no solution", exercise.name);
        assert!(asks || !exercise.edits.is_empty() || !exercise.steps.is_empty(), "{}: nothing to do", exercise.name);
        let fixed = exercise.questions.iter().filter(|question| matches!(question.answer, Answer::Text(_))).count();
        assert!(exercise.kind != Kind::Predict || fixed == 0, "{}: what is foretold is computed", exercise.name);
    }
}
