//! Alerts: what fires and what fired, who has taken it, and what happened to it.

use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get, post};
use super::value::{Field, Form, Kind, NUMBER, Shape, may, must};
use super::{Desk, Input, Outcome, agents::CLOCKS, done};
use crate::codes::{self, Language};
use crate::handling::{self, Ask, Owner, acknowledge::TakenHow};
use crate::limit::{API_LOOKED_AT, REMARK_CHARACTERS, REQUEST_CHARACTERS};
use crate::people::Action;
use crate::store::{Acknowledgement, Agent, AlertFilter, AlertId, StoredAlert};
use hansho::clock::WallTime;
use hansho::frame::body::{self, FLAG_FLAPPING, FLAG_UNKNOWN};
use hansho::frame::kind::AgentId;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// An alert's identity: ten of Crockford's digits, upper or lower case.
const ID: Form = Form {
    pattern: "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{10}$",
    fits: |text| text.parse::<AlertId>().is_ok(),
    allowed: "an alert's identity, ten letters and digits",
};

/// The parameter `alert` of a path.
pub const ALERT_FIELD: Field = must("alert", Kind::Form(&ID), "The alert.");

/// Words of severities.
const SEVERITIES: &[&str] = &["information", "warning", "error"];

/// An alert.
pub const ALERT: Shape = Shape {
    name: "Alert",
    says: "An alert: one episode of a code and subject on one agent.",
    fields: &[
        must("alert", Kind::Text(10), "Identity."),
        may(
            "agent",
            Kind::Text(64),
            "Name of the agent; null where the collector raised it about a site or a receiver.",
        ),
        must(
            "agent_id",
            Kind::Text(16),
            "Identity of the agent; zeros where the collector raised it.",
        ),
        may(
            "customer",
            Kind::Text(64),
            "Customer; null where it concerns no single one.",
        ),
        may("system", Kind::Text(64), "System."),
        may("host", Kind::Text(256), "Host name, as the agent says."),
        must("code", Kind::Code, "Code."),
        must(
            "display",
            Kind::Text(16),
            "Code as people read it: HNS1002-E, HNS1002-I when resolved.",
        ),
        must("name", Kind::Text(200), "Name of the code, in English."),
        must("severity", Kind::Word(SEVERITIES), "Severity of the code."),
        must("subject", Kind::Text(64), "Subject; empty for the host."),
        must(
            "state",
            Kind::Word(&["firing", "resolved"]),
            "Whether it is open.",
        ),
        must("test", Kind::Flag, "Raised by `hansho test`."),
        must(
            "unknown",
            Kind::Flag,
            "Open, and nobody knows whether it still holds.",
        ),
        must(
            "flapping",
            Kind::Flag,
            "Held open because it came and went.",
        ),
        must("episode", NUMBER, "Which episode, as the agent counts."),
        may(
            "value",
            NUMBER,
            "Value judged last, in the quantity's unit.",
        ),
        may("total", NUMBER, "Total then."),
        may("level", NUMBER, "Level that decided."),
        may("worst", NUMBER, "Worst value."),
        must("count", NUMBER, "Events, as the agent counts."),
        must(
            "continuations",
            NUMBER,
            "Firings that came while it was open.",
        ),
        must("reason", Kind::Text(64), "Reason of its last transition."),
        may(
            "forecast_ms",
            NUMBER,
            "Time left when it fired, milliseconds, as forecast then.",
        ),
        may("occurred", Kind::Moment, "Since when the condition held."),
        may(
            "occurred_clock",
            Kind::Word(CLOCKS),
            "What that time is worth.",
        ),
        may("detected", Kind::Moment, "When the rule fired."),
        may(
            "detected_clock",
            Kind::Word(CLOCKS),
            "What that time is worth.",
        ),
        may("notified", Kind::Moment, "When people were told."),
        may(
            "recovered",
            Kind::Moment,
            "Since when the condition was clear.",
        ),
        may(
            "recovered_clock",
            Kind::Word(CLOCKS),
            "What that time is worth.",
        ),
        may("resolved", Kind::Moment, "When the rule resolved."),
        must("stored", Kind::Moment, "When the collector stored it."),
        must(
            "updated",
            Kind::Moment,
            "When the collector last changed it.",
        ),
        must(
            "by_state",
            Kind::Flag,
            "A State opened or closed it: its own frame was missed.",
        ),
        must("opened_by_state", Kind::Flag, "Opened so."),
        must("closed_by_state", Kind::Flag, "Closed so."),
        must(
            "retired",
            Kind::Flag,
            "Ended because its agent was retired: nothing is said about the value.",
        ),
        must(
            "firing_inferred",
            Kind::Flag,
            "Its firing was concluded from a later frame.",
        ),
        must("run", Kind::Text(16), "Run whose frame opened it."),
        may("firing_sequence", NUMBER, "Sequence of its firing."),
        may("resolved_sequence", NUMBER, "Sequence of its end."),
        may(
            "taken",
            Kind::Object(&TAKEN),
            "Who has it; null where nobody has.",
        ),
    ],
};

