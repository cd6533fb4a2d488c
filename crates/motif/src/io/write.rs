use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use cistron_core::{Alphabet, Strand};
use ndarray::Array2;

use super::MotifFormat;
use crate::{Background, MatrixKind, Motif, MotifError, MotifSet};

/// Writes motifs in a format, with the shortest decimals that read back to the same values.
///
/// MEME and Homer and `UniPROBE` hold probabilities; JASPAR and TRANSFAC hold counts: probabilities are written
/// there times the number of sites, or as they are where that is unknown. MEME alone keeps scores (as a log-odds
/// matrix) and other alphabets than DNA and RNA. HOCOMOCO is written a row a position, as read.
///
/// In MEME, JASPAR and HOCOMOCO a name is one word: where names would be the same but for what follows a blank, their
/// blanks become `_`.
///
/// # Errors
/// [`MotifError::Motif`] for a motif that the format cannot hold, [`MotifError::Write`] if the writer fails.
///
/// ```
/// use cistron_motif::{MotifFormat, parse_motifs, write_motifs};
///
/// let set = parse_motifs(b">MA0001.1\tAGL3\n0 3\n94 75\n1 0\n2 3\n", "example", &())?;
/// let mut text = Vec::new();
/// write_motifs(&set, MotifFormat::Homer, &mut text)?;
/// assert!(text.starts_with(b">CC\tMA0001.1\t0\n"));
/// # Ok::<(), cistron_motif::MotifError>(())
/// ```
pub fn write_motifs(set: &MotifSet, format: MotifFormat, writer: &mut dyn Write) -> Result<(), MotifError> {
    let pairs = set.alphabet().complement(0).is_some() && set.alphabet().len() == 4;
    if format == MotifFormat::Meme {
        meme_header(set, writer).map_err(MotifError::write)?;
    }
    for (motif, name) in set.motifs().iter().zip(words(set)?) {
        if format != MotifFormat::Meme && !pairs {
            return Err(refuse(motif, &format!("has letters {}, expected DNA for {format}", set.alphabet())));
        }
        if motif.kind().is_score() && !matches!(format, MotifFormat::Meme | MotifFormat::Hocomoco) {
            return Err(refuse(
                motif,
                &format!("holds scores, expected counts or probabilities for {format}"),
            ));
        }
        let probabilities = motif.probabilities(&uniform(set.alphabet()))?;
        let written = match format {
            MotifFormat::Meme => meme(motif, &name, &probabilities, writer),
            MotifFormat::Jaspar => jaspar(motif, &name, writer),
            MotifFormat::Transfac => transfac(motif, writer),
            MotifFormat::Hocomoco => hocomoco(motif, &name, writer),
            MotifFormat::Uniprobe => uniprobe(motif, &probabilities, writer),
            MotifFormat::Homer => homer(motif, &probabilities, writer),
        };
        written.map_err(MotifError::write)?;
    }
    Ok(())
}

/// The names for formats in which a name is one word. Blanks of a name become `_` where its first word is another's
/// too; elsewhere they stay, and what follows the first word reads back as the second name.
fn words(set: &MotifSet) -> Result<Vec<String>, MotifError> {
    let first = |motif: &Motif| motif.name().split_whitespace().next().unwrap_or_default().to_owned();
    let mut uses = HashMap::new();
    set.motifs().iter().for_each(|motif| *uses.entry(first(motif)).or_insert(0) += 1);
    let word = |motif: &Motif| match uses.get(&first(motif)) {
        Some(1) => motif.name().to_string(),
        _ => motif.name().split_whitespace().collect::<Vec<_>>().join("_"),
    };
    let words: Vec<String> = set.motifs().iter().map(word).collect();
    let mut seen = HashSet::new();
    for (motif, word) in set.motifs().iter().zip(&words) {
        if !seen.insert(word.split_whitespace().next().unwrap_or_default()) {
            return Err(refuse(
                motif,
                "has the name of another when its blanks are `_`, expected unique names",
            ));
        }
    }
    Ok(words)
}

fn refuse(motif: &Motif, problem: &str) -> MotifError {
    MotifError::motif(motif.name(), problem)
}

fn uniform(alphabet: &Alphabet) -> Background {
    Background::uniform(usize::from(alphabet.len()))
}

