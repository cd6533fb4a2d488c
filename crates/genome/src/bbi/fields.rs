/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

/// Numbers that follow one another. Beyond the last byte they are 0: whoever makes this has checked the length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    order: ByteOrder,
}

macro_rules! number {
    ($($name:ident)*) => {$(
        #[inline]
        pub(crate) fn $name(&mut self) -> $name {
            let bytes = self.take();
            match self.order {
                ByteOrder::Little => $name::from_le_bytes(bytes),
                ByteOrder::Big => $name::from_be_bytes(bytes),
            }
        }
    )*};
}

impl<'a> Fields<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self { bytes, order }
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) =
            self.bytes.split_first_chunk().map_or(([0; N], &[][..]), |(taken, rest)| (*taken, rest));
        self.bytes = rest;
        taken
    }

    number!(u8 u16 u32 u64 f32 f64);

    /// What has not been taken.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_either_order_and_end_in_zeros() {
        let bytes = [1, 0, 0, 0, 2, 0, 3];
        let mut little = Fields::new(&bytes, ByteOrder::Little);
        assert_eq!(
            (little.u32(), little.u16(), little.rest(), little.u8(), little.u64()),
            (1, 2, &bytes[6..], 3, 0)
        );
        let mut big = Fields::new(&bytes, ByteOrder::Big);
        assert_eq!((big.u32(), big.u16(), big.u16(), big.f32()), (1 << 24, 512, 0, 0.0));
    }
}
