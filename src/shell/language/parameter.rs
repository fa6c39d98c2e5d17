//! Parameters and what can be done with their values: POSIX 2.5 and 2.6.2, and bash's arrays and substrings.

use brush_parser::word::{
    Parameter, ParameterExpr, ParameterTestType, ParameterTransformOp, SpecialParameter, SubstringMatchKind,
};

use super::expand::Part;
use super::interpreter::{Failure, Shell};
use super::pattern::{self, End};
use super::state::is_name;

/// Longer values are not searched for patterns, which takes time in the square of their length.
const MAX_SEARCHED_BYTES: usize = 16 << 10;

/// What a parameter stands for.
enum Content {
    /// One text; none if it is not set.
    One(Option<String>),
    /// Several; joined with the first character of IFS if so said (`$*`).
    Many(Vec<String>, bool),
}

impl Shell {
    /// The parts of a word that a parameter expansion gives.
    pub async fn parameter(&mut self, expression: &ParameterExpr, quoted: bool) -> Result<Vec<Part>, Failure> {
        use ParameterExpr as E;
        match expression {
            E::Parameter { parameter, indirect } => {
                let content = self.content(parameter, *indirect).await?;
                let content = self.insist_on(parameter, content)?;
                Ok(vec![self.part(content, quoted)])
            }
            E::UseDefaultValues { parameter, indirect, test_type, default_value } => {
                let content = self.content(parameter, *indirect).await?;
                if is_there(&content, test_type) {
                    return Ok(vec![self.part(content, quoted)]);
                }
                self.alternative(default_value.as_deref(), quoted).await
            }
            E::UseAlternativeValue { parameter, indirect, test_type, alternative_value } => {
                let content = self.content(parameter, *indirect).await?;
                if is_there(&content, test_type) {
                    return self.alternative(alternative_value.as_deref(), quoted).await;
                }
                Ok(vec![Part::of(String::new(), quoted)])
            }
            E::AssignDefaultValues { parameter, indirect, test_type, default_value } => {
                let content = self.content(parameter, *indirect).await?;
                if is_there(&content, test_type) {
                    return Ok(vec![self.part(content, quoted)]);
                }
                let text = self.expand_text(default_value.as_deref().unwrap_or_default()).await?;
                let Parameter::Named(name) = parameter else {
                    return self.fail(&format!("{parameter}: cannot assign in this way"));
                };
                let assigned = self.state.set_text(name, text.clone());
                self.allow(name, assigned)?;
                Ok(vec![Part::of(text, quoted)])
            }
            E::IndicateErrorIfNullOrUnset { parameter, indirect, test_type, error_message } => {
                let content = self.content(parameter, *indirect).await?;
                if is_there(&content, test_type) {
                    return Ok(vec![self.part(content, quoted)]);
                }
                let message = match error_message {
                    Some(message) => self.expand_text(message).await?,
                    None => "parameter null or not set".to_owned(),
                };
                self.complain(&format!("{}: {message}", name_of(parameter)));
                self.state.status = 127;
                Err(Failure::Script)
            }
            E::ParameterLength { parameter, indirect } => {
                let content = self.content(parameter, *indirect).await?;
                let len = match content {
                    Content::One(text) => text.map_or(0, |text| text.chars().count()),
                    Content::Many(values, _) => values.len(),
                };
                Ok(vec![Part::of(len.to_string(), quoted)])
            }
            E::MemberKeys { variable_name, .. } => {
                let keys = self.state.elements(variable_name).iter().map(|(at, _)| at.to_string()).collect();
                Ok(vec![Part::List { values: keys, quoted }])
            }
            E::VariableNames { prefix, .. } => {
                let names = self.state.all().into_keys().filter(|name| name.starts_with(prefix.as_str()));
                Ok(vec![Part::List { values: names.map(str::to_owned).collect(), quoted }])
            }
            _ => self.edited(expression, quoted).await,
        }
    }

