//! bigWig files of every shape, made here byte by byte, sound and damaged.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::io::Write;
use std::path::Path;

use cistron_core::{Cancel, Contig, Region, Run};
use cistron_genome::average::{AverageOptions, Digits, average};
use cistron_genome::bigwig::{BigWig, BinOptions, Statistic, Writer};
use cistron_genome::{GenomeError, bed, bigbed::BigBed};
use flate2::{Compression, write::ZlibEncoder};
use proptest::prelude::*;

/// One of the three types of section.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Section {
    BedGraph,
    VariableStep,
    FixedStep,
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
struct Shape {
    big_endian: bool,
    compressed: bool,
    section: Section,
}

struct Bytes {
    big_endian: bool,
    bytes: Vec<u8>,
}

macro_rules! put {
    ($($name:ident: $number:ty),*) => {$(
        fn $name(&mut self, number: $number) -> &mut Self {
            let bytes = if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
            self.bytes.extend_from_slice(&bytes);
            self
        }
    )*};
}

impl Bytes {
    put!(u8: u8, u16: u16, u32: u32, u64: u64, f32: f32);

    fn new(shape: Shape) -> Self {
        Self { big_endian: shape.big_endian, bytes: Vec::new() }
    }
}

/// Two contigs of 1,000 bases, `empty` and `c`; intervals of `width` bases of `c`, `per_block` in a block.
fn track(shape: Shape, starts: &[u32], width: u32, per_block: usize) -> Vec<u8> {
    let mut file = Bytes::new(shape);
    let (contigs, data) = (64, 64 + 32 + 4 + 2 * 13);
    file.u32(0x888F_FC26).u16(4).u16(0).u64(contigs).u64(data).u64(0).u16(0).u16(0).u64(0).u64(0);
    file.u32(if shape.compressed { 1 << 15 } else { 0 }).u64(0);
    file.u32(0x78CA_8C91).u32(2).u32(5).u32(8).u64(2).u64(0).u8(1).u8(0).u16(2);
    file.bytes.extend_from_slice(b"empty");
    file.u32(0).u32(1000);
    file.bytes.extend_from_slice(b"c\0\0\0\0");
    file.u32(1).u32(1000);
    let mut leaves = Vec::new();
    for starts in starts.chunks(per_block) {
        let (first, end) = (starts[0], starts[starts.len() - 1] + width);
        let step = if starts.len() > 1 { starts[1] - starts[0] } else { width };
        let kind = [Section::BedGraph, Section::VariableStep, Section::FixedStep];
        let kind = kind.iter().position(|it| *it == shape.section).unwrap() as u8 + 1;
        let mut block = Bytes::new(shape);
        block.u32(1).u32(first).u32(end).u32(step).u32(width).u8(kind).u8(0).u16(starts.len() as u16);
        for &start in starts {
            match shape.section {
                Section::BedGraph => block.u32(start).u32(start + width),
                Section::VariableStep => block.u32(start),
                Section::FixedStep => &mut block,
            }
            .f32(value_at(start));
        }
        let mut bytes = block.bytes;
        if shape.compressed {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&bytes).unwrap();
            bytes = encoder.finish().unwrap();
        }
        leaves.push((first, end, file.bytes.len() as u64, bytes.len() as u64));
        file.bytes.extend(bytes);
    }
    let index = file.bytes.len() as u64;
    file.u32(0x2468_ACE0)
        .u32(256)
        .u64(leaves.len() as u64)
        .u32(1)
        .u32(0)
        .u32(1)
        .u32(1000)
        .u64(index)
        .u32(1)
        .u32(0);
    // A root over one leaf node.
    let leaf = index + 48 + 4 + 24;
    file.u8(0).u8(0).u16(1).u32(1).u32(0).u32(1).u32(1000).u64(leaf);
    file.u8(1).u8(0).u16(leaves.len() as u16);
    for (start, end, offset, size) in leaves {
        file.u32(1).u32(start).u32(1).u32(end).u64(offset).u64(size);
    }
    let index = if shape.big_endian { index.to_be_bytes() } else { index.to_le_bytes() };
    file.bytes[24..32].copy_from_slice(&index);
    file.bytes
}

