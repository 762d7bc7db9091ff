//! The suspects as bytes in memory that one process writes and others read while it does.
//!
//! Only the tops of the table stand here, ten kilobytes: whoever reads them maps and locks them, and the table itself is the
//! scout's own.
//!
//! ```text
//!  0   magic "HNSCOUT1"
//!  8   sequence u64 │ the last whole walk                                        HEADER_BYTES
//!  64  sequence u64 │ 0 free, 1 taken │ lists u8 │ process …                     SEAT_BYTES, for each seat
//! ```
//!
//! Header and seats have a sequence each: odd while it is written, one more pair at each change. A reader takes what it copied
//! between two looks at the same even number, so that it waits for nobody, and a writer that dies in between spoils one seat. Numbers are
//! little-endian, an optional value is a byte 0 or 1 and the value. **What is read is not trusted**: bytes that no writer makes are no
//! process.

use super::process::{Growth, Identity, Process, Text};
use super::scanner::Coverage;
use super::suspects::{LISTED, Listed};
use crate::clock::Uptime;
use crate::limit::SPOOL_READ_ATTEMPTS;
use crate::spool::Memory;
use core::sync::atomic::{Ordering, fence};

const MAGIC: u64 = u64::from_le_bytes(*b"HNSCOUT1");
/// Where the header's sequence is.
const HEADER_AT: usize = 8;
/// Length of the header's content.
const HEADER_CONTENT: usize = 48;
/// Where the seats begin.
const SEATS_AT: usize = 64;
/// Length of a sequence.
const SEQUENCE_BYTES: usize = 8;
/// Length of the bytes of a seat behind its sequence: the longest that [`encode`] makes is 236.
pub const PROCESS_BYTES: usize = 240;
/// Length of a seat: whole words, so that each sequence is aligned.
const SEAT_BYTES: usize = SEQUENCE_BYTES + PROCESS_BYTES;
/// Length of the whole.
pub const IMAGE_BYTES: usize = SEATS_AT + LISTED * SEAT_BYTES;
const _: () = assert!(SEAT_BYTES.is_multiple_of(8) && HEADER_AT + 8 + HEADER_CONTENT <= SEATS_AT);

/// The suspects in memory. One writer, any readers.
#[derive(Debug)]
pub struct Image<M>(M);

impl<M: Memory> Image<M> {
    /// Over memory of at least [`IMAGE_BYTES`], for reading: its content may be anything. `None` where it is shorter.
    pub fn of(memory: M) -> Option<Self> {
        (memory.len() >= IMAGE_BYTES).then_some(Self(memory))
    }

    /// The same, for its one writer: no suspects, as far as there were none.
    pub fn create(memory: M) -> Option<Self> {
        let image = Self::of(memory)?;
        image.0.store(0, MAGIC).then_some(image)
    }

    /// Writes what has changed of the suspects. False where the memory does not take it.
    pub fn publish(&self, listed: &[Listed], coverage: Option<&Coverage>) -> bool {
        let mut taken = self.put(HEADER_AT, &encode_coverage(coverage));
        for (seat, at) in seats().enumerate() {
            taken &= self.put(at, &encode(listed.get(seat)));
        }
        taken
    }

    /// The suspects that are whole just now, and whatever the memory says they are.
    pub fn suspects(&self) -> impl Iterator<Item = Listed> {
        let is_ours = self.0.load(0) == Some(MAGIC);
        seats()
            .filter(move |_| is_ours)
            .filter_map(|at| decode(&self.get(at)?))
    }

    /// The last whole walk; `None` before there was one.
    pub fn coverage(&self) -> Option<Coverage> {
        if self.0.load(0) != Some(MAGIC) {
            return None;
        }
        decode_coverage(&self.get::<HEADER_CONTENT>(HEADER_AT)?)
    }

