//! Readings as a base and residuals, in bits: what changes little costs little.
//!
//! The first reading of a frame is complete; each further one holds only what changed. Two fields are told from
//! others (user from busy, system and steal; available from anonymous), and only what is left is written. Residuals
//! are exponential Golomb numbers whose parameter follows the field's own mean, which both sides keep.
//! docs/FRAME.md has every bit, and an example.

mod bits;
mod model;

use self::bits::{BitReader, BitWriter};
use self::model::{
    Differences, Model, SLOTS, TOLD, indices, read_mask, told, unzigzag, write_mask, zigzag,
};
use super::body::Readings;
use super::cursor::{Cut, Full};
use crate::clock::{Uptime, WallTime};
use crate::limit::READINGS_PER_FRAME;
use crate::sample::reading::FIELDS;
use crate::sample::{Field, Reading, Scope};

/// The fields that come from the file which is read more rarely.
const COUNTER_FIELDS: u64 = 0b11111 << Field::MajorFaults as u64;
const _: () =
    assert!(FIELDS <= SLOTS && Field::OomKill as usize == Field::MajorFaults as usize + 4);
/// Fields that have a bit of their own in each reading: those that change often.
const NEAR: u32 = 16;
/// Mask of the near fields.
const NEAR_FIELDS: u64 = (1 << NEAR) - 1;

/// Longest gap between two readings of a frame; a longer one takes a new frame.
const GAP_MS: u64 = u32::MAX as u64;
/// Largest shift that a quantum can have: `Reading::kib` fits 64 bits.
const SHIFT: u8 = 31;

/// Bit 0 of the body's flags.
const FLAG_CONTAINER: u8 = 1;
/// Bit 1 of the body's flags.
const FLAG_ESTIMATED: u8 = 2;

/// Collects readings until they are taken as one frame body.
#[derive(Clone, Debug)]
pub struct Packer<const BYTES: usize> {
    buffer: [u8; BYTES],
    bits: usize,
    count: u16,
    interval_ms: u32,
    first: Uptime,
    last: Reading,
    model: Model,
}

/// Why a reading was not taken: the frame must be taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// No room, or enough readings.
    Full,
    /// Another quantum, scope or estimate than the base's, time went back, or a gap of more than 49 days.
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
            bits: 0,
            count: 0,
            interval_ms,
            first: Uptime::from_millis(0),
            last: Reading::empty(Uptime::from_millis(0), WallTime::from_millis(0), 0),
            model: Model::new(),
        }
    }

    /// Number of readings held.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Uptime of the first reading held: the uptime of the frame.
    #[must_use]
    pub fn first(&self) -> Uptime {
        self.first
    }

    /// Takes a reading. Quantum shifts above 31 count as 31.
    ///
    /// # Errors
    /// [`NotTaken`]; the packer is as before then. A packer of 256 bytes or more takes any first reading.
    pub fn push(&mut self, reading: &Reading) -> Result<(), NotTaken> {
        if usize::from(self.count) >= READINGS_PER_FRAME {
            return Err(NotTaken::Full);
        }
        let (mut model, start) = if self.count == 0 {
            (Model::new(), 0)
        } else {
            (self.model.clone(), self.bits)
        };
        let mut bits = BitWriter::at(&mut self.buffer, start);
        let outcome = if self.count == 0 {
            base(&mut bits, &mut model, reading)
        } else {
            further(&mut bits, &mut model, &self.last, reading, self.interval_ms)
        };
        if let Err(why) = outcome {
            bits.truncate(start);
            return Err(why);
        }
        self.bits = bits.len();
        self.model = model;
        if self.count == 0 {
            self.first = reading.uptime;
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
            quantum_shift: self.last.quantum_shift.min(SHIFT),
            flags,
            count: self.count,
            packed: self.buffer.get(..self.bits.div_ceil(8))?,
        })
    }

    /// Empties the packer.
    pub fn clear(&mut self) {
        self.bits = 0;
        self.count = 0;
    }
}