fn value_at(start: u32) -> f32 {
    (start % 17) as f32 - 4.5
}

fn opened(bytes: &[u8]) -> Result<(tempfile::TempDir, BigWig), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bw");
    std::fs::write(&path, bytes).unwrap();
    let track = BigWig::open(&path).map_err(|error| relative(&path, &error))?;
    Ok((folder, track))
}

fn relative(path: &Path, error: &dyn std::fmt::Display) -> String {
    error.to_string().replace(&path.display().to_string(), "x.bw")
}

/// All that can be asked of a file; an error is its text.
fn ask(bytes: &[u8]) -> Result<Vec<f64>, String> {
    let (folder, track) = opened(bytes)?;
    let text = |error| relative(&folder.path().join("x.bw"), &error);
    let mut all = Vec::new();
    for contig in track.contigs() {
        let region = Region::new(contig.name.clone(), 0, contig.length.min(1000)).unwrap();
        let mut bins = [0.0; 7];
        if region.width() == 0 {
            continue;
        }
        for statistic in Statistic::ALL {
            track.bin_into(&region, &BinOptions::new(statistic), &mut bins).map_err(text)?;
            track.statistic_from_zoom_into(&region, statistic, &mut bins).map_err(text)?;
            track.as_libbigwig(&region, statistic, &mut bins).map_err(text)?;
            all.extend(bins);
        }
    }
    Ok(all)
}

