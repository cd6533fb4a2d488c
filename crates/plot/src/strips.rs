use crate::svg::{Num, Svg};
use crate::ticks::position_step;

/// The width of the drawing area in pixels, without margins.
pub(crate) const WIDTH: f64 = 900.0;

/// How a long row of positions is cut into strips that stand below one another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strips {
    /// Positions of all strips together.
    pub(crate) positions: usize,
    /// Positions of each strip but perhaps the last.
    pub(crate) per_strip: usize,
    /// The width of one position in pixels.
    pub(crate) cell: f64,
    /// The number on the axis of the first position.
    pub(crate) first_position: i64,
}

impl Strips {
    /// Cuts `positions` into strips of about a hundred, or more where that would give over ten strips, up to a
    /// thousand; `chosen` overrules. No position is wider than `widest` pixels.
    pub(crate) fn new(positions: usize, chosen: Option<usize>, first_position: i64, widest: f64) -> Self {
        let automatic = || {
            let most =
                [100, 150, 200, 250, 500].into_iter().find(|most| positions <= most * 10).unwrap_or(1000);
            let strips = positions.div_ceil(most).max(1);
            // Even strips of whole tens: the last is not a stump, and ticks stand at the same places.
            if strips == 1 { positions } else { positions.div_ceil(strips).next_multiple_of(10) }
        };
        let per_strip = chosen.unwrap_or_else(automatic).clamp(1, positions.max(1));
        Self { positions, per_strip, cell: (WIDTH / per_strip as f64).min(widest), first_position }
    }

    /// The number of strips.
    pub(crate) fn count(&self) -> usize {
        self.positions.div_ceil(self.per_strip)
    }

    /// The width of a full strip in pixels.
    pub(crate) fn width(&self) -> f64 {
        self.cell * self.per_strip as f64
    }

    /// The number on the axis of a position counted from 0.
    pub(crate) fn number(&self, position: usize) -> i64 {
        self.first_position.saturating_add(i64::try_from(position).unwrap_or(i64::MAX))
    }

    /// Draws tick marks and numbers below `y` for `n` positions from `start`, the strip's left edge at `left`.
    pub(crate) fn axis(&self, svg: &mut Svg, (left, y): (f64, f64), start: usize, n: usize) {
        // The widest number of all strips: their ticks stand below one another.
        let widest = [0, self.positions].map(|position| self.number(position).to_string().len());
        let digits = widest.into_iter().fold(0, usize::max) as f64;
        let step = position_step(digits.mul_add(7.0, 24.0) / self.cell);
        let numbered = (0..n).filter(|offset| self.number(start + offset).rem_euclid(step) == 0);
        let mut offsets: Vec<usize> = numbered.collect();
        if offsets.is_empty() {
            offsets.push(0);
        }
        let center = |offset: usize| left + (offset as f64 + 0.5) * self.cell;
        let marks = offsets.iter().map(|&offset| format!("M{} {}v4", Num(center(offset)), Num(y)));
        svg.pieces(marks, "stroke=\"#555\" fill=\"none\"");
        svg.open_group("text-anchor=\"middle\" font-size=\"10\"");
        for offset in offsets {
            svg.text((center(offset), y + 14.0), "", self.number(start + offset));
        }
        svg.close_group();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_are_even_and_few() {
        for (positions, per_strip, count) in
            [(1, 1, 1), (100, 100, 1), (110, 60, 2), (200, 100, 2), (2000, 200, 10), (20_000, 1000, 20)]
        {
            let strips = Strips::new(positions, None, 1, 14.0);
            assert_eq!((strips.per_strip, strips.count()), (per_strip, count), "{positions}");
        }
        assert_eq!(Strips::new(30, Some(7), 1, 14.0).count(), 5);
    }

    #[test]
    fn numbers_at_the_end_of_the_integers_do_not_overflow() {
        assert_eq!(Strips::new(5, None, i64::MAX, 14.0).number(3), i64::MAX);
    }
}
