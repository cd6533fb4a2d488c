use cistron_core::VariantWindow;

use super::views::View;
use crate::EffectError;
use crate::saturation::out_of_range;

/// The windows of variants: one for each shift, each shared by the variants of so many bases of a grid.
pub(super) struct Windows {
    /// With the variant where the anchor says.
    of_shifts: Vec<VariantWindow>,
    share: u32,
}

impl Windows {
    /// Checks that every variant of a cell of the grid stands in its window.
    pub(super) fn new(of_shifts: Vec<VariantWindow>, share: u32) -> Result<Self, EffectError> {
        let windows = Self { of_shifts, share };
        let fits =
            |window: &VariantWindow| windows.farthest().iter().all(|&offset| window.shifted(offset).is_ok());
        if share == 0 || share > i32::MAX as u32 || !windows.of_shifts.iter().all(fits) {
            return Err(windows.too_far());
        }
        Ok(windows)
    }

    /// Those of variants that stand where the anchor says.
    pub(super) fn of_shifts(&self) -> &[VariantWindow] {
        &self.of_shifts
    }

    /// From a variant to the middle of its cell.
    pub(super) fn offset(&self, start: u64) -> i32 {
        let share = u64::from(self.share.max(1));
        (share / 2) as i32 - (start % share) as i32
    }

    /// The offsets of the last and of the first base of a cell.
    pub(super) fn farthest(&self) -> [i32; 2] {
        let last = u64::from(self.share.saturating_sub(1));
        [self.offset(last), self.offset(0)]
    }

    pub(super) fn of(&self, view: View) -> Result<VariantWindow, EffectError> {
        let window = self.of_shifts.get(view.window).and_then(|window| window.shifted(view.offset).ok());
        window.ok_or_else(|| self.too_far())
    }

    fn too_far(&self) -> EffectError {
        let expected = "at least 1, and few enough that each variant stands in its window";
        out_of_range("number of bases that share a window", self.share, expected)
    }
}
