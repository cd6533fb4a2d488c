use std::io::{self, Read, Write};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A header longer than this is no header.
const MAX_HEADER: usize = 1 << 20;
/// Bytes read or written at a time.
const CHUNK: usize = 1 << 16;

/// The type of an array's numbers, or fixed-width text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElementType {
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
    /// A signed integer of 1, 2, 4 or 8 bytes.
    Integer(u8),
    /// An unsigned integer of 1, 2, 4 or 8 bytes.
    Unsigned(u8),
    /// One byte, 0 or 1.
    Bool,
    /// Text of up to this many characters, four bytes each.
    Unicode(usize),
}

impl ElementType {
    /// The number of bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::Float32 => 4,
            Self::Float64 => 8,
            Self::Integer(size) | Self::Unsigned(size) => usize::from(size),
            Self::Bool => 1,
            Self::Unicode(width) => width.saturating_mul(4),
        }
    }

    fn descr(self) -> String {
        match self {
            Self::Float32 => "<f4".into(),
            Self::Float64 => "<f8".into(),
            Self::Integer(1) => "|i1".into(),
            Self::Unsigned(1) => "|u1".into(),
            Self::Integer(size) => format!("<i{size}"),
            Self::Unsigned(size) => format!("<u{size}"),
            Self::Bool => "|b1".into(),
            Self::Unicode(width) => format!("<U{width}"),
        }
    }

    fn parse(descr: &str) -> Option<(Self, bool)> {
        let big_endian = descr.starts_with('>');
        let code = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr);
        let size: usize = code.get(1..)?.parse().ok()?;
        let integer = matches!(size, 1 | 2 | 4 | 8).then_some(size as u8);
        let element = match (code.get(..1)?, size) {
            ("f", 4) => Self::Float32,
            ("f", 8) => Self::Float64,
            ("i", _) => Self::Integer(integer?),
            ("u", _) => Self::Unsigned(integer?),
            ("b", 1) => Self::Bool,
            ("U", width) => Self::Unicode(width),
            _ => return None,
        };
        Some((element, big_endian))
    }
}

/// What an array is: its element type and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    /// The type of the elements.
    pub element: ElementType,
    /// The length of each axis.
    pub shape: Vec<usize>,
    pub(crate) big_endian: bool,
    pub(crate) fortran_order: bool,
}

impl NpyHeader {
    /// A header in C order, little-endian.
    pub fn new(element: ElementType, shape: &[usize]) -> Self {
        Self { element, shape: shape.to_vec(), big_endian: false, fortran_order: false }
    }