const TAKEN: Shape = Shape {
    name: "Acknowledgement",
    says: "Somebody has taken the alert.",
    fields: TAKEN_FIELDS,
};

const TAKEN_FIELDS: &[Field] = &[
    must("number", NUMBER, "Which of the alert's, from 1."),
    must("by", Kind::Text(64), "Who."),
    must("via", Kind::Word(super::silences::VIAS), "By which way."),
    must("at", Kind::Moment, "When."),
    may(
        "expected_recovery",
        Kind::Moment,
        "When it is expected to be over.",
    ),
    may(
        "next_report",
        Kind::Moment,
        "When the next report is promised.",
    ),
    must("text", Kind::Text(REMARK_CHARACTERS), "What was said."),
    must("over", Kind::Flag, "The alert was over already."),
    may(
        "request",
        Kind::Text(REQUEST_CHARACTERS),
        "Name of the request.",
    ),
    may("ended", Kind::Moment, "When it ended; null while it holds."),
    may("ended_by", Kind::Text(64), "By whom."),
    may(
        "ended_how",
        Kind::Word(&["released", "taken_over", "renewed", "other"]),
        "How.",
    ),
];

const TOOK: Shape = Shape {
    name: "Taken",
    says: "What became of taking an alert.",
    fields: &[
        must(
            "how",
            Kind::Word(&["first", "took_over", "renewed", "same", "again"]),
            "first: nobody had it; took_over: somebody else had it; renewed: the same had it and says something new; same, again: nothing \
             changed, since the same was said, or the request was here before.",
        ),
        may("from", Kind::Text(64), "Who had it before."),
        must(
            "acknowledgement",
            Kind::Object(&TAKEN),
            "What holds now; of a request that came again what it made then.",
        ),
    ],
};

const TAKE: Shape = Shape {
    name: "Take",
    says: "Taking an alert.",
    fields: &[
        may(
            "expected_recovery",
            Kind::Moment,
            "When it is expected to be over: ahead, at most 30 days.",
        ),
        may(
            "next_report",
            Kind::Moment,
            "When the next report will be: ahead, at most 30 days.",
        ),
        may("text", Kind::Text(REMARK_CHARACTERS), "What is to be said."),
        may(
            "request",
            Kind::Text(REQUEST_CHARACTERS),
            "A name of the request's own, e.g. a UUID: sent again it changes nothing, whatever happened between.",
        ),
    ],
};

const RELEASE: Shape = Shape {
    name: "Release",
    says: "Giving an alert back.",
    fields: &[may("text", Kind::Text(REMARK_CHARACTERS), "Why.")],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/alerts",
        "alerts",
        "Alerts",
        "Alerts, the newest first.",
        Answer::Page(&ALERT),
        list,
    )
    .with(&[
        may(
            "state",
            Kind::Word(&["firing", "resolved"]),
            "Open or resolved ones only.",
        ),
        may("customer", Kind::Text(64), "Of this customer only."),
        may("system", Kind::Text(64), "Of systems of this name only."),
        may(
            "agent",
            Kind::Text(256),
            "Of this agent only: name, CUSTOMER/SYSTEM/NAME or identity.",
        ),
        may("code", Kind::Code, "Of this code only."),
        may("severity", Kind::Word(SEVERITIES), "Of this severity only."),
        may("subject", Kind::Text(64), "Of this subject only."),
        may(
            "taken",
            Kind::Flag,
            "Only those that somebody has, or that nobody has.",
        ),
        may("test", Kind::Flag, "Only tests, or none of them."),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ])
    .or(super::agents::ONE),
    get(
        "/api/v1/alerts/{alert}",
        "alert",
        "Alerts",
        "One alert.",
        Answer::One(&ALERT),
        one,
    )
    .with(&[ALERT_FIELD])
    .or(ONE),
    post(
        "/api/v1/alerts/{alert}/acknowledge",
        "acknowledge",
        "Alerts",
        "Takes an alert, also from whoever has it.",
        Answer::One(&TOOK),
        take,
    )
    .needs(Action::Acknowledge)
    .with(&[ALERT_FIELD])
    .takes(&TAKE)
    .or(DECIDED),
    post(
        "/api/v1/alerts/{alert}/release",
        "release",
        "Alerts",
        "Gives an alert back: nobody has it then.",
        Answer::One(&TAKEN),
        release,
    )
    .needs(Action::Acknowledge)
    .with(&[ALERT_FIELD])
    .takes(&RELEASE)
    .or(DECIDED),
];

