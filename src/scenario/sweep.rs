//! A scenario run through all values of its parameters: a table of what was measured.

use super::diagnostic::Diagnostic;
use super::expect::{Measured, judge};
use super::lab::{Options, run};
use super::load::load_with;
use super::parameters::Parameters;

/// Runs to be made: each parameter's values.
#[derive(Clone, Debug)]
pub struct Sweep {
    axes: Vec<(String, Vec<String>)>,
}

/// One run of a sweep.
#[derive(Clone, Debug)]
pub struct Row {
    /// The parameters' values.
    pub values: Vec<String>,
    /// What was measured.
    pub measured: Vec<Measured>,
    /// What the expectations that did not hold say.
    pub failed: Vec<String>,
}

/// Why a run of a sweep came to nothing.
#[derive(Debug)]
pub enum Trouble {
    /// The scenario is wrong with these values.
    Wrong(Vec<Diagnostic>),
    /// The run could not be finished, and why.
    Failed(String),
}

impl Sweep {
    /// All values of all parameters, or the given ones of those that are named.
    ///
    /// # Errors
    ///
    /// Which parameter or value is unknown.
    pub fn new(parameters: &Parameters, given: &[(String, Vec<String>)]) -> Result<Sweep, String> {
        for (name, values) in given {
            for value in values {
                parameters.settings(&[(name.clone(), value.clone())])?;
            }
        }
        let values = |name: &str, usual: Vec<&str>| match given.iter().rev().find(|(known, _)| known == name) {
            Some((_, values)) => values.clone(),
            None => usual.into_iter().map(str::to_owned).collect(),
        };
        let axes = parameters.iter().map(|(name, usual)| (name.to_owned(), values(name, usual))).collect();
        Ok(Sweep { axes })
    }

    /// The names of the parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.axes.iter().map(|(name, _)| name.as_str())
    }

    /// The values of each run, the last parameter changing fastest.
    pub fn runs(&self) -> Vec<Vec<String>> {
        let mut runs = vec![Vec::new()];
        for (_, values) in &self.axes {
            let with = |run: &Vec<String>, value: &String| run.iter().chain([value]).cloned().collect();
            runs =
                runs.iter().flat_map(|run| values.iter().map(|value| with(run, value)).collect::<Vec<_>>()).collect();
        }
        runs
    }

    /// Makes one of the runs.
    ///
    /// # Errors
    ///
    /// Why it came to nothing.
    pub fn row(&self, text: &str, parameters: &Parameters, values: &[String]) -> Result<Row, Trouble> {
        let chosen: Vec<_> = self.names().map(str::to_owned).zip(values.iter().cloned()).collect();
        let settings = parameters.settings(&chosen).map_err(Trouble::Failed)?;
        let plan = load_with(text, &settings).map_err(Trouble::Wrong)?;
        let outcome = run(&plan, Options::default()).map_err(|failure| match failure.diagnostic(&plan, text) {
            Some(diagnostic) => Trouble::Wrong(vec![diagnostic]),
            None => Trouble::Failed("stopped at the limit of events".to_owned()),
        })?;
        let verdicts = judge(&plan, &outcome);
        let failed = verdicts.iter().filter(|verdict| !verdict.held).map(|verdict| verdict.say.clone()).collect();
        let measured = verdicts.into_iter().filter_map(|verdict| verdict.measured).collect();
        Ok(Row { values: values.to_vec(), measured, failed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const TEXT: &str = r##"Scenario(
        title: "t",
        parameters: { "pause": ["1", "2"], "who": { "one": { "count": "3" }, "two": { "count": "2" } } },
        switches: ["lan"],
        nodes: {
            "a": (interfaces: { "eth0": "lan" }, setup: ["ip addr add 10.0.0.1/24 dev eth0"]),
            "b": (interfaces: { "eth0": "lan" }, setup: ["ip addr add 10.0.0.2/24 dev eth0"]),
        },
        timeline: [(at: "0s", node: "a", run: "ping -c ${count} -i ${pause} 10.0.0.2")],
        expect: [
            Silence(on: "a.eth0", filter: "in and icmp", name: "gap", theory: "${pause} + 0.5", at_most: "1.5s", say: "quick"),
        ],
    )"##;

    #[test]
    fn every_value_meets_every_other() {
        let parameters = Parameters::of(TEXT).unwrap();
        let sweep = Sweep::new(&parameters, &[("pause".to_owned(), vec!["2".to_owned(), "4".to_owned()])]).unwrap();
        assert_eq!(sweep.runs(), [["2", "one"], ["2", "two"], ["4", "one"], ["4", "two"]]);
        let row = sweep.row(TEXT, &parameters, &sweep.runs()[2]).unwrap();
        let [gap] = &row.measured[..] else { panic!("{row:?}") };
        assert_eq!((gap.time.as_millis(), gap.theory), (4000, Some(Span::from_millis(4500))));
        assert_eq!(row.failed, ["quick"]);
    }

    #[test]
    fn what_is_not_there_cannot_be_varied() {
        let parameters = Parameters::of(TEXT).unwrap();
        assert!(Sweep::new(&parameters, &[("wo".to_owned(), vec!["one".to_owned()])]).is_err());
        assert!(Sweep::new(&parameters, &[("who".to_owned(), vec!["three".to_owned()])]).is_err());
    }
}
