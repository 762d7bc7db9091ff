//! Readings as a base and residuals, in bits: what changes little costs little.
//!
//! The first reading of a frame is complete; each further one holds only what changed. Two fields are told from
//! others (user from busy, system and steal; available from anonymous), and only what is left is written. Residuals
//! are exponential Golomb numbers whose parameter follows the field's own mean, which both sides keep.
//! docs/FRAME.md has every bit, and an example.

mod bits;

use self::bits::{BitReader, BitWriter};
use super::body::Readings;
use super::cursor::{Cut, Full};
use crate::clock::{Uptime, WallTime};
use crate::limit::READINGS_PER_FRAME;
use crate::sample::reading::FIELDS;
use crate::sample::{Field, Reading, Scope};

/// Fields that a reader can follow: those beyond [`FIELDS`] are of a later version, read and dropped.
const SLOTS: usize = 64;
/// Groups of four fields in a mask.
const GROUPS: usize = SLOTS / 4;
/// The fields that come from the file which is read more rarely.
const COUNTER_FIELDS: u64 = 0b11111 << Field::MajorFaults as u64;
const _: () =
    assert!(FIELDS <= SLOTS && Field::OomKill as usize == Field::MajorFaults as usize + 4);
/// Fields that have a bit of their own in each reading: those that change often.
const NEAR: u32 = 16;
/// Mask of the near fields.
const NEAR_FIELDS: u64 = (1 << NEAR) - 1;

/// Mean with which each field begins, in quarters.
const MEAN_START: u32 = 16;
/// From this mean on a field is live: it changes nearly always, and is written without being asked for.
const MEAN_LIVE: u32 = 96;
/// What enters a mean at most: one leap must not spoil the numbers after it.
const MEAN_STEP: u64 = 1 << 20;

/// Longest gap between two readings of a frame; a longer one takes a new frame.
const GAP_MS: u64 = u32::MAX as u64;
/// Largest shift that a quantum can have: `Reading::kib` fits 64 bits.
const SHIFT: u8 = 31;

/// Bit 0 of the body's flags.
const FLAG_CONTAINER: u8 = 1;
/// Bit 1 of the body's flags.
const FLAG_ESTIMATED: u8 = 2;

/// What writer and reader know of the fields; both move it by the same steps.
#[derive(Clone, Debug)]
struct Model {
    /// Last present value of each field: differences refer to it.
    known: [u32; SLOTS],
    /// Sliding mean of what was written for each field, in quarters.
    mean: [u32; SLOTS],
    present: u64,
}

impl Model {
    const fn new() -> Self {
        Self {
            known: [0; SLOTS],
            mean: [MEAN_START; SLOTS],
            present: 0,
        }
    }

    /// Those of `present` that are written without being asked for.
    fn live(&self, present: u64) -> u64 {
        let live = self
            .mean
            .iter()
            .rev()
            .fold(0, |mask, mean| mask << 1 | u64::from(*mean >= MEAN_LIVE));
        live & present
    }

    /// Golomb parameter of a field: about the binary logarithm of half its mean.
    fn shift(&self, index: usize) -> u32 {
        let mean = self.mean.get(index).map_or(0, |mean| mean >> 2);
        mean.checked_ilog2().unwrap_or(0)
    }

    fn learn(&mut self, index: usize, written: u64) {
        if let Some(mean) = self.mean.get_mut(index) {
            let written = u32::try_from(written.min(MEAN_STEP)).unwrap_or(u32::MAX);
            *mean = mean.saturating_sub(*mean >> 2).saturating_add(written);
        }
    }
}

/// Differences of the fields; 0 where a field is absent.
type Differences = [i64; SLOTS];

fn difference(differences: &Differences, field: Field) -> i64 {
    differences.get(field as usize).copied().unwrap_or(0)
}

/// What is expected of a field's difference, given those of others. No field that is told serves to tell another.
fn told(differences: &Differences, field: Field) -> i64 {
    match field {
        // Busy is user, system and steal; what is left is rounding.
        Field::CpuUser => difference(differences, Field::CpuBusy)
            .saturating_sub(difference(differences, Field::CpuSystem))
            .saturating_sub(difference(differences, Field::CpuSteal)),
        // What programs take is no longer available.
        Field::MemoryAvailable => difference(differences, Field::MemoryAnonymous).saturating_neg(),
        _ => 0,
    }
}

/// The fields that are told from others.
const TOLD: [Field; 2] = [Field::CpuUser, Field::MemoryAvailable];

/// Bits of a mask from low to high.
fn indices(mask: u64) -> impl Iterator<Item = usize> {
    (0..SLOTS).filter(move |index| mask & (1 << index) != 0)
}

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

/// A mask of fields: which groups of four have any, then a nibble for each of those.
fn write_mask(bits: &mut BitWriter<'_>, mask: u64) -> Result<(), Full> {
    let group_of = |shift: u32| mask.checked_shr(shift).unwrap_or(0) & 0xF;
    let mut groups = 0_u64;
    for (group, shift) in shifts().enumerate() {
        groups |= u64::from(group_of(shift) != 0) << group;
    }
    bits.number(groups)?;
    for shift in shifts() {
        if group_of(shift) != 0 {
            bits.bits(group_of(shift), 4)?;
        }
    }
    Ok(())
}

fn read_mask(bits: &mut BitReader<'_>) -> Result<u64, Cut> {
    let groups = bits.number()?;
    if groups >> GROUPS != 0 {
        return Err(Cut);
    }
    let mut mask = 0_u64;
    for (group, shift) in shifts().enumerate() {
        if groups & (1 << group) != 0 {
            mask |= bits.bits(4)? << shift;
        }
    }
    Ok(mask)
}

/// Where the groups of a mask begin.
fn shifts() -> impl Iterator<Item = u32> {
    (0..u64::BITS).step_by(4)
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
    (value >> 1) as i64 ^ ((value & 1) as i64).wrapping_neg()
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
