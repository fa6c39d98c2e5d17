//! Parameters: names in the text of a scenario that stand for other texts, so that one file describes many runs.
//!
//! `${name}` is replaced wherever it stands, before anything else is read: it may be a time, a line of a configuration,
//! or whole steps of the timeline. Only names that the field `parameters` declares are; the shell's own `${...}` stay.

use std::ops::Range;

use super::diagnostic::{Diagnostic, nearest};
use super::load::parse;
use super::schema::{Choices, Entries};
use super::tree::{At, Tree};

/// What may differ from run to run of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<Parameter>);

/// A parameter and what it may be, the usual first.
#[derive(Clone, Debug)]
struct Parameter {
    name: String,
    choices: Vec<Choice>,
    /// Whether it may be anything else, too.
    is_open: bool,
}

#[derive(Clone, Debug)]
struct Choice {
    name: String,
    settings: Settings,
}

/// Names and the texts that they stand for. Of several that are the same, the first counts.
pub type Settings = Vec<(String, String)>;

impl Parameters {
    /// The parameters that a text declares; none if it has no such field.
    ///
    /// # Errors
    ///
    /// What is wrong with the field.
    pub fn of(text: &str) -> Result<Parameters, Diagnostic> {
        let tree = Tree::of(text);
        let Some(at) = tree.field(text, "parameters") else { return Ok(Parameters::default()) };
        let declared: Entries<Choices> = parse(&text[at.clone()])
            .map_err(|it| Diagnostic { at: it.at.start + at.start..it.at.end + at.start, ..it })?;
        let wrong = |index, message: &str| {
            let at = tree.find(text, &[At::Field("parameters"), At::Key(index)]);
            Diagnostic { message: message.to_owned(), at, label: String::new(), other: None, hint: None }
        };
        let mut parameters: Vec<Parameter> = Vec::new();
        for (index, (name, choices)) in declared.iter().enumerate() {
            if !is_name(name) {
                return Err(wrong(index, "the name of a parameter is letters, digits and '_'"));
            }
            if choices.is_empty() {
                return Err(wrong(index, "a parameter needs a value"));
            }
            if parameters.iter().any(|known| known.name == name) {
                return Err(wrong(index, "a second parameter of this name"));
            }
            parameters.push(Parameter::new(name, choices));
        }
        Ok(Parameters(parameters))
    }

    /// The names, in the file's order, and what each may be.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.0.iter().map(|it| (it.name.as_str(), it.choices.iter().map(|choice| choice.name.as_str()).collect()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the text's names stand for if everything is as usual.
    pub fn usual(&self) -> Settings {
        self.0.iter().flat_map(|it| it.choices[0].settings.clone()).collect()
    }

    /// What the text's names stand for if these parameters are chosen so, and all others as usual.
    ///
    /// # Errors
    ///
    /// Which parameter or value is unknown.
    pub fn settings(&self, chosen: &[(String, String)]) -> Result<Settings, String> {
        if let Some((wrong, _)) = chosen.iter().find(|(name, _)| !self.0.iter().any(|it| it.name == *name)) {
            let known: Vec<&str> = self.0.iter().map(|it| it.name.as_str()).collect();
            return Err(match nearest(wrong, known.iter().copied()) {
                Some(name) => format!("there is no parameter {wrong}; did you mean {name}?"),
                None if known.is_empty() => format!("there is no parameter {wrong}: the scenario has none"),
                None => format!("there is no parameter {wrong}; parameters: {}", known.join(", ")),
            });
        }
        let mut settings = Settings::new();
        for parameter in &self.0 {
            let wanted = chosen.iter().rev().find(|(name, _)| *name == parameter.name).map(|(_, value)| value.as_str());
            settings.extend(parameter.settings(wanted)?);
        }
        Ok(settings)
    }
}

impl Parameter {
    fn new(name: &str, choices: &Choices) -> Parameter {
        let own = |value: &str| (name.to_owned(), value.to_owned());
        let (choices, is_open) = match choices {
            Choices::Texts(texts) => {
                let choice = |text: &String| Choice { name: text.clone(), settings: vec![own(text)] };
                (texts.iter().map(choice).collect(), true)
            }
            Choices::Named(named) => {
                let choice = |(value, more): (&str, &Entries<String>)| {
                    let settings = [own(value)].into_iter().chain(more.0.iter().cloned()).collect();
                    Choice { name: value.to_owned(), settings }
                };
                (named.iter().map(choice).collect(), false)
            }
        };
        Parameter { name: name.to_owned(), choices, is_open }
    }

