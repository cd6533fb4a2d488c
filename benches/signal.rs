//! Sums of bins over regions of a bigWig file.
//!
//! `cargo bench -p benchmarks --bench signal -- TRACK BED [BINS]` reads every region of BED on one thread, cuts it into
//! BINS (896) bins and prints the sum over all bins.

#![expect(clippy::print_stdout, reason = "the sum is the benchmark's result")]

use std::error::Error;

use benchmarks::cpu_seconds;
use cistron_genome::bed;
use cistron_genome::bigwig::{BigWig, BinOptions, Statistic};

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [track, regions, bins @ ..] = &arguments[..] else {
        println!("skipped: no track and regions were given");
        return Ok(());
    };
    let bins = bins.first().map_or(Ok(896), |text| text.parse())?;
    let regions = bed::read(regions)?;
    let start = cpu_seconds();
    let track = BigWig::open(track)?;
    let options = BinOptions::new(Statistic::Sum).with_empty(0.0);
    let (mut values, mut sum) = (vec![0.0; bins], 0.0);
    for row in &regions {
        track.bin_into(&row.region, &options, &mut values)?;
        sum += values.iter().sum::<f64>();
    }
    println!("{sum:.0}");
    println!("work {:.6}", cpu_seconds() - start);
    Ok(())
}
