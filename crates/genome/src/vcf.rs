//! VCF: records in order, as rows of one alternate allele each, and passed through unchanged with what is added.

mod writer;

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use cistron_core::VariantRow;

pub use writer::Writer;

use crate::GenomeError;
use crate::bed::parse_position;
use crate::error::quoted;
use crate::text::{self, ContigNames, Lines, TextReader};

/// The columns that every VCF has.
const COLUMNS: [&str; 8] = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"];

/// The lines of a file before its records, as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Lines that begin with `##`, then that of the columns.
    lines: Vec<String>,
}

impl Header {
    /// The lines, the last one that of the columns.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    fn n_columns(&self) -> usize {
        self.lines.last().map_or(0, |line| line.split('\t').count())
    }
}

/// A record, kept as its line stands in the file.
///
/// ```
/// use cistron_genome::vcf::Reader;
///
/// let text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t7\trs1\tA\tC,T\t.\t.\tAF=0.1\n";
/// let mut records = Reader::new("toy.vcf", text.as_bytes())?;
/// let record = records.next().transpose()?.ok_or("no record")?;
/// let rows: Vec<_> = record.rows().collect();
/// assert_eq!((rows.len(), rows[1].position, &*rows[1].alternate, rows[1].alt_index), (2, 7, "T", 1));
/// assert_eq!(record.column(8), Some("AF=0.1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    contig: Arc<str>,
    position: u64,
    line: Box<str>,
}

impl Record {
    /// The contig's name.
    pub fn contig(&self) -> &Arc<str> {
        &self.contig
    }

    /// The place of the first base of the reference allele, from 1; 0 is the telomere.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The line as it stands in the file, without its line end.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// A column, counted from 1 as in the file: 3 is ID, 8 is INFO.
    pub fn column(&self, number: usize) -> Option<&str> {
        self.line.split('\t').nth(number.checked_sub(1)?)
    }

    /// A row for each alternate allele; one, of the allele `.`, if there is none.
    pub fn rows(&self) -> impl Iterator<Item = VariantRow> + '_ {
        let mut columns = self.line.split('\t').skip(2);
        let mut next = || columns.next().unwrap_or_default();
        let (id, reference, alternates) = (next(), next(), next());
        let id: Option<Arc<str>> = (id != ".").then(|| id.into());
        let reference: Arc<str> = reference.into();
        (0..).zip(alternates.split(',')).map(move |(alt_index, alternate)| VariantRow {
            contig: self.contig.clone(),
            position: self.position,
            id: id.clone(),
            reference: reference.clone(),
            alternate: alternate.into(),
            alt_index,
        })
    }
}

/// Reads the records of a VCF file one by one.
///
/// The header is read at the beginning: `##fileformat=VCFv4.` and a version, other lines with `##`, and the line of the
/// columns. A record has the header's number of columns, a contig, a position in decimal digits and alleles; alleles are
/// not judged here ([`VariantRow::resolve`] does). Each deviation is [`GenomeError::Malformed`] with line and column
/// (field); nothing follows an error. Empty lines at the end are skipped.
///
/// The lines are kept and not interpreted further, so that what is written later ([`Writer`]) differs from what was read in
/// nothing but what is added.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    header: Header,
    contigs: ContigNames,
    failed: bool,
}

impl Reader<TextReader> {
    /// Opens a VCF file, plain, gzip or bgzip; `-` is standard input.
    ///
    /// # Errors
    /// [`GenomeError::Read`] if it cannot be opened, [`GenomeError::Malformed`] and [`GenomeError::Unusable`] for a
    /// header that is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GenomeError> {
        let path = path.as_ref();
        Self::new(&text::name_of(path), text::open(path)?)
    }
}

