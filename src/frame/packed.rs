//! Readings as a base and deltas, in nibbles: what changes little costs little.
//!
//! Numbers are "nibble varints": three bits a nibble, low bits first, the fourth bit says that more follows; signed ones
//! are zigzagged first. Nibbles fill bytes from the low half. The first reading of a frame is complete; each
//! further one holds only what changed. docs/FRAME.md draws it.

use super::body::Readings;
use super::cursor::{Cut, Full};
use crate::clock::{Uptime, WallTime};
use crate::limit::READINGS_PER_FRAME;
use crate::sample::reading::FIELDS;
use crate::sample::{Field, Reading, Scope};

/// Bit of a reading's first nibble: the time to the previous one is not the nominal interval and follows.
const LATE: u8 = 1;
/// Bit of a reading's first nibble: fields became absent or present; a mask of them follows.
const PRESENCE: u8 = 2;
/// Bit of a reading's first nibble: the counters (fields 21 to 25) are present in it.
const COUNTERS: u8 = 4;
/// Groups of four fields in a mask.
const GROUPS: usize = FIELDS.div_ceil(4);
/// The fields that come from the file which is read more rarely.
const COUNTER_FIELDS: u64 = 0b11111 << Field::MajorFaults as u64;

/// Bit 0 of the body's flags.
const FLAG_CONTAINER: u8 = 1;
/// Bit 1 of the body's flags.
const FLAG_ESTIMATED: u8 = 2;

/// Collects readings until they are taken as one frame body.
#[derive(Clone, Debug)]
pub struct Packer<const BYTES: usize> {
    buffer: [u8; BYTES],
    nibbles: usize,
    count: u16,
    interval_ms: u32,
    first: Uptime,
    last: Reading,
    /// Last present value of each field: deltas refer to it.
    known: [u32; FIELDS],
    present: u64,
}

/// Why a reading was not taken: the frame must be taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// No room, or enough readings.
    Full,
    /// Another quantum, scope or estimate than the base's, or time went back.
    OtherBase,
}

impl From<Full> for NotTaken {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl<const BYTES: usize> Packer<BYTES> {
    /// An empty packer for readings at `interval_ms`.
    #[must_use]
    pub const fn new(interval_ms: u32) -> Self {
        Self {
            buffer: [0; BYTES],
            nibbles: 0,
            count: 0,
            interval_ms,
            first: Uptime::from_millis(0),
            last: Reading::empty(Uptime::from_millis(0), WallTime::from_millis(0), 0),
            known: [0; FIELDS],
            present: 0,
        }
    }

    /// Number of readings held.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Uptime of the first reading held.
    #[must_use]
    pub fn first(&self) -> Uptime {
        self.first
    }

    /// Takes a reading.
    ///
    /// # Errors
    /// [`NotTaken`]; the packer is as before then.
    pub fn push(&mut self, reading: &Reading) -> Result<(), NotTaken> {
        if usize::from(self.count) >= READINGS_PER_FRAME {
            return Err(NotTaken::Full);
        }
        let (nibbles, known, present) = (self.nibbles, self.known, self.present);
        let outcome = if self.count == 0 {
            self.base(reading)
        } else {
            self.delta(reading)
        };
        if let Err(why) = outcome {
            (self.nibbles, self.known, self.present) = (nibbles, known, present);
            return Err(why);
        }
        self.last = *reading;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The body of what is held; `None` while nothing is. `clear` starts the next.
    #[must_use]
    pub fn body(&self) -> Option<Readings<'_>> {
        if self.count == 0 {
            return None;
        }
        let mut flags = 0;
        if self.last.scope == Scope::Container {
            flags |= FLAG_CONTAINER;
        }
        if self.last.available_estimated {
            flags |= FLAG_ESTIMATED;
        }
        Some(Readings {
            interval_ms: self.interval_ms,
            quantum_shift: self.last.quantum_shift,
            flags,
            count: self.count,
            packed: self.buffer.get(..self.nibbles.div_ceil(2))?,
        })
    }

    /// Empties the packer.
    pub fn clear(&mut self) {
        self.nibbles = 0;
        self.count = 0;
    }

