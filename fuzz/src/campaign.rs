//! Inputs one after the other, and what breaks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use cistron::Seed;
use cpu_time::ThreadTime;

use crate::{Target, mutate};

/// A reader that computes longer over 64 kB than this hangs, on the slowest machine, however busy that is.
const SLOW: Duration = Duration::from_secs(20);

/// What a target has been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Tally {
    /// Inputs judged.
    pub inputs: u64,
    /// Inputs that were taken for sound.
    pub taken: u64,
}

/// An input that broke a target.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Failure {
    /// The number of the input.
    pub index: u64,
    /// Its bytes.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
}

/// A target with its corpus.
///
/// ```
/// use cistron::Seed;
/// use fuzz::{Campaign, TARGETS};
///
/// let mut campaign = Campaign::new(&TARGETS[0], Seed::new(0));
/// assert!(campaign.step().is_ok());
/// assert_eq!(campaign.tally().inputs, 1);
/// ```
pub struct Campaign {
    target: &'static Target,
    corpus: Vec<Vec<u8>>,
    seed: Seed,
    tally: Tally,
}

impl Campaign {
    /// Begins at the corpus itself.
    pub fn new(target: &'static Target, seed: Seed) -> Self {
        Self { target, corpus: (target.corpus)(), seed, tally: Tally::default() }
    }

    /// What is fuzzed.
    pub fn target(&self) -> &'static Target {
        self.target
    }

    /// The counts so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Input `index`: a corpus file as it is, or, beyond these, one with changes.
    pub fn input(&self, index: u64) -> Vec<u8> {
        match self.corpus.get(index as usize) {
            Some(file) => file.clone(),
            None => mutate(&self.corpus, &mut self.seed.stream(self.target.name, index)),
        }
    }

    /// Judges the next input; returns its number.
    ///
    /// # Errors
    /// The input, if the target panics or takes too long over it; the next step goes on behind it.
    pub fn step(&mut self) -> Result<u64, Box<Failure>> {
        let index = self.tally.inputs;
        let input = self.input(index);
        self.tally.inputs += 1;
        let begin = ThreadTime::now();
        let judged = catch_unwind(AssertUnwindSafe(|| (self.target.check)(&input)));
        let fail = |message: String| Box::new(Failure { index, input: input.clone(), message });
        match judged {
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                Err(fail(text.unwrap_or_default()))
            }
            Ok(_) if begin.elapsed() > SLOW => Err(fail(format!("computed for {:?}", begin.elapsed()))),
            Ok(taken) => {
                self.tally.taken += u64::from(taken);
                Ok(index)
            }
        }
    }
}
