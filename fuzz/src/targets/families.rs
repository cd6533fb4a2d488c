//! Alignments, parameter files of plmc, and structures.

use cistron::encode::alignment::{Alignment, ColumnRule, Potts, PrepareOptions, Structure};

/// What is read has rows of one width; what is prepared accounts for every record.
pub(super) fn alignment(bytes: &[u8]) -> bool {
    let Ok(alignment) = Alignment::read(bytes, "fuzz".as_ref()) else { return false };
    for rule in [ColumnRule::DeepSequence, ColumnRule::eve(), ColumnRule::Plmc] {
        let options = PrepareOptions { rule, offset: Some(0), ..PrepareOptions::default() };
        let Ok((family, report)) = alignment.prepare(&options) else { continue };
        assert_eq!(family.len() + report.dropped.len(), alignment.len(), "a record is lost");
        assert!(
            family.weights().iter().all(|weight| (0.0..=1.0).contains(weight)),
            "a weight is out of range"
        );
    }
    true
}

/// What is read is written as it was, but for the first version and for letters of the target that are not known.
pub(super) fn plmc(bytes: &[u8]) -> bool {
    let Ok(model) = Potts::read_plmc(bytes, "fuzz".as_ref()) else { return false };
    let mut written = Vec::new();
    model.write_plmc(&mut written).unwrap_or_else(|error| panic!("{error}"));
    let again = Potts::read_plmc(&written[..], "fuzz".as_ref());
    let again = again.unwrap_or_else(|error| panic!("what was written is not read: {error}"));
    assert_eq!(again.couplings().len(), model.couplings().len());
    true
}

/// Residues have numbers that rise and places that are numbers.
pub(super) fn structure(bytes: &[u8]) -> bool {
    let Ok(structure) = Structure::read(bytes, "fuzz".as_ref()) else { return false };
    for residues in structure.chains().iter().map(cistron::encode::alignment::Chain::residues) {
        let rise = residues.windows(2).all(|pair| pair[0].number < pair[1].number);
        assert!(rise, "residues are out of order");
        let finite = residues.iter().flat_map(|residue| residue.place).all(f64::is_finite);
        assert!(finite, "a place is no number");
    }
    true
}
