//! `/charts/AGENT`: the columns that the charts of an agent's page draw, as JSON. Points of a long range are gathered: levels by
//! their mean, shares of time by their highest. A gap stays a gap.

use super::Site;
use super::frame::View;
use super::names;
use super::values::Figures;
use crate::codes::{self, Language};
use crate::limit::{CHART_POINTS, READINGS};
use crate::store::{Agent, AlertFilter, Range, StoreError, StoredAlert, StoredReading};
use hansho::clock::WallTime;
use hansho::sample::{Field, Reading};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// From when to when a chart is, seconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From.
    pub from_s: u64,
    /// To.
    pub to_s: u64,
    /// It ends now, and goes on with it.
    pub relative: bool,
}

/// What a chart shows by default.
const DEFAULT_S: u64 = 6 * 60 * 60;
/// The shortest and longest that can be asked for.
const SHORTEST_S: u64 = 60;
const LONGEST_S: u64 = 400 * 24 * 60 * 60;
/// Without a reading for so many report intervals there is a gap.
const GAP_INTERVALS: u64 = 3;

impl Span {
    /// From the parameters `from` and `to`, or `hours` up to now; what makes no sense gives the default.
    #[must_use]
    pub fn of(get: impl Fn(&str) -> Option<String>, now: WallTime) -> Self {
        let number = |name: &str| get(name)?.parse::<u64>().ok();
        let now_s = now.as_millis() / 1000;
        let ending_now = |length_s: u64| (now_s.saturating_sub(length_s), now_s, true);
        let (from_s, to_s, relative) = match (number("from"), number("to"), number("hours")) {
            (Some(from), Some(to), _) => (from, to, false),
            (_, _, Some(hours)) => ending_now(hours.saturating_mul(3600)),
            _ => ending_now(DEFAULT_S),
        };
        let length = to_s.saturating_sub(from_s);
        if (SHORTEST_S..=LONGEST_S).contains(&length) {
            Self {
                from_s,
                to_s,
                relative,
            }
        } else {
            Self {
                from_s: now_s.saturating_sub(DEFAULT_S),
                to_s: now_s,
                relative: true,
            }
        }
    }

    /// The parameters that ask for it again: one that ends now goes on ending now.
    #[must_use]
    pub fn query(self) -> String {
        let length_s = self.to_s.saturating_sub(self.from_s);
        if self.relative {
            format!("hours={}", length_s / 3600)
        } else {
            format!("from={}&to={}", self.from_s, self.to_s)
        }
    }

    /// From.
    #[must_use]
    pub const fn from(self) -> WallTime {
        WallTime::from_millis(self.from_s.saturating_mul(1000))
    }

    /// To.
    #[must_use]
    pub const fn to(self) -> WallTime {
        WallTime::from_millis(self.to_s.saturating_mul(1000))
    }

    fn range(self) -> Range {
        Range {
            from: self.from(),
            to: self.to(),
            limit: READINGS,
        }
    }
}

/// How points that fall together become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gather {
    Mean,
    Highest,
}

/// A line of a chart.
struct Line {
    key: &'static str,
    field: Field,
    gather: Gather,
}

const fn level(key: &'static str, field: Field) -> Line {
    Line {
        key,
        field,
        gather: Gather::Mean,
    }
}

const fn share(key: &'static str, field: Field) -> Line {
    Line {
        key,
        field,
        gather: Gather::Highest,
    }
}

/// Memory from below: what cannot be given back first.
const MEMORY: [Line; 5] = [
    level("anonymous", Field::MemoryAnonymous),
    level("shmem", Field::Shmem),
    level("slab_unreclaimable", Field::SlabUnreclaimable),
    level("slab_reclaimable", Field::SlabReclaimable),
    level("page_cache", Field::PageCache),
];
const CPU: [Line; 4] = [
    share("cpu_busy", Field::CpuBusy),
    share("cpu_busy_peak", Field::CpuBusyPeak),
    share("cpu_iowait", Field::CpuIowait),
    share("cpu_steal", Field::CpuSteal),
];
const PRESSURE: [Line; 4] = [
    share("pressure_cpu", Field::PressureCpuSome),
    share("pressure_memory", Field::PressureMemorySome),
    share("pressure_memory_full", Field::PressureMemoryFull),
    share("pressure_io", Field::PressureIoSome),
];