/// The slow way: per base.
fn expected(values: &[f32], statistic: Statistic, uncovered: Option<f32>) -> f64 {
    let of_bin = |value: &f32| if value.is_nan() { uncovered } else { Some(*value) };
    let values: Vec<f64> = values.iter().filter_map(of_bin).map(f64::from).collect();
    let n = values.len() as f64;
    let (sum, mean) = (values.iter().sum::<f64>(), values.iter().sum::<f64>() / n);
    match statistic {
        _ if values.is_empty() => f64::NAN,
        Statistic::Sum => sum,
        Statistic::Mean => mean,
        Statistic::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
        Statistic::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Statistic::StandardDeviation => {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / (n - 1.0).max(1.0)).sqrt()
        }
        _ => n,
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let section = prop::sample::select(vec![Section::BedGraph, Section::VariableStep, Section::FixedStep]);
    (any::<bool>(), any::<bool>(), section).prop_map(|(big_endian, compressed, section)| Shape {
        big_endian,
        compressed,
        section,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_shape_of_file_gives_the_numbers_of_its_bases(
        shape in shapes(),
        (width, gap, first) in (1_u32..9, 0_u32..9, 0_u32..30),
        (count, per_block) in (1_usize..60, 1_usize..20),
        (start, length, n) in (0_u64..900, 1_u64..100, 1_usize..20),
        uncovered in prop::option::of(-2.0_f32..2.0),
    ) {
        let starts: Vec<u32> = (0..count as u32).map(|i| first + i * (width + gap)).collect();
        let starts: Vec<u32> = starts.into_iter().filter(|start| start + width <= 1000).collect();
        let (_folder, track) = opened(&track(shape, &starts, width, per_block)).unwrap();
        let mut bases = vec![f32::NAN; 1000];
        for &start in &starts {
            bases[start as usize..(start + width) as usize].fill(value_at(start));
        }
        let region = Region::new("c", start, start + length).unwrap();
        let values = track.values(&region).unwrap();
        let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
        prop_assert!(same(&values, &bases[start as usize..(start + length) as usize]));
        let n = n.min(length as usize);
        for statistic in Statistic::ALL {
            let mut options = BinOptions::new(statistic);
            options.uncovered = uncovered.filter(|_| statistic != Statistic::Coverage);
            let mut bins = vec![0.0; n];
            track.bin_into(&region, &options, &mut bins).unwrap();
            for (i, bin) in bins.into_iter().enumerate() {
                let cut = |i: usize| (i as u64 * length / n as u64) as usize;
                let bases = &values[cut(i)..cut(i + 1)];
                let mut expected = expected(bases, statistic, options.uncovered);
                if statistic == Statistic::Coverage {
                    expected /= bases.len() as f64;
                }
                // Sums of up to a hundred products, rounded each to single precision.
                let close = (bin - expected).abs() <= 1e-5 || bin.is_nan() && expected.is_nan();
                prop_assert!(close, "{statistic} of bin {i}: {bin}, expected {expected}");
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_other_numbers(
        shape in shapes(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        more in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let starts: Vec<u32> = (0..50).map(|i| i * 7).collect();
        let mut bytes = track(shape, &starts, 3, 10);
        for (at, byte) in more.into_iter().chain([(at, byte)]) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = ask(&bytes);
    }
}

const PLAIN: Shape = Shape { big_endian: false, compressed: true, section: Section::BedGraph };

#[test]
fn every_cut_of_a_file_is_an_error() {
    let starts: Vec<u32> = (0..90).map(|i| i * 7).collect();
    let whole = track(PLAIN, &starts, 3, 10);
    assert!(ask(&whole).is_ok());
    for i in 0..50 {
        let length = whole.len() * i / 50;
        let error = ask(&whole[..length]).unwrap_err();
        assert!(error.starts_with("x.bw: ") && error.contains(&format!("the file has {length}")), "{error}");
    }
}

#[test]
fn damaged_files_are_refused_with_a_reason() {
    let starts: Vec<u32> = (0..20).map(|i| i * 7).collect();
    let whole = track(PLAIN, &starts, 3, 10);
    let size = whole.len();
    let index = u64::from_le_bytes(whole[24..32].try_into().unwrap()) as usize;
    let (root, leaf) = (index + 48, index + 48 + 4 + 24);
    let with = |changes: &[(usize, &[u8])]| {
        let mut bytes = whole.clone();
        for (at, new) in changes {
            bytes[*at..at + new.len()].copy_from_slice(new);
        }
        ask(&bytes).unwrap_err()
    };
    let far = u64::MAX.to_le_bytes();
    let cases = [
        (with(&[(0, b"text")]), "x.bw: begins with 0x74786574, expected a bigWig file".to_owned()),
        (with(&[(0, &[0xEB, 0xF2, 0x89, 0x87])]), "x.bw: is a bigBed file, expected bigWig".to_owned()),
        (with(&[(4, &[9])]), "x.bw: has version 9, expected 1 to 4".to_owned()),
        (
            with(&[(6, &[0xFF, 0xFF])]),
            format!("x.bw: the list of zoom levels takes 1572840 bytes from byte 64 on, but the file has {size}"),
        ),
        (
            with(&[(8, &far)]),
            format!("x.bw: the header of the contigs takes 32 bytes from byte {} on, but the file has {size}", u64::MAX),
        ),
        (with(&[(64 + 12, &[7])]), "x.bw: contigs have values of 7 bytes, expected 8".to_owned()),
        (with(&[(64 + 16, &[3])]), "x.bw: has 2 contigs, expected 3 as its header says".to_owned()),
        (with(&[(64 + 36, b"c\0\0\0\0")]), "x.bw: found contig `c` again, expected each name once".to_owned()),
        (with(&[(64 + 36, b"\0")]), "x.bw: a contig is named ``, expected a name in UTF-8".to_owned()),
        (with(&[(64 + 36 + 5, &[1])]), "x.bw: contig `c` has number 1, expected one of its own".to_owned()),
        // A tree of contigs whose only node leads to itself.
        (
            with(&[(64 + 8, &1_u32.to_le_bytes()), (64 + 32, &[0, 0, 1, 0, 0]), (64 + 37, &96_u64.to_le_bytes())]),
            "x.bw: the nodes of the contigs take more bytes than the file has, expected parts that do not overlap"
                .to_owned(),
        ),
        (with(&[(index, &[0])]), "x.bw: the index begins with 0x2468AC00, expected 0x2468ACE0".to_owned()),
        // A root whose only child is the root.
        (
            with(&[(root + 4 + 16, &(root as u64).to_le_bytes())]),
            "x.bw: the nodes of the index take more bytes than the file has, expected parts that do not overlap"
                .to_owned(),
        ),
        (
            with(&[(leaf + 4 + 24, &far)]),
            "x.bw: the blocks of the index take more bytes than the file has, expected parts that do not overlap"
                .to_owned(),
        ),
        (
            with(&[(52, &[20, 0])]),
            "holds more than 20 bytes, expected at most that".to_owned(),
        ),
    ];
    for (found, expected) in cases {
        assert!(found.ends_with(&expected), "found    {found}\nexpected {expected}");
    }
}

#[test]
fn intervals_that_overlap_or_end_before_they_begin_are_refused() {
    let shape = Shape { compressed: false, ..PLAIN };
    let whole = track(shape, &[5, 20], 10, 10);
    let first = 64 + 32 + 4 + 2 * 13 + 24;
    for (place, number, message) in [
        (
            first + 4,
            25_u32,
            "interval 20-30 follows one that ends at 25, expected intervals that are sorted and apart",
        ),
        (first + 4, 5, "interval from 5 ends 5, expected an end above the start"),
        (first + 12 + 4, 3, "interval from 20 ends 3, expected an end above the start"),
    ] {
        let mut bytes = whole.clone();
        bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
        assert_eq!(ask(&bytes).unwrap_err(), format!("x.bw: contig `c`: {message}"));
    }
    let mut bytes = whole;
    bytes[first - 2..first].copy_from_slice(&9_u16.to_le_bytes());
    let message = "x.bw: a section of 48 bytes has 9 items of 12 bytes, expected fewer";
    assert_eq!(ask(&bytes).unwrap_err(), message);
    bytes[first - 4] = 4;
    assert_eq!(ask(&bytes).unwrap_err(), "x.bw: a section has type 4, expected 1, 2 or 3");
}

#[test]
fn threads_share_a_file() {
    let starts: Vec<u32> = (0..100).map(|i| i * 9).collect();
    let (_folder, track) = opened(&track(PLAIN, &starts, 4, 7)).unwrap();
    let sums = |start: u64| {
        let mut bins = [0.0; 3];
        let region = Region::new("c", start, start + 90).unwrap();
        track.bin_into(&region, &BinOptions::new(Statistic::Sum), &mut bins).unwrap();
        bins
    };
    let alone: Vec<_> = (0..100).map(sums).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..100).map(sums).collect::<Vec<_>>())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

/// Intervals of three contigs, some of which may be missing.
fn intervals() -> impl Strategy<Value = Vec<(usize, u32, u32, f32)>> {
    prop::collection::vec((0_usize..3, 1_u32..40, 1_u32..30, -4_i32..9), 0..80).prop_map(|steps| {
        let mut rows: Vec<(usize, u32, u32, f32)> = Vec::new();
        let mut sorted = steps;
        sorted.sort_by_key(|step| step.0);
        for (contig, gap, width, value) in sorted {
            let last = rows.last().filter(|last| last.0 == contig).map_or(0, |last| last.2);
            rows.push((contig, last + gap - 1, last + gap - 1 + width, value as f32));
        }
        rows
    })
}

fn contig(name: String, length: u64) -> Contig {
    Contig { name: name.into(), length }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_back(rows in intervals()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.bw");
        let names = ["z", "chr1", "a"];
        let contigs = names.map(|name| contig(name.into(), 8000));
        let mut writer = Writer::create(&path, &contigs).unwrap();
        for &(contig, start, end, value) in &rows {
            writer.write(names[contig], start, end, value).unwrap();
        }
        writer.finish().unwrap();
        let track = BigWig::open(&path).unwrap();
        prop_assert_eq!(track.contigs(), &contigs);
        let (mut sum, mut covered) = (0.0, 0);
        for (index, name) in names.into_iter().enumerate() {
            let region = Region::new(name, 0, 8000).unwrap();
            let found = track.intervals(&region).unwrap();
            let found: Vec<_> = found.into_iter().map(|it| (index, it.start, it.end, it.value)).collect();
            let of_contig: Vec<_> = rows.iter().copied().filter(|row| row.0 == index).collect();
            prop_assert_eq!(&found, &of_contig);
            let (mut zoomed, mut exact) = ([0.0], 0.0);
            for (_, start, end, value) in of_contig {
                exact += f64::from(end - start) * f64::from(value);
                covered += u64::from(end - start);
            }
            let empty = found.is_empty();
            track.statistic_from_zoom_into(&region, Statistic::Sum, &mut zoomed).unwrap();
            // Whole records of whole numbers: nothing is rounded.
            prop_assert!(zoomed[0] == exact || zoomed[0].is_nan() && empty, "{} {exact}", zoomed[0]);
            sum += exact;
        }
        let summary = track.summary().unwrap();
        prop_assert_eq!((summary.sum, summary.covered), (sum, covered));
        let reductions = track.zoom_reductions();
        prop_assert!(reductions.windows(2).all(|pair| pair[1] == 4 * pair[0]));
    }
}

#[test]
fn trees_of_several_levels_are_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.bw");
    // More contigs and blocks than a node holds.
    let contigs: Vec<Contig> = (0..70_000).map(|i| contig(format!("c{i}"), 2000 - i % 3)).collect();
    let mut writer = Writer::create(&path, &contigs).unwrap();
    for (i, contig) in contigs.iter().enumerate().step_by(7) {
        writer.write(&contig.name, 5, 9, i as f32).unwrap();
    }
    writer.finish().unwrap();
    let track = BigWig::open(&path).unwrap();
    assert_eq!(track.contigs(), contigs);
    for i in [0, 7, 8, 255, 256 * 7, 65_534, 69_993, 69_999] {
        let values = track.values(&Region::new(&*contigs[i].name, 8, 10).unwrap()).unwrap();
        assert_eq!((values[0] == i as f32, values[1].is_nan()), (i % 7 == 0, true), "{i}");
    }
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.bw");
    let two = [contig("a".into(), 100), contig("b".into(), 100)];
    let refused = |rows: &[(&str, u32, u32)]| {
        let mut writer = Writer::create(&path, &two).unwrap();
        rows.iter()
            .try_for_each(|(name, start, end)| writer.write(name, *start, *end, 1.0))
            .unwrap_err()
            .to_string()
    };
    for (rows, message) in [
        (&[("c", 0, 1)][..], "found interval c:0-1, expected one of the file's contigs"),
        (&[("a", 3, 3)], "found interval a:3-3, expected bases of a contig of 100"),
        (&[("a", 3, 101)], "found interval a:3-101, expected bases of a contig of 100"),
        (&[("a", 3, 9), ("a", 8, 10)], "found interval a:8-10, expected one behind a:9"),
        (&[("b", 3, 9), ("a", 8, 10)], "found interval a:8-10, expected one behind b:9"),
    ] {
        assert_eq!(refused(rows), message);
    }
    let message = "contig `` of 5 bases, expected names of their own and at most 4294967295 bases";
    assert_eq!(Writer::create(&path, &[contig(String::new(), 5)]).unwrap_err().to_string(), message);
    assert!(Writer::create(&path, &[two[0].clone(), two[0].clone()]).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Without any interval, and with none but NaN.
    Writer::create(&path, &two).unwrap().finish().unwrap();
    assert!(BigWig::open(&path).unwrap().intervals(&Region::new("a", 0, 100).unwrap()).unwrap().is_empty());
    let mut writer = Writer::create(&path, &two).unwrap();
    writer.write("b", 0, 5, f32::NAN).unwrap();
    writer.finish().unwrap();
    let track = BigWig::open(&path).unwrap();
    assert!(track.values(&Region::new("b", 0, 2).unwrap()).unwrap()[0].is_nan());
    assert_eq!(track.summary().map(|summary| (summary.covered, summary.min)), Some((0, 0.0)));
}

#[test]
fn means_do_not_depend_on_threads_and_stop_when_asked() {
    let starts: Vec<u32> = (0..100).map(|i| i * 9).collect();
    let (_one, one) = opened(&track(PLAIN, &starts, 4, 7)).unwrap();
    let (_two, two) = opened(&track(PLAIN, &starts[20..60], 9, 5)).unwrap();
    let tracks = [one, two];
    let options = AverageOptions { bin_size: 7, digits: Digits::All, ..AverageOptions::default() };
    let runs = |run: &Run<'_>| {
        let mut found = Vec::new();
        average(&tracks, &options, run, &mut |it| {
            found.push(it);
            Ok::<(), GenomeError>(())
        })
        .map(|()| found)
    };
    let alone = runs(&Run::default()).unwrap();
    assert!(alone.len() > 50);
    // Base by base.
    let bases: Vec<Vec<f32>> =
        tracks.iter().map(|it| it.values(&Region::new("c", 0, 1000).unwrap()).unwrap()).collect();
    let mut expected = vec![0.0; 1000];
    for run in alone.iter().filter(|run| &*run.contig == "c") {
        expected[run.start as usize..run.end as usize].fill(run.mean);
    }
    for bin in (0..1000).step_by(7) {
        let end = (bin + 7).min(1000);
        let mean = |bases: &Vec<f32>| {
            let values = bases[bin..end].iter().map(|it| if it.is_nan() { 0.0 } else { f64::from(*it) });
            values.sum::<f64>() / (end - bin) as f64
        };
        assert_eq!(expected[bin], bases.iter().map(mean).sum::<f64>() / 2.0, "{bin}");
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| runs(&Run::default())).unwrap(), alone);
    let cancel = Cancel::default();
    cancel.cancel();
    let run = Run { cancel: Some(&cancel), ..Run::default() };
    assert_eq!(runs(&run).unwrap_err().to_string(), "cancelled after 0 bases");
}

/// Rows by the table, and by the index.
fn ask_bed(bytes: &[u8]) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.bb");
    std::fs::write(&path, bytes).unwrap();
    let text = |error: GenomeError| error.to_string().replace(&path.display().to_string(), "x.bb");
    let rows = bed::read(&path).map_err(text)?;
    let file = BigBed::open(&path).map_err(text)?;
    for contig in file.contigs() {
        let region = Region::new(contig.name.clone(), 0, contig.length).unwrap();
        file.entries(&region).map_err(text)?;
    }
    Ok(rows.iter().map(ToString::to_string).collect())
}

const TOY_BED: &[u8] = include_bytes!("data/toy.bb");

#[test]
fn every_cut_of_a_bigbed_file_is_an_error_or_harmless() {
    let whole = ask_bed(TOY_BED).unwrap();
    assert_eq!(whole.len(), 4);
    let mut refused = 0;
    for i in 0..50 {
        match ask_bed(&TOY_BED[..TOY_BED.len() * i / 50]) {
            // Without its first bytes it is no bigBed file, and without any byte an empty table.
            Ok(rows) => assert!(rows == whole || rows.is_empty() && i == 0, "{i}"),
            Err(error) => {
                assert!(error.starts_with("x.bb:"), "{error}");
                refused += 1;
            }
        }
    }
    // Zoom levels stand behind the data and are not read.
    assert!(refused >= 30, "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_to_a_bigbed_file_breaks_nothing(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut bytes = TOY_BED.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = ask_bed(&bytes);
    }
}
