//! Rows of victims.

use super::super::StoreError;
use super::super::rows::VictimRows;
use super::super::types::{StoredVictim, VictimKey, shard};
use super::Tables;
use core::cmp::Reverse;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::BTreeMap;

/// Agent and boot as signed numbers, as SQLite orders them, and the number of the record.
type Key = (i64, i64, u64);

/// The map of this subject.
#[derive(Clone, Debug, Default)]
pub(super) struct VictimTables {
    rows: BTreeMap<Key, StoredVictim>,
}

impl VictimTables {
    fn of(&self, agent: AgentId) -> impl Iterator<Item = &StoredVictim> {
        let of = agent.0.cast_signed();
        let rows = self
            .rows
            .range((of, i64::MIN, 0)..=(of, i64::MAX, u64::MAX));
        rows.map(|(_, row)| row)
    }

    fn newest(&self, agent: AgentId) -> Vec<&StoredVictim> {
        let mut rows: Vec<&StoredVictim> = self.of(agent).collect();
        rows.sort_by_key(|row| Reverse(row.key()));
        rows
    }
}

impl VictimRows for Tables {
    fn put_victim(&mut self, agent: AgentId, victim: &StoredVictim) -> Result<(), StoreError> {
        let key = (
            agent.0.cast_signed(),
            victim.boot.0.cast_signed(),
            victim.sequence,
        );
        let rows = &mut self.victims.rows;
        rows.entry(key).or_insert_with(|| victim.clone());
        Ok(())
    }

    fn bound_victims(&mut self, agent: AgentId, kept: usize) -> Result<(), StoreError> {
        let rows = self.victims.newest(agent);
        let surplus: Vec<VictimKey> = rows.iter().skip(kept).map(|row| row.key()).collect();
        for (_, boot, sequence) in surplus {
            let key = (agent.0.cast_signed(), boot, sequence);
            self.victims.rows.remove(&key);
        }
        Ok(())
    }

    fn victims_of(
        &mut self,
        agent: AgentId,
        before: Option<VictimKey>,
        limit: usize,
    ) -> Result<Vec<StoredVictim>, StoreError> {
        let rows = self.victims.newest(agent).into_iter();
        let earlier = rows.filter(|row| before.is_none_or(|before| row.key() < before));
        Ok(earlier.take(limit).cloned().collect())
    }

    fn victims_between(
        &mut self,
        agent: AgentId,
        from: WallTime,
        to: WallTime,
        limit: usize,
    ) -> Result<Vec<StoredVictim>, StoreError> {
        let rows = self.victims.of(agent);
        let mut rows: Vec<StoredVictim> = rows
            .filter(|row| (from..=to).contains(&row.at.wall))
            .cloned()
            .collect();
        rows.sort_by_key(|row| Reverse((row.at.wall, row.boot.0.cast_signed(), row.sequence)));
        rows.truncate(limit);
        Ok(rows)
    }

    fn newest_victim(&mut self) -> Result<Option<WallTime>, StoreError> {
        Ok(self.victims.rows.values().map(|row| row.received).max())
    }
}

impl Tables {
    pub(super) fn forget_victims(&mut self, before: WallTime, limit: usize) -> usize {
        let rows = self.victims.rows.iter();
        let mut found: Vec<(WallTime, u8, Key)> = rows
            .filter(|(_, row)| row.received < before)
            .map(|(key, row)| (row.received, shard(AgentId(key.0.cast_unsigned())), *key))
            .collect();
        found.sort_unstable();
        found.truncate(limit);
        for (.., key) in &found {
            self.victims.rows.remove(key);
        }
        found.len()
    }
}
