use std::str::FromStr;

/// What is made of a column's values in the rows of a merged region.
///
/// ```
/// use cistron_genome::ColumnOperation;
///
/// let mean: ColumnOperation = "mean".parse()?;
/// assert_eq!(mean.apply(&["1", "2", "2"]), Ok("1.666666667".to_owned()));
/// assert_eq!(ColumnOperation::Distinct.apply(&["+", "-", "+"]), Ok("+,-".to_owned()));
/// assert_eq!(mean.apply(&["1", "x"]), Err("x"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnOperation {
    /// The number of rows.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The least.
    Min,
    /// The largest.
    Max,
    /// Each text once, by its bytes, with commas between.
    Distinct,
    /// The middle one; of an even number the mean of the middle two.
    Median,
}

impl ColumnOperation {
    const NAMES: [(&'static str, Self); 7] = [
        ("count", Self::Count),
        ("sum", Self::Sum),
        ("mean", Self::Mean),
        ("min", Self::Min),
        ("max", Self::Max),
        ("distinct", Self::Distinct),
        ("median", Self::Median),
    ];

    /// The result for the values of some rows, at least one; numbers have up to ten significant digits.
    ///
    /// Source: bedtools 2.30 `merge -o`.
    ///
    /// # Errors
    /// The first value that should be a number and is none.
    pub fn apply<'a>(self, values: &[&'a str]) -> Result<String, &'a str> {
        match self {
            Self::Count => return Ok(values.len().to_string()),
            Self::Distinct => {
                let mut distinct = values.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                return Ok(distinct.join(","));
            }
            _ => {}
        }
        let number =
            |text: &&'a str| text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or(*text);
        let mut numbers = values.iter().map(number).collect::<Result<Vec<f64>, _>>()?;
        let n = numbers.len();
        let sum = || numbers.iter().sum::<f64>();
        let result = match self {
            Self::Mean => sum() / n as f64,
            Self::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Median => {
                numbers.sort_by(f64::total_cmp);
                let at = |index: usize| numbers.get(index).copied().unwrap_or(f64::NAN);
                f64::midpoint(at(n.saturating_sub(1) / 2), at(n / 2))
            }
            _ => sum(),
        };
        Ok(ten_digits(result))
    }
}

impl FromStr for ColumnOperation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, operation)| *operation);
        found.ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| name).join(", ");
            format!("found operation `{text}`, expected one of {names}")
        })
    }
}

/// A number as C's `%.10g` writes it.
fn ten_digits(number: f64) -> String {
    const DIGITS: i32 = 10;
    if number == 0.0 || !number.is_finite() {
        return number.abs().to_string();
    }
    // The exponent after rounding to ten digits.
    let scientific = format!("{number:.9e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| -> String {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent) as usize;
        return trimmed(&format!("{number:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_c() {
        for (number, text) in [
            (1906.0, "1906"),
            (1906.0 / 3.0, "635.3333333"),
            (-0.5, "-0.5"),
            (0.0, "0"),
            (1e-5, "1e-05"),
            (1.5e10, "1.5e+10"),
            (9_999_999_999.0, "9999999999"),
            (9_999_999_999.6, "1e+10"),
            (0.000_123, "0.000123"),
        ] {
            assert_eq!(ten_digits(number), text);
        }
    }

    #[test]
    fn medians_lie_in_the_middle() {
        assert_eq!(ColumnOperation::Median.apply(&["3", "1", "2"]), Ok("2".to_owned()));
        assert_eq!(ColumnOperation::Median.apply(&["3", "1", "2", "10"]), Ok("2.5".to_owned()));
        assert_eq!(ColumnOperation::Max.apply(&["3", "inf"]), Err("inf"));
    }

    #[test]
    fn unknown_operations_are_named() {
        let error = "mode".parse::<ColumnOperation>().unwrap_err();
        assert_eq!(
            error,
            "found operation `mode`, expected one of count, sum, mean, min, max, distinct, median"
        );
    }
}
