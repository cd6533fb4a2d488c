//! Attributions and perturbations of a network of convolutions against tangermeme 1.6.0.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};

use cistron::effects::{
    Attribution, AttributionMethod, AttributionOptions, AttributionReferences, Attributor, Measure,
    Perturbation, Prediction, compare_edited, dependency_map, perturb,
};
use cistron::encode::{
    DeepLiftModel, Fill, Layout, NpzReader, Readout, Reduce, SequenceBatch, SequenceModel,
    shuffle_as_tangermeme,
};
use cistron::models::{ConvNet, Precision};
use cistron::ndarray::{Array3, Axis};
use cistron::{Alphabet, Run, Seed, Sequence};
use conformance::golden;

/// What the facade's example does, step by step.
#[path = "../../crates/cistron/examples/attributions.rs"]
#[allow(dead_code, reason = "its pictures and its report are not wanted here")]
mod example;

/// The peer computed in double precision.
const PRECISIONS: [(Precision, f64); 2] = [(Precision::Double, 1e-10), (Precision::Single, 1e-5)];

fn net(file: &Path, precision: Precision) -> ConvNet {
    ConvNet::load_with_precision(file.with_file_name("conv_model"), precision).unwrap().0
}

fn file() -> Option<PathBuf> {
    golden("annotations/attribution.npz")
}

fn track(net: &ConvNet, track: &str) -> Readout {
    net.spec().readout(None, &[track.to_owned()], None, Reduce::Mean).unwrap()
}

/// One-hot arrays (…, 4, L) as codes, one row a sequence.
fn batch(file: &Path, name: &str) -> SequenceBatch {
    let (shape, values) = NpzReader::open(file).unwrap().numbers(name).unwrap();
    let width = *shape.last().unwrap();
    let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
    let rows = Array3::from_shape_vec((values.len() / (4 * width), 4, width), values).unwrap();
    SequenceBatch::from_one_hot(rows.view(), Layout::ChannelMajor, &Alphabet::dna()).unwrap()
}

fn sequences(file: &Path) -> Vec<Sequence> {
    batch(file, "X").to_sequences().unwrap()
}

/// An array (N, 4, L) as (N, L, 4).
fn expected(file: &Path, name: &str) -> Array3<f64> {
    let (shape, values) = NpzReader::open(file).unwrap().numbers(name).unwrap();
    let width = *shape.last().unwrap();
    Array3::from_shape_vec((values.len() / (4 * width), 4, width), values).unwrap().permuted_axes([0, 2, 1])
}

fn assert_close(found: &Array3<f64>, expected: &Array3<f64>, tolerance: f64, what: &str) {
    assert_eq!(found.dim(), expected.dim(), "{what}");
    for ((place, a), b) in found.indexed_iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{what} at {place:?}: found {a}, expected {b}");
    }
}

/// Each sequence with its own references.
fn deep_lift(net: &ConvNet, file: &Path, references: &str, readout: &Readout) -> Vec<Attribution> {
    let (sequences, references) = (sequences(file), batch(file, references));
    let each = references.len() / sequences.len();
    let own = |(index, sequence): (usize, &Sequence)| {
        let rows =
            references.codes().slice(cistron::ndarray::s![index * each..(index + 1) * each, ..]).to_owned();
        let options = AttributionOptions {
            method: AttributionMethod::DeepLift,
            readout: Some(readout.clone()),
            references: AttributionReferences::Given(SequenceBatch::new(&Alphabet::dna(), rows).unwrap()),
            ..AttributionOptions::default()
        };
        let attributor = Attributor::new(net, options).unwrap();
        attributor.attribute(std::slice::from_ref(sequence), Run::default()).unwrap()
    };
    sequences.iter().enumerate().map(own).collect()
}

fn stacked(rows: &[Array3<f64>]) -> Array3<f64> {
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    cistron::ndarray::concatenate(Axis(0), &views).unwrap()
}

