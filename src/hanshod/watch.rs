//! The watcher: samples, steps the machine, records. [`crate::start`] puts it together; from its first tick on it never
//! forks, execs, allocates, opens, resolves, or waits for a disk or a pipe. (The sysinfo reader is an exception that the
//! configuration may choose; it says so at the start.)

use crate::scribe::Handle;
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::forward::news::News;
use hansho::forward::trust::BUILD_WALL;
use hansho::frame::{RunId, Stream};
use hansho::keeper::control::{self, Order};
use hansho::keeper::gauges::{Gauge, Gauges, Role};
use hansho::keeper::supervise::EXIT_NEW_RUN;
use hansho::keeper::wake::{ScoutWake, Wake};
use hansho::limit::{CHECKPOINT_BYTES, MESSAGE_BYTES, MESSAGES_PER_TICK};
use hansho::machine::{Input, Journal, Machine, Seen, Settings, Tick, Unrecorded, Walk, next_due};
use hansho::sample::Reader;
use hansho::scout::image::Image;
use hansho::scout::{Coverage, LISTED, Listed, ScoutNews};
use hansho::spool::superblock::Cursor;
use hansho::spool::{Memory, MemoryRing};
use hansho::sys::{self, Mapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Wall time and an answer that agree to this make an anchor "confirmed".
const CONFIRMED_WITHIN_MS: u64 = 2_000;
/// Messages are taken again after this where ticks are further apart.
const MESSAGE_ROUND_MS: u64 = 1_000;

/// Where the machine's actions go: the memory ring and the scribe.
pub(crate) struct Recorder<M> {
    pub(crate) ring: MemoryRing<M>,
    pub(crate) scribe: Option<Handle>,
    /// An alert was recorded since the last look.
    pub(crate) alert: bool,
    /// Frames, checkpoints and cursors that the ring did not take.
    pub(crate) lost: u64,
    /// Of them the frames that were promised, since the last tick.
    pub(crate) unrecorded: Unrecorded,
    /// Sequence of the newest frame of the alert stream.
    pub(crate) newest_alert: Option<u64>,
}

impl<M: Memory> Journal for Recorder<M> {
    fn record(&mut self, stream: Stream, uptime: Uptime, frame: &[u8]) {
        match self.ring.append(stream, uptime, frame) {
            Ok(sequence) if stream == Stream::Alerts => {
                self.alert = true;
                self.newest_alert = Some(sequence);
            }
            Ok(_) => {}
            Err(_) => {
                self.lost = self.lost.saturating_add(1);
                let count = match stream {
                    Stream::Alerts => &mut self.unrecorded.alerts,
                    Stream::Readings | Stream::Evidence => &mut self.unrecorded.readings,
                    Stream::History => return,
                };
                *count = count.saturating_add(1);
            }
        }
    }

    fn say(&mut self, line: &str) {
        if let Some(scribe) = &mut self.scribe {
            scribe.say(line);
        }
    }
}

impl<M: Memory> Recorder<M> {
    pub(crate) fn new(ring: MemoryRing<M>, scribe: Option<Handle>) -> Self {
        Self {
            ring,
            scribe,
            alert: false,
            lost: 0,
            unrecorded: Unrecorded::default(),
            newest_alert: None,
        }
    }

    /// Counts what the ring did not take.
    pub(crate) fn note<T, E>(&mut self, outcome: Result<T, E>) {
        if outcome.is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// The rule state, behind the alerts that it includes.
    pub(crate) fn record_state(
        &mut self,
        machine: &Machine,
        buffer: &mut [u8; CHECKPOINT_BYTES],
        now: Uptime,
    ) {
        let recorded = machine
            .checkpoint(buffer.as_mut_slice())
            .map(|bytes| self.ring.checkpoint(now, bytes));
        self.note(
            recorded
                .map_err(|_| ())
                .and_then(|inner| inner.map_err(|_| ())),
        );
    }
}

/// How many messages may still be taken of whom, until when.
#[derive(Clone, Copy, Debug)]
struct Budget {
    orders: usize,
    news: usize,
    findings: usize,
    until_ms: u64,
}

impl Budget {
    const fn fresh(now_ms: u64) -> Self {
        Self {
            orders: MESSAGES_PER_TICK,
            news: MESSAGES_PER_TICK,
            findings: MESSAGES_PER_TICK,
            until_ms: now_ms.saturating_add(MESSAGE_ROUND_MS),
        }
    }
}

/// The watcher.
pub(crate) struct Watcher {
    pub(crate) machine: Box<Machine>,
    pub(crate) settings: Settings,
    pub(crate) recorder: Recorder<Arc<Mapping>>,
    pub(crate) reader: Box<dyn Reader + Send>,
    pub(crate) gauges: Gauges,
    pub(crate) keeper: OwnedFd,
    pub(crate) link: OwnedFd,
    pub(crate) scout: OwnedFd,
    /// What the scout shows.
    pub(crate) suspects: Image<Mapping>,
    /// Processes are looked at.
    pub(crate) processes: bool,
    pub(crate) run: RunId,
    /// Wall time less uptime at the last answer that confirmed the clock.
    pub(crate) confirmed_offset_ms: Option<i64>,
    pub(crate) counters_due: Uptime,
    pub(crate) last_tick: Option<Uptime>,
    pub(crate) checkpoint: Box<[u8; CHECKPOINT_BYTES]>,
    pub(crate) message: Box<[u8; MESSAGE_BYTES]>,
    pub(crate) stop: Option<u8>,
    /// A disk ring is configured.
    pub(crate) disk: bool,
    /// Of the recorder's `lost`, what the gauge knows.
    pub(crate) lost_told: u64,
    /// The newest Leave frame that the collector has not acknowledged.
    pub(crate) leave: Option<u64>,
}

impl Watcher {
    /// Goes round until it is told to stop; gives back its exit code.
    pub(crate) fn run(mut self) -> u8 {
        let interval_ms = u64::from(self.settings.sample_interval_ms);
        let mut deadline_ms = sys::monotonic_ms();
        let mut budget = Budget::fresh(deadline_ms);
        while self.stop.is_none() {
            let now_ms = sys::monotonic_ms();
            if now_ms >= deadline_ms {
                self.tick();
                budget = Budget::fresh(now_ms);
                // On the grid; after a stall the next tick is a whole interval away, not a burst.
                deadline_ms = deadline_ms.saturating_add(interval_ms);
                if deadline_ms <= now_ms {
                    deadline_ms = now_ms.saturating_add(interval_ms);
                }
            } else if now_ms >= budget.until_ms {
                budget = Budget::fresh(now_ms);
            } else {
                let until_ms = deadline_ms.min(budget.until_ms);
                self.wait(until_ms.saturating_sub(now_ms), budget);
            }
            self.take_orders(&mut budget.orders);
            self.take_news(&mut budget.news);
            self.take_findings(&mut budget.findings);
            self.after_step();
            self.count_refused();
        }
        self.end()
    }

    /// What is left to do, and may wait a little: nobody counts on the next tick any more.
    fn end(mut self) -> u8 {
        if self.recorder.lost > 0 {
            log::warn!("{} records did not fit the memory ring", self.recorder.lost);
        }
        if let Some(scribe) = self.recorder.scribe.take() {
            scribe.stop();
        }
        self.stop.unwrap_or(0)
    }

    /// Waits for a message or the given time; nobody is listened to who has sent enough for now.
    fn wait(&self, wait_ms: u64, budget: Budget) {
        let timeout = Timespec {
            tv_sec: i64::try_from(wait_ms / 1000).unwrap_or(1),
            tv_nsec: i64::try_from((wait_ms % 1000).saturating_mul(1_000_000)).unwrap_or(0),
        };
        let listen = |more: bool| {
            if more {
                PollFlags::IN
            } else {
                PollFlags::empty()
            }
        };
        let mut fds = [
            PollFd::new(&self.keeper, listen(budget.orders > 0)),
            PollFd::new(&self.link, listen(budget.news > 0)),
            PollFd::new(&self.scout, listen(budget.findings > 0)),
        ];
        // Interrupted or not: the loop looks at the clock.
        let _outcome = poll(&mut fds, Some(&timeout));
    }

    fn tick(&mut self) {
        let (now, wall) = sys::clocks();
        let counters = now >= self.counters_due;
        if counters {
            let interval_ms = u64::from(self.settings.counters_interval_ms);
            self.counters_due = next_due(self.counters_due, interval_ms, now);
        }
        let snapshot = self.reader.look(now, wall, counters);
        let interval = u64::from(self.settings.sample_interval_ms);
        let late_ms = self
            .last_tick
            .map_or(0, |last| now.since(last).saturating_sub(interval));
        self.last_tick = Some(now);
        let tick = Tick {
            snapshot,
            late_ms,
            disk_ring_fault: self.disk_ring_fault(),
            configuration_refused: self.gauges.get(Gauge::ConfigurationRefused) > 0,
            unrecorded: self.unrecorded(),
        };
        let anchored = self
            .recorder
            .ring
            .set_anchor(now, anchor(now, wall, self.is_confirmed(now, wall)));
        self.recorder.note(anchored);
        self.machine
            .step(now, Input::Tick(&tick), &mut self.recorder);
        self.evidence(now);
        self.recorder
            .record_state(&self.machine, &mut self.checkpoint, now);
        self.gauges.ticked(now, wall);
        self.gauges.beat(Role::Watcher);
    }

    /// Records what the scout shows, where the machine wants it: in the tick of its alert, so that both go in one post.
    fn evidence(&mut self, now: Uptime) {
        if !self.processes {
            return;
        }
        let walk = self.suspects.coverage().map(|coverage| walk(&coverage));
        if !self
            .machine
            .evidence_is_due(now, walk.map(|walk| walk.began))
        {
            return;
        }
        if record_evidence(
            &mut self.machine,
            &self.suspects,
            (now, walk),
            &mut self.recorder,
        ) {
            // Full: it is asked already, or hangs; the table as it stands is recorded in any case.
            let _outcome = control::tell(&self.scout, &ScoutWake::Walk.to_bytes());
        }
    }

    /// What the scribe knows, without asking it.
    fn disk_ring_fault(&self) -> Option<bool> {
        let scribe = self.recorder.scribe.as_ref();
        self.disk
            .then(|| scribe.is_none_or(Handle::disk_ring_fault))
    }

    /// What is nowhere, taken once. What was overwritten before the scribe had copied it is lost only where no collector
    /// has it; where one is configured, the forwarder finds the gap and tells.
    fn unrecorded(&mut self) -> Unrecorded {
        let mut lost = std::mem::take(&mut self.recorder.unrecorded);
        if let Some(scribe) = self.recorder.scribe.as_mut() {
            let (alerts, readings) = scribe.take_overtaken();
            if !self.settings.forwards {
                lost.alerts = lost.alerts.saturating_add(alerts);
                lost.readings = lost.readings.saturating_add(readings);
            }
        }
        lost
    }

    /// A clock that was set since the answer is no longer what the answer confirmed.
    fn is_confirmed(&self, now: Uptime, wall: WallTime) -> bool {
        self.confirmed_offset_ms.is_some_and(|confirmed| {
            offset_ms(now, wall).abs_diff(confirmed) <= CONFIRMED_WITHIN_MS
        })
    }

    fn take_orders(&mut self, left: &mut usize) {
        while *left > 0
            && self.stop.is_none()
            && let Some(Ok(length @ 1..)) = control::receive(&self.keeper, &mut self.message)
        {
            *left = left.saturating_sub(1);
            if let Some(order) = self.message.get(..length).and_then(Order::from_bytes) {
                self.obey(order);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        let now = sys::uptime();
        let input = match &order {
            Order::Test { code } => Input::Test { code: *code },
            Order::RanAhead => Input::RunAhead,
            Order::Leave { planned_ms, text } => Input::Leave {
                planned_ms: *planned_ms,
                text,
            },
            Order::LeaveEnded => Input::LeaveEnded,
            Order::Stop { reason } => {
                self.stop = Some(0);
                Input::Stop { reason: *reason }
            }
        };
        let before = self.recorder.newest_alert;
        self.machine.step(now, input, &mut self.recorder);
        if matches!(order, Order::Leave { .. } | Order::LeaveEnded)
            && self.recorder.newest_alert != before
        {
            self.left(now);
        }
        self.recorder
            .record_state(&self.machine, &mut self.checkpoint, now);
    }

    /// A Leave frame is in the ring: whoever asked for it looks at the gauges.
    fn left(&mut self, now: Uptime) {
        self.leave = self.recorder.newest_alert;
        let until = self.machine.announced(now);
        let until_ms = until.map_or(0, |announced| announced.until.as_millis());
        self.gauges.set(Gauge::LeaveUntil, until_ms);
        self.gauges.add(Gauge::LeavesRecorded, 1);
    }

    fn take_news(&mut self, left: &mut usize) {
        while *left > 0
            && self.stop.is_none()
            && let Some(Ok(length @ 1..)) = control::receive(&self.link, &mut self.message)
        {
            *left = left.saturating_sub(1);
            if let Some(Ok(news)) = self.message.get(..length).map(News::decode) {
                self.take(news);
            }
        }
    }

    /// What the scout found.
    fn take_findings(&mut self, left: &mut usize) {
        while *left > 0
            && self.stop.is_none()
            && let Some(Ok(length @ 1..)) = control::receive(&self.scout, &mut self.message)
        {
            *left = left.saturating_sub(1);
            let message = self.message.get(..length).unwrap_or_default();
            let Ok(news) = ScoutNews::decode(message) else {
                continue;
            };
            let input = match &news {
                ScoutNews::Victim(victim) => Input::Victim(victim),
                ScoutNews::Found(all) => Input::Found(all),
            };
            self.machine.step(sys::uptime(), input, &mut self.recorder);
        }
    }

    fn take(&mut self, news: News) {
        let now = sys::uptime();
        let input = match news {
            News::Answered { collector_wall } => {
                let (at, wall) = sys::clocks();
                let differs = wall.as_millis().abs_diff(collector_wall.as_millis());
                self.confirmed_offset_ms =
                    (differs <= CONFIRMED_WITHIN_MS).then(|| offset_ms(at, wall));
                Input::Answered
            }
            News::Stored {
                run_number,
                run,
                stream,
                next,
            } => {
                let cursor = Cursor {
                    run_number,
                    run,
                    next_sequence: next,
                };
                let set = self.recorder.ring.set_cursor(now, stream, cursor);
                self.recorder.note(set);
                if run == self.run
                    && stream == Stream::Alerts
                    && self.leave.is_some_and(|leave| leave < next)
                {
                    self.leave = None;
                    let recorded = self.gauges.get(Gauge::LeavesRecorded);
                    self.gauges.set(Gauge::LeavesAcknowledged, recorded);
                }
                return;
            }
            News::Lost { stream, count } => Input::Lost { stream, count },
            News::Refused { count } => Input::Refused { count },
            News::PostsRefused { .. } => Input::PostsRefused,
            // Of an earlier run it says nothing about this one.
            News::RunAhead { run } if run != self.run => return,
            News::RunAhead { .. } => {
                // The numbers of this run are spent: the next one says why it is there.
                self.stop = Some(u8::try_from(EXIT_NEW_RUN).unwrap_or(3));
                return;
            }
        };
        self.machine.step(now, input, &mut self.recorder);
    }

    /// Tells how much the ring refused, in all.
    fn count_refused(&mut self) {
        let lost = self.recorder.lost;
        self.gauges
            .add(Gauge::RingRefused, lost.saturating_sub(self.lost_told));
        self.lost_told = lost;
    }

    /// Wakes whoever has work now.
    fn after_step(&mut self) {
        if !self.recorder.alert {
            return;
        }
        self.recorder.alert = false;
        if let Some(scribe) = &self.recorder.scribe {
            scribe.wake();
        }
        // Full or closed: the forwarder looks at the ring by itself, this only makes it sooner.
        let _outcome = control::tell(&self.link, &Wake::Alert.to_bytes());
    }
}

/// Records what the scout shows; true where a walk is wanted.
pub(crate) fn record_evidence<M: Memory, R: Memory>(
    machine: &mut Machine,
    suspects: &Image<M>,
    (now, walk): (Uptime, Option<Walk>),
    recorder: &mut Recorder<R>,
) -> bool {
    let listed: heapless::Vec<Listed, LISTED> = suspects.suspects().take(LISTED).collect();
    let records: heapless::Vec<_, LISTED> = listed.iter().map(Listed::record).collect();
    let seen = Seen {
        walk,
        suspects: &records,
    };
    machine
        .step(now, Input::Evidence(&seen), recorder)
        .walk_wanted
}

/// A walk of the scout, as the machine takes it.
pub(crate) const fn walk(coverage: &Coverage) -> Walk {
    Walk {
        began: coverage.began,
        ended: coverage.ended,
        seen: coverage.seen,
        read: coverage.read,
        refused: coverage.refused,
        gone: coverage.gone,
        failed: coverage.failed,
        threads: coverage.threads,
        hidden: coverage.hidden,
        cut: coverage.cut,
    }
}

/// Wall time less uptime.
fn offset_ms(uptime: Uptime, wall: WallTime) -> i64 {
    let millis = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
    millis(wall.as_millis()).saturating_sub(millis(uptime.as_millis()))
}

/// What the wall clock is worth at this moment.
pub(crate) fn anchor(uptime: Uptime, wall: WallTime, confirmed: bool) -> Anchor {
    let quality = if wall < BUILD_WALL {
        AnchorQuality::Unset
    } else if confirmed {
        AnchorQuality::Confirmed
    } else {
        AnchorQuality::Host
    };
    Anchor {
        uptime,
        wall,
        quality,
    }
}
