//! What the agent knows of itself, as quantities that rules can judge.

use super::found::Findings;
use super::takeover::open_of;
use super::{HostGrowth, Tick};
use crate::clock::Uptime;
use crate::frame::Stream;
use crate::rule::window::{Shape, WindowState};
use crate::rule::{Aggregate, Quantity, RuleSet, Subject, Value, Values, Window};
use crate::sample::source::Source;
use crate::sample::{Field, Reading, Snapshot};

/// The wall clock may settle for this long after boot.
const CLOCK_SETTLES_MS: u64 = 10 * 60 * 1000;
/// The page cache is compared with its maximum over this time.
const CACHE_WINDOW: Window = Window {
    aggregate: Aggregate::Maximum,
    length_ms: 60_000,
};
/// A drop of the page cache counts from this part of total memory on.
const CACHE_PART: u64 = 10;
/// Waiting for disks is judged by its mean over this time: a drop shows in reads for longer than a burst lasts.
const IO_WINDOW: Window = Window {
    aggregate: Aggregate::Mean,
    length_ms: 10_000,
};
/// From this share of time on reads hurt, by pressure stall information; by iowait, which says less and is all that
/// other kernels have. In an hour of builds (tests/recordings) that dropped gigabytes three times, the ten seconds around each
/// reached 153 and 77.
const IO_SOME_PERMILLE: u64 = 200;
const IOWAIT_PERMILLE: u64 = 100;
/// A drop that has not hurt for so long hurts nobody.
const DROP_HURTS_WITHIN_MS: u64 = 60_000;

/// A source of the reader, named as in the subject of a rule.
pub type OwnSource = Source;

/// What is gathered between ticks.
#[derive(Debug, Default)]
pub(super) struct OwnQuantities {
    seen: Seen,
    readings_discarded: u64,
    alerts_lost: u64,
    frames_refused: u64,
    posts_refused: u64,
    run_ahead: u64,
    /// `None`: silent since before this run, nobody knows how long.
    last_answer: Option<Uptime>,
    /// Sources (bits) that were gone in the run before, and of which this one has not seen anything yet: the reader only
    /// misses what it has seen itself.
    doubted: u16,
    /// The kernel's count of OOM kills as last seen, by this run or the one before it.
    oom_kill: Option<u64>,
    last_offset_ms: Option<i64>,
    page_cache: WindowState,
    io_some: WindowState,
    iowait: WindowState,
    /// A drop of the page cache in permille that has hurt nobody yet, and when it came.
    dropped: Option<(u64, Uptime)>,
}

/// What a tick sees.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    readings_discarded: u64,
    alerts_lost: u64,
    frames_refused: u64,
    posts_refused: u64,
    run_ahead: u64,
    forward_silence_s: Option<u64>,
    clock_step_ms: u64,
    late_ms: u64,
    disk_ring_fault: Option<u64>,
    configuration_refused: bool,
    page_cache_drop_permille: Option<u64>,
    sources_gone: u16,
    doubted: u16,
    /// OOM kills since the last look, also over a restart.
    oom_kills: Option<u64>,
    /// It is a recording that is judged: nothing of this is known.
    is_recording: bool,
}

impl OwnQuantities {
    /// A run starts: silence counts from here. What the run before had found bad stays unknown until this one sees it
    /// well: a new start is no recovery.
    pub(super) fn started(&mut self, now: Uptime, rules: &RuleSet) {
        let silent = open_of(rules, Quantity::ForwardSilence).next().is_some();
        self.last_answer = (!silent).then_some(now);
        self.doubted = Source::ALL
            .into_iter()
            .filter(|source| {
                open_of(rules, Quantity::SourceGone).any(|subject| subject == source.name())
            })
            .fold(0, |bits, source| bits | source.bit());
    }

    /// The count that goes into the Checkpoint.
    pub(super) fn oom_kill(&self) -> Option<u64> {
        self.oom_kill
    }

    /// The count that the run before saw in the same boot: the watcher itself may be what was killed meanwhile.
    pub(super) fn take_oom_kill(&mut self, seen: Option<u64>) {
        self.oom_kill = seen;
    }

    fn oom_kills(&mut self, look: &Snapshot) -> Option<u64> {
        let now = look.counters.oom_kill?;
        let before = self.oom_kill.replace(now)?;
        now.checked_sub(before)
    }

