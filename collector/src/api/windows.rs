//! Windows: announced times.

use super::object::object;
use super::page::{self, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::silences::{ENDED, VIAS, ended, since};
use super::table::{Answer, Operation, get, post};
use super::value::{Field, Form, Kind, NUMBER, Shape, may, must};
use super::{Desk, Input, Outcome, done};
use crate::handling::window::{self, DAYS, NewWindow, What};
use crate::handling::{Refused, moment};
use crate::limit::REMARK_CHARACTERS;
use crate::people::Action;
use crate::store::{Days, Schedule, Texts, Weekly, Window, WindowKind, WindowScope};
use hansho::clock::WallTime;
use serde_json::{Value as Json, json};

/// A time of the day.
const CLOCK: Form = Form {
    pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$",
    fits: |text| moment::clock(text).is_some(),
    allowed: "a time of the day from 00:00 to 23:59",
};

/// A distance from UTC.
const OFFSET: Form = Form {
    pattern: "^(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)$",
    fits: |text| moment::zone(text).is_some(),
    allowed: "a distance from UTC as +09:00, up to 14:00",
};

const WINDOW: Shape = Shape {
    name: "Window",
    says: "An announced time.",
    fields: &[
        must("window", NUMBER, "Its number."),
        must(
            "kind",
            Kind::Word(&["maintenance", "event", "other"]),
            "maintenance silences, and makes a stop a planned one; event silences nothing and is shown.",
        ),
        must("customer", Kind::Text(64), "Customer."),
        may("system", Kind::Text(64), "System."),
        may("site", Kind::Text(64), "Site."),
        may("agent", Kind::Text(64), "Name of the agent."),
        may(
            "once",
            Kind::Object(&ONCE),
            "When, where it is a single one.",
        ),
        may(
            "weekly",
            Kind::Object(&WEEKLY),
            "When, where it is every week.",
        ),
        may(
            "next",
            Kind::Object(&NEXT),
            "The time that holds now, or else the next one; null where it is over.",
        ),
        must(
            "ja",
            Kind::Text(REMARK_CHARACTERS),
            "Title or reason in Japanese; may be empty.",
        ),
        must(
            "en",
            Kind::Text(REMARK_CHARACTERS),
            "Title or reason in English; may be empty.",
        ),
        must("by", Kind::Text(64), "By whom."),
        must("via", Kind::Word(VIAS), "By which way."),
        must("created", Kind::Moment, "When it was made."),
        may("ended", Kind::Object(&ENDED), "When it was ended for good."),
    ],
};

const ONCE: Shape = Shape {
    name: "Once",
    says: "A single time.",
    fields: &[
        must("from", Kind::Moment, "From."),
        must("until", Kind::Moment, "Until, not included."),
    ],
};

const NEXT: Shape = Shape {
    name: "Occurrence",
    says: "One time that a window covers.",
    fields: &[
        must("from", Kind::Moment, "From."),
        must("until", Kind::Moment, "Until, not included."),
        must("holds", Kind::Flag, "It holds now."),
    ],
};

const WEEKLY: Shape = Shape {
    name: "Weekly",
    says: "Every week, on the clock of a zone.",
    fields: &[
        must("days", Kind::Words(&DAYS), "Days on which it begins."),
        must("from", Kind::Form(&CLOCK), "When it begins."),
        must(
            "until",
            Kind::Form(&CLOCK),
            "When it ends; on the next day where that is not later.",
        ),
        must(
            "offset",
            Kind::Form(&OFFSET),
            "Distance of the zone from UTC.",
        ),
        must("since", Kind::Moment, "Nothing before."),
        may("last", Kind::Moment, "Nothing from then on."),
    ],
};

const NEW: Shape = Shape {
    name: "NewWindow",
    says: "A window to be announced: `once` or `weekly`, and a text in one language or both.",
    fields: &[
        must(
            "kind",
            Kind::Word(&["maintenance", "event"]),
            "What it means.",
        ),
        must("customer", Kind::Text(64), "Customer."),
        may("system", Kind::Text(64), "System."),
        may("site", Kind::Text(64), "Site."),
        may("agent", Kind::Text(64), "Name of the agent; with a system."),
        may("once", Kind::Object(&NEW_ONCE), "A single time."),
        may("weekly", Kind::Object(&NEW_WEEKLY), "Every week."),
        may(
            "ja",
            Kind::Text(REMARK_CHARACTERS),
            "Title or reason in Japanese.",
        ),
        may(
            "en",
            Kind::Text(REMARK_CHARACTERS),
            "Title or reason in English.",
        ),
    ],
};

const NEW_ONCE: Shape = Shape {
    name: "NewOnce",
    says: "A single time: a maintenance at most 30 days long, an event at most 366.",
    fields: &[
        may("from", Kind::Moment, "From; now where it is not given."),
        must("until", Kind::Moment, "Until, not included."),
    ],
};

const NEW_WEEKLY: Shape = Shape {
    name: "NewWeekly",
    says: "Every week, on the clock of a zone.",
    fields: &[
        must("days", Kind::Words(&DAYS), "Days on which it begins."),
        must("from", Kind::Form(&CLOCK), "When it begins."),
        must(
            "until",
            Kind::Form(&CLOCK),
            "When it ends; on the next day where that is not later.",
        ),
        may(
            "offset",
            Kind::Form(&OFFSET),
            "Distance of the zone from UTC; that of the pages where it is not given.",
        ),
        may(
            "since",
            Kind::Moment,
            "Nothing before; now where it is not given.",
        ),
        may("last", Kind::Moment, "Nothing from then on."),
    ],
};

const END: Shape = Shape {
    name: "EndWindow",
    says: "What is ended.",
    fields: &[may(
        "what",
        Kind::Word(&["occurrence", "series"]),
        "occurrence, also where it is not given: a single window, or of a weekly one the time that holds now; series: with all that was to come.",
    )],
};

/// The parameter `window` of a path.
const WINDOW_FIELD: Field = must("window", NUMBER, "The window.");

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/windows",
        "windows",
        "Quiet",
        "Windows that hold or are to come, by number.",
        Answer::Page(&WINDOW),
        list,
    )
    .with(&[
        may("all", Kind::Flag, "Also those that are over."),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ]),
    post(
        "/api/v1/windows",
        "add_window",
        "Quiet",
        "Announces a window.",
        Answer::Made(&WINDOW),
        add,
    )
    .needs(Action::Window)
    .takes(&NEW)
    .or(&[Sort::NotFound, Sort::Conflict, Sort::Refused]),
    get(
        "/api/v1/windows/{window}",
        "window",
        "Quiet",
        "One window.",
        Answer::One(&WINDOW),
        one,
    )
    .with(&[WINDOW_FIELD])
    .or(&[Sort::NotFound]),
    post(
        "/api/v1/windows/{window}/end",
        "end_window",
        "Quiet",
        "Ends a window early, or before it begins.",
        Answer::One(&WINDOW),
        end,
    )
    .needs(Action::Window)
    .with(&[WINDOW_FIELD])
    .takes(&END)
    .or(&[Sort::NotFound, Sort::Conflict]),
];