    /// Expansions that change each value by itself.
    async fn edited(&mut self, expression: &ParameterExpr, quoted: bool) -> Result<Vec<Part>, Failure> {
        use ParameterExpr as E;
        match expression {
            E::RemoveSmallestPrefixPattern { parameter, indirect, pattern } => {
                self.strip(parameter, *indirect, pattern.as_deref(), (End::Front, false), quoted).await
            }
            E::RemoveLargestPrefixPattern { parameter, indirect, pattern } => {
                self.strip(parameter, *indirect, pattern.as_deref(), (End::Front, true), quoted).await
            }
            E::RemoveSmallestSuffixPattern { parameter, indirect, pattern } => {
                self.strip(parameter, *indirect, pattern.as_deref(), (End::Back, false), quoted).await
            }
            E::RemoveLargestSuffixPattern { parameter, indirect, pattern } => {
                self.strip(parameter, *indirect, pattern.as_deref(), (End::Back, true), quoted).await
            }
            E::Substring { parameter, indirect, offset, length } => {
                let offset = self.arithmetic(&offset.value).await?;
                let length = match length {
                    Some(length) => Some(self.arithmetic(&length.value).await?),
                    None => None,
                };
                if let Parameter::NamedWithAllIndices { name, .. } = parameter
                    && offset >= 0
                {
                    // In an array the offset is an index, whose elements before it may be missing.
                    let behind = self.state.elements(name).into_iter().filter(|(at, _)| *at >= offset);
                    let values: Vec<String> = behind.map(|(_, text)| text).collect();
                    return Ok(vec![Part::List { values: slice(&values, 0, length).to_vec(), quoted }]);
                }
                match self.content(parameter, *indirect).await? {
                    Content::One(text) => {
                        let chars: Vec<char> = text.unwrap_or_default().chars().collect();
                        let cut = slice(&chars, offset, length).iter().collect();
                        Ok(vec![Part::of(cut, quoted)])
                    }
                    Content::Many(values, _) => {
                        // ${@:1} counts from the first argument, and ${@:0:1} is the shell's name.
                        let offset = if is_arguments(parameter) { offset - i64::from(offset > 0) } else { offset };
                        Ok(vec![Part::List { values: slice(&values, offset, length).to_vec(), quoted }])
                    }
                }
            }
            E::ReplaceSubstring { parameter, indirect, pattern, replacement, match_kind } => {
                let pattern = self.expand_pattern(pattern).await?;
                let replacement = self.expand_text(replacement.as_deref().unwrap_or_default()).await?;
                let content = self.searchable(parameter, *indirect).await?;
                let change = |text: &str| replace(text, &pattern, &replacement, match_kind);
                Ok(vec![self.part(content.map(change), quoted)])
            }
            E::UppercaseFirstChar { parameter, indirect, .. } => {
                let content = self.content(parameter, *indirect).await?;
                Ok(vec![self.part(content.map(|text| change_first(text, char::to_ascii_uppercase)), quoted)])
            }
            E::LowercaseFirstChar { parameter, indirect, .. } => {
                let content = self.content(parameter, *indirect).await?;
                Ok(vec![self.part(content.map(|text| change_first(text, char::to_ascii_lowercase)), quoted)])
            }
            E::UppercasePattern { parameter, indirect, .. }
            | E::Transform { parameter, indirect, op: ParameterTransformOp::ToUpperCase } => {
                let content = self.content(parameter, *indirect).await?;
                Ok(vec![self.part(content.map(str::to_uppercase), quoted)])
            }
            E::LowercasePattern { parameter, indirect, .. }
            | E::Transform { parameter, indirect, op: ParameterTransformOp::ToLowerCase } => {
                let content = self.content(parameter, *indirect).await?;
                Ok(vec![self.part(content.map(str::to_lowercase), quoted)])
            }
            _ => self.fail("bad substitution"),
        }
    }

