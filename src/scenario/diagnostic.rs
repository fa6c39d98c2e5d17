//! What is wrong with a scenario file, and where.

use std::ops::Range;

/// A complaint about a file of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// The bytes of the file that it is about.
    pub at: Range<usize>,
    /// A few words to stand at that place.
    pub label: String,
    /// Another place that has to do with it, and why.
    pub other: Option<Box<(Range<usize>, String)>>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Of `known`, the name that somebody who wrote `wrong` most likely meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase());
    let best = known.into_iter().min_by_key(|name| distance(name))?;
    // Half the letters may be wrong; beyond that it is not a slip any more.
    (distance(best) * 2 <= wrong.chars().count().max(best.chars().count())).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognized() {
        assert_eq!(nearest("interface", ["setup", "interfaces", "files"]), Some("interfaces"));
        assert_eq!(nearest("direcotr", ["client", "director"]), Some("director"));
        assert_eq!(nearest("LAN", ["wan", "lan"]), Some("lan"));
        assert_eq!(nearest("nothing", ["wan", "lan"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