impl<R: BufRead> Reader<R> {
    /// A reader of an uncompressed text; `file` is its name in messages.
    ///
    /// # Errors
    /// [`GenomeError::Malformed`] and [`GenomeError::Unusable`] for a header that is none.
    pub fn new(file: &str, reader: R) -> Result<Self, GenomeError> {
        let mut lines = Lines::new(file, reader);
        let header = read_header(file, &mut lines)?;
        Ok(Self { lines, header, contigs: ContigNames::default(), failed: false })
    }

    /// The lines before the records.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn read(&mut self) -> Result<Option<Record>, GenomeError> {
        let mut blank = None;
        while self.lines.advance()? {
            if self.lines.line().is_empty() {
                blank.get_or_insert(self.lines.number());
            } else if blank.is_some() {
                return Err(self
                    .lines
                    .error(1, "an empty line stands before, expected none between records"));
            } else {
                return self.parse().map(Some);
            }
        }
        Ok(None)
    }

    fn parse(&mut self) -> Result<Record, GenomeError> {
        let line = self.lines.text()?;
        let found = line.split('\t').count();
        let expected = self.header.n_columns();
        if found != expected {
            let place = found.min(expected) + 1;
            let problem = format!("found {found} columns, expected {expected} as the header has");
            return Err(self.lines.error(place, problem));
        }
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let (contig, position, _, reference, alternate) = (next(), next(), next(), next(), next());
        for (column, name, text) in [(1, "CHROM", contig), (4, "REF", reference), (5, "ALT", alternate)] {
            if text.is_empty() || text.contains(' ') {
                let text = quoted(text.as_bytes());
                let problem = format!("{name} is {text}, expected a word without blanks");
                return Err(self.lines.error(column, problem));
            }
        }
        let position = parse_position(position).map_err(|expected| {
            self.lines.error(2, format!("POS is {}, expected {expected}", quoted(position.as_bytes())))
        })?;
        Ok(Record { contig: self.contigs.get(contig), position, line: line.into() })
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, GenomeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.read();
        self.failed = record.is_err();
        record.transpose()
    }
}

fn read_header<R: BufRead>(file: &str, lines: &mut Lines<R>) -> Result<Header, GenomeError> {
    let mut header = Vec::new();
    while lines.advance()? {
        if lines.number() == 1 {
            check_format(lines)?;
        }
        let line = lines.text()?;
        if !line.starts_with("##") {
            check_columns(lines, line)?;
            header.push(line.to_owned());
            return Ok(Header { lines: header });
        }
        header.push(line.to_owned());
    }
    let problem = "the file ends before its records, expected a line that begins with `#CHROM`";
    Err(GenomeError::unusable(file, problem))
}

fn check_format<R: BufRead>(lines: &Lines<R>) -> Result<(), GenomeError> {
    if lines.line().starts_with(b"BCF") {
        return Err(lines.error(1, "found BCF, expected VCF (convert it with `bcftools view`)"));
    }
    if lines.line().starts_with(b"##fileformat=VCFv4.") {
        return Ok(());
    }
    let found = quoted(lines.line());
    Err(lines.error(1, format!("found {found}, expected `##fileformat=VCFv4.` and a version")))
}

