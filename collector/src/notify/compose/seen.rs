//! What the readings around the moment and the last 30 days say.

use super::super::notice::{
    AlertNotice, Episode, Excerpt, Growth, Happened, Happening, History, Measured, RuleWords, What,
};
use super::alert::between;
use super::{Desk, Subject};
use crate::clock::DAY_MS;
use crate::store::{AlertFilter, Outgoing, Range, StoreError, StoredAlert, StoredReading, signed};
use hansho::clock::WallTime;
use hansho::rule::{Level, Quantity};
use hansho::sample::{Field, Reading};

const HOUR_MS: u64 = 60 * 60 * 1000;
const HISTORY_DAYS: u64 = 30;
/// Alerts of an agent looked through for its past: more in 30 days is noise that a count says well enough.
const HISTORY_ALERTS: usize = 2_000;
/// A reading this near a moment stands for it.
const NEAR_MS: u64 = 60_000;
/// Readings of an excerpt: an hour at one a second.
const EXCERPT_READINGS: usize = 3_600;
/// Growth over less is noise.
const GROWTH_MS: u64 = 5 * 60 * 1000;

impl Desk<'_> {
    pub(super) fn add_seen(
        &self,
        subject: &Subject,
        outgoing: &Outgoing,
        told: &mut AlertNotice,
    ) -> Result<(), StoreError> {
        let Some(agent) = &subject.about.agent else {
            return Ok(());
        };
        let alert = &subject.about.alert;
        let quantity = Quantity::from_number(alert.quantity);
        let at = outgoing.created;
        let recent = self.readings(subject, (before(at, HOUR_MS + NEAR_MS), at))?;
        let day = before(at, DAY_MS);
        let day_ago = self.readings(subject, (before(day, NEAR_MS), after(day, NEAR_MS)))?;
        told.excerpt = excerpt(&recent, &day_ago, quantity, at);
        if let Happened::Silent(silence) = &mut told.happened {
            let latest = self.store.latest(agent.id)?;
            silence.memory =
                latest.and_then(|latest| measure(&latest.reading, Quantity::MemoryUsed));
        }
        // How often something happened is no level: the next reading says 0, and the mail would.
        if let (Some(value), Some(latest)) = (&mut told.value, recent.last())
            && alert.firing
            && told.count.is_none()
            && let Some(now) = quantity.and_then(|quantity| measure(&latest.reading, quantity))
        {
            // What the rule judged last is as old as its frame; the reading is newer.
            *value = now;
        }
        told.rule = self.rule(subject)?;
        self.add_past(subject, outgoing, told)
    }

    fn readings(
        &self,
        subject: &Subject,
        (from, to): (WallTime, WallTime),
    ) -> Result<Vec<StoredReading>, StoreError> {
        let Some(agent) = &subject.about.agent else {
            return Ok(Vec::new());
        };
        let range = Range {
            from,
            to,
            limit: EXCERPT_READINGS,
        };
        self.store.readings(agent.id, &range)
    }

    fn rule(&self, subject: &Subject) -> Result<Option<RuleWords>, StoreError> {
        let alert = &subject.about.alert;
        let rules = self.store.rules(alert.agent)?;
        let Some(rule) = rules.into_iter().find(|rule| {
            rule.code == alert.identity.code && rule.subject == alert.identity.subject
        }) else {
            return Ok(None);
        };
        let Some(quantity) = Quantity::from_number(rule.quantity) else {
            return Ok(None);
        };
        let level = Level {
            permille: rule.raise_permille,
            absolute: rule.raise_absolute,
        };
        if level == Level::default() && !rule.event {
            return Ok(None);
        }
        let clear = Level {
            permille: rule.clear_permille,
            absolute: rule.clear_absolute,
        };
        Ok(Some(RuleWords {
            quantity,
            raise: level,
            raise_after_ms: u64::from(rule.raise_after_ms),
            clear: Some(clear).filter(|clear| *clear != Level::default() && !rule.event),
            clear_after_ms: Some(u64::from(rule.clear_after_ms)),
            event: rule.event,
            below: rule.below,
        }))
    }

    fn add_past(
        &self,
        subject: &Subject,
        outgoing: &Outgoing,
        told: &mut AlertNotice,
    ) -> Result<(), StoreError> {
        let alert = &subject.about.alert;
        let all = self.store.alerts(&AlertFilter {
            agent: Some(alert.agent),
            firing: None,
            limit: Some(HISTORY_ALERTS),
        })?;
        let since = before(outgoing.created, HISTORY_DAYS * DAY_MS);
        let mut same: Vec<&StoredAlert> = all
            .iter()
            .filter(|one| one.identity == alert.identity && one.id != alert.id)
            .filter(|one| began(one) >= since && began(one) <= began(alert))
            .collect();
        same.sort_by_key(|one| began(one));
        let language = hansho::code::Language::Ja;
        let receiver = self.receiver(outgoing);
        let language = receiver.map_or(language, |receiver| {
            self.language(receiver, subject.about.customer())
        });
        let (boots, config_changes) = self.changes(alert, since)?;
        told.history = Some(History {
            same_code: u64::try_from(same.len()).ok(),
            last: same.last().map(|last| Episode {
                at: began(last),
                lasted_ms: last
                    .recovered
                    .or(last.resolved)
                    .map(|end| between(began(last), end.wall)),
            }),
            boots,
            config_changes,
            windows: Some(self.windows(subject, (began(alert), outgoing.created), language)?),
        });
        let others = all
            .iter()
            .filter(|one| one.id != alert.id && !one.identity.test && began(one) >= began(alert));
        for other in others.filter(|one| began(one) <= outgoing.created) {
            told.meanwhile.push(Happening {
                at: began(other),
                what: What::Code {
                    number: other.identity.code,
                    firing: true,
                },
            });
        }
        told.meanwhile.sort_by_key(|happening| happening.at);
        Ok(())
    }
}

