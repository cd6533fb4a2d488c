//! bigWig and bigBed files, statistics of bins and averages against pyBigWig, deepTools and bigtools.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::Path;

use cistron::genome::average::{
    Average, AverageOptions, MissingBases, average, common_contigs, format_general,
};
use cistron::genome::bigbed::BigBed;
use cistron::genome::bigwig::{BigWig, BinOptions, Statistic, Writer};
use cistron::genome::{
    ContigSplit, GenomeError, RegionSet, Split, TrackSet, Transform, WindowOptions, bed, target_windows,
};
use cistron::{Contig, Region, Run};
use conformance::{data, golden};
use flate2::read::GzDecoder;
use serde_json::Value;

const FILES: [&str; 7] =
    ["base.bw", "base_bigtools.bw", "bins50.bw", "mixed.bw", "narrow.bw", "nozoom.bw", "wide.bw"];

fn json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn cases(folder: &Path) -> Vec<Value> {
    let file = fs::File::open(folder.join("stats_cases.json.gz")).unwrap();
    let cases: Value = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    cases.as_array().unwrap().clone()
}

fn number(case: &Value, key: &str) -> u64 {
    case[key].as_u64().unwrap()
}

fn region_of(case: &Value) -> Region {
    Region::new(case["chrom"].as_str().unwrap(), number(case, "start"), number(case, "end")).unwrap()
}

/// That numbers are those expected, null for NaN: the goldens have 12 digits.
fn assert_close(found: &[f64], expected: &Value, what: &str) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = match expected.as_f64() {
            None => found.is_nan(),
            Some(expected) => (found - expected).abs() <= 1e-11 * expected.abs(),
        };
        assert!(close, "{what}, number {i}: found {found}, expected {expected}");
    }
}

#[test]
fn headers_and_contigs_are_those_of_the_peer() {
    let Some(folder) = golden("genome-io/bigwig") else { return };
    let meta = json(folder.join("meta.json"));
    for name in FILES {
        let (track, meta) = (BigWig::open(folder.join(name)).unwrap(), &meta[name]);
        let zooms: Vec<u64> = track.zoom_reductions().into_iter().map(u64::from).collect();
        assert_eq!(Value::from(zooms), meta["zoom_reductions"], "{name}");
        let chroms = meta["chroms"].as_object().unwrap();
        let ours: Vec<_> =
            track.contigs().iter().map(|contig| (contig.name.to_string(), contig.length)).collect();
        let theirs: Vec<_> =
            chroms.iter().map(|(name, length)| (name.clone(), length.as_u64().unwrap())).collect();
        assert_eq!(ours, theirs, "{name}");
        for (contig, length) in theirs {
            let found = track.intervals(&Region::new(&*contig, 0, length).unwrap()).unwrap();
            assert_eq!(Value::from(found.len()), meta["n_intervals"][&contig], "{name} {contig}");
        }
        let summary = track.summary().unwrap();
        if let Some(header) = meta["header"].as_object() {
            // The peer cuts its numbers.
            let ours =
                [summary.min, summary.max, summary.sum, summary.sum_of_squares].map(|it| it.trunc() as i64);
            let theirs =
                ["minVal", "maxVal", "sumData", "sumSquared"].map(|key| header[key].as_i64().unwrap());
            assert_eq!(ours, theirs, "{name}");
            assert_eq!(Some(summary.covered), header["nBasesCovered"].as_u64(), "{name}");
        }
    }
}

#[test]
fn exact_statistics_are_those_of_the_peer() {
    let Some(folder) = golden("genome-io/bigwig") else { return };
    let mut checked = 0;
    for case in cases(&folder).iter().filter(|case| case.get("mean_exact").is_some()) {
        let track = BigWig::open(folder.join(case["file"].as_str().unwrap())).unwrap();
        let mut bins = vec![0.0; number(case, "nBins") as usize];
        for statistic in Statistic::ALL {
            let Some(expected) = case.get(format!("{statistic}_exact")) else { continue };
            track.bin_into(&region_of(case), &BinOptions::new(statistic), &mut bins).unwrap();
            assert_close(&bins, expected, &format!("{statistic} of {} {}", case["file"], region_of(case)));
            checked += 1;
        }
    }
    assert_eq!(checked, 868);
}

