//! Rows of evidence.

use super::super::StoreError;
use super::super::rows::EvidenceRows;
use super::super::types::{
    ClockQuality, Dated, EvidenceAbout, EvidenceHead, EvidenceKey, Identity, StoredAlert,
    StoredEvidence, shard, signed,
};
use super::read::many_alerts;
use super::rows::{SqlRows, unsigned, uptime, wall};
use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, BootId, RunId};
use rusqlite::{Params, Row, params};

const COLUMNS: &str = "run, number, boot, parts, uptime_ms, at_ms, at_clock, received_ms, flags, walk_began_ms, walk_ended_ms, seen, \
    read, refused, gone, failed, threads";

fn head_from(row: &Row<'_>) -> rusqlite::Result<EvidenceHead> {
    let clock: String = row.get(6)?;
    Ok(EvidenceHead {
        run: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
        number: row.get(1)?,
        boot: BootId(row.get::<_, i64>(2)?.cast_unsigned()),
        parts: row.get(3)?,
        uptime: uptime(row.get(4)?),
        at: Dated {
            wall: wall(row.get(5)?),
            quality: ClockQuality::from_word(&clock),
        },
        received: wall(row.get(7)?),
        flags: row.get(8)?,
        walk_began: row.get::<_, Option<i64>>(9)?.map(uptime),
        walk_ended: row.get::<_, Option<i64>>(10)?.map(uptime),
        seen: row.get(11)?,
        read: row.get(12)?,
        refused: row.get(13)?,
        gone: row.get(14)?,
        failed: row.get(15)?,
        threads: unsigned(row.get(16)?),
    })
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl EvidenceRows for SqlRows<'_> {
    fn put_evidence(
        &mut self,
        agent: AgentId,
        head: &EvidenceHead,
        about: &[EvidenceAbout],
        (part, suspects): (u8, &[u8]),
    ) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT OR IGNORE INTO evidence (shard, agent, {COLUMNS}) VALUES
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
        );
        let (of, id) = (shard(agent), agent.0.cast_signed());
        let run = head.run.0.cast_signed();
        let first = self.main.prepare_cached(&sql)?.execute(params![
            of,
            id,
            run,
            head.number,
            head.boot.0.cast_signed(),
            head.parts,
            signed(head.uptime.as_millis()),
            signed(head.at.wall.as_millis()),
            head.at.quality.word(),
            signed(head.received.as_millis()),
            head.flags,
            head.walk_began.map(|began| signed(began.as_millis())),
            head.walk_ended.map(|ended| signed(ended.as_millis())),
            head.seen,
            head.read,
            head.refused,
            head.gone,
            head.failed,
            signed(head.threads),
        ])?;
        if first > 0 {
            let mut statement = self.main.prepare_cached(
                "INSERT OR IGNORE INTO evidence_about (shard, agent, code, subject, episode, run, number, moment)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for one in about {
                statement.execute(params![
                    of,
                    id,
                    one.code,
                    one.subject,
                    one.episode,
                    run,
                    head.number,
                    one.moment
                ])?;
            }
        }
        self.main
            .prepare_cached(
                "INSERT OR IGNORE INTO evidence_parts (shard, agent, run, number, part, suspects) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![of, id, run, head.number, part, suspects])?;
        Ok(())
    }

    fn bound_evidence(&mut self, agent: AgentId, kept: usize) -> Result<(), StoreError> {
        let found = self.places(
            "SELECT shard, agent, run, number FROM evidence WHERE shard = ?1 AND agent = ?2
             ORDER BY received_ms DESC, run DESC, number DESC LIMIT -1 OFFSET ?3",
            params![shard(agent), agent.0.cast_signed(), most(kept)],
        )?;
        self.delete_places(&found).map(drop)
    }

    fn evidence_of(
        &mut self,
        agent: AgentId,
        before: Option<EvidenceKey>,
        limit: usize,
    ) -> Result<Vec<StoredEvidence>, StoreError> {
        let last = (i64::MAX, i64::MAX, u32::MAX);
        let (received_ms, run, number) = before.map_or(last, |(received, run, number)| {
            (signed(received.as_millis()), run, number)
        });
        self.evidence(
            agent,
            "WHERE shard = ?1 AND agent = ?2 AND (received_ms, run, number) < (?3, ?4, ?5)
             ORDER BY received_ms DESC, run DESC, number DESC LIMIT ?6",
            params![
                shard(agent),
                agent.0.cast_signed(),
                received_ms,
                run,
                number,
                most(limit)
            ],
        )
    }

    fn evidence_about(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        limit: usize,
    ) -> Result<Vec<StoredEvidence>, StoreError> {
        self.evidence(
            agent,
            "WHERE shard = ?1 AND agent = ?2 AND (run, number) IN (SELECT run, number FROM evidence_about
               WHERE shard = ?1 AND agent = ?2 AND code = ?3 AND subject = ?4 AND episode = ?5)
             ORDER BY received_ms DESC, run DESC, number DESC LIMIT ?6",
            params![
                shard(agent),
                agent.0.cast_signed(),
                identity.code,
                identity.subject,
                episode,
                most(limit)
            ],
        )
    }

    fn newest_evidence(&mut self) -> Result<Option<WallTime>, StoreError> {
        let mut statement = self
            .main
            .prepare_cached("SELECT MAX(received_ms) FROM evidence")?;
        let newest: Option<i64> = statement.query_row([], |row| row.get(0))?;
        Ok(newest.map(wall))
    }

    fn alerts_of_episode(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        limit: usize,
    ) -> Result<Vec<StoredAlert>, StoreError> {
        many_alerts(
            self.main,
            "WHERE shard = ?1 AND agent = ?2 AND code = ?3 AND subject = ?4 AND test IN (0, 1) AND episode = ?5
             ORDER BY stored_ms DESC, alert DESC LIMIT ?6",
            params![
                shard(agent),
                agent.0.cast_signed(),
                identity.code,
                identity.subject,
                episode,
                most(limit)
            ],
        )
    }
}

