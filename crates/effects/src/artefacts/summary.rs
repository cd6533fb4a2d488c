use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ndarray::ArrayView4;

use super::{ArtefactOptions, write};
use crate::{EffectError, Scale};

const HEADER: &str = "split,N,L,scale,pos_step,pos_chunk,batch,delta_mean,delta_abs_mean";

/// The mean effects of a run, over every evaluated cell; the reference letters' zeros are among them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    sum: f64,
    sum_of_absolutes: f64,
    cells: u64,
}

impl Summary {
    pub(super) fn add(&mut self, deltas: ArrayView4<'_, f64>) {
        // A sum for each record keeps the error of the total far below the six decimals printed.
        for record in deltas.outer_iter() {
            let (mut sum, mut absolute, mut cells) = (0.0, 0.0, 0);
            for &delta in record.iter().filter(|delta| !delta.is_nan()) {
                sum += delta;
                absolute += delta.abs();
                cells += 1;
            }
            self.sum += sum;
            self.sum_of_absolutes += absolute;
            self.cells += cells;
        }
    }

    /// The mean effect; NaN if nothing was evaluated.
    pub fn mean(&self) -> f64 {
        self.sum / self.cells as f64
    }

    /// The mean absolute effect; NaN if nothing was evaluated.
    pub fn absolute_mean(&self) -> f64 {
        self.sum_of_absolutes / self.cells as f64
    }

    /// The number of evaluated cells.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Adds the run's line to a table of runs, in the place of the line of the same split if there is one.
    pub(super) fn add_to_file(&self, path: &Path, options: &ArtefactOptions) -> Result<(), EffectError> {
        let old = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(EffectError::io(path)(error)),
        };
        if !old.is_empty() && old.lines().next() != Some(HEADER) {
            let found = old.lines().next().unwrap_or_default();
            let problem = format!("line 1 is {found:?}, expected {HEADER:?}");
            return Err(EffectError::part(path, problem));
        }
        let own = |line: &&str| line.split(',').next() == Some(&options.split);
        let mut lines: Vec<String> = old.lines().skip(1).map(str::to_owned).collect();
        let line = self.line(options);
        match lines.iter().position(|line| own(&line.as_str())) {
            Some(at) => lines[at] = line,
            None => lines.push(line),
        }
        write(path, format!("{HEADER}\n{}\n", lines.join("\n")).as_bytes())
    }

    fn line(&self, options: &ArtefactOptions) -> String {
        let (n, length) = options.shape;
        let chunk = options.chunk.map_or_else(|| "None".to_owned(), |chunk| chunk.to_string());
        format!(
            "{},{n},{length},{},{},{chunk},{},{:.6},{:.6}",
            options.split,
            scale_name(options.scale),
            options.step,
            options.batch,
            self.mean(),
            self.absolute_mean()
        )
    }
}

pub(super) fn scale_name(scale: Scale) -> &'static str {
    match scale {
        Scale::Raw => "logit",
        Scale::Probability => "prob",
    }
}
