//! Evidence: taken from its frames, given to the alert that it is about, read as processes, and compared with the one before.
//!
//! **Whose it is.** Code, subject and episode name the alert. Numbers of episodes begin anew where a host lost its rings, and a
//! test has numbers of its own, so that several alerts may bear them: of those the one of the same run, else the nearest in
//! time, and where none is near it is about none. A rule that was pending and never fired has no alert: then it is its agent's only.

use super::StoreError;
use super::apply::{Applying, Place};
use super::news::bounded;
use super::rows::{AllRows, EvidenceRows};
use super::types::{EvidenceAbout, EvidenceHead, StoredAlert, StoredEvidence};
use crate::limit::{
    EVIDENCE_KEPT, EVIDENCE_NEAR_MS, EVIDENCE_OF_ALERT, EVIDENCE_SUSPECTS, EVIDENCE_TWINS,
    NUMBER_LIMIT,
};
use crate::plain::escaped;
use core::cmp::Reverse;
use hansho::clock::{Uptime, WallTime};
use hansho::frame::body;
use hansho::frame::evidence::{
    AboutRecord, Evidence, FLAG_FRESH, FLAG_NO_TABLE, LIST_CPU, LIST_GROWTH_LONG,
    LIST_GROWTH_SHORT, LIST_MEMORY, LIST_SWAP, Moment, SuspectRecord,
};
use hansho::frame::kind::AgentId;
use hansho::limit::EVIDENCE_ALERTS;
use std::collections::{BTreeMap, BTreeSet};

impl<R: AllRows> Applying<'_, R> {
    pub(super) fn evidence(
        &mut self,
        place: &Place,
        evidence: &Evidence<'_>,
    ) -> Result<(), StoreError> {
        let limited = |uptime_ms| bounded(Uptime::from_millis(uptime_ms));
        let head = EvidenceHead {
            run: place.run.id,
            number: evidence.number,
            boot: place.run.boot,
            parts: evidence.parts,
            uptime: place.uptime,
            at: place.date(place.uptime.as_millis()),
            received: self.now,
            flags: evidence.flags,
            walk_began: evidence.walk_began_ms.map(limited),
            walk_ended: evidence.walk_ended_ms.map(limited),
            seen: evidence.seen,
            read: evidence.read,
            refused: evidence.refused,
            gone: evidence.gone,
            failed: evidence.failed,
            threads: evidence.threads.min(NUMBER_LIMIT),
        };
        let about: Vec<EvidenceAbout> = body::elements::<AboutRecord<'_>>(evidence.about)
            .map_while(Result::ok)
            .take(EVIDENCE_ALERTS)
            .map(|record| EvidenceAbout {
                code: record.code,
                subject: record.subject.to_owned(),
                episode: record.episode,
                moment: record.moment,
            })
            .collect();
        let id = self.agent.id;
        let part = (evidence.part, evidence.suspects);
        self.rows.put_evidence(id, &head, &about, part)?;
        self.rows.bound_evidence(id, EVIDENCE_KEPT)
    }
}

/// A process, as it was read. Texts are escaped: they hold nothing that ends, moves or reorders a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The lists that it is at the top of: `LIST_*` of `hansho::frame::evidence`.
    pub lists: u8,
    /// Process id.
    pub pid: u32,
    /// When it was started, in clock ticks since boot: with the id it names the process.
    pub start_ticks: u64,
    /// Its parent; 0 for none.
    pub parent: u32,
    /// Its threads.
    pub threads: u32,
    /// Name of its program.
    pub name: String,
    /// The user whose rights it has.
    pub uid: Option<u32>,
    /// That user's name.
    pub user: Option<String>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// First digits of its container's id.
    pub container: Option<String>,
    /// How willingly the kernel kills it for memory.
    pub oom_score_adj: Option<i16>,
    /// Resident memory less what is shared or of files, KiB.
    pub memory_kib: Option<u64>,
    /// Memory in swap, KiB.
    pub swap_kib: Option<u64>,
    /// CPU between its last two looks, permille of one processor.
    pub cpu_permille: Option<u32>,
    /// Growth of its memory over about ten minutes.
    pub growth_short: Option<Grown>,
    /// The same over about a day.
    pub growth_long: Option<Grown>,
    /// When it was looked at last.
    pub read: Uptime,
}

