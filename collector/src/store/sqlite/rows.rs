//! Single rows within the open transaction.

use super::super::StoreError;
use super::super::dating::{Doubt, Offsets};
use super::super::rows::{ConfigPart, Latest, Rows, StatePart, Watermark};
use super::super::types::{
    Agent, AlertId, Boot, Counts, Dated, Event, EventKind, Identity, LostRange, Run, StoredAlert,
    StoredFrame, shard, signed,
};
use super::day::Days;
use super::{events, read};
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::answer::RefusedReason;
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Words of the table `refusals`.
const MALFORMED: &str = "malformed";
const WRONG_STREAM: &str = "wrong_stream";

/// An open transaction on both files.
pub(super) struct SqlRows<'c> {
    pub(super) main: &'c Connection,
    pub(super) days: &'c mut Days,
}

/// A number as stored, back.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn uptime(value: i64) -> Uptime {
    Uptime::from_millis(unsigned(value))
}

pub(super) fn wall(value: i64) -> WallTime {
    WallTime::from_millis(unsigned(value))
}

fn wall_ms(dated: Option<Dated>) -> Option<i64> {
    dated.map(|dated| signed(dated.wall.as_millis()))
}

fn clock(dated: Option<Dated>) -> Option<&'static str> {
    dated.map(|dated| dated.quality.word())
}

fn boot_from(row: &Row<'_>) -> rusqlite::Result<Boot> {
    let doubt = row.get::<_, Option<i64>>(3)?;
    let doubt = match doubt {
        Some(offset_ms) => Some(Doubt {
            offset_ms,
            batches: row.get(4)?,
        }),
        None => None,
    };
    Ok(Boot {
        id: BootId(row.get::<_, i64>(0)?.cast_unsigned()),
        offsets: Offsets::from_parts(row.get_ref(1)?.as_blob()?, uptime(row.get(2)?), doubt),
        anchor: Anchor {
            uptime: uptime(row.get(5)?),
            wall: wall(row.get(6)?),
            quality: AnchorQuality::from_u8(row.get(7)?),
        },
    })
}

fn run_from(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
        boot: BootId(row.get::<_, i64>(1)?.cast_unsigned()),
        arrival: unsigned(row.get(2)?),
        number: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
        last_sent: row.get::<_, Option<i64>>(4)?.map(uptime),
        followed: row.get(5)?,
        claims: row.get(6)?,
        claimed_at: row.get::<_, Option<i64>>(7)?.map(wall),
        since: wall(row.get(8)?),
        named_by: RunId(row.get::<_, i64>(9)?.cast_unsigned()),
        named: wall(row.get(10)?),
    })
}

/// The boot of a run, outside a transaction too.
pub(super) fn boot_of_run(
    main: &Connection,
    agent: AgentId,
    run: RunId,
) -> Result<Option<Boot>, StoreError> {
    let mut statement = main.prepare_cached(
        "SELECT b.boot, b.periods, b.agreed_ms, b.doubt_offset_ms, b.doubt_batches, b.anchor_uptime_ms, b.anchor_wall_ms,
            b.anchor_quality
         FROM runs r JOIN boots b ON b.shard = r.shard AND b.agent = r.agent AND b.boot = r.boot
         WHERE r.shard = ?1 AND r.agent = ?2 AND r.run = ?3",
    )?;
    Ok(statement
        .query_row(
            params![shard(agent), agent.0.cast_signed(), run.0.cast_signed()],
            boot_from,
        )
        .optional()?)
}

