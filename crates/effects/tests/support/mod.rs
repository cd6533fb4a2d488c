//! A genome of one contig of random letters.
#![allow(unreachable_pub, reason = "shared by test files")]
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use cistron_core::{Contig, Reference, ReferenceError, Seed};

/// Its contig is named `c`.
pub struct Genome {
    contigs: [Contig; 1],
    pub letters: Vec<u8>,
}

impl Genome {
    pub fn random(length: usize, seed: u64) -> Self {
        let mut stream = Seed::new(seed).stream("genome", 0);
        let letters = (0..length).map(|_| b"ACGT"[stream.below(4) as usize]).collect();
        Self { contigs: [Contig { name: "c".into(), length: length as u64 }], letters }
    }
}

impl Reference for Genome {
    fn name(&self) -> String {
        "random".into()
    }
    fn contigs(&self) -> &[Contig] {
        &self.contigs
    }
    fn index_of(&self, contig: &str) -> Option<usize> {
        (contig == "c").then_some(0)
    }
    fn read_into(&self, _: usize, start: u64, end: u64, letters: &mut Vec<u8>) -> Result<(), ReferenceError> {
        letters.extend_from_slice(&self.letters[start as usize..end as usize]);
        Ok(())
    }
}
