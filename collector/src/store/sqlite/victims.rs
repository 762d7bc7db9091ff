//! Rows of victims.

use super::super::StoreError;
use super::super::rows::VictimRows;
use super::super::types::{ClockQuality, Dated, StoredVictim, VictimKey, shard, signed};
use super::rows::{SqlRows, unsigned, wall};
use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, BootId, RunId};
use rusqlite::{Params, Row, params};

const COLUMNS: &str = "boot, sequence, run, at_ms, at_clock, received_ms, pid, name, uid, oom_score_adj, anonymous_kib, file_kib, \
    shared_kib, short, control_group, unit, container";

fn victim_from(row: &Row<'_>) -> rusqlite::Result<StoredVictim> {
    let clock: String = row.get(4)?;
    Ok(StoredVictim {
        boot: BootId(row.get::<_, i64>(0)?.cast_unsigned()),
        sequence: unsigned(row.get(1)?),
        run: RunId(row.get::<_, i64>(2)?.cast_unsigned()),
        at: Dated {
            wall: wall(row.get(3)?),
            quality: ClockQuality::from_word(&clock),
        },
        received: wall(row.get(5)?),
        pid: row.get(6)?,
        name: row.get(7)?,
        uid: row.get(8)?,
        oom_score_adj: row.get(9)?,
        anonymous_kib: unsigned(row.get(10)?),
        file_kib: unsigned(row.get(11)?),
        shared_kib: row.get::<_, Option<i64>>(12)?.map(unsigned),
        short: row.get(13)?,
        group: row.get(14)?,
        unit: row.get(15)?,
        container: row.get(16)?,
    })
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl VictimRows for SqlRows<'_> {
    fn put_victim(&mut self, agent: AgentId, victim: &StoredVictim) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT OR IGNORE INTO victims (shard, agent, {COLUMNS}) VALUES
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
        );
        self.main.prepare_cached(&sql)?.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            victim.boot.0.cast_signed(),
            signed(victim.sequence),
            victim.run.0.cast_signed(),
            signed(victim.at.wall.as_millis()),
            victim.at.quality.word(),
            signed(victim.received.as_millis()),
            victim.pid,
            victim.name,
            victim.uid,
            victim.oom_score_adj,
            signed(victim.anonymous_kib),
            signed(victim.file_kib),
            victim.shared_kib.map(signed),
            victim.short,
            victim.group,
            victim.unit,
            victim.container,
        ])?;
        Ok(())
    }

    fn bound_victims(&mut self, agent: AgentId, kept: usize) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "DELETE FROM victims WHERE shard = ?1 AND agent = ?2 AND (boot, sequence) IN (SELECT boot, sequence FROM victims
               WHERE shard = ?1 AND agent = ?2 ORDER BY received_ms DESC, boot DESC, sequence DESC LIMIT -1 OFFSET ?3)",
        )?;
        statement.execute(params![shard(agent), agent.0.cast_signed(), most(kept)])?;
        Ok(())
    }

    fn victims_of(
        &mut self,
        agent: AgentId,
        before: Option<VictimKey>,
        limit: usize,
    ) -> Result<Vec<StoredVictim>, StoreError> {
        let last = (i64::MAX, i64::MAX, i64::MAX);
        let (received_ms, boot, sequence) = before.map_or(last, |(received, boot, sequence)| {
            (signed(received.as_millis()), boot, signed(sequence))
        });
        self.victims(
            "WHERE shard = ?1 AND agent = ?2 AND (received_ms, boot, sequence) < (?3, ?4, ?5)
             ORDER BY received_ms DESC, boot DESC, sequence DESC LIMIT ?6",
            params![
                shard(agent),
                agent.0.cast_signed(),
                received_ms,
                boot,
                sequence,
                most(limit)
            ],
        )
    }

    fn victims_between(
        &mut self,
        agent: AgentId,
        from: WallTime,
        to: WallTime,
        limit: usize,
    ) -> Result<Vec<StoredVictim>, StoreError> {
        self.victims(
            "WHERE shard = ?1 AND agent = ?2 AND at_ms BETWEEN ?3 AND ?4 ORDER BY at_ms DESC, boot DESC, sequence DESC LIMIT ?5",
            params![
                shard(agent),
                agent.0.cast_signed(),
                signed(from.as_millis()),
                signed(to.as_millis()),
                most(limit)
            ],
        )
    }

    fn newest_victim(&mut self) -> Result<Option<WallTime>, StoreError> {
        let mut statement = self
            .main
            .prepare_cached("SELECT MAX(received_ms) FROM victims")?;
        let newest: Option<i64> = statement.query_row([], |row| row.get(0))?;
        Ok(newest.map(wall))
    }
}

impl SqlRows<'_> {
    fn victims(&self, clause: &str, values: impl Params) -> Result<Vec<StoredVictim>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM victims {clause}");
        let mut statement = self.main.prepare_cached(&sql)?;
        let rows = statement.query_map(values, victim_from)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn forget_victims(
        &mut self,
        before_ms: i64,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut statement = self.main.prepare_cached(
            "DELETE FROM victims WHERE (shard, agent, boot, sequence) IN (SELECT shard, agent, boot, sequence FROM victims
               INDEXED BY victims_by_receipt WHERE received_ms < ?1 ORDER BY received_ms, shard, agent, boot, sequence LIMIT ?2)",
        )?;
        Ok(statement.execute(params![before_ms, most(limit)])?)
    }
}