/// Growth of a process's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grown {
    /// KiB; below zero it shrank.
    pub kib: i64,
    /// Over so long, milliseconds.
    pub over_ms: u64,
}

/// What processes are put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Memory.
    Memory,
    /// Growth over about ten minutes.
    GrowthShort,
    /// Growth over about a day.
    GrowthLong,
    /// CPU.
    Cpu,
    /// Memory in swap.
    Swap,
}

impl List {
    /// All, in the order of the frame.
    pub const ALL: [Self; 5] = [
        Self::Memory,
        Self::GrowthShort,
        Self::GrowthLong,
        Self::Cpu,
        Self::Swap,
    ];

    /// Its bit in a frame.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Memory => LIST_MEMORY,
            Self::GrowthShort => LIST_GROWTH_SHORT,
            Self::GrowthLong => LIST_GROWTH_LONG,
            Self::Cpu => LIST_CPU,
            Self::Swap => LIST_SWAP,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::GrowthShort => "growth_short",
            Self::GrowthLong => "growth_long",
            Self::Cpu => "cpu",
            Self::Swap => "swap",
        }
    }

    /// By which lists the processes behind a code are looked for, the first before the others: swap for what is about swap, CPU
    /// for CPU, else memory and what grew.
    #[must_use]
    pub const fn of_code(code: u16) -> &'static [Self] {
        match code {
            1011 | 1012 => &[Self::Swap, Self::Memory],
            2000..=2999 => &[Self::Cpu],
            _ => &[Self::Memory, Self::GrowthShort],
        }
    }

    fn value(self, suspect: &Suspect) -> Option<i128> {
        let grown = |grown: Option<Grown>| grown.map(|grown| i128::from(grown.kib));
        match self {
            Self::Memory => suspect.memory_kib.map(i128::from),
            Self::GrowthShort => grown(suspect.growth_short),
            Self::GrowthLong => grown(suspect.growth_long),
            Self::Cpu => suspect.cpu_permille.map(i128::from),
            Self::Swap => suspect.swap_kib.map(i128::from),
        }
    }

    /// Those at its top, the first first; of equals the order of the frame stays.
    #[must_use]
    pub fn top(self, suspects: &[Suspect]) -> Vec<&Suspect> {
        let listed = suspects
            .iter()
            .filter(|suspect| suspect.lists & self.bit() != 0);
        let mut top: Vec<&Suspect> = listed.collect();
        top.sort_by_key(|suspect| Reverse(self.value(suspect)));
        top
    }
}

/// What became of a process since the Evidence before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was listed: its memory has changed by so many KiB, where both were read.
    Memory(Option<i64>),
    /// It was started since.
    Started,
    /// It ran and was not listed.
    NotListed,
}

/// What changed against an earlier Evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Of each process of the later one, by id and start.
    pub now: BTreeMap<(u32, u64), Change>,
    /// Processes of the earlier one that the later one does not list, the largest first: they ended, or fell behind.
    pub gone: Vec<Suspect>,
}

impl StoredEvidence {
    /// Numbers of the parts that are missing, from 0.
    #[must_use]
    pub fn missing(&self) -> Vec<u8> {
        let has = |wanted: u8| self.parts.iter().any(|(part, _)| *part == wanted);
        (0..self.head.parts).filter(|part| !has(*part)).collect()
    }

    /// The processes, in order of the parts.
    #[must_use]
    pub fn suspects(&self) -> Vec<Suspect> {
        let records = self
            .parts
            .iter()
            .flat_map(|(_, part)| body::elements::<SuspectRecord<'_>>(part).map_while(Result::ok));
        records
            .take(EVIDENCE_SUSPECTS)
            .map(|record| suspect(&record))
            .collect()
    }

    /// Whether the walk began after the moment that it is about.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.head.flags & FLAG_FRESH != 0
    }

