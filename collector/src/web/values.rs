//! Numbers with their units.

use super::frame::View;
use super::names;
use crate::codes::Language;
use crate::notify::render::numbers;
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
pub fn value(language: Language, quantity: u8, value: u64, total: Option<u64>) -> String {
    let Some(quantity) = Quantity::from_number(quantity) else {
        return value.to_string();
    };
    match quantity.unit() {
        Unit::Kib => match total.and_then(|total| share(value, total)) {
            Some(permille) => format!("{} ({})", percent(permille), memory(value)),
            None => memory(value),
        },
        Unit::Items => match total.and_then(|total| share(value, total)) {
            Some(permille) => format!("{} ({value})", percent(permille)),
            None => value.to_string(),
        },
        Unit::Permille => percent(value),
        Unit::PerSecond => match language {
            Language::Ja => format!("{value}/秒"),
            Language::En => format!("{value}/s"),
        },
        Unit::Count => value.to_string(),
        Unit::Centi => format!("{}.{:02}", value / 100, value % 100),
        Unit::Milliseconds => numbers::span(language, value),
        Unit::Seconds => numbers::span(language, value.saturating_mul(1000)),
        Unit::TimeLeft => numbers::time_left(language, value),
    }
}

/// A date, and what it is worth where that is not the best.
#[must_use]
pub fn dated(view: &View, dated: Option<Dated>) -> String {
    let words = view.words;
    let Some(dated) = dated else {
        return words.unknown.to_owned();
    };
    let quality = match dated.quality {
        ClockQuality::Exact => return view.time(dated.wall),
        ClockQuality::Confirmed => words.clock_confirmed,
        ClockQuality::Host => words.clock_host,
        ClockQuality::Unset => words.clock_unset,
        ClockQuality::Unknown => words.clock_unknown,
    };
    format!("{} ({quality})", view.time(dated.wall))
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
    /// Highest of the pressures cpu some, memory some, io some.
    pub pressure: Option<(Field, u64)>,
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
            Field::PressureCpuSome,
            Field::PressureMemorySome,
            Field::PressureIoSome,
        ]
        .into_iter()
        .filter_map(|field| Some((field, u64::from(reading.get(field)?))))
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
pub fn fields(
    reading: &Reading,
    language: Language,
) -> impl Iterator<Item = (&'static str, Option<String>)> + '_ {
    names::FIELDS.into_iter().map(move |(field, name)| {
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
        (names::of(name, language), text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_people_say_it() {
        for (quantity, number, ja, en) in [
            (Quantity::TickLate, 181_000, "3分1秒", "3 min 1 s"),
            (Quantity::ClockStep, 2500, "2.5秒", "2.5 s"),
            (Quantity::ForwardSilence, 7500, "2時間5分", "2 h 5 min"),
        ] {
            let quantity = quantity.number();
            assert_eq!(value(Language::Ja, quantity, number, None), ja);
            assert_eq!(value(Language::En, quantity, number, None), en);
        }
    }
}
