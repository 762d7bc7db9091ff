//! What writer and reader of packed readings share: the model of the fields, masks, and zigzag.

use super::bits::{BitReader, BitWriter};
use crate::frame::cursor::{Cut, Full};
use crate::sample::Field;

/// Fields that a reader can follow: those beyond [`FIELDS`] are of a later version, read and dropped.
pub(super) const SLOTS: usize = 64;
/// Groups of four fields in a mask.
const GROUPS: usize = SLOTS / 4;
/// Mean with which each field begins, in quarters.
const MEAN_START: u32 = 16;
/// From this mean on a field is live: it changes nearly always, and is written without being asked for.
const MEAN_LIVE: u32 = 96;
/// What enters a mean at most: one leap must not spoil the numbers after it.
const MEAN_STEP: u64 = 1 << 20;

/// What writer and reader know of the fields; both move it by the same steps.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// Last present value of each field: differences refer to it.
    pub(super) known: [u32; SLOTS],
    /// Sliding mean of what was written for each field, in quarters.
    mean: [u32; SLOTS],
    pub(super) present: u64,
}

impl Model {
    pub(super) const fn new() -> Self {
        Self {
            known: [0; SLOTS],
            mean: [MEAN_START; SLOTS],
            present: 0,
        }
    }

    /// Those of `present` that are written without being asked for.
    pub(super) fn live(&self, present: u64) -> u64 {
        let live = self
            .mean
            .iter()
            .rev()
            .fold(0, |mask, mean| mask << 1 | u64::from(*mean >= MEAN_LIVE));
        live & present
    }

    /// Golomb parameter of a field: about the binary logarithm of half its mean.
    pub(super) fn shift(&self, index: usize) -> u32 {
        let mean = self.mean.get(index).map_or(0, |mean| mean >> 2);
        mean.checked_ilog2().unwrap_or(0)
    }

    pub(super) fn learn(&mut self, index: usize, written: u64) {
        if let Some(mean) = self.mean.get_mut(index) {
            let written = u32::try_from(written.min(MEAN_STEP)).unwrap_or(u32::MAX);
            *mean = mean.saturating_sub(*mean >> 2).saturating_add(written);
        }
    }
}

/// Differences of the fields; 0 where a field is absent.
pub(super) type Differences = [i64; SLOTS];

fn difference(differences: &Differences, field: Field) -> i64 {
    differences.get(field as usize).copied().unwrap_or(0)
}

/// What is expected of a field's difference, given those of others. No field that is told serves to tell another.
pub(super) fn told(differences: &Differences, field: Field) -> i64 {
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
pub(super) const TOLD: [Field; 2] = [Field::CpuUser, Field::MemoryAvailable];

/// Bits of a mask from low to high.
pub(super) fn indices(mask: u64) -> impl Iterator<Item = usize> {
    (0..SLOTS).filter(move |index| mask & (1 << index) != 0)
}

/// A mask of fields: which groups of four have any, then a nibble for each of those.
pub(super) fn write_mask(bits: &mut BitWriter<'_>, mask: u64) -> Result<(), Full> {
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

pub(super) fn read_mask(bits: &mut BitReader<'_>) -> Result<u64, Cut> {
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
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[expect(
    clippy::cast_possible_wrap,
    reason = "zigzag is a map of all 64-bit numbers onto themselves"
)]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ ((value & 1) as i64).wrapping_neg()
}
