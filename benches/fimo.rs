//! Scan of a genome for every motif of a file, both strands, p < 1e-4.
//!
//! `cargo bench -p benchmarks --bench fimo -- MOTIFS FASTA [ENGINE] [counts|collect|stream]` prints the number of
//! hits, the seconds of processor time of preparation and scan, and the peak of memory: ENGINE is auto (the default),
//! portable, avx2 or avx512. Set `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the figures are the benchmark's result")]

use std::error::Error;
use std::fs;

use benchmarks::cpu_seconds;
use cistron_core::{Reference, Run, Strand, Window};
use cistron_genome::{DEFAULT_MAX_MEMORY, open_reference};
use cistron_motif::{FimoOptions, Hit, ScanEngine, Scanner, read_motifs};

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let [motifs, fasta, options @ ..] = arguments.as_slice() else {
        println!("skipped: no motifs and FASTA were given");
        return Ok(());
    };
    let engine = match options.first().map_or("auto", String::as_str) {
        "portable" => ScanEngine::Portable,
        "avx2" => ScanEngine::Avx2,
        "avx512" => ScanEngine::Avx512,
        _ => ScanEngine::Auto,
    };
    let set = read_motifs(motifs, &())?;
    let sequences = codes(&*open_reference(fasta, DEFAULT_MAX_MEMORY)?)?;
    let begin = cpu_seconds();
    let scanner = Scanner::new(&set, &FimoOptions { engine, ..FimoOptions::default() })?;
    let ready = cpu_seconds();
    let mode = options.get(1).map_or("stream", String::as_str);
    let hits = if mode == "collect" {
        scanner.collect(&sequences, Run::default())?.0.len() as u64
    } else {
        let mut sink = |_: &[Hit]| Ok(());
        scanner.scan(&sequences, Run::default(), &mut sink)?.hits.iter().sum()
    };
    let end = cpu_seconds();
    println!(
        "{:?} {mode}: {hits} hits, prepared {:.2} s, scanned {:.2} s of processor time, peak {} MB",
        scanner.engine(),
        ready - begin,
        end - ready,
        peak_megabytes()
    );
    Ok(())
}

fn codes(reference: &dyn Reference) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut out = Vec::new();
    for contig in reference.contigs() {
        let window = Window::new(contig.name.clone(), 0, contig.length as u32, Strand::Forward)?;
        let mut codes = Vec::new();
        reference.fetch_into(&window, &mut codes)?;
        out.push(codes);
    }
    Ok(out)
}

/// The largest resident size of the process, on Linux; 0 elsewhere.
fn peak_megabytes() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("");
    line.split_ascii_whitespace().next().and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) / 1024
}