    /// Writes content behind its sequence, where it is another than before.
    fn put<const N: usize>(&self, at: usize, content: &[u8; N]) -> bool {
        let behind = at.saturating_add(SEQUENCE_BYTES);
        let mut before = [0; N];
        let Some(sequence) = self.0.load(at).filter(|_| self.0.read(behind, &mut before)) else {
            return false;
        };
        // Odd here means that the writer before us died while it wrote.
        if before == *content && sequence.is_multiple_of(2) {
            return true;
        }
        let odd = sequence | 1;
        let mut taken = self.0.store(at, odd);
        // No byte of the content may be seen before the odd number is.
        fence(Ordering::Release);
        taken &= self.0.write(behind, content);
        taken & self.0.store(at, odd.wrapping_add(1))
    }

    /// Reads content behind its sequence; `None` where it changed each time.
    fn get<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let behind = at.saturating_add(SEQUENCE_BYTES);
        for _ in 0..SPOOL_READ_ATTEMPTS {
            let before = self.0.load(at)?;
            let mut content = [0; N];
            if !self.0.read(behind, &mut content) {
                return None;
            }
            // Every byte of the content was read before the number is looked at again.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.0.load(at) == Some(before) {
                return Some(content);
            }
        }
        None
    }
}

fn seats() -> impl Iterator<Item = usize> {
    (SEATS_AT..IMAGE_BYTES).step_by(SEAT_BYTES)
}

/// The bytes of a seat.
#[must_use]
pub fn encode(listed: Option<&Listed>) -> [u8; PROCESS_BYTES] {
    let mut bytes = [0; PROCESS_BYTES];
    let mut out = Writer(&mut bytes);
    let Some(Listed {
        lists,
        process,
        user,
    }) = listed
    else {
        return bytes;
    };
    out.put([1]);
    out.put([*lists]);
    out.put(process.id.pid.to_le_bytes());
    out.put(process.id.start_ticks.to_le_bytes());
    out.put(process.parent.to_le_bytes());
    out.put(process.threads.to_le_bytes());
    out.put(process.read_at.as_millis().to_le_bytes());
    out.put(process.entered_at.as_millis().to_le_bytes());
    out.option(process.uid.map(u32::to_le_bytes));
    out.option(process.oom_score_adj.map(i16::to_le_bytes));
    out.option(process.memory_kib.map(u64::to_le_bytes));
    out.option(process.swap_kib.map(u64::to_le_bytes));
    out.option(process.cpu_permille.map(u32::to_le_bytes));
    for growth in [process.growth_short, process.growth_long] {
        out.option(growth.map(|growth| growth.kib.to_le_bytes()));
        out.put(growth.map_or(0, |growth| growth.over_ms).to_le_bytes());
    }
    out.text(Some(&process.name));
    out.text(process.unit.as_ref());
    out.text(process.container.as_ref());
    out.text(user.as_ref());
    bytes
}

/// The suspect in the bytes of a seat; `None` for a free one, and for bytes that [`encode`] does not make.
#[must_use]
pub fn decode(bytes: &[u8; PROCESS_BYTES]) -> Option<Listed> {
    let mut bytes = Reader(bytes);
    if bytes.take()? != [1] {
        return None;
    }
    let [lists] = bytes.take()?;
    let id = Identity {
        pid: u32::from_le_bytes(bytes.take()?),
        start_ticks: u64::from_le_bytes(bytes.take()?),
    };
    let process = Process {
        id,
        parent: u32::from_le_bytes(bytes.take()?),
        threads: u32::from_le_bytes(bytes.take()?),
        read_at: Uptime::from_millis(u64::from_le_bytes(bytes.take()?)),
        entered_at: Uptime::from_millis(u64::from_le_bytes(bytes.take()?)),
        uid: bytes.option()?.map(u32::from_le_bytes),
        oom_score_adj: bytes.option()?.map(i16::from_le_bytes),
        memory_kib: bytes.option()?.map(u64::from_le_bytes),
        swap_kib: bytes.option()?.map(u64::from_le_bytes),
        cpu_permille: bytes.option()?.map(u32::from_le_bytes),
        growth_short: bytes.growth()?,
        growth_long: bytes.growth()?,
        name: bytes.text()??,
        unit: bytes.text()?,
        container: bytes.text()?,
    };
    let user = bytes.text()?;
    (id.pid > 0).then_some(Listed {
        lists,
        process,
        user,
    })
}

