//! Evidence: which processes used what when an alert was about to come, came, or ended.

use super::agents::CLOCKS;
use super::alerts::ALERT_FIELD;
use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get};
use super::value::{Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome};
use crate::limit::API_EVIDENCE;
use crate::store::evidence::{Grown, List, Suspect, alert_of, of_alert};
use crate::store::{AlertId, EvidenceAbout, EvidenceKey, StoredEvidence};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::evidence::{FLAG_CUT, FLAG_HIDDEN, FLAG_NO_TABLE, Moment};
use hansho::limit::SUBJECT_BYTES;
use serde_json::{Value as Json, json};

/// Characters of a text of a host: an escaped byte takes six.
const TEXT: Kind = Kind::Text(6 * SUBJECT_BYTES);

/// Words of lists.
const LISTS: &[&str] = &[
    List::Memory.word(),
    List::GrowthShort.word(),
    List::GrowthLong.word(),
    List::Cpu.word(),
    List::Swap.word(),
];

const ABOUT: Shape = Shape {
    name: "EvidenceAbout",
    says: "An alert that evidence is about.",
    fields: &[
        must("code", Kind::Code, "Code."),
        must("subject", TEXT, "Subject; empty for the host."),
        must(
            "episode",
            NUMBER,
            "Episode, as the agent counts; while pending the one that it becomes if it fires.",
        ),
        must(
            "moment",
            Kind::Word(&[
                Moment::Pending.name(),
                Moment::Firing.name(),
                Moment::Resolved.name(),
                Moment::Unknown.name(),
            ]),
            "When in its life.",
        ),
        may(
            "alert",
            Kind::Text(10),
            "The alert; null where it has not fired, or is not stored.",
        ),
    ],
};

const PROCESS: Shape = Shape {
    name: "EvidenceProcess",
    says: "A process at the top of a list. What could not be read is null. In texts of the host, bytes that are no UTF-8, control \
        characters and what reorders or hides text are escaped as \\xff and \\u{1b}.",
    fields: &[
        must(
            "lists",
            Kind::Words(LISTS),
            "The lists that it is at the top of.",
        ),
        must("pid", NUMBER, "Process id."),
        must(
            "start_ticks",
            NUMBER,
            "When it was started, in hundredths of a second since boot: with the id it names the process.",
        ),
        must("parent", NUMBER, "Id of its parent; 0 for none."),
        must("threads", NUMBER, "Its threads."),
        must("name", TEXT, "Name of its program."),
        may("uid", NUMBER, "The user whose rights it has."),
        may("user", TEXT, "That user's name on the host."),
        may("unit", TEXT, "Its systemd unit."),
        may("container", TEXT, "First digits of its container's id."),
        may(
            "oom_score_adj",
            Kind::Signed,
            "How willingly the kernel kills it for memory, -1000 (never) to 1000.",
        ),
        may(
            "memory_kib",
            NUMBER,
            "Resident memory less what is shared or of files, KiB.",
        ),
        may("swap_kib", NUMBER, "Memory in swap, KiB."),
        may(
            "cpu_permille",
            NUMBER,
            "CPU between its last two looks, permille of one processor.",
        ),
        may(
            "growth_short_kib",
            Kind::Signed,
            "Growth of its memory over about ten minutes, KiB.",
        ),
        may(
            "growth_short_over_ms",
            NUMBER,
            "Over how long that was, milliseconds.",
        ),
        may(
            "growth_long_kib",
            Kind::Signed,
            "Growth of its memory over about a day, KiB.",
        ),
        may(
            "growth_long_over_ms",
            NUMBER,
            "Over how long that was, milliseconds.",
        ),
        must(
            "age_ms",
            NUMBER,
            "How long before the evidence was written it was looked at last, milliseconds.",
        ),
    ],
};

