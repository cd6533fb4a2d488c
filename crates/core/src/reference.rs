use std::error::Error;
use std::sync::Arc;

use crate::{Alphabet, Strand, Window, reverse_complement_letters};

/// A contig of a genome: its name and its number of bases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contig {
    /// The name, up to the first blank of its FASTA header.
    pub name: Arc<str>,
    /// The number of bases.
    pub length: u64,
}

/// Why a stretch of a genome could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The genome has no contig of this name.
    #[error("contig `{contig}` is not in {reference}{}", hint(.similar.as_ref()))]
    UnknownContig {
        /// The name asked for.
        contig: Arc<str>,
        /// The genome, as a path or a description.
        reference: String,
        /// A contig of the genome that differs by the prefix `chr` alone.
        similar: Option<Arc<str>>,
    },
    /// A stretch that leaves its contig, where that was not allowed.
    #[error("{window} leaves contig `{contig}` of {length} bases")]
    OutOfContig {
        /// The stretch asked for.
        window: String,
        /// The contig's name.
        contig: Arc<str>,
        /// The contig's length in bases.
        length: u64,
    },
    /// The genome's file could not be read.
    #[error(transparent)]
    Read(Box<dyn Error + Send + Sync>),
}

fn hint(similar: Option<&Arc<str>>) -> String {
    similar.map(|name| format!(" (it has `{name}`)")).unwrap_or_default()
}

/// A genome that can be read at random by many threads at once.
///
/// An implementer says where its contigs are and reads letters inside one contig; the rule for windows that
/// overhang and for the reverse strand is here, once: each part beyond the contig is padding on its own genomic
/// side, then the whole is reverse-complemented.
///
/// ```
/// use std::sync::Arc;
/// use cistron_core::{Contig, Reference, ReferenceError, Strand, Window};
///
/// struct Toy(Vec<Contig>);
/// impl Reference for Toy {
///     fn name(&self) -> String { "toy".into() }
///     fn contigs(&self) -> &[Contig] { &self.0 }
///     fn index_of(&self, contig: &str) -> Option<usize> { (contig == "c").then_some(0) }
///     fn read_into(&self, _: usize, start: u64, end: u64, letters: &mut Vec<u8>) -> Result<(), ReferenceError> {
///         letters.extend_from_slice(&b"ACGr"[start as usize..end as usize]);
///         Ok(())
///     }
/// }
///
/// let toy = Toy(vec![Contig { name: Arc::from("c"), length: 4 }]);
/// let window = Window::new("c", -1, 6, Strand::Reverse)?;
/// let (mut letters, mut codes) = (Vec::new(), Vec::new());
/// toy.fetch_letters_into(&window, &mut letters)?;
/// toy.fetch_into(&window, &mut codes)?;
/// assert_eq!(letters, b"NyCGTN");
/// assert_eq!(codes, [5, 4, 1, 2, 3, 5]); // 4 = unknown, 5 = padding
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Reference: Send + Sync {
    /// What to call the genome in messages: usually its path.
    fn name(&self) -> String;

    /// The contigs in the genome's own order.
    fn contigs(&self) -> &[Contig];

    /// The place of a contig in [`contigs`](Self::contigs).
    fn index_of(&self, contig: &str) -> Option<usize>;

    /// Appends the genome's own letters of `[start, end)` of a contig; the caller has checked that the stretch
    /// lies inside.
    ///
    /// # Errors
    /// [`ReferenceError::Read`] if the file cannot be read or does not hold what its index says.
    fn read_into(
        &self,
        contig: usize,
        start: u64,
        end: u64,
        letters: &mut Vec<u8>,
    ) -> Result<(), ReferenceError>;

    /// The contig of this name.
    ///
    /// # Errors
    /// [`ReferenceError::UnknownContig`], with the name that differs by `chr` alone if there is one.
    fn contig(&self, name: &str) -> Result<&Contig, ReferenceError> {
        let index = self.find(name)?;
        Ok(&self.contigs()[index])
    }

    /// As [`index_of`](Self::index_of), with an error that helps.
    ///
    /// # Errors
    /// [`ReferenceError::UnknownContig`].
    fn find(&self, name: &str) -> Result<usize, ReferenceError> {
        self.index_of(name).ok_or_else(|| {
            let other = name.strip_prefix("chr").map_or_else(|| format!("chr{name}"), str::to_owned);
            let similar = self.index_of(&other).map(|index| self.contigs()[index].name.clone());
            ReferenceError::UnknownContig { contig: name.into(), reference: self.name(), similar }
        })
    }

    /// Appends the codes of a window in the DNA alphabet, one a position.
    ///
    /// # Errors
    /// [`ReferenceError::UnknownContig`] or [`ReferenceError::Read`]; `codes` is then as it was.
    fn fetch_into(&self, window: &Window, codes: &mut Vec<u8>) -> Result<(), ReferenceError> {
        let dna = Alphabet::dna();
        let begin = codes.len();
        let (left, right) = fetch(self, window, dna.padding(), codes)?;
        let end = codes.len();
        dna.encode_in_place(&mut codes[begin + left..end - right]);
        if window.strand() == Strand::Reverse {
            let paired = dna.reverse_complement_in_place(&mut codes[begin..]);
            debug_assert!(paired.is_ok(), "DNA has a complement");
        }
        Ok(())
    }

    /// Appends the genome's own letters of a window, case and IUPAC codes kept, N beyond the contig.
    ///
    /// # Errors
    /// As [`fetch_into`](Self::fetch_into).
    fn fetch_letters_into(&self, window: &Window, letters: &mut Vec<u8>) -> Result<(), ReferenceError> {
        let begin = letters.len();
        fetch(self, window, b'N', letters)?;
        if window.strand() == Strand::Reverse {
            reverse_complement_letters(&mut letters[begin..]);
        }
        Ok(())
    }
}