    /// The number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |product: u64, &length| product.saturating_mul(length as u64))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let axes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        let comma = if axes.len() == 1 { "," } else { "" };
        let shape = format!("{}{comma}", axes.join(", "));
        let mut text =
            format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}", self.element.descr());
        // The data begins at a multiple of 64 bytes.
        let padded = (10 + text.len() + 1).next_multiple_of(64) - 10;
        text.extend(std::iter::repeat_n(' ', padded - text.len() - 1));
        text.push('\n');
        let mut bytes = [MAGIC, &b"\x01\x00"[..], &(text.len() as u16).to_le_bytes()].concat();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    fn read(reader: &mut impl Read) -> io::Result<Self> {
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(|_| invalid("is shorter than the header of an array"))?;
        if &start[..6] != MAGIC {
            return Err(invalid("does not begin with the mark of an npy array (\\x93NUMPY)"));
        }
        let length = match start[6] {
            1 => {
                let mut bytes = [0; 2];
                reader.read_exact(&mut bytes)?;
                usize::from(u16::from_le_bytes(bytes))
            }
            2 | 3 => {
                let mut bytes = [0; 4];
                reader.read_exact(&mut bytes)?;
                u32::from_le_bytes(bytes) as usize
            }
            other => return Err(invalid(format!("has npy version {other}, expected 1, 2 or 3"))),
        };
        if length > MAX_HEADER {
            return Err(invalid(format!("has a header of {length} bytes, expected at most {MAX_HEADER}")));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(|_| invalid("ends inside its header"))?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> io::Result<Self> {
        let missing = |key| invalid(format!("has no {key} in its header {:?}", text.trim_end()));
        let descr = value_of(text, "descr").ok_or_else(|| missing("descr"))?;
        let quoted = descr.strip_prefix(['\'', '"']).and_then(|rest| rest.split(['\'', '"']).next());
        let descr = quoted.ok_or_else(|| invalid("is a structured array, expected numbers or text"))?;
        if descr.ends_with('O') {
            return Err(invalid(
                "holds pickled Python objects, expected numbers or text; save it with a fixed-width type \
                 (names.astype('U'))",
            ));
        }
        let (element, big_endian) = ElementType::parse(descr).ok_or_else(|| {
            invalid(format!("has element type {descr:?}, expected f4, f8, i1 to i8, u1 to u8, b1 or U"))
        })?;
        let order = value_of(text, "fortran_order").ok_or_else(|| missing("fortran_order"))?;
        let shape = value_of(text, "shape").ok_or_else(|| missing("shape"))?;
        let inside = shape.strip_prefix('(').and_then(|rest| rest.split(')').next());
        let axes = inside.ok_or_else(|| missing("shape"))?.split(',').map(str::trim);
        let shape: Result<Vec<usize>, _> = axes.filter(|axis| !axis.is_empty()).map(str::parse).collect();
        let shape = shape.map_err(|_| missing("shape"))?;
        Ok(Self { element, shape, big_endian, fortran_order: order.starts_with("True") })
    }
}

/// The text after `'key':` in the dictionary of a header.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let at = quoted.iter().find_map(|quoted| text.find(quoted).map(|at| at + quoted.len()))?;
    Some(text.get(at..)?.trim_start().strip_prefix(':')?.trim_start())
}

pub(crate) fn invalid(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

/// Reads one array from a stream, in pieces of any size.
#[derive(Debug)]
pub struct NpyReader<R> {
    reader: R,
    header: NpyHeader,
    bytes: Vec<u8>,
}

impl<R: Read> NpyReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if it is no array of numbers or text.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let header = NpyHeader::read(&mut reader)?;
        Ok(Self { reader, header, bytes: Vec::new() })
    }

    /// What the array is.
    pub fn header(&self) -> &NpyHeader {
        &self.header
    }

    /// Fills `values` with the next numbers in the stream's own order, converted to f64 (exact but for
    /// integers beyond 2⁵³).
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if the stream ends early or holds text.
    pub fn read_into(&mut self, values: &mut [f64]) -> io::Result<()> {
        let (element, size) = (self.header.element, self.header.element.size());
        if matches!(element, ElementType::Unicode(_)) {
            return Err(invalid("holds text, expected numbers"));
        }
        for part in values.chunks_mut((CHUNK / size).max(1)) {
            self.fill(part.len() * size)?;
            for (value, bytes) in part.iter_mut().zip(self.bytes.chunks_exact(size)) {
                *value = number(element, bytes);
            }
        }
        Ok(())
    }

    /// Reads the whole array in C order.
    ///
    /// Memory grows with the bytes that are there, not with what the header claims.
    ///
    /// # Errors
    /// As [`read_into`](Self::read_into).
    pub fn read_all(&mut self) -> io::Result<Vec<f64>> {
        let total = self.header.elements();
        let mut values = Vec::new();
        while (values.len() as u64) < total {
            let begin = values.len();
            let more = (total - begin as u64).min(CHUNK as u64) as usize;
            values.resize(begin + more, 0.0);
            self.read_into(&mut values[begin..])?;
        }
        Ok(if self.header.fortran_order { from_fortran_order(&values, &self.header.shape) } else { values })
    }

    /// Reads the whole array as text, without the trailing NULs.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if the stream ends early, holds numbers, or a character that is none.
    pub fn read_text(&mut self) -> io::Result<Vec<String>> {
        let ElementType::Unicode(width) = self.header.element else {
            return Err(invalid("holds numbers, expected text"));
        };
        if width.saturating_mul(4) > MAX_HEADER {
            return Err(invalid(format!("holds texts of {width} characters, expected at most 262144")));
        }
        if width == 0 && self.header.elements() > CHUNK as u64 {
            return Err(invalid(format!("claims {} texts without a character", self.header.elements())));
        }
        let mut texts = Vec::new();
        for _ in 0..self.header.elements() {
            self.fill(width * 4)?;
            let codes = self.bytes.chunks_exact(4).map(u32::from_bytes);
            let codes = codes.map(|code| if self.header.big_endian { code.swap_bytes() } else { code });
            let text: Option<String> = codes.map(char::from_u32).collect();
            let text = text.ok_or_else(|| invalid("holds a number that is no character"))?;
            texts.push(text.trim_end_matches('\0').to_owned());
        }
        Ok(texts)
    }

    /// Reads the next `n` bytes in the machine's order of little-endian numbers.
    fn fill(&mut self, n: usize) -> io::Result<()> {
        self.bytes.resize(n, 0);
        self.reader.read_exact(&mut self.bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                invalid(format!("ends early, expected {} elements", self.header.elements()))
            }
            _ => error,
        })?;
        if self.header.big_endian && !matches!(self.header.element, ElementType::Unicode(_)) {
            self.bytes.chunks_exact_mut(self.header.element.size()).for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}

