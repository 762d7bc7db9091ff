//! Rows for pages that look over all agents at once.

use super::super::StoreError;
use super::super::rows::PageRows;
use super::super::types::{Acknowledgement, Span, StoredAlert, signed};
use super::handling::{ACKNOWLEDGEMENT, acknowledgement_from};
use super::read::many_alerts;
use super::rows::{SqlRows, wall};
use hansho::clock::WallTime;
use rusqlite::params;

fn ms(moment: WallTime) -> i64 {
    signed(moment.as_millis())
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl PageRows for SqlRows<'_> {
    fn open_of_all(&mut self, limit: usize) -> Result<Vec<StoredAlert>, StoreError> {
        // The open ones are few among all: by their own index, not by age.
        many_alerts(
            self.main,
            "INDEXED BY alerts_open WHERE firing = 1 ORDER BY stored_ms DESC, alert DESC LIMIT ?1",
            params![most(limit)],
        )
    }

    fn ended_of_all(&mut self, span: Span, limit: usize) -> Result<Vec<StoredAlert>, StoreError> {
        many_alerts(
            self.main,
            "WHERE firing = 0 AND stored_ms >= ?1 AND stored_ms < ?2 ORDER BY stored_ms DESC, alert DESC LIMIT ?3",
            params![ms(span.from), ms(span.until), most(limit)],
        )
    }

    fn alerts_within(&mut self, span: Span, limit: usize) -> Result<Vec<StoredAlert>, StoreError> {
        many_alerts(
            self.main,
            "WHERE stored_ms < ?2 AND (stored_ms >= ?1 OR firing = 1 OR resolved_ms >= ?1)
             ORDER BY stored_ms, alert LIMIT ?3",
            params![ms(span.from), ms(span.until), most(limit)],
        )
    }

    fn acknowledged_within(&mut self, span: Span) -> Result<Vec<Acknowledgement>, StoreError> {
        let sql =
            format!("{ACKNOWLEDGEMENT} WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY alert, number");
        let mut statement = self.main.prepare_cached(&sql)?;
        let rows =
            statement.query_map(params![ms(span.from), ms(span.until)], acknowledgement_from)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn told_within(
        &mut self,
        span: Span,
        limit: usize,
    ) -> Result<Vec<(String, WallTime)>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT receiver, created_ms FROM outbox WHERE created_ms >= ?1 AND created_ms < ?2 ORDER BY outgoing LIMIT ?3",
        )?;
        let rows = statement
            .query_map(params![ms(span.from), ms(span.until), most(limit)], |row| {
                Ok((row.get(0)?, wall(row.get(1)?)))
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
