use std::sync::Arc;

use crate::CoreError;

/// The largest coordinate that a [`Region`] or a [`Window`] may have, 2⁴⁸: beyond any genome, and far from
/// where arithmetic on positions could overflow.
pub const MAX_POSITION: u64 = 1 << 48;

/// The strand on which a sequence is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strand {
    /// As the reference is written.
    #[default]
    Forward,
    /// The reverse complement.
    Reverse,
}

impl Strand {
    /// `+` or `-`.
    pub fn symbol(self) -> char {
        match self {
            Self::Forward => '+',
            Self::Reverse => '-',
        }
    }

    /// Reads `+` or `-`; anything else is `None`.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        match symbol {
            "+" => Some(Self::Forward),
            "-" => Some(Self::Reverse),
            _ => None,
        }
    }
}

impl std::fmt::Display for Strand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.symbol())
    }
}

/// Where the middle of a region stands in a window of even width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// At index `width / 2` of a forward window (the rule of BED centring).
    #[default]
    Half,
    /// At index `width / 2 - 1` (the rule of basenji and Enformer for variants).
    HalfMinusOne,
}

/// A stretch of a contig: 0-based, half-open, never negative.
///
/// ```
/// use cistron_core::Region;
///
/// let region = Region::new("chr1", 1000, 2000)?;
/// assert_eq!(region, Region::parse_one_based("chr1:1,001-2,000")?);
/// assert_eq!(region.to_string(), "chr1:1000-2000");
/// # Ok::<(), cistron_core::CoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region {
    contig: Arc<str>,
    start: u64,
    end: u64,
}

impl Region {
    /// A region of `end - start` bases; an empty one is allowed.
    ///
    /// # Errors
    /// [`CoreError::Reversed`] if the end lies before the start, [`CoreError::Position`] beyond
    /// [`MAX_POSITION`].
    pub fn new(contig: impl Into<Arc<str>>, start: u64, end: u64) -> Result<Self, CoreError> {
        let contig = contig.into();
        if end > MAX_POSITION || start > MAX_POSITION {
            return Err(CoreError::Position { contig, found: start.max(end).to_string(), max: MAX_POSITION });
        }
        if end < start {
            return Err(CoreError::Reversed { contig, start: start as i64, end: end as i64 });
        }
        Ok(Self { contig, start, end })
    }

    /// Another stretch of the same contig, whose ends are known to be in order and in range.
    pub(crate) fn moved(&self, start: u64, end: u64) -> Self {
        debug_assert!(start <= end && end <= MAX_POSITION, "{start} to {end}");
        Self { contig: self.contig.clone(), start, end }
    }

    /// Reads `chr1:1,001-2,000`: 1-based, end included, as samtools writes it.
    ///
    /// # Errors
    /// [`CoreError::Syntax`] for another form or a start of 0, else as [`Region::new`], in the text's own numbers.
    pub fn parse_one_based(text: &str) -> Result<Self, CoreError> {
        let syntax = || CoreError::Syntax {
            what: "region",
            found: text.to_owned(),
            expected: "CONTIG:START-END, 1-based with both ends included",
        };
        let (contig, position_1based, end) = split_interval(text).ok_or_else(syntax)?;
        let start = position_1based.checked_sub(1).ok_or_else(syntax)?;
        if position_1based > end && position_1based <= MAX_POSITION {
            let (start, end) = (position_1based as i64, end as i64);
            return Err(CoreError::Reversed { contig: contig.into(), start, end });
        }
        Self::new(contig, start, end)
    }

    /// Reads `chr1:1000-2000` or `chr1:1000-2000:-`: 0-based, half-open, with an optional strand.
    ///
    /// # Errors
    /// [`CoreError::Syntax`] for another form, else as [`Region::new`].
    pub fn parse_with_strand(text: &str) -> Result<(Self, Option<Strand>), CoreError> {
        let (place, strand) = match text.rsplit_once(':') {
            Some((place, symbol)) if Strand::from_symbol(symbol).is_some() => {
                (place, Strand::from_symbol(symbol))
            }
            _ => (text, None),
        };
        let (contig, start, end) = split_interval(place).ok_or_else(|| CoreError::Syntax {
            what: "region",
            found: text.to_owned(),
            expected: "CONTIG:START-END or CONTIG:START-END:STRAND, 0-based and half-open",
        })?;
        Ok((Self::new(contig, start, end)?, strand))
    }

    /// The contig's name.
    pub fn contig(&self) -> &Arc<str> {
        &self.contig
    }

    /// The first base, 0-based.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// One past the last base.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The number of bases.
    pub fn width(&self) -> u64 {
        self.end - self.start
    }
}

/// `contig:start-end`, 0-based and half-open.
impl std::fmt::Display for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}-{}", self.contig, self.start, self.end)
    }
}

/// The contig may hold colons, so the numbers are taken from the right.
fn split_interval(text: &str) -> Option<(&str, u64, u64)> {
    let (contig, interval) = text.rsplit_once(':')?;
    let (start, end) = interval.split_once('-')?;
    (!contig.is_empty()).then_some(())?;
    Some((contig, parse_position(start)?, parse_position(end)?))
}

