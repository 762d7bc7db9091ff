//! What the lists print as JSON.

use crate::clock::utc;
use crate::handling::window::described;
use crate::store::{Note, Schedule, Silence, Window};
use hansho::clock::WallTime;
use serde_json::{Value as Json, json};

fn ended_json(ended: Option<&(WallTime, String)>) -> Json {
    ended.map_or(
        Json::Null,
        |(at, by)| json!({"at_ms": at.as_millis(), "by": by}),
    )
}

/// A silence, one object.
pub(super) fn silence(silence: &Silence) -> Json {
    let matcher = &silence.matcher;
    json!({
        "silence": silence.id,
        "customer": matcher.customer,
        "system": matcher.system,
        "agent": matcher.agent,
        "code": matcher.code,
        "subject": matcher.subject,
        "from_ms": silence.from.as_millis(),
        "until_ms": silence.until.as_millis(),
        "reason": silence.reason,
        "by": silence.by,
        "via": silence.via.word(),
        "created_ms": silence.created.as_millis(),
        "ended": ended_json(silence.ended.as_ref()),
    })
}

/// A window, one object.
pub(super) fn window(window: &Window, now: WallTime) -> Json {
    let schedule = match &window.schedule {
        Schedule::Once { from, until } => json!({
            "from_ms": from.as_millis(),
            "until_ms": until.as_millis(),
        }),
        Schedule::Weekly(weekly) => json!({
            "weekly": described(weekly),
            "since_ms": weekly.since.as_millis(),
            "last_ms": weekly.last.map(WallTime::as_millis),
        }),
    };
    let next = window.next_occurrence(now);
    json!({
        "window": window.id,
        "kind": window.kind.word(),
        "customer": window.scope.customer,
        "system": window.scope.system,
        "site": window.scope.site,
        "agent": window.scope.agent,
        "schedule": schedule,
        "next": next.map(|next| json!({
            "from_ms": next.from.as_millis(),
            "until_ms": next.until.as_millis(),
            "holds": next.covers(now),
        })),
        "ja": window.texts.ja,
        "en": window.texts.en,
        "by": window.by,
        "via": window.via.word(),
        "created_ms": window.created.as_millis(),
        "ended": ended_json(window.ended.as_ref()),
    })
}

/// A note, one object.
pub(super) fn note(note: &Note) -> Json {
    json!({
        "note": note.number,
        "at_ms": note.at.as_millis(),
        "at": utc(note.at.as_millis()),
        "by": note.by,
        "via": note.via.word(),
        "text": note.text,
    })
}
