use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::ArrayView4;

use super::decimal::push_six;
use super::{ArtefactOptions, Compatibility};

/// The strongest positions of a run, in memory of their number alone.
pub(super) struct Top {
    file_name: String,
    limit: usize,
    notebook: bool,
    exact: bool,
    outputs: Vec<String>,
    // The weakest on top, to be thrown out first.
    heap: BinaryHeap<Place>,
}

pub(super) fn file_name(options: &ArtefactOptions) -> String {
    format!("top{}_{}.tsv", options.top, options.split)
}

/// A position and output; "greater" means weaker.
#[derive(Clone, Copy, Debug)]
struct Place {
    value: f64,
    key: f64,
    record: usize,
    position: usize,
    output: usize,
    notebook: bool,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |place: &Self| (place.record, place.position, place.output);
        let later = place(self).cmp(&place(other));
        let tie = if self.notebook { later.reverse() } else { later };
        other.key.total_cmp(&self.key).then(tie)
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

impl Top {
    pub(super) fn new(options: &ArtefactOptions) -> Self {
        Self {
            file_name: file_name(options),
            limit: options.top,
            notebook: options.compatibility == Compatibility::Notebook,
            exact: options.exact,
            outputs: options.outputs.clone(),
            heap: BinaryHeap::new(),
        }
    }

    pub(super) fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Takes the effects of the records from `first` on; positions where nothing was evaluated are left out.
    pub(super) fn add(&mut self, first: usize, deltas: ArrayView4<'_, f64>) {
        for (i, record) in deltas.outer_iter().enumerate() {
            for (position, cells) in record.outer_iter().enumerate() {
                for (output, cells) in cells.columns().into_iter().enumerate() {
                    let largest = cells.iter().fold(f64::NAN, |largest, cell| largest.max(cell.abs()));
                    self.offer(largest, first + i, position, output);
                }
            }
        }
    }

    fn offer(&mut self, value: f64, record: usize, position: usize, output: usize) {
        // What is clearly weaker than the weakest kept is not worth rounding.
        let weakest = if self.heap.len() < self.limit { None } else { self.heap.peek() };
        if value.is_nan() || weakest.is_some_and(|place| value < place.key * (1.0 - 1e-10)) {
            return;
        }
        let key = if self.exact { value } else { twelve_digits(value) };
        self.heap.push(Place { value, key, record, position, output, notebook: self.notebook });
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    pub(super) fn render(self, names: &[String]) -> String {
        let end = if self.notebook { "\r\n" } else { "\n" };
        let several = self.outputs.len() > 1;
        let track = if several { "\ttrack" } else { "" };
        let mut text = format!("rank\trecord\tpos{track}\tmax_abs_delta{end}").into_bytes();
        for (rank, place) in (1..).zip(self.heap.into_sorted_vec()) {
            let name = names.get(place.record).map_or("", String::as_str);
            text.extend_from_slice(format!("{rank}\t{name}\t{}\t", place.position).as_bytes());
            if several {
                text.extend_from_slice(self.outputs[place.output].as_bytes());
                text.push(b'\t');
            }
            push_six(&mut text, place.value);
            text.extend_from_slice(end.as_bytes());
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The value rounded to 12 significant digits, so that the rounding of an inexact engine does not order ties.
fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}
