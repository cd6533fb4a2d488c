use cistron_core::Alphabet;
use cistron_encode::{ModelSpec, SequenceBatch};

use super::super::TRACK;
use super::{ProbeTarget, ProbeTraining};
use crate::ModelsError;

/// Sequences and the number of each that a probe shall predict.
#[derive(Clone, Copy, Debug)]
pub struct ProbeData<'a> {
    /// The sequences (N).
    pub sequences: &'a SequenceBatch,
    /// The numbers (N).
    pub targets: &'a [f64],
}

/// How targets are made comparable: `target = shift + factor · scaled`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) shift: f64,
    pub(super) factor: f64,
}

impl Scale {
    pub(super) fn of(targets: &[f64], target: ProbeTarget) -> Result<Self, ModelsError> {
        if target == ProbeTarget::Class {
            return Ok(Self { shift: 0.0, factor: 1.0 });
        }
        let n = targets.len() as f64;
        let shift = targets.iter().sum::<f64>() / n;
        let factor = (targets.iter().map(|target| (target - shift).powi(2)).sum::<f64>() / n).sqrt();
        if factor.is_finite() && factor > 0.0 {
            return Ok(Self { shift, factor });
        }
        let problem = format!("targets have standard deviation {factor}, expected a finite number above 0");
        Err(ModelsError::Data { set: "training", problem })
    }
}

pub(super) struct Scaled<'a> {
    pub(super) sequences: &'a SequenceBatch,
    pub(super) targets: Vec<f64>,
    pub(super) scale: Scale,
}

impl<'a> Scaled<'a> {
    pub(super) fn new(data: &ProbeData<'a>, scale: Scale) -> Self {
        let targets = data.targets.iter().map(|target| (target - scale.shift) / scale.factor).collect();
        Self { sequences: data.sequences, targets, scale }
    }

    /// The bias that predicts the mean.
    pub(super) fn start(&self, options: &ProbeTraining) -> f64 {
        let mean = self.targets.iter().sum::<f64>() / self.targets.len() as f64;
        match options.target {
            ProbeTarget::Class => (mean / (1.0 - mean)).ln(),
            ProbeTarget::Value => mean,
        }
    }
}

pub(super) fn check_data(
    set: &'static str,
    data: &ProbeData<'_>,
    width: usize,
    target: ProbeTarget,
) -> Result<(), ModelsError> {
    let refuse = |problem| Err(ModelsError::Data { set, problem });
    let spec = ModelSpec::scalar(Alphabet::dna(), Some(width), TRACK);
    spec.check(data.sequences.alphabet(), data.sequences.width())?;
    let (n, targets) = (data.sequences.len(), data.targets);
    if targets.len() != n {
        return refuse(format!("{n} sequences have {} targets, expected one each", targets.len()));
    }
    if n == 0 {
        return refuse("found no sequence, expected at least 1".to_owned());
    }
    if let Some(row) = targets.iter().position(|target| !target.is_finite()) {
        return refuse(format!("target of row {row} is {}, expected a finite number", targets[row]));
    }
    if target == ProbeTarget::Value {
        return Ok(());
    }
    if let Some(row) = targets.iter().position(|&target| target != 0.0 && target != 1.0) {
        return refuse(format!("target of row {row} is {}, expected 0 or 1", targets[row]));
    }
    match targets.iter().filter(|&&target| target == 1.0).count() {
        0 => refuse(format!("all {n} targets are 0, expected both classes")),
        ones if ones == n => refuse(format!("all {n} targets are 1, expected both classes")),
        _ => Ok(()),
    }
}
