//! Rows of whether agents are there, and what they said when they left.

use super::super::StoreError;
use super::super::rows::PresenceRows;
use super::super::types::{
    AgentFacts, AlertCause, AlertId, BackCause, BootReason, ClockQuality, CollectorLife, Dated,
    DoubleSign, Identity, Presence, Presumed, Rebooted, Rival, SilenceCause, SilentSite, Standing,
    StoredAlert, StoredFrame, StoredGoodbye, shard, signed,
};
use super::read;
use super::rows::{SqlRows, unsigned, uptime, wall};
use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use rusqlite::{OptionalExtension, Params, Row, params};

const PRESENCE: &str = "SELECT agent, standing, run, boot, seen_ms, planned_until_ms, site, rebooted_ms, rebooted_run, \
    rebooted_seen_ms, clock_since_ms, gaps_told, double_told_ms FROM presence";
const FACTS: &str = "SELECT agent, clock_ms, machine, machine_before, machine_since_ms, machine_returned_ms, alert_gaps, \
    differs_run, differs_ms, doubled_ms FROM agent_facts";
const RIVALS: &str =
    "SELECT agent, run, sent_ms, batches, first_ms, last_ms, between_ms FROM rivals";

/// The key of what belongs to an agent.
fn key(agent: AgentId) -> (u8, i64) {
    (shard(agent), agent.0.cast_signed())
}

fn ms(moment: Option<WallTime>) -> Option<i64> {
    moment.map(|moment| signed(moment.as_millis()))
}

fn moment(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<WallTime>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(wall))
}

fn bits(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(index)?.cast_unsigned())
}