impl Rows for SqlRows<'_> {
    fn agent(&mut self, agent: AgentId) -> Result<Option<Agent>, StoreError> {
        read::agent(self.main, agent)
    }

    fn put_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "UPDATE agents SET current_run = ?3, last_seen_ms = ?4, stated_run = ?5, stated_ms = ?6, stated_clock = ?7,
                runs = ?8, alerts = ?9 WHERE shard = ?1 AND agent = ?2",
        )?;
        let key = (shard(agent.id), agent.id.0.cast_signed());
        let stated = agent.stated.map(|(_, dated)| dated);
        statement.execute(params![
            key.0,
            key.1,
            agent.current_run.map(|run| run.0.cast_signed()),
            agent.last_seen.map(|seen| signed(seen.as_millis())),
            agent.stated.map(|(run, _)| run.0.cast_signed()),
            wall_ms(stated),
            clock(stated),
            signed(agent.runs),
            signed(agent.alerts),
        ])?;
        let Some(inventory) = &agent.inventory else {
            return Ok(());
        };
        let mut statement = self.main.prepare_cached(
            "UPDATE agents SET version = ?3, host = ?4, kernel = ?5, architecture = ?6, cores = ?7, memory_total_kib = ?8,
                sample_interval_ms = ?9, report_interval_ms = ?10, post_interval_ms = ?11, registry_version = ?12,
                registry_hash = ?13, config_hash = ?14, machine_id_hash = ?15, flags = ?16
             WHERE shard = ?1 AND agent = ?2",
        )?;
        statement.execute(params![
            key.0,
            key.1,
            inventory.version,
            inventory.host,
            inventory.kernel,
            inventory.architecture,
            inventory.cores,
            inventory.memory_total_kib.cast_signed(),
            inventory.sample_interval_ms,
            inventory.report_interval_ms,
            inventory.post_interval_ms,
            inventory.registry_version,
            inventory.registry_hash.cast_signed(),
            inventory.config_hash.cast_signed(),
            inventory.machine_id_hash.cast_signed(),
            inventory.flags,
        ])?;
        Ok(())
    }

    fn key_used(&mut self, agent: AgentId, epoch: u8, now: WallTime) -> Result<(), StoreError> {
        let key = (shard(agent), agent.0.cast_signed());
        let now_ms = signed(now.as_millis());
        self.main.execute(
            "UPDATE agents SET used_epoch = ?3 WHERE shard = ?1 AND agent = ?2",
            params![key.0, key.1, epoch],
        )?;
        self.main.execute(
            "UPDATE agent_keys SET used_ms = ?4 WHERE shard = ?1 AND agent = ?2 AND epoch = ?3",
            params![key.0, key.1, epoch, now_ms],
        )?;
        let ended = self.main.execute(
            "UPDATE agent_keys SET ends_ms = MIN(COALESCE(ends_ms, ?4), ?4)
             WHERE shard = ?1 AND agent = ?2 AND epoch < ?3",
            params![key.0, key.1, epoch, now_ms],
        )?;
        if ended > 0 {
            self.keys_changed()?;
        }
        Ok(())
    }

    fn run(&mut self, agent: AgentId, run: RunId) -> Result<Option<Run>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT run, boot, arrival, number, last_sent_ms, followed, claims, claimed_at_ms, since_ms, named_by, named_ms
             FROM runs WHERE shard = ?1 AND agent = ?2 AND run = ?3",
        )?;
        Ok(statement
            .query_row(
                params![shard(agent), agent.0.cast_signed(), run.0.cast_signed()],
                run_from,
            )
            .optional()?)
    }

    fn put_run(&mut self, agent: AgentId, run: &Run) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO runs
                (shard, agent, run, boot, arrival, number, last_sent_ms, followed, claims, claimed_at_ms, since_ms,
                 named_by, named_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            run.id.0.cast_signed(),
            run.boot.0.cast_signed(),
            signed(run.arrival),
            run.number.map(u64::cast_signed),
            run.last_sent.map(|sent| signed(sent.as_millis())),
            run.followed,
            run.claims,
            run.claimed_at.map(|seen| signed(seen.as_millis())),
            signed(run.since.as_millis()),
            run.named_by.0.cast_signed(),
            signed(run.named.as_millis()),
        ])?;
        Ok(())
    }

    fn boot(&mut self, agent: AgentId, boot: BootId) -> Result<Option<Boot>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT boot, periods, agreed_ms, doubt_offset_ms, doubt_batches, anchor_uptime_ms, anchor_wall_ms,
                anchor_quality FROM boots
             WHERE shard = ?1 AND agent = ?2 AND boot = ?3",
        )?;
        Ok(statement
            .query_row(
                params![shard(agent), agent.0.cast_signed(), boot.0.cast_signed()],
                boot_from,
            )
            .optional()?)
    }

    fn put_boot(&mut self, agent: AgentId, boot: &Boot) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO boots
                (shard, agent, boot, periods, agreed_ms, doubt_offset_ms, doubt_batches, anchor_uptime_ms,
                 anchor_wall_ms, anchor_quality)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        let (periods, agreed, doubt) = boot.offsets.parts();
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            boot.id.0.cast_signed(),
            periods,
            signed(agreed.as_millis()),
            doubt.map(|doubt| doubt.offset_ms),
            doubt.map(|doubt| doubt.batches),
            signed(boot.anchor.uptime.as_millis()),
            signed(boot.anchor.wall.as_millis()),
            boot.anchor.quality.as_u8(),
        ])?;
        Ok(())
    }

    fn watermark(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
    ) -> Result<Watermark, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT next, offered FROM watermarks WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4",
        )?;
        let found = statement
            .query_row(
                params![
                    shard(agent),
                    agent.0.cast_signed(),
                    run.0.cast_signed(),
                    stream.number()
                ],
                |row| {
                    Ok(Watermark {
                        next: unsigned(row.get(0)?),
                        offered: row.get::<_, Option<i64>>(1)?.map(unsigned),
                    })
                },
            )
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    fn put_watermark(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO watermarks (shard, agent, run, stream, next, offered) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            run.0.cast_signed(),
            stream.number(),
            signed(watermark.next),
            watermark.offered.map(signed)
        ])?;
        Ok(())
    }

    fn put_frame(&mut self, agent: AgentId, frame: &StoredFrame) -> Result<(), StoreError> {
        self.days.put(agent, frame)
    }

    fn last_loss(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
    ) -> Result<Option<LostRange>, StoreError> {
        read::last_loss(self.main, agent, run, stream)
    }

    fn count_losses(&mut self, agent: AgentId) -> Result<usize, StoreError> {
        let mut statement = self
            .main
            .prepare_cached("SELECT COUNT(*) FROM losses WHERE shard = ?1 AND agent = ?2")?;
        let count: i64 = statement
            .query_row(params![shard(agent), agent.0.cast_signed()], |row| {
                row.get(0)
            })?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn losses(&mut self, agent: AgentId) -> Result<Vec<LostRange>, StoreError> {
        read::losses(self.main, agent)
    }

    fn delete_loss(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        first: u64,
    ) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "DELETE FROM losses WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4 AND first = ?5",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            run.0.cast_signed(),
            stream.number(),
            signed(first)
        ])?;
        Ok(())
    }

    fn put_loss(&mut self, agent: AgentId, loss: &LostRange) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO losses (shard, agent, run, stream, first, last, reason, recorded_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            loss.run.0.cast_signed(),
            loss.stream.number(),
            signed(loss.first),
            signed(loss.last),
            loss.reason.word(),
            signed(loss.recorded.as_millis())
        ])?;
        Ok(())
    }

    fn put_refusals(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        refusals: &[(u64, RefusedReason)],
    ) -> Result<(), StoreError> {
        let key = (
            shard(agent),
            agent.0.cast_signed(),
            run.0.cast_signed(),
            stream.number(),
        );
        self.main
            .prepare_cached(
                "DELETE FROM refusals WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4",
            )?
            .execute(key)?;
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO refusals (shard, agent, run, stream, sequence, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (sequence, reason) in refusals {
            let word = match reason {
                RefusedReason::Malformed => MALFORMED,
                RefusedReason::WrongStream => WRONG_STREAM,
                RefusedReason::Unknown => continue,
            };
            statement.execute(params![key.0, key.1, key.2, key.3, signed(*sequence), word])?;
        }
        Ok(())
    }

    fn refusal(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        (first, last): (u64, u64),
    ) -> Result<Option<RefusedReason>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT reason FROM refusals WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4
                AND sequence BETWEEN ?5 AND ?6 ORDER BY sequence LIMIT 1",
        )?;
        let values = params![
            shard(agent),
            agent.0.cast_signed(),
            run.0.cast_signed(),
            stream.number(),
            signed(first),
            signed(last)
        ];
        let word: Option<String> = statement.query_row(values, |row| row.get(0)).optional()?;
        Ok(word.map(|word| match word.as_str() {
            MALFORMED => RefusedReason::Malformed,
            WRONG_STREAM => RefusedReason::WrongStream,
            _ => RefusedReason::Unknown,
        }))
    }

    fn count(&mut self, agent: AgentId, stream: Stream, counts: &Counts) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT INTO counters (shard, agent, stream, frames_stored, duplicates, lost, refused, skipped,
                readings_stored, contradicted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (shard, agent, stream) DO UPDATE SET
                frames_stored = frames_stored + ?4, duplicates = duplicates + ?5,
                lost = MIN(lost, 4611686018427387904) + MIN(?6, 4611686018427387903),
                refused = refused + ?7, skipped = skipped + ?8, readings_stored = readings_stored + ?9,
                contradicted = contradicted + ?10",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            stream.number(),
            signed(counts.frames_stored),
            signed(counts.duplicates),
            signed(counts.lost),
            signed(counts.refused),
            signed(counts.skipped),
            signed(counts.readings_stored),
            signed(counts.contradicted)
        ])?;
        Ok(())
    }

    fn alert(&mut self, id: AlertId) -> Result<Option<StoredAlert>, StoreError> {
        read::alert(self.main, id)
    }

    fn open_alert(
        &mut self,
        agent: AgentId,
        identity: &Identity,
    ) -> Result<Option<StoredAlert>, StoreError> {
        read::one_alert(
            self.main,
            "WHERE shard = ?1 AND agent = ?2 AND code = ?3 AND subject = ?4 AND test = ?5 AND firing = 1",
            params![
                shard(agent),
                agent.0.cast_signed(),
                identity.code,
                identity.subject,
                identity.test
            ],
        )
    }

    fn open_alerts(&mut self, agent: AgentId) -> Result<Vec<StoredAlert>, StoreError> {
        read::many_alerts(
            self.main,
            "WHERE shard = ?1 AND agent = ?2 AND firing = 1 ORDER BY alert",
            params![shard(agent), agent.0.cast_signed()],
        )
    }

    fn episode(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        fired: Uptime,
    ) -> Result<Option<StoredAlert>, StoreError> {
        read::one_alert(
            self.main,
            "WHERE shard = ?1 AND agent = ?2 AND code = ?3 AND subject = ?4 AND test = ?5 AND episode = ?6
               AND (?7 = 0 OR fired_ms IN (0, ?7)) ORDER BY fired_ms = ?7 DESC, stored_ms DESC, alert DESC LIMIT 1",
            params![
                shard(agent),
                agent.0.cast_signed(),
                identity.code,
                identity.subject,
                identity.test,
                episode,
                signed(fired.as_millis())
            ],
        )
    }

    fn put_alert(&mut self, alert: &StoredAlert) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT OR REPLACE INTO alerts (shard, {}) VALUES
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
                ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36)",
            read::ALERT_COLUMNS
        );
        let mut statement = self.main.prepare_cached(&sql)?;
        let number = |value: Option<u64>| value.map(signed);
        statement.execute(params![
            shard(alert.agent),
            alert.id.0.cast_signed(),
            alert.agent.0.cast_signed(),
            alert.identity.code,
            alert.identity.subject,
            alert.identity.test,
            alert.episode,
            alert.firing,
            alert.run.0.cast_signed(),
            alert.last_run.0.cast_signed(),
            signed(alert.fired.as_millis()),
            number(alert.firing_sequence),
            number(alert.resolved_sequence),
            wall_ms(alert.occurred),
            clock(alert.occurred),
            wall_ms(alert.detected),
            clock(alert.detected),
            wall_ms(alert.notified),
            clock(alert.notified),
            wall_ms(alert.recovered),
            clock(alert.recovered),
            wall_ms(alert.resolved),
            clock(alert.resolved),
            signed(alert.stored.as_millis()),
            signed(alert.updated.as_millis()),
            alert.quantity,
            number(alert.value),
            number(alert.total),
            number(alert.level),
            number(alert.worst),
            number(alert.forecast_ms),
            alert.count,
            alert.continuations,
            alert.reason,
            alert.flags,
            alert.by.bits(),
        ])?;
        Ok(())
    }

    fn append_event(
        &mut self,
        alert: AlertId,
        kind: EventKind,
        at: WallTime,
    ) -> Result<(), StoreError> {
        events::append(self.main, alert, kind, at)
    }

    fn events_after(&mut self, number: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        events::after(self.main, number, limit)
    }

    fn newest_event(&mut self) -> Result<u64, StoreError> {
        events::newest(self.main)
    }

    fn events_of(&mut self, alert: AlertId) -> Result<Vec<Event>, StoreError> {
        events::of(self.main, alert)
    }

    fn all_agents(&mut self) -> Result<Vec<Agent>, StoreError> {
        read::agents(self.main)
    }

    fn state_parts(&mut self, agent: AgentId, run: RunId) -> Result<Vec<StatePart>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT sequence, uptime_ms, part, parts, open FROM state_parts
             WHERE shard = ?1 AND agent = ?2 AND run = ?3 ORDER BY part",
        )?;
        let parts = statement
            .query_map(
                params![shard(agent), agent.0.cast_signed(), run.0.cast_signed()],
                |row| {
                    Ok(StatePart {
                        sequence: unsigned(row.get(0)?),
                        uptime: uptime(row.get(1)?),
                        part: row.get(2)?,
                        parts: row.get(3)?,
                        open: row.get(4)?,
                    })
                },
            )?
            .collect::<Result<_, _>>()?;
        Ok(parts)
    }

    fn put_state_part(
        &mut self,
        agent: AgentId,
        run: RunId,
        part: &StatePart,
    ) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO state_parts (shard, agent, run, part, parts, sequence, uptime_ms, open)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            run.0.cast_signed(),
            part.part,
            part.parts,
            signed(part.sequence),
            signed(part.uptime.as_millis()),
            part.open
        ])?;
        Ok(())
    }

    fn clear_state_parts(&mut self, agent: AgentId, run: RunId) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "DELETE FROM state_parts WHERE shard = ?1 AND agent = ?2 AND run = ?3",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            run.0.cast_signed()
        ])?;
        Ok(())
    }

    fn put_config(&mut self, agent: AgentId, part: &ConfigPart<'_>) -> Result<(), StoreError> {
        let key = (shard(agent), agent.0.cast_signed());
        let hash = part.config_hash.cast_signed();
        self.main
            .prepare_cached(
                "DELETE FROM configs WHERE shard = ?1 AND agent = ?2 AND (config_hash <> ?3 OR parts <> ?4)",
            )?
            .execute(params![key.0, key.1, hash, part.parts])?;
        self.main
            .prepare_cached(
                "INSERT OR REPLACE INTO configs (shard, agent, part, parts, config_hash, rules)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                key.0, key.1, part.part, part.parts, hash, part.rules
            ])?;
        Ok(())
    }

    fn latest(&mut self, agent: AgentId) -> Result<Option<Latest>, StoreError> {
        read::latest_row(self.main, agent)
    }

    fn put_latest(&mut self, agent: AgentId, latest: &Latest) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO latest (shard, agent, run, sequence, frame) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        statement.execute(params![
            shard(agent),
            agent.0.cast_signed(),
            latest.run.0.cast_signed(),
            signed(latest.sequence),
            latest.frame
        ])?;
        Ok(())
    }
}