    fn settings(&self, wanted: Option<&str>) -> Result<Settings, String> {
        let Some(wanted) = wanted else { return Ok(self.choices[0].settings.clone()) };
        match self.choices.iter().find(|choice| choice.name == wanted) {
            Some(choice) => Ok(choice.settings.clone()),
            None if self.is_open => Ok(vec![(self.name.clone(), wanted.to_owned())]),
            None => {
                let known: Vec<&str> = self.choices.iter().map(|choice| choice.name.as_str()).collect();
                Err(format!("{} cannot be {wanted}; it is one of: {}", self.name, known.join(", ")))
            }
        }
    }
}

/// A text with its names replaced.
#[derive(Debug)]
pub(super) struct Filled {
    pub text: String,
    /// What was replaced: where it stands now, and where it stood.
    pieces: Vec<(Range<usize>, Range<usize>)>,
}

/// Replaces the names in a text. A setting may itself contain names; those that stand for themselves stay.
pub(super) fn fill(text: &str, settings: &Settings) -> Filled {
    let inner: Settings = settings.iter().map(|(name, value)| (name.clone(), replace(value, settings).text)).collect();
    replace(text, &inner)
}

fn replace(text: &str, settings: &Settings) -> Filled {
    let mut filled = Filled { text: String::with_capacity(text.len()), pieces: Vec::new() };
    let mut at = 0;
    while let Some(start) = text[at..].find("${").map(|found| at + found) {
        filled.text.push_str(&text[at..start]);
        let setting = text[start + 2..].split_once('}').and_then(|(name, _)| {
            let (_, value) = settings.iter().find(|(known, _)| known == name)?;
            Some((start + name.len() + 3, value))
        });
        at = match setting {
            Some((end, value)) => {
                let new = filled.text.len();
                filled.text.push_str(value);
                filled.pieces.push((new..filled.text.len(), start..end));
                end
            }
            None => {
                filled.text.push_str("${");
                start + 2
            }
        };
    }
    filled.text.push_str(&text[at..]);
    filled
}

impl Filled {
    /// Where something stood before the names were replaced.
    pub fn original(&self, at: Range<usize>) -> Range<usize> {
        let before = |place: usize, is_end: bool| {
            let piece = self.pieces.iter().rev().find(|(new, _)| new.start <= place);
            match piece {
                None => place,
                Some((new, old)) if place < new.end => {
                    if is_end {
                        old.end
                    } else {
                        old.start
                    }
                }
                Some((new, old)) => place - new.end + old.end,
            }
        };
        before(at.start, false)..before(at.end, true)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"Scenario(
        title: "t ${x} ${HOME}",
        parameters: { "x": ["1", "20"], "way": { "stop": { "act": r#"run: "stop ${x}""# }, "cut": { "act": "" } } },
        nodes: { "a": (setup: ["echo ${x}"]) },
        timeline: [(at: "${x}s", node: "a", ${act}), (at: "oops")],
    )"##;

    fn settings(chosen: &[(&str, &str)]) -> Result<Settings, String> {
        let chosen: Vec<_> = chosen.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Parameters::of(TEXT).unwrap().settings(&chosen)
    }

    #[test]
    fn names_stand_for_texts() {
        let filled = fill(TEXT, &settings(&[("x", "20")]).unwrap());
        assert!(filled.text.contains("title: \"t 20 ${HOME}\""));
        assert!(filled.text.contains("(at: \"20s\", node: \"a\", run: \"stop 20\")"), "{}", filled.text);
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_stands_in_the_file() {
        let filled = fill(TEXT, &settings(&[("x", "20000")]).unwrap());
        let place = |text: &str, word| text.find(word).map(|at| at..at + 4).unwrap();
        assert_eq!(filled.original(place(&filled.text, "oops")), place(TEXT, "oops"));
        assert_eq!(&TEXT[filled.original(place(&filled.text, "20000s"))], "${x}");
    }

    #[test]
    fn unknown_ones_are_refused() {
        assert_eq!(settings(&[("y", "1")]).unwrap_err(), "there is no parameter y; parameters: x, way");
        assert_eq!(settings(&[("way", "go")]).unwrap_err(), "way cannot be go; it is one of: stop, cut");
        assert_eq!(settings(&[("x", "7")]).unwrap()[0].1, "7");
    }

    #[test]
    fn a_declaration_may_be_wrong() {
        for text in [
            "Scenario(parameters: { \"a b\": [\"1\"] })",
            "Scenario(parameters: { \"a\": [] })",
            "Scenario(parameters: { \"a\": [\"1\"], \"a\": [\"2\"] })",
            "Scenario(parameters: { \"a\": 1 })",
        ] {
            assert!(Parameters::of(text).is_err(), "{text}");
        }
    }
}