/// The titles of the charts, in order.
#[must_use]
pub const fn titles(language: Language) -> [&'static str; 3] {
    match language {
        Language::Ja => ["メモリの内訳", "CPU", "逼迫(PSI)"],
        Language::En => ["Memory, split", "CPU", "Pressure (PSI)"],
    }
}

/// Builds the data.
///
/// # Errors
/// [`StoreError`].
pub fn data(site: &Site, view: &View, agent: &Agent, span: Span) -> Result<Value, StoreError> {
    let readings = site.store.readings(agent.id, &span.range())?;
    let alerts = site.store.alerts(&AlertFilter {
        agent: Some(agent.id),
        ..AlertFilter::default()
    })?;
    let interval_s = agent
        .inventory
        .as_ref()
        .map_or(10, |told| u64::from(told.report_interval_ms) / 1000)
        .max(1);
    let points = gathered(&readings, span, interval_s);
    let language = view.words.language;
    let time: Vec<u64> = points.iter().map(|point| point.at_s).collect();
    let mut columns = serde_json::Map::new();
    for line in MEMORY.iter().chain(&CPU).chain(&PRESSURE) {
        let column: Vec<Value> = points
            .iter()
            .map(|point| {
                point
                    .values
                    .get(line.key)
                    .map_or(Value::Null, |value| json!(value))
            })
            .collect();
        columns.insert(line.key.to_owned(), Value::Array(column));
    }
    let top = readings
        .iter()
        .filter_map(|stored| stored.reading.kib(Field::MemoryTotal))
        .max()
        .map(gibibytes);
    let [memory, cpu, pressure] = titles(language);
    let series = |lines: &[Line]| -> Vec<Value> {
        lines
            .iter()
            .map(|line| json!({ "key": line.key, "label": names::field(line.field, language) }))
            .collect()
    };
    Ok(json!({
        "from": span.from_s,
        "to": span.to_s,
        "offset_s": view.zone.offset_s(),
        "words": { "time": match language { Language::Ja => "時刻", Language::En => "time" } },
        "time": time,
        "columns": columns,
        "charts": [
            { "title": memory, "stack": true, "unit": "GiB", "top": top, "series": series(&MEMORY) },
            { "title": cpu, "stack": false, "unit": "%", "top": 100, "series": series(&CPU) },
            { "title": pressure, "stack": false, "unit": "%", "top": null, "series": series(&PRESSURE) },
        ],
        "alerts": alerts.iter().filter_map(|alert| mark(alert, span)).collect::<Vec<_>>(),
    }))
}

/// A line of the table that says what the charts draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// From when on.
    pub from: WallTime,
    /// Highest share of memory used, permille.
    pub used: Option<u64>,
    /// Lowest memory available, KiB.
    pub available_kib: Option<u64>,
    /// Highest CPU busy, permille.
    pub cpu: Option<u64>,
    /// Highest of the pressures, permille.
    pub pressure: Option<u64>,
}

