//! A background of variants in shuffled sequence.

use cistron_core::{
    Alphabet, Contig, Reference, ReferenceError, Run, Seed, Sequence, Stream, Variant, VariantRow,
};
use cistron_encode::{EncodeError, dinucleotide_shuffle};

use super::{EmpiricalNull, VariantScorer};
use crate::EffectError;

impl VariantScorer<'_> {
    /// What rows that can be scored do where they stand in nothing but shuffled sequence: each is put into so many
    /// sequences around it whose dinucleotides were shuffled, and scored there with the same options.
    ///
    /// What is drawn for a variant depends on the seed and on its contig, position and alleles alone, so parts of a list
    /// count together what the whole list does. Runs on the current rayon pool.
    ///
    /// Source: the background of gReLU's `predict_variant_effects`, which takes a normal distribution for that of each
    /// variant; here all are counted together, and ranks are exact.
    ///
    /// # Errors
    /// As [`score`](Self::score), and [`EffectError::MissingScore`] for a difference that is NaN.
    pub fn shuffled_background(
        &self,
        rows: &[VariantRow],
        shuffles: u32,
        seed: Seed,
        run: Run<'_>,
    ) -> Result<EmpiricalNull, EffectError> {
        let of_piece = |piece: &[VariantRow]| {
            let mut null = EmpiricalNull::new(self.tracks.len());
            for row in piece {
                self.add_shuffled(row, shuffles, seed, &mut null)?;
            }
            Ok(null)
        };
        let mut null = EmpiricalNull::new(self.tracks.len());
        for part in self.pieces(rows, shuffles as usize, run, &of_piece)? {
            null.merge(&part)?;
        }
        Ok(null)
    }

    fn add_shuffled(
        &self,
        row: &VariantRow,
        shuffles: u32,
        seed: Seed,
        null: &mut EmpiricalNull,
    ) -> Result<(), EffectError> {
        let resolved = self.options.on_mismatch.resolve(row, self.genome)?;
        let Some(variant) = resolved.variant else { return Ok(()) };
        let VariantRow { contig, position, reference, alternate, .. } = row;
        let mut stream =
            seed.stream(&format!("background of {contig}:{position}:{reference}>{alternate}"), 0);
        let flanks = Flanks::new(self.genome, &variant, self.reach(&variant))?;
        let genomes = (0..shuffles).map(|_| flanks.shuffled(&mut stream)).collect::<Result<Vec<_>, _>>()?;
        let plan = self.plan(genomes.iter().map(|genome| (genome as &dyn Reference, &variant)))?;
        let scores = self.score_plan(&plan)?;
        scores.iter().try_for_each(|score| null.add(&self.differences(score).collect::<Vec<_>>()))
    }

    /// How many bases to its left and right the windows of a variant reach, with those that an indel draws in.
    fn reach(&self, variant: &Variant) -> (u64, u64) {
        let drawn_in = variant.reference().len().abs_diff(variant.alternate().len()) as u64;
        let left = self.windows.of_shifts().iter().map(|window| u64::from(window.index())).max().unwrap_or(0);
        let right = self
            .windows
            .of_shifts()
            .iter()
            .map(|window| u64::from(window.width() - window.index()))
            .max()
            .unwrap_or(0);
        let [before, after] = self.windows.farthest().map(|offset| u64::from(offset.unsigned_abs()));
        (
            left + before + drawn_in,
            (right + after + drawn_in).saturating_sub(variant.reference().len() as u64),
        )
    }
}

/// What a variant stands in, drawn anew: the reference allele keeps its place, everything else of a stretch is one
/// sequence whose dinucleotides are shuffled.
struct Shuffled<'a> {
    genome: &'a dyn Reference,
    contig: usize,
    /// The first base of the stretch.
    start: u64,
    letters: Vec<u8>,
}

/// The stretch around a variant, from which any number of genomes may be drawn.
struct Flanks<'a> {
    genome: &'a dyn Reference,
    contig: usize,
    start: u64,
    left: usize,
    allele: Vec<u8>,
    rest: Sequence,
}

impl<'a> Flanks<'a> {
    /// The stretch reaches so many bases to either side of the variant, or to the end of its contig.
    fn new(
        genome: &'a dyn Reference,
        variant: &Variant,
        (left, right): (u64, u64),
    ) -> Result<Self, EffectError> {
        let region = variant.region();
        let contig = genome.find(region.contig())?;
        let start = region.start().saturating_sub(left);
        let end = (region.end() + right).min(genome.contigs()[contig].length);
        let mut before = Vec::new();
        genome.read_into(contig, start, region.start(), &mut before)?;
        let left = before.len();
        let mut allele = Vec::new();
        genome.read_into(contig, region.start(), region.end(), &mut allele)?;
        genome.read_into(contig, region.end(), end, &mut before)?;
        let dna = Alphabet::dna();
        dna.encode_in_place(&mut before);
        let rest = Sequence::from_codes(&dna, before).map_err(EncodeError::from)?;
        Ok(Self { genome, contig, start, left, allele, rest })
    }

