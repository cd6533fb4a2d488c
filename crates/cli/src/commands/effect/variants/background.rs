//! What differences are measured against.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use cistron::effects::{Calibration, EmpiricalNull};

use super::{Blocks, Task};
use crate::commands::effect::tally::Tally;

/// Where differences come from that mean nothing.
#[derive(Clone, Debug)]
pub(super) enum Background {
    /// So many shuffles of what is around each variant.
    Shuffles(u32),
    /// Variants of a VCF.
    Variants(PathBuf),
}

impl FromStr for Background {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("shuffles:") {
            None => Ok(Self::Variants(text.into())),
            Some(n) => match n.parse() {
                Ok(n) if n > 0 => Ok(Self::Shuffles(n)),
                _ => Err(format!("{n:?} shuffles, expected a number from 1")),
            },
        }
    }
}

impl Background {
    pub(super) fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::Variants(path) => Some(path),
            Self::Shuffles(_) => None,
        }
    }
}

/// What the whole background says, if there is one.
pub(super) fn calibrate(task: &Task<'_>) -> anyhow::Result<Option<Calibration>> {
    let Some(background) = &task.args.background else { return Ok(None) };
    let null = count(task, background, 0..u64::MAX)?;
    Ok(Some(Calibration::new(&null)?))
}

/// Counts the differences of some blocks: of the variants themselves for shuffles, else of the background.
pub(super) fn count(
    task: &Task<'_>,
    background: &Background,
    blocks: Range<u64>,
) -> anyhow::Result<EmpiricalNull> {
    let mut null = EmpiricalNull::new(task.layout.tracks());
    let run = task.context.run();
    run.observer.begin("background", None);
    match background {
        Background::Shuffles(n) => {
            let mut own = task.blocks(blocks)?;
            while let Some(block) = own.next()? {
                null.merge(&task.scorer.shuffled_background(&block.rows, *n, task.context.seed, run)?)?;
            }
        }
        Background::Variants(path) => {
            let mut tally = Tally::default();
            let mut blocks = Blocks::open(path, blocks)?;
            while let Some(block) = blocks.next()? {
                for score in task.scorer.score(&block.rows, run)? {
                    tally.add(score.status, score.mismatch);
                    let differences: Vec<f64> = task.scorer.differences(&score).collect();
                    if !differences.is_empty() {
                        null.add(&differences)?;
                    }
                }
            }
            tally.warn("variants of the background", task.context);
        }
    }
    run.observer.end();
    Ok(null)
}