/// The table beside the charts: at most `most` lines of equal length, those without readings left out.
///
/// # Errors
/// [`StoreError`].
pub fn table(
    site: &Site,
    agent: &Agent,
    span: Span,
    most: u64,
) -> Result<Vec<TableRow>, StoreError> {
    let readings = site.store.readings(agent.id, &span.range())?;
    let width_s = span
        .to_s
        .saturating_sub(span.from_s)
        .div_ceil(most.max(1))
        .max(1);
    let mut rows: Vec<TableRow> = Vec::new();
    for stored in &readings {
        let figures = Figures::of(&stored.reading);
        let second = stored.dated.wall.as_millis() / 1000;
        let into = second
            .saturating_sub(span.from_s)
            .checked_rem(width_s)
            .unwrap_or(0);
        let from = WallTime::from_millis(second.saturating_sub(into).saturating_mul(1000));
        if rows.last().is_none_or(|row| row.from != from) {
            rows.push(TableRow {
                from,
                used: None,
                available_kib: None,
                cpu: None,
                pressure: None,
            });
        }
        let Some(row) = rows.last_mut() else {
            continue;
        };
        row.used = row.used.max(figures.used);
        row.cpu = row.cpu.max(figures.cpu);
        row.pressure = row
            .pressure
            .max(figures.pressure.map(|(_, permille)| permille));
        row.available_kib = match (row.available_kib, figures.available_kib) {
            (Some(lowest), Some(new)) => Some(lowest.min(new)),
            (lowest, new) => lowest.or(new),
        };
    }
    Ok(rows)
}

