//! Damage to files: bytes, lines, numbers, and pieces of other files.

use std::ops::Range;

use cistron::Stream;

/// Inputs do not grow beyond this.
const LARGEST: usize = 1 << 16;

/// Bytes that have a meaning in some format.
const BYTES: &[u8] = b"\n\r\t >#:;=~.,-+09ACGTNacgtn[](){}\"\0\x1f\x7f\x80\xc3\xff";

/// Numbers at the ends of what types hold, and what is read as a number or nearly so.
const NUMBERS: [&str; 26] = [
    "0",
    "-0",
    "1",
    "-1",
    "+1",
    "0.25",
    "1e-5",
    "1e308",
    "1e309",
    "-1e308",
    "1e-320",
    "1e-999",
    "nan",
    "NaN",
    "inf",
    "-infinity",
    "0x10",
    "1_000",
    "1,5",
    ".",
    "-",
    "65536",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
];

/// A corpus file with one to sixteen changes, most often few.
pub fn mutate(corpus: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = pick(corpus, stream).cloned().unwrap_or_default();
    let changes = 1 + below(1 << below(5, stream), stream);
    for _ in 0..changes {
        change(&mut bytes, corpus, stream);
        bytes.truncate(LARGEST);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], stream: &mut Stream) {
    let at = below(bytes.len() + 1, stream);
    match below(16, stream) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, stream.next_u64() as u8),
        2 => bytes.insert(at, pick(BYTES, stream).copied().unwrap_or(0)),
        3 => overwrite(bytes, at, &[stream.next_u64() as u8]),
        4 => overwrite(bytes, at, &[pick(BYTES, stream).copied().unwrap_or(0)]),
        5 => overwrite(bytes, at, &pick(&integers(stream), stream).copied().unwrap_or_default()),
        6 => drop(bytes.drain(range(bytes.len(), 64, stream))),
        7 => insert(bytes, at, &copy(bytes, range(bytes.len(), 64, stream))),
        8 => drop(bytes.drain(line(bytes, at))),
        9 => insert(bytes, line(bytes, at).start, &copy(bytes, line(bytes, at))),
        10 => {
            let other = below(bytes.len() + 1, stream);
            let moved = copy(bytes, line(bytes, other));
            insert(bytes, line(bytes, at).start, &moved);
        }
        11 | 12 => {
            let number = pick(&NUMBERS, stream).copied().unwrap_or_default();
            replace(bytes, token(bytes, at), number.as_bytes());
        }
        13 => {
            let other = pick(corpus, stream).map_or(&[][..], Vec::as_slice);
            let place = below(other.len() + 1, stream);
            replace(bytes, token(bytes, at), &copy(other, token(other, place)));
        }
        14 => {
            let other = pick(corpus, stream).map_or(&[][..], Vec::as_slice);
            insert(bytes, line(bytes, at).start, &copy(other, range(other.len(), 256, stream)));
        }
        _ => exchange(bytes, stream),
    }
}

/// Changes every occurrence of one separator.
fn exchange(bytes: &mut Vec<u8>, stream: &mut Stream) {
    let pairs: [(u8, &[u8]); 6] =
        [(b'\n', b"\r\n"), (b'\n', b"\r"), (b' ', b"\t"), (b'\t', b" "), (b'\n', b"\n\n"), (b' ', b"")];
    let (from, to) = pick(&pairs, stream).copied().unwrap_or((b' ', b"\t"));
    *bytes = bytes.iter().flat_map(|byte| if *byte == from { to.to_vec() } else { vec![*byte] }).collect();
}

fn below(bound: usize, stream: &mut Stream) -> usize {
    stream.below(bound as u64) as usize
}

fn pick<'a, T>(items: &'a [T], stream: &mut Stream) -> Option<&'a T> {
    items.get(below(items.len(), stream))
}

fn copy(bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    bytes.get(range).unwrap_or_default().to_vec()
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    replace(bytes, at..at, piece);
}

fn replace(bytes: &mut Vec<u8>, range: Range<usize>, piece: &[u8]) {
    bytes.splice(range, piece.iter().copied());
}

fn overwrite(bytes: &mut [u8], at: usize, piece: &[u8]) {
    bytes.iter_mut().skip(at).zip(piece).for_each(|(byte, new)| *byte = *new);
}

/// Little-endian integers that lengths and offsets are tried with.
fn integers(stream: &mut Stream) -> [[u8; 8]; 4] {
    [0, u64::MAX, i64::MAX as u64, stream.next_u64() >> below(64, stream)].map(u64::to_le_bytes)
}

fn range(length: usize, most: usize, stream: &mut Stream) -> Range<usize> {
    let start = below(length + 1, stream);
    start..start + below((length - start).min(most) + 1, stream)
}

/// The line around a place, with its end.
fn line(bytes: &[u8], at: usize) -> Range<usize> {
    let (before, after) = bytes.split_at(at.min(bytes.len()));
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = after.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| before.len() + end + 1);
    start..end
}

/// The word or number around a place; empty between them.
fn token(bytes: &[u8], at: usize) -> Range<usize> {
    let (before, after) = bytes.split_at(at.min(bytes.len()));
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b":=[],".contains(byte);
    let start = before.iter().rposition(ends).map_or(0, |end| end + 1);
    let end = after.iter().position(ends).map_or(bytes.len(), |end| before.len() + end);
    start..end
}

#[cfg(test)]
mod tests {
    use cistron::Seed;

    use super::*;

    #[test]
    fn lines_and_tokens_are_found_around_any_place() {
        let text = b"ab 12\ncd\n";
        assert_eq!((line(text, 0), line(text, 5), line(text, 6), line(text, 9)), (0..6, 0..6, 6..9, 9..9));
        assert_eq!((token(text, 1), token(text, 4), token(text, 9)), (0..2, 3..5, 9..9));
        assert_eq!((line(b"", 0), token(b"", 0)), (0..0, 0..0));
    }

    #[test]
    fn an_input_depends_on_its_number_alone() {
        let corpus = [b"A 0.25\nC 0.25\n".to_vec(), b">x y\n1 2 3\n".to_vec(), Vec::new()];
        let input = |i| mutate(&corpus, &mut Seed::new(1).stream("t", i));
        let inputs: Vec<Vec<u8>> = (0..500).map(input).collect();
        assert_eq!(inputs, (0..500).map(input).collect::<Vec<_>>());
        let mut distinct = inputs.clone();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 250, "{}", distinct.len());
        assert!(inputs.iter().all(|input| input.len() <= LARGEST));
    }
}
