//! Memory of atomic words on the heap: for copies of rings, and for tests.

use super::Memory;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory without a mapping. Threads may share it; what races gives old or new bytes, never undefined behaviour.
#[derive(Debug)]
pub struct HeapMemory {
    words: Vec<AtomicU64>,
}

impl HeapMemory {
    /// Zeroed memory of `length` bytes, rounded up to a word.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        Self {
            words: (0..length.div_ceil(8)).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A copy of `bytes`, rounded up to a word with zeroes.
    #[must_use]
    pub fn copied(bytes: &[u8]) -> Self {
        let memory = Self::zeroed(bytes.len());
        let written = memory.write(0, bytes);
        debug_assert!(written, "there is room for what it was made for");
        memory
    }

    /// A copy of all bytes.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.words
            .iter()
            .flat_map(|word| word.load(Ordering::Acquire).to_ne_bytes())
            .collect()
    }

    fn word(&self, offset: usize) -> Option<&AtomicU64> {
        if offset & 7 != 0 {
            return None;
        }
        self.words.get(offset >> 3)
    }

    fn in_bounds(&self, offset: usize, length: usize) -> bool {
        offset
            .checked_add(length)
            .is_some_and(|end| end <= self.len())
    }
}

impl Memory for HeapMemory {
    fn len(&self) -> usize {
        self.words.len().saturating_mul(8)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        if !self.in_bounds(offset, into.len()) {
            return false;
        }
        let mut at = offset;
        let mut rest = into;
        while !rest.is_empty() {
            let Some(word) = self.word(at & !7) else {
                return false;
            };
            let bytes = word.load(Ordering::Relaxed).to_ne_bytes();
            let from = bytes.get(at & 7..).unwrap_or(&[]);
            let count = from.len().min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            for (to, from) in now.iter_mut().zip(from) {
                *to = *from;
            }
            rest = later;
            at = at.saturating_add(count);
        }
        true
    }

    fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        if !self.in_bounds(offset, bytes.len()) {
            return false;
        }
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(word) = self.word(at & !7) else {
                return false;
            };
            // One writer: between load and store nobody else changes the other bytes of the word.
            let mut whole = word.load(Ordering::Relaxed).to_ne_bytes();
            let to = whole.get_mut(at & 7..).unwrap_or(&mut []);
            let count = to.len().min(rest.len());
            let (now, later) = rest.split_at(count);
            for (to, from) in to.iter_mut().zip(now) {
                *to = *from;
            }
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
            rest = later;
            at = at.saturating_add(count);
        }
        true
    }

    fn load(&self, offset: usize) -> Option<u64> {
        self.word(offset).map(|word| word.load(Ordering::Acquire))
    }

    fn store(&self, offset: usize, value: u64) -> bool {
        match self.word(offset) {
            Some(word) => {
                word.store(value, Ordering::Release);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_every_offset() {
        let memory = HeapMemory::zeroed(40);
        for offset in 0..20_u8 {
            let bytes: Vec<u8> = (1..=20_u8).map(|byte| byte ^ offset).collect();
            assert!(memory.write(offset.into(), &bytes));
            let mut back = [0; 20];
            assert!(memory.read(offset.into(), &mut back));
            assert_eq!(bytes, back);
        }
    }

    #[test]
    fn out_of_bounds_is_refused() {
        let memory = HeapMemory::zeroed(16);
        assert!(!memory.write(9, &[0; 8]));
        assert!(!memory.read(usize::MAX, &mut [0; 8]));
        assert_eq!(memory.load(4), None);
        assert_eq!(memory.load(16), None);
        assert!(!memory.store(16, 1));
        assert!(memory.store(8, 1));
        assert_eq!(memory.load(8), Some(1));
    }
}
