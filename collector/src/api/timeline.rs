//! What happened to an alert: events, who took it, notes, who was told and why; and why presence raised it.

use super::alerts::ALERT_FIELD;
use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::Sort;
use super::silences::VIAS;
use super::table::{Answer, Operation, get};
use super::value::{Kind, NUMBER, Shape, may, must};
use super::{Desk, Input, Outcome, done};
use crate::handling::Fault;
use crate::store::rows::AllRows;
use crate::store::{
    Acknowledgement, AlertId, BackCause, BootReason, Decision, DoubleSign, Event, Note, NoteOn,
    Outgoing, Presumed, SilenceCause,
};
use hansho::clock::WallTime;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const ITEM: Shape = Shape {
    name: "TimelineItem",
    says: "One thing that happened to an alert. Which members are not null depends on `what`.",
    fields: &[
        must(
            "what",
            Kind::Word(&[
                "event",
                "acknowledgement",
                "end_of_acknowledgement",
                "note",
                "decision",
                "message",
            ]),
            "What this is. A decision says whether people are told and why; a message is one to one receiver.",
        ),
        must(
            "at",
            Kind::Moment,
            "When; of a message when it was decided.",
        ),
        may(
            "number",
            NUMBER,
            "Number of the event, acknowledgement, note, decision or message.",
        ),
        may(
            "event",
            Kind::Text(32),
            "Of an event: raised, resolved, ended, reopened, repeated, unknown, known, acknowledged, released, noted.",
        ),
        may(
            "by",
            Kind::Text(64),
            "Who took it, gave it back or wrote the note.",
        ),
        may("via", Kind::Word(VIAS), "By which way."),
        may("text", Kind::Text(4000), "What was said or written."),
        may(
            "how",
            Kind::Text(32),
            "Of the end of an acknowledgement: released, taken_over, renewed.",
        ),
        may(
            "reason",
            Kind::Text(32),
            "Of a decision or message: why, as first, worsened, repeat, grouped, silenced, in_window, suppressed.",
        ),
        may(
            "reason_number",
            NUMBER,
            "What belongs to the reason: a code, a count, a level, a silence or window.",
        ),
        may(
            "outcome",
            Kind::Word(&["told", "listed", "quiet"]),
            "Of a decision: messages, a list later, or nothing.",
        ),
        may("receiver", Kind::Text(64), "Of a message: to whom."),
        may(
            "channel",
            Kind::Word(&["mail", "webhook", "alertmanager"]),
            "Of a message: how.",
        ),
        may(
            "state",
            Kind::Word(&["queued", "claimed", "delivered", "refused", "given_up"]),
            "Of a message: where it stands.",
        ),
        may(
            "subject",
            Kind::Text(1000),
            "Of a message: its subject; empty before the first try.",
        ),
        may(
            "done",
            Kind::Moment,
            "Of a message: when a server took it, or nothing more will happen.",
        ),
        may("attempts", NUMBER, "Of a message: tries that ended."),
    ],
};

/// Words of what two agents with one identity were told apart by.
const DOUBLE_SIGNS: &[&str] = &[
    DoubleSign::Frames.word(),
    DoubleSign::Runs.word(),
    DoubleSign::Machines.word(),
    DoubleSign::Boots.word(),
];

const CAUSE: Shape = Shape {
    name: "AlertCause",
    says: "Why an alert of presence was raised, as far as it was known then; all null for other alerts.",
    fields: &[
        must("alert", Kind::Text(10), "The alert."),
        may(
            "silence",
            Kind::Word(&["unknown", "stopped_in_order", "overdue"]),
            "Why the agent was silent.",
        ),
        may(
            "back",
            Kind::Word(&[
                "network_only",
                "agent_restarted",
                "rebooted",
                "other_machine",
                "unknown",
            ]),
            "Why it is back.",
        ),
        may(
            "presumed",
            Kind::Word(&["oom_kill", "memory_exhausted"]),
            "What is presumed to have led to it: never a fact.",
        ),
        may(
            "boot",
            Kind::Word(&["ordered", "panic", "watchdog", "power", "unknown"]),
            "What the host says of its reboot.",
        ),
        may(
            "double",
            Kind::Word(DOUBLE_SIGNS),
            "By what two agents with one identity were told apart.",
        ),
        may("seen", Kind::Moment, "Last sign of life before."),
        may(
            "planned_until",
            Kind::Moment,
            "End of the absence that was announced.",
        ),
        must(
            "text",
            Kind::Text(1000),
            "Words of whoever announced it; may be empty.",
        ),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/alerts/{alert}/timeline",
        "timeline",
        "Alerts",
        "What happened to an alert, in order: events, who took it, notes, who was told and why.",
        Answer::Page(&ITEM),
        timeline,
    )
    .with(&[ALERT_FIELD, CURSOR_FIELD, LIMIT_FIELD])
    .or(&[Sort::NotFound]),
    get(
        "/api/v1/alerts/{alert}/cause",
        "cause",
        "Alerts",
        "Why presence raised an alert.",
        Answer::One(&CAUSE),
        cause,
    )
    .with(&[ALERT_FIELD])
    .or(&[Sort::NotFound]),
];

