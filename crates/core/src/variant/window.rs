use super::Variant;
use crate::{Anchor, CoreError, Reference, ReferenceError, Strand, Window};

/// Which flank of a variant keeps its place in the window of the alternate allele.
///
/// It matters where the alleles differ in length: the other flank is moved, and genome is added or lost at the
/// window's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FixedSide {
    /// The bases before the variant stay.
    #[default]
    Left,
    /// The bases after the variant stay.
    Right,
}

/// The window around a variant in which a model reads either allele.
///
/// The first base of the reference allele stands where [`Anchor`] says. Of the alternate allele's window, the flank
/// on the fixed side is that of the reference, the allele follows, and genome fills what is left; an allele longer
/// than the room is cut at the window's end, and after a reference allele that leaves the window no base is fixed: the
/// alternate allele then ends the window of [`FixedSide::Right`]. Beyond the contig is padding.
///
/// ```
/// use cistron_core::{Alphabet, Anchor, FixedSide, Sequence, Variant, VariantWindow};
/// # use std::sync::Arc;
/// # use cistron_core::{Contig, Reference, ReferenceError};
/// # struct Toy(Vec<Contig>);
/// # impl Reference for Toy {
/// #     fn name(&self) -> String { "toy".into() }
/// #     fn contigs(&self) -> &[Contig] { &self.0 }
/// #     fn index_of(&self, contig: &str) -> Option<usize> { (contig == "c").then_some(0) }
/// #     fn read_into(&self, _: usize, start: u64, end: u64, letters: &mut Vec<u8>) -> Result<(), ReferenceError> {
/// #         letters.extend_from_slice(&b"AACCGGTTA"[start as usize..end as usize]);
/// #         Ok(())
/// #     }
/// # }
/// # let genome = Toy(vec![Contig { name: Arc::from("c"), length: 9 }]);
/// // A genome with the one contig `AACCGGTTA`; CG at its fourth base becomes C.
/// let dna = Alphabet::dna();
/// let variant = Variant::new("c", 3, Sequence::parse(&dna, "CG")?, Sequence::parse(&dna, "C")?)?;
/// let window = VariantWindow::new(6, Anchor::Half)?;
/// let read = |side| -> Result<String, Box<dyn std::error::Error>> {
///     let mut codes = Vec::new();
///     window.fetch_alternate(&variant, &genome, side, &mut codes)?;
///     Ok(Sequence::from_codes(&dna, codes)?.to_string())
/// };
/// // The reference window is AACCGG.
/// assert_eq!(read(FixedSide::Left)?, "AACCGT");
/// assert_eq!(read(FixedSide::Right)?, "NAACCG");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariantWindow {
    width: u32,
    anchor: Anchor,
    shift: i32,
}

impl VariantWindow {
    /// Windows of `width` bases.
    ///
    /// # Errors
    /// [`CoreError::Syntax`] if the variant would stand outside: 0 bases, or 1 with [`Anchor::HalfMinusOne`].
    pub fn new(width: u32, anchor: Anchor) -> Result<Self, CoreError> {
        if width == 0 || (width == 1 && anchor == Anchor::HalfMinusOne) {
            let expected = "at least 1 base, 2 if the variant stands before the middle";
            return Err(CoreError::Syntax { what: "window width", found: width.to_string(), expected });
        }
        Ok(Self { width, anchor, shift: 0 })
    }

    /// The window so many bases further right, in which the variant stands further left.
    ///
    /// # Errors
    /// [`CoreError::Syntax`] if the variant's first base would stand outside.
    pub fn shifted(self, bases: i32) -> Result<Self, CoreError> {
        let shift = i64::from(self.shift) + i64::from(bases);
        let index = self.middle() - shift;
        match i32::try_from(shift) {
            Ok(shift) if (0..i64::from(self.width)).contains(&index) => Ok(Self { shift, ..self }),
            _ => {
                let expected = "one that leaves the variant in its window";
                Err(CoreError::Syntax { what: "window shift", found: bases.to_string(), expected })
            }
        }
    }

    /// The number of bases.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The index in the window of the variant's first base.
    pub fn index(&self) -> u32 {
        // The constructors see to it that it lies in the window.
        (self.middle() - i64::from(self.shift)) as u32
    }

    /// The index of an unshifted window.
    fn middle(self) -> i64 {
        match self.anchor {
            Anchor::Half => i64::from(self.width / 2),
            Anchor::HalfMinusOne => i64::from(self.width / 2) - 1,
        }
    }

    /// Where the window of the reference allele lies.
    pub fn of(&self, variant: &Variant) -> Window {
        let start = variant.region().start();
        let window =
            Window::centered(&variant.region().moved(start, start), self.width, self.anchor, Strand::Forward);
        window.moved(window.start() + i64::from(self.shift), self.width)
    }

    /// Appends the codes of the reference allele's window.
    ///
    /// # Errors
    /// Those of [`Reference::fetch_into`]; `codes` is then as it was.
    pub fn fetch_reference(
        &self,
        variant: &Variant,
        genome: &dyn Reference,
        codes: &mut Vec<u8>,
    ) -> Result<(), ReferenceError> {
        genome.fetch_into(&self.of(variant), codes)
    }