fn base(bits: &mut BitWriter<'_>, model: &mut Model, reading: &Reading) -> Result<(), NotTaken> {
    for (field, known) in Field::ALL.into_iter().zip(model.known.iter_mut()) {
        if let Some(value) = reading.get(field) {
            model.present |= 1 << field as u64;
            *known = value;
        }
    }
    write_mask(bits, model.present)?;
    for field in Field::ALL {
        if let Some(value) = reading.get(field) {
            bits.number(u64::from(value))?;
        }
    }
    Ok(())
}

fn further(
    bits: &mut BitWriter<'_>,
    model: &mut Model,
    last: &Reading,
    reading: &Reading,
    interval_ms: u32,
) -> Result<(), NotTaken> {
    let same_base = last.quantum_shift == reading.quantum_shift
        && last.scope == reading.scope
        && last.available_estimated == reading.available_estimated;
    let interval = reading.uptime.since(last.uptime);
    if !same_base || reading.uptime < last.uptime || interval > GAP_MS {
        return Err(NotTaken::OtherBase);
    }
    let mut present = 0_u64;
    let mut differences: Differences = [0; SLOTS];
    for ((field, known), difference) in Field::ALL
        .into_iter()
        .zip(model.known.iter_mut())
        .zip(differences.iter_mut())
    {
        if let Some(value) = reading.get(field) {
            present |= 1 << field as u64;
            *difference = i64::from(value).saturating_sub(i64::from(*known));
            *known = value;
        }
    }
    let counters = present & COUNTER_FIELDS != 0;
    // Counters that were merely not read this time are no change of presence.
    let compared = if counters { u64::MAX } else { !COUNTER_FIELDS };
    let toggled = (present ^ model.present) & compared;
    let late = interval != u64::from(interval_ms);
    bits.bits(u64::from(late), 1)?;
    bits.bits(u64::from(toggled != 0), 1)?;
    bits.bits(u64::from(counters), 1)?;
    if late {
        let interval = i64::try_from(interval).unwrap_or(i64::MAX);
        bits.number(zigzag(interval.saturating_sub(i64::from(interval_ms))))?;
    }
    if toggled != 0 {
        write_mask(bits, toggled)?;
        model.present ^= toggled;
    }
    for field in TOLD {
        let expected = told(&differences, field);
        if present & (1 << field as u64) != 0
            && let Some(difference) = differences.get_mut(field as usize)
        {
            *difference = difference.saturating_sub(expected);
        }
    }
    residuals(bits, model, present, &differences)?;
    Ok(())
}

/// Which fields have a residual, and the residuals.
fn residuals(
    bits: &mut BitWriter<'_>,
    model: &mut Model,
    present: u64,
    differences: &Differences,
) -> Result<(), Full> {
    let changed = differences
        .iter()
        .rev()
        .fold(0_u64, |mask, value| mask << 1 | u64::from(*value != 0));
    let live = model.live(present);
    let asked = changed & !live;
    for index in indices(present & !live & NEAR_FIELDS) {
        bits.bits(asked >> index, 1)?;
    }
    let far = asked >> NEAR;
    bits.bits(u64::from(far != 0), 1)?;
    if far != 0 {
        write_mask(bits, far)?;
    }
    for index in indices(live | asked) {
        let residual = zigzag(differences.get(index).copied().unwrap_or(0));
        // Where it was asked for it is not 0.
        let written = if live & (1 << index) != 0 {
            residual
        } else {
            residual.saturating_sub(1)
        };
        bits.golomb(written, model.shift(index))?;
        model.learn(index, written);
    }
    Ok(())
}