#[test]
fn deep_lift_is_as_the_peer_computes_it() {
    let Some(file) = file() else { return };
    for (precision, tolerance) in PRECISIONS {
        let net = net(&file, precision);
        for (references, target, own, hypothetical) in
            [("refs", "1", "dls_t1", Some("dls_t1_hyp")), ("dls_auto_refs", "0", "dls_auto", None)]
        {
            let found = deep_lift(&net, &file, references, &track(&net, target));
            let contributions = found.iter().map(Attribution::contributions).collect::<Vec<_>>();
            assert_close(&stacked(&contributions), &expected(&file, own), tolerance, own);
            if let Some(name) = hypothetical {
                let rows = found.iter().map(|one| one.hypothetical.clone()).collect::<Vec<_>>();
                assert_close(&stacked(&rows), &expected(&file, name), tolerance, name);
            }
            assert!(found.iter().all(|one| one.convergence[0] < 10.0 * tolerance), "{references}");
        }
    }
}

#[test]
fn multipliers_are_as_the_peer_computes_them() {
    let Some(file) = file() else { return };
    for (precision, tolerance) in PRECISIONS {
        let net = net(&file, precision);
        let one_hot = |batch: SequenceBatch| batch.one_hot(Layout::PositionMajor, Fill::default());
        let (x, references) = (one_hot(batch(&file, "X")), one_hot(batch(&file, "refs")));
        let expected = expected(&file, "dls_t1_raw");
        for (index, x) in x.outer_iter().enumerate() {
            let rows = cistron::ndarray::s![index * 6..(index + 1) * 6, .., ..];
            let found = net.multipliers(x, references.slice(rows), &track(&net, "1")).unwrap();
            assert_close(&found.multipliers, &expected.slice(rows).to_owned(), tolerance, "multipliers");
        }
    }
}

#[test]
fn gradients_and_mutants_are_attributed_as_by_the_peer() {
    let Some(file) = file() else { return };
    let sequences = sequences(&file);
    for (precision, tolerance) in PRECISIONS {
        let net = net(&file, precision);
        let attribute = |method, readout: Readout| {
            let options =
                AttributionOptions { method, readout: Some(readout), ..AttributionOptions::default() };
            Attributor::new(&net, options).unwrap().attribute(&sequences, Run::default()).unwrap()
        };
        let is = |found: &Array3<f64>, name: &str| {
            assert_close(found, &expected(&file, name), tolerance, name);
        };
        let found = attribute(AttributionMethod::Gradient, track(&net, "2"));
        is(&found.contributions(), "saliency_t2");
        let found = attribute(AttributionMethod::GradientInput, track(&net, "2"));
        is(&found.hypothetical, "saliency_t2_hyp_nocorr");
        let found = attribute(AttributionMethod::Mutagenesis, track(&net, "0"));
        is(&found.contributions(), "sm_attr_t0");
        let all = net.spec().readout(None, &[], None, Reduce::Mean).unwrap();
        is(&attribute(AttributionMethod::Mutagenesis, all).hypothetical, "sm_attr_all_hyp");
    }
}

/// Sundararajan et al. 2017, axiom of completeness: the more steps, the closer; beside a kink by their width.
#[test]
fn integrated_gradients_add_up_to_the_difference() {
    let Some(file) = file() else { return };
    let (net, sequences) = (net(&file, Precision::Double), sequences(&file));
    let miss = |steps: usize| {
        let options = AttributionOptions {
            method: AttributionMethod::Integrated { steps },
            references: AttributionReferences::Zero,
            ..AttributionOptions::default()
        };
        let found = Attributor::new(&net, options).unwrap().attribute(&sequences, Run::default()).unwrap();
        found.convergence.iter().fold(0.0_f64, |most, miss| most.max(*miss))
    };
    let misses = [miss(4), miss(400)];
    assert!(misses[1] < misses[0] / 20.0, "{misses:?}");
}