    /// Appends the codes of the alternate allele's window.
    ///
    /// # Errors
    /// Those of [`Reference::fetch_into`]; `codes` is then as it was.
    pub fn fetch_alternate(
        &self,
        variant: &Variant,
        genome: &dyn Reference,
        side: FixedSide,
        codes: &mut Vec<u8>,
    ) -> Result<(), ReferenceError> {
        let begin = codes.len();
        let fetched = match side {
            FixedSide::Left => self.fetch_left(variant, genome, codes),
            FixedSide::Right => self.fetch_right(variant, genome, codes),
        };
        if fetched.is_err() {
            codes.truncate(begin);
        }
        fetched
    }

    fn fetch_left(
        self,
        variant: &Variant,
        genome: &dyn Reference,
        codes: &mut Vec<u8>,
    ) -> Result<(), ReferenceError> {
        let (begin, width) = (codes.len(), self.width as usize);
        let window = self.of(variant);
        fetch(genome, &window, window.start(), self.index() as usize, codes)?;
        let room = width - self.index() as usize;
        let allele = variant.alternate().codes();
        codes.extend_from_slice(allele.get(..room).unwrap_or(allele));
        let left = begin + width - codes.len();
        fetch(genome, &window, variant.region().end() as i64, left, codes)
    }

    fn fetch_right(
        self,
        variant: &Variant,
        genome: &dyn Reference,
        codes: &mut Vec<u8>,
    ) -> Result<(), ReferenceError> {
        let (begin, width) = (codes.len(), self.width as usize);
        let window = self.of(variant);
        // Where the bases after the variant begin; an allele that leaves the window ends with it.
        let after = (self.index() as usize + variant.reference().len()).min(width);
        let allele = variant.alternate().codes();
        let before = after.saturating_sub(allele.len());
        let start = variant.region().start() as i64 - before as i64;
        fetch(genome, &window, start, before, codes)?;
        let allele = allele.get(allele.len().saturating_sub(after)..).unwrap_or_default();
        codes.extend_from_slice(allele);
        let left = begin + width - codes.len();
        fetch(genome, &window, variant.region().end() as i64, left, codes)
    }
}

/// Appends `width` bases of the window's contig from `start` on.
fn fetch(
    genome: &dyn Reference,
    window: &Window,
    start: i64,
    width: usize,
    codes: &mut Vec<u8>,
) -> Result<(), ReferenceError> {
    genome.fetch_into(&window.moved(start, width as u32), codes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::variant::tests::{Toy, variant};

    fn windows(window: VariantWindow, variant: &Variant, genome: &Toy) -> [Vec<u8>; 3] {
        let [mut reference, mut left, mut right] = [(); 3].map(|()| vec![9]);
        window.fetch_reference(variant, genome, &mut reference).unwrap();
        window.fetch_alternate(variant, genome, FixedSide::Left, &mut left).unwrap();
        window.fetch_alternate(variant, genome, FixedSide::Right, &mut right).unwrap();
        [reference, left, right].map(|codes| codes[1..].to_vec())
    }

    #[test]
    fn a_window_holds_its_variant() {
        assert!(VariantWindow::new(0, Anchor::Half).is_err());
        let error = VariantWindow::new(1, Anchor::HalfMinusOne).unwrap_err().to_string();
        assert!(error.starts_with("window width \"1\" does not parse, expected at least 1 base"), "{error}");
        assert_eq!(VariantWindow::new(2, Anchor::HalfMinusOne).unwrap().index(), 0);
        let window = VariantWindow::new(10, Anchor::Half).unwrap();
        assert_eq!([5, -4, 0].map(|by| window.shifted(by).map(|it| it.index())), [Ok(0), Ok(9), Ok(5)]);
        assert!(window.shifted(6).is_err() && window.shifted(-5).is_err());
    }

    proptest! {
        #[test]
        fn the_alternate_window_is_cut_from_the_edited_contig(
            letters in prop::collection::vec(0_u8..4, 12..40), place in 0_usize..12, n in 1_usize..9, shift in -30_i32..30,
            allele in prop::collection::vec(0_u8..4, 1..30), width in 2_u32..50, before_middle: bool,
        ) {
            let genome = Toy::of_codes(&letters);
            let n = n.min(letters.len() - place);
            let variant = variant(place as u64, &letters[place..place + n], &allele);
            let anchor = if before_middle { Anchor::HalfMinusOne } else { Anchor::Half };
            let window = VariantWindow::new(width, anchor).unwrap();
            let window = window.shifted(shift).unwrap_or(window);
            let [reference, left, right] = windows(window, &variant, &genome);
            let mut edited = letters.clone();
            edited.splice(place..place + n, allele.iter().copied());
            let cut = |letters: &[u8], start: i64| -> Vec<u8> {
                let at = |i: i64| usize::try_from(start + i).ok().and_then(|p| letters.get(p)).copied();
                (0..i64::from(width)).map(|i| at(i).unwrap_or(5)).collect()
            };
            let start = place as i64 - i64::from(window.index());
            prop_assert_eq!(reference, cut(&letters, start));
            prop_assert_eq!(left, cut(&edited, start));
            let after = (window.index() as usize + n).min(width as usize);
            prop_assert_eq!(right, cut(&edited, (place + allele.len()) as i64 - after as i64));
        }
    }
}
