//! Queries.

use super::super::StoreError;
use super::super::decode::{readings_of, rules_of, stored_readings};
use super::super::rows::Latest;
use super::super::types::{
    Agent, AgentRule, AlertFilter, AlertId, By, ClockQuality, Counts, Dated, FrameHead, FrameKey,
    Identity, Inventory, LostRange, LostReason, Range, StoredAlert, StoredFrame, StoredReading,
    Totals, shard, signed,
};
use super::day;
use super::open::read_only;
use super::rows::{boot_of_run, unsigned, uptime, wall};
use crate::clock::Date;
use hansho::frame::kind::{AgentId, RunId, Stream};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use std::path::Path;

const AGENT_COLUMNS: &str = "agent, customer, system, name, created_ms, current_run, last_seen_ms, stated_run, stated_ms, \
    stated_clock, runs, alerts, version, host, kernel, architecture, cores, memory_total_kib, sample_interval_ms, \
    report_interval_ms, post_interval_ms, registry_version, registry_hash, config_hash, machine_id_hash, flags, \
    retired_ms, used_epoch";

/// Columns of an alert but for the shard, in the order of `alert_from` and of `put_alert`.
pub(super) const ALERT_COLUMNS: &str = "alert, agent, code, subject, test, episode, firing, run, last_run, fired_ms, \
    firing_sequence, resolved_sequence, occurred_ms, occurred_clock, detected_ms, detected_clock, notified_ms, \
    notified_clock, recovered_ms, recovered_clock, resolved_ms, resolved_clock, stored_ms, updated_ms, quantity, value, \
    total, level, worst, forecast_ms, count, continuations, reason, flags, by_state";

fn agent_from(row: &Row<'_>) -> rusqlite::Result<Agent> {
    let bits = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let version: Option<String> = row.get(12)?;
    let inventory = match version {
        Some(version) => Some(Inventory {
            version,
            host: row.get(13)?,
            kernel: row.get(14)?,
            architecture: row.get(15)?,
            cores: row.get(16)?,
            memory_total_kib: bits(17)?,
            sample_interval_ms: row.get(18)?,
            report_interval_ms: row.get(19)?,
            post_interval_ms: row.get(20)?,
            registry_version: row.get(21)?,
            registry_hash: bits(22)?,
            config_hash: bits(23)?,
            machine_id_hash: bits(24)?,
            flags: row.get(25)?,
        }),
        None => None,
    };
    let stated = row
        .get::<_, Option<i64>>(7)?
        .map(|run| RunId(run.cast_unsigned()))
        .zip(dated(row, 8)?);
    Ok(Agent {
        id: AgentId(bits(0)?),
        customer: row.get(1)?,
        system: row.get(2)?,
        name: row.get(3)?,
        created: wall(row.get(4)?),
        current_run: row
            .get::<_, Option<i64>>(5)?
            .map(|run| RunId(run.cast_unsigned())),
        last_seen: row.get::<_, Option<i64>>(6)?.map(wall),
        stated,
        inventory,
        runs: unsigned(row.get(10)?),
        alerts: unsigned(row.get(11)?),
        retired: row.get::<_, Option<i64>>(26)?.map(wall),
        used_epoch: row.get(27)?,
    })
}

/// A date in the columns `index` and `index + 1`.
fn dated(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Dated>> {
    let Some(moment) = row.get::<_, Option<i64>>(index)? else {
        return Ok(None);
    };
    let word: Option<String> = row.get(index.saturating_add(1))?;
    Ok(Some(Dated {
        wall: wall(moment),
        quality: ClockQuality::from_word(word.as_deref().unwrap_or("")),
    }))
}

fn alert_from(row: &Row<'_>) -> rusqlite::Result<StoredAlert> {
    let bits = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let number = |index| {
        row.get::<_, Option<i64>>(index)
            .map(|value| value.map(unsigned))
    };
    Ok(StoredAlert {
        id: AlertId(bits(0)?),
        agent: AgentId(bits(1)?),
        identity: Identity {
            code: row.get(2)?,
            subject: row.get(3)?,
            test: row.get(4)?,
        },
        episode: row.get(5)?,
        firing: row.get(6)?,
        run: RunId(bits(7)?),
        last_run: RunId(bits(8)?),
        fired: uptime(row.get(9)?),
        firing_sequence: number(10)?,
        resolved_sequence: number(11)?,
        occurred: dated(row, 12)?,
        detected: dated(row, 14)?,
        notified: dated(row, 16)?,
        recovered: dated(row, 18)?,
        resolved: dated(row, 20)?,
        stored: wall(row.get(22)?),
        updated: wall(row.get(23)?),
        quantity: row.get(24)?,
        value: number(25)?,
        total: number(26)?,
        level: number(27)?,
        worst: number(28)?,
        forecast_ms: number(29)?,
        count: row.get(30)?,
        continuations: row.get(31)?,
        reason: row.get(32)?,
        flags: row.get(33)?,
        by: By::from_bits(row.get(34)?),
    })
}

pub(super) fn agent(main: &Connection, agent: AgentId) -> Result<Option<Agent>, StoreError> {
    let sql = format!("SELECT {AGENT_COLUMNS} FROM agents WHERE shard = ?1 AND agent = ?2");
    let mut statement = main.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![shard(agent), agent.0.cast_signed()], agent_from)
        .optional()?)
}

