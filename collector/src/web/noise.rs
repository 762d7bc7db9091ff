//! The noise of a week, as plain values: what fires most often, stands longest, flaps, and is closed without anybody taking it;
//! how much each receiver gets. Pure.

use crate::clock::DAY_MS;
use crate::limit::{NOISE_FLAPS, NOISE_ROWS, NOISE_STANDING_MS};
use crate::store::{AlertId, Span, StoredAlert};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::{BTreeMap, BTreeSet};

/// Days of a week.
pub const DAYS: usize = 7;

/// A code on a host, and what it did in the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Often {
    /// Code.
    pub code: u16,
    /// Agent; 0 for what the collector raises about a site or receiver.
    pub agent: AgentId,
    /// Alerts that were raised.
    pub times: u64,
    /// How long they stood within the week, together, milliseconds.
    pub total_ms: u64,
    /// The newest of them.
    pub newest: AlertId,
}

/// An alert that stood long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It.
    pub alert: AlertId,
    /// Code.
    pub code: u16,
    /// Agent.
    pub agent: AgentId,
    /// Since when.
    pub since: WallTime,
    /// How long, up to its end or now, milliseconds.
    pub length_ms: u64,
    /// It is still open.
    pub open: bool,
}

/// Messages that a receiver got, a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Receiver.
    pub receiver: String,
    /// By day of the week, from its first.
    pub days: [u64; DAYS],
}

/// The week.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// Alerts that were raised in it, tests aside.
    pub raised: u64,
    /// The codes on hosts that fired most often.
    pub top: Vec<Often>,
    /// What stood over a day, the longest first.
    pub standing: Vec<Standing>,
    /// What fired again and again within a day: code and agent, and the most on one day.
    pub flapping: Vec<(Often, u64)>,
    /// What ended without anybody taking it: code and agent, and how often.
    pub untaken: Vec<Often>,
    /// Who got how much.
    pub load: Vec<Load>,
}

fn begin(alert: &StoredAlert) -> WallTime {
    let dated = alert.detected.or(alert.occurred);
    dated.map_or(alert.stored, |dated| dated.wall)
}

fn end(alert: &StoredAlert, now: WallTime) -> WallTime {
    if alert.firing {
        return now;
    }
    alert.resolved.map_or(alert.updated, |dated| dated.wall)
}

fn length(from: WallTime, until: WallTime) -> u64 {
    until.as_millis().saturating_sub(from.as_millis())
}

/// Of alerts that were open at some time of the week, those that somebody has taken, and the messages decided in it.
#[must_use]
pub fn noise(
    alerts: &[StoredAlert],
    taken: &BTreeSet<AlertId>,
    told: &[(String, WallTime)],
    week: Span,
    now: WallTime,
) -> Noise {
    let real: Vec<&StoredAlert> = alerts.iter().filter(|alert| !alert.identity.test).collect();
    let raised = real.iter().filter(|alert| week.has(begin(alert)));
    let often = often(real.iter().copied(), week, now);
    let untaken = real
        .iter()
        .copied()
        .filter(|alert| !alert.firing && week.has(end(alert, now)) && !taken.contains(&alert.id));
    Noise {
        raised: raised.count() as u64,
        standing: standing(&real, week, now),
        flapping: flapping(&real, &often, week),
        untaken: first(self::often(untaken, week, now)),
        load: load(told, week),
        top: first(often),
    }
}

fn first(mut rows: Vec<Often>) -> Vec<Often> {
    rows.retain(|row| row.times > 0);
    rows.truncate(NOISE_ROWS);
    rows
}

/// By code and agent, the most often first.
fn often<'a>(
    alerts: impl Iterator<Item = &'a StoredAlert>,
    week: Span,
    now: WallTime,
) -> Vec<Often> {
    let mut rows: BTreeMap<(u16, AgentId), Often> = BTreeMap::new();
    for alert in alerts {
        let key = (alert.identity.code, alert.agent);
        let row = rows.entry(key).or_insert_with(|| Often {
            code: key.0,
            agent: key.1,
            times: 0,
            total_ms: 0,
            newest: alert.id,
        });
        if week.has(begin(alert)) {
            row.times = row.times.saturating_add(1);
        }
        let from = begin(alert).max(week.from);
        let until = end(alert, now).min(week.until);
        row.total_ms = row.total_ms.saturating_add(length(from, until));
        // They come by age.
        row.newest = alert.id;
    }
    let mut rows: Vec<Often> = rows.into_values().collect();
    rows.sort_by_key(|row| (core::cmp::Reverse((row.times, row.total_ms)), row.code));
    rows
}

