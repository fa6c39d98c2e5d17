//! `test`, `[` and `[[`: what is true of files, texts and numbers.

use brush_parser::ast::{BinaryPredicate as Binary, ExtendedTestExpr, TestExpr, UnaryPredicate as Unary};
use brush_parser::test_command;

use super::interpreter::{Failure, Shell};
use super::{Boxed, pattern};
use crate::host::files::{Kind, absolute};

/// Longer expressions are refused: each operator may be a level of the parser's stack.
const MAX_WORDS: usize = 100;

/// The exit status for an expression that makes no sense.
const SENSELESS: i32 = 2;

impl Shell {
    /// `test EXPRESSION` or `[ EXPRESSION ]`; its exit status.
    pub fn test_command(&mut self, args: &[String]) -> i32 {
        let name = args.first().map_or("test", String::as_str);
        let mut words = args.get(1..).unwrap_or_default();
        if name == "[" {
            match words.split_last() {
                Some((last, rest)) if last == "]" => words = rest,
                _ => {
                    self.complain("[: missing `]'");
                    return SENSELESS;
                }
            }
        }
        let holds = match test_command::parse(words) {
            _ if words.len() > MAX_WORDS => Err("too many arguments".to_owned()),
            Ok(expression) => self.test(&expression),
            Err(_) => Err(why_senseless(words)),
        };
        match holds {
            Ok(holds) => i32::from(!holds),
            Err(why) => {
                self.complain(&format!("{name}: {why}"));
                SENSELESS
            }
        }
    }

    fn test(&mut self, expression: &TestExpr) -> Result<bool, String> {
        Ok(match expression {
            TestExpr::False => false,
            TestExpr::Literal(text) => !text.is_empty(),
            TestExpr::And(left, right) => self.test(left)? && self.test(right)?,
            TestExpr::Or(left, right) => self.test(left)? || self.test(right)?,
            TestExpr::Not(inner) => !self.test(inner)?,
            TestExpr::Parenthesized(inner) => self.test(inner)?,
            TestExpr::UnaryTest(predicate, operand) => self.unary(predicate, operand),
            TestExpr::BinaryTest(predicate, left, right) => match compare(predicate) {
                Some(holds) => holds(number(left)?.cmp(&number(right)?)),
                None => self.binary(predicate, left, right),
            },
        })
    }

    /// `[[ EXPRESSION ]]`
    pub fn extended_test<'a>(&'a mut self, expression: &'a ExtendedTestExpr) -> Boxed<'a, Result<bool, Failure>> {
        Box::pin(async move {
            self.step()?;
            Ok(match expression {
                ExtendedTestExpr::And(left, right) => {
                    self.extended_test(left).await? && self.extended_test(right).await?
                }
                ExtendedTestExpr::Or(left, right) => {
                    self.extended_test(left).await? || self.extended_test(right).await?
                }
                ExtendedTestExpr::Not(inner) => !self.extended_test(inner).await?,
                ExtendedTestExpr::Parenthesized(inner) => self.extended_test(inner).await?,
                ExtendedTestExpr::UnaryTest(predicate, word) => {
                    let operand = self.expand_text(&word.value).await?;
                    self.unary(predicate, &operand)
                }
                ExtendedTestExpr::BinaryTest(predicate, left, right) => {
                    let left = self.expand_text(&left.value).await?;
                    self.extended_binary(predicate, &left, &right.value).await?
                }
            })
        })
    }

    async fn extended_binary(&mut self, predicate: &Binary, left: &str, right: &str) -> Result<bool, Failure> {
        if let Some(holds) = compare(predicate) {
            let right = self.expand_text(right).await?;
            // Operands are whole expressions here.
            let (left, right) = (self.calculate(left, 0)?, self.calculate(&right, 0)?);
            return Ok(holds(left.cmp(&right)));
        }
        match predicate {
            Binary::StringExactlyMatchesPattern | Binary::StringDoesNotExactlyMatchPattern => {
                let described = self.expand_pattern(right).await?;
                self.spend(left.len().saturating_mul(described.len()))?;
                let wanted = matches!(predicate, Binary::StringExactlyMatchesPattern);
                Ok(pattern::matches(&described, left) == wanted)
            }
            Binary::StringMatchesRegex => {
                let text = self.expand_text(right).await?;
                self.matches_regex(left, &text)
            }
            _ => {
                let right = self.expand_text(right).await?;
                Ok(self.binary(predicate, left, &right))
            }
        }
    }

