//! What theory says about a measured time: a formula in seconds, like "3 * 0.1 + (256 - 90) / 256".

/// The value of a formula of numbers, `+ - * /` and parentheses; none if it is not one, or has no finite value.
pub(super) fn value(text: &str) -> Option<f64> {
    let mut formula = Formula { rest: text };
    let value = formula.sum(0)?;
    formula.rest.trim_start().is_empty().then_some(value).filter(|value| value.is_finite())
}

struct Formula<'a> {
    rest: &'a str,
}

/// How deep parentheses may go: nobody means more, and the stack is finite.
const DEPTH: usize = 100;

impl Formula<'_> {
    fn sum(&mut self, depth: usize) -> Option<f64> {
        let mut value = self.product(depth)?;
        while let Some(sign) = self.operator(['+', '-']) {
            let other = self.product(depth)?;
            value += if sign == '+' { other } else { -other };
        }
        Some(value)
    }

    fn product(&mut self, depth: usize) -> Option<f64> {
        let mut value = self.factor(depth)?;
        while let Some(sign) = self.operator(['*', '/']) {
            let other = self.factor(depth)?;
            value = if sign == '*' { value * other } else { value / other };
        }
        Some(value)
    }

    fn factor(&mut self, depth: usize) -> Option<f64> {
        self.rest = self.rest.trim_start();
        if let Some(inner) = self.rest.strip_prefix('(').filter(|_| depth < DEPTH) {
            self.rest = inner;
            let value = self.sum(depth + 1)?;
            self.rest = self.rest.trim_start().strip_prefix(')')?;
            return Some(value);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        number.parse().ok()
    }

    fn operator(&mut self, wanted: [char; 2]) -> Option<char> {
        let rest = self.rest.trim_start();
        let sign = rest.chars().next().filter(|c| wanted.contains(c))?;
        self.rest = &rest[1..];
        Some(sign)
    }
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn formulas() {
        assert_eq!(value("3 * 1 + (256 - 128) / 256"), Some(3.5));
        assert_eq!(value(" 8 - 2 - 1 "), Some(5.0));
        assert_eq!(value("0.5"), Some(0.5));
        for text in ["", "1 +", "(1", "1)", "1 / 0", "x", "1..2", &"(".repeat(1000)] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
