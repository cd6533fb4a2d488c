#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]

use super::super::engine::Engine;
use super::super::parameters::Parameter;
use super::super::tests::{drawn, sequence, small};
use super::*;
use crate::nn::composed;

mod golden;

fn source(parameter: &Parameter) -> Result<Vec<f32>, ModelsError> {
    drawn(parameter, Seed::new(3))
}

fn letters(length: usize, n: usize, precision: Precision) -> Tensor {
    let codes: Vec<u8> = (0..n).flat_map(|i| sequence(length, i as u64).codes().to_vec()).collect();
    Tensor::from_f64(one_hot(&codes), &[n, length, LETTERS], precision, Device::Cpu).unwrap()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}, number {i}: found {a}, expected {b}");
    }
}

/// Odd lengths at each stage, and both rules of the crop.
fn configs() -> Vec<EnformerConfig> {
    let reference = super::super::EnformerCrop::Reference;
    vec![
        small(64, Some(4)),
        small(83, Some(4)),
        small(75, None),
        EnformerConfig { crop: reference, ..small(83, Some(4)) },
    ]
}

#[test]
fn the_graph_computes_what_the_engine_does() {
    for config in configs() {
        for (precision, tolerance) in [(Precision::Double, 1e-11), (Precision::Single, 2e-5)] {
            let engine: Engine<f64> = Engine::new(&config, &mut source).unwrap();
            let options = GraphOptions { precision, ..GraphOptions::default() };
            let graph = Graph::whole(&config, &mut source, options).unwrap();
            let x = letters(config.input_length, 2, precision);
            let run = || graph.forward(&x, &mut Pass::Evaluation).unwrap();
            for found in [run(), composed(run)] {
                for (head, found) in found.iter().enumerate() {
                    let tracks: Vec<u32> = (0..config.output_heads[head].tracks.len() as u32).collect();
                    let expected: Vec<f64> = (0..2)
                        .flat_map(|i| {
                            let codes = sequence(config.input_length, i).codes().to_vec();
                            let kept = config.kept_bins(config.n_positions(codes.len()));
                            let rows = engine.attended(engine.trunk(&codes), kept);
                            engine.tracks(&engine.embed(&rows), head, &tracks)
                        })
                        .collect();
                    assert_close(&found.to_f64().unwrap(), &expected, tolerance, "head");
                }
            }
        }
    }
}
