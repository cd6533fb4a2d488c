use cistron_core::{Alphabet, Seed};
use cistron_encode::SequenceBatch;

use super::{ConvNet, ConvNetLoss, TrainedHead, outputs};
use crate::ModelsError;
use crate::train::{Dataset, Fnv};

/// Sequences and what is known of each.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct ConvNetData<'a> {
    /// The sequences (N).
    pub sequences: &'a SequenceBatch,
    /// Their targets (N, outputs), row after row: of each head its bins, of each bin its tracks.
    pub targets: &'a [f64],
}

impl ConvNetData<'_> {
    pub(super) fn check(
        &self,
        set: &'static str,
        net: &ConvNet,
        heads: &[TrainedHead],
        loss: ConvNetLoss,
    ) -> Result<(), ModelsError> {
        let refuse = |problem: String| Err(ModelsError::Data { set, problem });
        let (n, outputs) = (self.sequences.len(), outputs(heads));
        if n == 0 {
            return refuse("found no sequence, expected at least 1".to_owned());
        }
        net.spec.check(self.sequences.alphabet(), self.sequences.width())?;
        if self.targets.len() != n * outputs {
            let found = self.targets.len();
            return refuse(format!("found {found} targets, expected {outputs} for each of {n} sequences"));
        }
        match self.targets.iter().position(|target| !loss.takes(*target)) {
            None => Ok(()),
            Some(place) => {
                let (row, output, found) = (place / outputs, place % outputs, self.targets[place]);
                refuse(format!("target {output} of sequence {row} is {found}, expected {}", loss.expected()))
            }
        }
    }
}

/// Training sequences as a data set.
pub(super) struct Rows<'a> {
    pub(super) data: ConvNetData<'a>,
    pub(super) outputs: usize,
    pub(super) max_shift: usize,
    pub(super) seed: Seed,
}

/// One-hot sequences (n, L, A) and their targets (n, outputs).
pub(super) struct Examples {
    pub(super) n: usize,
    pub(super) one_hot: Vec<f32>,
    pub(super) targets: Vec<f32>,
}

impl Dataset for Rows<'_> {
    type Batch = Examples;

    fn n_rows(&self) -> u64 {
        self.data.sequences.len() as u64
    }

    fn batch(&self, epoch: u64, rows: &[u64]) -> Result<Examples, ModelsError> {
        let width = (2 * self.max_shift + 1) as u64;
        let shift = |row: u64| match self.max_shift {
            0 => 0,
            most => {
                let place = epoch.wrapping_mul(self.n_rows()).wrapping_add(row);
                self.seed.stream("shift", place).below(width) as isize - most as isize
            }
        };
        Ok(self.data.examples(rows.iter().map(|&row| (row as usize, shift(row))), self.outputs))
    }
}

impl ConvNetData<'_> {
    /// Sequences, each moved by a number of letters.
    pub(super) fn examples(
        &self,
        rows: impl ExactSizeIterator<Item = (usize, isize)>,
        outputs: usize,
    ) -> Examples {
        let (letters, length) = (usize::from(self.alphabet().len()), self.sequences.width());
        let n = rows.len();
        let mut one_hot = vec![0.0; n * length * letters];
        let mut targets = Vec::with_capacity(n * outputs);
        let codes = self.sequences.codes();
        for (place, (row, shift)) in one_hot.chunks_exact_mut((length * letters).max(1)).zip(rows) {
            targets.extend(self.targets[row * outputs..][..outputs].iter().map(|&target| target as f32));
            for (position, code) in codes.row(row).iter().enumerate() {
                let moved = position.checked_add_signed(shift).filter(|at| *at < length);
                if let (Some(at), true) = (moved, usize::from(*code) < letters) {
                    place[at * letters + usize::from(*code)] = 1.0;
                }
            }
        }
        Examples { n, one_hot, targets }
    }

    pub(super) fn alphabet(&self) -> &Alphabet {
        self.sequences.alphabet()
    }

    /// What tells these data from others in the record of a run.
    pub(super) fn digest(&self) -> String {
        let codes = self.sequences.codes();
        let mut hash = Fnv::default();
        codes.iter().for_each(|code| hash.add(&[*code]));
        self.targets.iter().for_each(|target| hash.add(&target.to_le_bytes()));
        format!("{} sequences, {:016x}", codes.nrows(), hash.number())
    }
}
