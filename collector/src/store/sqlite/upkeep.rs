//! Rows of how the collector looks after itself.

use super::super::StoreError;
use super::super::rows::UpkeepRows;
use super::super::types::{Daily, Forget, Restored, Tally, Upkeep, signed};
use super::rows::{SqlRows, unsigned, wall};
use crate::limit::DAILIES;
use hansho::clock::WallTime;
use rusqlite::params;

fn ms(moment: WallTime) -> i64 {
    signed(moment.as_millis())
}

/// Rows as a limit of SQL.
fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl UpkeepRows for SqlRows<'_> {
    fn upkeep(&mut self) -> Result<Upkeep, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT looked_ms, vouched_ms, audit_before_ms, backup_ms, backup_bytes, restored_ms, told_until_ms,
               set_back_to_ms, set_back_at_ms FROM upkeep",
        )?;
        Ok(statement.query_row([], |row| {
            let backup: Option<i64> = row.get(3)?;
            let bytes = unsigned(row.get(4)?);
            let restored: Option<i64> = row.get(5)?;
            let until: Option<i64> = row.get(6)?;
            let set_back: Option<i64> = row.get(7)?;
            let at = wall(row.get::<_, Option<i64>>(8)?.unwrap_or(0));
            Ok(Upkeep {
                looked: row.get::<_, Option<i64>>(0)?.map(wall),
                vouched: row.get::<_, Option<i64>>(1)?.map(wall),
                set_back: set_back.map(|to| (wall(to), at)),
                audit_before: wall(row.get(2)?),
                backup: backup.map(|at| (wall(at), bytes)),
                restored: restored.zip(until).map(|(at, until)| Restored {
                    at: wall(at),
                    told_until: wall(until),
                }),
            })
        })?)
    }

    fn put_upkeep(&mut self, upkeep: &Upkeep) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "UPDATE upkeep SET looked_ms = ?1, vouched_ms = ?2, audit_before_ms = ?3, backup_ms = ?4, backup_bytes = ?5,
               restored_ms = ?6, told_until_ms = ?7, set_back_to_ms = ?8, set_back_at_ms = ?9",
        )?;
        statement.execute(params![
            upkeep.looked.map(ms),
            upkeep.vouched.map(ms),
            ms(upkeep.audit_before),
            upkeep.backup.map(|(at, _)| ms(at)),
            signed(upkeep.backup.map_or(0, |(_, bytes)| bytes)),
            upkeep.restored.map(|restored| ms(restored.at)),
            upkeep.restored.map(|restored| ms(restored.told_until)),
            upkeep.set_back.map(|(to, _)| ms(to)),
            upkeep.set_back.map(|(_, at)| ms(at)),
        ])?;
        Ok(())
    }

    fn dailies(&mut self, until: WallTime, limit: usize) -> Result<Vec<Daily>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT day, decided_ms, frames, lost FROM dailies WHERE decided_ms <= ?1 ORDER BY decided_ms DESC, day DESC LIMIT ?2",
        )?;
        let found = statement.query_map(params![ms(until), rows(limit)], |row| {
            Ok(Daily {
                day: unsigned(row.get(0)?),
                decided: wall(row.get(1)?),
                frames: unsigned(row.get(2)?),
                lost: unsigned(row.get(3)?),
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn put_daily(&mut self, daily: &Daily) -> Result<(), StoreError> {
        self.main
            .prepare_cached(
                "INSERT INTO dailies (day, decided_ms, frames, lost) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                signed(daily.day),
                ms(daily.decided),
                signed(daily.frames),
                signed(daily.lost)
            ])?;
        self.main.execute(
            "DELETE FROM dailies WHERE day < ?1",
            params![signed(daily.day.saturating_sub(DAILIES))],
        )?;
        Ok(())
    }

    fn tally(&mut self, since: WallTime) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        let since = ms(since);
        (tally.raised, tally.firing) = self.main.query_row(
            "SELECT COALESCE(SUM(stored_ms >= ?1), 0), COALESCE(SUM(firing), 0) FROM alerts
               WHERE test = 0 AND (stored_ms >= ?1 OR firing = 1)",
            params![since],
            |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))),
        )?;
        (tally.delivered, tally.failed) = self.main.query_row(
            "SELECT COALESCE(SUM(state = 'delivered'), 0), COALESCE(SUM(state IN ('refused', 'given_up') AND attempts > 0
                 AND reason <> 'renewed'), 0) FROM outbox WHERE done_ms >= ?1",
            params![since],
            |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))),
        )?;
        (tally.waiting, tally.oldest_waiting) = self.main.query_row(
            "SELECT COUNT(*), MIN(created_ms) FROM outbox WHERE state IN ('queued', 'claimed')",
            [],
            |row| {
                let oldest: Option<i64> = row.get(1)?;
                Ok((unsigned(row.get(0)?), oldest.map(wall)))
            },
        )?;
        Ok(tally)
    }

    fn forget(
        &mut self,
        what: Forget,
        before: WallTime,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let before = ms(before);
        match what {
            Forget::Alerts => self.forget_alerts(before, limit),
            Forget::Events => self.each(
                &["DELETE FROM events WHERE event IN (SELECT e.event FROM events e INDEXED BY events_by_time
                     WHERE e.at_ms < ?1 AND e.event <= (SELECT cursor FROM notify_numbers)
                       AND e.event < (SELECT MAX(event) FROM events)
                       AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.shard = e.shard AND a.alert = e.alert AND a.firing = 1)
                     ORDER BY e.at_ms LIMIT ?2)"],
                before,
                limit,
            ),
            Forget::Evidence => {
                let gone = self.forget_evidence(before, limit)?;
                let victims = self.forget_victims(before, limit.saturating_sub(gone))?;
                Ok(gone.saturating_add(victims))
            }
            Forget::Outbox => self.forget_outbox(before, limit),
            Forget::Audit => {
                self.main.execute(
                    "UPDATE upkeep SET audit_before_ms = MAX(audit_before_ms, ?1)",
                    params![before],
                )?;
                self.each(
                    // The oldest in a row: what stays has no gap.
                    &["DELETE FROM audit WHERE entry IN (SELECT entry FROM audit WHERE at_ms < ?1
                         AND entry < (SELECT MAX(entry) FROM audit)
                         AND entry < (SELECT COALESCE(MIN(entry), 9223372036854775807) FROM audit WHERE at_ms >= ?1)
                       ORDER BY entry LIMIT ?2)"],
                    before,
                    limit,
                )
            }
        }
    }
}