    fn base(&mut self, reading: &Reading) -> Result<(), NotTaken> {
        self.nibbles = 0;
        self.first = reading.uptime;
        self.known = [0; FIELDS];
        let mut present = 0_u64;
        for (field, known) in Field::ALL.iter().zip(self.known.iter_mut()) {
            if let Some(value) = reading.get(*field) {
                present |= 1 << *field as u64;
                *known = value;
            }
        }
        self.present = present;
        self.mask(present)?;
        for field in Field::ALL {
            if let Some(value) = reading.get(field) {
                self.number(u64::from(value))?;
            }
        }
        Ok(())
    }

    fn delta(&mut self, reading: &Reading) -> Result<(), NotTaken> {
        let last = &self.last;
        let same_base = last.quantum_shift == reading.quantum_shift
            && last.scope == reading.scope
            && last.available_estimated == reading.available_estimated;
        if !same_base || reading.uptime < last.uptime {
            return Err(NotTaken::OtherBase);
        }
        let interval = reading.uptime.since(last.uptime);
        let mut present = 0_u64;
        let mut changed = 0_u64;
        for (field, known) in Field::ALL.iter().zip(&self.known) {
            if let Some(value) = reading.get(*field) {
                present |= 1 << *field as u64;
                if value != *known {
                    changed |= 1 << *field as u64;
                }
            }
        }
        let counters = present & COUNTER_FIELDS != 0;
        // Counters that were merely not read this time are no change of presence.
        let compared = if counters { u64::MAX } else { !COUNTER_FIELDS };
        let toggled = (present ^ self.present) & compared;
        let mut first = 0;
        if interval != u64::from(self.interval_ms) {
            first |= LATE;
        }
        if toggled != 0 {
            first |= PRESENCE;
        }
        if counters {
            first |= COUNTERS;
        }
        self.nibble(first)?;
        if first & LATE != 0 {
            self.number(zigzag(
                i64::try_from(interval)
                    .unwrap_or(i64::MAX)
                    .wrapping_sub(i64::from(self.interval_ms)),
            ))?;
        }
        if toggled != 0 {
            self.mask(toggled)?;
            self.present ^= toggled;
        }
        self.mask(changed)?;
        for index in 0..FIELDS {
            if changed & (1 << index) == 0 {
                continue;
            }
            let value = Field::ALL
                .get(index)
                .and_then(|field| reading.get(*field))
                .unwrap_or(0);
            let before = self.known.get(index).copied().unwrap_or(0);
            self.number(zigzag(i64::from(value).wrapping_sub(i64::from(before))))?;
            if let Some(known) = self.known.get_mut(index) {
                *known = value;
            }
        }
        Ok(())
    }

    /// A mask of fields: which groups of four have any (nine bits), then a nibble for each of those.
    fn mask(&mut self, mask: u64) -> Result<(), Full> {
        let mut groups = 0_u64;
        for group in 0..GROUPS {
            if group_of(mask, group) != 0 {
                groups |= 1 << group;
            }
        }
        self.number(groups)?;
        for group in 0..GROUPS {
            let bits = group_of(mask, group);
            if bits != 0 {
                self.nibble(bits)?;
            }
        }
        Ok(())
    }

    fn number(&mut self, mut value: u64) -> Result<(), Full> {
        while value >= 8 {
            self.nibble((value & 7) as u8 | 8)?;
            value >>= 3;
        }
        self.nibble((value & 7) as u8)
    }

    fn nibble(&mut self, nibble: u8) -> Result<(), Full> {
        let byte = self.buffer.get_mut(self.nibbles / 2).ok_or(Full)?;
        if self.nibbles % 2 == 0 {
            *byte = nibble & 0xF;
        } else {
            *byte = (*byte & 0xF) | (nibble << 4);
        }
        self.nibbles = self.nibbles.saturating_add(1);
        Ok(())
    }
}

/// The four bits of a group of fields.
fn group_of(mask: u64, group: usize) -> u8 {
    let shift = u32::try_from(group).unwrap_or(u32::MAX).saturating_mul(4);
    (mask.checked_shr(shift).unwrap_or(0) & 0xF) as u8
}

#[expect(
    clippy::cast_sign_loss,
    reason = "zigzag is a map of all 64-bit numbers onto themselves"
)]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[expect(
    clippy::cast_possible_wrap,
    reason = "zigzag is a map of all 64-bit numbers onto themselves"
)]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Takes the readings of a body apart, one after the other.
#[derive(Clone, Debug)]
pub struct Unpacker<'a> {
    packed: &'a [u8],
    nibbles: usize,
    interval_ms: u32,
    left: u16,
    started: bool,
    reading: Reading,
    known: [u32; FIELDS],
    present: u64,
}

