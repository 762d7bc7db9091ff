//! Agents, and what they sent.

use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::problem::{Problem, Sort};
use super::table::{Answer, Operation, get};
use super::value::{ANY, Field, Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome, done};
use crate::limit::{API_READINGS, POST_INTERVAL_MS, SILENT_INTERVALS, SILENT_MARGIN_MS};
use crate::store::{
    Agent, AgentRule, AlertFilter, BootReason, FrameHead, LostRange, Presence, Range, Rival,
    Standing, StoredGoodbye, StoredReading,
};
use hansho::clock::WallTime;
use hansho::frame::body::StopReason;
use hansho::frame::kind::{AgentId, Kind as FrameKind};
use hansho::rule::Quantity;
use hansho::sample::{Field as Read, Scope};
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

/// Words of what a time is worth.
pub const CLOCKS: &[&str] = &["exact", "confirmed", "host", "unset", "unknown"];

const READING: Shape = Shape {
    name: "Reading",
    says: "A reading: rates over its interval, last levels. What could not be read is null.",
    fields: &[
        must("run", Kind::Text(16), "Run."),
        must("sequence", NUMBER, "Sequence of its frame."),
        must("uptime_ms", NUMBER, "Uptime of the host, milliseconds."),
        must("wall", Kind::Moment, "When."),
        must("clock", Kind::Word(CLOCKS), "What that time is worth."),
        must(
            "scope",
            Kind::Word(&["host", "container"]),
            "What was measured.",
        ),
        must("memory", Kind::Object(&MEMORY), "Memory, KiB."),
        must("cpu", Kind::Object(&CPU), "Processors."),
        must(
            "pressure",
            Kind::Object(&PRESSURE),
            "Pressure, permille of the time.",
        ),
        must("rates", Kind::Object(&RATES), "Counters over the interval."),
    ],
};

const fn kib(name: &'static str, says: &'static str) -> Field {
    may(name, NUMBER, says)
}

const MEMORY: Shape = Shape {
    name: "ReadingMemory",
    says: "Memory, KiB.",
    fields: &[
        kib("total_kib", "Total."),
        kib("available_kib", "Available without swapping."),
        must(
            "available_estimated",
            Kind::Flag,
            "The kernel does not tell what is available: estimated its way.",
        ),
        kib("used_peak_kib", "Highest use within the interval."),
        kib("anonymous_kib", "Anonymous."),
        kib("page_cache_kib", "Page cache."),
        kib("shmem_kib", "Shared memory and tmpfs."),
        kib("slab_reclaimable_kib", "Slab that can be reclaimed."),
        kib("slab_unreclaimable_kib", "Slab that cannot."),
        kib("swap_total_kib", "Swap."),
        kib("swap_used_kib", "Swap in use."),
        kib("dirty_kib", "Waiting to be written."),
        kib("committed_kib", "Committed."),
        kib("zfs_arc_kib", "ZFS ARC."),
        kib("hugetlb_total_kib", "Pool of huge pages."),
        kib("hugetlb_free_kib", "Unused of that."),
    ],
};

const CPU: Shape = Shape {
    name: "ReadingCpu",
    says: "Processors.",
    fields: &[
        kib("busy_permille", "Busy, without waiting for I/O, permille."),
        kib(
            "busy_peak_permille",
            "Highest within the interval, permille.",
        ),
        kib("user_permille", "In programs, permille."),
        kib("system_permille", "In the kernel, permille."),
        kib("iowait_permille", "Waiting for I/O, permille."),
        kib("steal_permille", "Taken by the hypervisor, permille."),
        kib("load1_centi", "Load over one minute, hundredths."),
        kib("runnable", "Runnable tasks."),
        kib("cores", "Processors."),
    ],
};

const PRESSURE: Shape = Shape {
    name: "ReadingPressure",
    says: "Pressure, permille of the time.",
    fields: &[
        kib("cpu_some_permille", "Some task waited for a processor."),
        kib("memory_some_permille", "Some task waited for memory."),
        kib("memory_full_permille", "All tasks waited for memory."),
        kib("io_some_permille", "Some task waited for I/O."),
        kib("io_full_permille", "All tasks waited for I/O."),
    ],
};