    fn shuffled(&self, stream: &mut Stream) -> Result<Shuffled<'a>, EffectError> {
        let rest = dinucleotide_shuffle(&self.rest, stream)?;
        let dna = Alphabet::dna();
        let (left, right) = rest.codes().split_at(self.left);
        let letters = |codes: &[u8]| codes.iter().map(|code| dna.letter(*code)).collect::<Vec<_>>();
        let letters = [letters(left), self.allele.clone(), letters(right)].concat();
        Ok(Shuffled { genome: self.genome, contig: self.contig, start: self.start, letters })
    }
}

impl Reference for Shuffled<'_> {
    fn name(&self) -> String {
        self.genome.name()
    }

    fn contigs(&self) -> &[Contig] {
        self.genome.contigs()
    }

    fn index_of(&self, contig: &str) -> Option<usize> {
        self.genome.index_of(contig)
    }

    fn read_into(
        &self,
        contig: usize,
        start: u64,
        end: u64,
        letters: &mut Vec<u8>,
    ) -> Result<(), ReferenceError> {
        let begin = letters.len();
        self.genome.read_into(contig, start, end, letters)?;
        if contig == self.contig {
            let shift = |place: u64| place.saturating_sub(self.start) as usize;
            let own = self.letters.get(shift(start)..).unwrap_or_default();
            let skipped = self.start.saturating_sub(start) as usize;
            let read = letters.get_mut(begin + skipped..).unwrap_or_default();
            read.iter_mut().zip(own).for_each(|(to, letter)| *to = *letter);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cistron_core::{Strand, Window};

    use super::*;

    struct Toy([Contig; 2], [Vec<u8>; 2]);

    impl Reference for Toy {
        fn name(&self) -> String {
            "toy".into()
        }
        fn contigs(&self) -> &[Contig] {
            &self.0
        }
        fn index_of(&self, contig: &str) -> Option<usize> {
            self.0.iter().position(|it| &*it.name == contig)
        }
        fn read_into(
            &self,
            contig: usize,
            start: u64,
            end: u64,
            letters: &mut Vec<u8>,
        ) -> Result<(), ReferenceError> {
            letters.extend_from_slice(&self.1[contig][start as usize..end as usize]);
            Ok(())
        }
    }

    #[test]
    fn the_allele_and_everything_outside_keep_their_places() {
        let mut stream = Seed::new(1).stream("toy", 0);
        let mut draw = |n: usize| (0..n).map(|_| b"ACGT"[stream.below(4) as usize]).collect::<Vec<_>>();
        let letters = [draw(300), draw(300)];
        let contig = |name: &str| Contig { name: name.into(), length: 300 };
        let genome = Toy([contig("a"), contig("b")], letters);
        let row = VariantRow {
            contig: "b".into(),
            position: 101,
            id: None,
            reference: String::from_utf8(genome.1[1][100..103].to_vec()).unwrap().into(),
            alternate: "A".into(),
            alt_index: 0,
        };
        let (_, variant) = row.resolve(&genome).unwrap();
        let flanks = Flanks::new(&genome, &variant.unwrap(), (60, 80)).unwrap();
        let shuffled = flanks.shuffled(&mut Seed::new(2).stream("shuffle", 0)).unwrap();
        let read = |genome: &dyn Reference, contig: &str, start: i64, end: i64| {
            let mut read = Vec::new();
            let window = Window::new(contig, start, (end - start) as u32, Strand::Forward).unwrap();
            genome.fetch_letters_into(&window, &mut read).unwrap();
            read
        };
        for (contig, start, end) in [("a", 0, 300), ("b", -5, 40), ("b", 100, 103), ("b", 183, 305)] {
            assert_eq!(read(&shuffled, contig, start, end), read(&genome, contig, start, end), "{start}");
        }
        let (new, old) = (read(&shuffled, "b", 0, 300), read(&genome, "b", 0, 300));
        assert_ne!(new, old);
        for start in [0, 30, 60, 90, 102, 150, 299] {
            assert_eq!(read(&shuffled, "b", start, 300), new[start as usize..], "{start}");
        }
        let dinucleotides = |letters: &[u8]| {
            let flanks = [&letters[40..100], &letters[103..183]].concat();
            let mut pairs: Vec<[u8; 2]> = flanks.windows(2).map(|pair| [pair[0], pair[1]]).collect();
            pairs.sort_unstable();
            pairs
        };
        assert_eq!(dinucleotides(&new), dinucleotides(&old));
    }
}