    /// `=~`, which leaves what it has found in `BASH_REMATCH`.
    fn matches_regex(&mut self, text: &str, regex: &str) -> Result<bool, Failure> {
        let Ok(regex) = regex_lite::Regex::new(regex) else {
            self.state.status = SENSELESS;
            return Err(Failure::Command);
        };
        let Some(captures) = regex.captures(text) else { return Ok(false) };
        let groups = captures.iter().map(|group| group.map_or("", |found| found.as_str()).to_owned());
        let found = (0..).zip(groups).collect();
        let assigned = self.state.set("BASH_REMATCH", super::state::Value::Array(found));
        self.allow("BASH_REMATCH", assigned)?;
        Ok(true)
    }

    fn unary(&mut self, predicate: &Unary, operand: &str) -> bool {
        let path = absolute(&self.state.cwd, operand);
        let kind = || if operand.is_empty() { None } else { self.sys.with(|kernel| kernel.kind_of_path(&path)) };
        match predicate {
            Unary::StringHasZeroLength => operand.is_empty(),
            Unary::StringHasNonZeroLength => !operand.is_empty(),
            Unary::ShellVariableIsSetAndAssigned => self.variable(operand).is_some(),
            Unary::ShellOptionEnabled => false,
            Unary::FileExists
            | Unary::FileExistsAndIsReadable
            | Unary::FileExistsAndIsWritable
            | Unary::FileExistsAndOwnedByEffectiveGroupId
            | Unary::FileExistsAndOwnedByEffectiveUserId => kind().is_some(),
            Unary::FileExistsAndIsDir => kind() == Some(Kind::Directory),
            Unary::FileExistsAndIsRegularFile => matches!(kind(), Some(Kind::File { .. })),
            Unary::FileExistsAndIsCharSpecialFile => path.starts_with("/dev/") && kind() == Some(Kind::Special),
            Unary::FileExistsAndIsNotZeroLength => {
                matches!(kind(), Some(Kind::File { len: 1.., .. } | Kind::Directory))
            }
            Unary::FileExistsAndIsExecutable => {
                let is_program = super::simple::program_at(&path).is_some();
                is_program || matches!(kind(), Some(Kind::File { executable: true, .. } | Kind::Directory))
            }
            _ => false,
        }
    }

    /// Predicates about texts and files, whose operands are as they stand.
    fn binary(&self, predicate: &Binary, left: &str, right: &str) -> bool {
        match predicate {
            Binary::StringExactlyMatchesString | Binary::StringExactlyMatchesPattern => left == right,
            Binary::StringDoesNotExactlyMatchString | Binary::StringDoesNotExactlyMatchPattern => left != right,
            Binary::StringContainsSubstring => left.contains(right),
            Binary::LeftSortsBeforeRight => left < right,
            Binary::LeftSortsAfterRight => left > right,
            Binary::FilesReferToSameDeviceAndInodeNumbers => {
                absolute(&self.state.cwd, left) == absolute(&self.state.cwd, right)
            }
            // Files here have no time of change.
            _ => false,
        }
    }
}

/// What a predicate about numbers wants of their order.
fn compare(predicate: &Binary) -> Option<fn(std::cmp::Ordering) -> bool> {
    Some(match predicate {
        Binary::ArithmeticEqualTo => |order| order.is_eq(),
        Binary::ArithmeticNotEqualTo => |order| order.is_ne(),
        Binary::ArithmeticLessThan => |order| order.is_lt(),
        Binary::ArithmeticLessThanOrEqualTo => |order| order.is_le(),
        Binary::ArithmeticGreaterThan => |order| order.is_gt(),
        Binary::ArithmeticGreaterThanOrEqualTo => |order| order.is_ge(),
        _ => return None,
    })
}

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("{text}: integer expression expected"))
}

/// bash's word for an expression that its grammar does not have, by the number of words.
fn why_senseless(words: &[String]) -> String {
    match words {
        [first, _] => format!("{first}: unary operator expected"),
        [_, operator, _] => format!("{operator}: binary operator expected"),
        _ => "too many arguments".to_owned(),
    }
}