pub(super) fn agents(main: &Connection) -> Result<Vec<Agent>, StoreError> {
    let sql = format!("SELECT {AGENT_COLUMNS} FROM agents ORDER BY customer, system, name");
    let mut statement = main.prepare_cached(&sql)?;
    let agents = statement
        .query_map([], agent_from)?
        .collect::<Result<_, _>>()?;
    Ok(agents)
}

pub(super) fn one_alert(
    main: &Connection,
    clause: &str,
    values: impl Params,
) -> Result<Option<StoredAlert>, StoreError> {
    let sql = format!("SELECT {ALERT_COLUMNS} FROM alerts {clause}");
    let mut statement = main.prepare_cached(&sql)?;
    Ok(statement.query_row(values, alert_from).optional()?)
}

pub(super) fn many_alerts(
    main: &Connection,
    clause: &str,
    values: impl Params,
) -> Result<Vec<StoredAlert>, StoreError> {
    let sql = format!("SELECT {ALERT_COLUMNS} FROM alerts {clause}");
    let mut statement = main.prepare_cached(&sql)?;
    let alerts = statement
        .query_map(values, alert_from)?
        .collect::<Result<_, _>>()?;
    Ok(alerts)
}

pub(super) fn alert(main: &Connection, id: AlertId) -> Result<Option<StoredAlert>, StoreError> {
    let shard = signed(id.0 >> 40);
    one_alert(
        main,
        "WHERE shard = ?1 AND alert = ?2",
        params![shard, id.0.cast_signed()],
    )
}

pub(super) fn alerts(
    main: &Connection,
    filter: &AlertFilter,
    before: Option<(hansho::clock::WallTime, AlertId)>,
) -> Result<Vec<StoredAlert>, StoreError> {
    let limit = i64::try_from(filter.limit.unwrap_or(usize::MAX)).unwrap_or(i64::MAX);
    // A range of the index by age, whether it begins somewhere or not.
    let before_ms = before.map_or(i64::MAX, |(stored, _)| signed(stored.as_millis()));
    let before_id = before.map_or(i64::MAX, |(_, alert)| alert.0.cast_signed());
    let rest = "(?1 IS NULL OR firing = ?1) AND (stored_ms, alert) < (?3, ?4)
                ORDER BY stored_ms DESC, alert DESC LIMIT ?2";
    match filter.agent {
        Some(agent) => many_alerts(
            main,
            &format!("WHERE shard = ?5 AND agent = ?6 AND {rest}"),
            params![
                filter.firing,
                limit,
                before_ms,
                before_id,
                shard(agent),
                agent.0.cast_signed()
            ],
        ),
        None => many_alerts(
            main,
            &format!("WHERE {rest}"),
            params![filter.firing, limit, before_ms, before_id],
        ),
    }
}

pub(super) fn latest_row(main: &Connection, agent: AgentId) -> Result<Option<Latest>, StoreError> {
    let mut statement = main.prepare_cached(
        "SELECT run, sequence, frame FROM latest WHERE shard = ?1 AND agent = ?2",
    )?;
    Ok(statement
        .query_row(params![shard(agent), agent.0.cast_signed()], |row| {
            Ok(Latest {
                run: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
                sequence: unsigned(row.get(1)?),
                frame: row.get(2)?,
            })
        })
        .optional()?)
}

pub(super) fn latest(
    main: &Connection,
    agent: AgentId,
) -> Result<Option<StoredReading>, StoreError> {
    let Some(latest) = latest_row(main, agent)? else {
        return Ok(None);
    };
    let boot = boot_of_run(main, agent, latest.run)?;
    Ok(boot.and_then(|boot| {
        readings_of(latest.run, latest.sequence, &latest.frame, &boot)
            .into_iter()
            .next_back()
    }))
}