/// Appends a window's forward letters between runs of `pad`; returns the lengths of the two runs.
fn fetch<R: Reference + ?Sized>(
    reference: &R,
    window: &Window,
    pad: u8,
    out: &mut Vec<u8>,
) -> Result<(usize, usize), ReferenceError> {
    let contig = reference.find(window.contig())?;
    let length = reference.contigs()[contig].length as i64;
    let start = window.start().clamp(0, length);
    let end = window.end().clamp(start, length);
    let begin = out.len();
    let width = window.width() as usize;
    // A window wholly outside has all its padding on one side; either side gives the same bytes.
    let left = ((start - window.start()).clamp(0, i64::from(window.width()))) as usize;
    out.reserve(width);
    out.resize(begin + left, pad);
    if end > start {
        let read = reference.read_into(contig, start as u64, end as u64, out);
        if let Err(error) = read {
            out.truncate(begin);
            return Err(error);
        }
    }
    let right = width - left - (end - start) as usize;
    out.resize(begin + width, pad);
    Ok((left, right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Toy(Vec<Contig>, &'static [u8]);

    impl Reference for Toy {
        fn name(&self) -> String {
            "toy".into()
        }
        fn contigs(&self) -> &[Contig] {
            &self.0
        }
        fn index_of(&self, contig: &str) -> Option<usize> {
            (contig == "chr1").then_some(0)
        }
        fn read_into(
            &self,
            _: usize,
            start: u64,
            end: u64,
            letters: &mut Vec<u8>,
        ) -> Result<(), ReferenceError> {
            letters.extend_from_slice(&self.1[start as usize..end as usize]);
            Ok(())
        }
    }

    fn toy() -> Toy {
        let bases = b"acGTNRYacg";
        Toy(vec![Contig { name: "chr1".into(), length: bases.len() as u64 }], bases)
    }

    #[test]
    fn unknown_contig_names_the_one_that_differs_by_chr() {
        let error = toy().find("1").unwrap_err();
        assert_eq!(error.to_string(), "contig `1` is not in toy (it has `chr1`)");
        assert_eq!(toy().find("chrX").unwrap_err().to_string(), "contig `chrX` is not in toy");
    }

    proptest! {
        #[test]
        fn windows_are_padded_on_their_own_side(start in -30_i64..30, width in 0_u32..40, reverse: bool) {
            let strand = if reverse { Strand::Reverse } else { Strand::Forward };
            let window = Window::new("chr1", start, width, strand).unwrap();
            let bases = b"acGTNRYacg";
            let mut expected: Vec<u8> = (start..start + i64::from(width))
                .map(|position| usize::try_from(position).ok().and_then(|p| bases.get(p)).copied().unwrap_or(b'N'))
                .collect();
            if reverse {
                reverse_complement_letters(&mut expected);
            }
            let mut letters = b"kept".to_vec();
            toy().fetch_letters_into(&window, &mut letters).unwrap();
            prop_assert_eq!(&letters[4..], &expected[..]);
            let mut codes = vec![9];
            toy().fetch_into(&window, &mut codes).unwrap();
            let dna = Alphabet::dna();
            for (i, (&code, &letter)) in codes[1..].iter().zip(&expected).enumerate() {
                let i = i as i64;
                let position = if reverse { start + i64::from(width) - 1 - i } else { start + i };
                let inside = (0..bases.len() as i64).contains(&position);
                prop_assert_eq!(code, if inside { dna.code(letter) } else { dna.padding() });
            }
        }
    }
}