    pub(super) fn answered(&mut self, now: Uptime) {
        self.last_answer = Some(now);
    }

    pub(super) fn lost(&mut self, stream: Stream, count: u64) {
        let counter = match stream {
            Stream::Alerts => &mut self.alerts_lost,
            Stream::Readings | Stream::Evidence | Stream::History => &mut self.readings_discarded,
        };
        *counter = counter.saturating_add(count);
    }

    pub(super) fn refused(&mut self, count: u64) {
        self.frames_refused = self.frames_refused.saturating_add(count);
    }

    pub(super) fn posts_refused(&mut self) {
        self.posts_refused = self.posts_refused.saturating_add(1);
    }

    pub(super) fn run_ahead(&mut self) {
        self.run_ahead = self.run_ahead.saturating_add(1);
    }

    /// Looks at a tick.
    pub(super) fn tick(&mut self, reading: &Reading, tick: &Tick, forwards: bool) {
        let now = reading.uptime;
        let silence = self.last_answer.map(|at| now.since(at) / 1000);
        for source in Source::gone(self.doubted) {
            if gives(source, &tick.snapshot) {
                self.doubted &= !source.bit();
            }
        }
        self.seen = Seen {
            readings_discarded: self.readings_discarded,
            alerts_lost: self.alerts_lost,
            frames_refused: self.frames_refused,
            posts_refused: self.posts_refused,
            run_ahead: self.run_ahead,
            forward_silence_s: silence.filter(|_| forwards),
            clock_step_ms: self.clock_step(tick),
            late_ms: tick.late_ms,
            disk_ring_fault: tick.disk_ring_fault.map(u64::from),
            configuration_refused: tick.configuration_refused,
            page_cache_drop_permille: self.page_cache_drop(reading),
            sources_gone: tick.snapshot.sources_gone,
            doubted: self.doubted,
            oom_kills: self.oom_kills(&tick.snapshot),
            is_recording: false,
        };
    }