trait FromBytes {
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! from_bytes {
    ($($number:ty)*) => {$(
        impl FromBytes for $number {
            fn from_bytes(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$number>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
        }
    )*};
}
from_bytes!(i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

fn number(element: ElementType, bytes: &[u8]) -> f64 {
    match element {
        ElementType::Float32 => f64::from(f32::from_bytes(bytes)),
        ElementType::Float64 => f64::from_bytes(bytes),
        ElementType::Integer(1) => f64::from(i8::from_bytes(bytes)),
        ElementType::Integer(2) => f64::from(i16::from_bytes(bytes)),
        ElementType::Integer(4) => f64::from(i32::from_bytes(bytes)),
        ElementType::Integer(_) => i64::from_bytes(bytes) as f64,
        ElementType::Unsigned(1) | ElementType::Bool => f64::from(u8::from_bytes(bytes)),
        ElementType::Unsigned(2) => f64::from(u16::from_bytes(bytes)),
        ElementType::Unsigned(4) => f64::from(u32::from_bytes(bytes)),
        ElementType::Unsigned(_) => u64::from_bytes(bytes) as f64,
        // `read_into` refuses text before it comes here.
        ElementType::Unicode(_) => f64::NAN,
    }
}

/// Numbers whose first axis runs fastest, put in the order in which the last does.
fn from_fortran_order(values: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &length in shape {
        strides.push(stride);
        stride *= length;
    }
    let at = |mut index: usize| {
        let mut offset = 0;
        for (&length, stride) in shape.iter().zip(&strides).rev() {
            offset += index % length * stride;
            index /= length;
        }
        values[offset]
    };
    (0..values.len()).map(at).collect()
}

/// Writes one array to a stream, in pieces of any size.
#[derive(Debug)]
pub struct NpyWriter<W> {
    writer: W,
    element: ElementType,
    left: u64,
    bytes: Vec<u8>,
}

impl<W: Write> NpyWriter<W> {
    /// Writes the header of an array of this type and shape.
    ///
    /// # Errors
    /// Those of the stream; [`io::ErrorKind::InvalidInput`] for a shape that fills more than a header.
    pub fn new(mut writer: W, element: ElementType, shape: &[usize]) -> io::Result<Self> {
        if shape.len() > 32 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than 32 axes"));
        }
        let header = NpyHeader::new(element, shape);
        writer.write_all(&header.to_bytes())?;
        Ok(Self { writer, element, left: header.elements(), bytes: Vec::with_capacity(CHUNK) })
    }

    /// Writes the next numbers, rounded to the array's float type.
    ///
    /// # Errors
    /// Those of the stream; [`io::ErrorKind::InvalidInput`] for more numbers than the shape has, or an array
    /// that is not of floats.
    pub fn write(&mut self, values: &[f64]) -> io::Result<()> {
        self.take(values.len())?;
        for part in values.chunks(CHUNK / 8) {
            self.bytes.clear();
            match self.element {
                ElementType::Float32 => {
                    self.bytes.extend(part.iter().flat_map(|value| (*value as f32).to_le_bytes()));
                }
                ElementType::Float64 => {
                    self.bytes.extend(part.iter().flat_map(|value| value.to_le_bytes()));
                }
                _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "array is not of floats")),
            }
            self.writer.write_all(&self.bytes)?;
        }
        Ok(())
    }

