//! FASTA, its index, BED, VCF, tables of sizes, bigWig and bigBed.

use std::io::Write;

use cistron::genome::bigbed::BigBed;
use cistron::genome::bigwig::{BigWig, BinOptions, Statistic};
use cistron::genome::fasta::{FastaIndex, Reader};
use cistron::genome::{Genome, GenomeError, bed, read_sizes, vcf};
use cistron::{Contig, Reference, Region, Strand, VariantRow, VariantStatus, Window};

/// Records larger than this are refused.
const MEMORY: u64 = 1 << 20;

/// What can be indexed can be read whole, and both see the same.
pub(super) fn fasta(text: &[u8]) -> bool {
    let records: Result<Vec<_>, _> = Reader::new("x.fa", text).collect();
    let genome = Genome::from_reader("x.fa", text, MEMORY);
    if let Ok(genome) = &genome {
        for contig in genome.contigs() {
            let window = Window::new(contig.name.clone(), -3, contig.length as u32 + 9, Strand::Reverse);
            let (window, mut codes) = (window.unwrap_or_else(|error| panic!("{error}")), Vec::new());
            assert!(genome.fetch_into(&window, &mut codes).is_ok());
            assert_eq!(codes.len() as u64, contig.length + 9);
        }
    }
    let Ok(index) = FastaIndex::build("x.fa", text) else { return false };
    let records = records.unwrap_or_else(|error| panic!("indexed, but not read: {error}"));
    let lengths: Vec<_> = records.iter().map(|record| record.letters.len() as u64).collect();
    assert_eq!(index.entries().iter().map(|entry| entry.length).collect::<Vec<_>>(), lengths);
    true
}

pub(super) fn fai(text: &[u8]) -> bool {
    let Ok(index) = FastaIndex::read("x.fai", text) else { return false };
    let mut written = Vec::new();
    assert!(index.write(&mut written).is_ok());
    assert!(FastaIndex::read("x.fai", &written[..]).is_ok_and(|again| again == index));
    true
}

pub(super) fn bed(text: &[u8]) -> bool {
    let rows: Result<Vec<_>, _> = bed::Reader::new("x.bed", text).collect();
    for row in rows.iter().flatten() {
        let line = row.to_string();
        // A line feed behind a carriage return ends the line with both.
        if line.ends_with('\r') {
            continue;
        }
        // A row of a contig named `track` or `#` reads back as a header line.
        let again = bed::Reader::new("x.bed", line.as_bytes()).next();
        assert!(again.is_none_or(|again| again.is_ok_and(|again| again == *row)), "{line:?}");
    }
    rows.is_ok()
}

/// What is written reads back the same; rows become variants or say why not.
pub(super) fn vcf(text: &[u8]) -> bool {
    let genome = Genome::from_reader("x.fa", &b">chr1\nACGTNNacgtACGTACGTGGTTAACC\n"[..], MEMORY);
    let genome = genome.unwrap_or_else(|error| panic!("{error}"));
    let read = |text: &[u8]| -> Option<Vec<u8>> {
        let mut records = vcf::Reader::new("x.vcf", text).ok()?;
        let mut writer = vcf::Writer::new(Vec::new(), records.header(), &[]).ok()?;
        for record in &mut records {
            let record = record.ok()?;
            writer.write(&record, &[]).ok()?;
            record.rows().for_each(|row| check_row(&row, &genome));
        }
        Some(writer.into_inner())
    };
    let Some(written) = read(text) else { return false };
    // A carriage return at the end of a line goes each time.
    assert!(written.contains(&b'\r') || read(&written).is_some_and(|again| again == written));
    true
}

fn check_row(row: &VariantRow, genome: &Genome) {
    let (status, variant) = row.resolve(genome).unwrap_or_else(|error| panic!("{error}"));
    if let (VariantStatus::Ok, Some(variant)) = (status, variant) {
        let aligned = variant.left_aligned(genome).unwrap_or_else(|error| panic!("{error}"));
        assert!(aligned.matches(genome).is_ok_and(|matches| matches), "{variant} {aligned}");
    }
}

pub(super) fn sizes(text: &[u8]) -> bool {
    read_sizes(on_disk(text).path()).is_ok()
}

fn on_disk(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().and_then(|mut file| file.write_all(bytes).map(|()| file));
    file.unwrap_or_else(|error| panic!("no temporary file: {error}"))
}

/// Positions of a contig that are asked for: few enough for a short run, whatever length a file claims.
fn beginning(contig: &Contig) -> Option<Region> {
    Region::new(contig.name.clone(), 0, contig.length.min(2000)).ok().filter(|region| region.width() > 0)
}

/// Whoever reads a track by bases, by intervals and by bins sees the same.
pub(super) fn bigwig(bytes: &[u8]) -> bool {
    let file = on_disk(bytes);
    let ask = || -> Result<(), GenomeError> {
        let track = BigWig::open(file.path())?;
        for region in track.contigs().iter().take(50).filter_map(beginning) {
            let values = track.values(&region);
            let mut bins = vec![0.0; region.width() as usize];
            let binned = track.bin_into(&region, &BinOptions::new(Statistic::Max), &mut bins);
            assert_eq!(values.is_ok(), binned.is_ok());
            let values = values?;
            assert!(values.iter().zip(&bins).all(|(a, b)| f64::from(*a) == *b || a.is_nan() && b.is_nan()));
            let covered: u64 = track
                .intervals(&region)?
                .iter()
                .map(|it| u64::from(it.end).min(region.end()) - u64::from(it.start))
                .sum();
            assert!(covered >= values.iter().filter(|value| !value.is_nan()).count() as u64);
            for n in [1, 3, 20] {
                let mut bins = vec![0.0; n];
                for statistic in Statistic::ALL {
                    track.statistic_from_zoom_into(&region, statistic, &mut bins)?;
                    track.as_libbigwig(&region, statistic, &mut bins)?;
                }
            }
        }
        Ok(())
    };
    ask().is_ok()
}

/// What overlaps a contig's beginning is among all rows.
pub(super) fn bigbed(bytes: &[u8]) -> bool {
    let file = on_disk(bytes);
    let ask = || -> Result<(), GenomeError> {
        let rows = bed::read(file.path())?;
        let entries = BigBed::open(file.path())?;
        for region in entries.contigs().iter().take(50).filter_map(beginning) {
            for found in entries.entries(&region)? {
                // A contig may have a name that makes a line a header of BED.
                assert!(
                    rows.contains(&found) || rows.iter().all(|row| row.region.contig() != region.contig())
                );
            }
        }
        Ok(())
    };
    ask().is_ok()
}
