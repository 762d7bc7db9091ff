//! Rows of runs that no agent holds any more.

use super::super::StoreError;
use super::super::types::signed;
use super::rows::SqlRows;
use crate::clock::DAY_MS;
use crate::limit::NAMED_MS;
use hansho::clock::WallTime;
use rusqlite::params;

impl SqlRows<'_> {
    /// Deletes runs that the current one did not name, though it had a day for it, and that no other named within the
    /// retention; with them their watermarks, parts of States, and boots. Alerts and lost ranges stay.
    pub(super) fn prune(&mut self, now: WallTime, retention_days: u32) -> Result<(), StoreError> {
        let retention_ms = u64::from(retention_days).saturating_mul(DAY_MS);
        let before = |ms: u64| signed(now.as_millis().saturating_sub(ms));
        let pruned = self.main.execute(
            "DELETE FROM runs WHERE named_ms < ?1
               AND EXISTS (SELECT 1 FROM agents a
                 JOIN runs c ON c.shard = a.shard AND c.agent = a.agent AND c.run = a.current_run
                 WHERE a.shard = runs.shard AND a.agent = runs.agent AND a.current_run <> runs.run
                   AND runs.named_by <> a.current_run AND c.since_ms < ?2)
               AND NOT EXISTS (SELECT 1 FROM latest l
                 WHERE l.shard = runs.shard AND l.agent = runs.agent AND l.run = runs.run)",
            params![before(retention_ms), before(NAMED_MS)],
        )?;
        if pruned == 0 {
            return Ok(());
        }
        for table in ["watermarks", "state_parts", "refusals", "goodbyes"] {
            self.main.execute(
                &format!(
                    "DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM runs r
                       WHERE r.shard = {table}.shard AND r.agent = {table}.agent AND r.run = {table}.run)"
                ),
                [],
            )?;
        }
        self.main.execute(
            "DELETE FROM boots WHERE NOT EXISTS (SELECT 1 FROM runs r
               WHERE r.shard = boots.shard AND r.agent = boots.agent AND r.boot = boots.boot)",
            [],
        )?;
        self.main.execute(
            "DELETE FROM boot_reasons WHERE NOT EXISTS (SELECT 1 FROM boots b
               WHERE b.shard = boot_reasons.shard AND b.agent = boot_reasons.agent AND b.boot = boot_reasons.boot)",
            [],
        )?;
        log::info!("{pruned} runs that no agent holds any more are forgotten");
        Ok(())
    }
}
