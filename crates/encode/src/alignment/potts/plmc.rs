//! Parameter files of plmc, versions 1 and 2: little-endian, single precision.

use std::io::{Read, Write};
use std::path::Path;

use cistron_core::Alphabet;
use ndarray::Array2;

use super::pairs::n_pairs;
use super::{FamilyError, Pairs, Potts, PottsFacts, WildType};

/// More columns or letters than any file has.
const MOST_COLUMNS: usize = 1 << 14;
const MOST_LETTERS: usize = 200;

impl Potts {
    /// Reads the parameter file of plmc, of either version, not compressed. `path` names it in errors.
    ///
    /// Version 1 names no alphabet: with 20 and 21 letters it is that of proteins, without and with a gap before it, with
    /// 4 and 5 that of RNA or, if the target has a T, DNA. Of a model without focus the target is not known, and nothing
    /// can be mutated.
    ///
    /// # Errors
    /// [`FamilyError::File`] for a file that is neither, or ends early.
    pub fn read_plmc(mut reader: impl Read, path: &Path) -> Result<Self, FamilyError> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(|error| FamilyError::file(path, error.to_string()))?;
        let mut fields = Fields { bytes: &bytes, path };
        let (width, letters) = (fields.size("columns", MOST_COLUMNS)?, fields.size("letters", MOST_LETTERS)?);
        let size = letters * letters;
        let tables = (2 * width * letters + 2 * n_pairs(width) * size) * 4;
        let first = 8 + width + width * 4 + tables + n_pairs(width) * 8;
        if bytes.len() == first {
            return read_first(fields, width, letters);
        }
        let (n_valid, n_invalid) = (fields.int()?, fields.int()?);
        let sequences = i64::from(n_valid) + i64::from(n_invalid);
        let expected = 40 + letters + width + width * 4 + tables;
        let expected =
            i64::try_from(expected).unwrap_or(i64::MAX).saturating_add(sequences.saturating_mul(4));
        if n_valid < 0 || n_invalid < 0 || bytes.len() as i64 != expected {
            let problem = format!(
                "has {} bytes, expected {expected} (version 2) or {first} (version 1) of a model of {width} columns and \
                 {letters} letters",
                bytes.len()
            );
            return Err(FamilyError::file(path, problem));
        }
        read_second(fields, (width, letters), (n_valid as usize, n_invalid as usize))
    }

    /// Writes a parameter file of plmc, version 2.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for a position that a file cannot hold, or the error of the writer.
    pub fn write_plmc(&self, mut writer: impl Write) -> Result<(), FamilyError> {
        let facts = &self.facts;
        let alphabet = self.wild_type.alphabet();
        let ints = [self.width(), alphabet.len().into(), facts.n_valid, facts.n_invalid, facts.iterations];
        let mut bytes: Vec<u8> = ints.iter().flat_map(|&int| (int as i32).to_le_bytes()).collect();
        let numbers = [facts.theta, facts.lambda_h, facts.lambda_j, facts.lambda_group, facts.neff];
        push(&mut bytes, numbers.iter());
        bytes.extend_from_slice(alphabet.letters());
        // The format has one number for each sequence.
        push(
            &mut bytes,
            facts.neighbours.iter().chain(std::iter::repeat(&0.0)).take(facts.n_valid + facts.n_invalid),
        );
        bytes.extend_from_slice(self.wild_type.letters().as_bytes());
        for &position in self.wild_type.positions() {
            let position = i32::try_from(position);
            let position = position.map_err(|_| FamilyError::data("position does not fit into 32 bits"))?;
            bytes.extend_from_slice(&position.to_le_bytes());
        }
        push(&mut bytes, self.frequencies.iter());
        push(&mut bytes, self.fields.iter());
        let mut write =
            |bytes: &[u8]| writer.write_all(bytes).map_err(|error| FamilyError::data(error.to_string()));
        write(&bytes)?;
        for values in [self.pair_frequencies.values(), self.couplings.values()] {
            for values in values.chunks(1 << 14) {
                bytes.clear();
                push(&mut bytes, values.iter());
                write(&bytes)?;
            }
        }
        Ok(())
    }
}

fn push<'a>(bytes: &mut Vec<u8>, values: impl Iterator<Item = &'a f32>) {
    bytes.extend(values.flat_map(|value| value.to_le_bytes()));
}