fn frame_from(row: &Row<'_>) -> rusqlite::Result<StoredFrame> {
    Ok(StoredFrame {
        run: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
        stream: Stream::from_number(row.get(1)?).unwrap_or(Stream::History),
        sequence: unsigned(row.get(2)?),
        received: wall(row.get(3)?),
        frame: row.get(4)?,
    })
}

/// Frames of one day file. What a damaged one does not give is missed, and said; its writer sets it aside.
fn frames_of(path: &Path, clause: &str, agent: AgentId) -> Result<Vec<StoredFrame>, StoreError> {
    let mut frames = Vec::new();
    let mut read = || -> Result<(), StoreError> {
        let day = read_only(path)?;
        if super::open::schema(&day)? == 0 {
            // Its writer is just creating it.
            return Ok(());
        }
        let sql = format!("SELECT run, stream, sequence, received_ms, frame FROM frames {clause}");
        let mut statement = day.prepare(&sql)?;
        for frame in
            statement.query_map(params![shard(agent), agent.0.cast_signed()], frame_from)?
        {
            frames.push(frame?);
        }
        Ok(())
    };
    match read() {
        Err(StoreError::Corrupt(why)) => log::warn!("{} is damaged: {why}", path.display()),
        outcome => outcome?,
    }
    Ok(frames)
}

pub(super) fn readings(
    main: &Connection,
    directory: &Path,
    agent: AgentId,
    range: &Range,
) -> Result<Vec<StoredReading>, StoreError> {
    // Nothing is received before it is read, so days before the range hold nothing of it; a day is allowed for clocks
    // of hosts that are ahead.
    let from = Date::of(hansho::clock::WallTime::from_millis(
        range.from.as_millis().saturating_sub(crate::clock::DAY_MS),
    ))
    .to_string();
    let mut readings = Vec::new();
    for (date, path) in day::list(directory)?.into_iter().rev() {
        if date < from || readings.len() >= range.limit {
            break;
        }
        let sql = "WHERE shard = ?1 AND agent = ?2 AND stream = 1 ORDER BY run, sequence";
        for frame in frames_of(&path, sql, agent)? {
            if let Some(boot) = boot_of_run(main, agent, frame.run)? {
                let of_frame = stored_readings(&frame, &boot);
                readings.extend(
                    of_frame
                        .into_iter()
                        .filter(|reading| reading.dated.wall >= range.from),
                );
            }
        }
    }
    Ok(range.cut(readings))
}

pub(super) fn frames(
    _main: &Connection,
    directory: &Path,
    agent: AgentId,
) -> Result<Vec<StoredFrame>, StoreError> {
    let mut all = Vec::new();
    for (_, path) in day::list(directory)? {
        all.extend(frames_of(&path, "WHERE shard = ?1 AND agent = ?2", agent)?);
    }
    all.sort_by_key(|frame: &StoredFrame| (frame.run, frame.stream, frame.sequence));
    Ok(all)
}

fn head_from(row: &Row<'_>) -> rusqlite::Result<FrameHead> {
    Ok(FrameHead {
        run: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
        stream: Stream::from_number(row.get(1)?).unwrap_or(Stream::History),
        sequence: unsigned(row.get(2)?),
        received: wall(row.get(3)?),
        kind: row
            .get::<_, Vec<u8>>(4)?
            .first()
            .copied()
            .unwrap_or_default(),
        bytes: unsigned(row.get(5)?),
    })
}

pub(super) fn frame_heads(
    directory: &Path,
    agent: AgentId,
    after: Option<FrameKey>,
    limit: usize,
) -> Result<Vec<FrameHead>, StoreError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let (run, stream, sequence) = after.unwrap_or((i64::MIN, 0, 0));
    let mut heads: Vec<FrameHead> = Vec::new();
    for (_, path) in day::list(directory)? {
        let mut read = || -> Result<(), StoreError> {
            let day = read_only(&path)?;
            if super::open::schema(&day)? == 0 {
                // Its writer is just creating it.
                return Ok(());
            }
            let mut statement = day.prepare(
                "SELECT run, stream, sequence, received_ms, substr(frame, 1, 1), length(frame) FROM frames
                 WHERE shard = ?1 AND agent = ?2 AND (?3 OR (run, stream, sequence) > (?4, ?5, ?6))
                 ORDER BY run, stream, sequence LIMIT ?7",
            )?;
            let asked = params![
                shard(agent),
                agent.0.cast_signed(),
                after.is_none(),
                run,
                stream,
                signed(sequence),
                most
            ];
            for head in statement.query_map(asked, head_from)? {
                heads.push(head?);
            }
            Ok(())
        };
        match read() {
            Err(StoreError::Corrupt(why)) => log::warn!("{} is damaged: {why}", path.display()),
            outcome => outcome?,
        }
    }
    heads.sort_by_key(FrameHead::key);
    heads.truncate(limit);
    Ok(heads)
}