    /// How old something was that was read at an uptime, milliseconds.
    #[must_use]
    pub const fn age_ms(&self, read: Uptime) -> u64 {
        self.head
            .uptime
            .as_millis()
            .saturating_sub(read.as_millis())
    }

    /// Whether all that the agent listed is here.
    fn is_whole(&self) -> bool {
        self.head.flags & FLAG_NO_TABLE == 0 && self.missing().is_empty()
    }

    /// What changed since an earlier one; `None` where they are of two boots: ids begin anew. Where one of them is not whole,
    /// nothing is said of what it does not list.
    #[must_use]
    pub fn changes(&self, before: &Self) -> Option<Changes> {
        if self.head.boot != before.head.boot || before.head.uptime > self.head.uptime {
            return None;
        }
        let (now, earlier) = (self.suspects(), before.suspects());
        let key = |suspect: &Suspect| (suspect.pid, suspect.start_ticks);
        let known: BTreeMap<_, _> = earlier.iter().map(|one| (key(one), one)).collect();
        let changed = now.iter().map(|one| {
            let change = match known.get(&key(one)) {
                Some(old) => Change::Memory(difference(one.memory_kib, old.memory_kib)),
                None if started_ms(one) > before.head.uptime.as_millis() => Change::Started,
                None if before.is_whole() => Change::NotListed,
                None => Change::Memory(None),
            };
            (key(one), change)
        });
        let changed: BTreeMap<_, _> = changed.collect();
        let mut gone: Vec<Suspect> = earlier
            .iter()
            .filter(|one| self.is_whole() && !changed.contains_key(&key(one)))
            .cloned()
            .collect();
        gone.sort_by_key(|one| Reverse(one.memory_kib));
        Some(Changes { now: changed, gone })
    }
}

/// Uptime at which it was started: a tick is 10 ms.
const fn started_ms(suspect: &Suspect) -> u64 {
    suspect.start_ticks.saturating_mul(10)
}

fn difference(now: Option<u64>, before: Option<u64>) -> Option<i64> {
    let (now, before) = (i64::try_from(now?).ok()?, i64::try_from(before?).ok()?);
    now.checked_sub(before)
}

fn suspect(record: &SuspectRecord<'_>) -> Suspect {
    let grown = |kib: Option<i64>, over_ms| kib.map(|kib| Grown { kib, over_ms });
    Suspect {
        lists: record.lists,
        pid: record.pid,
        start_ticks: record.start_ticks,
        parent: record.parent,
        threads: record.threads,
        name: escaped(record.name),
        uid: record.uid,
        user: record.user.map(escaped),
        unit: record.unit.map(escaped),
        container: record.container.map(escaped),
        oom_score_adj: record.oom_score_adj,
        memory_kib: record.memory_kib,
        swap_kib: record.swap_kib,
        cpu_permille: record.cpu_permille,
        growth_short: grown(record.growth_short_kib, record.growth_short_over_ms),
        growth_long: grown(record.growth_long_kib, record.growth_long_over_ms),
        read: Uptime::from_millis(record.read_ms),
    }
}

/// How far it is from an alert of its code, subject and episode, milliseconds; `None` where it cannot be about it.
fn distance(evidence: &StoredEvidence, moment: Moment, alert: &StoredAlert) -> Option<u64> {
    if alert.identity.test && moment != Moment::Firing {
        return None;
    }
    let begin = alert.occurred.or(alert.detected);
    let begin = begin.map_or(alert.stored, |dated| dated.wall);
    let end = match &alert.resolved {
        Some(resolved) => resolved.wall,
        None if alert.firing => WallTime::from_millis(u64::MAX),
        None => alert.updated,
    };
    let at = evidence.head.at.wall;
    let apart = match (moment, alert.detected) {
        (Moment::Firing, Some(detected)) => at.as_millis().abs_diff(detected.wall.as_millis()),
        _ if at < begin => begin.as_millis().saturating_sub(at.as_millis()),
        _ => at.as_millis().saturating_sub(end.as_millis()),
    };
    let run = evidence.head.run;
    let own = run == alert.run || run == alert.last_run;
    (own || apart <= EVIDENCE_NEAR_MS).then_some(apart)
}