/// An alert that lies in the span.
fn mark(alert: &StoredAlert, span: Span) -> Option<Value> {
    let seconds = |dated: Option<crate::store::Dated>| Some(dated?.wall.as_millis() / 1000);
    let from = seconds(alert.detected)?;
    let to = if alert.firing {
        None
    } else {
        seconds(alert.resolved)
    };
    let within = from <= span.to_s && to.is_none_or(|to| to >= span.from_s);
    within.then(|| {
        json!({
            "from": from,
            "to": to,
            "code": codes::display(alert.identity.code, true),
            "severity": codes::severity(alert.identity.code).letter().to_string(),
            "test": alert.identity.test,
        })
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "for a picture; the values are exact in the table"
)]
fn gibibytes(kib: u64) -> f64 {
    (kib as f64) / 1_048_576.0
}

fn value(reading: &Reading, line: &Line) -> Option<f64> {
    if line.field.is_quanta() {
        return reading.kib(line.field).map(gibibytes);
    }
    reading
        .get(line.field)
        .map(|permille| f64::from(permille) / 10.0)
}

/// One place on the axis of time.
struct Point {
    at_s: u64,
    values: BTreeMap<&'static str, f64>,
}

fn gathered(readings: &[StoredReading], span: Span, interval_s: u64) -> Vec<Point> {
    let length = span.to_s.saturating_sub(span.from_s);
    let width_s = length.div_ceil(CHART_POINTS).max(1);
    let gap_s = interval_s
        .saturating_mul(GAP_INTERVALS)
        .max(width_s.saturating_mul(2));
    let mut points: Vec<Point> = Vec::new();
    let mut bucket: Option<(u64, Vec<&Reading>)> = None;
    let mut close = |bucket: Option<(u64, Vec<&Reading>)>| {
        let Some((at_s, together)) = bucket else {
            return;
        };
        if let Some(last) = points.last()
            && at_s.saturating_sub(last.at_s) > gap_s
        {
            // An empty point: the line is not drawn across.
            let empty_s = last.at_s.saturating_add(interval_s);
            points.push(Point {
                at_s: empty_s,
                values: BTreeMap::new(),
            });
        }
        points.push(Point {
            at_s,
            values: together_values(&together),
        });
    };
    for stored in readings {
        let second = stored.dated.wall.as_millis() / 1000;
        let into = second.checked_rem(width_s).unwrap_or(0);
        let start_s = second.saturating_sub(into);
        match &mut bucket {
            Some((at_s, together)) if *at_s == start_s => together.push(&stored.reading),
            _ => {
                let done = bucket.replace((start_s, vec![&stored.reading]));
                close(done);
            }
        }
    }
    close(bucket);
    points
}

fn together_values(readings: &[&Reading]) -> BTreeMap<&'static str, f64> {
    let mut values = BTreeMap::new();
    for line in MEMORY.iter().chain(&CPU).chain(&PRESSURE) {
        let known: Vec<f64> = readings
            .iter()
            .filter_map(|reading| value(reading, line))
            .collect();
        let Some(first) = known.first().copied() else {
            continue;
        };
        let gathered = match line.gather {
            Gather::Highest => known.iter().copied().fold(first, f64::max),
            Gather::Mean => {
                let count = u32::try_from(known.len()).unwrap_or(u32::MAX);
                known.iter().sum::<f64>() / f64::from(count)
            }
        };
        // Three digits are more than a picture shows.
        values.insert(line.key, (gathered * 1000.0).round() / 1000.0);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ClockQuality, Dated};
    use hansho::clock::Uptime;
    use hansho::frame::kind::RunId;

    fn stored(second: u64, busy: u32) -> StoredReading {
        let wall = WallTime::from_millis(second.saturating_mul(1000));
        let mut reading = Reading::empty(Uptime::from_millis(wall.as_millis()), wall, 0);
        reading.set(Field::CpuBusy, Some(busy));
        StoredReading {
            run: RunId(1),
            sequence: 0,
            dated: Dated {
                wall,
                quality: ClockQuality::Exact,
            },
            reading,
        }
    }

    const HOUR: Span = Span {
        from_s: 0,
        to_s: 3600,
        relative: false,
    };

    #[test]
    fn a_gap_stays_a_gap() {
        let readings = [
            stored(10, 100),
            stored(20, 200),
            stored(100, 300),
            stored(110, 400),
        ];
        let points = gathered(&readings, HOUR, 10);
        let shown: Vec<(u64, Option<f64>)> = points
            .iter()
            .map(|point| (point.at_s, point.values.get("cpu_busy").copied()))
            .collect();
        let at = |second: u64| {
            let width = 3600_u64.div_ceil(CHART_POINTS).max(1);
            second.saturating_sub(second % width)
        };
        assert_eq!(shown.first(), Some(&(at(10), Some(10.0))));
        assert!(shown.iter().any(|(_, value)| value.is_none()), "{shown:?}");
        assert_eq!(shown.last(), Some(&(at(110), Some(40.0))));
    }

    #[test]
    fn a_long_range_has_no_more_points_than_fit_and_keeps_the_peak() {
        let span = Span {
            from_s: 0,
            to_s: 30 * 86_400,
            relative: false,
        };
        let readings: Vec<StoredReading> = (0..30_000)
            .map(|step| stored(step * 80, if step == 777 { 1000 } else { 10 }))
            .collect();
        let points = gathered(&readings, span, 80);
        assert!(points.len() as u64 <= CHART_POINTS + 1, "{}", points.len());
        let highest = points
            .iter()
            .filter_map(|point| point.values.get("cpu_busy"))
            .copied()
            .fold(0.0, f64::max);
        assert!((highest - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_span_is_what_was_asked_or_the_default() {
        let now = WallTime::from_millis(1_000_000_000);
        let of = |pairs: &[(&str, &str)]| {
            Span::of(
                |name| {
                    pairs
                        .iter()
                        .find(|(key, _)| *key == name)
                        .map(|(_, value)| (*value).to_owned())
                },
                now,
            )
        };
        let default = Span {
            from_s: 1_000_000 - DEFAULT_S,
            to_s: 1_000_000,
            relative: true,
        };
        assert_eq!(of(&[]), default);
        assert_eq!(
            of(&[("from", "100"), ("to", "900")]),
            Span {
                from_s: 100,
                to_s: 900,
                relative: false,
            }
        );
        assert_eq!(of(&[("hours", "1")]).from_s, 996_400);
        for wrong in [
            [("from", "900"), ("to", "100")],
            [("from", "x"), ("to", "")],
            [("from", "0"), ("to", "18446744073709551615")],
        ] {
            assert_eq!(of(&wrong), default, "{wrong:?}");
        }
    }
}
