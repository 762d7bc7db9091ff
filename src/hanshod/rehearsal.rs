//! The rehearsal: the whole path of an alert, once, on a ring that nobody reads and that is gone afterwards. Code, stack and
//! tables that the first real alert needs are then in memory, and locked there (`MCL_ONFAULT`).

use crate::watch::{Recorder, anchor, record_evidence, walk};
use hansho::clock::Uptime;
use hansho::forward::news::{NEWS_BYTES, News};
use hansho::frame::body::StopReason;
use hansho::frame::evidence::Victim;
use hansho::frame::{AgentId, BootId, RunId, Stream};
use hansho::keeper::control::Order;
use hansho::limit::{CHECKPOINT_BYTES, MEMORY_RING_BYTES, MESSAGE_BYTES};
use hansho::machine::{Input, Machine, Tick};
use hansho::sample::{Reader, Snapshot};
use hansho::scout::image::{IMAGE_BYTES, Image};
use hansho::scout::{
    Coverage, Growth, Identity as ProcessIdentity, Process, ScoutNews, Suspects, Text,
};
use hansho::spool::superblock::Cursor;
use hansho::spool::{Identity, MemoryRing};
use hansho::sys::{self, Mapping};
use std::hint::black_box;

/// Ticks of the rehearsal: enough for a rule to become pending, fire and be told again.
const TICKS: u64 = 8;
/// Between two of them: rates, shares and windows need time to pass, and a test alert ends after a minute.
const TICK_MS: u64 = 10_000;

/// Rehearses with a machine of its own, and drops it.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn rehearse(
    mut machine: Box<Machine>,
    reader: &mut dyn Reader,
    checkpoint: &mut [u8; CHECKPOINT_BYTES],
    (boot, run): (BootId, RunId),
) -> Result<(), String> {
    let identity = Identity {
        agent: AgentId(0),
        run,
        boot,
        ring: 1,
        run_number_floor: 0,
    };
    let scratch =
        Mapping::anonymous(*MEMORY_RING_BYTES.start()).map_err(|error| error.to_string())?;
    let (now, wall) = sys::clocks();
    let (ring, _) = MemoryRing::open(&scratch, identity, now, anchor(now, wall, false))
        .map_err(|fault| format!("{fault:?}"))?;
    let mut recorder = Recorder::new(ring, None);
    let shown = Mapping::anonymous(IMAGE_BYTES as u64).map_err(|error| error.to_string())?;
    let suspects = Image::create(&shown).ok_or("suspects: too short")?;
    suspects.publish(&crowd(now).listed(), Some(&Coverage::default()));
    for step in 0..TICKS {
        let at = now.plus(step.saturating_mul(TICK_MS));
        let snapshot = reader.look(at, wall, true);
        let tick = Tick {
            snapshot: loaded(snapshot, step),
            late_ms: 60_000,
            disk_ring_fault: Some(step % 4 != 3),
            configuration_refused: step % 4 != 3,
            ..Tick::default()
        };
        let anchored = recorder
            .ring
            .set_anchor(at, anchor(at, wall, step % 2 == 0));
        recorder.note(anchored);
        machine.step(at, Input::Tick(&tick), &mut recorder);
        let coverage = suspects.coverage().unwrap_or_default();
        if machine.evidence_is_due(at, Some(coverage.began)) {
            let seen = (at, Some(walk(&coverage)));
            let _wanted = record_evidence(&mut machine, &suspects, seen, &mut recorder);
        }
        recorder.record_state(&machine, checkpoint, at);
        messages(&mut machine, &mut recorder, run, at);
    }
    machine.step(
        now.plus(TICKS.saturating_mul(TICK_MS)),
        Input::Stop {
            reason: StopReason::Ordered,
        },
        &mut recorder,
    );
    if recorder.lost > 0 {
        return Err(format!("{} records did not fit", recorder.lost));
    }
    Ok(())
}

/// As many suspects as there may be, with the longest texts.
fn crowd(now: Uptime) -> Suspects {
    let mut suspects = Suspects::default();
    for pid in 1..=64_u32 {
        // Each list has others at its top.
        let rank = |list: u32| u64::from(pid.wrapping_add(list.wrapping_mul(8)) % 64);
        let growth = |list: u32| {
            Some(Growth {
                kib: i64::try_from(rank(list)).unwrap_or(0),
                over_ms: u64::MAX,
            })
        };
        suspects.add(&Process {
            id: ProcessIdentity {
                pid,
                start_ticks: u64::MAX,
            },
            parent: u32::MAX,
            threads: u32::MAX,
            name: Text::cut(&[b'x'; 16]),
            uid: Some(u32::MAX),
            unit: Some(Text::cut(&[b'x'; 64])),
            container: Some(Text::cut(&[b'x'; 12])),
            oom_score_adj: Some(-1000),
            memory_kib: Some(rank(0)),
            swap_kib: Some(rank(1)),
            cpu_permille: u32::try_from(rank(2)).ok(),
            growth_short: growth(3),
            growth_long: growth(4),
            read_at: now,
            entered_at: now,
        });
    }
    suspects
}

/// The look as it would be with memory used up, and every other time not: so that rules fire.
fn loaded(mut look: Snapshot, step: u64) -> Snapshot {
    if step % 4 != 3 {
        look.memory.available_kib = look.memory.total_kib.map(|total| total / 100);
        look.memory.page_cache_kib = look.memory.page_cache_kib.map(|cache| cache / 100);
    }
    look.counters.oom_kill = Some(step);
    look
}

/// Every message that may come.
fn messages(machine: &mut Machine, recorder: &mut Recorder<&Mapping>, run: RunId, at: Uptime) {
    let mut buffer = [0; NEWS_BYTES];
    for news in [
        News::Answered {
            collector_wall: sys::wall(),
        },
        News::Stored {
            run_number: 1,
            run,
            stream: Stream::Alerts,
            next: at.as_millis(),
        },
        News::RunAhead { run: RunId(0) },
    ] {
        let decoded = news.encode(&mut buffer).ok().map(News::decode);
        let _decoded = black_box(decoded);
    }
    let cursor = Cursor {
        run_number: 1,
        run,
        next_sequence: at.as_millis(),
    };
    let set = recorder.ring.set_cursor(at, Stream::Alerts, cursor);
    recorder.note(set);
    let _order = black_box(Order::from_bytes(&Order::Test { code: 8009 }.to_bytes()));
    let mut message = [0; MESSAGE_BYTES];
    let victim = ScoutNews::Victim(Victim::default());
    let told = victim.encode(&mut message).ok();
    if let Some(Ok(ScoutNews::Victim(victim))) = told.map(ScoutNews::decode) {
        machine.step(at, Input::Victim(&victim), recorder);
    }
    for input in [
        Input::Answered,
        Input::Test { code: 8009 },
        Input::RunAhead,
        Input::Refused { count: 1 },
        Input::PostsRefused,
        Input::Leave {
            planned_ms: 1,
            text: "x",
        },
        Input::LeaveEnded,
        Input::Lost {
            stream: Stream::Alerts,
            count: 1,
        },
    ] {
        machine.step(at, input, recorder);
    }
}