#[test]
fn the_peers_statistics_from_zoom_levels_are_reproduced() {
    let Some(folder) = golden("genome-io/bigwig") else { return };
    for case in cases(&folder).iter().filter(|case| case.get("mean_zoom").is_some()) {
        let track = BigWig::open(folder.join(case["file"].as_str().unwrap())).unwrap();
        let mut bins = vec![0.0; number(case, "nBins") as usize];
        for statistic in Statistic::ALL {
            let Some(mut expected) = case.get(format!("{statistic}_zoom")) else { continue };
            if expected == "same" {
                expected = &case[format!("{statistic}_exact")];
            }
            track.as_libbigwig(&region_of(case), statistic, &mut bins).unwrap();
            assert_close(&bins, expected, &format!("{statistic} of {} {}", case["file"], region_of(case)));
        }
    }
}

#[test]
fn values_and_intervals_are_those_of_the_peer() {
    let Some(folder) = golden("genome-io/bigwig") else { return };
    for case in cases(&folder).iter().filter(|case| case.get("ok").is_some()) {
        let track = BigWig::open(folder.join(case["file"].as_str().unwrap())).unwrap();
        let (region, what) = (region_of(case), case["file"].as_str().unwrap());
        if case["method"] == "values" {
            let values: Vec<f64> = track.values(&region).unwrap().into_iter().map(f64::from).collect();
            assert_close(&values, &case["ok"], what);
        } else {
            let found = track.intervals(&region).unwrap();
            let rows = case["ok"].as_array().unwrap();
            assert_eq!(found.len(), rows.len());
            for (found, row) in found.iter().zip(rows) {
                let numbers = [found.start.into(), found.end.into(), found.value.into()];
                assert_close(&numbers, row, what);
            }
        }
    }
}

#[test]
fn what_the_peer_refuses_is_refused_with_file_region_and_length() {
    let Some(folder) = golden("genome-io/bigwig") else { return };
    let path = folder.join("base.bw");
    let track = BigWig::open(&path).unwrap();
    let refuse = |contig: &str, start, end, bins: usize| {
        let region = Region::new(contig, start, end).unwrap();
        let error = track.bin_into(&region, &BinOptions::new(Statistic::Sum), &mut vec![0.0; bins]);
        error.unwrap_err().to_string().replace(&path.display().to_string(), "base.bw")
    };
    let message = "base.bw: region chr1:0-130001 ends beyond its contig of 130000 bases";
    assert_eq!(refuse("chr1", 0, 130_001, 1), message);
    assert_eq!(refuse("chr1", 5, 5, 1), "region chr1:5-5 is empty, expected at least one base");
    assert_eq!(refuse("chr1", 5, 9, 0), "found room for no bin of chr1:5-9, expected at least one");
    assert_eq!(refuse("nope", 0, 5, 1), "contig `nope` is not in base.bw");
    assert_eq!(refuse("1", 0, 5, 1), "contig `1` is not in base.bw (it has `chr1`)");
}

#[test]
fn a_real_track_has_its_sum_where_the_peers_default_has_not() {
    let Some(folder) = data("tracks") else { return };
    let track = BigWig::open(folder.join("valid.bigWig")).unwrap();
    let region = Region::new("chr17", 163_584, 163_584 + 114_688).unwrap();
    let mut bins = vec![0.0; 896];
    let sum = |bins: &[f64]| bins.iter().filter(|bin| !bin.is_nan()).sum::<f64>();
    track.bin_into(&region, &BinOptions::new(Statistic::Sum), &mut bins).unwrap();
    // Both as pyBigWig 0.3.29 has them.
    assert_eq!(sum(&bins).round(), 57_883_796.0);
    track.as_libbigwig(&region, Statistic::Sum, &mut bins).unwrap();
    assert_eq!(sum(&bins).round(), 994_479.0);
    // Zoom levels hold sums in single precision, and records are cut at the ends of bins.
    assert_eq!(track.statistic_from_zoom_into(&region, Statistic::Sum, &mut bins).unwrap(), Some(40));
    assert!((sum(&bins) / 57_883_796.0 - 1.0).abs() < 1e-3, "{}", sum(&bins));
}

