//! `lvslab scenarios`: those that come with the program.

use super::subject::wrong;
use super::{Status, output};
use crate::scenario::load;

/// Their paths below `scenarios/`, and their texts.
const SCENARIOS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

/// Lists the scenarios that come with lvslab, or prints one of them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Scenarios {
    /// The one to print.
    name: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  lvslab scenarios                       what there is
  lvslab run pitfalls/15-tun-mtu         runs one of them
  lvslab scenarios dr-arp-problem > my.ron    a copy to play with";

impl Scenarios {
    /// Does it.
    pub fn execute(self) -> Status {
        let text = match &self.name {
            None => list(),
            Some(name) => match find(name) {
                Some((_, text)) => text.to_owned(),
                None => return wrong(&format!("no scenario is called {name}: `lvslab scenarios` lists them")),
            },
        };
        output::print(|out| out.write_all(text.as_bytes())).map_or(Status::Stopped, |()| Status::Held)
    }
}

/// The names by which the scenarios are called.
pub fn names() -> impl Iterator<Item = &'static str> {
    SCENARIOS.iter().filter_map(|(path, _)| path.strip_suffix(".ron"))
}

/// The path and the text of a scenario, by its path in the project, its name or the last part of its name.
pub fn find(wanted: &str) -> Option<(&'static str, &'static str)> {
    let wanted = wanted.strip_prefix("scenarios/").unwrap_or(wanted);
    let wanted = wanted.strip_suffix(".ron").unwrap_or(wanted);
    let named = |path: &'static str| path.strip_suffix(".ron");
    let whole = SCENARIOS.iter().find(|(path, _)| named(path) == Some(wanted));
    let last = |path| named(path).and_then(|name: &str| name.rsplit('/').next()) == Some(wanted);
    whole.or_else(|| SCENARIOS.iter().find(|(path, _)| last(path))).copied()
}

/// A line for each.
fn list() -> String {
    let width = names().map(str::len).max().unwrap_or(0);
    let title = |text| load(text).map_or(String::new(), |plan| plan.title);
    names().zip(SCENARIOS).map(|(name, (_, text))| format!("{name:width$}  {}\n", title(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_scenario_has_many_names() {
        let names = ["dr", "dr.ron", "scenarios/dr.ron"];
        assert!(names.iter().all(|name| find(name).is_some_and(|(path, _)| path == "dr.ron")));
        assert_eq!(find("15-tun-mtu").map(|(path, _)| path), Some("pitfalls/15-tun-mtu.ron"));
        assert_eq!(find("nothing"), None);
    }
}
