//! Agents.

use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get};
use super::value::{Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome, done};
use crate::limit::{POST_INTERVAL_MS, SILENT_INTERVALS, SILENT_MARGIN_MS};
use crate::store::{Agent, AlertFilter};
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// An agent.
pub const AGENT: Shape = Shape {
    name: "Agent",
    says: "An agent: a host that is watched.",
    fields: &[
        must("agent", Kind::Text(16), "Identity, 16 hexadecimal digits."),
        must("customer", Kind::Text(64), "Customer."),
        must("system", Kind::Text(64), "System of the customer."),
        must("name", Kind::Text(64), "Name; unique within the system."),
        must("created", Kind::Moment, "When it was added."),
        may(
            "last_seen",
            Kind::Moment,
            "Its last sign of life; null where it never was heard.",
        ),
        must(
            "silent",
            Kind::Flag,
            "Its last sign of life is older than it promised.",
        ),
        may(
            "retired",
            Kind::Moment,
            "Since when nobody expects it any more.",
        ),
        must("firing", NUMBER, "Its open alerts."),
        may("run", Kind::Text(16), "The run that speaks for it."),
        may(
            "host",
            Kind::Text(256),
            "Host name, as its newest run says; null before the first, as all that follows.",
        ),
        may("version", Kind::Text(64), "Version of the agent."),
        may("kernel", Kind::Text(256), "Kernel release."),
        may("architecture", Kind::Text(64), "Architecture."),
        may("cores", NUMBER, "Processors on line."),
        may("memory_total_kib", NUMBER, "Total memory, KiB."),
        may(
            "sample_interval_ms",
            NUMBER,
            "How often it samples, milliseconds.",
        ),
        may(
            "report_interval_ms",
            NUMBER,
            "How often it reports readings, milliseconds.",
        ),
        may(
            "post_interval_ms",
            NUMBER,
            "How often it promises to post, milliseconds.",
        ),
        may(
            "registry_version",
            NUMBER,
            "Version of its registry of codes.",
        ),
        may("registry_hash", Kind::Text(16), "Hash of it."),
        may(
            "config_hash",
            Kind::Text(16),
            "Hash of its effective rules.",
        ),
    ],
};

/// Words of what a time is worth.
pub const CLOCKS: &[&str] = &["exact", "confirmed", "host", "unset", "unknown"];

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/agents",
        "agents",
        "Agents",
        "Agents, by customer, system and name.",
        Answer::Page(&AGENT),
        list,
    )
    .with(&[
        may("customer", Kind::Text(64), "Of this customer only."),
        may("system", Kind::Text(64), "Of systems of this name only."),
        may("name", Kind::Text(64), "Of this name only."),
        may(
            "retired",
            Kind::Flag,
            "Retired ones only, or none of them; both where it is not given.",
        ),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ]),
    get(
        "/api/v1/agents/{agent}",
        "agent",
        "Agents",
        "One agent.",
        Answer::One(&AGENT),
        one,
    )
    .with(&[AGENT_FIELD])
    .or(ONE),
];

/// Problems of one agent.
pub const ONE: &[Sort] = &[Sort::NotFound, Sort::Conflict];

/// When an agent was heard last, and whether that is longer ago than it promised.
fn life(desk: &Desk<'_>, agent: &Agent) -> Result<(Option<WallTime>, bool), Problem> {
    let remembered = match desk.signs.of(agent.id) {
        // Whatever is repeated from the network must not make a silent agent look alive.
        Some((header, at)) if desk.store.is_news(&header)? => Some(at),
        _ => None,
    };
    let seen = agent.last_seen.max(remembered);
    let told = agent.inventory.as_ref();
    let promised_ms = told.map_or(POST_INTERVAL_MS, |told| u64::from(told.post_interval_ms));
    let allowed_ms = promised_ms
        .saturating_mul(SILENT_INTERVALS)
        .saturating_add(SILENT_MARGIN_MS);
    let silent =
        seen.is_some_and(|seen| desk.now.as_millis().saturating_sub(seen.as_millis()) > allowed_ms);
    Ok((seen, silent))
}

/// An agent.
pub(super) fn json(desk: &Desk<'_>, agent: &Agent, firing: usize) -> Result<Json, Problem> {
    let told = agent.inventory.as_ref();
    let (last_seen, silent) = life(desk, agent)?;
    let mut json = object(json!({
        "agent": agent.id.to_string(),
        "customer": agent.customer,
        "system": agent.system,
        "name": agent.name,
        "silent": silent,
        "firing": firing,
        "run": agent.current_run.map(|run| run.to_string()),
        "host": told.map(|told| &told.host),
        "version": told.map(|told| &told.version),
        "kernel": told.map(|told| &told.kernel),
        "architecture": told.map(|told| &told.architecture),
        "cores": told.map(|told| told.cores),
        "memory_total_kib": told.map(|told| told.memory_total_kib),
        "sample_interval_ms": told.map(|told| told.sample_interval_ms),
        "report_interval_ms": told.map(|told| told.report_interval_ms),
        "post_interval_ms": told.map(|told| told.post_interval_ms),
        "registry_version": told.map(|told| told.registry_version),
        "registry_hash": told.map(|told| format!("{:016x}", told.registry_hash)),
        "config_hash": told.map(|told| format!("{:016x}", told.config_hash)),
    }));
    json.moment("created", Some(agent.created));
    json.moment("last_seen", last_seen);
    json.moment("retired", agent.retired);
    Ok(json.json())
}

fn firing(desk: &Desk<'_>, agent: Option<AgentId>) -> Result<BTreeMap<AgentId, usize>, Problem> {
    let mut firing: BTreeMap<AgentId, usize> = BTreeMap::new();
    for alert in desk.store.alerts(&AlertFilter {
        agent,
        firing: Some(true),
        limit: None,
    })? {
        let count = firing.entry(alert.agent).or_default();
        *count = count.saturating_add(1);
    }
    Ok(firing)
}

/// One agent, with its open alerts counted.
pub(super) fn shown(desk: &Desk<'_>, agent: &Agent) -> Outcome {
    let firing = firing(desk, Some(agent.id))?;
    done(json(
        desk,
        agent,
        firing.get(&agent.id).copied().unwrap_or(0),
    )?)
}

fn list(desk: &Desk<'_>, input: &Input) -> Outcome {
    let mut agents = desk.agents()?;
    let wanted = |name: &str, found: &str| input.given(name).is_none_or(|wanted| wanted == found);
    agents.retain(|agent| {
        wanted("customer", &agent.customer)
            && wanted("system", &agent.system)
            && wanted("name", &agent.name)
            && input
                .maybe("retired")
                .is_none_or(|retired| retired == agent.retired.is_some())
    });
    let firing = firing(desk, None)?;
    let asked = Asked::new(input);
    // Names have no control characters: the path with one as its mark sorts as (customer, system, name) does.
    let key = |agent: &Agent| format!("{}\u{1}{}\u{1}{}", agent.customer, agent.system, agent.name);
    agents.sort_by_key(key);
    let mut shown = Vec::new();
    let mut next = None;
    for agent in &agents {
        let key = key(agent);
        if asked.after.as_ref().is_some_and(|after| key <= *after) {
            continue;
        }
        if shown.len() >= asked.limit {
            return Ok(page::page(shown, next.as_deref()));
        }
        let count = firing.get(&agent.id).copied().unwrap_or(0);
        shown.push(json(desk, agent, count)?);
        next = Some(key);
    }
    Ok(page::page(shown, None))
}

fn one(desk: &Desk<'_>, input: &Input) -> Outcome {
    shown(desk, &desk.agent(input.text("agent"))?)
}
