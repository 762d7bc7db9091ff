//! Bits in a byte slice, lowest bit of a byte first, and the two kinds of numbers made of them.

use crate::frame::cursor::{Cut, Full};

/// Zeros that may lead a Golomb number: the longest that a writer makes has 38 (a residual is below 2^36).
const GOLOMB_ZEROS: u32 = 40;

/// Appends bits to a slice that already holds some.
pub(super) struct BitWriter<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> BitWriter<'b> {
    /// After the first `length` bits of `buffer`.
    pub(super) fn at(buffer: &'b mut [u8], length: usize) -> Self {
        Self { buffer, length }
    }

    /// Bits written so far.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Goes back to `length` bits, and leaves zeros behind them in the last byte.
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        let used = self.length % 8;
        if let Some(byte) = self.buffer.get_mut(self.length / 8) {
            *byte &= (1_u8 << used).wrapping_sub(1);
        }
    }

    /// The `count` (at most 64) low bits of `value`.
    pub(super) fn bits(&mut self, value: u64, count: u32) -> Result<(), Full> {
        for shift in 0..count {
            let bit = (value.checked_shr(shift).unwrap_or(0) & 1) as u8;
            let byte = self.buffer.get_mut(self.length / 8).ok_or(Full)?;
            let offset = self.length % 8;
            if offset == 0 {
                *byte = bit;
            } else {
                *byte |= bit << offset;
            }
            self.length = self.length.saturating_add(1);
        }
        Ok(())
    }

    /// A number in nibbles: three bits each, low ones first; the fourth says that more follow.
    pub(super) fn number(&mut self, mut value: u64) -> Result<(), Full> {
        while value >= 8 {
            self.bits(value & 7 | 8, 4)?;
            value >>= 3;
        }
        self.bits(value, 4)
    }

    /// An exponential Golomb number: with u = (value >> shift) + 1 of n + 1 bits, n zeros, a one, the n low bits of
    /// u, and the `shift` low bits of value.
    pub(super) fn golomb(&mut self, value: u64, shift: u32) -> Result<(), Full> {
        let high = value.checked_shr(shift).unwrap_or(0).saturating_add(1);
        let zeros = high.ilog2();
        self.bits(0, zeros)?;
        self.bits(1, 1)?;
        self.bits(high, zeros)?;
        self.bits(value, shift)
    }
}

/// Reads bits from a slice.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    taken: usize,
}

impl<'a> BitReader<'a> {
    /// From the first bit of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0 }
    }

    /// True where nothing is left but zeros that fill up the last byte.
    pub(super) fn is_spent(&self) -> bool {
        let offset = self.taken % 8;
        self.taken.div_ceil(8) == self.bytes.len()
            && (offset == 0 || self.bytes.last().is_none_or(|byte| byte >> offset == 0))
    }

    pub(super) fn bits(&mut self, count: u32) -> Result<u64, Cut> {
        let mut value = 0_u64;
        for shift in 0..count {
            let byte = self.bytes.get(self.taken / 8).ok_or(Cut)?;
            let bit = u64::from(byte >> (self.taken % 8) & 1);
            value |= bit.checked_shl(shift).ok_or(Cut)?;
            self.taken = self.taken.saturating_add(1);
        }
        Ok(value)
    }

    /// See [`BitWriter::number`]; at most 21 nibbles.
    pub(super) fn number(&mut self) -> Result<u64, Cut> {
        let mut value = 0_u64;
        for shift in (0..63_u32).step_by(3) {
            let nibble = self.bits(4)?;
            value |= (nibble & 7) << shift;
            if nibble & 8 == 0 {
                return Ok(value);
            }
        }
        Err(Cut)
    }

    /// See [`BitWriter::golomb`].
    pub(super) fn golomb(&mut self, shift: u32) -> Result<u64, Cut> {
        let mut zeros = 0_u32;
        while self.bits(1)? == 0 {
            zeros = zeros.saturating_add(1);
            if zeros > GOLOMB_ZEROS {
                return Err(Cut);
            }
        }
        let high = (1_u64 << zeros | self.bits(zeros)?).saturating_sub(1);
        let value = high
            .checked_mul(1_u64.checked_shl(shift).ok_or(Cut)?)
            .ok_or(Cut)?;
        Ok(value | self.bits(shift)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(values in proptest::collection::vec((0..1_u64 << 36, 0..22_u32), 0..40)) {
            let mut buffer = [0xFF; 2000];
            let mut writer = BitWriter::at(&mut buffer, 0);
            for (value, shift) in &values {
                writer.number(*value).unwrap();
                writer.golomb(*value, *shift).unwrap();
            }
            let length = writer.len();
            let mut reader = BitReader::new(&buffer[..length.div_ceil(8)]);
            for (value, shift) in &values {
                prop_assert_eq!(reader.number(), Ok(*value));
                prop_assert_eq!(reader.golomb(*shift), Ok(*value));
            }
            prop_assert!(reader.is_spent());
        }
    }

    #[test]
    fn what_is_truncated_leaves_zeros() {
        let mut buffer = [0xFF; 2];
        let mut writer = BitWriter::at(&mut buffer, 0);
        writer.bits(0x7FFF, 15).unwrap();
        writer.truncate(3);
        assert_eq!(writer.len(), 3);
        assert_eq!(buffer[0], 0b111);
    }

    #[test]
    fn endless_zeros_end() {
        assert_eq!(BitReader::new(&[0; 100]).golomb(3), Err(Cut));
        assert_eq!(BitReader::new(&[0xFF; 100]).number(), Err(Cut));
        assert_eq!(BitReader::new(&[]).golomb(0), Err(Cut));
        assert!(!BitReader::new(&[0]).is_spent());
    }
}
