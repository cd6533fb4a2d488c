//! Seqlets of attribution tracks, and counts of what stands where.
//!
//! `cargo bench -p benchmarks --bench seqlets -- TASK FILE…` prints a checksum and the seconds of processor time of the
//! work alone: `recursive NPZ` (the mean of warm calls), `fresh NPZ` (one call), `tfmodisco NPZ`, `pairs TABLE`,
//! `spacing TABLE`, or `hits MOTIFS FASTA`: counts, pairs and spacings of the hits in 1,000 windows of 2,000 bases. Set
//! `RAYON_NUM_THREADS=1` to compare with one thread of a peer.

#![expect(clippy::print_stdout, reason = "the checksum is the benchmark's result")]

use std::error::Error;
use std::fs;

use benchmarks::cpu_seconds;
use cistron_core::{Run, Strand, Window};
use cistron_encode::NpzReader;
use cistron_genome::{DEFAULT_MAX_MEMORY, open_reference};
use cistron_motif::{
    Annotation, Annotations, FimoOptions, OverlapRule, PairCounting, PairOrder, Scanner, Seqlet,
    SeqletOptions, SpacingOptions, TfModiscoOptions, ThresholdRule, call_seqlets, call_tfmodisco_seqlets,
    count_annotations, count_pairs, count_spacings, read_motifs,
};
use ndarray::Array2;

/// The program's own: it keeps the pages of large blocks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Calls whose mean is the warm one, since the clock ticks slowly.
const WARM: u32 = 50;

fn main() -> Result<()> {
    // Cargo adds `--bench` to what the user gave.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["recursive", npz] => {
            let tracks = read_tracks(npz)?;
            let call = || call_seqlets(tracks.view(), SeqletOptions::default());
            print_seqlets(&call()?);
            let begin = cpu_seconds();
            for _ in 0..WARM {
                call()?;
            }
            println!("work {}", (cpu_seconds() - begin) / f64::from(WARM));
        }
        ["fresh", npz] => {
            print_seqlets(&call_seqlets(read_tracks(npz)?.view(), SeqletOptions::default())?);
        }
        ["tfmodisco", npz] => {
            let options = TfModiscoOptions { rule: ThresholdRule::ScanOrder, ..TfModiscoOptions::default() };
            print_seqlets(&call_tfmodisco_seqlets(read_tracks(npz)?.view(), options)?);
        }
        ["pairs", table] => print_pairs(&read_annotations(table)?),
        ["spacing", table] => print_spacings(&read_annotations(table)?)?,
        ["hits", motifs, fasta] => hits(motifs, fasta)?,
        _ => println!("skipped: no task was given"),
    }
    Ok(())
}

/// The number of seqlets, and their starts and ends weighted by their examples.
fn print_seqlets(seqlets: &[Seqlet]) {
    let weighted = |place: fn(&Seqlet) -> u32| -> u64 {
        seqlets.iter().map(|it| u64::from(place(it)) * u64::from(it.example + 1)).sum()
    };
    println!("{} {} {}", seqlets.len(), weighted(|it| it.start), weighted(|it| it.end));
}

/// The number of pairs, and their motifs weighted by their counts.
fn print_pairs(annotations: &Annotations) {
    let pairs = count_pairs(annotations, PairCounting::OncePerExample, PairOrder::ByIndex);
    let weighted: u64 = pairs.iter().map(|(&(a, b), n)| (1000 * u64::from(a) + u64::from(b)) * n).sum();
    println!("{} {weighted}", pairs.values().sum::<u64>());
}

/// The same of pairs that do not overlap, and distances weighted by their counts.
fn print_spacings(annotations: &Annotations) -> Result<()> {
    let options = SpacingOptions {
        overlaps: OverlapRule::Refuse,
        order: PairOrder::ByPosition,
        ..SpacingOptions::default()
    };
    let spacings = count_spacings(annotations, options)?;
    let motifs: u64 = spacings.iter().map(|(at, n)| (1000 * u64::from(at.a) + u64::from(at.b)) * n).sum();
    let distances: i64 = spacings.iter().map(|(at, n)| at.distance * n as i64).sum();
    println!("{} {motifs} {distances}", spacings.iter().map(|(_, n)| n).sum::<u64>());
    Ok(())
}

/// The three tables of the hits of motifs in windows that lie evenly over the first contig.
fn hits(motifs: &str, fasta: &str) -> Result<()> {
    const WINDOWS: u32 = 1000;
    const WIDTH: u32 = 2000;
    let reference = open_reference(fasta, DEFAULT_MAX_MEMORY)?;
    let contig = reference.contigs().first().ok_or("no contig")?.clone();
    let step = (contig.length as u32 - WIDTH) / (WINDOWS - 1);
    let window = |i: u32| -> Result<Vec<u8>> {
        let window = Window::new(contig.name.clone(), i64::from(i * step), WIDTH, Strand::Forward)?;
        let mut codes = Vec::new();
        reference.fetch_into(&window, &mut codes)?;
        Ok(codes)
    };
    let windows = (0..WINDOWS).map(window).collect::<Result<Vec<_>>>()?;
    let scanner = Scanner::new(&read_motifs(motifs, &())?, &FimoOptions::default())?;
    let (hits, _) = scanner.collect(&windows, Run::default())?;
    let annotations = Annotations::from_hits(&hits)?;
    drop(hits);
    let begin = cpu_seconds();
    let counts = count_annotations(&annotations);
    let pairs = count_pairs(&annotations, PairCounting::OncePerExample, PairOrder::ByIndex);
    let spacings = count_spacings(&annotations, SpacingOptions::default())?;
    let work = cpu_seconds() - begin;
    let rows = (counts.len(), pairs.len(), spacings.len());
    println!("{} hits, {} counts, {} pairs, {} spacings", annotations.len(), rows.0, rows.1, rows.2);
    println!("work {work}");
    Ok(())
}

fn read_tracks(path: &str) -> Result<Array2<f32>> {
    let (shape, values) = NpzReader::open(path)?.numbers("attributions")?;
    let [n, width] = shape[..] else { return Err("attributions have not two axes".into()) };
    Ok(Array2::from_shape_vec((n, width), values.into_iter().map(|value| value as f32).collect())?)
}

/// Lines of example, motif, start and end.
fn read_annotations(path: &str) -> Result<Annotations> {
    let annotation = |line: &str| -> Result<Annotation> {
        let fields = line.split(' ').map(str::parse).collect::<std::result::Result<Vec<u32>, _>>()?;
        let [example, motif, start, end] = fields[..] else { return Err(line.into()) };
        Ok(Annotation::new(example, motif, start, end))
    };
    fs::read_to_string(path)?.lines().map(annotation).collect()
}
