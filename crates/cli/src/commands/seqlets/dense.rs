//! Counts as arrays.

use std::path::PathBuf;

use cistron::encode::{ElementType, NpzWriter};

use crate::context::{Context, usage};
use crate::output::check_free;

/// An array of counts that fits into memory.
pub(super) struct Dense {
    shape: Vec<usize>,
    counts: Vec<f64>,
}

impl Dense {
    /// Zeros, unless they would take more than `max_memory` bytes.
    pub(super) fn new(shape: Vec<usize>, max_memory: u64) -> anyhow::Result<Self> {
        let cells = shape.iter().try_fold(1_u64, |cells, &n| cells.checked_mul(n as u64));
        let bytes = cells.and_then(|cells| cells.checked_mul(size_of::<f64>() as u64));
        if let Some((_, cells)) = bytes.filter(|bytes| *bytes <= max_memory).zip(cells) {
            return Ok(Self { counts: vec![0.0; cells as usize], shape });
        }
        let bytes = bytes.map_or("more than 2^64".to_owned(), |bytes| bytes.to_string());
        Err(usage(format!(
            "an array of shape {shape:?} takes {bytes} bytes, expected at most {max_memory} (--max-memory), or the table \
             without --dense"
        )))
    }

    /// Adds to a cell.
    pub(super) fn add(&mut self, place: &[usize], count: u64) {
        let index = place.iter().zip(&self.shape).fold(0, |index, (i, n)| index * n + i);
        if let Some(cell) = self.counts.get_mut(index) {
            *cell += count as f64;
        }
    }

    /// Writes `counts` with the names along its axes.
    pub(super) fn write(
        &self,
        path: Option<&PathBuf>,
        context: &Context,
        names: &[(&str, &[String])],
    ) -> anyhow::Result<()> {
        let Some(path) = path else { return Err(usage("--dense needs --output FILE")) };
        check_free(path, context)?;
        let mut file = NpzWriter::create(path)?;
        // Whole numbers are exact in f64 up to 2^53.
        let mut member = file.begin("counts", ElementType::Float64, &self.shape)?;
        member.write(&self.counts)?;
        file.add(member)?;
        for (name, names) in names {
            file.add_text(name, names)?;
        }
        Ok(file.finish()?)
    }
}
