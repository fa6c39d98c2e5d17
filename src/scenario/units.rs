//! Times and rates as people write them: "1.5s", "200ms", "100M".

use crate::time::Span;

/// Units of time, in nanoseconds.
const TIMES: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Units of a rate, in bits a second.
const RATES: &[(&str, u64)] = &[("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];

/// A length of time like "1.5s", "200ms", "50us", "5min".
pub fn parse_time(text: &str) -> Option<Span> {
    scaled(text, TIMES).map(Span::from_nanos)
}

/// Bits a second like "100M" or "1.5G"; "bit" may follow.
pub fn parse_rate(text: &str) -> Option<u64> {
    scaled(text.strip_suffix("bit").unwrap_or(text), RATES).filter(|&rate| rate > 0)
}

/// A decimal number and its unit, exactly; none if it is neither, does not fit, or is finer than the smallest unit.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let &(_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || (fraction.is_empty() && number.contains('.')) {
        return None;
    }
    let mut value = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        if place % 10 != 0 && digit != b'0' {
            return None;
        }
        place /= 10;
        value = value.checked_add(place * u64::from(digit.checked_sub(b'0')?))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(parse_time("1.5s"), Some(Span::from_millis(1500)));
        assert_eq!(parse_time("0s"), Some(Span::ZERO));
        assert_eq!(parse_time("200ms"), Some(Span::from_millis(200)));
        assert_eq!(parse_time("50us"), Some(Span::from_micros(50)));
        assert_eq!(parse_time("2min"), Some(Span::from_secs(120)));
        assert_eq!(parse_time("0.000000001s"), Some(Span::from_nanos(1)));
        for bad in ["", "s", "1", "1.5", "-1s", "1,5s", ".5s", "1.s", "1.2.3s", "1 s", "1.5ns", "99999999999999h", "١s"]
        {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(parse_rate("100M"), Some(100_000_000));
        assert_eq!(parse_rate("1.5Gbit"), Some(1_500_000_000));
        assert_eq!(parse_rate("0"), None);
        assert_eq!(parse_rate("100m"), None);
    }
}