fn check_columns<R: BufRead>(lines: &Lines<R>, line: &str) -> Result<(), GenomeError> {
    let mut columns = line.split('\t');
    for (place, expected) in (1..).zip(COLUMNS) {
        let found = columns.next();
        if found != Some(expected) {
            let found = found.map_or("nothing".to_owned(), |found| quoted(found.as_bytes()));
            return Err(lines.error(place, format!("found {found}, expected `{expected}`")));
        }
    }
    match columns.next() {
        None | Some("FORMAT") => Ok(()),
        Some(other) => {
            let found = quoted(other.as_bytes());
            Err(lines.error(COLUMNS.len() + 1, format!("found {found}, expected `FORMAT` before samples")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";

    fn lines(text: &str) -> Result<Vec<String>, String> {
        let reader = Reader::new("x.vcf", text.as_bytes()).map_err(|error| error.to_string())?;
        reader.map(|it| it.map(|it| it.line().to_owned()).map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn records_are_kept_as_they_stand() {
        let text =
            format!("{HEAD}c\t0\t.\tn\tA,<DEL>,*\t.\tq10;s50\t\r\n1\t007\ta;b\tACG\t.\t3\t.\tDB\n\n\n");
        let records: Vec<Record> =
            Reader::new("x", text.as_bytes()).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(records[0].line(), "c\t0\t.\tn\tA,<DEL>,*\t.\tq10;s50\t");
        let rows: Vec<VariantRow> = records.iter().flat_map(Record::rows).collect();
        let alleles: Vec<(&str, u32)> = rows.iter().map(|row| (&*row.alternate, row.alt_index)).collect();
        assert_eq!(alleles, [("A", 0), ("<DEL>", 1), ("*", 2), (".", 0)]);
        assert_eq!((rows[0].position, rows[3].position), (0, 7));
        assert_eq!((rows[0].id.as_deref(), rows[3].id.as_deref()), (None, Some("a;b")));
        assert_eq!(
            (records[1].column(8), records[1].column(9), records[1].column(0)),
            (Some("DB"), None, None)
        );
    }

    #[test]
    fn samples_are_columns_as_well() {
        let head = HEAD.replace("INFO", "INFO\tFORMAT\tone\ttwo");
        let line = "c\t1\t.\tA\tC\t.\t.\t.\tGT\t0|1\t1|1";
        assert_eq!(lines(&format!("{head}{line}\n")).unwrap(), [line]);
        let error = lines(&format!("{head}c\t1\t.\tA\tC\t.\t.\t.\tGT\t0|1\n")).unwrap_err();
        assert_eq!(error, "x.vcf:3:11: found 10 columns, expected 11 as the header has");
    }

    #[test]
    fn what_is_no_vcf_is_refused_with_its_place() {
        let record = |line: &str| format!("{HEAD}{line}\n");
        for (text, expected) in [
            (
                String::new(),
                "x.vcf: the file ends before its records, expected a line that begins with `#CHROM`",
            ),
            (
                "BCF\u{2}\u{2}x\n".into(),
                "x.vcf:1:1: found BCF, expected VCF (convert it with `bcftools view`)",
            ),
            (
                "chr1\t5\t.\tA\tC\n".into(),
                "x.vcf:1:1: found `chr1\\t5\\t.\\tA\\tC`, expected `##fileformat=VCFv4.`",
            ),
            ("##fileformat=VCFv3.3\n".into(), "x.vcf:1:1: found `##fileformat=VCFv3.3`, expected"),
            ("##fileformat=VCFv4.2\n".into(), "x.vcf: the file ends before its records"),
            ("##fileformat=VCFv4.2\nc\t1\n".into(), "x.vcf:2:1: found `c`, expected `#CHROM`"),
            (HEAD.replace("\tINFO", ""), "x.vcf:2:8: found nothing, expected `INFO`"),
            (HEAD.replace("INFO", "INFO\tone"), "x.vcf:2:9: found `one`, expected `FORMAT` before samples"),
            (record("c\t1\t.\tA\tC"), "x.vcf:3:6: found 5 columns, expected 8 as the header has"),
            (record("\t1\t.\tA\tC\t.\t.\t."), "x.vcf:3:1: CHROM is ``, expected a word without blanks"),
            (
                record("c\t-1\t.\tA\tC\t.\t.\t."),
                "x.vcf:3:2: POS is `-1`, expected a number in decimal digits",
            ),
            (record("c\t1\t.\t\tC\t.\t.\t."), "x.vcf:3:4: REF is ``"),
            (record("c\t1\t.\tA\tC \t.\t.\t."), "x.vcf:3:5: ALT is `C `"),
            (record("\nc\t1\t.\tA\tC\t.\t.\t."), "x.vcf:4:1: an empty line stands before"),
        ] {
            let error = lines(&text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