const ONE: &[Sort] = &[Sort::NotFound];
const DECIDED: &[Sort] = &[Sort::NotFound, Sort::Conflict, Sort::Refused];

/// Whose alerts are: the agents that there are, looked up once.
pub(super) struct Owners(BTreeMap<AgentId, Agent>);

impl Owners {
    pub(super) fn new(desk: &Desk<'_>) -> Result<Self, Problem> {
        let agents = desk.store.agents()?;
        Ok(Self(
            agents.into_iter().map(|agent| (agent.id, agent)).collect(),
        ))
    }

    fn agent(&self, alert: &StoredAlert) -> Option<&Agent> {
        self.0.get(&alert.agent)
    }

    /// Whose it is, as [`handling::owner`] says.
    pub(super) fn of(&self, alert: &StoredAlert) -> Owner {
        match self.agent(alert) {
            Some(agent) => Owner {
                customer: agent.customer.clone(),
                system: agent.system.clone(),
                agent: agent.name.clone(),
            },
            None => handling::owner_of_site(alert),
        }
    }

    pub(super) fn sees(&self, desk: &Desk<'_>, alert: &StoredAlert) -> bool {
        desk.viewer.scope.has(&self.of(alert).customer)
    }
}

fn or_null(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// An alert; the members of `hansho-collector alerts --json` and more.
fn json(
    alert: &StoredAlert,
    owner: &Owner,
    host: Option<&str>,
    taken: Option<&Acknowledgement>,
) -> Json {
    let code = alert.identity.code;
    let mut json = object(json!({
        "alert": alert.id.to_string(),
        "agent": or_null(&owner.agent),
        "agent_id": alert.agent.to_string(),
        "customer": or_null(&owner.customer),
        "system": or_null(&owner.system),
        "host": host,
        "code": code,
        "display": codes::display(code, alert.firing),
        "name": codes::name(code, Language::En),
        "severity": codes::severity_word(codes::severity(code)),
        "subject": alert.identity.subject,
        "state": if alert.firing { "firing" } else { "resolved" },
        "test": alert.identity.test,
        "unknown": alert.flags & FLAG_UNKNOWN != 0,
        "flapping": alert.flags & FLAG_FLAPPING != 0,
        "episode": alert.episode,
        "value": alert.value,
        "total": alert.total,
        "level": alert.level,
        "worst": alert.worst,
        "count": alert.count,
        "continuations": alert.continuations,
        "reason": body::reason_name(alert.reason),
        "forecast_ms": alert.forecast_ms,
        "by_state": alert.by.state(),
        "opened_by_state": alert.by.opened_by_state,
        "closed_by_state": alert.by.closed_by_state,
        "retired": alert.by.retired,
        "firing_inferred": alert.by.firing_inferred,
        "run": alert.run.to_string(),
        "firing_sequence": alert.firing_sequence,
        "resolved_sequence": alert.resolved_sequence,
        "taken": taken.map(acknowledgement),
    }));
    json.dated("occurred", alert.occurred);
    json.dated("detected", alert.detected);
    json.moment("notified", alert.notified.map(|dated| dated.wall));
    json.dated("recovered", alert.recovered);
    json.moment("resolved", alert.resolved.map(|dated| dated.wall));
    json.moment("stored", Some(alert.stored));
    json.moment("updated", Some(alert.updated));
    json.json()
}

fn acknowledgement(row: &Acknowledgement) -> Json {
    let ended = row.ended.as_ref();
    let mut json = object(json!({
        "number": row.number,
        "by": row.by,
        "via": row.via.word(),
        "text": row.text,
        "over": row.over,
        "request": row.request,
        "ended_by": ended.map(|ended| &ended.by),
        "ended_how": ended.map(|ended| ended.how.word()),
    }));
    json.moment("at", Some(row.at));
    json.moment("expected_recovery", row.expected_recovery);
    json.moment("next_report", row.next_report);
    json.moment("ended", ended.map(|ended| ended.at));
    json.json()
}

/// What of an alert's list is asked for.
struct Wanted<'i> {
    input: &'i Input,
    code: Option<u16>,
}

