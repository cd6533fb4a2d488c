//! Numbers with six decimals, as Python's `%.6f` and Rust's `{:.6}` print them.

use std::io::Write;

/// Appends `value` with six decimals, rounded half to even from its exact value; nothing for NaN.
pub(super) fn push_six(text: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        return;
    }
    let scaled = value.abs() * 1e6;
    let rounded = scaled.round();
    // Below 1e9 the product is off by less than 2e-7; away from the middle between two results that cannot
    // change the rounding, and the slow exact path is for the rest.
    if scaled < 1e9 && ((scaled - rounded).abs() - 0.5).abs() > 1e-6 {
        push_digits(text, value.is_sign_negative(), rounded as u64);
    } else {
        // Writing to a vector cannot fail.
        let _ = write!(text, "{value:.6}");
    }
}

fn push_digits(text: &mut Vec<u8>, negative: bool, millionths: u64) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = millionths;
    let mut count = 0;
    while rest > 0 || count < 7 {
        if count == 6 {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    if negative {
        text.push(b'-');
    }
    text.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn six(value: f64) -> String {
        let mut text = Vec::new();
        push_six(&mut text, value);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn zeros_and_ties_print_as_in_python() {
        let cases = [
            (0.0, "0.000000"),
            (-0.0, "-0.000000"),
            (-1e-9, "-0.000000"),
            (0.000_000_5, "0.000000"), // below its decimal: 4.99999999999999977e-7
            (0.000_001_5, "0.000002"), // 1.50000000000000004e-6
            (0.5 / 64.0, "0.007812"),  // exactly 0.0078125, half to even
            (999.999_999_9, "1000.000000"),
            (123_456_789.25, "123456789.250000"),
        ];
        for (value, expected) in cases {
            assert_eq!(six(value), expected, "{value:e}");
        }
        assert_eq!(six(f64::NAN), "");
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(value in prop_oneof![-2.0..2.0_f64, -1e-5..1e-5_f64, any::<f64>()]) {
            prop_assume!(!value.is_nan());
            prop_assert_eq!(six(value), format!("{value:.6}"));
        }

        #[test]
        fn agrees_around_ties(millionths in -4_000_000_i64..4_000_000, ulps in -2_i64..3) {
            let tie = (millionths as f64 + 0.5) * 1e-6;
            let value = f64::from_bits((tie.to_bits() as i64 + ulps) as u64);
            prop_assert_eq!(six(value), format!("{value:.6}"));
        }
    }
}
