//! Structures as files hold them: PDB and mmCIF, as far as distances of residues need them.

mod mmcif;
mod pdb;
mod residues;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use super::lines::Lines;
use super::{FamilyError, WildType};
use residues::{letter_of, stands_for_residue};

/// The chains of a structure: for each residue the place of one atom, Cα of amino acids and C1' of nucleotides.
///
/// Of several models the first one in the file is read; of alternate locations (and of residues that share a number) the
/// one of the highest occupancy, of equal ones the first in the file. A residue with an insertion code has no number of
/// its own in the protein and is left out, but [named](Chain::inserted). Modified amino acids in `HETATM` records
/// count where their parent is known (MSE is M). Chains and residues are called as PDB files call them: in mmCIF by the
/// `auth` columns, or the `label` columns where there are none.
///
/// ```
/// use cistron_encode::alignment::Structure;
///
/// let text = "ATOM      2  CA  ALA A  20      11.000  12.500  -3.000  1.00 20.00           C\n\
///             ATOM      7  CA  GLY A  21      14.000  12.500   1.000  1.00 20.00           C\n";
/// let structure = Structure::read(text.as_bytes(), "toy.pdb".as_ref())?;
/// let chain = structure.chain(None)?;
/// assert_eq!((chain.name(), chain.residues()[1].number, chain.residues()[1].letter), ("A", 21, 'G'));
/// assert_eq!(chain.residues()[0].place, [11.0, 12.5, -3.0]);
/// # Ok::<(), cistron_encode::alignment::FamilyError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    chains: Vec<Chain>,
}

/// A chain of a [`Structure`].
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    name: String,
    residues: Vec<Residue>,
    inserted: Vec<String>,
}

/// A residue of a [`Chain`].
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Residue {
    /// Its number in the file.
    pub number: i64,
    /// Its name in the file, such as `ALA`.
    pub name: String,
    /// The letter of the name or of the residue it was modified from; `X` for a name that is not known.
    pub letter: char,
    /// Where its atom lies, in Å.
    pub place: [f64; 3],
}

/// Where the columns of a family lie in a [`Chain`].
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Placement {
    /// The place of each column in Å, `None` where the chain has no residue of that number.
    pub places: Vec<Option<[f64; 3]>>,
    /// The positions of the columns without a place.
    pub missing: Vec<i64>,
    /// Residues that are others than those of the wild type; they keep their places.
    pub differing: Vec<DifferingResidue>,
}

/// A residue of a structure that is another one than the wild type's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct DifferingResidue {
    /// The position in the family.
    pub position: i64,
    /// The letter of the wild type.
    pub expected: char,
    /// The letter in the structure.
    pub found: char,
    /// The residue's name in the structure.
    pub name: String,
}

impl Structure {
    /// Reads a structure that is not compressed; a file that begins with `data_` is mmCIF, anything else PDB. `path`
    /// names it in errors.
    ///
    /// Of each atom that stands for its residue everything that is used is checked; other atoms are not looked at.
    ///
    /// # Errors
    /// [`FamilyError::Line`] for an atom without a number, a name or coordinates, with line and column;
    /// [`FamilyError::File`] for a file without residues. The error of a source that breaks off is one of its line.
    pub fn read(reader: impl BufRead, path: &Path) -> Result<Self, FamilyError> {
        let nothing =
            || FamilyError::file(path, "holds no residue, expected PDB or mmCIF with atoms CA or C1'");
        let mut lines = Lines::new(reader, path);
        let is_mmcif = loop {
            match lines.next()? {
                None => return Err(nothing()),
                Some([] | [b'#', ..]) => {}
                Some(line) => break line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"data_")),
            }
        };
        let mut residues = Collector::default();
        if is_mmcif {
            mmcif::read(&mut lines, &mut residues)?;
        } else {
            pdb::read(&mut lines, &mut residues)?;
        }
        let chains = residues.chains();
        if chains.iter().all(|chain| chain.residues.is_empty()) {
            Err(nothing())
        } else {
            Ok(Self { chains })
        }
    }

    /// The chains in the order of the file.
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// A chain by its name, or the first one.
    ///
    /// # Errors
    /// [`FamilyError::Data`] for a chain that is not there.
    pub fn chain(&self, name: Option<&str>) -> Result<&Chain, FamilyError> {
        let mut chains = self.chains.iter();
        let found = match name {
            None => chains.find(|chain| !chain.residues.is_empty()),
            Some(name) => chains.find(|chain| chain.name == name),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = self.chains.iter().map(|chain| chain.name.as_str()).collect();
            let (name, names) = (name.unwrap_or_default(), names.join(", "));
            FamilyError::data(format!("chain `{name}` is not there, expected one of {names}"))
        })
    }
}

