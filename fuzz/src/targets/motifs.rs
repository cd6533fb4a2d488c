//! Motif files: a text is refused with a place that exists, or what was read is whole and can be written.

use cistron::Alphabet;
use cistron::motif::{
    Background, FimoOptions, MotifError, MotifFormat, MotifSet, PValues, parse_meme_lenient, parse_motifs,
    parse_motifs_as, write_motifs,
};

use crate::corpus::files;

pub(super) fn meme(text: &[u8]) -> bool {
    of_format(text, MotifFormat::Meme)
}

pub(super) fn jaspar(text: &[u8]) -> bool {
    of_format(text, MotifFormat::Jaspar)
}

pub(super) fn transfac(text: &[u8]) -> bool {
    of_format(text, MotifFormat::Transfac)
}

pub(super) fn hocomoco(text: &[u8]) -> bool {
    of_format(text, MotifFormat::Hocomoco)
}

pub(super) fn uniprobe(text: &[u8]) -> bool {
    of_format(text, MotifFormat::Uniprobe)
}

pub(super) fn homer(text: &[u8]) -> bool {
    of_format(text, MotifFormat::Homer)
}

/// The corpora of all formats, so that pieces of one stand in another.
pub(super) fn every_format() -> Vec<Vec<u8>> {
    ["meme", "jaspar", "transfac", "hocomoco", "uniprobe", "homer"].into_iter().flat_map(files).collect()
}

pub(super) fn by_content(text: &[u8]) -> bool {
    judged(text, parse_motifs(text, "x", &()))
}

fn of_format(text: &[u8], format: MotifFormat) -> bool {
    judged(text, parse_motifs_as(text, "x", format, &()))
}

/// The lenient reader takes what the peer takes, negative numbers too, so only that it answers is checked.
pub(super) fn lenient(text: &[u8]) -> bool {
    match parse_meme_lenient(text, "x", None) {
        Ok(set) => {
            let first = parse_meme_lenient(text, "x", Some(1));
            assert!(first.is_ok_and(|one| one.len() == set.len().min(1)));
            true
        }
        Err(error) => refused(text, &error),
    }
}

pub(super) fn background(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    match Background::parse(&text, "x", &Alphabet::dna()) {
        Ok(background) => {
            let sum: f64 = background.probabilities().iter().sum();
            assert!((sum - 1.0).abs() < 1e-8 && background.probabilities().len() == 4);
            true
        }
        Err(error) => refused(text.as_bytes(), &error),
    }
}

fn judged(text: &[u8], parsed: Result<MotifSet, MotifError>) -> bool {
    match parsed {
        Ok(set) => {
            check_values(&set);
            check_written(&set);
            true
        }
        Err(error) => refused(text, &error),
    }
}

/// An error names a line of the text and a byte of that line.
fn refused(text: &[u8], error: &MotifError) -> bool {
    let shown = error.to_string();
    assert!(!shown.contains('\n') && shown.len() < 1000, "the message is {shown:?}");
    if let MotifError::Malformed { line, column, .. } = error {
        // A replacement character is three bytes long; the lenient reader knows old line ends.
        let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
        assert!((1..=lines + 1).contains(line), "line {line} of {lines}: {shown}");
        assert!((1..=3 * text.len() as u64 + 1).contains(column), "column {column}: {shown}");
    }
    false
}

fn check_values(set: &MotifSet) {
    let uniform = Background::uniform(set.alphabet().len().into());
    for (index, motif) in set.motifs().iter().enumerate() {
        assert!(motif.width() > 0 && motif.matrix().iter().all(|value| value.is_finite()));
        assert_eq!(set.position(motif.name()), Some(index));
        let probabilities = motif.probabilities(&uniform);
        if let Ok(probabilities) = &probabilities {
            // Rows that sum to 1 within 0.01 are used as they are.
            assert!(probabilities.iter().all(|p| (0.0..=1.0101).contains(p)), "{probabilities}");
            assert!(probabilities.rows().into_iter().all(|row| (row.sum() - 1.0).abs() <= 0.0101));
        }
        // Wide scores need large tables, which takes time and shows nothing.
        let size: f64 = motif.matrix().iter().map(|value| value.abs()).sum();
        if index < 2 && (!motif.kind().is_score() || size < 1000.0) {
            let table = PValues::of(set, index, &FimoOptions::default());
            assert!(table.is_ok_and(|table| table.survival().windows(2).all(|pair| pair[0] >= pair[1])));
        }
    }
}

/// What was read is written as MEME and read again the same, names up to what one word holds.
fn check_written(set: &MotifSet) {
    let mut text = Vec::new();
    if let Err(error) = write_motifs(set, MotifFormat::Meme, &mut text) {
        assert!(error.to_string().contains("blanks are `_`"), "cannot be written: {error}");
        return;
    }
    let again = parse_motifs_as(&text, "again", MotifFormat::Meme, &());
    let again = again.unwrap_or_else(|error| panic!("{error}\n{}", text.escape_ascii()));
    assert_eq!(again.len(), set.len());
    for (motif, again) in set.motifs().iter().zip(again.motifs()) {
        let start = again.name().split('_').next().unwrap_or_default();
        assert!(motif.name().trim_start().starts_with(start), "{} {}", motif.name(), again.name());
        assert_eq!(motif.width(), again.width());
    }
}