const LOSS_COLUMNS: &str = "run, stream, first, last, reason, recorded_ms";

fn loss_from(row: &Row<'_>) -> rusqlite::Result<LostRange> {
    Ok(LostRange {
        run: RunId(row.get::<_, i64>(0)?.cast_unsigned()),
        stream: Stream::from_number(row.get(1)?).unwrap_or(Stream::History),
        first: unsigned(row.get(2)?),
        last: unsigned(row.get(3)?),
        reason: LostReason::from_word(&row.get::<_, String>(4)?),
        recorded: wall(row.get(5)?),
    })
}

pub(super) fn losses(main: &Connection, agent: AgentId) -> Result<Vec<LostRange>, StoreError> {
    let sql = format!("SELECT {LOSS_COLUMNS} FROM losses WHERE shard = ?1 AND agent = ?2");
    let mut statement = main.prepare_cached(&sql)?;
    let mut losses: Vec<LostRange> = statement
        .query_map(params![shard(agent), agent.0.cast_signed()], loss_from)?
        .collect::<Result<_, _>>()?;
    losses.sort();
    Ok(losses)
}

pub(super) fn last_loss(
    main: &Connection,
    agent: AgentId,
    run: RunId,
    stream: Stream,
) -> Result<Option<LostRange>, StoreError> {
    let sql = format!(
        "SELECT {LOSS_COLUMNS} FROM losses WHERE shard = ?1 AND agent = ?2 AND run = ?3 AND stream = ?4
         ORDER BY first DESC LIMIT 1"
    );
    let key = params![
        shard(agent),
        agent.0.cast_signed(),
        run.0.cast_signed(),
        stream.number()
    ];
    Ok(main
        .prepare_cached(&sql)?
        .query_row(key, loss_from)
        .optional()?)
}

pub(super) fn rules(main: &Connection, agent: AgentId) -> Result<Vec<AgentRule>, StoreError> {
    let mut statement = main.prepare_cached(
        "SELECT parts, rules FROM configs WHERE shard = ?1 AND agent = ?2 ORDER BY part",
    )?;
    let parts: Vec<(u8, Vec<u8>)> = statement
        .query_map(params![shard(agent), agent.0.cast_signed()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    if parts
        .first()
        .is_none_or(|(count, _)| usize::from(*count) != parts.len())
    {
        return Ok(Vec::new());
    }
    Ok(parts.iter().flat_map(|(_, part)| rules_of(part)).collect())
}

pub(super) fn totals(main: &Connection) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    let mut statement = main.prepare_cached(
        "SELECT stream, SUM(frames_stored), SUM(duplicates), TOTAL(lost), SUM(refused), SUM(skipped),
            SUM(readings_stored), SUM(contradicted) FROM counters GROUP BY stream",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let stream: u8 = row.get(0)?;
        if let Some(sum) = totals.streams.get_mut(usize::from(stream)) {
            *sum = Counts {
                frames_stored: unsigned(row.get(1)?),
                duplicates: unsigned(row.get(2)?),
                lost: whole(row.get(3)?),
                refused: unsigned(row.get(4)?),
                skipped: unsigned(row.get(5)?),
                readings_stored: unsigned(row.get(6)?),
                contradicted: unsigned(row.get(7)?),
            };
        }
    }
    let count = |sql: &str| -> Result<u64, StoreError> {
        let count: i64 = main.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(unsigned(count))
    };
    totals.agents = count("SELECT COUNT(*) FROM agents")?;
    totals.alerts = count("SELECT COUNT(*) FROM alerts")?;
    totals.firing = count("SELECT COUNT(*) FROM alerts WHERE firing = 1")?;
    Ok(totals)
}

/// TOTAL() gives a float, which a hostile agent's lost ranges cannot overflow as they would a SUM().
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from float saturates, and the sum of lengths is not negative"
)]
fn whole(total: f64) -> u64 {
    total as u64
}
