//! The mean of several bigWig files.
//!
//! `cargo bench -p benchmarks --bench average -- OUT TRACK…` averages the tracks on one thread, bin size 50, and writes
//! OUT, a bedGraph file, or a bigWig file if its name ends in `.bw`.

#![expect(clippy::print_stdout, reason = "the sum is the benchmark's result")]

use std::error::Error;
use std::io::Write;
use std::path::Path;

use benchmarks::cpu_seconds;
use cistron_core::Run;
use cistron_genome::GenomeError;
use cistron_genome::average::{Average, AverageOptions, average, common_contigs, format_general};
use cistron_genome::bigwig::{BigWig, Writer};
use cistron_genome::text;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [output, files @ ..] = &arguments[..] else {
        println!("skipped: no output and tracks were given");
        return Ok(());
    };
    let start = cpu_seconds();
    let tracks = files.iter().map(BigWig::open).collect::<Result<Vec<_>, _>>()?;
    let (options, run) = (AverageOptions::default(), Run::default());
    let mut runs = 0;
    if Path::new(output).extension().is_some_and(|extension| extension == "bw") {
        let mut writer = Writer::create(output, &common_contigs(&tracks).0)?;
        average(&tracks, &options, &run, &mut |it: Average| {
            runs += 1;
            writer.write(&it.contig, it.start, it.end, it.mean as f32)
        })?;
        writer.finish()?;
    } else {
        let mut file = text::create(output)?;
        average(&tracks, &options, &run, &mut |it: Average| {
            let Average { contig, start, end, mean, .. } = it;
            runs += 1;
            let line = writeln!(file, "{contig}\t{start}\t{end}\t{}", format_general(mean));
            line.map_err(|source| GenomeError::Write { file: output.clone(), source })
        })?;
        file.commit()?;
    }
    println!("{runs}");
    println!("work {:.6}", cpu_seconds() - start);
    Ok(())
}
