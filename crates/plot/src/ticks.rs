/// Round numbers along an axis and how to write them.
#[derive(Debug, PartialEq)]
pub(crate) struct Ticks {
    /// The places, ascending.
    pub(crate) values: Vec<f64>,
    /// The labels, each value divided by ten to the power of `exponent`.
    pub(crate) labels: Vec<String>,
    /// The power of ten that the axis title has to name; 0 for numbers written in full.
    pub(crate) exponent: i32,
}

impl Ticks {
    /// About `target` round numbers from `low` to `high`, both included; steps are 1, 2 or 5 times a power of
    /// ten. The limits are finite and their distance is not 0.
    pub(crate) fn new(low: f64, high: f64, target: usize) -> Self {
        Self::with_step(low, high, nice_step(high - low, target))
    }

    /// As [`Ticks::new`] with steps of whole numbers.
    pub(crate) fn whole(low: f64, high: f64, target: usize) -> Self {
        Self::with_step(low, high, nice_step(high - low, target).max(1.0))
    }

    fn with_step(low: f64, high: f64, step: f64) -> Self {
        // A hair of slack keeps a limit that is a multiple of the step but for rounding.
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        // Guards against limits so far from 0 that the step vanishes beside them.
        let last = last.min(first.saturating_add(50));
        let values: Vec<f64> = (first..=last).map(|i| i as f64 * step).collect();
        let largest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let exponent = common_exponent(largest);
        let decimals = (exponent - magnitude(step)).clamp(0, 17) as usize;
        let labels = values.iter().map(|value| plain(scaled(*value, exponent), decimals)).collect();
        Self { values, labels, exponent }
    }

    /// The axis title with the power of ten of the labels, if there is one.
    pub(crate) fn axis_title(&self, title: &str) -> String {
        match (self.exponent, title) {
            (0, _) => title.to_owned(),
            (exponent, "") => format!("×10{}", superscript(exponent)),
            (exponent, _) => format!("{title} (×10{})", superscript(exponent)),
        }
    }
}

/// The limits moved outward to multiples of the step that [`Ticks::new`] would take.
pub(crate) fn nice_limits(low: f64, high: f64, target: usize) -> (f64, f64) {
    let step = nice_step(high - low, target);
    ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step)
}

/// The smallest of 1, 2, 5, 10, … that is at least `least`: steps between numbered positions.
pub(crate) fn position_step(least: f64) -> i64 {
    let mut power = 1_i64;
    loop {
        for factor in [1, 2, 5] {
            if (power * factor) as f64 >= least {
                return power * factor;
            }
        }
        if power >= 1_000_000_000_000 {
            return power;
        }
        power *= 10;
    }
}

fn nice_step(span: f64, target: usize) -> f64 {
    let rough = span / target.max(1) as f64;
    let power = scaled(1.0, -magnitude(rough));
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| rough <= factor * power * (1.0 + 1e-9));
    factor.unwrap_or(10.0) * power
}

/// The power of ten of the first digit.
fn magnitude(value: f64) -> i32 {
    if value == 0.0 { 0 } else { (value.abs().log10() + 1e-9).floor() as i32 }
}

/// Numbers below 0.01 or from 100,000 are written with a common power of ten.
fn common_exponent(largest: f64) -> i32 {
    if largest != 0.0 && !(0.01..1e5).contains(&largest) { magnitude(largest) } else { 0 }
}

/// `value / 10^exponent`, in two halves so that the power neither overflows nor vanishes.
fn scaled(value: f64, exponent: i32) -> f64 {
    let half = exponent / 2;
    value / 10_f64.powi(half) / 10_f64.powi(exponent - half)
}

/// A number with a true minus sign, and 0 without one.
fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value < 0.0 && !is_zero { format!("−{text}") } else { text }
}

fn superscript(number: i32) -> String {
    let digit = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    };
    number.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_the_round_numbers_a_person_would_choose() {
        for (low, high, labels, exponent) in [
            (0.0, 1.0, vec!["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], 0),
            (-3.0, 3.0, vec!["−2", "0", "2"], 0),
            (0.0, 2.1e-4, vec!["0.0", "0.5", "1.0", "1.5", "2.0"], -4),
            (0.0, 4e6, vec!["0", "1", "2", "3", "4"], 6),
        ] {
            let ticks = Ticks::new(low, high, if low < 0.0 { 4 } else { 5 });
            assert_eq!(
                (ticks.labels, ticks.exponent),
                (labels.into_iter().map(String::from).collect(), exponent)
            );
        }
    }

    #[test]
    fn the_power_of_ten_goes_to_the_axis_title() {
        assert_eq!(Ticks::new(0.0, 2e-14, 4).axis_title("Δ logit"), "Δ logit (×10⁻¹⁴)");
        assert_eq!(Ticks::new(0.0, 2.0, 4).axis_title("Δ logit"), "Δ logit");
    }

    #[test]
    fn whole_ticks_never_fall_between_whole_numbers() {
        assert_eq!(Ticks::whole(1.0, 3.0, 8).labels, ["1", "2", "3"]);
    }

    #[test]
    fn positions_step_by_one_two_or_five() {
        assert_eq!([0.3, 1.0, 1.1, 3.0, 6.0, 11.0, 60.0].map(position_step), [1, 1, 2, 5, 10, 20, 100]);
        assert!(position_step(f64::INFINITY) > 0);
    }

    proptest! {
        #[test]
        fn ticks_lie_inside_and_ascend(low in -1e6_f64..1e6, span in 1e-9_f64..1e6, target in 1_usize..12) {
            let high = low + span;
            prop_assume!(high > low);
            let ticks = Ticks::new(low, high, target);
            prop_assert_eq!(ticks.values.len(), ticks.labels.len());
            prop_assert!(ticks.values.len() <= target.max(1) * 3 + 2);
            prop_assert!(ticks.values.windows(2).all(|pair| pair[0] <= pair[1]));
            let slack = span * 1e-6 + low.abs() * 1e-9;
            prop_assert!(ticks.values.iter().all(|value| *value >= low - slack && *value <= high + slack));
            let (below, above) = nice_limits(low, high, target);
            prop_assert!(below <= low + slack && above >= high - slack);
        }
    }
}
