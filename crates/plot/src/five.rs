//! The numbers of a box: quartiles and whiskers.

/// What a box shows of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FiveNumbers {
    /// The smallest value at most 1.5 heights of the box below it.
    pub(crate) low: f64,
    /// The first quartile, between values by their distance.
    pub(crate) first: f64,
    pub(crate) median: f64,
    pub(crate) third: f64,
    /// The largest value at most 1.5 heights of the box above it.
    pub(crate) high: f64,
}

impl FiveNumbers {
    /// Of values without NaN that ascend; `None` if there are none.
    pub(crate) fn new(ascending: &[f64]) -> Option<Self> {
        let quartile = |quarters: usize| {
            let place = (ascending.len().checked_sub(1)? * quarters) as f64 / 4.0;
            let (below, share) = (ascending.get(place as usize)?, place.fract());
            let above = ascending.get(place.ceil() as usize)?;
            Some(below * (1.0 - share) + above * share)
        };
        let (first, median, third) = (quartile(1)?, quartile(2)?, quartile(3)?);
        let reach = 1.5 * (third - first);
        let low = ascending.iter().find(|value| **value >= first - reach)?;
        let high = ascending.iter().rfind(|value| **value <= third + reach)?;
        // Between two distant values a quartile may lie beyond all that are near it.
        Some(Self { low: low.min(first), first, median, third, high: high.max(third) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_numpy() {
        let found = FiveNumbers::new(&[1.0, 2.0, 4.0, 8.0, 16.0, 40.0]);
        // numpy.quantile, linear: 2.5, 6, 14; the box is 11.5 high, so 40 lies beyond the whisker.
        let expected = FiveNumbers { low: 1.0, first: 2.5, median: 6.0, third: 14.0, high: 16.0 };
        assert_eq!(found, Some(expected));
        let all = |value| FiveNumbers { low: value, first: value, median: value, third: value, high: value };
        assert_eq!(FiveNumbers::new(&[7.0]), Some(all(7.0)));
        assert_eq!(FiveNumbers::new(&[]), None);
    }
}
