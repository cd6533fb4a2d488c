//! Attributions of models that are understood: what is explained, to whom, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Mutex;

use cistron_core::{Alphabet, Observer, Run, Seed, Sequence, Warning};
use cistron_effects::{
    Attribution, AttributionMethod, AttributionOptions, AttributionReferences, Attributor, Smoothing,
};
use cistron_encode::{
    Fill, GradientModel, Layout, ModelError, ModelSpec, Readout, SequenceBatch, SequenceModel,
};
use ndarray::{Array1, Array3, ArrayView3, Axis};

/// The square of the number of C, with its gradient.
struct Square(ModelSpec);

fn square() -> Square {
    Square(ModelSpec::scalar(Alphabet::dna(), None, "square"))
}

impl SequenceModel for Square {
    fn spec(&self) -> &ModelSpec {
        &self.0
    }
    fn predict(&self, batch: &SequenceBatch, _: &Readout) -> Result<Array3<f32>, ModelError> {
        let x = batch.one_hot(Layout::PositionMajor, Fill::default());
        let count = x.index_axis(Axis(2), 1).sum_axis(Axis(1));
        Ok(Array3::from_shape_fn((batch.len(), 1, 1), |(i, _, _)| count[i] * count[i]))
    }
    fn as_gradient(&self) -> Option<&dyn GradientModel> {
        Some(self)
    }
}

impl GradientModel for Square {
    fn input_gradient(&self, x: ArrayView3<'_, f32>, _: &Readout) -> Result<Array3<f32>, ModelError> {
        let count: Array1<f32> = x.index_axis(Axis(2), 1).sum_axis(Axis(1));
        Ok(Array3::from_shape_fn(x.dim(), |(i, _, letter)| if letter == 1 { 2.0 * count[i] } else { 0.0 }))
    }
}

/// A step up at two C, whose gradient is 0.
struct Step(Square);
impl SequenceModel for Step {
    fn spec(&self) -> &ModelSpec {
        self.0.spec()
    }
    fn predict(&self, batch: &SequenceBatch, readout: &Readout) -> Result<Array3<f32>, ModelError> {
        Ok(self.0.predict(batch, readout)?.mapv(|square| f32::from(u8::from(square > 3.0))))
    }
    fn as_gradient(&self) -> Option<&dyn GradientModel> {
        Some(self)
    }
}
impl GradientModel for Step {
    fn input_gradient(&self, x: ArrayView3<'_, f32>, _: &Readout) -> Result<Array3<f32>, ModelError> {
        Ok(Array3::zeros(x.dim()))
    }
}

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Observer for Warnings {
    fn warn(&self, warning: Warning) {
        self.0.lock().unwrap().push(warning.to_string());
    }
}

fn sequence(letters: &str) -> Sequence {
    Sequence::parse(&Alphabet::dna(), letters).unwrap()
}

fn attribute(options: AttributionOptions, letters: &[&str], run: Run<'_>) -> Attribution {
    let sequences: Vec<Sequence> = letters.iter().map(|letters| sequence(letters)).collect();
    Attributor::new(&square(), options).unwrap().attribute(&sequences, run).unwrap()
}

fn with(method: AttributionMethod) -> AttributionOptions {
    AttributionOptions { method, references: AttributionReferences::Zero, ..AttributionOptions::default() }
}

#[test]
fn each_method_explains_the_square_of_a_count() {
    let importance = |options| attribute(options, &["CCN"], Run::default()).importance().row(0).to_vec();
    // The slope is 2 · 2 for C alone, of which 1 remains where the mean over four letters is taken away.
    assert_eq!(importance(with(AttributionMethod::GradientInput)), [4.0, 4.0, 0.0]);
    assert_eq!(importance(with(AttributionMethod::Gradient)), [3.0, 3.0, 0.0]);
    // From no C to two of them: the two share the difference of 4.
    assert_eq!(importance(with(AttributionMethod::Integrated { steps: 8 })), [2.0, 2.0, 0.0]);
    // Another letter in the place of a C leaves 1 of 4: three of four letters lose 3.
    assert_eq!(importance(with(AttributionMethod::Mutagenesis)), [2.25, 2.25, 0.0]);
}

