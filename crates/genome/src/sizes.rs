use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cistron_core::Contig;

use crate::GenomeError;
use crate::bed::parse_position;
use crate::error::quoted;
use crate::text::{self, Lines};

/// Reads names and lengths of contigs from a `.fai` or a two-column `.sizes` file.
///
/// Empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// [`GenomeError::Malformed`] with line and column (field) for another number of columns (a BED file has three), a
/// length that is not written in decimal digits, a name that is empty or there twice; [`GenomeError::Unusable`]
/// for a file without any contig; [`GenomeError::Read`] if it cannot be read.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("toy.sizes");
/// std::fs::write(&path, "chr1\t1500\nchr2\t731\n")?;
/// let contigs = cistron_genome::read_sizes(&path)?;
/// assert_eq!((&*contigs[1].name, contigs[1].length), ("chr2", 731));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_sizes(path: impl AsRef<Path>) -> Result<Vec<Contig>, GenomeError> {
    let path = path.as_ref();
    let file = text::name_of(path);
    let mut lines = Lines::new(&file, text::open(path)?);
    let mut contigs: Vec<Contig> = Vec::new();
    let mut seen: HashMap<Arc<str>, u64> = HashMap::new();
    while lines.advance()? {
        if lines.line().is_empty() || lines.line().starts_with(b"#") {
            continue;
        }
        let contig = parse(&lines)?;
        if let Some(first) = seen.insert(contig.name.clone(), lines.number()) {
            let name = &contig.name;
            let problem =
                format!("found contig `{name}` again, expected each name once (first at line {first})");
            return Err(lines.error(1, problem));
        }
        contigs.push(contig);
    }
    if contigs.is_empty() {
        return Err(GenomeError::unusable(&file, "no contig, expected lines of a name and a length"));
    }
    Ok(contigs)
}

fn parse<R: std::io::BufRead>(lines: &Lines<R>) -> Result<Contig, GenomeError> {
    let fields: Vec<&str> = lines.text()?.split('\t').collect();
    let (&[name, length] | &[name, length, _, _, _]) = fields.as_slice() else {
        let found = fields.len();
        let noun = if found == 1 { "column" } else { "columns" };
        return Err(lines.error(
            found.min(3),
            format!(
                "found {found} {noun}, expected 2 (name, length) or the 5 of a FASTA index, separated by tabs"
            ),
        ));
    };
    if name.is_empty() {
        return Err(lines.error(1, "found no contig name, expected one"));
    }
    let length = parse_position(length).map_err(|expected| {
        lines.error(2, format!("length is {}, expected {expected}", quoted(length.as_bytes())))
    })?;
    Ok(Contig { name: name.into(), length })
}