const EVIDENCE: Shape = Shape {
    name: "Evidence",
    says: "Which processes used what at one moment.",
    fields: &[
        must("run", Kind::Text(16), "Run that wrote it."),
        must("number", NUMBER, "Which of the run, from 1."),
        must("at", Kind::Moment, "When it was written."),
        must("at_clock", Kind::Word(CLOCKS), "What that date is worth."),
        must("uptime_ms", NUMBER, "The same since boot, milliseconds."),
        must(
            "received",
            Kind::Moment,
            "When the first of its parts was received.",
        ),
        must("parts", NUMBER, "Parts that it has."),
        must(
            "parts_missing",
            NUMBER,
            "Of them those that have not come: their processes are not here.",
        ),
        must(
            "no_table",
            Kind::Flag,
            "There is no table of processes: nobody walks them, or no walk has ended yet.",
        ),
        must(
            "fresh",
            Kind::Flag,
            "The walk began after the moment that it is about.",
        ),
        must(
            "hidden",
            Kind::Flag,
            "Processes of other users are hidden from the agent (hidepid).",
        ),
        must("cut", Kind::Flag, "The walk did not come to its end."),
        may(
            "walk_took_ms",
            NUMBER,
            "How long the last whole walk took, milliseconds; null where there was none.",
        ),
        may(
            "walk_age_ms",
            NUMBER,
            "How long before the evidence was written it ended, milliseconds.",
        ),
        must("seen", NUMBER, "Processes that the walk saw."),
        must("read", NUMBER, "Of them those that were read."),
        must(
            "refused",
            NUMBER,
            "Of them those that the system did not let the agent read.",
        ),
        must(
            "gone",
            NUMBER,
            "Of them those that ended before they were read.",
        ),
        must(
            "failed",
            NUMBER,
            "Of them those that could not be read for another reason.",
        ),
        must("threads", NUMBER, "Threads of those that were read."),
        must("about", Kind::List(&ABOUT), "What it is about."),
        must(
            "processes",
            Kind::List(&PROCESS),
            "The processes, in the order in which the agent told them.",
        ),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    get(
        "/api/v1/alerts/{alert}/evidence",
        "alert_evidence",
        "Alerts",
        "Which processes used what when an alert was pending, fired and resolved, the newest first.",
        Answer::Page(&EVIDENCE),
        of_one_alert,
    )
    .with(&[ALERT_FIELD, CURSOR_FIELD, LIMIT_FIELD])
    .or(&[Sort::NotFound]),
    get(
        "/api/v1/agents/{agent}/evidence",
        "agent_evidence",
        "Agents",
        "Which processes used what on an agent's host, the newest first: also of what was pending and has not fired.",
        Answer::Page(&EVIDENCE),
        of_agent,
    )
    .with(&[AGENT_FIELD, CURSOR_FIELD, LIMIT_FIELD])
    .or(&[Sort::NotFound, Sort::Conflict]),
];

/// An Evidence, and the alerts that it is about.
type Found = (StoredEvidence, Vec<(EvidenceAbout, Option<AlertId>)>);

fn process(evidence: &StoredEvidence, one: &Suspect) -> Json {
    let lists = List::ALL.into_iter();
    let lists = lists.filter(|list| one.lists & list.bit() != 0);
    let lists: Vec<&str> = lists.map(List::word).collect();
    let kib = |grown: Option<Grown>| grown.map(|grown| grown.kib);
    let over_ms = |grown: Option<Grown>| grown.map(|grown| grown.over_ms);
    json!({
        "lists": lists,
        "pid": one.pid,
        "start_ticks": one.start_ticks,
        "parent": one.parent,
        "threads": one.threads,
        "name": one.name,
        "uid": one.uid,
        "user": one.user,
        "unit": one.unit,
        "container": one.container,
        "oom_score_adj": one.oom_score_adj,
        "memory_kib": one.memory_kib,
        "swap_kib": one.swap_kib,
        "cpu_permille": one.cpu_permille,
        "growth_short_kib": kib(one.growth_short),
        "growth_short_over_ms": over_ms(one.growth_short),
        "growth_long_kib": kib(one.growth_long),
        "growth_long_over_ms": over_ms(one.growth_long),
        "age_ms": evidence.age_ms(one.read),
    })
}

fn about((about, alert): &(EvidenceAbout, Option<AlertId>)) -> Json {
    json!({
        "code": about.code,
        "subject": crate::plain::escaped(about.subject.as_bytes()),
        "episode": about.episode,
        "moment": Moment::from_u8(about.moment).name(),
        "alert": alert.map(|alert| alert.to_string()),
    })
}

fn evidence((evidence, alerts): &Found) -> Json {
    let head = &evidence.head;
    let flag = |flag| head.flags & flag != 0;
    let took = |(began, ended): (Uptime, Uptime)| ended.since(began);
    let suspects = evidence.suspects();
    let processes: Vec<Json> = suspects.iter().map(|one| process(evidence, one)).collect();
    let mut json = object(json!({
        "run": head.run.to_string(),
        "number": head.number,
        "uptime_ms": head.uptime.as_millis(),
        "parts": head.parts,
        "parts_missing": evidence.missing().len(),
        "no_table": flag(FLAG_NO_TABLE),
        "fresh": evidence.is_fresh(),
        "hidden": flag(FLAG_HIDDEN),
        "cut": flag(FLAG_CUT),
        "walk_took_ms": head.walk_began.zip(head.walk_ended).map(took),
        "walk_age_ms": head.walk_ended.map(|ended| evidence.age_ms(ended)),
        "seen": head.seen,
        "read": head.read,
        "refused": head.refused,
        "gone": head.gone,
        "failed": head.failed,
        "threads": head.threads,
        "about": alerts.iter().map(about).collect::<Vec<Json>>(),
        "processes": processes,
    }));
    json.dated("at", Some(head.at));
    json.moment("received", Some(head.received));
    json.json()
}

/// Which page is asked for: after which key, and how many at most.
fn asked(input: &Input) -> Result<(Option<EvidenceKey>, usize), Problem> {
    let asked = Asked::new(input);
    let after = match asked.numbers::<3>()? {
        None => None,
        Some([received_ms, run, number]) => {
            let number = u32::try_from(number).map_err(|_| page::stray())?;
            let received = WallTime::from_millis(received_ms);
            Some((received, run.cast_signed(), number))
        }
    };
    Ok((after, asked.limit.min(API_EVIDENCE)))
}

/// A page of those that were found, one more than `limit` where there are more.
fn paged(mut found: Vec<Found>, limit: usize) -> Outcome {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(last, _)| {
        let (received, run, number) = last.head.key();
        format!("{}/{}/{number}", received.as_millis(), run.cast_unsigned())
    });
    let items = found.iter().map(evidence).collect();
    Ok(page::page(items, next.as_deref()))
}