#[test]
fn hypothetical_contributions_are_those_of_letters_that_do_not_stand_there() {
    let found = attribute(with(AttributionMethod::Integrated { steps: 8 }), &["CCA"], Run::default());
    assert_eq!(found.hypothetical.index_axis(Axis(0), 0).row(2).to_vec(), [0.0, 2.0, 0.0, 0.0]);
    assert_eq!(found.contributions().index_axis(Axis(0), 0).row(2).to_vec(), [0.0; 4]);
    // Beside a reference that has the same letters nothing remains to explain, but other letters would count.
    let given = SequenceBatch::from_sequences(&[sequence("CCA")]).unwrap();
    let options = AttributionOptions {
        references: AttributionReferences::Given(given),
        ..with(AttributionMethod::Integrated { steps: 3 })
    };
    let found = attribute(options, &["CCA"], Run::default());
    assert_eq!(found.importance().row(0).to_vec(), [0.0; 3]);
    assert_eq!(found.hypothetical.index_axis(Axis(0), 0).row(0).to_vec(), [-4.0, 0.0, -4.0, -4.0]);
}

/// Whatever is asked for together, each sequence is compared with its own shuffles.
#[test]
fn a_sequence_means_the_same_among_others() {
    let letters: Vec<String> =
        (0..40).map(|i: usize| format!("CACGT{}CCATGCAA", ["A", "C", "G", "T"][i % 4])).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    let options = || AttributionOptions {
        references: AttributionReferences::Dinucleotide(3),
        ..with(AttributionMethod::Integrated { steps: 2 })
    };
    let run = |seed| Run { seed: Seed::new(seed), ..Run::default() };
    let all = attribute(options(), &letters, run(1));
    assert_eq!(all.hypothetical.dim(), (40, 14, 4));
    assert_eq!(all, attribute(options(), &letters, run(1)));
    let first = attribute(options(), &letters[..1], run(1));
    assert_eq!(first.hypothetical.index_axis(Axis(0), 0), all.hypothetical.index_axis(Axis(0), 0));
}

#[test]
fn noise_averages_out_of_a_gradient_that_is_linear() {
    let smoothing = Some(Smoothing { samples: 4000, noise: 0.5 });
    let options = AttributionOptions { smoothing, ..with(AttributionMethod::GradientInput) };
    let found = attribute(options, &["CCA"], Run::default());
    // The mean of 2 (2 + e) with e of three numbers: a standard error of 2 · 0.5 · √(3 / 4000) = 0.027.
    let slope = found.importance()[[0, 0]];
    assert!((slope - 4.0).abs() < 0.14 && (slope - 4.0).abs() > 1e-9, "{slope}");
}

#[test]
fn contributions_that_miss_the_difference_are_counted() {
    let warnings = Warnings::default();
    let run = Run { observer: &warnings, ..Run::default() };
    // One step is exact for a square; a reference of noise is not needed.
    attribute(with(AttributionMethod::Integrated { steps: 1 }), &["CCA"], run);
    assert!(warnings.0.lock().unwrap().is_empty());

    let step = Step(square());
    let attributor = Attributor::new(&step, with(AttributionMethod::Integrated { steps: 4 })).unwrap();
    let found = attributor.attribute(&[sequence("CCA"), sequence("CAA")], run).unwrap();
    assert_eq!(found.convergence.to_vec(), [1.0, 0.0]);
    let warned = warnings.0.lock().unwrap().join("\n");
    assert!(warned.starts_with("1 "), "{warned}");
}

#[test]
fn what_cannot_be_is_refused() {
    let model = square();
    let refuses = |options: AttributionOptions, expected: &str| {
        let error = Attributor::new(&model, options).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refuses(
        with(AttributionMethod::DeepLift),
        "attribution method is `deeplift`, expected one that this model can: mutagenesis, gradient",
    );
    refuses(with(AttributionMethod::Integrated { steps: 0 }), "number of steps is 0");
    let none = AttributionReferences::Dinucleotide(0);
    let options = with(AttributionMethod::Integrated { steps: 1 });
    refuses(AttributionOptions { references: none, ..options.clone() }, "number of references is 0");
    let smoothing = Some(Smoothing { samples: 1, noise: 0.1 });
    refuses(AttributionOptions { smoothing, ..options.clone() }, "expected `gradient` or `gradient-input`");
    let gradient = with(AttributionMethod::Gradient);
    let smoothing = Some(Smoothing { samples: 1, noise: -1.0 });
    refuses(AttributionOptions { smoothing, ..gradient.clone() }, "noise is -1");
    let long = SequenceBatch::from_sequences(&[sequence("ACGTA")]).unwrap();
    let given = AttributionOptions { references: AttributionReferences::Given(long), ..options };
    let attributor = Attributor::new(&model, given).unwrap();
    let error = attributor.attribute(&[sequence("ACG")], Run::default()).unwrap_err();
    assert_eq!(error.to_string(), "length of the references is 5, expected 3 as the sequences");
    let attributor = Attributor::new(&model, gradient).unwrap();
    let empty: &[Sequence] = &[];
    assert!(attributor.attribute(empty, Run::default()).is_err());
}