    /// Writes the next bytes of an array of one-byte numbers.
    ///
    /// # Errors
    /// As [`write`](Self::write), for an array that is not of bytes.
    pub fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.element != ElementType::Unsigned(1) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "array is not of bytes"));
        }
        self.take(bytes.len())?;
        self.writer.write_all(bytes)
    }

    /// Writes the next numbers of an array of signed integers of 8 bytes.
    ///
    /// # Errors
    /// As [`write`](Self::write), for an array that is not of such integers.
    pub fn write_integers(&mut self, values: &[i64]) -> io::Result<()> {
        if self.element != ElementType::Integer(8) {
            let problem = "array is not of integers of 8 bytes";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        self.take(values.len())?;
        for part in values.chunks(CHUNK / 8) {
            self.bytes.clear();
            self.bytes.extend(part.iter().flat_map(|value| value.to_le_bytes()));
            self.writer.write_all(&self.bytes)?;
        }
        Ok(())
    }

    fn take(&mut self, n: usize) -> io::Result<()> {
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "more numbers than the array's shape has")
        })?;
        Ok(())
    }

    /// Ends the array and hands the stream back.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if numbers are missing.
    pub fn finish(self) -> io::Result<W> {
        if self.left > 0 {
            let missing = format!("{} numbers of the array are missing", self.left);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, missing));
        }
        Ok(self.writer)
    }
}

