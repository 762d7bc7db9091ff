//! Bounded reading and writing of bytes: no index, no panic, no allocation.

/// The input ended too early, or a number in it was too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut;

/// The output has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Writes into a fixed buffer.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> Writer<'b> {
    /// An empty writer over `buffer`.
    #[must_use]
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// Bytes written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Room left.
    #[must_use]
    pub fn room(&self) -> usize {
        self.buffer.len().saturating_sub(self.length)
    }

    /// What was written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or(&[])
    }

    /// What was written, for as long as the buffer lives.
    #[must_use]
    pub fn into_written(self) -> &'b [u8] {
        self.buffer.get(..self.length).unwrap_or(&[])
    }

    /// Goes back to an earlier length.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Full`]; nothing is written then.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.length.checked_add(bytes.len()).ok_or(Full)?;
        self.buffer
            .get_mut(self.length..end)
            .ok_or(Full)?
            .copy_from_slice(bytes);
        self.length = end;
        Ok(())
    }

    /// Appends one byte.
    ///
    /// # Errors
    /// [`Full`].
    pub fn u8(&mut self, value: u8) -> Result<(), Full> {
        self.bytes(&[value])
    }

    /// Appends four bytes, little-endian.
    ///
    /// # Errors
    /// [`Full`].
    pub fn u32(&mut self, value: u32) -> Result<(), Full> {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends eight bytes, little-endian.
    ///
    /// # Errors
    /// [`Full`].
    pub fn u64(&mut self, value: u64) -> Result<(), Full> {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a varint (LEB128, at most ten bytes).
    ///
    /// # Errors
    /// [`Full`]; part of it may have been written: the caller gives up or truncates.
    pub fn varint(&mut self, mut value: u64) -> Result<(), Full> {
        while value >= 0x80 {
            self.u8((value & 0x7F) as u8 | 0x80)?;
            value >>= 7;
        }
        self.u8((value & 0x7F) as u8)
    }

    /// Overwrites bytes at `offset` that were written before.
    ///
    /// # Errors
    /// [`Full`] where they were not.
    pub fn patch(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Full> {
        let end = offset
            .checked_add(bytes.len())
            .filter(|end| *end <= self.length)
            .ok_or(Full)?;
        self.buffer
            .get_mut(offset..end)
            .ok_or(Full)?
            .copy_from_slice(bytes);
        Ok(())
    }
}

/// Bytes that a varint of `value` takes.
#[must_use]
pub const fn varint_bytes(value: u64) -> usize {
    let bits = 64_u32.saturating_sub(value.leading_zeros());
    let bytes = bits.div_ceil(7) as usize;
    if bytes == 0 { 1 } else { bytes }
}

/// Reads from a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader over `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True at the end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Cut> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next bytes as an array.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Cut> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn u8(&mut self) -> Result<u8, Cut> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn u32(&mut self) -> Result<u32, Cut> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn u64(&mut self) -> Result<u64, Cut> {
        self.array().map(u64::from_le_bytes)
    }

    /// A varint of at most ten bytes that fits 64 bits; longer than needed is accepted (postcard accepts it too).
    ///
    /// # Errors
    /// [`Cut`].
    pub fn varint(&mut self) -> Result<u64, Cut> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return Err(Cut);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Cut)
    }

    /// A length prefix and that many bytes, at most `limit`.
    ///
    /// # Errors
    /// [`Cut`], also where the length is above the limit.
    pub fn prefixed(&mut self, limit: usize) -> Result<&'a [u8], Cut> {
        let length = usize::try_from(self.varint()?).map_err(|_| Cut)?;
        if length > limit {
            return Err(Cut);
        }
        self.bytes(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_go_there_and_back() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut buffer = [0; 10];
            let mut writer = Writer::new(&mut buffer);
            writer.varint(value).unwrap();
            assert_eq!(writer.len(), varint_bytes(value));
            let mut reader = Reader::new(writer.written());
            assert_eq!(reader.varint(), Ok(value));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn a_varint_over_64_bits_is_refused() {
        assert_eq!(Reader::new(&[0xFF; 10]).varint(), Err(Cut));
        assert_eq!(Reader::new(&[0x80; 11]).varint(), Err(Cut));
        assert_eq!(Reader::new(&[0x80; 3]).varint(), Err(Cut));
    }
}
