//! Arithmetic: whole numbers of 64 bits that wrap, as in C.

use brush_parser::arithmetic;
use brush_parser::ast::{ArithmeticExpr, ArithmeticTarget, BinaryOperator, UnaryAssignmentOperator, UnaryOperator};

use super::Boxed;
use super::interpreter::{Failure, Shell};

/// Longer expressions are refused: each operator may be a level of the parser's stack.
const MAX_BYTES: usize = 1_000;

/// Variables whose values are expressions with variables, at most so many within each other.
const MAX_INDIRECTION: usize = 16;

impl Shell {
    /// The value of an expression as it stands in the script.
    pub fn arithmetic<'a>(&'a mut self, text: &'a str) -> Boxed<'a, Result<i64, Failure>> {
        Box::pin(async move {
            let text = if text.contains(['$', '`', '"', '\'', '\\']) {
                self.expand_text(text).await?
            } else {
                text.to_owned()
            };
            self.step()?;
            self.calculate(&text, 0)
        })
    }

    /// The value of a plain expression; `level` counts the variables it has come out of.
    pub fn calculate(&mut self, text: &str, level: usize) -> Result<i64, Failure> {
        let text = text.trim();
        if level > MAX_INDIRECTION || text.len() > MAX_BYTES {
            return self.fail(&format!("{text}: expression recursion level exceeded"));
        }
        match arithmetic::parse(text) {
            Ok(expression) => self.value(&expression, text, level),
            Err(_) => self.fail(&format!("{text}: syntax error: invalid arithmetic expression")),
        }
    }

    fn value(&mut self, expression: &ArithmeticExpr, text: &str, level: usize) -> Result<i64, Failure> {
        Ok(match expression {
            ArithmeticExpr::Literal(number) => *number,
            ArithmeticExpr::Reference(target) => self.load(target, text, level)?,
            ArithmeticExpr::UnaryOp(operator, operand) => {
                let value = self.value(operand, text, level)?;
                match operator {
                    UnaryOperator::UnaryPlus => value,
                    UnaryOperator::UnaryMinus => value.wrapping_neg(),
                    UnaryOperator::BitwiseNot => !value,
                    UnaryOperator::LogicalNot => i64::from(value == 0),
                }
            }
            ArithmeticExpr::BinaryOp(operator, left, right) => {
                let left = self.value(left, text, level)?;
                // The right side of && and || is not looked at when the left one has decided.
                match (operator, left != 0) {
                    (BinaryOperator::LogicalAnd, false) => 0,
                    (BinaryOperator::LogicalOr, true) => 1,
                    _ => {
                        let right = self.value(right, text, level)?;
                        self.combine(*operator, left, right, text)?
                    }
                }
            }
            ArithmeticExpr::Conditional(condition, yes, no) => {
                let chosen = if self.value(condition, text, level)? != 0 { yes } else { no };
                self.value(chosen, text, level)?
            }
            ArithmeticExpr::Assignment(target, value) => {
                let value = self.value(value, text, level)?;
                self.store(target, value, text, level)?
            }
            ArithmeticExpr::BinaryAssignment(operator, target, value) => {
                let before = self.load(target, text, level)?;
                let value = self.value(value, text, level)?;
                let after = self.combine(*operator, before, value, text)?;
                self.store(target, after, text, level)?
            }
            ArithmeticExpr::UnaryAssignment(operator, target) => {
                let before = self.load(target, text, level)?;
                let (change, is_prefix) = match operator {
                    UnaryAssignmentOperator::PrefixIncrement => (1, true),
                    UnaryAssignmentOperator::PrefixDecrement => (-1, true),
                    UnaryAssignmentOperator::PostfixIncrement => (1, false),
                    UnaryAssignmentOperator::PostfixDecrement => (-1, false),
                };
                let after = self.store(target, before.wrapping_add(change), text, level)?;
                if is_prefix { after } else { before }
            }
        })
    }

    fn combine(&mut self, operator: BinaryOperator, left: i64, right: i64, text: &str) -> Result<i64, Failure> {
        Ok(match operator {
            BinaryOperator::Power if right < 0 => return self.fail(&format!("{text}: exponent less than 0")),
            BinaryOperator::Power => left.wrapping_pow(u32::try_from(right).unwrap_or(u32::MAX)),
            BinaryOperator::Multiply => left.wrapping_mul(right),
            BinaryOperator::Divide | BinaryOperator::Modulo if right == 0 => {
                return self.fail(&format!("{text}: division by 0 (error token is \"{right}\")"));
            }
            BinaryOperator::Divide => left.wrapping_div(right),
            BinaryOperator::Modulo => left.wrapping_rem(right),
            BinaryOperator::Comma => right,
            BinaryOperator::Add => left.wrapping_add(right),
            BinaryOperator::Subtract => left.wrapping_sub(right),
            BinaryOperator::ShiftLeft => left.wrapping_shl(right as u32),
            BinaryOperator::ShiftRight => left.wrapping_shr(right as u32),
            BinaryOperator::LessThan => i64::from(left < right),
            BinaryOperator::LessThanOrEqualTo => i64::from(left <= right),
            BinaryOperator::GreaterThan => i64::from(left > right),
            BinaryOperator::GreaterThanOrEqualTo => i64::from(left >= right),
            BinaryOperator::Equals => i64::from(left == right),
            BinaryOperator::NotEquals => i64::from(left != right),
            BinaryOperator::BitwiseAnd => left & right,
            BinaryOperator::BitwiseXor => left ^ right,
            BinaryOperator::BitwiseOr => left | right,
            BinaryOperator::LogicalAnd => i64::from(left != 0 && right != 0),
            BinaryOperator::LogicalOr => i64::from(left != 0 || right != 0),
        })
    }

    fn load(&mut self, target: &ArithmeticTarget, text: &str, level: usize) -> Result<i64, Failure> {
        let value = match target {
            ArithmeticTarget::Variable(name) => self.variable(name),
            ArithmeticTarget::ArrayElement(name, index) => {
                let index = self.value(index, text, level)?;
                self.state.element(name, index)
            }
        };
        match value {
            None => Ok(0),
            Some(value) => self.calculate(&value, level + 1),
        }
    }

    fn store(&mut self, target: &ArithmeticTarget, value: i64, text: &str, level: usize) -> Result<i64, Failure> {
        let (name, assigned) = match target {
            ArithmeticTarget::Variable(name) => (name, self.state.set_text(name, value.to_string())),
            ArithmeticTarget::ArrayElement(name, index) => {
                let index = self.value(index, text, level)?;
                (name, self.state.set_element(name, index, value.to_string()))
            }
        };
        self.allow(name, assigned)?;
        Ok(value)
    }
}