const RATES: Shape = Shape {
    name: "ReadingRates",
    says: "Counters over the interval.",
    fields: &[
        kib("oom_kill", "Kills by the OOM killer."),
        kib(
            "swap_in_pages_per_s",
            "Pages read back from swap, a second.",
        ),
        kib("swap_out_pages_per_s", "Pages written to swap, a second."),
        kib("major_faults_per_s", "Major faults, a second."),
        kib(
            "refaults_per_s",
            "Pages read again that had been dropped, a second.",
        ),
    ],
};

const FRAME: Shape = Shape {
    name: "Frame",
    says: "A raw frame that is still kept, without its bytes.",
    fields: &[
        must("run", Kind::Text(16), "Run."),
        must(
            "stream",
            Kind::Integer(0, 3),
            "0 alerts, 1 readings, 2 evidence, 3 history.",
        ),
        must("sequence", NUMBER, "Sequence."),
        must(
            "kind",
            Kind::Text(32),
            "Kind; its number where this version does not know it.",
        ),
        must("received", Kind::Moment, "When it was received."),
        must("bytes", NUMBER, "Length, bytes."),
    ],
};

const LOSS: Shape = Shape {
    name: "Loss",
    says: "Frames that will never come.",
    fields: &[
        must("run", Kind::Text(16), "Run."),
        must(
            "stream",
            Kind::Integer(0, 3),
            "0 alerts, 1 readings, 2 evidence, 3 history.",
        ),
        must("first", NUMBER, "First lost sequence."),
        must("last", NUMBER, "Last lost sequence."),
        must(
            "reason",
            Kind::Word(&[
                "unknown",
                "overwritten",
                "refused",
                "refused_malformed",
                "refused_wrong_stream",
                "gap",
                "merged",
            ]),
            "Why.",
        ),
        must(
            "recorded",
            Kind::Moment,
            "When the collector learned of it.",
        ),
    ],
};

