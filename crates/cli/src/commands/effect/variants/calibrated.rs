//! Scores beside a background: p-values and quantiles, added to lines that are written.

use std::fmt::Write as _;
use std::io::{self, Write};

use cistron::effects::{Calibration, VariantScorer};
use serde::{Deserialize, Serialize};

use super::sink::escaped;

/// Columns of a table before the numbers.
const BEFORE_NUMBERS: usize = 7;

/// Where differences stand in what is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Layout {
    pub(super) vcf: bool,
    tracks: Vec<String>,
    statistics: usize,
}

impl Layout {
    pub(super) fn of(scorer: &VariantScorer<'_>, statistics: usize, vcf: bool) -> Self {
        Self { vcf, tracks: scorer.tracks().iter().map(ToString::to_string).collect(), statistics }
    }

    pub(super) fn tracks(&self) -> usize {
        self.tracks.len()
    }

    /// The column of a track's difference in a table.
    fn column(&self, track: usize) -> usize {
        BEFORE_NUMBERS + track * (3 + self.statistics) + 2
    }
}

/// An output that adds p-values and quantiles to each row that passes through it.
///
/// What is written may stop anywhere in a line; lines go on when they are whole.
pub(super) struct Calibrated<W> {
    inner: W,
    layout: Layout,
    calibration: Option<Calibration>,
    line: Vec<u8>,
    is_first: bool,
}

impl<W: Write> Calibrated<W> {
    /// Without a calibration nothing is added.
    pub(super) fn new(inner: W, layout: &Layout, calibration: Option<Calibration>) -> Self {
        Self { inner, layout: layout.clone(), calibration, line: Vec::new(), is_first: true }
    }

    pub(super) fn into_inner(self) -> W {
        self.inner
    }

    fn write_line(&mut self) -> io::Result<()> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        let line = std::mem::take(&mut self.line);
        if let Some(calibration) = &self.calibration {
            let text = std::str::from_utf8(&line).map_err(io::Error::other)?;
            let layout = &self.layout;
            let text = match (layout.vcf, is_first) {
                (true, _) if text.starts_with('#') => text.to_owned(),
                (true, _) => in_info(text, layout, calibration),
                (false, true) => with_names(text, layout),
                (false, false) => with_cells(text, layout, calibration),
            };
            self.inner.write_all(text.as_bytes())?;
        } else {
            self.inner.write_all(&line)?;
        }
        self.inner.write_all(b"\n")
    }
}

impl<W: Write> Write for Calibrated<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        self.line.extend_from_slice(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.write_line()?;
            self.line.extend_from_slice(piece);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn with_names(header: &str, layout: &Layout) -> String {
    let names = layout.tracks.iter().map(|track| format!("\tp_{track}\tquantile_{track}"));
    header.to_owned() + &names.collect::<String>()
}

fn with_cells(row: &str, layout: &Layout, calibration: &Calibration) -> String {
    let cells: Vec<&str> = row.split('\t').collect();
    let mut text = row.to_owned();
    for track in 0..layout.tracks() {
        let difference = cells.get(layout.column(track)).and_then(|cell| cell.parse().ok());
        // Writing to a text cannot fail.
        let _ = match difference {
            Some(difference) => {
                let p = calibration.p_value(track, difference);
                write!(text, "\t{p}\t{}", calibration.quantile(track, difference))
            }
            None => write!(text, "\t\t"),
        };
    }
    text
}

/// Adds entries to what the scorer wrote last into INFO.
fn in_info(record: &str, layout: &Layout, calibration: &Calibration) -> String {
    let tracks: Vec<String> = layout.tracks.iter().map(|track| escaped(track)).collect();
    let mut columns: Vec<String> = record.split('\t').map(str::to_owned).collect();
    if let Some(info) = columns.get_mut(7)
        && let Some((_, entries)) = info.rsplit_once("CISTRON=")
    {
        let mut more = String::new();
        for entry in entries.split(',') {
            let mut parts = entry.split('|');
            let mut next = || parts.next().unwrap_or_default();
            let (allele, name, statistic, value) = (next(), next(), next(), next());
            let track = tracks.iter().position(|track| track == name);
            if let (Some(track), "diff", Ok(difference)) = (track, statistic, value.parse()) {
                let (p, quantile) =
                    (calibration.p_value(track, difference), calibration.quantile(track, difference));
                // Writing to a text cannot fail.
                let _ = write!(more, ",{allele}|{name}|p|{p},{allele}|{name}|quantile|{quantile}");
            }
        }
        info.push_str(&more);
    }
    columns.join("\t")
}