fn once(from: WallTime, until: WallTime) -> super::object::Object {
    let mut json = super::object::Object::default();
    json.moment("from", Some(from));
    json.moment("until", Some(until));
    json
}

fn weekly(weekly: &Weekly) -> Json {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let sign = if weekly.offset_minutes < 0 { '-' } else { '+' };
    let days: Vec<&str> = (0_u8..)
        .zip(DAYS)
        .filter(|(number, _)| weekly.days.has(*number))
        .map(|(_, name)| name)
        .collect();
    let mut json = object(json!({
        "days": days,
        "from": clock(weekly.from_minute),
        "until": clock(weekly.until_minute),
        "offset": format!("{sign}{}", clock(weekly.offset_minutes.unsigned_abs())),
    }));
    json.moment("since", Some(weekly.since));
    json.moment("last", weekly.last);
    json.json()
}

/// A window, as the API and `window list --json` give it.
#[must_use]
pub fn json(window: &Window, now: WallTime) -> Json {
    let (single, every_week) = match &window.schedule {
        Schedule::Once { from, until } => (once(*from, *until).json(), Json::Null),
        Schedule::Weekly(schedule) => (Json::Null, weekly(schedule)),
    };
    let next = window.next_occurrence(now).map(|next| {
        let mut json = once(next.from, next.until);
        json.put("holds", json!(next.covers(now)));
        json.json()
    });
    let scope = &window.scope;
    let mut json = object(json!({
        "window": window.id,
        "kind": window.kind.word(),
        "customer": scope.customer,
        "system": scope.system,
        "site": scope.site,
        "agent": scope.agent,
        "once": single,
        "weekly": every_week,
        "next": next,
        "ja": window.texts.ja,
        "en": window.texts.en,
        "by": window.by,
        "via": window.via.word(),
        "ended": ended(window.ended.as_ref()),
    }));
    json.moment("created", Some(window.created));
    json.json()
}