    async fn strip(
        &mut self,
        parameter: &Parameter,
        indirect: bool,
        pattern: Option<&str>,
        (end, longest): (End, bool),
        quoted: bool,
    ) -> Result<Vec<Part>, Failure> {
        let pattern = self.expand_pattern(pattern.unwrap_or_default()).await?;
        let content = self.searchable(parameter, indirect).await?;
        let change = |text: &str| pattern::strip(text, &pattern, end, longest).to_owned();
        Ok(vec![self.part(content.map(change), quoted)])
    }

    /// A parameter's value, if it is short enough to be searched.
    async fn searchable(&mut self, parameter: &Parameter, indirect: bool) -> Result<Content, Failure> {
        let content = self.content(parameter, indirect).await?;
        let bytes = match &content {
            Content::One(text) => text.as_ref().map_or(0, String::len),
            Content::Many(values, _) => values.iter().map(String::len).sum(),
        };
        if bytes > MAX_SEARCHED_BYTES {
            return self.fail(&format!("{}: too long to be searched for a pattern", name_of(parameter)));
        }
        self.spend(bytes.saturating_mul(bytes) / 16)?;
        Ok(content)
    }

    /// The word behind `:-` or `:+`.
    async fn alternative(&mut self, word: Option<&str>, quoted: bool) -> Result<Vec<Part>, Failure> {
        let word = word.unwrap_or_default();
        if quoted {
            return Ok(vec![Part::of(self.expand_text(word).await?, true)]);
        }
        let parts = self.parts(word).await?;
        // What is not quoted in it is split like any expansion.
        let split = |part| match part {
            Part::Literal { text, quoted: false } => Part::Expanded(text),
            part => part,
        };
        Ok(parts.into_iter().map(split).collect())
    }

    fn part(&self, content: Content, quoted: bool) -> Part {
        match content {
            Content::One(text) => Part::of(text.unwrap_or_default(), quoted),
            Content::Many(values, true) if quoted => {
                let separator = self.state.text("IFS").map_or(Some(' '), |ifs| ifs.chars().next());
                let separator = separator.map(String::from).unwrap_or_default();
                Part::of(values.join(&separator), true)
            }
            Content::Many(values, _) => Part::List { values, quoted },
        }
    }

    /// With `set -u`, what is not set is an error.
    fn insist_on(&mut self, parameter: &Parameter, content: Content) -> Result<Content, Failure> {
        if self.state.options.nounset && matches!(content, Content::One(None)) {
            self.complain(&format!("{}: unbound variable", name_of(parameter)));
            self.state.status = 127;
            return Err(Failure::Script);
        }
        Ok(content)
    }

    async fn content(&mut self, parameter: &Parameter, indirect: bool) -> Result<Content, Failure> {
        let content = match parameter {
            Parameter::Positional(0) => Content::One(Some(self.state.name.clone())),
            Parameter::Positional(number) => Content::One(self.state.args.get(*number as usize - 1).cloned()),
            Parameter::Special(special) => self.special(special),
            Parameter::Named(name) => Content::One(self.variable(name)),
            Parameter::NamedWithIndex { name, index } => {
                let index = self.arithmetic(index).await?;
                Content::One(self.state.element(name, index))
            }
            Parameter::NamedWithAllIndices { name, concatenate } => {
                let elements = self.state.elements(name).into_iter().map(|(_, text)| text);
                Content::Many(elements.collect(), *concatenate)
            }
        };
        if !indirect {
            return Ok(content);
        }
        match content {
            Content::One(Some(name)) if is_name(&name) => Ok(Content::One(self.variable(&name))),
            _ => self.fail(&format!("{}: invalid indirect expansion", name_of(parameter))),
        }
    }

    fn special(&self, special: &SpecialParameter) -> Content {
        let text = match special {
            SpecialParameter::AllPositionalParameters { concatenate } => {
                return Content::Many(self.state.args.clone(), *concatenate);
            }
            SpecialParameter::PositionalParameterCount => self.state.args.len().to_string(),
            SpecialParameter::LastExitStatus => self.state.status.to_string(),
            SpecialParameter::CurrentOptionFlags => self.state.options.flags(),
            SpecialParameter::ProcessId => self.pid.0.to_string(),
            SpecialParameter::LastBackgroundProcessId => {
                return Content::One(self.state.last_background.map(|pid| pid.0.to_string()));
            }
            SpecialParameter::ShellName => self.state.name.clone(),
        };
        Content::One(Some(text))
    }

