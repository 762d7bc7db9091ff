//! Systems of customers, and notes on alerts, agents and systems.

use super::alerts::{ALERT_FIELD, Owners};
use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::Sort;
use super::silences::VIAS;
use super::table::{Answer, Operation, get, post};
use super::value::{Field, Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome, done};
use crate::handling::note as notes;
use crate::limit::NOTE_CHARACTERS;
use crate::people::Action;
use crate::store::{AlertFilter, Note, NoteOn};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const SYSTEM: Shape = Shape {
    name: "System",
    says: "A system of a customer that has agents.",
    fields: &[
        must("customer", Kind::Text(64), "Customer."),
        must("system", Kind::Text(64), "Its name."),
        must("agents", NUMBER, "Its agents, retired ones among them."),
        must("firing", NUMBER, "Their open alerts."),
        may(
            "team",
            Kind::Text(64),
            "The team that owns it, by collector.toml.",
        ),
    ],
};

const NOTE: Shape = Shape {
    name: "Note",
    says: "What somebody wrote down. Never changed.",
    fields: &[
        must("note", NUMBER, "Its number."),
        must("at", Kind::Moment, "When."),
        must("by", Kind::Text(64), "By whom."),
        must("via", Kind::Word(VIAS), "By which way."),
        must("text", Kind::Text(NOTE_CHARACTERS), "The text."),
    ],
};

const NEW: Shape = Shape {
    name: "NewNote",
    says: "A note to be written.",
    fields: &[must("text", Kind::Text(NOTE_CHARACTERS), "The text.")],
};

const CUSTOMER_FIELD: Field = must("customer", Kind::Text(64), "The customer.");
const SYSTEM_FIELD: Field = must("system", Kind::Text(64), "The system.");

const ON_ALERT: &[Field] = &[ALERT_FIELD, CURSOR_FIELD, LIMIT_FIELD];
const ON_AGENT: &[Field] = &[AGENT_FIELD, CURSOR_FIELD, LIMIT_FIELD];
const ON_SYSTEM: &[Field] = &[CUSTOMER_FIELD, SYSTEM_FIELD, CURSOR_FIELD, LIMIT_FIELD];

const READ: &[Sort] = &[Sort::NotFound, Sort::Conflict];
const WRITTEN: &[Sort] = &[Sort::NotFound, Sort::Conflict, Sort::Refused];

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/systems",
        "systems",
        "Systems",
        "Systems that have agents, by customer and name.",
        Answer::Page(&SYSTEM),
        systems,
    )
    .with(&[
        may("customer", Kind::Text(64), "Of this customer only."),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ]),
    get(
        "/api/v1/systems/{customer}/{system}/notes",
        "system_notes",
        "Systems",
        "Notes on a system, in order.",
        Answer::Page(&NOTE),
        list,
    )
    .with(ON_SYSTEM)
    .or(READ),
    post(
        "/api/v1/systems/{customer}/{system}/notes",
        "add_system_note",
        "Systems",
        "Writes a note on a system.",
        Answer::Made(&NOTE),
        add,
    )
    .needs(Action::Note)
    .with(&[CUSTOMER_FIELD, SYSTEM_FIELD])
    .takes(&NEW)
    .or(WRITTEN),
    get(
        "/api/v1/agents/{agent}/notes",
        "agent_notes",
        "Agents",
        "Notes on an agent, in order.",
        Answer::Page(&NOTE),
        list,
    )
    .with(ON_AGENT)
    .or(READ),
    post(
        "/api/v1/agents/{agent}/notes",
        "add_agent_note",
        "Agents",
        "Writes a note on an agent.",
        Answer::Made(&NOTE),
        add,
    )
    .needs(Action::Note)
    .with(&[AGENT_FIELD])
    .takes(&NEW)
    .or(WRITTEN),
    get(
        "/api/v1/alerts/{alert}/notes",
        "alert_notes",
        "Alerts",
        "Notes on an alert, in order.",
        Answer::Page(&NOTE),
        list,
    )
    .with(ON_ALERT)
    .or(READ),
    post(
        "/api/v1/alerts/{alert}/notes",
        "add_alert_note",
        "Alerts",
        "Writes a note on an alert.",
        Answer::Made(&NOTE),
        add,
    )
    .needs(Action::Note)
    .with(&[ALERT_FIELD])
    .takes(&NEW)
    .or(WRITTEN),
];

fn systems(desk: &Desk<'_>, input: &Input) -> Outcome {
    let mut found: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    let owners = Owners::new(desk)?;
    for agent in desk.agents()? {
        let (agents, _) = found.entry((agent.customer, agent.system)).or_default();
        *agents = agents.saturating_add(1);
    }
    for alert in desk.store.alerts(&AlertFilter {
        firing: Some(true),
        ..AlertFilter::default()
    })? {
        let owner = owners.of(&alert);
        if let Some((_, firing)) = found.get_mut(&(owner.customer, owner.system)) {
            *firing = firing.saturating_add(1);
        }
    }
    let wanted = input.given("customer");
    found.retain(|(customer, _), _| wanted.is_none_or(|wanted| wanted == customer));
    let list: Vec<_> = found
        .into_iter()
        .map(|((customer, system), (agents, firing))| {
            let team = desk.live.directory.owner(&customer, &system, "").team;
            let json = json!({
                "customer": customer,
                "system": system,
                "agents": agents,
                "firing": firing,
                "team": team.map(|team| team.id),
            });
            ((customer, system), json)
        })
        .collect();
    Ok(page::placed(&list, input, Json::clone))
}

/// What the path names.
fn on(desk: &Desk<'_>, input: &Input) -> Result<NoteOn, super::Problem> {
    if input.has("alert") {
        return Ok(NoteOn::Alert(input.alert()?));
    }
    if input.has("agent") {
        return Ok(NoteOn::Agent(desk.agent(input.text("agent"))?.id));
    }
    Ok(NoteOn::System {
        customer: input.text("customer").to_owned(),
        system: input.text("system").to_owned(),
    })
}

/// A note, as the API and `note list --json` give it.
#[must_use]
pub fn note(note: &Note) -> Json {
    let mut json = object(json!({
        "note": note.number,
        "by": note.by,
        "via": note.via.word(),
        "text": note.text,
    }));
    json.moment("at", Some(note.at));
    json.json()
}

fn list(desk: &Desk<'_>, input: &Input) -> Outcome {
    let on = on(desk, input)?;
    let notes = desk.look(|rows| notes::list(rows, &desk.who, &on))?;
    let asked = Asked::new(input);
    let after = asked.numbers::<1>()?.map(|[number]| number);
    Ok(page::of(
        &notes,
        &asked,
        after.as_ref(),
        |note| note.number,
        u64::to_string,
        note,
    ))
}

fn add(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (on, text) = (on(desk, input)?, input.text("text"));
    let written = desk.decide(|rows| notes::add(rows, &desk.who, &on, text, desk.now))?;
    done(note(&written))
}