/// Takes the readings of a body apart, one after the other. An error is the last item: the count is 0 or beyond
/// [`READINGS_PER_FRAME`], the quantum is impossible, the bits are cut or contradictory, or some are left over.
#[derive(Clone, Debug)]
pub struct Unpacker<'a> {
    bits: BitReader<'a>,
    interval_ms: u32,
    left: u16,
    possible: bool,
    started: bool,
    reading: Reading,
    model: Model,
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
        let possible = body.count > 0
            && usize::from(body.count) <= READINGS_PER_FRAME
            && body.quantum_shift <= SHIFT;
        Self {
            bits: BitReader::new(body.packed),
            interval_ms: body.interval_ms,
            left: if possible { body.count } else { 1 },
            possible,
            started: false,
            reading,
            model: Model::new(),
        }
    }

    fn step(&mut self) -> Result<Reading, Cut> {
        if !self.possible {
            return Err(Cut);
        }
        let present = if self.started {
            self.further()?
        } else {
            self.base()?
        };
        self.started = true;
        for (field, known) in Field::ALL.into_iter().zip(&self.model.known) {
            let there = present & (1 << field as u64) != 0;
            self.reading.set(field, there.then_some(*known));
        }
        if self.left == 0 && !self.bits.is_spent() {
            return Err(Cut);
        }
        Ok(self.reading)
    }

    fn base(&mut self) -> Result<u64, Cut> {
        self.model.present = read_mask(&mut self.bits)?;
        for index in indices(self.model.present) {
            let value = u32::try_from(self.bits.number()?).map_err(|_| Cut)?;
            *self.model.known.get_mut(index).ok_or(Cut)? = value;
        }
        Ok(self.model.present)
    }

    fn further(&mut self) -> Result<u64, Cut> {
        let late = self.bits.bits(1)? != 0;
        let toggles = self.bits.bits(1)? != 0;
        let counters = self.bits.bits(1)? != 0;
        let mut interval = i64::from(self.interval_ms);
        if late {
            interval = interval
                .checked_add(unzigzag(self.bits.number()?))
                .ok_or(Cut)?;
        }
        let interval = u64::try_from(interval).map_err(|_| Cut)?;
        let uptime = self
            .reading
            .uptime
            .as_millis()
            .checked_add(interval)
            .ok_or(Cut)?;
        self.reading.uptime = Uptime::from_millis(uptime);
        let hidden = if counters { 0 } else { COUNTER_FIELDS };
        if toggles {
            let toggled = read_mask(&mut self.bits)?;
            if toggled & hidden != 0 {
                return Err(Cut);
            }
            self.model.present ^= toggled;
        }
        let present = self.model.present & !hidden;
        let mut differences = self.residuals(present)?;
        for field in TOLD {
            let expected = told(&differences, field);
            if present & (1 << field as u64) != 0
                && let Some(difference) = differences.get_mut(field as usize)
            {
                *difference = difference.checked_add(expected).ok_or(Cut)?;
            }
        }
        for (known, difference) in self.model.known.iter_mut().zip(differences) {
            let value = i64::from(*known).checked_add(difference).ok_or(Cut)?;
            *known = u32::try_from(value).map_err(|_| Cut)?;
        }
        Ok(present)
    }

    fn residuals(&mut self, present: u64) -> Result<Differences, Cut> {
        let live = self.model.live(present);
        let mut asked = 0_u64;
        for index in indices(present & !live & NEAR_FIELDS) {
            asked |= self.bits.bits(1)? << index;
        }
        if self.bits.bits(1)? != 0 {
            let far = read_mask(&mut self.bits)?;
            let mask = far << NEAR;
            if mask >> NEAR != far || mask & !(present & !live) != 0 {
                return Err(Cut);
            }
            asked |= mask;
        }
        let mut differences: Differences = [0; SLOTS];
        for index in indices(live | asked) {
            let written = self.bits.golomb(self.model.shift(index))?;
            self.model.learn(index, written);
            let residual = if live & (1 << index) != 0 {
                written
            } else {
                written.checked_add(1).ok_or(Cut)?
            };
            *differences.get_mut(index).ok_or(Cut)? = unzigzag(residual);
        }
        Ok(differences)
    }
}

impl Iterator for Unpacker<'_> {
    type Item = Result<Reading, Cut>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let reading = self.step();
        if reading.is_err() {
            self.left = 0;
        }
        Some(reading)
    }
}

#[cfg(test)]
mod tests;