impl SqlRows<'_> {
    fn each(&mut self, all: &[&str], before: i64, limit: usize) -> Result<usize, StoreError> {
        let mut gone = 0_usize;
        for sql in all {
            let mut statement = self.main.prepare_cached(sql)?;
            gone = gone.saturating_add(statement.execute(params![before, rows(limit)])?);
        }
        Ok(gone)
    }

    /// Each by the index of what is oldest: what is not past its retention is not walked through, and of what stands open only
    /// little is kept.
    fn forget_outbox(&mut self, before: i64, limit: usize) -> Result<usize, StoreError> {
        let mut gone = self.each(
            &["DELETE FROM threads WHERE (shard, root) IN (SELECT shard, root FROM threads INDEXED BY threads_by_end
                 WHERE ended_ms < ?1 ORDER BY ended_ms LIMIT ?2)"],
            before,
            limit,
        )?;
        let mut statement = self.main.prepare_cached(
            "SELECT o.outgoing FROM outbox o INDEXED BY outbox_by_end WHERE o.done_ms < ?1
               AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.shard = o.shard AND t.root = o.thread)
             ORDER BY o.done_ms LIMIT ?2",
        )?;
        let found =
            statement.query_map(params![before, rows(limit)], |row| row.get::<_, i64>(0))?;
        let found: Vec<i64> = found.collect::<Result<_, _>>()?;
        for message in found {
            for sql in [
                "DELETE FROM listed WHERE outgoing = ?1",
                "DELETE FROM outbox WHERE outgoing = ?1",
            ] {
                let mut statement = self.main.prepare_cached(sql)?;
                gone = gone.saturating_add(statement.execute(params![message])?);
            }
        }
        let decisions = self.each(
            &["DELETE FROM decisions WHERE (shard, decision) IN (SELECT d.shard, d.decision FROM decisions d INDEXED BY decisions_by_time
                 WHERE d.at_ms < ?1
                 AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.shard = d.shard AND t.root = d.thread)
                 AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.alert = d.alert AND w.decision = d.decision)
                 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.decision = d.decision) ORDER BY d.at_ms LIMIT ?2)"],
            before,
            limit,
        )?;
        Ok(gone.saturating_add(decisions))
    }

    fn forget_alerts(&mut self, before: i64, limit: usize) -> Result<usize, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT a.shard, a.alert FROM alerts a
               WHERE a.stored_ms < ?1 AND a.updated_ms < ?1 AND a.firing = 0
                 AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.ended_ms IS NULL AND (t.root = a.alert OR t.head = a.alert))
                 AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.alert = a.alert)
                 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.alert = a.alert AND o.state IN ('queued', 'claimed'))
                 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.shard = a.shard AND e.alert = a.alert
                   AND e.event > (SELECT cursor FROM notify_numbers))
               ORDER BY a.stored_ms, a.alert LIMIT ?2",
        )?;
        let found = statement.query_map(params![before, rows(limit)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let found: Vec<(i64, i64)> = found.collect::<Result<_, _>>()?;
        let mut gone = 0_usize;
        for (shard, alert) in found {
            for sql in [
                "DELETE FROM alerts WHERE shard = ?1 AND alert = ?2",
                "DELETE FROM acknowledgements WHERE shard = ?1 AND alert = ?2",
                "DELETE FROM alert_causes WHERE shard = ?1 AND alert = ?2",
                "DELETE FROM notes WHERE shard = ?1 AND kind = 'alert' AND id = ?2 AND note < (SELECT MAX(note) FROM notes)",
                "DELETE FROM events WHERE shard = ?1 AND alert = ?2 AND event < (SELECT MAX(event) FROM events)",
            ] {
                let mut statement = self.main.prepare_cached(sql)?;
                gone = gone.saturating_add(statement.execute(params![shard, alert])?);
            }
        }
        Ok(gone)
    }
}
