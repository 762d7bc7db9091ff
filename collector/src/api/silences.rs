//! Silences.

use super::object::object;
use super::page::{self, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get, post};
use super::value::{Field, Kind, NUMBER, Shape, may, must};
use super::{Desk, Input, Outcome, done};
use crate::handling::Refused;
use crate::handling::silence::{self, NewSilence};
use crate::limit::REMARK_CHARACTERS;
use crate::people::Action;
use crate::store::{Matcher, Silence, Via};
use hansho::clock::WallTime;
use serde_json::{Value as Json, json};

/// Words of the ways by which people act.
pub const VIAS: &[&str] = &[
    Via::Page.word(),
    Via::Link.word(),
    Via::Api.word(),
    Via::Command.word(),
    Via::Other.word(),
];

const SILENCE: Shape = Shape {
    name: "Silence",
    says: "For some time nobody is told of certain alerts: all that is given must fit.",
    fields: &[
        must("silence", NUMBER, "Its number."),
        may("customer", Kind::Text(64), "Customer."),
        may("system", Kind::Text(64), "System."),
        may("agent", Kind::Text(64), "Name of the agent."),
        may("code", Kind::Code, "Code."),
        may(
            "subject",
            Kind::Text(64),
            "Pattern of the subject: `*` any text, `?` any one character.",
        ),
        must("from", Kind::Moment, "From."),
        must("until", Kind::Moment, "Until, not included."),
        must("holds", Kind::Flag, "It holds now."),
        must("reason", Kind::Text(REMARK_CHARACTERS), "Why."),
        must("by", Kind::Text(64), "By whom."),
        must("via", Kind::Word(VIAS), "By which way."),
        must("created", Kind::Moment, "When it was made."),
        may("ended", Kind::Object(&ENDED), "When it was ended early."),
    ],
};

/// An early end.
pub const ENDED: Shape = Shape {
    name: "Ended",
    says: "An early end.",
    fields: &[
        must("at", Kind::Moment, "When."),
        must("by", Kind::Text(64), "By whom."),
    ],
};

const NEW: Shape = Shape {
    name: "NewSilence",
    says: "A silence to be made: at least one of customer, system, agent, code and subject.",
    fields: &[
        may("customer", Kind::Text(64), "Customer."),
        may("system", Kind::Text(64), "System; with a customer."),
        may("agent", Kind::Text(64), "Name of the agent; with a system."),
        may("code", Kind::Code, "Code."),
        may(
            "subject",
            Kind::Text(64),
            "Pattern of the subject: `*` any text, `?` any one character.",
        ),
        may("from", Kind::Moment, "From; now where it is not given."),
        must(
            "until",
            Kind::Moment,
            "Until, not included; at most 30 days later.",
        ),
        must("reason", Kind::Text(REMARK_CHARACTERS), "Why."),
    ],
};

/// The parameter `silence` of a path.
const SILENCE_FIELD: Field = must("silence", NUMBER, "The silence.");

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/silences",
        "silences",
        "Quiet",
        "Silences that hold or are to come, by number.",
        Answer::Page(&SILENCE),
        list,
    )
    .with(&[
        may("all", Kind::Flag, "Also those that are over."),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ]),
    post(
        "/api/v1/silences",
        "add_silence",
        "Quiet",
        "Makes a silence.",
        Answer::Made(&SILENCE),
        add,
    )
    .needs(Action::Silence)
    .takes(&NEW)
    .or(&[Sort::NotFound, Sort::Conflict, Sort::Refused]),
    get(
        "/api/v1/silences/{silence}",
        "silence",
        "Quiet",
        "One silence.",
        Answer::One(&SILENCE),
        one,
    )
    .with(&[SILENCE_FIELD])
    .or(&[Sort::NotFound]),
    post(
        "/api/v1/silences/{silence}/end",
        "end_silence",
        "Quiet",
        "Ends a silence early, or before it begins.",
        Answer::One(&SILENCE),
        end,
    )
    .needs(Action::Silence)
    .with(&[SILENCE_FIELD])
    .or(&[Sort::NotFound, Sort::Conflict]),
];

/// An early end; null where there was none.
#[must_use]
pub fn ended(ended: Option<&(WallTime, String)>) -> Json {
    let Some((at, by)) = ended else {
        return Json::Null;
    };
    let mut json = object(json!({ "by": by }));
    json.moment("at", Some(*at));
    json.json()
}

/// A silence, as the API and `silence list --json` give it.
#[must_use]
pub fn json(silence: &Silence, now: WallTime) -> Json {
    let matcher = &silence.matcher;
    let mut json = object(json!({
        "silence": silence.id,
        "customer": matcher.customer,
        "system": matcher.system,
        "agent": matcher.agent,
        "code": matcher.code,
        "subject": matcher.subject,
        "holds": silence.holds(now),
        "reason": silence.reason,
        "by": silence.by,
        "via": silence.via.word(),
        "ended": ended(silence.ended.as_ref()),
    }));
    json.moment("from", Some(silence.from));
    json.moment("until", Some(silence.until));
    json.moment("created", Some(silence.created));
    json.json()
}

/// Since when things are listed.
pub(super) fn since(desk: &Desk<'_>, input: &Input) -> WallTime {
    if input.flag("all") {
        WallTime::from_millis(0)
    } else {
        desk.now
    }
}

fn list(desk: &Desk<'_>, input: &Input) -> Outcome {
    let since = since(desk, input);
    let silences = desk.look(|rows| silence::list(rows, &desk.who, since))?;
    page::numbered(
        &silences,
        input,
        |silence| silence.id,
        |silence| json(silence, desk.now),
    )
}

fn number(input: &Input) -> u64 {
    input.integer("silence").unwrap_or(0)
}

fn one(desk: &Desk<'_>, input: &Input) -> Outcome {
    let id = number(input);
    let silences = desk.look(|rows| silence::list(rows, &desk.who, WallTime::default()))?;
    let silence = silences.iter().find(|silence| silence.id == id);
    silence
        .ok_or_else(|| Problem::from(Refused::NoSilence(id)))
        .and_then(|silence| done(json(silence, desk.now)))
}

fn add(desk: &Desk<'_>, input: &Input) -> Outcome {
    let new = NewSilence {
        matcher: Matcher {
            customer: input.owned("customer"),
            system: input.owned("system"),
            agent: input.owned("agent"),
            code: input.code("code"),
            subject: input.owned("subject"),
        },
        from: input.moment("from").unwrap_or(desk.now),
        until: input.needed_moment("until")?,
        reason: input.text("reason").to_owned(),
    };
    let made = desk.decide(|rows| silence::add(rows, &desk.who, &new, desk.now))?;
    done(json(&made, desk.now))
}

fn end(desk: &Desk<'_>, input: &Input) -> Outcome {
    let id = number(input);
    let ended = desk.decide(|rows| silence::end(rows, &desk.who, id, desk.now))?;
    done(json(&ended, desk.now))
}