/// Shard, agent, run, number.
type Key = (i64, i64, i64, i64);

impl SqlRows<'_> {
    fn evidence(
        &self,
        agent: AgentId,
        clause: &str,
        values: impl Params,
    ) -> Result<Vec<StoredEvidence>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM evidence {clause}");
        let mut statement = self.main.prepare_cached(&sql)?;
        let heads: Vec<EvidenceHead> = statement
            .query_map(values, head_from)?
            .collect::<Result<_, _>>()?;
        heads
            .into_iter()
            .map(|head| {
                Ok(StoredEvidence {
                    about: self.about(agent, &head)?,
                    parts: self.parts(agent, &head)?,
                    head,
                })
            })
            .collect()
    }

    fn about(&self, agent: AgentId, head: &EvidenceHead) -> Result<Vec<EvidenceAbout>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT code, subject, episode, moment FROM evidence_about
             WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND number = ?4 ORDER BY code, subject, episode, moment",
        )?;
        let key = params![
            shard(agent),
            agent.0.cast_signed(),
            head.run.0.cast_signed(),
            head.number
        ];
        let rows = statement.query_map(key, |row| {
            Ok(EvidenceAbout {
                code: row.get(0)?,
                subject: row.get(1)?,
                episode: row.get(2)?,
                moment: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn parts(&self, agent: AgentId, head: &EvidenceHead) -> Result<Vec<(u8, Vec<u8>)>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT part, suspects FROM evidence_parts WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND number = ?4 ORDER BY part",
        )?;
        let key = params![
            shard(agent),
            agent.0.cast_signed(),
            head.run.0.cast_signed(),
            head.number
        ];
        let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn places(&self, sql: &str, values: impl Params) -> Result<Vec<Key>, StoreError> {
        let mut statement = self.main.prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn delete_places(&self, places: &[Key]) -> Result<usize, StoreError> {
        let mut gone = 0_usize;
        for (shard, agent, run, number) in places {
            for sql in [
                "DELETE FROM evidence WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND number = ?4",
                "DELETE FROM evidence_parts WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND number = ?4",
                "DELETE FROM evidence_about WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND number = ?4",
            ] {
                let mut statement = self.main.prepare_cached(sql)?;
                gone = gone.saturating_add(statement.execute(params![shard, agent, run, number])?);
            }
        }
        Ok(gone)
    }

    /// What is about an alert that fires stays with it.
    pub(super) fn forget_evidence(
        &mut self,
        before_ms: i64,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let found = self.places(
            "SELECT e.shard, e.agent, e.run, e.number FROM evidence e INDEXED BY evidence_by_receipt
             WHERE e.received_ms < ?1 AND NOT EXISTS (SELECT 1 FROM evidence_about b
               JOIN alerts a ON a.shard = b.shard AND a.agent = b.agent AND a.code = b.code AND a.subject = b.subject
                 AND a.test IN (0, 1) AND a.episode = b.episode AND a.firing = 1
               WHERE b.shard = e.shard AND b.agent = e.agent AND b.run = e.run AND b.number = e.number)
             ORDER BY e.received_ms, e.shard, e.agent, e.run, e.number LIMIT ?2",
            params![before_ms, most(limit)],
        )?;
        self.delete_places(&found)
    }
}
