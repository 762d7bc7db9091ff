//! Rows of what people did about alerts: acknowledgements, silences, windows, notes, audit.

use super::super::StoreError;
use super::super::rows::HandlingRows;
use super::super::types::{
    AckEnd, AckEnding, Acknowledgement, AlertId, AuditEntry, AuditFilter, Days, LinkSecret,
    Matcher, Note, NoteOn, Schedule, Silence, Texts, Via, Weekly, Window, WindowKind, WindowScope,
    shard, signed,
};
use super::rows::{SqlRows, unsigned, wall};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

pub(super) const ACKNOWLEDGEMENT: &str = "SELECT alert, number, person, via, at_ms, recovery_ms, report_ms, text, over, request, ended_ms, \
                               ended_by, ended_how FROM acknowledgements";
const SILENCE: &str = "SELECT silence, customer, system, agent, code, subject, from_ms, until_ms, reason, person, via, created_ms, \
                       ended_ms, ended_by FROM silences";
const WINDOW: &str = "SELECT number, kind, customer, system, site, agent, from_ms, until_ms, days, from_minute, until_minute, \
                      offset_minutes, ja, en, person, via, created_ms, cut_ms, ended_ms, ended_by FROM windows";

fn ms(moment: WallTime) -> i64 {
    signed(moment.as_millis())
}

fn word(row: &Row<'_>, column: usize) -> rusqlite::Result<Via> {
    Ok(Via::from_word(row.get_ref(column)?.as_str()?))
}

fn optional_wall(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<WallTime>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(wall))
}

/// When something was ended, and by whom; the second column is the one after.
fn ended(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<(WallTime, String)>> {
    let by: Option<String> = row.get(column.saturating_add(1))?;
    Ok(optional_wall(row, column)?.map(|at| (at, by.unwrap_or_default())))
}

pub(super) fn acknowledgement_from(row: &Row<'_>) -> rusqlite::Result<Acknowledgement> {
    let how: Option<String> = row.get(12)?;
    Ok(Acknowledgement {
        alert: AlertId(row.get::<_, i64>(0)?.cast_unsigned()),
        number: row.get(1)?,
        by: row.get(2)?,
        via: word(row, 3)?,
        at: wall(row.get(4)?),
        expected_recovery: optional_wall(row, 5)?,
        next_report: optional_wall(row, 6)?,
        text: row.get(7)?,
        over: row.get(8)?,
        request: row.get(9)?,
        ended: ended(row, 10)?.map(|(at, by)| AckEnd {
            at,
            by,
            how: AckEnding::from_word(how.as_deref().unwrap_or_default()),
        }),
    })
}

fn silence_from(row: &Row<'_>) -> rusqlite::Result<Silence> {
    Ok(Silence {
        id: unsigned(row.get(0)?),
        matcher: Matcher {
            customer: row.get(1)?,
            system: row.get(2)?,
            agent: row.get(3)?,
            code: row.get(4)?,
            subject: row.get(5)?,
        },
        from: wall(row.get(6)?),
        until: wall(row.get(7)?),
        reason: row.get(8)?,
        by: row.get(9)?,
        via: word(row, 10)?,
        created: wall(row.get(11)?),
        ended: ended(row, 12)?,
    })
}

fn schedule_from(row: &Row<'_>) -> rusqlite::Result<Schedule> {
    let from = wall(row.get(6)?);
    let until = optional_wall(row, 7)?;
    let Some(days) = row.get::<_, Option<u8>>(8)? else {
        // Always there where it is once; else it covers nothing.
        let until = until.unwrap_or(from);
        return Ok(Schedule::Once { from, until });
    };
    Ok(Schedule::Weekly(Weekly {
        days: Days::from_bits(days),
        from_minute: row.get(9)?,
        until_minute: row.get(10)?,
        offset_minutes: row.get(11)?,
        since: from,
        last: until,
    }))
}

fn window_from(row: &Row<'_>) -> rusqlite::Result<Window> {
    Ok(Window {
        id: unsigned(row.get(0)?),
        kind: WindowKind::from_word(row.get_ref(1)?.as_str()?),
        scope: WindowScope {
            customer: row.get(2)?,
            system: row.get(3)?,
            site: row.get(4)?,
            agent: row.get(5)?,
        },
        schedule: schedule_from(row)?,
        texts: Texts {
            ja: row.get(12)?,
            en: row.get(13)?,
        },
        by: row.get(14)?,
        via: word(row, 15)?,
        created: wall(row.get(16)?),
        cut: optional_wall(row, 17)?,
        ended: ended(row, 18)?,
    })
}

/// What a note stands on, as it is stored: shard, kind, identity, customer, system.
fn place(on: &NoteOn) -> (u8, &'static str, i64, &str, &str) {
    match on {
        NoteOn::Alert(alert) => (alert.shard(), "alert", alert.0.cast_signed(), "", ""),
        NoteOn::Agent(agent) => (shard(*agent), "agent", agent.0.cast_signed(), "", ""),
        NoteOn::System { customer, system } => (0, "system", 0, customer, system),
    }
}

fn note_from(row: &Row<'_>) -> rusqlite::Result<Note> {
    let id = row.get::<_, i64>(2)?.cast_unsigned();
    Ok(Note {
        number: unsigned(row.get(0)?),
        on: match row.get_ref(1)?.as_str()? {
            "alert" => NoteOn::Alert(AlertId(id)),
            "agent" => NoteOn::Agent(AgentId(id)),
            _ => NoteOn::System {
                customer: row.get(3)?,
                system: row.get(4)?,
            },
        },
        by: row.get(5)?,
        via: word(row, 6)?,
        at: wall(row.get(7)?),
        text: row.get(8)?,
    })
}

fn entry_from(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        number: unsigned(row.get(0)?),
        at: wall(row.get(1)?),
        by: row.get(2)?,
        via: word(row, 3)?,
        action: row.get(4)?,
        on: row.get(5)?,
        customer: row.get(6)?,
        detail: row.get(7)?,
    })
}