/// Writes texts as one array of fixed width (`<U`).
pub(crate) fn write_text(mut writer: impl Write, texts: &[String]) -> io::Result<()> {
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let header = NpyHeader::new(ElementType::Unicode(width), &[texts.len()]);
    writer.write_all(&header.to_bytes())?;
    for text in texts {
        let codes = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
        let bytes: Vec<u8> = codes.flat_map(u32::to_le_bytes).collect();
        writer.write_all(&bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_header(text: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &b"\x01\x00"[..], &(text.len() as u16).to_le_bytes()].concat();
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    fn read(text: &str, data: &[u8]) -> io::Result<Vec<f64>> {
        NpyReader::new(&with_header(text, data)[..])?.read_all()
    }

    #[test]
    fn headers_are_as_numpy_writes_them() {
        let bytes = NpyHeader::new(ElementType::Float32, &[3]).to_bytes();
        assert_eq!(bytes.len() % 64, 0);
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
        assert_eq!(std::str::from_utf8(&bytes[10..]).unwrap().trim_end(), text);
        let pair = NpyHeader::new(ElementType::Float64, &[2, 5]).to_bytes();
        assert!(std::str::from_utf8(&pair[10..]).unwrap().contains("'shape': (2, 5), }"));
    }

    #[test]
    fn every_number_type_is_read_in_either_order_of_bytes() {
        let header = |descr: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}");
        let cases: [(&str, &[u8], f64); 9] = [
            ("<f4", &1.5_f32.to_le_bytes(), 1.5),
            (">f8", &(-2.25_f64).to_be_bytes(), -2.25),
            ("|i1", &[0xff], -1.0),
            (">i2", &300_i16.to_be_bytes(), 300.0),
            ("<i8", &(-7_i64).to_le_bytes(), -7.0),
            ("|u1", &[200], 200.0),
            ("<u4", &4_000_000_000_u32.to_le_bytes(), 4e9),
            ("|b1", &[1], 1.0),
            ("<u2", &65_535_u16.to_le_bytes(), 65_535.0),
        ];
        for (descr, bytes, expected) in cases {
            assert_eq!(read(&header(descr), bytes).unwrap(), [expected], "{descr}");
        }
    }

    #[test]
    fn fortran_order_is_turned() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
        assert_eq!(read(header, &[0, 3, 1, 4, 2, 5]).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn what_is_no_array_says_why() {
        let shape = "'fortran_order': False, 'shape': (4,), }";
        let cases = [
            (format!("{{'descr': '|O', {shape}"), "holds pickled Python objects"),
            (format!("{{'descr': [('a', '<f4')], {shape}"), "is a structured array"),
            (format!("{{'descr': '<c8', {shape}"), "has element type \"<c8\""),
            (format!("{{'descr': '<f4', {shape}"), "ends early, expected 4 elements"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }".into(), "has no shape"),
            ("{}".into(), "has no descr"),
        ];
        for (header, expected) in cases {
            let error = read(&header, &[0; 3]).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{header}: {error}");
        }
        assert!(NpyReader::new(&b"PK\x03\x04 and so on"[..]).is_err());
        assert!(NpyReader::new(&b""[..]).is_err());
    }

    #[test]
    fn a_huge_claim_does_not_take_memory() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }";
        assert!(read(header, &[0; 100]).is_err());
        let text = "{'descr': '<U0', 'fortran_order': False, 'shape': (99999999999,), }";
        assert!(NpyReader::new(&with_header(text, &[])[..]).unwrap().read_text().is_err());
    }

    proptest! {
        #[test]
        fn floats_round_trip(values in prop::collection::vec(any::<f64>(), 0..300)) {
            let mut writer = NpyWriter::new(Vec::new(), ElementType::Float64, &[values.len()]).unwrap();
            writer.write(&values).unwrap();
            let bytes = writer.finish().unwrap();
            let back = NpyReader::new(&bytes[..]).unwrap().read_all().unwrap();
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&values));
        }

        #[test]
        fn texts_round_trip(texts in prop::collection::vec("[a-zé\u{1F9EC} :+-]{0,9}", 0..20)) {
            let mut bytes = Vec::new();
            write_text(&mut bytes, &texts).unwrap();
            prop_assert_eq!(NpyReader::new(&bytes[..]).unwrap().read_text().unwrap(), texts);
        }

        #[test]
        fn damaged_arrays_never_panic(place in 0_usize..128, byte: u8, cut in 0_usize..200) {
            let mut writer = NpyWriter::new(Vec::new(), ElementType::Float32, &[3, 2]).unwrap();
            writer.write(&[1.0; 6]).unwrap();
            let mut bytes = writer.finish().unwrap();
            if let Some(target) = bytes.get_mut(place) {
                *target = byte;
            }
            bytes.truncate(cut);
            if let Ok(mut reader) = NpyReader::new(&bytes[..]) {
                let _ = reader.read_all();
                let _ = reader.read_text();
            }
        }
    }

    #[test]
    fn writers_keep_to_their_shape() {
        let mut writer = NpyWriter::new(Vec::new(), ElementType::Float32, &[2]).unwrap();
        assert!(writer.write(&[1.0; 3]).is_err());
        let writer = NpyWriter::new(Vec::new(), ElementType::Float32, &[2]).unwrap();
        assert!(writer.finish().is_err());
    }
}
