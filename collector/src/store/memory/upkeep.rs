//! Rows of how the collector looks after itself.

use super::super::StoreError;
use super::super::rows::UpkeepRows;
use super::super::types::{
    AlertId, AuditEntry, Daily, Forget, NoteOn, Outgoing, Reason, Sending, StoredAlert, Tally,
    Upkeep,
};
use super::Tables;
use crate::limit::DAILIES;
use hansho::clock::WallTime;
use std::collections::BTreeMap;

/// The maps of this subject.
#[derive(Clone, Debug, Default)]
pub(super) struct UpkeepTables {
    row: Upkeep,
    dailies: BTreeMap<u64, Daily>,
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// Takes away the first `limit` that `goes` names; says how many.
fn thin<K: Ord + Clone, V>(
    map: &mut BTreeMap<K, V>,
    limit: usize,
    goes: impl Fn(&K, &V) -> bool,
) -> usize {
    let keys: Vec<K> = map
        .iter()
        .filter(|(key, value)| goes(key, value))
        .map(|(key, _)| key.clone())
        .take(limit)
        .collect();
    for key in &keys {
        map.remove(key);
    }
    keys.len()
}

impl UpkeepRows for Tables {
    fn upkeep(&mut self) -> Result<Upkeep, StoreError> {
        Ok(self.upkeep.row)
    }

    fn put_upkeep(&mut self, upkeep: &Upkeep) -> Result<(), StoreError> {
        self.upkeep.row = *upkeep;
        Ok(())
    }

    fn dailies(&mut self, until: WallTime, limit: usize) -> Result<Vec<Daily>, StoreError> {
        let dailies = self.upkeep.dailies.values().copied();
        let mut found: Vec<Daily> = dailies.filter(|daily| daily.decided <= until).collect();
        found.sort_unstable_by_key(|daily| core::cmp::Reverse((daily.decided, daily.day)));
        found.truncate(limit);
        Ok(found)
    }

    fn put_daily(&mut self, daily: &Daily) -> Result<(), StoreError> {
        if self.upkeep.dailies.contains_key(&daily.day) {
            return Err(StoreError::Io("the day has its daily mail".to_owned()));
        }
        self.upkeep.dailies.insert(daily.day, *daily);
        let oldest = daily.day.saturating_sub(DAILIES);
        self.upkeep.dailies.retain(|day, _| *day >= oldest);
        Ok(())
    }

    fn tally(&mut self, since: WallTime) -> Result<Tally, StoreError> {
        let alerts = self.alerts.values().filter(|alert| !alert.identity.test);
        let (mut raised, mut firing) = (0_usize, 0_usize);
        for alert in alerts {
            raised = raised.saturating_add(usize::from(alert.stored >= since));
            firing = firing.saturating_add(usize::from(alert.firing));
        }
        let outbox = self.told.outbox.values();
        let done: Vec<&Outgoing> = outbox
            .filter(|one| one.done.is_some_and(|done| done >= since))
            .collect();
        let delivered = done.iter().filter(|one| one.state == Sending::Delivered);
        // What was never tried, and what was to be said again, failed nobody.
        let failed = done.iter().filter(|one| {
            matches!(one.state, Sending::Refused | Sending::GivenUp)
                && one.attempts > 0
                && one.reason != Reason::Renewed
        });
        let waiting = || {
            self.told
                .outbox
                .values()
                .filter(|one| !one.state.is_final())
        };
        Ok(Tally {
            raised: count(raised),
            firing: count(firing),
            delivered: count(delivered.count()),
            failed: count(failed.count()),
            waiting: count(waiting().count()),
            oldest_waiting: waiting().map(|one| one.created).min(),
        })
    }