fn of_one_alert(desk: &Desk<'_>, input: &Input) -> Outcome {
    let (alert, _) = desk.alert(input)?;
    let (after, limit) = asked(input)?;
    let mut found = desk.look(|rows| {
        let mut found = Vec::new();
        for one in of_alert(rows, &alert)? {
            let stored = one.evidence;
            if after.is_some_and(|after| stored.head.key() >= after) {
                continue;
            }
            let own = |about: &EvidenceAbout| {
                (about.code, about.episode) == (alert.identity.code, alert.episode)
                    && about.subject == alert.identity.subject
            };
            // What else of the host it is about belongs to the agent's list.
            let about: Vec<EvidenceAbout> = stored
                .about
                .iter()
                .filter(|one| own(one))
                .cloned()
                .collect();
            let about = about.into_iter().map(|about| (about, Some(alert.id)));
            found.push((stored.clone(), about.collect()));
        }
        Ok(found)
    })?;
    found.sort_by_key(|(stored, _): &Found| core::cmp::Reverse(stored.head.key()));
    paged(found, limit)
}

fn of_agent(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let (after, limit) = asked(input)?;
    let found = desk.look(|rows| {
        let mut found: Vec<Found> = Vec::new();
        for stored in rows.evidence_of(agent.id, after, limit.saturating_add(1))? {
            let mut alerts = Vec::new();
            for about in &stored.about {
                let alert = alert_of(rows, agent.id, &stored, about)?;
                alerts.push((about.clone(), alert.map(|alert| alert.id)));
            }
            found.push((stored, alerts));
        }
        Ok(found)
    })?;
    paged(found, limit)
}
