use std::io::{self, Write};

use super::{Header, Record};

/// Writes records as they were read, with entries added to their INFO.
///
/// Entries of the same names that are there already, and their lines in the header, are left out: what is written is what
/// was added last.
///
/// ```
/// use cistron_genome::vcf::{Reader, Writer};
///
/// let text = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t7\t.\tA\tC\t.\t.\tDB\n";
/// let mut records = Reader::new("toy.vcf", text.as_bytes())?;
/// let mut out = Vec::new();
/// let added = [("SCORE", "Number=A,Type=Float,Description=\"A score\"")];
/// let mut writer = Writer::new(&mut out, records.header(), &added)?;
/// for record in &mut records {
///     writer.write(&record?, &[("SCORE", "0.5")])?;
/// }
/// let out = String::from_utf8(out)?;
/// assert!(out.contains("##INFO=<ID=SCORE,Number=A,Type=Float,Description=\"A score\">\n#CHROM"));
/// assert!(out.ends_with("\tDB;SCORE=0.5\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    names: Vec<String>,
}

impl<W: Write> Writer<W> {
    /// Writes the header; `added` are the names of the entries and what else their definition says.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(mut inner: W, header: &Header, added: &[(&str, &str)]) -> io::Result<Self> {
        let is_old =
            |line: &str| added.iter().any(|(name, _)| line.starts_with(&format!("##INFO=<ID={name},")));
        let (columns, meta) = header.lines().split_last().unzip();
        for line in meta.unwrap_or_default().iter().filter(|line| !is_old(line)) {
            writeln!(inner, "{line}")?;
        }
        for (name, definition) in added {
            writeln!(inner, "##INFO=<ID={name},{definition}>")?;
        }
        writeln!(inner, "{}", columns.map_or("", String::as_str))?;
        Ok(Self { inner, names: added.iter().map(|(name, _)| (*name).to_owned()).collect() })
    }

    /// Writes a record with entries added.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, record: &Record, entries: &[(&str, &str)]) -> io::Result<()> {
        for (place, column) in record.line().split('\t').enumerate() {
            if place > 0 {
                self.inner.write_all(b"\t")?;
            }
            if place == super::COLUMNS.len() - 1 {
                self.write_info(column, entries)?;
            } else {
                self.inner.write_all(column.as_bytes())?;
            }
        }
        writeln!(self.inner)
    }

    fn write_info(&mut self, old: &str, entries: &[(&str, &str)]) -> io::Result<()> {
        let is_kept = |entry: &&str| {
            let name = entry.split('=').next().unwrap_or_default();
            !matches!(*entry, "" | ".") && !self.names.iter().any(|added| added == name)
        };
        let mut separator = "";
        for entry in old.split(';').filter(is_kept) {
            write!(self.inner, "{separator}{entry}")?;
            separator = ";";
        }
        for (name, value) in entries {
            write!(self.inner, "{separator}{name}={value}")?;
            separator = ";";
        }
        if separator.is_empty() {
            self.inner.write_all(b".")?;
        }
        Ok(())
    }

    /// The output.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vcf::Reader;

    const TEXT: &str = "##fileformat=VCFv4.3\n##INFO=<ID=S,Number=1>\n##INFO=<ID=SX,Number=1>\n##contig=<ID=c>\n\
        #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone\nc\t1\t.\tA\tC\t.\t.\t.\tGT\t0|1\n\
        c\t2\tx\tA\tC\t3.0\tPASS\tSX=1;S=2;DB\tGT\t0|1\nc\t3\tx\tA\tC\t3.0\tPASS\tS\tGT\t.\n";

    fn write(added: &[(&str, &str)], entries: &[(&str, &str)]) -> String {
        let mut records = Reader::new("x", TEXT.as_bytes()).unwrap();
        let mut writer = Writer::new(Vec::new(), records.header(), added).unwrap();
        records.try_for_each(|record| writer.write(&record.unwrap(), entries)).unwrap();
        String::from_utf8(writer.into_inner()).unwrap()
    }

    #[test]
    fn nothing_added_is_nothing_changed() {
        assert_eq!(write(&[], &[]), TEXT);
    }

    #[test]
    fn what_was_added_before_is_replaced() {
        let written = write(&[("S", "Number=A,Type=Float")], &[("S", "0.5")]);
        let expected = TEXT
            .replace("##INFO=<ID=S,Number=1>\n", "")
            .replace("#CHROM", "##INFO=<ID=S,Number=A,Type=Float>\n#CHROM")
            .replace("\t.\tGT\t0|1", "\tS=0.5\tGT\t0|1")
            .replace("SX=1;S=2;DB", "SX=1;DB;S=0.5")
            .replace("PASS\tS\t", "PASS\tS=0.5\t");
        assert_eq!(written, expected);
        assert_eq!(write(&[("S", "Number=A,Type=Float")], &[]).matches("\t.\tGT").count(), 2);
    }
}