/// Attributions of a sequence and of its other strand are the same once both are averaged over the strands.
#[test]
fn both_strands_say_the_same_of_either() {
    let Some(file) = file() else { return };
    let (net, sequences) = (net(&file, Precision::Double), sequences(&file));
    let turned: Vec<Sequence> = sequences.iter().map(|it| it.reverse_complement().unwrap()).collect();
    let methods = [
        AttributionMethod::Gradient,
        AttributionMethod::Integrated { steps: 5 },
        AttributionMethod::DeepLift,
        AttributionMethod::Mutagenesis,
    ];
    for method in methods {
        let options = AttributionOptions {
            method,
            references: AttributionReferences::Zero,
            both_strands: true,
            ..AttributionOptions::default()
        };
        let attributor = Attributor::new(&net, options).unwrap();
        let found = attributor.attribute(&sequences, Run::default()).unwrap();
        let other = attributor.attribute(&turned, Run::default()).unwrap();
        let back = other.hypothetical.slice(cistron::ndarray::s![.., ..;-1, ..;-1]).to_owned();
        assert_close(&found.hypothetical, &back, 1e-12, method.name());
    }
}

fn motif(letters: &str) -> Sequence {
    Sequence::parse(&Alphabet::dna(), letters).unwrap()
}

/// All before and all after, one number after another.
fn numbers(measure: &dyn Measure, sequences: &[Sequence], perturbation: &Perturbation) -> [Vec<f64>; 2] {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    perturb(measure, sequences, perturbation, Run::default(), &mut |found| {
        before.extend(found.before);
        after.extend(found.after);
        Ok(())
    })
    .unwrap();
    [before, after]
}

fn assert_numbers(file: &Path, names: [&str; 2], found: &[Vec<f64>; 2], tolerance: f64) {
    for (name, found) in names.iter().zip(found) {
        let (_, expected) = NpzReader::open(file).unwrap().numbers(name).unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (index, (a, b)) in found.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() <= tolerance, "{name}, number {index}: found {a}, expected {b}");
        }
    }
}

#[test]
fn experiments_give_what_the_peer_gives() {
    let Some(file) = golden("annotations/perturb.npz") else { return };
    let (x, sequences) = (batch(&file, "X"), sequences(&file));
    for (precision, tolerance) in PRECISIONS {
        let net = net(&file, precision);
        let measure = Prediction::new(&net, None).unwrap();
        let (first, second) = (motif("GTGACTCATC"), motif("ACTTCCGCG"));
        let found = Perturbation::Marginalize { motifs: vec![first.clone()], start: None };
        let found = numbers(&measure, &sequences, &found);
        assert_numbers(&file, ["marg_before", "marg_after"], &found, tolerance);
        let found = Perturbation::Space {
            motifs: vec![first, second],
            gaps: vec![vec![0], vec![5], vec![12]],
            start: None,
        };
        let found = numbers(&measure, &sequences, &found);
        assert_numbers(&file, ["space_before", "space_after"], &found, tolerance);
        let shuffled = shuffle_as_tangermeme(&x, 40..70, 3, 0).unwrap();
        let (before, after) = compare_edited(&measure, &x, &shuffled, Seed::new(0)).unwrap();
        let found = [before.into_iter().collect(), after.into_iter().collect()];
        assert_numbers(&file, ["abl_before", "abl_after"], &found, tolerance);
    }
}

/// Rows of an array of whole numbers.
fn rows(file: &Path, name: &str) -> Vec<Vec<usize>> {
    let (shape, values) = NpzReader::open(file).unwrap().numbers(name).unwrap();
    values.chunks(shape[1]).map(|row| row.iter().map(|value| *value as usize).collect()).collect()
}

