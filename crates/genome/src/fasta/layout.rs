//! Bases out of lines: the bytes of a stretch lose their line ends, and every byte is checked on the way.

use super::index::IndexEntry;
use crate::error::byte_name;

/// What stands in a file where its index says something else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The position in the contig, 0-based.
    pub(super) position: u64,
    pub(super) problem: String,
}

/// Appends the bases that stand in `raw`, the bytes from base `start` of a contig to another base, line ends
/// between them included.
///
/// Line ends must stand where the index says and only sequence letters elsewhere; otherwise nothing is appended.
pub(super) fn append_bases(
    entry: &IndexEntry,
    start: u64,
    raw: &[u8],
    bases: &mut Vec<u8>,
) -> Result<(), Misfit> {
    let begin = bases.len();
    let ends_fit = match (entry.line_bases, entry.line_width) {
        (1, 2) => append_single_letters(raw, bases),
        _ => append_lines(entry, start, raw, bases),
    };
    let letters = bases.get(begin..).unwrap_or_default();
    if ends_fit && all_letters(letters) {
        return Ok(());
    }
    bases.truncate(begin);
    Err(find_misfit(entry, start, raw))
}

/// Copies the lines of a record; `false` if a line end is not where it should be.
fn append_lines(entry: &IndexEntry, start: u64, raw: &[u8], bases: &mut Vec<u8>) -> bool {
    let end = line_end(entry);
    let line = entry.line_bases as usize;
    let mut run = line - (start % entry.line_bases) as usize;
    let mut rest = raw;
    while let Some((letters, more)) = rest.split_at_checked(run).filter(|(_, more)| !more.is_empty()) {
        let Some(next) = more.strip_prefix(end) else { return false };
        bases.extend_from_slice(letters);
        rest = next;
        run = line;
    }
    bases.extend_from_slice(rest);
    true
}

/// One letter a line and LF: the low byte of every two, in a form that compiles to vector code.
fn append_single_letters(raw: &[u8], bases: &mut Vec<u8>) -> bool {
    const LF: u16 = (b'\n' as u16) << 8;
    let (pairs, last) = raw.as_chunks::<2>();
    let begin = bases.len();
    bases.resize(begin + pairs.len(), 0);
    let mut wrong = 0;
    for (base, pair) in bases.iter_mut().skip(begin).zip(pairs) {
        let word = u16::from_le_bytes(*pair);
        *base = word as u8;
        wrong |= word ^ LF;
    }
    bases.extend_from_slice(last);
    wrong >> 8 == 0
}

fn line_end(entry: &IndexEntry) -> &'static [u8] {
    match entry.line_width - entry.line_bases {
        0 => b"",
        1 => b"\n",
        _ => b"\r\n",
    }
}

/// Whether all bytes may stand in a sequence line, as the index builder has it.
fn all_letters(bytes: &[u8]) -> bool {
    let plain = |byte: u8| (byte | 0x20).wrapping_sub(b'a') < 26;
    bytes.iter().fold(true, |all, &byte| all & plain(byte)) || bytes.iter().copied().all(is_letter)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'*' | b'-' | b'.')
}

/// The first byte that does not fit, found the slow way.
fn find_misfit(entry: &IndexEntry, start: u64, raw: &[u8]) -> Misfit {
    let end = line_end(entry);
    let mut position = start;
    let mut column = start % entry.line_bases;
    for &byte in raw {
        if column < entry.line_bases {
            if !is_letter(byte) {
                let problem = format!("found {}, expected a sequence letter", byte_name(byte));
                return Misfit { position, problem };
            }
            position += 1;
        } else if end.get((column - entry.line_bases) as usize) != Some(&byte) {
            let problem = format!("found {} after it, expected the end of a line", byte_name(byte));
            return Misfit { position: position.saturating_sub(1), problem };
        }
        column = (column + 1) % entry.line_width;
    }
    Misfit { position, problem: "found other line ends, expected those of the index".to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(line_bases: u64, line_width: u64) -> IndexEntry {
        IndexEntry { name: "c".into(), length: u64::MAX, offset: 0, line_bases, line_width }
    }

    proptest! {
        #[test]
        fn every_stretch_of_every_layout_gives_its_bases(
            letters in "[ACGTacgtnNRU*-]{1,200}",
            line in 1_usize..40,
            crlf: bool,
            cut in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            let lines: Vec<&str> = letters.as_bytes().chunks(line).map(|l| std::str::from_utf8(l).unwrap()).collect();
            let text = lines.join(end);
            let entry = entry(line as u64, (line + end.len()) as u64);
            let mut places = [cut.0, cut.1].map(|x| (x * letters.len() as f64) as usize);
            places.sort_unstable();
            let [start, last] = places;
            let raw = &text.as_bytes()[entry.byte_of(start as u64) as usize..=entry.byte_of(last as u64) as usize];
            let mut bases = b"kept".to_vec();
            append_bases(&entry, start as u64, raw, &mut bases).unwrap();
            prop_assert_eq!(&bases[4..], &letters.as_bytes()[start..=last]);
            // Any byte that is made another kind is noticed.
            for i in 0..raw.len() {
                let mut wrong = raw.to_vec();
                wrong[i] = if is_letter(wrong[i]) { b'>' } else { b'A' };
                let misfit = append_bases(&entry, start as u64, &wrong, &mut bases).unwrap_err();
                prop_assert!((start as u64..=last as u64).contains(&misfit.position));
            }
            prop_assert_eq!(bases.len(), 4 + last + 1 - start);
        }
    }

    #[test]
    fn misfits_name_the_base() {
        let misfit = |raw: &[u8], start| append_bases(&entry(4, 5), start, raw, &mut Vec::new()).unwrap_err();
        assert_eq!(
            misfit(b"AC\nG", 0),
            Misfit { position: 2, problem: "found a line end, expected a sequence letter".to_owned() }
        );
        assert_eq!(
            misfit(b"GTAC", 6),
            Misfit { position: 7, problem: "found `A` after it, expected the end of a line".to_owned() }
        );
    }
}