impl<'a> Unpacker<'a> {
    /// Over a body whose frame has the uptime `first`.
    #[must_use]
    pub fn new(body: &Readings<'a>, first: Uptime) -> Self {
        let mut reading = Reading::empty(first, WallTime::default(), body.quantum_shift);
        if body.flags & FLAG_CONTAINER != 0 {
            reading.scope = Scope::Container;
        }
        reading.available_estimated = body.flags & FLAG_ESTIMATED != 0;
        Self {
            packed: body.packed,
            nibbles: 0,
            interval_ms: body.interval_ms,
            left: body
                .count
                .min(u16::try_from(READINGS_PER_FRAME).unwrap_or(u16::MAX)),
            started: false,
            reading,
            known: [0; FIELDS],
            present: 0,
        }
    }

    fn step(&mut self) -> Result<Reading, Cut> {
        let mut counters = true;
        if self.started {
            let first = self.nibble()?;
            let mut interval = i64::from(self.interval_ms);
            if first & LATE != 0 {
                interval = interval.checked_add(unzigzag(self.number()?)).ok_or(Cut)?;
            }
            let interval = u64::try_from(interval).map_err(|_| Cut)?;
            self.reading.uptime = self.reading.uptime.plus(interval);
            if first & PRESENCE != 0 {
                self.present ^= self.mask()?;
            }
            counters = first & COUNTERS != 0;
            let changed = self.mask()?;
            for index in 0..FIELDS {
                if changed & (1 << index) != 0 {
                    let delta = unzigzag(self.number()?);
                    let known = self.known.get_mut(index).ok_or(Cut)?;
                    let value = i64::from(*known).checked_add(delta).ok_or(Cut)?;
                    *known = u32::try_from(value).map_err(|_| Cut)?;
                }
            }
        } else {
            self.started = true;
            self.present = self.mask()?;
            for index in 0..FIELDS {
                if self.present & (1 << index) != 0 {
                    let value = u32::try_from(self.number()?).map_err(|_| Cut)?;
                    *self.known.get_mut(index).ok_or(Cut)? = value;
                }
            }
        }
        let present = if counters {
            self.present
        } else {
            self.present & !COUNTER_FIELDS
        };
        for (field, known) in Field::ALL.iter().zip(&self.known) {
            let there = present & (1 << *field as u64) != 0;
            self.reading.set(*field, there.then_some(*known));
        }
        Ok(self.reading)
    }

    fn mask(&mut self) -> Result<u64, Cut> {
        let groups = self.number()?;
        if groups >> GROUPS != 0 {
            return Err(Cut);
        }
        let mut mask = 0_u64;
        for group in 0..GROUPS {
            if groups & (1 << group) != 0 {
                let shift = u32::try_from(group).map_err(|_| Cut)?.saturating_mul(4);
                mask |= u64::from(self.nibble()?).checked_shl(shift).ok_or(Cut)?;
            }
        }
        if mask >> FIELDS != 0 {
            return Err(Cut);
        }
        Ok(mask)
    }

    fn number(&mut self) -> Result<u64, Cut> {
        let mut value = 0_u64;
        for shift in (0..63_u32).step_by(3) {
            let nibble = self.nibble()?;
            value |= u64::from(nibble & 7) << shift;
            if nibble & 8 == 0 {
                return Ok(value);
            }
        }
        Err(Cut)
    }

    fn nibble(&mut self) -> Result<u8, Cut> {
        let byte = self.packed.get(self.nibbles / 2).ok_or(Cut)?;
        let nibble = if self.nibbles % 2 == 0 {
            byte & 0xF
        } else {
            byte >> 4
        };
        self.nibbles = self.nibbles.saturating_add(1);
        Ok(nibble)
    }
}

impl Iterator for Unpacker<'_> {
    type Item = Result<Reading, Cut>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        let reading = self.step();
        if reading.is_err() {
            self.left = 0;
        }
        Some(reading)
    }
}

#[cfg(test)]
mod tests;
