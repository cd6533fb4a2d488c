//! What peak callers say of a peak, in columns beyond those of BED.

use super::BedRecord;

/// The scores of a row of a narrowPeak, broadPeak or gappedPeak file.
///
/// ```
/// use cistron_genome::bed::Reader;
///
/// let text = b"chr1\t100\t200\tp\t0\t.\t7.5\t-1\t3\t40\n";
/// let row = Reader::new("x.narrowPeak", &text[..]).next().ok_or("no row")??;
/// let peak = row.narrow_peak()?;
/// assert_eq!((peak.signal, peak.p_value, peak.q_value, peak.summit), (7.5, None, Some(3.0), Some(140)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Peak {
    /// The enrichment of the region.
    pub signal: f64,
    /// The negative decimal logarithm of the p-value; none where the file has -1.
    pub p_value: Option<f64>,
    /// The negative decimal logarithm of the q-value; none where the file has -1.
    pub q_value: Option<f64>,
    /// The position of the summit, 0-based; none in formats without it and where the file has -1.
    pub summit: Option<u64>,
}

impl BedRecord {
    /// The scores of a narrowPeak row: columns 7 to 10, the last the summit's distance from the start.
    ///
    /// # Errors
    /// What was found and expected, with the column, from 1.
    pub fn narrow_peak(&self) -> Result<Peak, String> {
        let peak = self.peak(7)?;
        let text = self.expect_column(10)?;
        if text == "-1" {
            return Ok(peak);
        }
        let offset = text.parse::<u64>().ok().filter(|offset| *offset < self.region.width().max(1));
        let offset = offset.ok_or_else(|| {
            format!("column 10: found `{text}`, expected -1 or a distance below {}", self.region.width())
        })?;
        Ok(Peak { summit: Some(self.region.start() + offset), ..peak })
    }

    /// The scores of a broadPeak row: columns 7 to 9.
    ///
    /// # Errors
    /// As [`narrow_peak`](Self::narrow_peak).
    pub fn broad_peak(&self) -> Result<Peak, String> {
        self.peak(7)
    }

    /// The scores of a gappedPeak row: columns 13 to 15.
    ///
    /// # Errors
    /// As [`narrow_peak`](Self::narrow_peak).
    pub fn gapped_peak(&self) -> Result<Peak, String> {
        self.peak(13)
    }

    fn peak(&self, first: usize) -> Result<Peak, String> {
        let number = |column: usize| {
            let text = self.expect_column(column)?;
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| format!("column {column}: found `{text}`, expected a number"))
        };
        let given = |number: f64| Some(number).filter(|number| *number != -1.0);
        Ok(Peak {
            signal: number(first)?,
            p_value: given(number(first + 1)?),
            q_value: given(number(first + 2)?),
            summit: None,
        })
    }

    fn expect_column(&self, number: usize) -> Result<&str, String> {
        self.column(number).ok_or_else(|| format!("column {number}: found no such column, expected a number"))
    }
}