    fn forget(
        &mut self,
        what: Forget,
        before: WallTime,
        limit: usize,
    ) -> Result<usize, StoreError> {
        Ok(match what {
            Forget::Alerts => self.forget_alerts(before, limit),
            Forget::Events => self.forget_events(before, limit),
            Forget::Evidence => {
                let gone = self.forget_evidence(before, limit);
                gone.saturating_add(self.forget_victims(before, limit.saturating_sub(gone)))
            }
            Forget::Outbox => self.forget_outbox(before, limit),
            Forget::Audit => {
                let row = &mut self.upkeep.row;
                row.audit_before = row.audit_before.max(before);
                let audit = &mut self.handling.audit;
                let old = audit.iter().take_while(|entry| entry.at < before).count();
                let newest = audit.len().saturating_sub(1);
                let gone = old.min(newest).min(limit);
                drop(audit.drain(..gone).collect::<Vec<AuditEntry>>());
                gone
            }
        })
    }
}

impl Tables {
    fn forget_events(&mut self, before: WallTime, limit: usize) -> usize {
        let cursor = self.told.numbers.cursor;
        let newest = self.events.last().map_or(0, |event| event.number);
        let alerts = &self.alerts;
        let open = |id: AlertId| alerts.get(&id).is_some_and(|alert| alert.firing);
        let mut gone = 0_usize;
        self.events.retain(|event| {
            let goes = gone < limit
                && event.at < before
                && event.number <= cursor
                && event.number < newest
                && !open(event.alert);
            gone = gone.saturating_add(usize::from(goes));
            !goes
        });
        gone
    }

    fn forget_outbox(&mut self, before: WallTime, limit: usize) -> usize {
        let told = &mut self.told;
        let threads = thin(&mut told.threads, limit, |_, thread| {
            thread.ended.is_some_and(|ended| ended < before)
        });
        let live = &told.threads;
        let lives =
            |thread: Option<AlertId>| thread.is_some_and(|thread| live.contains_key(&thread));
        let outbox = thin(&mut told.outbox, limit, |_, one| {
            one.done.is_some_and(|done| done < before) && !lives(one.thread)
        });
        let messages = &told.outbox;
        let lost: Vec<(u64, AlertId)> = told
            .listed
            .iter()
            .filter(|(message, _)| !messages.contains_key(message))
            .flat_map(|(message, alerts)| alerts.iter().map(|alert| (*message, *alert)))
            .take(limit)
            .collect();
        for (message, alert) in &lost {
            if let Some(alerts) = told.listed.get_mut(message) {
                alerts.retain(|one| one != alert);
            }
        }
        told.listed.retain(|_, alerts| !alerts.is_empty());
        let waiting: Vec<u64> = told.waiting.values().map(|one| one.decision).collect();
        let decisions = thin(&mut told.decisions, limit, |number, decision| {
            decision.at < before
                && !lives(decision.thread)
                && !waiting.contains(number)
                && !messages.values().any(|one| one.decision == *number)
        });
        threads
            .saturating_add(outbox)
            .saturating_add(lost.len())
            .saturating_add(decisions)
    }

    /// Whether nothing needs it any more.
    fn over(&self, alert: &StoredAlert, before: WallTime) -> bool {
        let told = &self.told;
        let id = alert.id;
        alert.stored < before
            && alert.updated < before
            && !alert.firing
            && !told
                .threads
                .values()
                .any(|thread| thread.ended.is_none() && (thread.root == id || thread.head == id))
            && !told.waiting.values().any(|one| one.alert == id)
            && !told
                .outbox
                .values()
                .any(|one| one.alert == Some(id) && !one.state.is_final())
            && !self
                .events
                .iter()
                .any(|event| event.alert == id && event.number > told.numbers.cursor)
    }

    fn forget_alerts(&mut self, before: WallTime, limit: usize) -> usize {
        let mut found: Vec<(WallTime, AlertId)> = self
            .alerts
            .values()
            .filter(|alert| self.over(alert, before))
            .map(|alert| (alert.stored, alert.id))
            .collect();
        found.sort_unstable();
        found.truncate(limit);
        let rows = |tables: &Self| {
            tables
                .alerts
                .len()
                .saturating_add(tables.handling.acknowledgements.len())
                .saturating_add(tables.presence.causes.len())
                .saturating_add(tables.handling.notes.len())
                .saturating_add(tables.events.len())
        };
        let all = rows(self);
        let newest = self.events.last().map_or(0, |event| event.number);
        let note = self.handling.notes.last().map_or(0, |note| note.number);
        for (_, id) in found {
            self.alerts.remove(&id);
            self.handling
                .acknowledgements
                .retain(|(alert, _), _| *alert != id);
            self.presence.causes.remove(&id);
            self.handling
                .notes
                .retain(|one| one.on != NoteOn::Alert(id) || one.number == note);
            self.events
                .retain(|event| event.alert != id || event.number == newest);
        }
        all.saturating_sub(rows(self))
    }
}
