//! Hits in an order, however many: sorted runs go to temporary files when memory is full, and are merged at the end.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use cistron::motif::{Hit, HitOrder};
use cistron::{AtomicFile, Strand};

use crate::sorted::merge_sorted;

/// Hits in memory before a run is written: 256 MiB.
const IN_MEMORY: usize = (256 << 20) / size_of::<Hit>();
/// Bytes of a stored hit.
const STORED: usize = 48;

pub(super) struct HitSpool {
    order: HitOrder,
    hits: Vec<Hit>,
    runs: Vec<AtomicFile>,
    limit: usize,
}

impl HitSpool {
    pub(super) fn new(order: HitOrder) -> Self {
        Self { order, hits: Vec::new(), runs: Vec::new(), limit: IN_MEMORY }
    }

    pub(super) fn add(&mut self, hits: &[Hit]) -> io::Result<()> {
        self.hits.extend_from_slice(hits);
        if self.hits.len() >= self.limit { self.write_run() } else { Ok(()) }
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.order.sort(&mut self.hits);
        // Never committed, so that it goes when the spool does.
        let mut run = AtomicFile::create(std::env::temp_dir().join("cistron-hits"))?;
        self.hits.iter().try_for_each(|hit| run.write_all(&to_bytes(hit)))?;
        run.seek(SeekFrom::Start(0))?;
        self.runs.push(run);
        self.hits.clear();
        Ok(())
    }

    /// Hands every hit to `each`, in order.
    pub(super) fn drain(mut self, each: &mut dyn FnMut(&Hit) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if self.runs.is_empty() {
            self.order.sort(&mut self.hits);
            return self.hits.iter().try_for_each(each);
        }
        self.write_run()?;
        let order = self.order;
        let source = |run: AtomicFile| {
            let mut run = BufReader::new(run);
            move || Ok(next(&mut run)?.map(|hit| (key(order, &hit), hit)))
        };
        merge_sorted(self.runs.into_iter().map(source).collect(), &mut |hit| each(&hit))
    }
}

/// The order of hits as a number to compare, as [`HitOrder::sort`] has it.
pub(super) fn key(order: HitOrder, hit: &Hit) -> [u64; 4] {
    let (motif, example) = (u64::from(hit.motif), u64::from(hit.example));
    let strand = u64::from(hit.strand == Strand::Reverse);
    match order {
        HitOrder::Motif => [motif, strand, example, hit.start],
        _ => [example, hit.start, motif, strand],
    }
}

fn to_bytes(hit: &Hit) -> [u8; STORED] {
    let strand = u64::from(hit.strand == Strand::Reverse);
    let numbers = [
        u64::from(hit.motif) << 32 | u64::from(hit.example),
        hit.start,
        hit.end,
        strand,
        hit.score.to_bits(),
        hit.p_value.to_bits(),
    ];
    let mut bytes = [0; STORED];
    for (to, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        to.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn next(run: &mut impl Read) -> io::Result<Option<Hit>> {
    let mut bytes = [0; STORED];
    match run.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut numbers = [0; 6];
    for (number, from) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut own = [0; 8];
        own.copy_from_slice(from);
        *number = u64::from_le_bytes(own);
    }
    let [place, start, end, strand, score, p_value] = numbers;
    Ok(Some(Hit {
        motif: (place >> 32) as u32,
        example: place as u32,
        start,
        end,
        strand: if strand == 1 { Strand::Reverse } else { Strand::Forward },
        score: f64::from_bits(score),
        p_value: f64::from_bits(p_value),
    }))
}

#[cfg(test)]
mod tests {
    use cistron::Seed;

    use super::*;

    #[test]
    fn runs_merge_to_the_order_of_one_sort() {
        let mut stream = Seed::new(1).stream("hits", 0);
        let mut hits: Vec<Hit> = (0..500)
            .map(|start| Hit {
                motif: stream.below(7) as u32,
                example: stream.below(3) as u32,
                start,
                end: start + 5,
                strand: if stream.below(2) == 0 { Strand::Forward } else { Strand::Reverse },
                score: stream.uniform(),
                p_value: stream.uniform(),
            })
            .collect();
        stream.shuffle(&mut hits);
        for order in [HitOrder::Motif, HitOrder::Position] {
            let mut spool = HitSpool { limit: 64, ..HitSpool::new(order) };
            hits.chunks(10).for_each(|hits| spool.add(hits).unwrap());
            assert!(spool.runs.len() > 5);
            let mut merged = Vec::new();
            spool
                .drain(&mut |hit| {
                    merged.push(*hit);
                    Ok(())
                })
                .unwrap();
            let mut sorted = hits.clone();
            order.sort(&mut sorted);
            assert_eq!(merged, sorted);
        }
    }
}
