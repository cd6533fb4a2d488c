use std::io::Write;

use ndarray::{ArrayView2, ArrayView4};

use super::decimal::push_six;
use super::{ArtefactOptions, Compatibility};

/// The table of all positions: `record pos [track] dA dC … max_abs argmax`.
pub(super) struct Table {
    letters: Vec<u8>,
    outputs: Vec<String>,
    mask: bool,
    notebook: bool,
    text: Vec<u8>,
}

impl Table {
    pub(super) fn new(options: &ArtefactOptions) -> Self {
        Self {
            letters: options.letters.clone().into_bytes(),
            outputs: options.outputs.clone(),
            mask: options.mask_reference,
            notebook: options.compatibility == Compatibility::Notebook,
            text: Vec::new(),
        }
    }

    pub(super) fn header(&self) -> String {
        let track = if self.outputs.len() > 1 { "\ttrack" } else { "" };
        let letters: Vec<String> =
            self.letters.iter().map(|&letter| format!("d{}", letter as char)).collect();
        let letters = letters.join("\t");
        let end = if self.notebook { "\r\n" } else { "\n" };
        format!("record\tpos{track}\t{letters}\tmax_abs\targmax{end}")
    }

    /// The lines of a block; `names` begins at the block's first record. The text is valid until the next call.
    pub(super) fn render(
        &mut self,
        names: &[String],
        deltas: ArrayView4<'_, f64>,
        codes: ArrayView2<'_, u8>,
    ) -> &[u8] {
        self.text.clear();
        for ((record, codes), name) in deltas.outer_iter().zip(codes.rows()).zip(names) {
            for (position, (cells, &code)) in record.outer_iter().zip(codes).enumerate() {
                for output in 0..self.outputs.len() {
                    self.push_row(name, position, output, code, cells.column(output).iter().copied());
                }
            }
        }
        &self.text
    }

    fn push_row(
        &mut self,
        name: &str,
        position: usize,
        output: usize,
        reference: u8,
        cells: impl Iterator<Item = f64>,
    ) {
        let text = &mut self.text;
        text.extend_from_slice(name.as_bytes());
        // Writing to a vector cannot fail.
        let _ = write!(text, "\t{position}");
        if let [_, _, ..] = self.outputs[..] {
            text.push(b'\t');
            text.extend_from_slice(self.outputs[output].as_bytes());
        }
        let mut largest: Option<(f64, usize)> = None;
        for (letter, cell) in cells.enumerate() {
            text.push(b'\t');
            let masked = if self.notebook { cell == 0.0 } else { letter == usize::from(reference) };
            if !(self.mask && masked) {
                push_six(text, cell);
            }
            if !cell.is_nan() && largest.is_none_or(|(value, _)| cell.abs() > value) {
                largest = Some((cell.abs(), letter));
            }
        }
        text.push(b'\t');
        push_six(text, largest.map_or(f64::NAN, |(value, _)| value));
        text.push(b'\t');
        text.extend(largest.and_then(|(_, letter)| self.letters.get(letter)));
        text.extend_from_slice(if self.notebook { b"\r\n" } else { b"\n" });
    }
}