fn began(alert: &StoredAlert) -> WallTime {
    let dated = alert.occurred.or(alert.detected);
    dated.map_or(alert.stored, |dated| dated.wall)
}

const fn before(moment: WallTime, ms: u64) -> WallTime {
    WallTime::from_millis(moment.as_millis().saturating_sub(ms))
}

const fn after(moment: WallTime, ms: u64) -> WallTime {
    WallTime::from_millis(moment.as_millis().saturating_add(ms))
}

fn measure(reading: &Reading, quantity: Quantity) -> Option<Measured> {
    let value = quantity.in_reading(reading)?;
    Some(Measured {
        quantity: Some(quantity),
        value: value.value,
        total: value.total,
    })
}

/// The reading nearest a moment, if it is near.
fn nearest(readings: &[StoredReading], at: WallTime) -> Option<&StoredReading> {
    let distance = |one: &&StoredReading| one.dated.wall.as_millis().abs_diff(at.as_millis());
    readings
        .iter()
        .min_by_key(distance)
        .filter(|one| distance(one) <= NEAR_MS)
}

fn excerpt(
    recent: &[StoredReading],
    day_ago: &[StoredReading],
    quantity: Option<Quantity>,
    at: WallTime,
) -> Excerpt {
    let Some(latest) = recent.last() else {
        return Excerpt::default();
    };
    let reading = &latest.reading;
    let permille = |field| reading.get(field).map(u64::from);
    let measured = |readings: &[StoredReading], at| {
        let near = nearest(readings, at)?;
        measure(&near.reading, quantity?)
    };
    Excerpt {
        available_kib: reading.kib(Field::MemoryAvailable),
        growth: quantity.and_then(|quantity| growth(recent, quantity)),
        hour_ago: measured(recent, before(at, HOUR_MS)),
        day_ago: measured(day_ago, before(at, DAY_MS)),
        memory_full_permille: permille(Field::PressureMemoryFull),
        swap_used_kib: reading.kib(Field::SwapUsed),
        swap_total_kib: reading.kib(Field::SwapTotal),
        cpu_permille: permille(Field::CpuBusy),
    }
}

/// From the first to the last reading of the hour that have the quantity.
fn growth(readings: &[StoredReading], quantity: Quantity) -> Option<Growth> {
    let mut with = readings.iter().filter_map(|one| {
        let value = quantity.in_reading(&one.reading)?;
        Some((one.dated.wall, value.value))
    });
    let first = with.next()?;
    let last = with.next_back()?;
    let over_ms = between(first.0, last.0);
    if over_ms < GROWTH_MS {
        return None;
    }
    let change = i128::from(signed(last.1)).saturating_sub(i128::from(signed(first.1)));
    let per_hour = change
        .saturating_mul(i128::from(HOUR_MS))
        .checked_div(i128::from(over_ms))?;
    Some(Growth {
        per_hour: i64::try_from(per_hour).ok()?,
        over_ms,
    })
}