    /// A variable's value; some the shell makes itself.
    pub fn variable(&self, name: &str) -> Option<String> {
        let made = match name {
            "LINENO" => self.line.to_string(),
            "SECONDS" => self.sys.now().since(self.started).as_secs().to_string(),
            "HOSTNAME" | "NODE" => self.sys.with(|kernel| kernel.name.clone()),
            "BASHPID" => self.sys.pid().0.to_string(),
            _ => return self.state.text(name),
        };
        Some(self.state.text(name).unwrap_or(made))
    }
}

impl Content {
    fn map(self, change: impl Fn(&str) -> String) -> Content {
        match self {
            Content::One(text) => Content::One(text.as_deref().map(change)),
            Content::Many(values, joined) => Content::Many(values.iter().map(|value| change(value)).collect(), joined),
        }
    }
}

fn is_there(content: &Content, test: &ParameterTestType) -> bool {
    match (content, test) {
        (Content::One(text), ParameterTestType::Unset) => text.is_some(),
        (Content::One(text), ParameterTestType::UnsetOrNull) => text.as_ref().is_some_and(|text| !text.is_empty()),
        (Content::Many(values, _), ParameterTestType::Unset) => !values.is_empty(),
        (Content::Many(values, _), ParameterTestType::UnsetOrNull) => values.iter().any(|value| !value.is_empty()),
    }
}

fn is_arguments(parameter: &Parameter) -> bool {
    matches!(parameter, Parameter::Special(SpecialParameter::AllPositionalParameters { .. }))
}

fn name_of(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Positional(number) => number.to_string(),
        Parameter::Special(special) => special.to_string(),
        Parameter::Named(name) => name.clone(),
        Parameter::NamedWithIndex { name, index } => format!("{name}[{index}]"),
        Parameter::NamedWithAllIndices { name, .. } => format!("{name}[@]"),
    }
}

/// A part of a sequence; negative numbers count from its end.
fn slice<T>(all: &[T], offset: i64, length: Option<i64>) -> &[T] {
    let count = all.len() as i64;
    let from = if offset < 0 { count.saturating_add(offset) } else { offset };
    let to = match length {
        None => count,
        Some(length) if length < 0 => count.saturating_add(length),
        Some(length) => from.saturating_add(length),
    };
    if from < 0 || from > count || to < from {
        return &[];
    }
    &all[from as usize..to.min(count) as usize]
}

fn change_first(text: &str, change: fn(&char) -> char) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| change(&first)).into_iter().chain(chars).collect()
}

/// A text with what a pattern describes replaced; each time the longest.
fn replace(text: &str, pattern: &str, with: &str, kind: &SubstringMatchKind) -> String {
    if pattern.is_empty() {
        return text.to_owned();
    }
    match kind {
        SubstringMatchKind::Prefix => match pattern::strip(text, pattern, End::Front, true) {
            rest if rest.len() < text.len() => format!("{with}{rest}"),
            _ => text.to_owned(),
        },
        SubstringMatchKind::Suffix => match pattern::strip(text, pattern, End::Back, true) {
            rest if rest.len() < text.len() => format!("{rest}{with}"),
            _ => text.to_owned(),
        },
        SubstringMatchKind::FirstOccurrence => replace_within(text, pattern, with, 1),
        SubstringMatchKind::Anywhere => replace_within(text, pattern, with, usize::MAX),
    }
}

fn replace_within(text: &str, pattern: &str, with: &str, mut times: usize) -> String {
    let mut changed = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let behind = if times > 0 { pattern::strip(rest, pattern, End::Front, true) } else { rest };
        if behind.len() < rest.len() {
            changed.push_str(with);
            rest = behind;
            times -= 1;
        } else {
            changed.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    changed
}