fn run(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<RunId>> {
    let run = row.get::<_, Option<i64>>(index)?;
    Ok(run.map(|run| RunId(run.cast_unsigned())))
}

fn presence_from(row: &Row<'_>) -> rusqlite::Result<Presence> {
    let rebooted = moment(row, 7)?.zip(run(row, 8)?);
    let rebooted_seen = moment(row, 9)?;
    let boot = row.get::<_, Option<i64>>(3)?;
    Ok(Presence {
        agent: AgentId(bits(row, 0)?),
        standing: Standing::from_word(row.get_ref(1)?.as_str()?),
        run: run(row, 2)?,
        boot: boot.map(|boot| BootId(boot.cast_unsigned())),
        seen: moment(row, 4)?,
        planned_until: moment(row, 5)?,
        site: row.get(6)?,
        rebooted: rebooted.map(|(at, run)| Rebooted {
            at,
            run,
            seen: rebooted_seen,
        }),
        clock_since: moment(row, 10)?,
        gaps_told: unsigned(row.get(11)?),
        double_told: moment(row, 12)?,
    })
}

fn facts_from(row: &Row<'_>) -> rusqlite::Result<(AgentId, AgentFacts)> {
    let facts = AgentFacts {
        clock_ms: row.get(1)?,
        machine: bits(row, 2)?,
        machine_before: bits(row, 3)?,
        machine_since: moment(row, 4)?,
        machine_returned: moment(row, 5)?,
        alert_gaps: unsigned(row.get(6)?),
        differs: run(row, 7)?.zip(moment(row, 8)?),
        doubled: moment(row, 9)?,
    };
    Ok((AgentId(bits(row, 0)?), facts))
}

fn rival_from(row: &Row<'_>) -> rusqlite::Result<(AgentId, Rival)> {
    let rival = Rival {
        run: RunId(bits(row, 1)?),
        sent: uptime(row.get(2)?),
        batches: row.get(3)?,
        first: wall(row.get(4)?),
        last: wall(row.get(5)?),
        between: moment(row, 6)?,
    };
    Ok((AgentId(bits(row, 0)?), rival))
}

fn cause_from(row: &Row<'_>) -> rusqlite::Result<AlertCause> {
    let word = |index| row.get::<_, Option<String>>(index);
    Ok(AlertCause {
        silence: word(0)?.and_then(|word| SilenceCause::from_word(&word)),
        back: word(1)?.and_then(|word| BackCause::from_word(&word)),
        presumed: word(2)?.and_then(|word| Presumed::from_word(&word)),
        boot: word(3)?.map(|word| BootReason::from_word(&word)),
        double: word(4)?.and_then(|word| DoubleSign::from_word(&word)),
        seen: moment(row, 5)?,
        planned_until: moment(row, 6)?,
        text: row.get(7)?,
    })
}

impl SqlRows<'_> {
    fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        from: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.main.prepare_cached(sql)?;
        Ok(statement.query_row(values, from).optional()?)
    }

    fn many<T>(
        &self,
        sql: &str,
        values: impl Params,
        from: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.main.prepare_cached(sql)?;
        let found = statement.query_map(values, from)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn execute(&self, sql: &str, values: impl Params) -> Result<(), StoreError> {
        self.main.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}

impl PresenceRows for SqlRows<'_> {
    fn collector_life(&mut self) -> Result<CollectorLife, StoreError> {
        let found = self.one(
            "SELECT proved_ms, resumed_ms, away_ms, alerts FROM collector_life",
            [],
            |row| {
                Ok(CollectorLife {
                    proved: moment(row, 0)?,
                    resumed: moment(row, 1)?,
                    away_ms: unsigned(row.get(2)?),
                    alerts: unsigned(row.get(3)?),
                })
            },
        )?;
        Ok(found.unwrap_or_default())
    }

    fn put_collector_life(&mut self, life: &CollectorLife) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO collector_life (one, proved_ms, resumed_ms, away_ms, alerts) VALUES (1, ?1, ?2, ?3, ?4)",
            params![
                ms(life.proved),
                ms(life.resumed),
                signed(life.away_ms),
                signed(life.alerts)
            ],
        )
    }

    fn presences(&mut self) -> Result<Vec<Presence>, StoreError> {
        let mut all = self.many(PRESENCE, [], presence_from)?;
        all.sort_by_key(|presence| presence.agent);
        Ok(all)
    }

    fn presence(&mut self, agent: AgentId) -> Result<Option<Presence>, StoreError> {
        self.one(
            &format!("{PRESENCE} WHERE shard = ?1 AND agent = ?2"),
            key(agent),
            presence_from,
        )
    }

    fn put_presence(&mut self, presence: &Presence) -> Result<(), StoreError> {
        let (shard, agent) = key(presence.agent);
        let rebooted = presence.rebooted;
        self.execute(
            "INSERT OR REPLACE INTO presence (shard, agent, standing, run, boot, seen_ms, planned_until_ms, site, rebooted_ms,
                rebooted_run, rebooted_seen_ms, clock_since_ms, gaps_told, double_told_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                shard,
                agent,
                presence.standing.word(),
                presence.run.map(|run| run.0.cast_signed()),
                presence.boot.map(|boot| boot.0.cast_signed()),
                ms(presence.seen),
                ms(presence.planned_until),
                presence.site,
                ms(rebooted.map(|rebooted| rebooted.at)),
                rebooted.map(|rebooted| rebooted.run.0.cast_signed()),
                ms(rebooted.and_then(|rebooted| rebooted.seen)),
                ms(presence.clock_since),
                signed(presence.gaps_told),
                ms(presence.double_told),
            ],
        )
    }

    fn all_facts(&mut self) -> Result<Vec<(AgentId, AgentFacts)>, StoreError> {
        let mut all = self.many(FACTS, [], facts_from)?;
        all.sort_by_key(|(agent, _)| *agent);
        Ok(all)
    }

    fn facts(&mut self, agent: AgentId) -> Result<AgentFacts, StoreError> {
        let found = self.one(
            &format!("{FACTS} WHERE shard = ?1 AND agent = ?2"),
            key(agent),
            facts_from,
        )?;
        Ok(found.map(|(_, facts)| facts).unwrap_or_default())
    }

    fn put_facts(&mut self, agent: AgentId, facts: &AgentFacts) -> Result<(), StoreError> {
        let (shard, agent) = key(agent);
        self.execute(
            "INSERT OR REPLACE INTO agent_facts (shard, agent, clock_ms, machine, machine_before, machine_since_ms,
                machine_returned_ms, alert_gaps, differs_run, differs_ms, doubled_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                shard,
                agent,
                facts.clock_ms,
                facts.machine.cast_signed(),
                facts.machine_before.cast_signed(),
                ms(facts.machine_since),
                ms(facts.machine_returned),
                signed(facts.alert_gaps),
                facts.differs.map(|(run, _)| run.0.cast_signed()),
                ms(facts.differs.map(|(_, since)| since)),
                ms(facts.doubled),
            ],
        )
    }

    fn goodbye(&mut self, agent: AgentId, run: RunId) -> Result<Option<StoredGoodbye>, StoreError> {
        let (shard, agent) = key(agent);
        self.one(
            "SELECT sequence, at_ms, at_clock, reason, planned_ms, text FROM goodbyes
             WHERE shard = ?1 AND agent = ?2 AND run = ?3",
            params![shard, agent, run.0.cast_signed()],
            |row| {
                Ok(StoredGoodbye {
                    run,
                    sequence: unsigned(row.get(0)?),
                    at: Dated {
                        wall: wall(row.get(1)?),
                        quality: ClockQuality::from_word(row.get_ref(2)?.as_str()?),
                    },
                    reason: row.get(3)?,
                    planned_ms: row.get::<_, Option<i64>>(4)?.map(unsigned),
                    text: row.get(5)?,
                })
            },
        )
    }

    fn put_goodbye(&mut self, agent: AgentId, goodbye: &StoredGoodbye) -> Result<(), StoreError> {
        let (shard, agent) = key(agent);
        self.execute(
            "INSERT INTO goodbyes (shard, agent, run, sequence, at_ms, at_clock, reason, planned_ms, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (shard, agent, run) DO UPDATE SET sequence = ?4, at_ms = ?5, at_clock = ?6, reason = ?7,
                planned_ms = ?8, text = ?9
             WHERE sequence <= ?4",
            params![
                shard,
                agent,
                goodbye.run.0.cast_signed(),
                signed(goodbye.sequence),
                signed(goodbye.at.wall.as_millis()),
                goodbye.at.quality.word(),
                goodbye.reason,
                goodbye.planned_ms.map(signed),
                goodbye.text,
            ],
        )
    }

    fn boot_reason(
        &mut self,
        agent: AgentId,
        boot: BootId,
    ) -> Result<Option<BootReason>, StoreError> {
        let (shard, agent) = key(agent);
        self.one(
            "SELECT reason FROM boot_reasons WHERE shard = ?1 AND agent = ?2 AND boot = ?3",
            params![shard, agent, boot.0.cast_signed()],
            |row| Ok(BootReason::from_word(row.get_ref(0)?.as_str()?)),
        )
    }

    fn put_boot_reason(
        &mut self,
        agent: AgentId,
        boot: BootId,
        reason: BootReason,
    ) -> Result<(), StoreError> {
        let (shard, agent) = key(agent);
        self.execute(
            "INSERT OR REPLACE INTO boot_reasons (shard, agent, boot, reason) VALUES (?1, ?2, ?3, ?4)",
            params![shard, agent, boot.0.cast_signed(), reason.word()],
        )
    }

    fn rivals(&mut self, agent: AgentId) -> Result<Vec<Rival>, StoreError> {
        let found = self.many(
            &format!("{RIVALS} WHERE shard = ?1 AND agent = ?2 ORDER BY last_ms DESC, run"),
            key(agent),
            rival_from,
        )?;
        Ok(found.into_iter().map(|(_, rival)| rival).collect())
    }

    fn all_rivals(&mut self) -> Result<Vec<(AgentId, Rival)>, StoreError> {
        let mut all = self.many(RIVALS, [], rival_from)?;
        all.sort_by_key(|(agent, rival)| (*agent, rival.run));
        Ok(all)
    }

    fn put_rival(&mut self, agent: AgentId, rival: &Rival) -> Result<(), StoreError> {
        let (shard, agent) = key(agent);
        self.execute(
            "INSERT OR REPLACE INTO rivals (shard, agent, run, sent_ms, batches, first_ms, last_ms, between_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                shard,
                agent,
                rival.run.0.cast_signed(),
                signed(rival.sent.as_millis()),
                rival.batches,
                signed(rival.first.as_millis()),
                signed(rival.last.as_millis()),
                ms(rival.between),
            ],
        )
    }

    fn delete_rival(&mut self, agent: AgentId, run: RunId) -> Result<(), StoreError> {
        let (shard, agent) = key(agent);
        self.execute(
            "DELETE FROM rivals WHERE shard = ?1 AND agent = ?2 AND run = ?3",
            params![shard, agent, run.0.cast_signed()],
        )
    }

    fn silent_sites(&mut self) -> Result<Vec<SilentSite>, StoreError> {
        self.many(
            "SELECT site, returned_ms FROM silent_sites ORDER BY site",
            [],
            |row| {
                Ok(SilentSite {
                    site: row.get(0)?,
                    returned: moment(row, 1)?,
                })
            },
        )
    }

    fn put_silent_site(&mut self, site: &SilentSite) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO silent_sites (shard, site, returned_ms) VALUES (?1, ?2, ?3)",
            params![shard(AgentId(0)), site.site, ms(site.returned)],
        )
    }

    fn delete_silent_site(&mut self, site: &str) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM silent_sites WHERE shard = ?1 AND site = ?2",
            params![shard(AgentId(0)), site],
        )
    }

    fn cause(&mut self, alert: AlertId) -> Result<Option<AlertCause>, StoreError> {
        self.one(
            "SELECT silence, back, presumed, boot, double, seen_ms, planned_until_ms, text FROM alert_causes
             WHERE shard = ?1 AND alert = ?2",
            params![alert.shard(), alert.0.cast_signed()],
            cause_from,
        )
    }

    fn put_cause(&mut self, alert: AlertId, cause: &AlertCause) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO alert_causes (shard, alert, silence, back, presumed, boot, double, seen_ms,
                planned_until_ms, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                alert.shard(),
                alert.0.cast_signed(),
                cause.silence.map(SilenceCause::word),
                cause.back.map(BackCause::word),
                cause.presumed.map(Presumed::word),
                cause.boot.map(BootReason::word),
                cause.double.map(DoubleSign::word),
                ms(cause.seen),
                ms(cause.planned_until),
                cause.text,
            ],
        )
    }

    fn open_of_codes(&mut self, codes: &[u16]) -> Result<Vec<StoredAlert>, StoreError> {
        let mut open = Vec::new();
        for code in codes {
            open.extend(read::many_alerts(
                self.main,
                "WHERE firing = 1 AND code = ?1 ORDER BY alert",
                params![code],
            )?);
        }
        Ok(open)
    }

    fn last_episode(&mut self, agent: AgentId, identity: &Identity) -> Result<u32, StoreError> {
        let (shard, agent) = key(agent);
        let found = self.one(
            "SELECT MAX(episode) FROM alerts WHERE shard = ?1 AND agent = ?2 AND code = ?3 AND subject = ?4 AND test = ?5",
            params![shard, agent, identity.code, identity.subject, identity.test],
            |row| row.get::<_, Option<u32>>(0),
        )?;
        Ok(found.flatten().unwrap_or(0))
    }

    fn recent_frame(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        sequence: u64,
    ) -> Result<Option<StoredFrame>, StoreError> {
        self.days.recent(agent, run, stream, sequence)
    }
}
