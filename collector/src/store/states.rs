//! What a State changes: with all its parts together it is the whole truth about the alerts that were open then. What the
//! collector missed is opened, what is gone is closed, and both are marked.

use super::StoreError;
use super::apply::{Applying, Place};
use super::rows::{AllRows, StatePart};
use super::types::{By, COLLECTOR_RUN, Counts, FLAG_ABSENT, Identity, StoredAlert};
use hansho::clock::Uptime;
use hansho::frame::body::{
    self, FLAG_EARLIER_BOOT, FLAG_FLAPPING, FLAG_TEST, FLAG_UNKNOWN, OpenRecord, State,
};
use std::collections::BTreeSet;

/// Flags of an open record that an alert keeps; the others mean something else in an Alert frame.
const STANDING: u8 = FLAG_FLAPPING | FLAG_UNKNOWN;
/// What an open record replaces: also that the alert was unknown because its agent was absent.
const REPLACED: u8 = STANDING | FLAG_ABSENT;
/// Codes from here on are raised by the collector itself; no State speaks about them, nor about others that it raised.
const COLLECTOR_CODES: u16 = 9000;

impl<R: AllRows> Applying<'_, R> {
    pub(super) fn state(
        &mut self,
        place: &Place,
        state: &State<'_>,
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        let (agent, run) = (self.agent.id, place.run.id);
        let mut parts = self.rows.state_parts(agent, run)?;
        let part = StatePart {
            sequence: place.sequence,
            uptime: place.uptime,
            part: state.part,
            parts: state.parts,
            open: state.open.to_vec(),
        };
        let fits = match parts.last() {
            Some(last) => {
                last.parts == part.parts
                    && last.part.checked_add(1) == Some(part.part)
                    && last.sequence.checked_add(1) == Some(part.sequence)
                    && last.uptime == part.uptime
            }
            None => part.part == 0,
        };
        if !fits {
            // The parts before are of a State that will never be complete.
            self.rows.clear_state_parts(agent, run)?;
            parts.clear();
            if part.part != 0 {
                return Ok(());
            }
        }
        if part.part.saturating_add(1) < part.parts {
            return self.rows.put_state_part(agent, run, &part);
        }
        parts.push(part);
        self.rows.clear_state_parts(agent, run)?;
        self.reconcile(place, &parts, counts)
    }

    fn reconcile(
        &mut self,
        place: &Place,
        parts: &[StatePart],
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        if self.contradicting_state(place)?.is_some() {
            counts.contradicted = counts.contradicted.saturating_add(1);
            return Ok(());
        }
        let mut named = BTreeSet::new();
        for part in parts {
            // Each element was checked before the frame was taken.
            for record in body::elements::<OpenRecord<'_>>(&part.open).flatten() {
                let identity = Identity {
                    code: record.code,
                    subject: record.subject.to_owned(),
                    test: record.flags & FLAG_TEST != 0,
                };
                self.named(place, &record, identity.clone())?;
                named.insert(identity);
            }
        }
        let stated = place.date(place.uptime.as_millis());
        for mut alert in self.rows.open_alerts(self.agent.id)? {
            let gone = !named.contains(&alert.identity)
                && alert.identity.code < COLLECTOR_CODES
                && alert.last_run != COLLECTOR_RUN
                && !self.older(place.run.id, alert.last_run)?;
            if gone {
                alert.firing = false;
                alert.resolved = Some(stated);
                alert.by.closed_by_state = true;
                self.put(alert, place)?;
            }
        }
        self.agent.stated = Some((place.run.id, stated));
        Ok(())
    }

    /// An alert that the State names.
    fn named(
        &mut self,
        place: &Place,
        record: &OpenRecord<'_>,
        identity: Identity,
    ) -> Result<(), StoreError> {
        let agent = self.agent.id;
        let fired = Uptime::from_millis(record.fired_ms);
        if let Some(mut open) = self.rows.open_alert(agent, &identity)? {
            if self.older(place.run.id, open.last_run)? {
                return Ok(());
            }
            if fired > Uptime::default() || open.episode != record.episode {
                open.fired = fired;
            }
            open.episode = record.episode;
            judged(&mut open, record);
            self.put(open, place)?;
            return Ok(());
        }
        // Known under this episode, and closed: by a State that did not name it, or by a run whose word this one overrules.
        if let Some(mut known) = self.known_episode(place, &identity, record.episode, fired)? {
            if self.older(place.run.id, known.last_run)? {
                return Ok(());
            }
            reopen(&mut known, record);
            self.put(known, place)?;
            return Ok(());
        }
        let here = record.flags & FLAG_EARLIER_BOOT == 0;
        let id = self.new_alert_id()?;
        let alert = StoredAlert {
            id,
            agent,
            identity,
            episode: record.episode,
            firing: true,
            run: place.run.id,
            last_run: place.run.id,
            fired,
            firing_sequence: None,
            resolved_sequence: None,
            occurred: place.date_of_begin(record.since_ms).filter(|_| here),
            detected: place.date_of_begin(record.fired_ms).filter(|_| here),
            notified: None,
            recovered: None,
            resolved: None,
            stored: self.now,
            updated: self.now,
            quantity: 0,
            value: record.value,
            total: None,
            level: None,
            worst: record.worst,
            forecast_ms: None,
            count: record.count,
            continuations: 0,
            reason: 0,
            flags: record.flags & (FLAG_TEST | STANDING),
            by: By {
                opened_by_state: true,
                ..By::default()
            },
        };
        self.put(alert, place)?;
        Ok(())
    }
}

/// Takes over what a State says of an open alert.
fn judged(alert: &mut StoredAlert, record: &OpenRecord<'_>) {
    alert.value = record.value.or(alert.value);
    alert.worst = record.worst.or(alert.worst);
    alert.count = record.count.max(alert.count);
    alert.flags = (alert.flags & !REPLACED) | (record.flags & STANDING);
}

/// It is open after all.
fn reopen(alert: &mut StoredAlert, record: &OpenRecord<'_>) {
    alert.firing = true;
    alert.recovered = None;
    alert.resolved = None;
    alert.resolved_sequence = None;
    alert.by.closed_by_state = false;
    alert.by.retired = false;
    judged(alert, record);
}
