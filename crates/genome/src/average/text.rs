//! Numbers as C's `%g` writes them.

/// A number with six significant digits, as `%g` of C writes it.
///
/// ```
/// use cistron_genome::average::format_general;
///
/// assert_eq!(format_general(0.1 + 0.2), "0.3");
/// assert_eq!(format_general(1234567.0), "1.23457e+06");
/// assert_eq!(format_general(0.0000123456789), "1.23457e-05");
/// ```
pub fn format_general(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "nan".into()
        } else if number > 0.0 {
            "inf".into()
        } else {
            "-inf".into()
        };
    }
    let scientific = format!("{number:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(digits), exponent.abs());
    }
    let places = (5 - exponent) as usize;
    trimmed(&format!("{number:.places$}")).to_owned()
}

/// A number rounded to the six digits that [`format_general`] writes.
pub fn round_general(number: f64) -> f64 {
    // What has been written reads back.
    format!("{number:.5e}").parse().unwrap_or(number)
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_c() {
        // printf of glibc 2.36
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (100_000.0, "100000"),
            (999_999.5, "1e+06"),
            (999_999.4, "999999"),
            (0.0001, "0.0001"),
            (0.000_099_999_99, "0.0001"),
            (0.000_099_999, "9.9999e-05"),
            (-12.345_675, "-12.3457"),
            (2.5e-310, "2.5e-310"),
            (1e100, "1e+100"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(format_general(number), expected);
        }
        assert_eq!(round_general(8.123_456_789), 8.12346);
    }
}
