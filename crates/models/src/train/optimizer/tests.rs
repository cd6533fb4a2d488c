use proptest::prelude::*;

use super::*;
use crate::Checkpoint;

const START: [f64; 3] = [1.0, -2.0, 0.5];
const GRADIENTS: [[f64; 3]; 3] = [[0.5, -1.25, 2.0], [-0.3, 0.75, 0.001], [1.0, 0.0, -4.0]];

/// Three steps with a learning rate of 0.1.
fn three_steps<T: Scalar>(optimizer: Optimizer) -> Vec<f64> {
    let mut moments = Moments::new(optimizer).unwrap();
    let mut weights = START.map(T::from_f64);
    for gradient in GRADIENTS {
        moments.begin_step();
        moments.update("w", &mut weights, &mut gradient.map(T::from_f64), 0.1, true);
    }
    weights.iter().map(|weight| weight.to_f64()).collect()
}

/// What PyTorch's documentation of each optimizer says, computed with decimals of 50 digits.
#[test]
fn steps_follow_the_definitions() {
    let adam = Adam::default();
    let decaying = Adam { weight_decay: 0.5, ..adam };
    let (sgd, momentum) = (Sgd { weight_decay: 0.5, ..Sgd::default() }, 0.9);
    let cases = [
        (Optimizer::Adam(adam), [0.818_201_335_141_996_1, -1.866_047_344_013_848_6, 0.366_947_546_102_416_6]),
        (
            Optimizer::Adam(decaying),
            [0.735_964_416_970_501, -1.750_152_436_934_747_4, 0.352_946_216_978_533_1],
        ),
        (
            Optimizer::AdamW(decaying),
            [0.686_283_825_099_907_4, -1.591_504_834_102_695, 0.308_737_198_154_129_85],
        ),
        (
            Optimizer::Adam(Adam { beta1: 0.4, beta2: 0.9, epsilon: 0.01, weight_decay: 0.0 }),
            [0.830_943_847_943_407_7, -1.925_996_360_875_306_2, 0.447_424_506_326_107],
        ),
        (Optimizer::Sgd(Sgd::default()), [0.88, -1.95, 0.6999]),
        (Optimizer::Sgd(sgd), [0.740_75, -1.673_187_5, 0.648_092_5]),
        (Optimizer::Sgd(Sgd { momentum, ..sgd }), [0.560_75, -1.286_187_5, 0.261_002_5]),
        (
            Optimizer::Sgd(Sgd { momentum, nesterov: true, ..sgd }),
            [0.370_285_25, -1.084_981_812_5, 0.487_228_862_5],
        ),
    ];
    for (optimizer, expected) in cases {
        let (double, single) = (three_steps::<f64>(optimizer), three_steps::<f32>(optimizer));
        for i in 0..3 {
            // Some ten operations a step, each rounded: 1e-15 and, of 32 bits, 1e-6.
            assert!((double[i] - expected[i]).abs() < 5e-15, "{optimizer:?}: {double:?}");
            assert!((single[i] - expected[i]).abs() < 2e-6, "{optimizer:?}: {single:?}");
        }
    }
}

#[test]
fn decay_spares_what_it_shall_not_act_on() {
    let decaying = Adam { weight_decay: 0.5, ..Adam::default() };
    for optimizer in [Optimizer::Adam(decaying), Optimizer::AdamW(decaying)] {
        let mut moments = Moments::new(optimizer).unwrap();
        let mut weights = [1.0_f64];
        moments.begin_step();
        moments.update("norm.weight", &mut weights, &mut [0.0], 0.1, false);
        assert_eq!(weights, [1.0]);
    }
    let cases: [(&str, &[usize], bool); 6] = [
        ("out.weight", &[3, 4], true),
        ("conv.weight", &[8, 4, 15], true),
        ("out.bias", &[3], false),
        ("norm.weight", &[3], false),
        ("attention.rel_pos_bias", &[1, 8, 1, 64], false),
        ("scale", &[], false),
    ];
    for (name, shape, expected) in cases {
        assert_eq!(decays(name, shape), expected, "{name}");
    }
}

#[test]
fn the_norm_is_that_of_all_gradients_and_clips_as_torch_does() {
    let mut norm = GradientNorm::new();
    let (a, b): (Vec<f32>, Vec<f64>) = ((1..=20).map(|i| i as f32).collect(), vec![3.0; 10]);
    norm.add("a", &a).unwrap();
    norm.add("b", &b).unwrap();
    // 1² + … + 20² = 2870, and ten times 9.
    assert_eq!(norm.value(), 2960.0_f64.sqrt());
    assert_eq!(norm.clip_factor(0.5), 0.5 / (2960.0_f64.sqrt() + 1e-6));
    assert_eq!(norm.clip_factor(100.0), 1.0);
    assert_eq!(GradientNorm::new().clip_factor(1.0), 1.0);
    let mut gradient = [2.0_f32, -4.0];
    scale_gradient(&mut gradient, 0.25);
    assert_eq!(gradient, [0.5, -1.0]);
}