/// Which of several alerts of one code, subject and episode an Evidence is about.
#[must_use]
pub fn owner<'a>(
    evidence: &StoredEvidence,
    about: &EvidenceAbout,
    alerts: &'a [StoredAlert],
) -> Option<&'a StoredAlert> {
    let moment = Moment::from_u8(about.moment);
    let near = alerts
        .iter()
        .filter_map(|alert| Some((distance(evidence, moment, alert)?, alert)));
    near.min_by_key(|(apart, alert)| (*apart, alert.id))
        .map(|(_, alert)| alert)
}

/// The alert that an Evidence of an agent is about; `None` where it never fired, or is not stored yet or any more.
///
/// # Errors
/// [`StoreError`].
pub fn alert_of<R: EvidenceRows + ?Sized>(
    rows: &mut R,
    agent: AgentId,
    evidence: &StoredEvidence,
    about: &EvidenceAbout,
) -> Result<Option<StoredAlert>, StoreError> {
    let identity = super::Identity {
        code: about.code,
        subject: about.subject.clone(),
        test: false,
    };
    let twins = rows.alerts_of_episode(agent, &identity, about.episode, EVIDENCE_TWINS)?;
    Ok(owner(evidence, about, &twins).cloned())
}

/// Evidence of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfAlert {
    /// It.
    pub evidence: StoredEvidence,
    /// When in the life of the alert.
    pub moment: Moment,
}

/// What is about an alert, the oldest first.
///
/// # Errors
/// [`StoreError`].
pub fn of_alert<R: EvidenceRows + ?Sized>(
    rows: &mut R,
    alert: &StoredAlert,
) -> Result<Vec<OfAlert>, StoreError> {
    let (agent, identity) = (alert.agent, &alert.identity);
    let found = rows.evidence_about(agent, identity, alert.episode, EVIDENCE_OF_ALERT)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let twins = rows.alerts_of_episode(agent, identity, alert.episode, EVIDENCE_TWINS)?;
    let mut own = Vec::new();
    for evidence in found {
        let moments: BTreeSet<u8> = evidence
            .about
            .iter()
            .filter(|about| {
                (about.code, about.episode) == (identity.code, alert.episode)
                    && about.subject == identity.subject
                    && owner(&evidence, about, &twins).is_some_and(|own| own.id == alert.id)
            })
            .map(|about| about.moment)
            .collect();
        if let Some(moment) = moments.last() {
            let moment = Moment::from_u8(*moment);
            own.push(OfAlert { evidence, moment });
        }
    }
    own.sort_by_key(|one| {
        let head = &one.evidence.head;
        (head.at.wall, head.received, head.number)
    });
    Ok(own)
}

/// Which of an alert's says most of it: the newest of when it fired that lists processes, else of before, else whatever there is.
#[must_use]
pub fn main(all: &[OfAlert]) -> Option<usize> {
    let lists = |one: &OfAlert| !one.evidence.suspects().is_empty();
    let firing = |one: &OfAlert| one.moment == Moment::Firing;
    all.iter()
        .rposition(|one| firing(one) && lists(one))
        .or_else(|| {
            all.iter()
                .rposition(|one| one.moment == Moment::Pending && lists(one))
        })
        .or_else(|| all.iter().rposition(firing))
        .or_else(|| all.len().checked_sub(1))
}

/// When a boot's uptime was, as [`EvidenceHead::at`] has it.
#[must_use]
pub fn dated(evidence: &StoredEvidence, uptime: Uptime) -> super::Dated {
    let age_ms = evidence.age_ms(uptime);
    let wall_ms = evidence.head.at.wall.as_millis().saturating_sub(age_ms);
    super::Dated {
        wall: WallTime::from_millis(wall_ms),
        ..evidence.head.at
    }
}
