//! Rows of what people did about alerts: acknowledgements, silences, windows, notes, audit.

use super::super::StoreError;
use super::super::rows::HandlingRows;
use super::super::types::{
    Acknowledgement, AlertId, AuditEntry, AuditFilter, LinkSecret, Note, NoteOn, Silence, Window,
};
use super::Tables;
use hansho::clock::WallTime;
use std::collections::BTreeMap;

/// The maps of this subject.
#[derive(Clone, Debug, Default)]
pub(super) struct HandlingTables {
    pub(super) acknowledgements: BTreeMap<(AlertId, u32), Acknowledgement>,
    silences: BTreeMap<u64, Silence>,
    windows: BTreeMap<u64, Window>,
    pub(super) notes: Vec<Note>,
    pub(super) audit: Vec<AuditEntry>,
    link_secrets: BTreeMap<u16, LinkSecret>,
}

fn next<T>(map: &BTreeMap<u64, T>) -> u64 {
    map.keys()
        .next_back()
        .map_or(1, |last| last.saturating_add(1))
}

impl HandlingRows for Tables {
    fn acknowledgement(&mut self, alert: AlertId) -> Result<Option<Acknowledgement>, StoreError> {
        let mut rows = self.acknowledgements(alert)?;
        rows.retain(|row| row.ended.is_none());
        Ok(rows.pop())
    }

    fn acknowledgements(&mut self, alert: AlertId) -> Result<Vec<Acknowledgement>, StoreError> {
        let range = (alert, 0)..=(alert, u32::MAX);
        let rows = self.handling.acknowledgements.range(range);
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }

    fn all_acknowledged(&mut self) -> Result<Vec<Acknowledgement>, StoreError> {
        let rows = self.handling.acknowledgements.values();
        Ok(rows.filter(|row| row.ended.is_none()).cloned().collect())
    }

    fn put_acknowledgement(&mut self, row: &Acknowledgement) -> Result<(), StoreError> {
        let rows = &mut self.handling.acknowledgements;
        rows.insert((row.alert, row.number), row.clone());
        Ok(())
    }

    fn silence(&mut self, id: u64) -> Result<Option<Silence>, StoreError> {
        Ok(self.handling.silences.get(&id).cloned())
    }

    fn silences(&mut self, since: WallTime) -> Result<Vec<Silence>, StoreError> {
        let rows = self.handling.silences.values();
        Ok(rows.filter(|row| row.end() > since).cloned().collect())
    }

    fn next_silence(&mut self) -> Result<u64, StoreError> {
        Ok(next(&self.handling.silences))
    }

    fn put_silence(&mut self, silence: &Silence) -> Result<(), StoreError> {
        self.handling.silences.insert(silence.id, silence.clone());
        Ok(())
    }

    fn window(&mut self, id: u64) -> Result<Option<Window>, StoreError> {
        Ok(self.handling.windows.get(&id).cloned())
    }

    fn windows(&mut self, since: WallTime) -> Result<Vec<Window>, StoreError> {
        let rows = self.handling.windows.values();
        Ok(rows
            .filter(|row| row.end().is_none_or(|end| end > since))
            .cloned()
            .collect())
    }

    fn next_window(&mut self) -> Result<u64, StoreError> {
        Ok(next(&self.handling.windows))
    }

    fn put_window(&mut self, window: &Window) -> Result<(), StoreError> {
        self.handling.windows.insert(window.id, window.clone());
        Ok(())
    }

    fn notes(&mut self, on: &NoteOn) -> Result<Vec<Note>, StoreError> {
        let notes = self.handling.notes.iter();
        Ok(notes.filter(|note| note.on == *on).cloned().collect())
    }

    fn count_notes(&mut self, on: &NoteOn) -> Result<usize, StoreError> {
        let notes = self.handling.notes.iter();
        Ok(notes.filter(|note| note.on == *on).count())
    }

    fn append_note(&mut self, note: &Note) -> Result<u64, StoreError> {
        let notes = &mut self.handling.notes;
        let number = notes.last().map_or(0, |last| last.number).saturating_add(1);
        notes.push(Note {
            number,
            ..note.clone()
        });
        Ok(number)
    }

    fn append_audit(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let audit = &mut self.handling.audit;
        let number = audit.last().map_or(0, |last| last.number).saturating_add(1);
        audit.push(AuditEntry {
            number,
            ..entry.clone()
        });
        Ok(())
    }

    fn audit(&mut self, filter: &AuditFilter<'_>) -> Result<Vec<AuditEntry>, StoreError> {
        let entries = self.handling.audit.iter().filter(|entry| {
            entry.number > filter.after
                && filter.from <= entry.at
                && entry.at < filter.until
                && filter
                    .customer
                    .is_none_or(|customer| customer == entry.customer)
        });
        Ok(entries.take(filter.limit).cloned().collect())
    }

    fn link_secrets(&mut self) -> Result<Vec<LinkSecret>, StoreError> {
        Ok(self.handling.link_secrets.values().cloned().collect())
    }

    fn put_link_secret(&mut self, secret: &LinkSecret) -> Result<(), StoreError> {
        let secrets = &mut self.handling.link_secrets;
        secrets.insert(secret.number, secret.clone());
        Ok(())
    }

    fn delete_link_secret(&mut self, number: u16) -> Result<(), StoreError> {
        self.handling.link_secrets.remove(&number);
        Ok(())
    }
}
