//! The value of a JSON number, exactly: no number passes through a floating point, which would round a 64-bit id.

use std::borrow::Cow;

/// The most digits that a whole number is written out in. `1e400` stays as printed.
const MOST_DIGITS: usize = 64;

/// A number by its value where that is a whole one: `200.0`, `2e2` and `20000E-2` are `200`, `-0.0` is `0`. Any other
/// number, and a whole one of more than [`MOST_DIGITS`] digits that is not printed as such, stays as printed.
pub(super) fn by_value(printed: &str) -> Cow<'_, str> {
    let digits = printed.strip_prefix('-').unwrap_or(printed);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(if digits == "0" { digits } else { printed });
    }
    whole(printed, digits).unwrap_or(Cow::Borrowed(printed))
}

fn whole<'a>(printed: &'a str, magnitude: &'a str) -> Option<Cow<'a, str>> {
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = behind.trim_end_matches('0');
    if before == "0" && fraction.is_empty() {
        return Some("0".into());
    }
    let exponent: i64 = exponent.parse().ok()?;
    if fraction.is_empty() && exponent == 0 {
        return printed.get(..printed.len() - magnitude.len() + before.len()).map(Cow::Borrowed);
    }
    let digits = [before, fraction].concat();
    let significant = digits.trim_matches('0');
    // The power of ten of the last significant digit.
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let power = exponent.checked_add(i64::try_from(zeros).ok()?)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let zeros = usize::try_from(power).ok().filter(|zeros| significant.len().saturating_add(*zeros) <= MOST_DIGITS)?;
    let sign = if printed.starts_with('-') { "-" } else { "" };
    Some(format!("{sign}{significant}{}", "0".repeat(zeros)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_compared_by_value() {
        for printed in
            ["200", "200.0", "200.000", "2e2", "2E+2", "0.2e3", "20000e-2", "200.0e0", "2.00e+02", "0.002e05"]
        {
            assert_eq!(by_value(printed), "200", "{printed}");
            assert_eq!(by_value(&format!("-{printed}")), "-200", "-{printed}");
        }
        for printed in ["0", "-0", "0.0", "-0.00", "0e5", "0.0E-7", "0e99999999999999999999"] {
            assert_eq!(by_value(printed), "0", "{printed}");
        }
        assert_eq!(by_value("10"), "10");
        assert_eq!(by_value("1e1"), "10");
    }

    #[test]
    fn ids_beyond_a_double_stay_themselves() {
        for printed in ["9007199254740993", "9007199254740993.0", "9.007199254740993e15", "9007199254740993000e-3"] {
            assert_eq!(by_value(printed), "9007199254740993", "{printed}");
        }
        assert_eq!(by_value("18446744073709551617.0"), "18446744073709551617");
    }

    #[test]
    fn fractional_or_endless_number_stays_unchanged() {
        for printed in ["1.10", "-0.5", "1e-1", "1e400", "2e99999999999999999999", "1e-99999999999999999999", "123.4e0"]
        {
            assert_eq!(by_value(printed), printed);
        }
    }
}
