//! Numbers with their units.

use super::words::Words;
use crate::clock::utc;
use crate::store::{ClockQuality, Dated};
use hansho::rule::{Quantity, Unit};
use hansho::sample::{Field, Reading};

/// Tenths as `12.3`.
fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// KiB as GiB, MiB or KiB.
#[must_use]
pub fn memory(kib: u64) -> String {
    let in_unit =
        |shift: u32, unit: &str| format!("{} {unit}", tenths(kib.saturating_mul(10) >> shift));
    match kib {
        0..1024 => format!("{kib} KiB"),
        1024..1_048_576 => in_unit(10, "MiB"),
        _ => in_unit(20, "GiB"),
    }
}

/// Permille as per cent.
#[must_use]
pub fn percent(permille: u64) -> String {
    format!("{}%", tenths(permille))
}

/// `part` of `whole` in permille.
#[must_use]
pub fn share(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(1000).checked_div(whole)
}

/// A value in the unit of its quantity; with its share where a total is known.
#[must_use]
pub fn value(quantity: u8, value: u64, total: Option<u64>) -> String {
    let Some(quantity) = Quantity::from_number(quantity) else {
        return value.to_string();
    };
    match quantity.unit() {
        Unit::Kib => match total.and_then(|total| share(value, total)) {
            Some(permille) => format!("{} ({})", percent(permille), memory(value)),
            None => memory(value),
        },
        Unit::Permille => percent(value),
        Unit::PerSecond => format!("{value}/s"),
        Unit::Count => value.to_string(),
        Unit::Centi => format!("{}.{:02}", value / 100, value % 100),
        Unit::Milliseconds => format!("{value} ms"),
        Unit::Seconds => format!("{value} s"),
    }
}

/// Name of a quantity.
#[must_use]
pub fn quantity(number: u8) -> &'static str {
    Quantity::from_number(number).map_or("", Quantity::name)
}

/// A date, and what it is worth where that is not the best.
#[must_use]
pub fn dated(words: &Words, dated: Option<Dated>) -> String {
    let Some(dated) = dated else {
        return words.unknown.to_owned();
    };
    let quality = match dated.quality {
        ClockQuality::Exact => words.clock_exact,
        ClockQuality::Confirmed => words.clock_confirmed,
        ClockQuality::Host => words.clock_host,
        ClockQuality::Unset => words.clock_unset,
        ClockQuality::Unknown => words.clock_unknown,
    };
    format!("{} ({quality})", utc(dated.wall.as_millis()))
}

/// The figures of a reading that stand first.
#[derive(Debug)]
pub struct Figures {
    /// Memory used, permille.
    pub used: Option<u64>,
    /// Memory available, KiB.
    pub available_kib: Option<u64>,
    /// CPU busy, permille.
    pub cpu: Option<u64>,
    /// Highest of the pressures cpu some, memory some, io some, with its name.
    pub pressure: Option<(&'static str, u64)>,
}

impl Figures {
    /// Of a reading.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let total = reading.kib(Field::MemoryTotal);
        let available_kib = reading.kib(Field::MemoryAvailable);
        let used = total
            .zip(available_kib)
            .and_then(|(total, available)| share(total.saturating_sub(available), total));
        let pressure = [
            ("cpu", Field::PressureCpuSome),
            ("memory", Field::PressureMemorySome),
            ("io", Field::PressureIoSome),
        ]
        .into_iter()
        .filter_map(|(name, field)| Some((name, u64::from(reading.get(field)?))))
        .max_by_key(|(_, permille)| *permille);
        Self {
            used,
            available_kib,
            cpu: reading.get(Field::CpuBusy).map(u64::from),
            pressure,
        }
    }
}

/// A reading's fields for the table of an agent's page: name, and value with unit.
pub fn fields(reading: &Reading) -> impl Iterator<Item = (&'static str, Option<String>)> + '_ {
    const NAMES: [(Field, &str); 34] = [
        (Field::MemoryTotal, "memory total"),
        (Field::MemoryAvailable, "memory available"),
        (Field::MemoryUsedPeak, "memory used, peak"),
        (Field::MemoryAnonymous, "anonymous memory"),
        (Field::PageCache, "page cache"),
        (Field::Shmem, "shared memory and tmpfs"),
        (Field::SlabReclaimable, "slab, reclaimable"),
        (Field::SlabUnreclaimable, "slab, unreclaimable"),
        (Field::MemoryDirty, "dirty pages"),
        (Field::MemoryCommitted, "committed"),
        (Field::SwapTotal, "swap total"),
        (Field::SwapUsed, "swap used"),
        (Field::ZfsArc, "ZFS ARC"),
        (Field::HugetlbTotal, "huge page pool"),
        (Field::HugetlbFree, "huge page pool, free"),
        (Field::Cores, "processors"),
        (Field::CpuBusy, "CPU busy"),
        (Field::CpuBusyPeak, "CPU busy, peak"),
        (Field::CpuUser, "CPU user"),
        (Field::CpuSystem, "CPU system"),
        (Field::CpuIowait, "CPU iowait"),
        (Field::CpuSteal, "CPU steal"),
        (Field::Load1, "load, 1 min"),
        (Field::Runnable, "runnable tasks"),
        (Field::PressureCpuSome, "PSI cpu some"),
        (Field::PressureMemorySome, "PSI memory some"),
        (Field::PressureMemoryFull, "PSI memory full"),
        (Field::PressureIoSome, "PSI io some"),
        (Field::PressureIoFull, "PSI io full"),
        (Field::OomKill, "OOM kills"),
        (Field::SwapIn, "swapped in, pages/s"),
        (Field::SwapOut, "swapped out, pages/s"),
        (Field::MajorFaults, "major faults/s"),
        (Field::Refaults, "refaults/s"),
    ];
    NAMES.into_iter().map(|(field, name)| {
        let text = reading.get(field).map(|raw| {
            let raw = u64::from(raw);
            match field {
                field if field.is_quanta() => memory(reading.kib(field).unwrap_or(0)),
                Field::Load1 => format!("{}.{:02}", raw / 100, raw % 100),
                Field::Cores
                | Field::Runnable
                | Field::OomKill
                | Field::SwapIn
                | Field::SwapOut
                | Field::MajorFaults
                | Field::Refaults => raw.to_string(),
                _ => percent(raw),
            }
        });
        (name, text)
    })
}
