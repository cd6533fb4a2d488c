//! Regions of a BED file, merged.
//!
//! `cargo bench -p benchmarks --bench merge -- BED OUT` merges BED and writes OUT. With `--sorted` or `--shuffled`, BED is
//! made instead, with OUT regions.

#![expect(clippy::print_stdout, reason = "the count is the benchmark's result")]

use std::error::Error;
use std::io::Write;

use cistron_core::Seed;
use cistron_genome::bed::Reader;
use cistron_genome::{GenomeError, MergedRegion, RegionSet, merge_sorted, text};

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let (flags, arguments): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let [regions, output] = &arguments[..] else {
        println!("skipped: no regions and output were given");
        return Ok(());
    };
    let given = |flag: &str| flags.iter().any(|it| it == flag);
    if given("--sorted") || given("--shuffled") {
        return make(regions, output.parse()?, given("--sorted"));
    }
    // As the command line does it: rows that are sorted are not kept.
    let sorted = write(output, |each| merge_sorted(&mut Reader::open(regions)?, 0, each));
    let count = sorted.or_else(|_| {
        write(output, |each| {
            let (mut set, mut rows) = (RegionSet::default(), Reader::open(regions)?);
            while let Some(row) = rows.advance()? {
                set.push(row.contig, row.start, row.end);
            }
            set.merge(0, each)
        })
    })?;
    println!("{count}");
    Ok(())
}

type Each<'a> = &'a mut dyn FnMut(&MergedRegion<'_>) -> Result<(), GenomeError>;

/// Writes what `merge` hands on, and counts it.
fn write(output: &str, merge: impl FnOnce(Each<'_>) -> Result<(), GenomeError>) -> Result<u64, GenomeError> {
    let mut count = 0;
    let mut file = text::create(output)?;
    merge(&mut |merged| {
        count += 1;
        writeln!(file, "{}\t{}\t{}", merged.contig, merged.start, merged.end)
            .map_err(|source| GenomeError::Write { file: output.to_owned(), source })
    })?;
    file.commit()?;
    Ok(count)
}

/// Regions of up to 2,000 bases on 24 contigs of a human genome's size.
fn make(path: &str, count: u64, sorted: bool) -> Result<(), Box<dyn Error>> {
    let mut stream = Seed::new(7).stream("merge", 0);
    let mut rows: Vec<(String, u64, u64)> = (0..count)
        .map(|_| {
            let (contig, start) = (stream.below(24) + 1, stream.below(130_000_000));
            (format!("chr{contig}"), start, start + 1 + stream.below(2_000))
        })
        .collect();
    if sorted {
        rows.sort();
    }
    let mut file = text::create(path)?;
    for (contig, start, end) in rows {
        writeln!(file, "{contig}\t{start}\t{end}")?;
    }
    Ok(file.commit()?)
}