fn list<T>(
    main: &Connection,
    sql: &str,
    parameters: impl Params,
    from: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = main.prepare_cached(sql)?;
    let found = statement.query_map(parameters, from)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn one<T>(
    main: &Connection,
    sql: &str,
    parameters: impl Params,
    from: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let mut statement = main.prepare_cached(sql)?;
    Ok(statement.query_row(parameters, from).optional()?)
}

fn number(main: &Connection, sql: &str, parameters: impl Params) -> Result<u64, StoreError> {
    let found = one(main, sql, parameters, |row| row.get::<_, i64>(0))?;
    Ok(unsigned(found.unwrap_or(0)))
}

impl HandlingRows for SqlRows<'_> {
    fn acknowledgement(&mut self, alert: AlertId) -> Result<Option<Acknowledgement>, StoreError> {
        one(
            self.main,
            &format!("{ACKNOWLEDGEMENT} WHERE shard = ?1 AND alert = ?2 AND ended_ms IS NULL"),
            params![alert.shard(), alert.0.cast_signed()],
            acknowledgement_from,
        )
    }

    fn acknowledgements(&mut self, alert: AlertId) -> Result<Vec<Acknowledgement>, StoreError> {
        list(
            self.main,
            &format!("{ACKNOWLEDGEMENT} WHERE shard = ?1 AND alert = ?2 ORDER BY number"),
            params![alert.shard(), alert.0.cast_signed()],
            acknowledgement_from,
        )
    }

    fn all_acknowledged(&mut self) -> Result<Vec<Acknowledgement>, StoreError> {
        list(
            self.main,
            &format!("{ACKNOWLEDGEMENT} WHERE ended_ms IS NULL ORDER BY alert"),
            [],
            acknowledgement_from,
        )
    }

    fn put_acknowledgement(&mut self, row: &Acknowledgement) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT INTO acknowledgements (shard, alert, number, person, via, at_ms, recovery_ms, report_ms, text, over, request,
                ended_ms, ended_by, ended_how)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (shard, alert, number) DO UPDATE SET person = ?4, via = ?5, at_ms = ?6, recovery_ms = ?7, report_ms = ?8,
                text = ?9, over = ?10, request = ?11, ended_ms = ?12, ended_by = ?13, ended_how = ?14",
        )?;
        let ended = row.ended.as_ref();
        statement.execute(params![
            row.alert.shard(),
            row.alert.0.cast_signed(),
            row.number,
            row.by,
            row.via.word(),
            ms(row.at),
            row.expected_recovery.map(ms),
            row.next_report.map(ms),
            row.text,
            row.over,
            row.request,
            ended.map(|ended| ms(ended.at)),
            ended.map(|ended| &ended.by),
            ended.map(|ended| ended.how.word()),
        ])?;
        Ok(())
    }

    fn silence(&mut self, id: u64) -> Result<Option<Silence>, StoreError> {
        one(
            self.main,
            &format!("{SILENCE} WHERE silence = ?1"),
            [signed(id)],
            silence_from,
        )
    }

    fn silences(&mut self, since: WallTime) -> Result<Vec<Silence>, StoreError> {
        list(
            self.main,
            &format!(
                "{SILENCE} WHERE until_ms > ?1 AND (ended_ms IS NULL OR ended_ms > ?1) ORDER BY silence"
            ),
            [ms(since)],
            silence_from,
        )
    }

    fn next_silence(&mut self) -> Result<u64, StoreError> {
        number(
            self.main,
            "SELECT COALESCE(MAX(silence), 0) + 1 FROM silences",
            [],
        )
    }

    fn put_silence(&mut self, silence: &Silence) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO silences (silence, customer, system, agent, code, subject, from_ms, until_ms, reason, person,
                via, created_ms, ended_ms, ended_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        let matcher = &silence.matcher;
        let ended = silence.ended.as_ref();
        statement.execute(params![
            signed(silence.id),
            matcher.customer,
            matcher.system,
            matcher.agent,
            matcher.code,
            matcher.subject,
            ms(silence.from),
            ms(silence.until),
            silence.reason,
            silence.by,
            silence.via.word(),
            ms(silence.created),
            ended.map(|(at, _)| ms(*at)),
            ended.map(|(_, by)| by),
        ])?;
        Ok(())
    }

    fn window(&mut self, id: u64) -> Result<Option<Window>, StoreError> {
        one(
            self.main,
            &format!("{WINDOW} WHERE number = ?1"),
            [signed(id)],
            window_from,
        )
    }

    fn windows(&mut self, since: WallTime) -> Result<Vec<Window>, StoreError> {
        list(
            self.main,
            &format!(
                "{WINDOW} WHERE (until_ms IS NULL OR until_ms > ?1) AND (ended_ms IS NULL OR ended_ms > ?1) ORDER BY number"
            ),
            [ms(since)],
            window_from,
        )
    }

    fn next_window(&mut self) -> Result<u64, StoreError> {
        number(
            self.main,
            "SELECT COALESCE(MAX(number), 0) + 1 FROM windows",
            [],
        )
    }

    fn put_window(&mut self, window: &Window) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO windows (number, kind, customer, system, site, agent, from_ms, until_ms, days, from_minute,
                until_minute, offset_minutes, ja, en, person, via, created_ms, cut_ms, ended_ms, ended_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        )?;
        let (from, until, weekly) = match &window.schedule {
            Schedule::Once { from, until } => (*from, Some(*until), None),
            Schedule::Weekly(weekly) => (weekly.since, weekly.last, Some(weekly)),
        };
        let ended = window.ended.as_ref();
        statement.execute(params![
            signed(window.id),
            window.kind.word(),
            window.scope.customer,
            window.scope.system,
            window.scope.site,
            window.scope.agent,
            ms(from),
            until.map(ms),
            weekly.map(|weekly| weekly.days.bits()),
            weekly.map(|weekly| weekly.from_minute),
            weekly.map(|weekly| weekly.until_minute),
            weekly.map(|weekly| weekly.offset_minutes),
            window.texts.ja,
            window.texts.en,
            window.by,
            window.via.word(),
            ms(window.created),
            window.cut.map(ms),
            ended.map(|(at, _)| ms(*at)),
            ended.map(|(_, by)| by),
        ])?;
        Ok(())
    }

    fn notes(&mut self, on: &NoteOn) -> Result<Vec<Note>, StoreError> {
        list(
            self.main,
            "SELECT note, kind, id, customer, system, person, via, at_ms, text FROM notes
             WHERE shard = ?1 AND kind = ?2 AND id = ?3 AND customer = ?4 AND system = ?5 ORDER BY note",
            place(on),
            note_from,
        )
    }

    fn count_notes(&mut self, on: &NoteOn) -> Result<usize, StoreError> {
        let count = number(
            self.main,
            "SELECT COUNT(*) FROM notes WHERE shard = ?1 AND kind = ?2 AND id = ?3 AND customer = ?4 AND system = ?5",
            place(on),
        )?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn append_note(&mut self, note: &Note) -> Result<u64, StoreError> {
        let next = number(
            self.main,
            "SELECT COALESCE(MAX(note), 0) + 1 FROM notes",
            [],
        )?;
        let (shard, kind, id, customer, system) = place(&note.on);
        let mut statement = self.main.prepare_cached(
            "INSERT INTO notes (shard, note, kind, id, customer, system, person, via, at_ms, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        statement.execute(params![
            shard,
            signed(next),
            kind,
            id,
            customer,
            system,
            note.by,
            note.via.word(),
            ms(note.at),
            note.text,
        ])?;
        Ok(next)
    }

    fn append_audit(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT INTO audit (entry, at_ms, person, via, action, target, customer, detail)
             VALUES ((SELECT COALESCE(MAX(entry), 0) + 1 FROM audit), ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        statement.execute(params![
            ms(entry.at),
            entry.by,
            entry.via.word(),
            entry.action,
            entry.on,
            entry.customer,
            entry.detail,
        ])?;
        Ok(())
    }

    fn audit(&mut self, filter: &AuditFilter<'_>) -> Result<Vec<AuditEntry>, StoreError> {
        list(
            self.main,
            "SELECT entry, at_ms, person, via, action, target, customer, detail FROM audit
             WHERE (?1 IS NULL OR customer = ?1) AND at_ms >= ?2 AND at_ms < ?3 AND entry > ?4 ORDER BY entry LIMIT ?5",
            params![
                filter.customer,
                ms(filter.from),
                ms(filter.until),
                signed(filter.after),
                i64::try_from(filter.limit).unwrap_or(i64::MAX),
            ],
            entry_from,
        )
    }

    fn link_secrets(&mut self) -> Result<Vec<LinkSecret>, StoreError> {
        list(
            self.main,
            "SELECT number, secret, created_ms FROM link_secrets ORDER BY number",
            [],
            |row| {
                Ok(LinkSecret {
                    number: row.get(0)?,
                    secret: row.get(1)?,
                    created: wall(row.get(2)?),
                })
            },
        )
    }

    fn put_link_secret(&mut self, secret: &LinkSecret) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT OR REPLACE INTO link_secrets (number, secret, created_ms) VALUES (?1, ?2, ?3)",
        )?;
        statement.execute(params![
            secret.number,
            secret.secret.as_slice(),
            ms(secret.created)
        ])?;
        Ok(())
    }

    fn delete_link_secret(&mut self, number: u16) -> Result<(), StoreError> {
        let mut statement = self
            .main
            .prepare_cached("DELETE FROM link_secrets WHERE number = ?1")?;
        statement.execute([number])?;
        Ok(())
    }
}
