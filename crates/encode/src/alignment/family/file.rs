//! A family as an npz file.

use std::ops::Range;
use std::path::Path;

use cistron_core::Alphabet;
use ndarray::Array2;

use super::{Family, FamilyParts};
use crate::alignment::{FamilyError, WildType};
use crate::{ElementType, NpzReader, NpzWriter};

/// Whole numbers below it are exact.
const EXACT: f64 = 9e15;

impl Family {
    /// Writes the family as an npz file that `numpy.load` reads: `codes` (N, L) uint8, `names`, `weights` (N)
    /// float64, `focus` (the name) and `wild_type` (the letters) as one text each, `columns` and `positions` (L)
    /// int64, `alphabet` (the letters, one text), `theta` and `neff` float64 without an axis (NaN for no theta).
    ///
    /// # Errors
    /// [`FamilyError::Encode`] if the file cannot be written; the old file is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), FamilyError> {
        let mut file = NpzWriter::create(path)?;
        let (n, width) = self.parts.codes.dim();
        let mut codes = file.begin("codes", ElementType::Unsigned(1), &[n, width])?;
        for row in self.parts.codes.rows() {
            codes.write_bytes(&row.to_vec())?;
        }
        file.add(codes)?;
        file.add_text("names", self.names())?;
        add_floats(&mut file, "weights", &[n], self.weights())?;
        file.add_text("focus", std::slice::from_ref(&self.parts.focus))?;
        file.add_text("wild_type", &[self.wild_type().letters()])?;
        let columns: Vec<i64> = self.columns().iter().map(|&column| column as i64).collect();
        file.add_integers("columns", &[width], &columns)?;
        file.add_integers("positions", &[width], self.positions())?;
        file.add_text("alphabet", &[self.alphabet().to_string()])?;
        add_floats(&mut file, "theta", &[], &[self.theta().unwrap_or(f64::NAN)])?;
        add_floats(&mut file, "neff", &[], &[self.neff()])?;
        Ok(file.finish()?)
    }

    /// Reads what [`save`](Self::save) wrote. Without `wild_type` it is the row that has the name of the focus.
    ///
    /// # Errors
    /// [`FamilyError::Encode`] for a missing array, [`FamilyError::File`] for arrays that do not fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, FamilyError> {
        let path = path.as_ref();
        let mut file = NpzReader::open(path)?;
        let refuse = |problem: String| FamilyError::file(path, problem);
        let alphabet = Alphabet::custom(&text(&mut file, path, "alphabet")?);
        let alphabet = known(alphabet.map_err(|error| refuse(error.to_string()))?);
        let (shape, values) = file.numbers("codes")?;
        let codes: Option<Vec<u8>> =
            values.into_iter().map(|value| whole(value, 0.0..256.0).map(|code| code as u8)).collect();
        let codes = codes.ok_or_else(|| refuse("array `codes` holds a number that is no code".into()))?;
        let codes = match shape[..] {
            [n, width] => Array2::from_shape_vec((n, width), codes).ok(),
            _ => None,
        };
        let codes =
            codes.ok_or_else(|| refuse(format!("array `codes` has shape {shape:?}, expected (N, L)")))?;
        let names = file.text("names")?;
        let focus = text(&mut file, path, "focus")?;
        let positions = numbers(&mut file, path, "positions", -EXACT..EXACT)?;
        let positions = positions.into_iter().map(|position| position as i64).collect();
        let wild_type = if file.contains("wild_type") {
            let letters = text(&mut file, path, "wild_type")?;
            WildType::new(alphabet, letters.as_bytes(), positions)
        } else {
            let row = names
                .iter()
                .position(|name| *name == focus)
                .and_then(|row| codes.rows().into_iter().nth(row));
            let row =
                row.ok_or_else(|| refuse(format!("no sequence has the name of the focus `{focus}`")))?;
            WildType::from_codes(alphabet, row.to_vec(), positions)
        };
        let columns = numbers(&mut file, path, "columns", 0.0..EXACT)?;
        let columns = columns.into_iter().map(|column| column as usize).collect();
        let theta = file.numbers("theta")?.1.first().copied().filter(|theta| !theta.is_nan());
        let weights = file.numbers("weights")?.1;
        let parts = |wild_type| FamilyParts { wild_type, focus, columns, codes, names, weights, theta };
        wild_type.and_then(|wild_type| Self::new(parts(wild_type))).map_err(|error| refuse(error.to_string()))
    }
}

