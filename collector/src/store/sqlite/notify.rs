//! Rows of what people are told: threads, decisions, outbox, lists.

use super::super::StoreError;
use super::super::rows::NotifyRows;
use super::super::rows::notify::{farthest, longest_claim};
use super::super::types::{
    AlertId, Channel, Decision, ListOf, Numbers, Outcome, Outgoing, Reason, Sending, Strand,
    Thread, Waiting, foldable, needed, signed,
};
use super::rows::{SqlRows, unsigned, wall};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use rusqlite::{Params, Row, params};

const THREAD: &str = "root, agent, subject, family, test, head, opened_ms, ended_ms, first_told_ms, last_told_ms, messages, \
    listed, level, untaken_ms, reminded_recovery_ms, reminded_report_ms, quiet, quiet_detail, due_ms, told_from, moved_from,
    moved_within";
const DECISION: &str = "decision, event, alert, thread, reason, detail, outcome, at_ms";
const OUTGOING: &str = "outgoing, decision, reason, detail, alert, thread, list, receiver, channel, told_to, told_cc, message_id, \
    refs, nth, created_ms, state, fence, until_ms, attempts, first_try_ms, next_try_ms, done_ms, said, served, subject";

fn ms(moment: WallTime) -> i64 {
    signed(moment.as_millis())
}

fn maybe(moment: Option<WallTime>) -> Option<i64> {
    moment.map(ms)
}

fn id(alert: AlertId) -> i64 {
    alert.0.cast_signed()
}

fn lines(texts: &[String]) -> String {
    let clean: Vec<String> = texts.iter().map(|text| text.replace('\n', " ")).collect();
    clean.join("\n")
}

fn texts(row: &Row<'_>, column: &str) -> rusqlite::Result<Vec<String>> {
    let joined: String = row.get(column)?;
    Ok(joined.lines().map(str::to_owned).collect())
}

fn alert_in(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<AlertId>> {
    let id: Option<i64> = row.get(column)?;
    Ok(id.map(|id| AlertId(id.cast_unsigned())))
}

fn wall_in(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<WallTime>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(wall))
}

fn reason_in(row: &Row<'_>, word: &str, detail: &str) -> rusqlite::Result<Option<Reason>> {
    let word: Option<String> = row.get(word)?;
    let detail: Option<i64> = row.get(detail)?;
    Ok(word.map(|word| Reason::from_parts(&word, detail.map(unsigned)).unwrap_or(Reason::NoNews)))
}

fn thread_from(row: &Row<'_>) -> rusqlite::Result<Thread> {
    let root = AlertId(row.get::<_, i64>("root")?.cast_unsigned());
    Ok(Thread {
        root,
        strand: Strand {
            agent: AgentId(row.get::<_, i64>("agent")?.cast_unsigned()),
            subject: row.get("subject")?,
            family: row.get("family")?,
            test: row.get("test")?,
        },
        head: alert_in(row, "head")?.unwrap_or(root),
        opened: wall(row.get("opened_ms")?),
        ended: wall_in(row, "ended_ms")?,
        first_told: wall_in(row, "first_told_ms")?,
        last_told: wall_in(row, "last_told_ms")?,
        messages: row.get("messages")?,
        listed: row
            .get::<_, Option<String>>("listed")?
            .map(|word| ListOf::from_word(&word)),
        level: row.get("level")?,
        untaken: wall_in(row, "untaken_ms")?,
        reminded_recovery: wall_in(row, "reminded_recovery_ms")?,
        reminded_report: wall_in(row, "reminded_report_ms")?,
        quiet: reason_in(row, "quiet", "quiet_detail")?,
        due: wall_in(row, "due_ms")?,
        told_from: unsigned(row.get("told_from")?),
        moved_from: row.get("moved_from")?,
        moved_within: row.get("moved_within")?,
    })
}

fn decision_from(row: &Row<'_>) -> rusqlite::Result<Decision> {
    Ok(Decision {
        number: unsigned(row.get("decision")?),
        event: row.get::<_, Option<i64>>("event")?.map(unsigned),
        alert: alert_in(row, "alert")?,
        thread: alert_in(row, "thread")?,
        reason: reason_in(row, "reason", "detail")?.unwrap_or(Reason::NoNews),
        outcome: Outcome::from_word(row.get_ref("outcome")?.as_str()?),
        at: wall(row.get("at_ms")?),
    })
}

