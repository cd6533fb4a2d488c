//! The names of residues.

/// Names and their letters: amino acids, those that are modified often, and nucleotides.
const LETTERS: [(&str, char); 51] = [
    ("ALA", 'A'),
    ("ARG", 'R'),
    ("ASN", 'N'),
    ("ASP", 'D'),
    ("CYS", 'C'),
    ("GLN", 'Q'),
    ("GLU", 'E'),
    ("GLY", 'G'),
    ("HIS", 'H'),
    ("ILE", 'I'),
    ("LEU", 'L'),
    ("LYS", 'K'),
    ("MET", 'M'),
    ("PHE", 'F'),
    ("PRO", 'P'),
    ("SER", 'S'),
    ("THR", 'T'),
    ("TRP", 'W'),
    ("TYR", 'Y'),
    ("VAL", 'V'),
    ("MSE", 'M'),
    ("SEP", 'S'),
    ("TPO", 'T'),
    ("PTR", 'Y'),
    ("CSO", 'C'),
    ("CME", 'C'),
    ("CSD", 'C'),
    ("OCS", 'C'),
    ("HYP", 'P'),
    ("KCX", 'K'),
    ("MLY", 'K'),
    ("M3L", 'K'),
    ("LLP", 'K'),
    ("PCA", 'E'),
    ("HIC", 'H'),
    ("HID", 'H'),
    ("HIE", 'H'),
    ("HIP", 'H'),
    ("NEP", 'H'),
    ("TYS", 'Y'),
    ("FME", 'M'),
    ("MHO", 'M'),
    ("A", 'A'),
    ("C", 'C'),
    ("G", 'G'),
    ("U", 'U'),
    ("DA", 'A'),
    ("DC", 'C'),
    ("DG", 'G'),
    ("DT", 'T'),
    ("PSU", 'U'),
];

/// The letter of a residue's name.
pub(super) fn letter_of(name: &str) -> Option<char> {
    LETTERS.iter().find(|(known, _)| *known == name).map(|(_, letter)| *letter)
}

/// Whether an atom stands for its residue; `hetero` for one of a `HETATM` record, which may be a calcium ion.
pub(super) fn stands_for_residue(atom: &str, residue: &str, hetero: bool) -> bool {
    matches!(atom, "CA" | "C1'" | "C1*") && (!hetero || letter_of(residue).is_some())
}