#[test]
fn bigbed_entries_are_those_of_the_peer() {
    let Some(folder) = golden("genome-io/bigbed") else { return };
    let path = folder.join("g.bb");
    let expected = fs::read_to_string(folder.join("g.expected.bed")).unwrap();
    let rows = bed::read(&path).unwrap();
    let written: Vec<String> = rows.iter().map(ToString::to_string).collect();
    assert_eq!(written, expected.lines().collect::<Vec<_>>());
    assert_eq!(rows[0].gapped_peak().unwrap().q_value, Some(11.54924));
    let file = BigBed::open(&path).unwrap();
    let queries = json(folder.join("queries.json"));
    assert_eq!(queries.as_array().unwrap().len(), 40);
    for query in queries.as_array().unwrap() {
        let (start, end) = (query[1].as_u64().unwrap(), query[2].as_u64().unwrap());
        let region = Region::new(query[0].as_str().unwrap(), start, end).unwrap();
        let found: Vec<Value> = file
            .entries(&region)
            .unwrap()
            .iter()
            .map(|row| serde_json::json!([row.region.start(), row.region.end(), row.columns()]))
            .collect();
        // The peer has null where nothing overlaps.
        assert_eq!(found, query[3].as_array().cloned().unwrap_or_default(), "{region}");
    }
}

#[test]
fn real_bigbed_files_are_read_whole_and_in_part() {
    let Some(folder) = data("tracks") else { return };
    for (name, count) in [("bigBedExample.bb", 14_810), ("pybigwig_test.bigBed", 19)] {
        let path = folder.join(name);
        let rows = bed::read(&path).unwrap();
        let file = BigBed::open(&path).unwrap();
        let mut found = Vec::new();
        for contig in file.contigs() {
            found.extend(file.entries(&Region::new(contig.name.clone(), 0, contig.length).unwrap()).unwrap());
        }
        assert_eq!(rows, found, "{name}");
        assert_eq!(rows.len(), count, "{name}");
    }
}

#[test]
fn narrow_peaks_have_their_scores() {
    let Some(folder) = golden("genome-io/bed") else { return };
    for row in bed::read(folder.join("x.narrowPeak")).unwrap() {
        let peak = row.narrow_peak().unwrap();
        let cells: Vec<&str> = row.rest().unwrap().split('\t').collect();
        assert_eq!(cells[0].parse(), Ok(peak.signal));
        assert_eq!(cells[3] == "-1", peak.summit.is_none());
        assert!(peak.summit.is_none_or(|summit| (row.region.start()..row.region.end()).contains(&summit)));
    }
}

/// The options of a case, from the arguments of the peer.
fn average_options(arguments: &str, folder: &Path) -> AverageOptions {
    let mut options = AverageOptions::default();
    let mut words = arguments.split_whitespace();
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap();
        match word {
            "-bs" => options.bin_size = value().parse().unwrap(),
            "--skipNAs" => options.missing = MissingBases::DropBin,
            "--scaleFactors" => options.scale = value().split(':').map(|it| it.parse().unwrap()).collect(),
            "-bl" => {
                options.blacklist =
                    bed::read(folder.join(value())).unwrap().into_iter().map(|row| row.region).collect();
            }
            "-r" => {
                let parts: Vec<&str> = value().split(':').collect();
                let (start, end) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
                options.region = Some(Region::new(parts[0], start, end).unwrap());
            }
            other => assert_eq!(other, "", "an argument without a meaning"),
        }
    }
    options
}

fn averaged(tracks: &[BigWig], options: &AverageOptions) -> Vec<Average> {
    let mut found = Vec::new();
    average(tracks, options, &Run::default(), &mut |run| {
        found.push(run);
        Ok::<(), GenomeError>(())
    })
    .unwrap();
    found
}

#[test]
fn averages_are_those_of_deeptools_to_the_byte() {
    let Some(folder) = golden("genome-io/bigwig") else { return };
    let cases = json(folder.join("avg_cases.json"));
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let files = case["files"].as_array().unwrap().iter().map(|file| folder.join(file.as_str().unwrap()));
        let tracks: Vec<BigWig> = files.map(|file| BigWig::open(file).unwrap()).collect();
        let found = averaged(&tracks, &average_options(case["args"].as_str().unwrap(), &folder));
        let line = |it: &Average| {
            let Average { contig, start, end, mean, .. } = it;
            format!("{contig}\t{start}\t{end}\t{}\n", format_general(*mean))
        };
        let text: String = found.iter().map(line).collect();
        let expected = fs::read_to_string(folder.join(format!("avg_{name}.bedgraph"))).unwrap();
        let differs = text.lines().zip(expected.lines()).find(|(a, b)| a != b);
        assert!(text == expected, "{name}: {differs:?}, {} lines", text.lines().count());
    }
}

