//! The mean of two tracks, in bins around a peak: `cargo run --release -p cistron --example binned_track -- track.svg`
//! writes the picture as well.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use cistron::genome::average::{Average, AverageOptions, average, common_contigs};
use cistron::genome::bigwig::{BigWig, BinOptions, Statistic, Writer};
use cistron::plot::{Mark, Track, track};
use cistron::{Contig, Region, Run, Seed};

const LENGTH: u32 = 200_000;
const PEAKS: [(f64, f64); 3] = [(98_000.0, 9.0), (103_500.0, 14.0), (131_000.0, 6.0)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let replicates = [folder.path().join("rep1.bw"), folder.path().join("rep2.bw")];
    for (replicate, path) in replicates.iter().enumerate() {
        make_up(path, replicate as u64)?;
    }

    let tracks = replicates.iter().map(BigWig::open).collect::<Result<Vec<_>, _>>()?;
    let mean = folder.path().join("mean.bw");
    let mut writer = Writer::create(&mean, &common_contigs(&tracks).0)?;
    average(&tracks, &AverageOptions::default(), &Run::default(), &mut |run: Average| {
        writer.write(&run.contig, run.start, run.end, run.mean as f32)
    })?;
    writer.finish()?;

    // 896 bins of 128 bases around the middle.
    let region = Region::new("chr1", 42_656, 157_344)?;
    let mut bins = vec![0.0; 896];
    BigWig::open(&mean)?.bin_into(&region, &BinOptions::new(Statistic::Sum).with_empty(0.0), &mut bins)?;
    let (bin, largest) = bins.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).ok_or("no bin")?;
    println!("{region}: bin {bin} has the largest sum, {largest:.1}");

    let Some(picture) = std::env::args().nth(1) else { return Ok(()) };
    let chart = Track {
        title: "Mean of two tracks, 896 bins of 128 bases",
        values: &bins,
        value_label: "sum",
        position_label: "bin",
        mark: Mark::Area,
        ..Track::default()
    };
    std::fs::write(picture, track(&chart)?)?;
    Ok(())
}

/// A track with three peaks and some noise, without a value at a fifth of the places.
fn make_up(path: &std::path::Path, replicate: u64) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = Seed::new(3).stream("track", replicate);
    let mut writer = Writer::create(path, &[Contig { name: "chr1".into(), length: LENGTH.into() }])?;
    for start in (0..LENGTH).step_by(25) {
        if stream.uniform() < 0.2 {
            continue;
        }
        let height =
            |(middle, height): &(f64, f64)| height * (-((f64::from(start) - middle) / 900.0).powi(2)).exp();
        let signal: f64 = PEAKS.iter().map(height).sum();
        writer.write("chr1", start, start + 25, (signal + 0.8 * stream.uniform()) as f32)?;
    }
    Ok(writer.finish()?)
}