    /// Looks at a reading of a recording: what can be known from readings alone.
    pub(super) fn recorded(&mut self, reading: &Reading) {
        self.seen = Seen {
            page_cache_drop_permille: self.page_cache_drop(reading),
            is_recording: true,
            ..Seen::default()
        };
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    /// What was gathered has been judged.
    pub(super) fn judged(&mut self) {
        self.readings_discarded = 0;
        self.alerts_lost = 0;
        self.frames_refused = 0;
        self.posts_refused = 0;
        self.run_ahead = 0;
    }

    pub(super) fn saw_offset(&mut self, offset_ms: i64) {
        self.last_offset_ms = Some(offset_ms);
    }

    fn clock_step(&mut self, tick: &Tick) -> u64 {
        let offset = super::offset_ms(tick.snapshot.uptime, tick.snapshot.wall);
        let step = self.last_offset_ms.map_or(0, |last| offset.abs_diff(last));
        self.last_offset_ms = Some(offset);
        if tick.snapshot.uptime.as_millis() < CLOCK_SETTLES_MS {
            0
        } else {
            step
        }
    }

    /// A drop is told once, and only when reads then wait: a cache that nobody misses is no event. Afterwards what comes is
    /// compared with what is left.
    fn page_cache_drop(&mut self, reading: &Reading) -> Option<u64> {
        let hurts = self.reads_wait(reading);
        let fell = self.page_cache_fell(reading);
        if let Some(permille) = fell.filter(|permille| *permille >= 500) {
            self.page_cache.empty();
            self.dropped = Some((permille, reading.uptime));
        }
        let fresh = |at| reading.uptime.since(at) <= DROP_HURTS_WITHIN_MS;
        match self.dropped {
            Some((_, at)) if !fresh(at) => {
                self.dropped = None;
                fell.map(|_| 0)
            }
            Some((permille, _)) if hurts => {
                self.dropped = None;
                Some(permille)
            }
            _ => fell.map(|_| 0),
        }
    }

    /// By how much the page cache is below its maximum, permille of that; 0 where it is little memory.
    fn page_cache_fell(&mut self, reading: &Reading) -> Option<u64> {
        let cache = reading.kib(Field::PageCache)?;
        let total = reading.kib(Field::MemoryTotal)?;
        let shape = Shape::of(&CACHE_WINDOW)?;
        let most = self.page_cache.take(&shape, reading.uptime, cache)?;
        let drop = most.saturating_sub(cache);
        if drop.saturating_mul(CACHE_PART) < total {
            return Some(0);
        }
        drop.saturating_mul(1000).checked_div(most)
    }

    /// Whether the time spent waiting for disks is much, lately.
    fn reads_wait(&mut self, reading: &Reading) -> bool {
        let Some(shape) = Shape::of(&IO_WINDOW) else {
            return false;
        };
        let mean = |state: &mut WindowState, field| {
            let permille = u64::from(reading.get(field)?);
            state.take(&shape, reading.uptime, permille)
        };
        let some = mean(&mut self.io_some, Field::PressureIoSome);
        let iowait = mean(&mut self.iowait, Field::CpuIowait);
        match (reading.get(Field::PressureIoSome), some) {
            (Some(_), some) => some.is_some_and(|some| some >= IO_SOME_PERMILLE),
            (None, _) => iowait.is_some_and(|iowait| iowait >= IOWAIT_PERMILLE),
        }
    }
}

fn other_or(recorded: Option<Value>, own: Option<u64>) -> Option<Value> {
    recorded.or_else(|| own.map(|value| Value { value, total: None }))
}

/// Whether a look shows something of a source that has a rule; of the others nobody asks.
fn gives(source: Source, look: &Snapshot) -> bool {
    match source {
        Source::Meminfo => look.memory.total_kib.is_some(),
        Source::Stat => look.cpu.is_some(),
        Source::Loadavg => look.load1_centi.is_some(),
        Source::Vmstat => look
            .counters
            .swap_in_pages
            .or(look.counters.oom_kill)
            .is_some(),
        Source::PressureCpu => look.pressure.cpu_some_us.is_some(),
        Source::PressureMemory => look.pressure.memory_some_us.is_some(),
        Source::PressureIo => look.pressure.io_some_us.is_some(),
        Source::Arcstats
        | Source::CpuOnline
        | Source::CgroupMax
        | Source::CgroupCurrent
        | Source::CgroupStat
        | Source::CgroupEvents
        | Source::CgroupSwap => true,
    }
}

/// A reading together with what the agent knows of itself.
pub(super) struct Observed<'a> {
    pub(super) reading: &'a Reading,
    pub(super) own: &'a Seen,
    pub(super) growth: &'a HostGrowth,
    pub(super) found: &'a Findings,
}

impl Values for Observed<'_> {
    fn value(&self, quantity: Quantity, subject: &Subject) -> Option<Value> {
        let plain = |value| Some(Value { value, total: None });
        match quantity {
            Quantity::PageCacheDrop => self.own.page_cache_drop_permille.and_then(plain),
            forecast if forecast.is_forecast() => self.growth.value(forecast),
            watched if watched.of_subject().is_some() => {
                self.found.value(self.reading.uptime, watched, subject)
            }
            other if self.own.is_recording => other.in_reading(self.reading),
            // The first reading of a run has no rates; that somebody was killed before it is known all the same.
            Quantity::OomKill => other_or(quantity.in_reading(self.reading), self.own.oom_kills),
            Quantity::ReadingsDiscarded => plain(self.own.readings_discarded),
            Quantity::AlertsLost => plain(self.own.alerts_lost),
            Quantity::FramesRefused => plain(self.own.frames_refused),
            Quantity::PostsRefused => plain(self.own.posts_refused),
            Quantity::RunAhead => plain(self.own.run_ahead),
            Quantity::DiskRingFault => self.own.disk_ring_fault.and_then(plain),
            Quantity::ConfigurationRefused => plain(self.own.configuration_refused.into()),
            Quantity::ForwardSilence => self.own.forward_silence_s.and_then(plain),
            Quantity::ClockStep => plain(self.own.clock_step_ms),
            Quantity::TickLate => plain(self.own.late_ms),
            Quantity::SourceGone => {
                let has = |bits| Source::gone(bits).any(|source| source.name() == subject.as_str());
                if has(self.own.doubted) {
                    return None;
                }
                plain(u64::from(has(self.own.sources_gone)))
            }
            other => other.in_reading(self.reading),
        }
    }
}
