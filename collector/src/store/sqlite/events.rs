//! The journal of what happened to alerts.

use super::super::StoreError;
use super::super::types::{AlertId, Event, EventKind, signed};
use super::rows::{unsigned, wall};
use hansho::clock::WallTime;
use rusqlite::{Connection, Row, params};

pub(super) fn append(
    main: &Connection,
    alert: AlertId,
    kind: EventKind,
    at: WallTime,
) -> Result<(), StoreError> {
    let mut statement = main.prepare_cached(
        "INSERT INTO events (shard, event, alert, kind, at_ms)
         VALUES (?1, (SELECT COALESCE(MAX(event), 0) + 1 FROM events), ?2, ?3, ?4)",
    )?;
    statement.execute(params![
        alert.shard(),
        alert.0.cast_signed(),
        kind.word(),
        signed(at.as_millis())
    ])?;
    Ok(())
}

pub(super) fn after(
    main: &Connection,
    number: u64,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let mut statement = main.prepare_cached(
        "SELECT event, alert, kind, at_ms FROM events WHERE event > ?1 ORDER BY event LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = statement.query_map(params![signed(number), limit], event_from)?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn newest(main: &Connection) -> Result<u64, StoreError> {
    let mut statement = main.prepare_cached("SELECT COALESCE(MAX(event), 0) FROM events")?;
    Ok(unsigned(statement.query_row([], |row| row.get(0))?))
}

pub(super) fn of(main: &Connection, alert: AlertId) -> Result<Vec<Event>, StoreError> {
    let mut statement = main.prepare_cached(
        "SELECT event, alert, kind, at_ms FROM events WHERE shard = ?1 AND alert = ?2 ORDER BY event",
    )?;
    let found = statement.query_map(params![alert.shard(), alert.0.cast_signed()], event_from)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn event_from(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        number: unsigned(row.get(0)?),
        alert: AlertId(row.get::<_, i64>(1)?.cast_unsigned()),
        kind: EventKind::from_word(row.get_ref(2)?.as_str()?),
        at: wall(row.get(3)?),
    })
}