fn read_second(
    mut fields: Fields<'_>,
    (width, letters): (usize, usize),
    (n_valid, n_invalid): (usize, usize),
) -> Result<Potts, FamilyError> {
    let iterations = fields.int()?.max(0) as usize;
    let numbers = fields.floats(5)?;
    let [theta, lambda_h, lambda_j, lambda_group, neff] = numbers[..] else {
        return Err(fields.short());
    };
    let alphabet = String::from_utf8_lossy(fields.take(letters)?).into_owned();
    let alphabet = Alphabet::custom(&alphabet).map_err(|error| fields.refuse(&error.to_string()))?;
    let neighbours = fields.floats(n_valid + n_invalid)?;
    let target = fields.take(width)?;
    let positions = fields.ints(width)?;
    let wild_type =
        WildType::new(alphabet, target, positions).map_err(|error| fields.refuse(&error.to_string()))?;
    let frequencies = fields.table(width, letters)?;
    let of_columns = fields.table(width, letters)?;
    let values = n_pairs(width) * letters * letters;
    let pair_frequencies = Pairs::new(width, letters, fields.floats(values)?);
    let couplings = Pairs::new(width, letters, fields.floats(values)?);
    let facts = PottsFacts {
        n_valid,
        n_invalid,
        iterations,
        theta,
        lambda_h,
        lambda_j,
        lambda_group,
        neff,
        neighbours,
    };
    Potts { wild_type, fields: of_columns, couplings, frequencies, pair_frequencies, facts }.checked(&fields)
}

fn read_first(mut fields: Fields<'_>, width: usize, letters: usize) -> Result<Potts, FamilyError> {
    let target = fields.take(width)?;
    let alphabet = match (letters, target.contains(&b'T')) {
        (20, _) => "ACDEFGHIKLMNPQRSTVWY",
        (21, _) => "-ACDEFGHIKLMNPQRSTVWY",
        (4, false) => "ACGU",
        (4, true) => "ACGT",
        (5, false) => "-ACGU",
        (5, true) => "-ACGT",
        _ => {
            return Err(
                fields.refuse(&format!("has {letters} letters, expected 4, 5, 20 or 21 in version 1"))
            );
        }
    };
    let alphabet = Alphabet::custom(alphabet).map_err(|error| fields.refuse(&error.to_string()))?;
    let positions = fields.ints(width)?;
    let wild_type =
        WildType::new(alphabet, target, positions).map_err(|error| fields.refuse(&error.to_string()))?;
    let frequencies = fields.table(width, letters)?;
    let of_columns = fields.table(width, letters)?;
    let size = letters * letters;
    let (mut pair_frequencies, mut couplings) = (Vec::new(), Vec::new());
    for (i, j) in (1..=width).flat_map(|i| (i + 1..=width).map(move |j| (i, j))) {
        let found = (fields.int()?, fields.int()?);
        if found != (i as i32, j as i32) {
            return Err(fields.refuse(&format!("has pair {found:?} where {:?} was expected", (i, j))));
        }
        pair_frequencies.extend(fields.floats(size)?);
        couplings.extend(fields.floats(size)?);
    }
    let (nan, neighbours) = (f32::NAN, Vec::new());
    let facts = PottsFacts {
        n_valid: 0,
        n_invalid: 0,
        iterations: 0,
        theta: nan,
        lambda_h: nan,
        lambda_j: nan,
        lambda_group: nan,
        neff: nan,
        neighbours,
    };
    let [pair_frequencies, couplings] =
        [pair_frequencies, couplings].map(|values| Pairs::new(width, letters, values));
    Potts { wild_type, fields: of_columns, couplings, frequencies, pair_frequencies, facts }.checked(&fields)
}

impl Potts {
    /// Refuses parameters that are no numbers.
    fn checked(self, fields: &Fields<'_>) -> Result<Self, FamilyError> {
        if self.fields.iter().chain(self.couplings.values()).all(|value| value.is_finite()) {
            return Ok(self);
        }
        Err(fields.refuse("holds a parameter that is not finite"))
    }
}

/// What is left of a file.
struct Fields<'a> {
    bytes: &'a [u8],
    path: &'a Path,
}

impl<'a> Fields<'a> {
    fn refuse(&self, problem: &str) -> FamilyError {
        FamilyError::file(self.path, problem)
    }

    fn short(&self) -> FamilyError {
        self.refuse("ends early, expected a parameter file of plmc")
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], FamilyError> {
        let (taken, rest) = self.bytes.split_at_checked(n).ok_or_else(|| self.short())?;
        self.bytes = rest;
        Ok(taken)
    }

    fn int(&mut self) -> Result<i32, FamilyError> {
        let bytes = self.take(4)?;
        Ok(bytes.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes)))
    }

    fn size(&mut self, what: &str, most: usize) -> Result<usize, FamilyError> {
        let found = self.int()?;
        let size = usize::try_from(found).ok().filter(|size| (1..=most).contains(size));
        size.ok_or_else(|| {
            self.refuse(&format!("has {found} {what}, expected a parameter file of plmc with 1 to {most}"))
        })
    }

    fn ints(&mut self, n: usize) -> Result<Vec<i64>, FamilyError> {
        (0..n).map(|_| self.int().map(i64::from)).collect()
    }

    fn floats(&mut self, n: usize) -> Result<Vec<f32>, FamilyError> {
        let bytes = self.take(n * 4)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn table(&mut self, rows: usize, columns: usize) -> Result<Array2<f32>, FamilyError> {
        let values = self.floats(rows * columns)?;
        Array2::from_shape_vec((rows, columns), values).map_err(|error| self.refuse(&error.to_string()))
    }
}