fn standing(alerts: &[&StoredAlert], week: Span, now: WallTime) -> Vec<Standing> {
    let mut rows: Vec<Standing> = alerts
        .iter()
        .map(|alert| Standing {
            alert: alert.id,
            code: alert.identity.code,
            agent: alert.agent,
            since: begin(alert),
            length_ms: length(begin(alert), end(alert, now).min(week.until)),
            open: alert.firing,
        })
        .filter(|row| row.length_ms > NOISE_STANDING_MS)
        .collect();
    rows.sort_by_key(|row| core::cmp::Reverse(row.length_ms));
    rows.truncate(NOISE_ROWS);
    rows
}

fn flapping(alerts: &[&StoredAlert], often: &[Often], week: Span) -> Vec<(Often, u64)> {
    let mut days: BTreeMap<(u16, AgentId, u64), u64> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| week.has(begin(alert))) {
        let key = (alert.identity.code, alert.agent, day(begin(alert), week));
        let count = days.entry(key).or_default();
        *count = count.saturating_add(1);
    }
    let worst = |row: &Often| {
        days.iter()
            .filter(|((code, agent, _), _)| *code == row.code && *agent == row.agent)
            .map(|(_, count)| *count)
            .max()
            .unwrap_or(0)
    };
    let rows = often.iter().take_while(|row| row.times >= NOISE_FLAPS);
    let mut rows: Vec<(Often, u64)> = rows
        .map(|row| (row.clone(), worst(row)))
        .filter(|(_, worst)| *worst >= NOISE_FLAPS)
        .collect();
    rows.truncate(NOISE_ROWS);
    rows
}

fn day(moment: WallTime, week: Span) -> u64 {
    length(week.from, moment) / DAY_MS
}

fn load(told: &[(String, WallTime)], week: Span) -> Vec<Load> {
    let mut rows: BTreeMap<&str, [u64; DAYS]> = BTreeMap::new();
    for (receiver, at) in told.iter().filter(|(_, at)| week.has(*at)) {
        let days = rows.entry(receiver).or_default();
        let day = usize::try_from(day(*at, week)).unwrap_or(usize::MAX);
        if let Some(count) = days.get_mut(day) {
            *count = count.saturating_add(1);
        }
    }
    let mut rows: Vec<Load> = rows
        .into_iter()
        .map(|(receiver, days)| Load {
            receiver: receiver.to_owned(),
            days,
        })
        .collect();
    rows.sort_by_key(|row| core::cmp::Reverse(row.days.iter().sum::<u64>()));
    rows
}

/// The week of a day by ISO 8601: its year, its number, and from when to when it is in a zone `offset_ms` from UTC. Weeks begin
/// on Monday; the first of a year is that of its first Thursday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// Year.
    pub year: u64,
    /// Number, from 1.
    pub number: u64,
    /// Days from 1970-01-01 to its Monday.
    pub monday: u64,
}

/// 1970-01-01 was a Thursday: the day before the first Monday is day 3.
const FIRST_MONDAY: u64 = 4;

impl Week {
    /// Of a day since 1970-01-01.
    #[must_use]
    pub fn of_day(day: u64) -> Self {
        let into = day.saturating_add(3) % 7;
        let monday = day.saturating_sub(into).max(FIRST_MONDAY);
        // The year of a week is that of its Thursday.
        let thursday = monday.saturating_add(3);
        let date = crate::clock::Date::from_days(thursday);
        let year = date.year;
        let first = crate::clock::Date {
            year: date.year,
            month: 1,
            day: 1,
        };
        let number = thursday.saturating_sub(first.days()) / 7;
        Self {
            year,
            number: number.saturating_add(1),
            monday,
        }
    }

    /// Of `2026-W48`; `None` where a year has no such week.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, number) = text.split_once("-W")?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || number.len() != 2 || !digits(year) || !digits(number) {
            return None;
        }
        let (year, number): (u64, u64) = (year.parse().ok()?, number.parse().ok()?);
        if !(1971..=2200).contains(&year) {
            return None;
        }
        let fourth = crate::clock::Date {
            year,
            month: 1,
            day: 4,
        };
        // The fourth of January always lies in the first week.
        let first = Self::of_day(fourth.days());
        let monday = first
            .monday
            .checked_add(number.checked_sub(1)?.checked_mul(7)?)?;
        let week = Self::of_day(monday);
        (week.year == year && week.number == number).then_some(week)
    }

    /// `2026-W48`.
    #[must_use]
    pub fn text(self) -> String {
        format!("{:04}-W{:02}", self.year, self.number)
    }

    /// The week before.
    #[must_use]
    pub fn before(self) -> Self {
        Self::of_day(self.monday.saturating_sub(7))
    }

    /// The week after.
    #[must_use]
    pub fn after(self) -> Self {
        Self::of_day(self.monday.saturating_add(7))
    }

    /// From when to when it is, in a zone.
    #[must_use]
    pub fn span(self, zone: &crate::zone::Zone) -> Span {
        let moment = |day: u64| zone.moment(day.saturating_mul(DAY_MS));
        Span {
            from: moment(self.monday),
            until: moment(self.monday.saturating_add(7)),
        }
    }
}