fn outgoing_from(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        number: unsigned(row.get("outgoing")?),
        decision: unsigned(row.get("decision")?),
        reason: reason_in(row, "reason", "detail")?.unwrap_or(Reason::NoNews),
        alert: alert_in(row, "alert")?,
        thread: alert_in(row, "thread")?,
        list: row.get("list")?,
        receiver: row.get("receiver")?,
        channel: Channel::from_word(row.get_ref("channel")?.as_str()?),
        to: texts(row, "told_to")?,
        cc: texts(row, "told_cc")?,
        message_id: row.get("message_id")?,
        references: texts(row, "refs")?,
        nth: row.get("nth")?,
        created: wall(row.get("created_ms")?),
        state: Sending::from_word(row.get_ref("state")?.as_str()?),
        fence: unsigned(row.get("fence")?),
        until: wall_in(row, "until_ms")?,
        attempts: row.get("attempts")?,
        first_try: wall_in(row, "first_try_ms")?,
        next_try: wall(row.get("next_try_ms")?),
        done: wall_in(row, "done_ms")?,
        said: row.get("said")?,
        served: texts(row, "served")?,
        subject: row.get("subject")?,
    })
}

impl SqlRows<'_> {
    fn threads_where(
        &self,
        condition: &str,
        values: impl Params,
    ) -> Result<Vec<Thread>, StoreError> {
        let sql = format!("SELECT {THREAD} FROM threads WHERE {condition}");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found = statement.query_map(values, thread_from)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn outgoing_where(
        &self,
        condition: &str,
        values: impl Params,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let sql = format!("SELECT {OUTGOING} FROM outbox WHERE {condition}");
        let mut statement = self.main.prepare_cached(&sql)?;
        let found = statement.query_map(values, outgoing_from)?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

impl NotifyRows for SqlRows<'_> {
    fn numbers(&mut self) -> Result<Numbers, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT cursor, decision, outgoing, fence, seen_ms FROM notify_numbers",
        )?;
        Ok(statement.query_row([], |row| {
            Ok(Numbers {
                cursor: unsigned(row.get(0)?),
                decision: unsigned(row.get(1)?),
                outgoing: unsigned(row.get(2)?),
                fence: unsigned(row.get(3)?),
                seen: wall(row.get(4)?),
            })
        })?)
    }

    fn put_numbers(&mut self, numbers: &Numbers) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "UPDATE notify_numbers SET cursor = ?1, decision = ?2, outgoing = ?3, fence = ?4, seen_ms = ?5",
        )?;
        statement.execute(params![
            signed(numbers.cursor),
            signed(numbers.decision),
            signed(numbers.outgoing),
            signed(numbers.fence),
            ms(numbers.seen)
        ])?;
        Ok(())
    }

    fn open_thread(&mut self, strand: &Strand) -> Result<Option<Thread>, StoreError> {
        let found = self.threads_where(
            "agent = ?1 AND subject = ?2 AND family = ?3 AND test = ?4 AND ended_ms IS NULL",
            params![
                strand.agent.0.cast_signed(),
                strand.subject,
                strand.family,
                strand.test
            ],
        )?;
        Ok(found.into_iter().next())
    }

    fn thread(&mut self, root: AlertId) -> Result<Option<Thread>, StoreError> {
        let found =
            self.threads_where("shard = ?1 AND root = ?2", params![root.shard(), id(root)])?;
        Ok(found.into_iter().next())
    }

    fn put_thread(&mut self, thread: &Thread) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO threads (shard, {THREAD}) VALUES
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
             ON CONFLICT (shard, root) DO UPDATE SET head = ?7, ended_ms = ?9, first_told_ms = ?10, last_told_ms = ?11,
               messages = ?12, listed = ?13, level = ?14, untaken_ms = ?15, reminded_recovery_ms = ?16,
               reminded_report_ms = ?17, quiet = ?18, quiet_detail = ?19, due_ms = ?20,
               told_from = ?21, moved_from = ?22, moved_within = ?23"
        );
        let mut statement = self.main.prepare_cached(&sql)?;
        statement.execute(params![
            thread.root.shard(),
            id(thread.root),
            thread.strand.agent.0.cast_signed(),
            thread.strand.subject,
            thread.strand.family,
            thread.strand.test,
            id(thread.head),
            ms(thread.opened),
            maybe(thread.ended),
            maybe(thread.first_told),
            maybe(thread.last_told),
            thread.messages,
            thread.listed.map(ListOf::word),
            thread.level,
            maybe(thread.untaken),
            maybe(thread.reminded_recovery),
            maybe(thread.reminded_report),
            thread.quiet.map(Reason::word),
            thread.quiet.and_then(Reason::detail).map(signed),
            maybe(thread.due),
            signed(thread.told_from),
            thread.moved_from,
            thread.moved_within
        ])?;
        Ok(())
    }

    fn threads_due(&mut self, now: WallTime, limit: usize) -> Result<Vec<Thread>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.threads_where(
            "due_ms <= ?1 ORDER BY due_ms, root LIMIT ?2",
            params![ms(now), limit],
        )
    }

    fn threads_of(&mut self, agent: AgentId) -> Result<Vec<Thread>, StoreError> {
        // An alert lies in the part of its agent, and a thread in that of its root.
        self.threads_where(
            "shard = ?1 AND agent = ?2 ORDER BY root",
            params![super::shard(agent), agent.0.cast_signed()],
        )
    }

    fn threads_moved(&mut self, limit: usize) -> Result<Vec<Thread>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.threads_where(
            "moved_from IS NOT NULL ORDER BY root LIMIT ?1",
            params![limit],
        )
    }

    fn shift_threads(&mut self, by_ms: i64, now: WallTime) -> Result<(), StoreError> {
        self.main.execute(
            "UPDATE threads SET last_told_ms = MIN(MAX(last_told_ms + ?1, 0), ?2), untaken_ms = MIN(MAX(untaken_ms + ?1, 0), ?2),
               due_ms = CASE WHEN due_ms IS NULL THEN NULL ELSE ?2 END WHERE ended_ms IS NULL",
            params![by_ms, ms(now)],
        )?;
        self.main.execute(
            "UPDATE waiting SET due_ms = MAX(due_ms + ?1, 0), since_ms = MIN(MAX(since_ms + ?1, 0), ?2) WHERE list <> 'digest'",
            params![by_ms, ms(now)],
        )?;
        Ok(())
    }

    fn quiet_threads(&mut self, agent: AgentId) -> Result<Vec<Thread>, StoreError> {
        self.threads_where(
            "agent = ?1 AND ended_ms IS NULL AND quiet IS NOT NULL ORDER BY root",
            params![agent.0.cast_signed()],
        )
    }

    fn put_decision(&mut self, decision: &Decision) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO decisions (shard, {DECISION}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        );
        let mut statement = self.main.prepare_cached(&sql)?;
        statement.execute(params![
            decision.alert.map_or(0, AlertId::shard),
            signed(decision.number),
            decision.event.map(signed),
            decision.alert.map(id),
            decision.thread.map(id),
            decision.reason.word(),
            decision.reason.detail().map(signed),
            decision.outcome.word(),
            ms(decision.at)
        ])?;
        Ok(())
    }

    fn decided_in(&mut self, thread: AlertId) -> Result<usize, StoreError> {
        let mut statement = self
            .main
            .prepare_cached("SELECT COUNT(*) FROM decisions WHERE thread = ?1")?;
        let many: i64 = statement.query_row(params![id(thread)], |row| row.get(0))?;
        Ok(usize::try_from(many).unwrap_or(usize::MAX))
    }

    fn fold(&mut self, thread: AlertId, keep: usize) -> Result<usize, StoreError> {
        let messages = self.outgoing_of_thread(thread)?;
        let needed = needed(&messages);
        let mut all = self.decisions_of(thread)?;
        all.retain(|decision| decision.thread == Some(thread));
        let mut gone = 0_usize;
        for decision in foldable(all, keep) {
            let number = signed(decision.number);
            let of_it = || {
                messages
                    .iter()
                    .filter(|one| one.decision == decision.number)
            };
            let waits: bool = self
                .main
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM waiting WHERE alert = ?1 AND decision = ?2)",
                )?
                .query_row(params![decision.alert.map(id), number], |row| row.get(0))?;
            if waits || of_it().any(|one| needed.contains(&one.number)) {
                continue;
            }
            self.main
                .prepare_cached("DELETE FROM outbox WHERE decision = ?1")?
                .execute(params![number])?;
            self.main
                .prepare_cached("DELETE FROM decisions WHERE shard = ?1 AND decision = ?2")?
                .execute(params![decision.alert.map_or(0, AlertId::shard), number])?;
            self.main
                .prepare_cached("DELETE FROM events WHERE event = ?1 AND event < (SELECT MAX(event) FROM events)")?
                .execute(params![decision.event.map(signed)])?;
            gone = gone.saturating_add(1);
        }
        Ok(gone)
    }

    fn decisions_of(&mut self, alert: AlertId) -> Result<Vec<Decision>, StoreError> {
        let sql = format!(
            "SELECT {DECISION} FROM decisions WHERE alert = ?1 OR thread = ?1 ORDER BY decision"
        );
        let mut statement = self.main.prepare_cached(&sql)?;
        let found = statement.query_map(params![id(alert)], decision_from)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn put_outgoing(&mut self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO outbox (shard, {OUTGOING}) VALUES
               (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)
             ON CONFLICT (shard, outgoing) DO UPDATE SET alert = ?6, told_to = ?11, told_cc = ?12, created_ms = ?16, state = ?17, fence = ?18,
               until_ms = ?19, attempts = ?20, first_try_ms = ?21, next_try_ms = ?22, done_ms = ?23, said = ?24, served = ?25, subject = ?26"
        );
        let mut statement = self.main.prepare_cached(&sql)?;
        statement.execute(params![
            outgoing.alert.map_or(0, AlertId::shard),
            signed(outgoing.number),
            signed(outgoing.decision),
            outgoing.reason.word(),
            outgoing.reason.detail().map(signed),
            outgoing.alert.map(id),
            outgoing.thread.map(id),
            outgoing.list,
            outgoing.receiver,
            outgoing.channel.word(),
            lines(&outgoing.to),
            lines(&outgoing.cc),
            outgoing.message_id,
            lines(&outgoing.references),
            outgoing.nth,
            ms(outgoing.created),
            outgoing.state.word(),
            signed(outgoing.fence),
            maybe(outgoing.until),
            outgoing.attempts,
            maybe(outgoing.first_try),
            ms(outgoing.next_try),
            maybe(outgoing.done),
            outgoing.said,
            lines(&outgoing.served),
            outgoing.subject
        ])?;
        Ok(())
    }

    fn outgoing(&mut self, number: u64) -> Result<Option<Outgoing>, StoreError> {
        let found = self.outgoing_where("outgoing = ?1", params![signed(number)])?;
        Ok(found.into_iter().next())
    }

    fn outgoing_of_thread(&mut self, thread: AlertId) -> Result<Vec<Outgoing>, StoreError> {
        self.outgoing_where("thread = ?1 ORDER BY outgoing", params![id(thread)])
    }

    fn outgoing_ready(
        &mut self,
        now: WallTime,
        fence: u64,
        limit: usize,
    ) -> Result<Vec<Outgoing>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // By the index of what waits: the planner would rather walk through a year of what was sent, four times a second.
        self.outgoing_where(
            "outgoing IN (SELECT outgoing FROM (
                 SELECT o.outgoing, ROW_NUMBER() OVER (PARTITION BY o.receiver ORDER BY o.next_try_ms, o.outgoing) AS place
                 FROM outbox o INDEXED BY outbox_waiting
                 WHERE o.state IN ('queued', 'claimed') AND ((o.state = 'queued' AND (o.next_try_ms <= ?1 OR o.next_try_ms > ?4))
                   OR (o.state = 'claimed' AND (o.fence < ?2 OR COALESCE(o.until_ms, 0) <= ?1 OR o.until_ms > ?5)))
                   AND (o.reason = 'renewed' OR NOT EXISTS (SELECT 1 FROM outbox e INDEXED BY outbox_behind
                     WHERE e.state IN ('queued', 'claimed') AND e.receiver = o.receiver AND e.thread = o.thread
                       AND e.outgoing < o.outgoing AND e.reason <> 'renewed')))
               WHERE place = 1)
             ORDER BY next_try_ms, outgoing LIMIT ?3",
            params![
                ms(now),
                signed(fence),
                limit,
                ms(farthest(now)),
                ms(longest_claim(now))
            ],
        )
    }

    fn decided_since(
        &mut self,
        receiver: &str,
        since: WallTime,
        until: WallTime,
    ) -> Result<u64, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT COUNT(*) FROM outbox WHERE receiver = ?1 AND created_ms BETWEEN ?2 AND ?3 AND list IS NULL",
        )?;
        Ok(unsigned(statement.query_row(
            params![receiver, ms(since), ms(until)],
            |row| row.get(0),
        )?))
    }

    fn undelivered(&mut self, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.outgoing_where(
            "outgoing IN (SELECT outgoing FROM outbox INDEXED BY outbox_waiting WHERE state IN ('queued', 'claimed'))
             ORDER BY outgoing LIMIT ?1",
            params![limit],
        )
    }

    fn troubled(&mut self, receiver: &str, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.outgoing_where(
            "receiver = ?1 AND attempts > 0 AND state <> 'delivered' ORDER BY outgoing DESC LIMIT ?2",
            params![receiver, limit],
        )
    }

    fn put_waiting(&mut self, waiting: &Waiting) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT INTO waiting (shard, list, whose, alert, decision, since_ms, due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (shard, list, whose, alert) DO UPDATE SET due_ms = MIN(due_ms, ?7)",
        )?;
        statement.execute(params![
            waiting.alert.shard(),
            waiting.list.word(),
            waiting.key,
            id(waiting.alert),
            signed(waiting.decision),
            ms(waiting.since),
            ms(waiting.due)
        ])?;
        Ok(())
    }

    fn move_waiting(&mut self, waiting: &Waiting) -> Result<(), StoreError> {
        self.delete_waiting(waiting.list, &waiting.key, waiting.alert)?;
        self.put_waiting(waiting)
    }

    fn lists(&mut self) -> Result<Vec<(ListOf, String)>, StoreError> {
        self.lists_due(WallTime::from_millis(u64::MAX))
    }

    fn lists_due(&mut self, now: WallTime) -> Result<Vec<(ListOf, String)>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT DISTINCT list, whose FROM waiting WHERE due_ms <= ?1 ORDER BY list, whose",
        )?;
        let found = statement.query_map(params![ms(now)], |row| {
            Ok((
                ListOf::from_word(row.get_ref(0)?.as_str()?),
                row.get::<_, String>(1)?,
            ))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn waiting(&mut self, list: ListOf, key: &str) -> Result<Vec<Waiting>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT alert, decision, since_ms, due_ms FROM waiting WHERE list = ?1 AND whose = ?2
             ORDER BY decision, alert",
        )?;
        let found = statement.query_map(params![list.word(), key], |row| {
            Ok(Waiting {
                list,
                key: key.to_owned(),
                alert: AlertId(row.get::<_, i64>(0)?.cast_unsigned()),
                decision: unsigned(row.get(1)?),
                since: wall(row.get(2)?),
                due: wall(row.get(3)?),
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn waits(&mut self, alert: AlertId) -> Result<Vec<Waiting>, StoreError> {
        let mut statement = self.main.prepare_cached(
            "SELECT list, whose, decision, since_ms, due_ms FROM waiting WHERE alert = ?1 ORDER BY list, whose",
        )?;
        let found = statement.query_map(params![id(alert)], |row| {
            Ok(Waiting {
                list: ListOf::from_word(row.get_ref(0)?.as_str()?),
                key: row.get(1)?,
                alert,
                decision: unsigned(row.get(2)?),
                since: wall(row.get(3)?),
                due: wall(row.get(4)?),
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn delete_waiting(
        &mut self,
        list: ListOf,
        key: &str,
        alert: AlertId,
    ) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "DELETE FROM waiting WHERE shard = ?1 AND list = ?2 AND whose = ?3 AND alert = ?4",
        )?;
        statement.execute(params![alert.shard(), list.word(), key, id(alert)])?;
        Ok(())
    }

    fn put_listed(&mut self, outgoing: u64, alert: AlertId) -> Result<(), StoreError> {
        let mut statement = self.main.prepare_cached(
            "INSERT INTO listed (shard, alert, outgoing, place)
             VALUES (?1, ?2, ?3, (SELECT COALESCE(MAX(place), 0) + 1 FROM listed WHERE outgoing = ?3))
             ON CONFLICT (shard, alert, outgoing) DO NOTHING",
        )?;
        statement.execute(params![alert.shard(), id(alert), signed(outgoing)])?;
        Ok(())
    }

    fn listed(&mut self, outgoing: u64) -> Result<Vec<AlertId>, StoreError> {
        let mut statement = self
            .main
            .prepare_cached("SELECT alert FROM listed WHERE outgoing = ?1 ORDER BY place")?;
        let found = statement.query_map(params![signed(outgoing)], |row| {
            Ok(AlertId(row.get::<_, i64>(0)?.cast_unsigned()))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn listings_of(&mut self, alert: AlertId) -> Result<Vec<Outgoing>, StoreError> {
        self.outgoing_where(
            "outgoing IN (SELECT outgoing FROM listed WHERE shard = ?1 AND alert = ?2) ORDER BY outgoing",
            params![alert.shard(), id(alert)],
        )
    }
}
