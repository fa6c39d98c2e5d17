//! Values that differ from learner to learner: `{{name}}` in an exercise's texts.

use crate::random::{self, Rng, RngExt};
use crate::scenario::schema::Entries;

/// The seed of a learner: the same for the same name on every machine.
pub fn learner_seed(learner: &str) -> u64 {
    random::stream(0, "learner", learner).next_u64()
}

/// What each name stands for.
pub(super) struct Draws(Vec<(String, String)>);

impl Draws {
    /// One of the choices for each name, by chance. `exercise` keeps the draws of exercises apart.
    pub(super) fn new(choices: &Entries<Vec<String>>, exercise: &str, seed: u64) -> Result<Draws, String> {
        let draw = |(name, choices): (&str, &Vec<String>)| {
            if choices.is_empty() {
                return Err(format!("there is nothing to choose from for {{{{{name}}}}}"));
            }
            let mut stream = random::stream(seed, exercise, name);
            Ok((format!("{{{{{name}}}}}"), choices[stream.random_range(0..choices.len())].clone()))
        };
        choices.iter().map(draw).collect::<Result<_, _>>().map(Draws)
    }

    /// A text with the values in it.
    pub(super) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Entries<Vec<String>> {
        Entries(vec![("weight".into(), vec!["2".into(), "3".into(), "4".into()])])
    }

    #[test]
    fn a_learner_always_draws_the_same_and_others_draw_otherwise() {
        let fill = |learner: &str| Draws::new(&choices(), "wrr", learner_seed(learner)).unwrap().fill("-w {{weight}}");
        assert_eq!(fill("anna"), fill("anna"));
        let drawn: std::collections::BTreeSet<_> = (0..20).map(|n| fill(&format!("learner {n}"))).collect();
        assert_eq!(drawn.len(), 3);
    }

    #[test]
    fn nothing_to_choose_from_is_said() {
        assert!(Draws::new(&Entries(vec![("weight".into(), Vec::new())]), "wrr", 1).is_err());
    }
}