#[test]
fn written_averages_are_those_that_the_peer_wrote() {
    let Some(folder) = golden("genome-io/bigwig") else { return };
    let work = tempfile::tempdir().unwrap();
    for (name, files) in
        [("default", &["avg0.bw", "avg1.bw", "avg2.bw"][..]), ("mismatch", &["avg0.bw", "avg3.bw"])]
    {
        let tracks: Vec<BigWig> = files.iter().map(|file| BigWig::open(folder.join(file)).unwrap()).collect();
        let options = AverageOptions {
            bin_size: if name == "default" { 50 } else { 100 },
            ..AverageOptions::default()
        };
        let path = work.path().join(name);
        let mut writer = Writer::create(&path, &common_contigs(&tracks).0).unwrap();
        for run in averaged(&tracks, &options) {
            writer.write(&run.contig, run.start, run.end, run.mean as f32).unwrap();
        }
        writer.finish().unwrap();
        let (ours, theirs) =
            (BigWig::open(&path).unwrap(), BigWig::open(folder.join(format!("avg_{name}.bw"))).unwrap());
        assert_eq!(ours.contigs(), theirs.contigs());
        assert_eq!(ours.zoom_reductions(), theirs.zoom_reductions(), "{name}");
        let (a, b) = (ours.summary().unwrap(), theirs.summary().unwrap());
        assert_eq!((a.covered, a.min, a.max), (b.covered, b.min, b.max));
        // The peer sums in single precision in part.
        assert!((a.sum / b.sum - 1.0).abs() < 1e-6, "{a:?} {b:?}");
        assert!((a.sum_of_squares / b.sum_of_squares - 1.0).abs() < 1e-6, "{a:?} {b:?}");
        for contig in ours.contigs() {
            let region = Region::new(contig.name.clone(), 0, contig.length).unwrap();
            assert_eq!(ours.intervals(&region).unwrap(), theirs.intervals(&region).unwrap());
        }
    }
}

#[test]
fn windows_of_peaks_and_their_parts_are_those_of_the_rule() {
    let Some(folder) = golden("genome-io/regions") else { return };
    let expected = json(folder.join("ref_windows.json"));
    let contigs: Vec<Contig> = expected["sizes"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, length)| Contig { name: name.as_str().into(), length: length.as_u64().unwrap() })
        .collect();
    let options = WindowOptions { width: number(&expected, "length") as u32, ..WindowOptions::default() };
    let train: Vec<String> = (1..=22).map(|number| format!("chr{number}")).collect();
    let split = ContigSplit::new(Some(&train), &["chr8".into()], &["chr2".into(), "chr10".into()], &[]);
    for row in expected["regions"].as_array().unwrap() {
        let contig = row["chrom"].as_str().unwrap();
        // One by one, since some of them touch.
        let mut peaks = RegionSet::default();
        peaks.push(contig, number(row, "start"), number(row, "end"));
        let found = target_windows(&mut peaks, &contigs, &options).unwrap().windows;
        let found: Vec<Value> = found.iter().map(|it| serde_json::json!([it.start(), it.end()])).collect();
        assert_eq!(found.first().unwrap_or(&Value::Null), &row["win"], "{row}");
        let part = split.of(contig).map(|part| match part {
            Split::Train => "train",
            Split::Valid => "val",
            Split::Test => "test",
        });
        assert_eq!(part, row["split"].as_str(), "{row}");
    }
}

#[test]
fn targets_are_the_logarithms_of_the_peers_sums() {
    let (Some(regions), Some(folder)) = (golden("genome-io/regions"), golden("genome-io/bigwig")) else {
        return;
    };
    let rows = json(regions.join("log1p_targets.json"));
    for row in rows.as_array().unwrap() {
        let tracks = TrackSet::open(&[folder.join(row["file"].as_str().unwrap())]).unwrap();
        let start = number(row, "start");
        let region = Region::new(row["chrom"].as_str().unwrap(), start, start + 114_688).unwrap();
        let mut values = vec![0.0; 896];
        let options = BinOptions::new(Statistic::Sum).with_empty(0.0);
        tracks.bin_rows(&[region], 896, &options, Transform::Log1p, &mut values).unwrap();
        assert_close(&values, &row["log1p_sum"], "targets");
    }
}