impl Chain {
    /// The name; empty where a PDB file leaves it blank.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The residues by rising numbers.
    pub fn residues(&self) -> &[Residue] {
        &self.residues
    }

    /// The residues with an insertion code, such as `52A`, which are left out.
    pub fn inserted(&self) -> &[String] {
        &self.inserted
    }

    /// Where the columns of a wild type lie: each at the residue of its position.
    ///
    /// Where the structure numbers the protein otherwise, give a [renumbered](WildType::renumbered) wild type. A wrong
    /// numbering shows in nearly all letters differing.
    ///
    /// ```
    /// # use cistron_core::Alphabet;
    /// # use cistron_encode::alignment::{Structure, WildType};
    /// # let text = "ATOM      2  CA  ALA A  20      11.000  12.500  -3.000  1.00 20.00           C\n\
    /// #             ATOM      7  CA  GLY A  21      14.000  12.500   1.000  1.00 20.00           C\n";
    /// let structure = Structure::read(text.as_bytes(), "toy.pdb".as_ref())?;
    /// let wild_type = WildType::new(Alphabet::protein(), b"ADK", vec![20, 21, 23])?;
    /// let placement = structure.chain(Some("A"))?.place(&wild_type);
    /// assert_eq!(placement.missing, [23]);
    /// assert_eq!((placement.differing[0].expected, placement.differing[0].found), ('D', 'G'));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn place(&self, wild_type: &WildType) -> Placement {
        let alphabet = wild_type.alphabet();
        let mut placement = Placement { places: Vec::new(), missing: Vec::new(), differing: Vec::new() };
        for (&position, &code) in wild_type.positions().iter().zip(wild_type.codes()) {
            let found = self.residues.binary_search_by_key(&position, |residue| residue.number);
            let Some(residue) = found.ok().and_then(|index| self.residues.get(index)) else {
                placement.places.push(None);
                placement.missing.push(position);
                continue;
            };
            placement.places.push(Some(residue.place));
            let (expected, found) = (char::from(alphabet.letter(code)), residue.letter);
            // A gap of the wild type, or a letter that is not known, says nothing of the residue.
            if code < alphabet.len() && expected != found {
                let name = residue.name.clone();
                placement.differing.push(DifferingResidue { position, expected, found, name });
            }
        }
        placement
    }
}

/// An atom as a file has it; what is not text has been checked.
struct Atom<'a> {
    chain: &'a str,
    number: i64,
    insertion: &'a str,
    residue: &'a str,
    occupancy: f64,
    place: [f64; 3],
}

/// Chains in the making.
#[derive(Default)]
struct Collector {
    chains: Vec<Growing>,
}

/// A chain in the making.
struct Growing {
    name: String,
    /// By number, with the occupancy of the atom that was taken.
    residues: BTreeMap<i64, (f64, Residue)>,
    inserted: Vec<String>,
}

impl Collector {
    /// Takes an atom that stands for its residue.
    fn add(&mut self, atom: &Atom<'_>) {
        let Atom { chain, number, insertion, residue, occupancy, place } = *atom;
        let index = self.chains.iter().position(|it| it.name == chain).unwrap_or_else(|| {
            let (name, residues, inserted) = (chain.to_owned(), BTreeMap::new(), Vec::new());
            self.chains.push(Growing { name, residues, inserted });
            self.chains.len() - 1
        });
        let Some(Growing { residues, inserted, .. }) = self.chains.get_mut(index) else { return };
        if !insertion.is_empty() {
            let name = format!("{number}{insertion}");
            if inserted.last() != Some(&name) {
                inserted.push(name);
            }
            return;
        }
        if residues.get(&number).is_some_and(|(before, _)| *before >= occupancy) {
            return;
        }
        let letter = letter_of(residue).unwrap_or('X');
        residues.insert(number, (occupancy, Residue { number, name: residue.to_owned(), letter, place }));
    }

    fn chains(self) -> Vec<Chain> {
        let chain = |Growing { name, residues, inserted }| Chain {
            name,
            residues: residues.into_values().map(|(_, residue)| residue).collect(),
            inserted,
        };
        self.chains.into_iter().map(chain).collect()
    }
}

/// A finite number; mmCIF may add its uncertainty in brackets.
fn number(text: &str) -> Option<f64> {
    let number = text.split_once('(').map_or(text, |(number, _)| number);
    number.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests;
