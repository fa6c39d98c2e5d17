//! What became of the steps, in the form of the recorded kernel cases' steps.json.

use serde::Serialize;

/// Everything that was typed, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Steps {
    /// The scenario's title.
    pub title: String,
    /// The wall-clock second of the scenario's time zero.
    pub epoch: u64,
    /// What ran it.
    pub kernel: String,
    /// The commands: those of the set-up, then those of the timeline, in the file's order.
    pub steps: Vec<StepResult>,
}

/// A command and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct StepResult {
    /// The second that the timeline gives it; none in the set-up.
    pub at: Option<f64>,
    /// Where it was typed.
    pub node: String,
    /// What was typed.
    pub cmd: String,
    /// When it began; none in the set-up, and if it never did.
    pub began: Option<f64>,
    /// When it ended; none in the set-up, and if it did not.
    pub ended: Option<f64>,
    /// Its exit status; [`UNFINISHED`] if it was still running at the end.
    pub rc: i32,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

/// What stands for the exit status of a command that had none: it was stopped when the run ended.
pub const UNFINISHED: i32 = -15;

impl Steps {
    /// The text of steps.json.
    pub fn to_json(&self) -> String {
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        self.serialize(&mut serializer).expect("texts and numbers can be written");
        String::from_utf8(text).expect("JSON is UTF-8")
    }
}
