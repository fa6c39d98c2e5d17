//! A learner's work, judged by what came of it.

use super::answer::{Question, given, same};
use super::exercise::{Check, Exercise, Variation};
use super::merge::{checks, commands, merge};
use crate::scenario::schema::Scenario;
use crate::scenario::{Diagnostic, Failure, Options, Outcome, Plan, Verdict, judge, load, parse, resolve, run};

/// What a learner hands in.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// The text of the lab.
    pub lab: &'a str,
    /// The text of the answers, if the exercise asks something.
    pub answers: &'a str,
}

/// What it is worth.
#[derive(Clone, Debug)]
pub struct Grade {
    /// The ticket's own run first, then the variations.
    pub rounds: Vec<Round>,
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Round {
    /// What is special about it; none for the run that the ticket tells of.
    pub variation: Option<String>,
    /// What was checked.
    pub marks: Vec<Mark>,
}

/// Something that was checked.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Whether it is right.
    pub held: bool,
    /// What is told about it.
    pub say: String,
    /// What was expected and what was found, where that gives nothing away.
    pub details: Option<(String, String)>,
}

/// Why there is no grade.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The learner's file is wrong.
    Lab(Vec<Diagnostic>),
    /// The learner's file has no node of this name.
    NoNode(String),
    /// More happened than is allowed.
    Endless(u64),
    /// The exercise is wrong.
    Exercise(String),
}

impl Grade {
    /// Whether everything is right.
    pub fn passed(&self) -> bool {
        self.rounds.iter().flat_map(|round| &round.marks).all(|mark| mark.held)
    }
}

/// Judges a learner's work. Variations are tried once all is well in the run that the ticket tells of.
///
/// # Errors
///
/// If the lab cannot be run.
pub fn grade(exercise: &Exercise, submission: Submission<'_>) -> Result<Grade, Trouble> {
    let lab = exercise_lab(exercise)?;
    load(submission.lab).map_err(Trouble::Lab)?;
    let learner = parse(submission.lab).map_err(|error| Trouble::Lab(vec![error]))?;
    let work = Work { exercise, lab: &lab, learner: &learner, text: submission.lab };
    let mut first = work.round(None)?;
    if !exercise.questions.is_empty() {
        first.marks.extend(work.answered(submission.answers)?);
    }
    let mut grade = Grade { rounds: vec![first] };
    if grade.passed() {
        for variation in &exercise.variations {
            grade.rounds.push(work.round(Some(variation))?);
        }
    }
    Ok(grade)
}

/// The right answers to an exercise's questions, by name, if this lab is run.
///
/// # Errors
///
/// If the lab cannot be run, or has no answer.
pub fn answers(exercise: &Exercise, lab: &str) -> Result<Vec<(String, Vec<String>)>, Trouble> {
    let plan = load(lab).map_err(Trouble::Lab)?;
    let outcome = run(&plan, Options::default()).map_err(|failure| trouble(&failure, &plan, &plan, lab))?;
    let answer = |question: &Question| match question.answer.right(&plan, &outcome) {
        Ok(right) => Ok((question.name.clone(), right)),
        Err(error) => Err(Trouble::Exercise(format!("{}: {error}", question.name))),
    };
    exercise.questions.iter().map(answer).collect()
}

fn exercise_lab(exercise: &Exercise) -> Result<Scenario, Trouble> {
    parse(&exercise.lab).map_err(|error| Trouble::Exercise(error.message))
}

/// A learner's work on an exercise.
struct Work<'a> {
    exercise: &'a Exercise,
    lab: &'a Scenario,
    learner: &'a Scenario,
    text: &'a str,
}

impl Work<'_> {
    fn round(&self, variation: Option<&Variation>) -> Result<Round, Trouble> {
        let merged = merge(self.exercise, self.lab, self.learner, variation).map_err(Trouble::NoNode)?;
        let plan = resolve(&merged).map_err(|problems| Trouble::Exercise(problems.join("; ")))?;
        let outcome = self.run(&plan)?;
        let mut verdicts = judge(&plan, &outcome).into_iter();
        let marks =
            checks(self.exercise, variation).iter().map(|check| self.mark(check, &mut verdicts, variation.is_some()));
        Ok(Round { variation: variation.map(|variation| variation.name.clone()), marks: marks.collect() })
    }

    fn mark(&self, check: &Check, verdicts: &mut dyn Iterator<Item = Verdict>, hidden: bool) -> Mark {
        match check {
            Check::Run { otherwise, .. } => {
                let Verdict { held, expected, found, say, .. } =
                    verdicts.next().expect("each expectation has a verdict");
                let say = if held { say } else { otherwise.clone() };
                Mark { held, say, details: (!held && !hidden).then_some((expected, found)) }
            }
            Check::Commands { at_most, say, otherwise } => {
                let count = commands(self.exercise, self.learner);
                let held = count <= *at_most;
                let details = (!held).then(|| (format!("at most {at_most} commands"), count.to_string()));
                Mark { held, say: if held { say.clone() } else { otherwise.clone() }, details }
            }
        }
    }

    fn run(&self, plan: &Plan) -> Result<Outcome, Trouble> {
        let own = resolve(self.learner).map_err(|problems| Trouble::Exercise(problems.join("; ")))?;
        run(plan, Options::default()).map_err(|failure| trouble(&failure, plan, &own, self.text))
    }

    fn answered(&self, given_answers: &str) -> Result<Vec<Mark>, Trouble> {
        let right = answers(self.exercise, &self.exercise.lab)?;
        let mark = |(question, (_, right)): (&Question, &(String, Vec<String>))| {
            let given = given(given_answers, &question.name);
            let held = given.is_some_and(|given| right.iter().any(|right| same(given, right)));
            let say = match given {
                None => format!("{}: there is no answer yet", question.name),
                Some(_) if held => format!("{}: {}", question.name, question.say),
                Some(_) => format!("{}: {}", question.name, question.otherwise),
            };
            Mark { held, say, details: None }
        };
        Ok(self.exercise.questions.iter().zip(&right).map(mark).collect())
    }
}

/// A failed run of `plan` as a complaint about the learner's text, whose own plan has its nodes in an order of its own.
fn trouble(failure: &Failure, plan: &Plan, own: &Plan, text: &str) -> Trouble {
    match failure {
        Failure::Endless { events, .. } => Trouble::Endless(*events),
        Failure::Setup { node, index, status, err } => {
            let name = &plan.nodes[node.0 as usize].name;
            let complaint = own.node(name).and_then(|node| {
                let here = Failure::Setup { node, index: *index, status: *status, err: err.clone() };
                here.diagnostic(own, text)
            });
            complaint
                .map_or_else(|| Trouble::Exercise(format!("{name}: {err}")), |complaint| Trouble::Lab(vec![complaint]))
        }
    }
}
