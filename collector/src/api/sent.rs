//! What agents sent: readings, frames, what got lost, and the rules by which they judge.

use super::agents::{CLOCKS, ONE};
use super::object::object;
use super::page::{self, Asked, CURSOR_FIELD, LIMIT_FIELD};
use super::table::{Answer, Operation, get};
use super::value::{ANY, Field, Kind, NUMBER, Shape, may, must};
use super::{AGENT_FIELD, Desk, Input, Outcome};
use crate::limit::API_READINGS;
use crate::store::{AgentRule, FrameHead, LostRange, Range, StoredReading};
use hansho::clock::WallTime;
use hansho::frame::kind::Kind as FrameKind;
use hansho::rule::Quantity;
use hansho::sample::{Field as Read, Scope};
use serde_json::{Value as Json, json};

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

const STREAM: Field = must(
    "stream",
    Kind::Integer(0, 3),
    "0 alerts, 1 readings, 2 evidence, 3 history.",
);

const FRAME: Shape = Shape {
    name: "Frame",
    says: "A raw frame that is still kept, without its bytes.",
    fields: &[
        must("run", Kind::Text(16), "Run."),
        STREAM,
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
        STREAM,
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