fn list(desk: &Desk<'_>, input: &Input) -> Outcome {
    let since = since(desk, input);
    let windows = desk.look(|rows| window::list(rows, &desk.who, since))?;
    page::numbered(
        &windows,
        input,
        |window| window.id,
        |window| json(window, desk.now),
    )
}

fn number(input: &Input) -> u64 {
    input.integer("window").unwrap_or(0)
}

fn one(desk: &Desk<'_>, input: &Input) -> Outcome {
    let id = number(input);
    let windows = desk.look(|rows| window::list(rows, &desk.who, WallTime::default()))?;
    let window = windows.iter().find(|window| window.id == id);
    window
        .ok_or_else(|| Problem::from(Refused::NoWindow(id)))
        .and_then(|window| done(json(window, desk.now)))
}

fn schedule(desk: &Desk<'_>, input: &Input) -> Result<Schedule, Problem> {
    match (input.object("once"), input.object("weekly")) {
        (Some(once), None) => Ok(Schedule::Once {
            from: once.moment("from").unwrap_or(desk.now),
            until: once.needed_moment("until")?,
        }),
        (None, Some(weekly)) => Ok(Schedule::Weekly(every_week(desk, &weekly))),
        (None, None) => Err(Problem::of(
            Sort::Missing,
            "once",
            "`once` or `weekly` is needed",
        )),
        (Some(_), Some(_)) => Err(Problem::of(
            Sort::BadValue,
            "weekly",
            "`once` and `weekly` exclude each other",
        )),
    }
}

fn every_week(desk: &Desk<'_>, input: &Input) -> Weekly {
    let given = input.texts("days").unwrap_or_default();
    let bits = (0_u8..)
        .zip(DAYS)
        .filter(|(_, day)| given.iter().any(|given| given == day))
        .fold(0_u8, |bits, (number, _)| bits | 1 << number);
    // Both have their form.
    let clock = |name: &str| moment::clock(input.text(name)).unwrap_or(0);
    let pages = i16::try_from(desk.zone.offset_s() / 60).unwrap_or(0);
    Weekly {
        days: Days::from_bits(bits),
        from_minute: clock("from"),
        until_minute: clock("until"),
        offset_minutes: input
            .given("offset")
            .and_then(moment::zone)
            .unwrap_or(pages),
        since: input.moment("since").unwrap_or(desk.now),
        last: input.moment("last"),
    }
}

fn add(desk: &Desk<'_>, input: &Input) -> Outcome {
    let new = NewWindow {
        kind: WindowKind::from_word(input.text("kind")),
        scope: WindowScope {
            customer: input.text("customer").to_owned(),
            system: input.owned("system"),
            site: input.owned("site"),
            agent: input.owned("agent"),
        },
        schedule: schedule(desk, input)?,
        texts: Texts {
            ja: input.text("ja").to_owned(),
            en: input.text("en").to_owned(),
        },
    };
    let made = desk.decide(|rows| window::add(rows, &desk.who, &new, desk.now))?;
    done(json(&made, desk.now))
}

fn end(desk: &Desk<'_>, input: &Input) -> Outcome {
    let what = match input.text("what") {
        "series" => What::Series,
        _ => What::Occurrence,
    };
    let id = number(input);
    let ended = desk.decide(|rows| window::end(rows, &desk.who, id, what, desk.now))?;
    done(json(&ended, desk.now))
}
