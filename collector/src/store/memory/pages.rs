//! Rows for pages that look over all agents at once.

use super::super::StoreError;
use super::super::rows::PageRows;
use super::super::types::{Acknowledgement, Span, StoredAlert};
use super::Tables;
use hansho::clock::WallTime;

impl Tables {
    /// Alerts that are wanted, by when they were stored.
    fn by_age(&self, wanted: impl Fn(&StoredAlert) -> bool) -> Vec<StoredAlert> {
        let mut found: Vec<StoredAlert> = self
            .alerts
            .values()
            .filter(|alert| wanted(alert))
            .cloned()
            .collect();
        found.sort_by_key(|alert| (alert.stored, alert.id));
        found
    }
}

impl PageRows for Tables {
    fn open_of_all(&mut self, limit: usize) -> Result<Vec<StoredAlert>, StoreError> {
        let mut found = self.by_age(|alert| alert.firing);
        found.reverse();
        found.truncate(limit);
        Ok(found)
    }

    fn ended_of_all(&mut self, span: Span, limit: usize) -> Result<Vec<StoredAlert>, StoreError> {
        let mut found = self.by_age(|alert| !alert.firing && span.has(alert.stored));
        found.reverse();
        found.truncate(limit);
        Ok(found)
    }

    fn alerts_within(&mut self, span: Span, limit: usize) -> Result<Vec<StoredAlert>, StoreError> {
        let mut found = self.by_age(|alert| {
            let ended = alert.resolved.map(|dated| dated.wall);
            alert.stored < span.until
                && (alert.stored >= span.from
                    || alert.firing
                    || ended.is_some_and(|ended| ended >= span.from))
        });
        found.truncate(limit);
        Ok(found)
    }

    fn acknowledged_within(&mut self, span: Span) -> Result<Vec<Acknowledgement>, StoreError> {
        let rows = self.handling.acknowledgements.values();
        Ok(rows.filter(|row| span.has(row.at)).cloned().collect())
    }

    fn told_within(
        &mut self,
        span: Span,
        limit: usize,
    ) -> Result<Vec<(String, WallTime)>, StoreError> {
        let messages = self.told.outbox.values();
        let within = messages.filter(|message| span.has(message.created));
        let told = within.map(|message| (message.receiver.clone(), message.created));
        Ok(told.take(limit).collect())
    }
}