const RULE: Shape = Shape {
    name: "Rule",
    says: "An effective rule of an agent, as it told.",
    fields: &[
        must("code", Kind::Code, "The code that it raises."),
        must("subject", Kind::Text(64), "Subject; empty for the host."),
        must("enabled", Kind::Flag, "Whether it judges."),
        must(
            "quantity",
            Kind::Text(64),
            "What it judges; a number where this version does not know it.",
        ),
        may("raise_permille", NUMBER, "Level, permille of the total."),
        may("raise_absolute", NUMBER, "Level, in the quantity's unit."),
        must(
            "raise_after_ms",
            NUMBER,
            "How long it must be above, milliseconds.",
        ),
        must(
            "origin",
            Kind::Text(1000),
            "`built-in`, or file and line on the host.",
        ),
    ],
};

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
    get(
        "/api/v1/agents/{agent}/presence",
        "presence",
        "Agents",
        "Whether an agent is there, and what is known of it.",
        Answer::One(&PRESENCE),
        presence,
    )
    .with(&[AGENT_FIELD])
    .or(ONE),
    get(
        "/api/v1/agents/{agent}/readings",
        "readings",
        "Agents",
        "Readings, the newest first. Without `from` those of the last 24 hours.",
        Answer::Page(&READING),
        readings,
    )
    .with(&[
        AGENT_FIELD,
        may("from", Kind::Moment, "Not before."),
        may("to", Kind::Moment, "Not after."),
        CURSOR_FIELD,
        LIMIT_FIELD,
    ])
    .or(ONE),
    get(
        "/api/v1/agents/{agent}/frames",
        "frames",
        "Agents",
        "Raw frames that are still kept, without their bytes, by run, stream and sequence.",
        Answer::Page(&FRAME),
        frames,
    )
    .with(&[AGENT_FIELD, CURSOR_FIELD, LIMIT_FIELD])
    .or(ONE),
    get(
        "/api/v1/agents/{agent}/losses",
        "losses",
        "Agents",
        "Frames that will never come, by run, stream and sequence.",
        Answer::Page(&LOSS),
        losses,
    )
    .with(&[AGENT_FIELD, CURSOR_FIELD, LIMIT_FIELD])
    .or(ONE),
    get(
        "/api/v1/agents/{agent}/rules",
        "rules",
        "Agents",
        "The rules by which an agent judges, as it told; none before it did.",
        Answer::Page(&RULE),
        rules,
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

/// A reading, with the names of `hansho sample --json`.
#[must_use]
pub fn reading(stored: &StoredReading) -> Json {
    let r = &stored.reading;
    let (kib, get) = (|field| r.kib(field), |field| r.get(field));
    let mut json = object(json!({
        "run": stored.run.to_string(),
        "sequence": stored.sequence,
        "uptime_ms": r.uptime.as_millis(),
        "clock": stored.dated.quality.word(),
        "scope": match r.scope { Scope::Host => "host", Scope::Container => "container" },
        "memory": {
            "total_kib": kib(Read::MemoryTotal),
            "available_kib": kib(Read::MemoryAvailable),
            "available_estimated": r.available_estimated,
            "used_peak_kib": kib(Read::MemoryUsedPeak),
            "anonymous_kib": kib(Read::MemoryAnonymous),
            "page_cache_kib": kib(Read::PageCache),
            "shmem_kib": kib(Read::Shmem),
            "slab_reclaimable_kib": kib(Read::SlabReclaimable),
            "slab_unreclaimable_kib": kib(Read::SlabUnreclaimable),
            "swap_total_kib": kib(Read::SwapTotal),
            "swap_used_kib": kib(Read::SwapUsed),
            "dirty_kib": kib(Read::MemoryDirty),
            "committed_kib": kib(Read::MemoryCommitted),
            "zfs_arc_kib": kib(Read::ZfsArc),
            "hugetlb_total_kib": kib(Read::HugetlbTotal),
            "hugetlb_free_kib": kib(Read::HugetlbFree),
        },
        "cpu": {
            "busy_permille": get(Read::CpuBusy),
            "busy_peak_permille": get(Read::CpuBusyPeak),
            "user_permille": get(Read::CpuUser),
            "system_permille": get(Read::CpuSystem),
            "iowait_permille": get(Read::CpuIowait),
            "steal_permille": get(Read::CpuSteal),
            "load1_centi": get(Read::Load1),
            "runnable": get(Read::Runnable),
            "cores": get(Read::Cores),
        },
        "pressure": {
            "cpu_some_permille": get(Read::PressureCpuSome),
            "memory_some_permille": get(Read::PressureMemorySome),
            "memory_full_permille": get(Read::PressureMemoryFull),
            "io_some_permille": get(Read::PressureIoSome),
            "io_full_permille": get(Read::PressureIoFull),
        },
        "rates": {
            "oom_kill": get(Read::OomKill),
            "swap_in_pages_per_s": get(Read::SwapIn),
            "swap_out_pages_per_s": get(Read::SwapOut),
            "major_faults_per_s": get(Read::MajorFaults),
            "refaults_per_s": get(Read::Refaults),
        },
    }));
    json.moment("wall", Some(stored.dated.wall));
    json.json()
}

fn readings(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let asked = Asked::new(input);
    let key = |stored: &StoredReading| {
        [
            stored.dated.wall.as_millis(),
            stored.run.0,
            stored.sequence,
            stored.reading.uptime.as_millis(),
        ]
    };
    let after = asked.numbers::<4>()?;
    let day_ago = desk.now.as_millis().saturating_sub(crate::clock::DAY_MS);
    let to = input.moment("to").unwrap_or(WallTime::from_millis(ANY));
    let to = match after {
        Some([ms, ..]) => to.min(WallTime::from_millis(ms)),
        None => to,
    };
    let mut found = desk.store.readings(
        agent.id,
        &Range {
            from: input
                .moment("from")
                .unwrap_or(WallTime::from_millis(day_ago)),
            to,
            limit: API_READINGS,
        },
    )?;
    found.sort_by_key(|stored| core::cmp::Reverse(key(stored)));
    let mut rest = found
        .iter()
        .filter(|stored| after.is_none_or(|after| key(stored) < after));
    let shown: Vec<&StoredReading> = rest.by_ref().take(asked.limit).collect();
    let more = rest.next().is_some() || found.len() >= API_READINGS;
    let next = shown.last().filter(|_| more).map(|last| {
        let numbers = key(last).map(|number| number.to_string());
        numbers.join("/")
    });
    Ok(page::page(
        shown.into_iter().map(reading).collect(),
        next.as_deref(),
    ))
}

/// A frame, with the names of `hansho-collector frames --json`.
#[must_use]
pub fn frame(frame: &FrameHead) -> Json {
    let kind = FrameKind::from_number(frame.kind).map_or_else(
        || frame.kind.to_string(),
        |kind| format!("{kind:?}").to_lowercase(),
    );
    let mut json = object(json!({
        "run": frame.run.to_string(),
        "stream": frame.stream.number(),
        "sequence": frame.sequence,
        "kind": kind,
        "bytes": frame.bytes,
    }));
    json.moment("received", Some(frame.received));
    json.json()
}

fn frames(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let asked = Asked::new(input);
    let after = match asked.numbers::<3>()? {
        None => None,
        Some([run, stream, sequence]) => {
            let stream = u8::try_from(stream).map_err(|_| page::stray())?;
            Some((run.cast_signed(), stream, sequence))
        }
    };
    let one_more = asked.limit.saturating_add(1);
    let mut found = desk.store.frame_heads(agent.id, after, one_more)?;
    let more = found.len() > asked.limit;
    found.truncate(asked.limit);
    let next = found.last().filter(|_| more).map(|last| {
        let (run, stream, sequence) = last.key();
        format!("{}/{stream}/{sequence}", run.cast_unsigned())
    });
    Ok(page::page(
        found.iter().map(frame).collect(),
        next.as_deref(),
    ))
}

/// A lost range, with the names of `hansho-collector losses --json`.
#[must_use]
pub fn loss(loss: &LostRange) -> Json {
    let mut json = object(json!({
        "run": loss.run.to_string(),
        "stream": loss.stream.number(),
        "first": loss.first,
        "last": loss.last,
        "reason": loss.reason.word(),
    }));
    json.moment("recorded", Some(loss.recorded));
    json.json()
}

fn losses(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let asked = Asked::new(input);
    let after = asked.numbers::<3>()?;
    let losses = desk.store.losses(agent.id)?;
    Ok(page::of(
        &losses,
        &asked,
        after.as_ref(),
        |loss| [loss.run.0, u64::from(loss.stream.number()), loss.first],
        |key| key.map(|number| number.to_string()).join("/"),
        loss,
    ))
}

fn rule(rule: &AgentRule) -> Json {
    let quantity = Quantity::ALL
        .iter()
        .find(|(known, ..)| Quantity::from_number(rule.quantity) == Some(*known))
        .map_or_else(
            || rule.quantity.to_string(),
            |(_, word, ..)| (*word).to_owned(),
        );
    json!({
        "code": rule.code,
        "subject": rule.subject,
        "enabled": rule.enabled,
        "quantity": quantity,
        "raise_permille": rule.raise_permille,
        "raise_absolute": rule.raise_absolute,
        "raise_after_ms": rule.raise_after_ms,
        "origin": rule.origin,
    })
}

fn rules(desk: &Desk<'_>, input: &Input) -> Outcome {
    let agent = desk.agent(input.text("agent"))?;
    let rules = desk.store.rules(agent.id)?;
    Ok(page::page(rules.iter().map(rule).collect(), None))
}