/// As many letters from the start, or to the end.
fn trimmed(codes: &[u8], width: usize, from_left: bool) -> Sequence {
    let rest = codes.len() - width;
    let kept = if from_left { &codes[rest..] } else { &codes[..width] };
    Sequence::from_codes(&Alphabet::dna(), kept.to_vec()).unwrap()
}

#[test]
fn letters_put_in_place_of_others_taken_out_and_put_in_change_what_the_peer_says() {
    let Some(file) = golden("annotations/perturb.npz") else { return };
    let (x, long) = (batch(&file, "X"), batch(&file, "X_long"));
    let (variants, deletions) = (rows(&file, "variants"), rows(&file, "deletions"));
    let row = |batch: &SequenceBatch, index: usize| batch.codes().row(index).to_vec();
    let edited = |edit: &dyn Fn(usize, &mut Vec<u8>), from_left: bool| -> Vec<Sequence> {
        let each = (0..x.len()).map(|index| {
            let mut codes = row(&x, index);
            edit(index, &mut codes);
            trimmed(&codes, x.width(), from_left)
        });
        each.collect()
    };
    let of = |index: usize| variants.iter().filter(move |variant| variant[0] == index);
    let substituted = edited(&|index, codes| of(index).for_each(|it| codes[it[1]] = it[2] as u8), false);
    let insert =
        |index: usize, codes: &mut Vec<u8>| of(index).for_each(|it| codes.insert(it[1], it[2] as u8));
    let delete = |index: usize| {
        let taken = |place: usize| deletions.iter().any(|it| it[..] == [index, place]);
        let codes = row(&long, index).into_iter().enumerate();
        codes.filter(|(place, _)| !taken(*place)).map(|(_, code)| code).collect::<Vec<u8>>()
    };
    let own: Vec<Sequence> = (0..x.len()).map(|index| trimmed(&row(&x, index), x.width(), false)).collect();
    for (precision, tolerance) in PRECISIONS {
        let net = net(&file, precision);
        let measure = Prediction::new(&net, None).unwrap();
        let check = |name: &str, before: &[Sequence], after: &[Sequence]| {
            let [before, after] = [before, after].map(|it| SequenceBatch::from_sequences(it).unwrap());
            let (before, after) = compare_edited(&measure, &before, &after, Seed::new(0)).unwrap();
            let found = [before.into_iter().collect(), after.into_iter().collect()];
            let names = [format!("{name}_before"), format!("{name}_after")];
            assert_numbers(&file, [&names[0], &names[1]], &found, tolerance);
        };
        check("sub", &own, &substituted);
        for (suffix, from_left) in [("", false), ("_left", true)] {
            check(&format!("ins{suffix}"), &own, &edited(&insert, from_left));
            let each = |codes: &dyn Fn(usize) -> Vec<u8>| -> Vec<Sequence> {
                (0..x.len()).map(|index| trimmed(&codes(index), x.width(), from_left)).collect()
            };
            check(&format!("del{suffix}"), &each(&|index| row(&long, index)), &each(&delete));
        }
        let motif_of = |it: &Vec<usize>| x.codes().slice(cistron::ndarray::s![it[0], it[1]..it[2]]).to_vec();
        let motifs: Vec<Vec<u8>> = rows(&file, "ann").iter().map(motif_of).collect();
        let of_motif = |codes: &Vec<u8>| {
            let motif = Sequence::from_codes(&Alphabet::dna(), codes.clone()).unwrap();
            numbers(&measure, &own[..2], &Perturbation::Marginalize { motifs: vec![motif], start: None })
        };
        let found: Vec<[Vec<f64>; 2]> = motifs.iter().map(of_motif).collect();
        let found = [0, 1].map(|part| found.iter().flat_map(|it| it[part].clone()).collect());
        assert_numbers(&file, ["marg_ann_before", "marg_ann_after"], &found, tolerance);
    }
}