fn encode_coverage(coverage: Option<&Coverage>) -> [u8; HEADER_CONTENT] {
    let mut bytes = [0; HEADER_CONTENT];
    let mut out = Writer(&mut bytes);
    let Some(coverage) = coverage else {
        return bytes;
    };
    out.put([1]);
    for count in [
        coverage.seen,
        coverage.read,
        coverage.refused,
        coverage.gone,
        coverage.failed,
    ] {
        out.put(count.to_le_bytes());
    }
    out.put([u8::from(coverage.hidden), u8::from(coverage.cut)]);
    out.put(coverage.threads.to_le_bytes());
    out.put(coverage.began.as_millis().to_le_bytes());
    out.put(coverage.ended.as_millis().to_le_bytes());
    bytes
}

fn decode_coverage(bytes: &[u8; HEADER_CONTENT]) -> Option<Coverage> {
    let mut bytes = Reader(bytes);
    if bytes.take()? != [1] {
        return None;
    }
    let coverage = Coverage {
        seen: u32::from_le_bytes(bytes.take()?),
        read: u32::from_le_bytes(bytes.take()?),
        refused: u32::from_le_bytes(bytes.take()?),
        gone: u32::from_le_bytes(bytes.take()?),
        failed: u32::from_le_bytes(bytes.take()?),
        hidden: bytes.take()? != [0],
        cut: bytes.take()? != [0],
        threads: u64::from_le_bytes(bytes.take()?),
        began: Uptime::from_millis(u64::from_le_bytes(bytes.take()?)),
        ended: Uptime::from_millis(u64::from_le_bytes(bytes.take()?)),
        ..Coverage::default()
    };
    Some(coverage)
}

/// Writes one thing behind the other. The room is as long as all of them, which the tests prove.
struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn put<const N: usize>(&mut self, value: [u8; N]) {
        let room = core::mem::take(&mut self.0);
        if let Some((slot, rest)) = room.split_first_chunk_mut() {
            *slot = value;
            self.0 = rest;
        }
        debug_assert!(N <= PROCESS_BYTES, "room for all");
    }

    fn option<const N: usize>(&mut self, value: Option<[u8; N]>) {
        self.put([u8::from(value.is_some())]);
        self.put(value.unwrap_or([0; N]));
    }

    fn text<const N: usize>(&mut self, text: Option<&Text<N>>) {
        let bytes = text.map_or(&[][..], Text::as_bytes);
        self.put([u8::from(text.is_some())]);
        self.put([u8::try_from(bytes.len()).unwrap_or(0)]);
        let mut room = [0; N];
        for (slot, byte) in room.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.put(room);
    }
}

/// Takes one thing behind the other.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*value)
    }

    /// `None` where the byte before it is neither 0 nor 1.
    fn option<const N: usize>(&mut self) -> Option<Option<[u8; N]>> {
        let [is_there] = self.take()?;
        let value = self.take()?;
        match is_there {
            0 => Some(None),
            1 => Some(Some(value)),
            _ => None,
        }
    }

    fn growth(&mut self) -> Option<Option<Growth>> {
        let kib = self.option()?.map(i64::from_le_bytes);
        let over_ms = u64::from_le_bytes(self.take()?);
        Some(kib.map(|kib| Growth { kib, over_ms }))
    }

    fn text<const N: usize>(&mut self) -> Option<Option<Text<N>>> {
        let [is_there, length] = self.take()?;
        let room: [u8; N] = self.take()?;
        let bytes = room.get(..usize::from(length))?;
        match is_there {
            0 => Some(None),
            1 => Some(Some(Text::cut(bytes))),
            _ => None,
        }
    }
}