impl Wanted<'_> {
    fn has(&self, alert: &StoredAlert, owner: &Owner, taken: bool) -> bool {
        let same =
            |name: &str, found: &str| self.input.given(name).is_none_or(|wanted| wanted == found);
        let flag =
            |name: &str, found: bool| self.input.maybe(name).is_none_or(|wanted| wanted == found);
        let code = alert.identity.code;
        same("customer", &owner.customer)
            && same("system", &owner.system)
            && same("subject", &alert.identity.subject)
            && same("severity", codes::severity_word(codes::severity(code)))
            && self.code.is_none_or(|wanted| wanted == code)
            && flag("taken", taken)
            && flag("test", alert.identity.test)
    }
}

fn list(desk: &Desk<'_>, input: &Input) -> Outcome {
    let owners = Owners::new(desk)?;
    let agent = match input.given("agent") {
        Some(selector) => Some(desk.agent(selector)?.id),
        None => None,
    };
    let taken: BTreeMap<AlertId, Acknowledgement> = desk.look(|rows| {
        let held = rows.all_acknowledged()?;
        Ok(held.into_iter().map(|held| (held.alert, held)).collect())
    })?;
    let wanted = Wanted {
        input,
        code: input.code("code"),
    };
    let asked = Asked::new(input);
    let filter = AlertFilter {
        agent,
        firing: input.given("state").map(|state| state == "firing"),
        limit: Some(asked.limit.max(500)),
    };
    let mut before = asked
        .numbers::<2>()?
        .map(|[ms, id]| (WallTime::from_millis(ms), AlertId(id)));
    let cursor = |(stored, id): (WallTime, AlertId)| format!("{}/{}", stored.as_millis(), id.0);
    let (mut shown, mut looked_at) = (Vec::new(), 0_usize);
    loop {
        let found = desk.store.alerts_before(&filter, before)?;
        let ended = found.len() < filter.limit.unwrap_or(0);
        for alert in found {
            if shown.len() >= asked.limit || looked_at >= API_LOOKED_AT {
                return Ok(page::page(shown, before.map(cursor).as_deref()));
            }
            looked_at = looked_at.saturating_add(1);
            before = Some((alert.stored, alert.id));
            let owner = owners.of(&alert);
            let holder = taken.get(&alert.id);
            if desk.viewer.scope.has(&owner.customer)
                && wanted.has(&alert, &owner, holder.is_some())
            {
                shown.push(json(&alert, &owner, host(owners.agent(&alert)), holder));
            }
        }
        if ended {
            return Ok(page::page(shown, None));
        }
    }
}

fn host(agent: Option<&Agent>) -> Option<&str> {
    let told = agent?.inventory.as_ref()?;
    Some(&told.host)
}

fn one(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (alert, owner) = desk.alert(input)?;
    let (taken, agent) =
        desk.look(|rows| Ok((rows.acknowledgement(alert.id)?, rows.agent(alert.agent)?)))?;
    done(json(&alert, &owner, host(agent.as_ref()), taken.as_ref()))
}

fn take(desk: &Desk<'_>, input: &Input) -> Outcome {
    let id = input.alert()?;
    let ask = Ask {
        expected_recovery: input.moment("expected_recovery"),
        next_report: input.moment("next_report"),
        text: input.text("text").to_owned(),
        request: input.owned("request"),
    };
    let taken = desk.decide(|rows| handling::acknowledge(rows, &desk.who, id, &ask, desk.now))?;
    let from = match &taken.how {
        TakenHow::TookOver { from } => Some(from),
        _ => None,
    };
    done(json!({
        "how": taken.how.word(),
        "from": from,
        "acknowledgement": acknowledgement(&taken.acknowledgement),
    }))
}

fn release(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (id, text) = (input.alert()?, input.text("text"));
    let ended = desk.decide(|rows| handling::release(rows, &desk.who, id, text, desk.now))?;
    done(acknowledgement(&ended))
}