fn parse_position(text: &str) -> Option<u64> {
    let digits = text.replace(',', "");
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// A stretch that is read as a whole and may overhang its contig on either side.
///
/// Positions beyond the contig are padding. On the reverse strand the whole window, padding included, is
/// reverse-complemented.
///
/// ```
/// use cistron_core::{Anchor, Region, Strand, Window};
///
/// let region = Region::new("chr1", 10, 20)?;
/// let window = Window::centered(&region, 200, Anchor::Half, Strand::Forward);
/// assert_eq!(window.to_string(), "chr1:-85-115(+)");
/// # Ok::<(), cistron_core::CoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    contig: Arc<str>,
    start: i64,
    width: u32,
    strand: Strand,
}

impl Window {
    /// The window `[start, start + width)`, 0-based.
    ///
    /// # Errors
    /// [`CoreError::Position`] if an end lies further than [`MAX_POSITION`] from 0.
    pub fn new(
        contig: impl Into<Arc<str>>,
        start: i64,
        width: u32,
        strand: Strand,
    ) -> Result<Self, CoreError> {
        let contig = contig.into();
        let limit = MAX_POSITION as i64;
        if start < -limit || start > limit - i64::from(width) {
            return Err(CoreError::Position { contig, found: start.to_string(), max: MAX_POSITION });
        }
        Ok(Self { contig, start, width, strand })
    }

    /// The window of `width` bases around the middle `floor((start + end) / 2)` of a region.
    ///
    /// The middle stands at index `width / 2` (or one less, see [`Anchor`]) of a forward window.
    pub fn centered(region: &Region, width: u32, anchor: Anchor, strand: Strand) -> Self {
        let middle = (region.start.midpoint(region.end)) as i64;
        let left = match anchor {
            Anchor::Half => i64::from(width / 2),
            Anchor::HalfMinusOne => i64::from(width / 2) - 1,
        };
        Self { contig: region.contig.clone(), start: middle - left, width, strand }
    }

    /// Another stretch of the same contig and strand, near a place of it.
    pub(crate) fn moved(&self, start: i64, width: u32) -> Self {
        Self { contig: self.contig.clone(), start, width, strand: self.strand }
    }

    /// The window that is exactly a region.
    ///
    /// # Errors
    /// [`CoreError::Position`] if the region is wider than a window can be (2³² − 1 bases).
    pub fn over(region: &Region, strand: Strand) -> Result<Self, CoreError> {
        let width = u32::try_from(region.width()).map_err(|_| CoreError::Position {
            contig: region.contig.clone(),
            found: region.to_string(),
            max: u64::from(u32::MAX),
        })?;
        Ok(Self { contig: region.contig.clone(), start: region.start as i64, width, strand })
    }

    /// The contig's name.
    pub fn contig(&self) -> &Arc<str> {
        &self.contig
    }

    /// The first position, 0-based; negative where the window overhangs the contig's start.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// One past the last position.
    pub fn end(&self) -> i64 {
        self.start + i64::from(self.width)
    }

    /// The number of positions.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The strand on which the window is read.
    pub fn strand(&self) -> Strand {
        self.strand
    }
}

/// The window's name, `contig:start-end(strand)`.
impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}-{}({})", self.contig, self.start, self.end(), self.strand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_stands_where_the_anchor_says() {
        let region = Region::new("c", 209, 210).unwrap();
        for (anchor, index) in [(Anchor::Half, 60), (Anchor::HalfMinusOne, 59)] {
            let window = Window::centered(&region, 120, anchor, Strand::Forward);
            assert_eq!(209 - window.start(), index);
            assert_eq!(window.end() - window.start(), 120);
        }
    }

    #[test]
    fn odd_widths_and_regions_round_down() {
        let region = Region::new("c", 20, 25).unwrap();
        let window = Window::centered(&region, 33, Anchor::Half, Strand::Reverse);
        assert_eq!(window.to_string(), "c:6-39(-)");
    }

    #[test]
    fn regions_are_read_in_both_notations() {
        let region = Region::new("HLA:A*01", 999, 2000).unwrap();
        assert_eq!(Region::parse_one_based("HLA:A*01:1,000-2000"), Ok(region.clone()));
        assert_eq!(Region::parse_with_strand("HLA:A*01:999-2000"), Ok((region.clone(), None)));
        assert_eq!(Region::parse_with_strand("HLA:A*01:999-2000:-"), Ok((region, Some(Strand::Reverse))));
    }

    #[test]
    fn texts_that_are_no_region_are_refused() {
        for bad in
            ["", "chr1", "chr1:", "chr1:5", "chr1:0-5", "chr1:-3-5", ":1-2", "chr1:1e3-2000", "chr1:+1-5"]
        {
            assert!(Region::parse_one_based(bad).is_err(), "{bad:?}");
        }
        let error = Region::parse_one_based("chr1:9-3").unwrap_err();
        assert_eq!(error.to_string(), "end 3 is below start 9 on contig `chr1`");
        assert!(Region::new("c", 0, u64::MAX).is_err());
    }

    #[test]
    fn windows_stay_where_arithmetic_is_safe() {
        assert!(Window::new("c", i64::MIN, 5, Strand::Forward).is_err());
        assert!(Window::new("c", i64::MAX, 5, Strand::Forward).is_err());
        assert!(Window::new("c", -5, 5, Strand::Forward).is_ok());
        let last = Region::new("c", MAX_POSITION, MAX_POSITION).unwrap();
        assert!(Window::centered(&last, u32::MAX, Anchor::Half, Strand::Forward).end() > 0);
    }
}