#[test]
fn positions_depend_on_one_another_as_for_the_peer() {
    let Some(file) = file() else { return };
    let (_, expected) = NpzReader::open(&file).unwrap().numbers("dep_10_30").unwrap();
    for (precision, tolerance) in PRECISIONS {
        let net = net(&file, precision);
        let options = AttributionOptions {
            method: AttributionMethod::Gradient,
            readout: Some(track(&net, "0")),
            ..AttributionOptions::default()
        };
        let attributor = Attributor::new(&net, options).unwrap();
        let mut found = Vec::new();
        for sequence in &sequences(&file)[..2] {
            found.extend(dependency_map(&attributor, sequence, 10..30, Run::default()).unwrap());
            assert!(dependency_map(&attributor, sequence, 10..121, Run::default()).is_err());
        }
        assert_eq!(found.len(), expected.len());
        for (index, (a, b)) in found.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() <= tolerance, "number {index}: found {a}, expected {b}");
        }
    }
}

/// Contributions are read like predictions, and as they are by themselves.
#[test]
fn experiments_read_attributions_too() {
    let Some(file) = golden("annotations/perturb.npz") else { return };
    let (net, sequences) = (net(&file, Precision::Double), sequences(&file));
    let attributor = Attributor::new(&net, AttributionOptions::default()).unwrap();
    let experiment =
        Perturbation::Marginalize { motifs: vec![motif("GTGACTCATC"), motif("AAAA")], start: None };
    let changed: Vec<Sequence> =
        sequences.iter().flat_map(|it| experiment.apply(it, 0, Seed::new(0)).unwrap()).collect();
    let [before, after] = numbers(&attributor, &sequences, &experiment);
    let own = |sequences: &[Sequence]| {
        attributor
            .attribute(sequences, Run::default())
            .unwrap()
            .contributions()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!((before, after), (own(&sequences), own(&changed)));
}

/// Whatever the order in which sequences come, each is shuffled as by itself, and keeps its letters.
#[test]
fn ablation_keeps_the_letters_and_what_stands_around() {
    let sequences: Vec<Sequence> = ["ACGTTGCAACGT", "GGGTTTCCCAAA"].map(motif).into();
    let ablation = Perturbation::Ablate { span: 3..9, repeats: 4 };
    for (index, sequence) in sequences.iter().enumerate() {
        let shuffled = ablation.apply(sequence, index, Seed::new(5)).unwrap();
        assert_eq!(shuffled.len(), 4);
        assert!(shuffled.iter().any(|it| it != sequence));
        for other in &shuffled {
            let (own, other) = (sequence.codes(), other.codes());
            assert_eq!((&own[..3], &own[9..]), (&other[..3], &other[9..]));
            let sorted = |codes: &[u8]| {
                let mut codes = codes.to_vec();
                codes.sort_unstable();
                codes
            };
            assert_eq!(sorted(own), sorted(other));
        }
    }
    for span in [9..13, 4..4] {
        assert!(Perturbation::Ablate { span, repeats: 1 }.apply(&sequences[0], 0, Seed::new(0)).is_err());
    }
}

/// A network that learned two words is asked which: both come back as names of seqlets, and hardly another one.
#[test]
fn planted_words_come_back_as_names_of_seqlets() {
    let net = example::trained().unwrap();
    let (sequences, words) = (example::with_words().unwrap(), example::candidates().unwrap());
    for method in [AttributionMethod::DeepLift, AttributionMethod::Mutagenesis] {
        let options = AttributionOptions { method, ..AttributionOptions::default() };
        let found = Attributor::new(&net, options).unwrap().attribute(&sequences, Run::default()).unwrap();
        let counts = example::names(found.importance().view(), &sequences, &words).unwrap();
        // Each of 40 sequences has both.
        assert!(counts[..2].iter().all(|count| (30..=42).contains(count)), "{method:?}: {counts:?}");
        assert!(counts[2..].iter().sum::<usize>() <= 1, "{method:?}: {counts:?}");
    }
}