/// The alphabet that has a name, and therefore a complement, if the letters are its own.
fn known(alphabet: Alphabet) -> Alphabet {
    [Alphabet::dna(), Alphabet::rna()].into_iter().find(|known| *known == alphabet).unwrap_or(alphabet)
}

fn add_floats(file: &mut NpzWriter, name: &str, shape: &[usize], values: &[f64]) -> Result<(), FamilyError> {
    let mut member = file.begin(name, ElementType::Float64, shape)?;
    member.write(values)?;
    Ok(file.add(member)?)
}

/// The one text of an array.
fn text(file: &mut NpzReader, path: &Path, name: &str) -> Result<String, FamilyError> {
    match <[String; 1]>::try_from(file.text(name)?) {
        Ok([text]) => Ok(text),
        Err(texts) => {
            Err(FamilyError::file(path, format!("array `{name}` holds {} texts, expected one", texts.len())))
        }
    }
}

/// The whole numbers of an array.
fn numbers(
    file: &mut NpzReader,
    path: &Path,
    name: &str,
    range: Range<f64>,
) -> Result<Vec<f64>, FamilyError> {
    let values = file.numbers(name)?.1.into_iter().map(|value| whole(value, range.clone()));
    let values: Option<Vec<f64>> = values.collect();
    values.ok_or_else(|| {
        FamilyError::file(path, format!("array `{name}` holds a number that is not whole or too large"))
    })
}

fn whole(value: f64, range: Range<f64>) -> Option<f64> {
    (value.fract() == 0.0 && range.contains(&value)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::super::tests::parts;
    use super::*;

    fn saved(change: impl FnOnce(&mut FamilyParts)) -> Family {
        let mut changed = parts();
        change(&mut changed);
        let family = Family::new(changed).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("family.npz");
        family.save(&path).unwrap();
        assert_eq!(Family::load(&path).unwrap(), family);
        family
    }

    #[test]
    fn families_read_back() {
        saved(|_| ());
        saved(|parts| parts.theta = None);
        // A focus that is no row of its own.
        saved(|parts| parts.names[0] = "other".into());
        saved(|parts| {
            parts.wild_type = WildType::new(Alphabet::dna(), b"ACX", vec![1, 2, 3]).unwrap();
            parts.codes.fill(Alphabet::dna().gap());
        });
    }

    fn loaded(change: impl FnOnce(&mut NpzWriter)) -> Result<Family, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("family.npz");
        let mut file = NpzWriter::create(&path).unwrap();
        change(&mut file);
        file.finish().unwrap();
        Family::load(&path).map_err(|error| error.to_string().replace(&*folder.path().to_string_lossy(), ""))
    }

    /// A family as another program might write it, with these codes.
    fn written(file: &mut NpzWriter, codes: &[i64]) {
        file.add_text("alphabet", &["ACGT".into()]).unwrap();
        file.add_integers("codes", &[2, 2], codes).unwrap();
        file.add_text("names", &["a".into(), "b".into()]).unwrap();
        file.add_text("focus", &["b".into()]).unwrap();
        file.add_integers("positions", &[2], &[4, 5]).unwrap();
        file.add_integers("columns", &[2], &[0, 1]).unwrap();
        file.add_numbers("theta", &[], &[0.25]).unwrap();
        file.add_numbers("weights", &[2], &[1.0, 0.5]).unwrap();
    }

    #[test]
    fn the_row_of_the_focus_is_the_wild_type_if_there_is_none() {
        let family = loaded(|file| written(file, &[0, 1, 6, 3])).unwrap();
        assert_eq!((family.wild_type().letters().as_str(), family.neff()), ("-T", 1.5));
        assert_eq!(family.alphabet().complement(0), Some(3), "DNA keeps its complement");
    }

    #[test]
    fn damaged_families_are_refused() {
        let cases = [
            (loaded(|_| ()), "/family.npz: array `alphabet` is missing, found "),
            (
                loaded(|file| written(file, &[0, 1, -1, 3])),
                "/family.npz: array `codes` holds a number that is no code",
            ),
            (
                loaded(|file| written(file, &[0, 1, 4, 3])),
                "/family.npz: code 4 found in sequence 1, column 0, expected below 4 or the gap 6",
            ),
            (
                loaded(|file| file.add_text("alphabet", &["AA".into()]).unwrap()),
                "/family.npz: alphabet \"AA\" holds a letter twice",
            ),
            (
                loaded(|file| file.add_text("alphabet", &[]).unwrap()),
                "/family.npz: array `alphabet` holds 0 texts, expected one",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found.unwrap_err(), expected);
        }
    }
}