/// When, the order within one moment, and the item.
type Item = (WallTime, u8, Json);

/// An item; what is not given is null.
fn item(what: &str, at: WallTime, order: u8, given: Json) -> Item {
    let nothing = |name: &&str| ((*name).to_owned(), Json::Null);
    let names = [
        "number",
        "event",
        "by",
        "via",
        "text",
        "how",
        "reason",
        "reason_number",
        "outcome",
        "receiver",
        "channel",
        "state",
        "subject",
        "done",
        "done_ms",
        "attempts",
    ];
    let mut json = object(names.iter().map(nothing).collect());
    if let Json::Object(given) = given {
        for (name, value) in given {
            json.put(&name, value);
        }
    }
    json.put("what", json!(what));
    json.moment("at", Some(at));
    (at, order, json.json())
}

fn of_event(event: &Event) -> Item {
    let given = json!({ "event": event.kind.word(), "number": event.number });
    item("event", event.at, 0, given)
}

fn of_acknowledgement(row: &Acknowledgement) -> Vec<Item> {
    let mut items = vec![item(
        "acknowledgement",
        row.at,
        2,
        json!({ "by": row.by, "via": row.via.word(), "text": row.text, "number": row.number }),
    )];
    if let Some(ended) = &row.ended {
        let given = json!({ "by": ended.by, "how": ended.how.word(), "number": row.number });
        items.push(item("end_of_acknowledgement", ended.at, 1, given));
    }
    items
}

fn of_note(note: &Note) -> Item {
    let given = json!({
        "by": note.by, "via": note.via.word(), "text": note.text, "number": note.number,
    });
    item("note", note.at, 3, given)
}

fn of_decision(decision: &Decision) -> Item {
    let given = json!({
        "number": decision.number,
        "reason": decision.reason.word(),
        "reason_number": decision.reason.detail(),
        "outcome": decision.outcome.word(),
    });
    item("decision", decision.at, 4, given)
}

fn of_message(message: &Outgoing) -> Item {
    let mut given = object(json!({
        "number": message.number,
        "reason": message.reason.word(),
        "reason_number": message.reason.detail(),
        "receiver": message.receiver,
        "channel": message.channel.word(),
        "state": message.state.word(),
        "subject": message.subject,
        "attempts": message.attempts,
    }));
    given.moment("done", message.done);
    item("message", message.created, 5, given.json())
}

/// Who was told of an alert, and why or why not.
fn told(rows: &mut dyn AllRows, alert: AlertId) -> Result<Vec<Item>, Fault> {
    let decisions = rows.decisions_of(alert)?;
    let threads: BTreeSet<AlertId> = decisions.iter().filter_map(|one| one.thread).collect();
    let mut messages: BTreeMap<u64, Outgoing> = BTreeMap::new();
    for thread in threads {
        for message in rows.outgoing_of_thread(thread)? {
            // A thread may be about several alerts of one family.
            if message.alert == Some(alert) || thread == alert {
                messages.insert(message.number, message);
            }
        }
    }
    for message in rows.listings_of(alert)? {
        messages.insert(message.number, message);
    }
    let decisions = decisions.iter().map(of_decision);
    Ok(decisions.chain(messages.values().map(of_message)).collect())
}

fn timeline(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (alert, _) = desk.alert(input)?;
    let id = alert.id;
    let mut items = desk.look(|rows| {
        let mut items: Vec<Item> = rows.events_of(id)?.iter().map(of_event).collect();
        let taken = rows.acknowledgements(id)?;
        items.extend(taken.iter().flat_map(of_acknowledgement));
        items.extend(rows.notes(&NoteOn::Alert(id))?.iter().map(of_note));
        items.extend(told(rows, id)?);
        Ok(items)
    })?;
    // Items of one moment and kind keep the order of their numbers.
    items.sort_by_key(|(at, order, _)| (*at, *order));
    let numbered: Vec<(u64, Json)> = (1_u64..)
        .zip(items)
        .map(|(number, (_, _, json))| (number, json))
        .collect();
    let asked = Asked::new(input);
    let after = asked.numbers::<1>()?.map(|[number]| number);
    Ok(page::of(
        &numbered,
        &asked,
        after.as_ref(),
        |(number, _)| *number,
        u64::to_string,
        |(_, json)| json.clone(),
    ))
}

fn cause(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (alert, _) = desk.alert(input)?;
    let known = desk
        .look(|rows| Ok(rows.cause(alert.id)?))?
        .unwrap_or_default();
    let mut json = object(json!({
        "alert": alert.id.to_string(),
        "silence": known.silence.map(SilenceCause::word),
        "back": known.back.map(BackCause::word),
        "presumed": known.presumed.map(Presumed::word),
        "boot": known.boot.map(BootReason::word),
        "double": known.double.map(DoubleSign::word),
        "text": known.text,
    }));
    json.moment("seen", known.seen);
    json.moment("planned_until", known.planned_until);
    done(json.json())
}