#[test]
fn gradients_that_are_no_numbers_are_named() {
    for (value, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        for place in [0, 8, 9] {
            let mut gradient = [1.0_f32; 10];
            gradient[place] = value;
            let mut norm = GradientNorm::new();
            norm.add("a", &[1.0_f32]).unwrap();
            let error = norm.add("head.weight", &gradient).unwrap_err().to_string();
            let expected = format!(
                "gradient of `head.weight` holds {text} at place {place}, expected numbers with finite squares"
            );
            assert_eq!(error, expected);
        }
    }
    assert!(GradientNorm::new().add("a", &[1e200]).is_err());
    assert!(GradientNorm::new().add("a", &[f32::MAX]).is_ok());
}

#[test]
fn options_are_checked() {
    let message = |optimizer| Moments::<f32>::new(optimizer).map(|_| ()).unwrap_err().to_string();
    let adam = Adam::default();
    let cases = [
        (Optimizer::Adam(Adam { beta1: 1.0, ..adam }), "option beta1 is 1, expected 0 to below 1"),
        (Optimizer::AdamW(Adam { beta2: -0.1, ..adam }), "option beta2 is -0.1, expected 0 to below 1"),
        (
            Optimizer::Adam(Adam { epsilon: 0.0, ..adam }),
            "option epsilon is 0, expected a finite number above 0",
        ),
        (
            Optimizer::Adam(Adam { weight_decay: f64::NAN, ..adam }),
            "option weight decay is NaN, expected a finite number from 0",
        ),
        (
            Optimizer::Sgd(Sgd { nesterov: true, ..Sgd::default() }),
            "option momentum is 0, expected a momentum above 0 for Nesterov's rule",
        ),
    ];
    for (optimizer, expected) in cases {
        assert_eq!(message(optimizer), expected);
    }
}

fn optimizers() -> impl Strategy<Value = Optimizer> {
    let adam = Adam { weight_decay: 0.1, ..Adam::default() };
    let sgd = |momentum, nesterov| Optimizer::Sgd(Sgd { momentum, nesterov, weight_decay: 0.1 });
    prop_oneof![
        Just(Optimizer::Adam(adam)),
        Just(Optimizer::AdamW(adam)),
        Just(sgd(0.0, false)),
        Just(sgd(0.5, false)),
        Just(sgd(0.5, true)),
    ]
}

proptest! {
    /// Weights cut in two, and moments that went through a checkpoint, end with the same bits.
    #[test]
    fn neither_cuts_nor_checkpoints_change_a_bit(
        optimizer in optimizers(),
        gradient in prop::collection::vec(-3.0_f32..3.0, 1..3000),
        cut in 0.0..1.0,
        steps in 0_u64..4,
    ) {
        let n = gradient.len();
        let cut = (cut * n as f64) as usize;
        let (mut whole, mut parts) = (Moments::new(optimizer).unwrap(), Moments::new(optimizer).unwrap());
        let (mut a, mut b) = (vec![0.5_f32; n], vec![0.5_f32; n]);
        let mut go_on = |whole: &mut Moments<f32>, parts: &mut Moments<f32>| {
            whole.begin_step();
            whole.update("w", &mut a, &mut gradient.clone(), 0.01, true);
            parts.begin_step();
            let (left, right) = b.split_at_mut(cut);
            parts.update("left", left, &mut gradient.clone()[..cut], 0.01, true);
            parts.update("right", right, &mut gradient.clone()[cut..], 0.01, true);
            a == b
        };
        for _ in 0..steps {
            prop_assert!(go_on(&mut whole, &mut parts));
        }
        let mut checkpoint = Checkpoint::new();
        parts.save(&mut checkpoint);
        let mut restored = Moments::new(optimizer).unwrap();
        restored.restore(&checkpoint, &[("left", cut), ("right", n - cut)]).unwrap();
        prop_assert_eq!(restored.steps(), steps);
        prop_assert!(go_on(&mut whole, &mut restored));
    }
}

#[test]
fn moments_of_other_weights_are_refused() {
    let mut moments = Moments::new(Optimizer::default()).unwrap();
    moments.begin_step();
    moments.update("w", &mut [1.0_f64, 2.0], &mut [1.0, 1.0], 0.1, true);
    let mut checkpoint = Checkpoint::new();
    moments.save(&mut checkpoint);
    let message = |parameters: &[(&str, usize)]| {
        moments.clone().restore(&checkpoint, parameters).unwrap_err().to_string()
    };
    assert!(message(&[("w", 3)]).contains("tensor `optimizer.w.first` has shape [2], expected [3]"));
    assert!(message(&[("v", 2)]).contains("tensors optimizer.v.first are missing"));
    let error = moments.clone().restore(&Checkpoint::new(), &[]).unwrap_err().to_string();
    assert!(error.contains("optimizer.steps"), "{error}");
}
