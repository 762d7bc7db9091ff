//! Whom the kernel killed for memory.

use super::agents::CLOCKS;
use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::Sort;
use super::table::{Answer, Operation, get};
use super::value::{Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome};
use crate::limit::API_EVIDENCE;
use crate::store::{StoredVictim, VictimKey};
use hansho::clock::WallTime;
use hansho::frame::evidence::Short;
use hansho::limit::{SUBJECT_BYTES, VICTIM_GROUP_BYTES};
use serde_json::{Value as Json, json};

/// Characters of a text of a host: an escaped byte takes six.
const TEXT: Kind = Kind::Text(6 * SUBJECT_BYTES);

const VICTIM: Shape = Shape {
    name: "Victim",
    says: "A process that the kernel killed for memory. What the kernel did not say is null. In texts of the host, bytes that are no \
        UTF-8, control characters and what reorders or hides text are escaped as \\xff and \\u{1b}.",
    fields: &[
        must("boot", Kind::Text(16), "Boot of the host."),
        must(
            "sequence",
            NUMBER,
            "Number of the record in the kernel's log, of this boot.",
        ),
        must("at", Kind::Moment, "When it was killed."),
        must("at_clock", Kind::Word(CLOCKS), "What that date is worth."),
        must("received", Kind::Moment, "When it was received."),
        must("pid", NUMBER, "Process id."),
        must("name", TEXT, "Name of its program."),
        may("uid", NUMBER, "The user whose rights it had."),
        may(
            "oom_score_adj",
            Kind::Signed,
            "How willingly the kernel killed it for memory, -1000 (never) to 1000.",
        ),
        must("anonymous_kib", NUMBER, "Its anonymous memory, KiB."),
        must("file_kib", NUMBER, "Its memory of files, KiB."),
        may("shared_kib", NUMBER, "Its shared memory, KiB."),
        must(
            "short",
            Kind::Word(&[
                Short::Host.name(),
                Short::Group.name(),
                Short::Nodes.name(),
                Short::Unknown.name(),
            ]),
            "What was short: the host's memory, that of a control group with a limit, or that of the nodes that it was bound to.",
        ),
        may(
            "group",
            Kind::Text(6 * VICTIM_GROUP_BYTES),
            "The control group whose limit was reached; null where it was none.",
        ),
        may("unit", TEXT, "Its systemd unit."),
        may("container", TEXT, "First digits of its container's id."),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[get(
    "/api/v1/agents/{agent}/victims",
    "agent_victims",
    "Agents",
    "Whom the kernel killed for memory on an agent's host, the newest received first.",
    Answer::Page(&VICTIM),
    of_agent,
)
.with(&[AGENT_FIELD, CURSOR_FIELD, LIMIT_FIELD])
.or(&[Sort::NotFound, Sort::Conflict])];

fn victim(one: &StoredVictim) -> Json {
    let mut json = object(json!({
        "boot": one.boot.to_string(),
        "sequence": one.sequence,
        "pid": one.pid,
        "name": one.name,
        "uid": one.uid,
        "oom_score_adj": one.oom_score_adj,
        "anonymous_kib": one.anonymous_kib,
        "file_kib": one.file_kib,
        "shared_kib": one.shared_kib,
        "short": Short::from_u8(one.short).name(),
        "group": Some(&one.group).filter(|group| !group.is_empty()),
        "unit": one.unit,
        "container": one.container,
    }));
    json.dated("at", Some(one.at));
    json.moment("received", Some(one.received));
    json.json()
}

fn of_agent(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let asked = Asked::new(input);
    let after: Option<VictimKey> = asked.numbers::<3>()?.map(|[received_ms, boot, sequence]| {
        let received = WallTime::from_millis(received_ms);
        (received, boot.cast_signed(), sequence)
    });
    let limit = asked.limit.min(API_EVIDENCE);
    let mut found =
        desk.look(|rows| Ok(rows.victims_of(agent.id, after, limit.saturating_add(1))?))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| {
        let (received, boot, sequence) = last.key();
        format!(
            "{}/{}/{sequence}",
            received.as_millis(),
            boot.cast_unsigned()
        )
    });
    let items = found.iter().map(victim).collect();
    Ok(page::page(items, next.as_deref()))
}