fn meme_header(set: &MotifSet, writer: &mut dyn Write) -> io::Result<()> {
    let alphabet = set.alphabet();
    writeln!(writer, "MEME version 4\n\nALPHABET= {alphabet}\n")?;
    if alphabet.complement(0).is_some() {
        let signs: Vec<String> = set.strands().iter().map(Strand::to_string).collect();
        writeln!(writer, "strands: {}\n", signs.join(" "))?;
    }
    let uniform = uniform(alphabet);
    let background = set.background().unwrap_or(&uniform);
    let pairs = alphabet.letters().iter().zip(background.probabilities());
    let pairs: Vec<String> = pairs.map(|(letter, p)| format!("{} {p}", *letter as char)).collect();
    writeln!(writer, "Background letter frequencies\n{}\n", pairs.join(" "))
}

fn meme(motif: &Motif, name: &str, probabilities: &Array2<f64>, writer: &mut dyn Write) -> io::Result<()> {
    let alternate = motif.alternate().map_or("", |it| &**it);
    writeln!(writer, "{}", format!("MOTIF {name} {alternate}").trim_end())?;
    let (letters, width) = (probabilities.ncols(), motif.width());
    if motif.kind().is_score() {
        writeln!(
            writer,
            "log-odds matrix: alength= {letters} w= {width} E= {}",
            motif.e_value().unwrap_or(0.0)
        )?;
        rows(motif.matrix().rows().into_iter().map(|row| row.to_vec()), " ", writer)?;
    } else {
        let (nsites, e_value) = (motif.nsites().unwrap_or(20.0), motif.e_value().unwrap_or(0.0));
        writeln!(
            writer,
            "letter-probability matrix: alength= {letters} w= {width} nsites= {nsites} E= {e_value}"
        )?;
        rows(probabilities.rows().into_iter().map(|row| row.to_vec()), " ", writer)?;
    }
    if let Some(url) = motif.url() {
        writeln!(writer, "URL {url}")?;
    }
    writeln!(writer)
}

fn rows(rows: impl Iterator<Item = Vec<f64>>, separator: &str, writer: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        let row: Vec<String> = row.iter().map(f64::to_string).collect();
        writeln!(writer, "{}", row.join(separator))?;
    }
    Ok(())
}

/// Counts as read; probabilities times the number of sites.
fn counts(motif: &Motif) -> Array2<f64> {
    let scale = match motif.kind() {
        MatrixKind::Probabilities => motif.nsites().filter(|n| *n > 0.0).unwrap_or(1.0),
        _ => 1.0,
    };
    motif.matrix().mapv(|value| value * scale)
}

fn jaspar(motif: &Motif, name: &str, writer: &mut dyn Write) -> io::Result<()> {
    let alternate = motif.alternate().map_or("", |it| &**it);
    writeln!(writer, "{}", format!(">{name}\t{alternate}").trim_end())?;
    for (letter, column) in "ACGT".chars().zip(counts(motif).columns()) {
        let values: Vec<String> = column.iter().map(f64::to_string).collect();
        writeln!(writer, "{letter} [ {} ]", values.join(" "))?;
    }
    Ok(())
}

fn transfac(motif: &Motif, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "AC {}\nXX", motif.name())?;
    if let Some(alternate) = motif.alternate() {
        writeln!(writer, "NA {alternate}\nXX")?;
    }
    writeln!(writer, "P0\tA\tC\tG\tT")?;
    for (i, row) in counts(motif).rows().into_iter().enumerate() {
        let values: Vec<String> = row.iter().map(f64::to_string).collect();
        writeln!(writer, "{:02}\t{}", i + 1, values.join("\t"))?;
    }
    writeln!(writer, "XX\n//")
}

fn hocomoco(motif: &Motif, name: &str, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, ">{name}")?;
    rows(motif.matrix().rows().into_iter().map(|row| row.to_vec()), "\t", writer)
}

fn uniprobe(motif: &Motif, probabilities: &Array2<f64>, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "{}", motif.name())?;
    for (letter, column) in "ACGT".chars().zip(probabilities.columns()) {
        let values: Vec<String> = column.iter().map(f64::to_string).collect();
        writeln!(writer, "{letter}:\t{}", values.join("\t"))?;
    }
    writeln!(writer)
}

fn homer(motif: &Motif, probabilities: &Array2<f64>, writer: &mut dyn Write) -> io::Result<()> {
    let consensus: String =
        probabilities.rows().into_iter().map(|row| consensus_letter(row.to_vec())).collect();
    let threshold = motif.score_threshold().unwrap_or(0.0);
    writeln!(writer, ">{consensus}\t{}\t{threshold}", motif.name())?;
    rows(probabilities.rows().into_iter().map(|row| row.to_vec()), "\t", writer)
}

/// The first of the most probable letters.
fn consensus_letter(row: Vec<f64>) -> char {
    let mut best = 0;
    for (code, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = code;
        }
    }
    ['A', 'C', 'G', 'T'].get(best).copied().unwrap_or('N')
}
