//! Whether an agent is there, and what is known of it.

use super::agents::{CLOCKS, ONE};
use super::object::object;
use super::table::{Answer, Operation, get};
use super::value::{Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome, done};
use crate::store::{BootReason, Presence, Rival, Standing, StoredGoodbye};
use hansho::clock::WallTime;
use hansho::frame::body::StopReason;
use serde_json::{Value as Json, json};

/// Words of how an agent stands.
const STANDINGS: &[&str] = &[
    Standing::Never.word(),
    Standing::Present.word(),
    Standing::Silent.word(),
    Standing::Planned.word(),
    Standing::Absent.word(),
    Standing::Site.word(),
    Standing::Retired.word(),
];

const PRESENCE: Shape = Shape {
    name: "Presence",
    says: "Whether an agent is there, as the sweep judged last, and what is known of it.",
    fields: &[
        must("agent", Kind::Text(16), "Identity."),
        may(
            "standing",
            Kind::Word(STANDINGS),
            "never heard, present, silent (nobody is told yet), planned (announced), absent (HNS9001 is open), site (silent with its site: \
             HNS9005 is open), retired. Null before the first sweep.",
        ),
        may(
            "seen",
            Kind::Moment,
            "While it is silent or retired: its last sign of life.",
        ),
        may(
            "planned_until",
            Kind::Moment,
            "While it is silent: end of the absence that was announced.",
        ),
        may(
            "site",
            Kind::Text(140),
            "While it is silent with its site: CUSTOMER/SITE.",
        ),
        may("run", Kind::Text(16), "The run that spoke for it."),
        may("boot", Kind::Text(32), "Boot of that run."),
        may(
            "boot_reason",
            Kind::Word(&["ordered", "panic", "watchdog", "power", "unknown"]),
            "How that boot began, as the host says.",
        ),
        may(
            "clock_off_ms",
            Kind::Signed,
            "The host's clock less the collector's, milliseconds.",
        ),
        must(
            "gaps",
            NUMBER,
            "Frames with alerts that are missing without a word of the agent.",
        ),
        may(
            "doubled",
            Kind::Moment,
            "When two agents were last seen to use its identity at once.",
        ),
        may(
            "machine_changed",
            Kind::Moment,
            "When its machine id last changed.",
        ),
        may(
            "goodbye",
            Kind::Object(&GOODBYE),
            "What its run said when it stopped, or announced.",
        ),
        must(
            "rivals",
            Kind::List(&RIVAL),
            "Other runs that send under its identity.",
        ),
    ],
};

const GOODBYE: Shape = Shape {
    name: "Goodbye",
    says: "What a run said last of its absence.",
    fields: &[
        must("at", Kind::Moment, "When."),
        must("at_clock", Kind::Word(CLOCKS), "What that time is worth."),
        must(
            "reason",
            Kind::Word(&["announced", "ordered", "host_stops", "replaced", "unknown"]),
            "Why it stopped; `announced` where it has not.",
        ),
        may("planned_ms", NUMBER, "Announced length, milliseconds."),
        must(
            "text",
            Kind::Text(1000),
            "Words of the one who announced it.",
        ),
    ],
};

const RIVAL: Shape = Shape {
    name: "Rival",
    says: "A run that sends while another one speaks for the agent.",
    fields: &[
        must("run", Kind::Text(16), "Which."),
        must("batches", NUMBER, "Its batches so far."),
        must("first", Kind::Moment, "When the first of them came."),
        must("last", Kind::Moment, "When the newest came."),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[get(
    "/api/v1/agents/{agent}/presence",
    "presence",
    "Agents",
    "Whether an agent is there, and what is known of it.",
    Answer::One(&PRESENCE),
    presence,
)
.with(&[AGENT_FIELD])
.or(ONE)];

fn goodbye(goodbye: &StoredGoodbye) -> Json {
    let reason = match StopReason::from_u8(goodbye.reason) {
        _ if goodbye.reason == 0 => "announced",
        StopReason::Ordered => "ordered",
        StopReason::HostStops => "host_stops",
        StopReason::Replaced => "replaced",
        StopReason::Unknown => "unknown",
    };
    let mut json = object(json!({
        "reason": reason,
        "planned_ms": goodbye.planned_ms,
        "text": goodbye.text,
    }));
    json.dated("at", Some(goodbye.at));
    json.json()
}

fn rival(rival: &Rival) -> Json {
    let mut json = object(json!({ "run": rival.run.to_string(), "batches": rival.batches }));
    json.moment("first", Some(rival.first));
    json.moment("last", Some(rival.last));
    json.json()
}

fn presence(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let id = agent.id;
    let (judged, facts, said, rivals, reason) = desk.look(|rows| {
        let judged = rows.presence(id)?;
        let run = agent
            .current_run
            .or(judged.as_ref().and_then(|judged| judged.run));
        let said = match run {
            Some(run) => rows.goodbye(id, run)?,
            None => None,
        };
        let reason = match judged.as_ref().and_then(|judged| judged.boot) {
            Some(boot) => rows.boot_reason(id, boot)?,
            None => None,
        };
        Ok((judged, rows.facts(id)?, said, rows.rivals(id)?, reason))
    })?;
    let of = |part: fn(&Presence) -> Option<WallTime>| judged.as_ref().and_then(part);
    let rivals: Vec<Json> = rivals.iter().map(rival).collect();
    let judged_now = judged.as_ref();
    let mut json = object(json!({
        "agent": id.to_string(),
        "standing": judged_now.map(|judged| judged.standing.word()),
        "site": judged_now.and_then(|judged| judged.site.clone()),
        "run": judged_now.and_then(|judged| judged.run).map(|run| run.to_string()),
        "boot": judged_now.and_then(|judged| judged.boot).map(|boot| boot.to_string()),
        "boot_reason": reason.map(BootReason::word),
        "clock_off_ms": facts.clock_ms,
        "gaps": facts.alert_gaps,
        "goodbye": said.as_ref().map(goodbye),
        "rivals": rivals,
    }));
    json.moment("seen", of(|judged| judged.seen));
    json.moment("planned_until", of(|judged| judged.planned_until));
    json.moment("doubled", facts.doubled);
    json.moment("machine_changed", facts.machine_since);
    done(json.json())
}
