//! A page of named words that keeper and workers share: when each worker last went round its loop, and how forwarding and
//! recording go, for `hansho status`.
//!
//! Each word has one writer at a time, named at its [`Gauge`], so that plain loads and stores do. The page lives as long as
//! the keeper: a worker that is started again counts on.

use crate::clock::{Uptime, WallTime};
use crate::forward::progress::{Progress, outcome_name};
use crate::forward::trust::LastAnswer;
use crate::frame::BootId;
use crate::spool::Memory;
use crate::sys::{self, Mapping};
use std::fmt::{Display, Write};
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Size of the page.
const GAUGES_BYTES: u64 = 4096;

/// A worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Samples and records.
    Watcher,
    /// Posts.
    Forwarder,
    /// Looks at processes.
    Scout,
}

impl Role {
    /// The word for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watcher => "watcher",
            Self::Forwarder => "forwarder",
            Self::Scout => "scout",
        }
    }

    const fn pulse(self) -> Gauge {
        match self {
            Self::Watcher => Gauge::WatcherPulse,
            Self::Forwarder => Gauge::ForwarderPulse,
            Self::Scout => Gauge::ScoutPulse,
        }
    }
}

/// A word of the page; its number is its offset in bytes. Writers are 64 bytes apart, a line of today's caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Gauge {
    /// Tick thread (the keeper sets 0 before it starts one): `CLOCK_MONOTONIC` of its last round, milliseconds.
    WatcherPulse = 0,
    /// Tick thread: frames, checkpoints and cursors that the memory ring did not take.
    RingRefused = 8,
    /// Tick thread: [`Self::WatcherWaited`] at its last tick.
    LastTickWaited = 56,
    /// Tick thread: uptime of its last tick, milliseconds; 0 before the first.
    LastTickUptime = 16,
    /// Tick thread: wall time of its last tick.
    LastTickWall = 24,
    /// Tick thread: uptime until which an absence is announced, milliseconds; 0 where none is.
    LeaveUntil = 32,
    /// Tick thread: Leave frames recorded.
    LeavesRecorded = 40,
    /// Tick thread: of them those that the collector has; never less than all once the newest is there.
    LeavesAcknowledged = 48,
    /// Forwarder (the keeper sets 0 before it starts one): `CLOCK_MONOTONIC` of its last round, milliseconds.
    ForwarderPulse = 64,
    /// Forwarder: uptime of the last authenticated answer, milliseconds; 0 before the first.
    LastAnswerUptime = 72,
    /// Forwarder: what the collector's clock said in it, milliseconds since 1970.
    LastAnswerWall = 80,
    /// Forwarder: HTTP status of the last post that brought one; 0 where none did.
    LastStatus = 88,
    /// Forwarder: number of the last outcome ([`crate::forward::progress::outcome_number`]).
    LastOutcome = 96,
    /// Forwarder: posts that failed since the last one that did not.
    PostsFailedInRow = 104,
    /// Forwarder: readings that the collector recorded as lost.
    LostReadings = 112,
    /// Forwarder: records of the alert stream, likewise.
    LostAlerts = 120,
    /// Forwarder: frames that the collector refused.
    RefusedFrames = 128,
    /// Scribe: turns that failed at the disk ring.
    DiskFaults = 192,
    /// Scribe: the system's number of the error while the disk ring cannot be written or opened; 0 while it can.
    DiskFaultErrno = 200,
    /// Scribe: log lines of the watcher that nobody took.
    LinesDropped = 208,
    /// Keeper: milliseconds, in all, for which it waited before it started a watcher again.
    WatcherWaited = 256,
    /// Keeper: 1 while the configuration that the host has was refused, and an earlier one is in force; else 0.
    ConfigurationRefused = 264,
    /// Scout (the keeper sets 0 before it starts one): `CLOCK_MONOTONIC` of its last round, milliseconds.
    ScoutPulse = 320,
    /// Scout: number of the record of the kernel's log that it read last, and one; 0 where it has read none.
    KernelLogRead = 328,
}

/// The page.
#[derive(Clone, Debug)]
pub struct Gauges(Arc<Mapping>);

impl Gauges {
    /// A new page, in memory only.
    ///
    /// # Errors
    /// As memfd_create(2) and mmap(2).
    pub fn create() -> io::Result<(File, Self)> {
        let file = File::from(rustix::fs::memfd_create(
            "hansho-gauges",
            rustix::fs::MemfdFlags::CLOEXEC,
        )?);
        file.set_len(GAUGES_BYTES)?;
        let gauges = Self::of(&file)?;
        Ok((file, gauges))
    }

    /// The page of a worker's keeper.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self(Arc::new(Mapping::of(file, true)?)))
    }

    /// The value; 0 where it was never set.
    #[must_use]
    pub fn get(&self, gauge: Gauge) -> u64 {
        self.0.load(usize::from(gauge as u16)).unwrap_or(0)
    }

    /// Sets it.
    pub fn set(&self, gauge: Gauge, value: u64) {
        self.0.store(usize::from(gauge as u16), value);
    }

    /// Counts on from whatever an earlier writer has counted.
    pub fn add(&self, gauge: Gauge, more: u64) {
        if more > 0 {
            self.set(gauge, self.get(gauge).saturating_add(more));
        }
    }

    /// The worker is alive now.
    pub fn beat(&self, role: Role) {
        self.set(role.pulse(), sys::monotonic_ms());
    }

    /// A worker is being started: it has not gone round yet.
    pub fn clear(&self, role: Role) {
        self.set(role.pulse(), 0);
    }

    /// When the worker was last alive (`CLOCK_MONOTONIC`); `None` where it has not gone round its loop yet.
    #[must_use]
    pub fn last_ms(&self, role: Role) -> Option<u64> {
        Some(self.get(role.pulse())).filter(|beat| *beat > 0)
    }

    /// The tick thread at a tick: for the watcher after it, should it not live to see the next one.
    pub fn ticked(&self, uptime: Uptime, wall: WallTime) {
        // Killed in between: no tick is known, rather than one at a wrong time.
        self.set(Gauge::LastTickUptime, 0);
        self.set(Gauge::LastTickWall, wall.as_millis());
        self.set(Gauge::LastTickWaited, self.get(Gauge::WatcherWaited));
        self.set(Gauge::LastTickUptime, uptime.as_millis());
    }

    /// The keeper waits so long before it starts a watcher again.
    pub fn keeps_watcher_away(&self, wait_ms: u64) {
        self.add(Gauge::WatcherWaited, wait_ms);
    }

    /// For how long since the last tick the keeper itself kept the watcher away: that is no stall.
    #[must_use]
    pub fn waited_since_tick_ms(&self) -> u64 {
        let waited = self.get(Gauge::WatcherWaited);
        waited.saturating_sub(self.get(Gauge::LastTickWaited))
    }

    /// The last tick of the watchers of this keeper.
    #[must_use]
    pub fn last_tick(&self) -> Option<(Uptime, WallTime)> {
        let uptime = Some(self.get(Gauge::LastTickUptime)).filter(|uptime| *uptime > 0)?;
        let wall = WallTime::from_millis(self.get(Gauge::LastTickWall));
        Some((Uptime::from_millis(uptime), wall))
    }

    /// The forwarder after a post: how it goes `now`, and how it went at the last call in this process.
    pub fn progress(&self, before: &Progress, now: &Progress) {
        for (gauge, before, now) in [
            (Gauge::LostReadings, before.lost_readings, now.lost_readings),
            (Gauge::LostAlerts, before.lost_alerts, now.lost_alerts),
            (
                Gauge::RefusedFrames,
                before.refused_frames,
                now.refused_frames,
            ),
        ] {
            self.add(gauge, now.saturating_sub(before));
        }
        if now.last_outcome > 0 {
            self.set(Gauge::LastOutcome, u64::from(now.last_outcome));
            self.set(Gauge::PostsFailedInRow, u64::from(now.failed_in_row));
        }
        if now.last_status > 0 {
            self.set(Gauge::LastStatus, u64::from(now.last_status));
        }
        if let Some(answer) = now
            .last_answer
            .filter(|_| now.last_answer != before.last_answer)
        {
            // Killed in between: no answer is known, rather than one at a wrong time.
            self.set(Gauge::LastAnswerUptime, 0);
            self.set(Gauge::LastAnswerWall, answer.wall.as_millis());
            self.set(Gauge::LastAnswerUptime, answer.uptime.as_millis());
        }
    }

    /// The last authenticated answer of this boot that any forwarder of this keeper had.
    #[must_use]
    pub fn last_answer(&self, boot: BootId) -> Option<LastAnswer> {
        let uptime = Some(self.get(Gauge::LastAnswerUptime)).filter(|uptime| *uptime > 0)?;
        Some(LastAnswer {
            boot,
            uptime: Uptime::from_millis(uptime),
            wall: WallTime::from_millis(self.get(Gauge::LastAnswerWall)),
        })
    }

    /// All of it, as the keeper answers `status`: `key=value`, integers, `-` where nothing is known.
    #[must_use]
    pub fn line(&self, own: KeeperCounts) -> String {
        let mut line = String::from("ok");
        let mut put = |key: &str, value: &dyn Display| {
            // Writing into a string does not fail.
            let _written = write!(line, " {key}={value}");
        };
        let answered = self.get(Gauge::LastAnswerUptime) > 0;
        for (key, gauge, known) in [
            ("last_answer_uptime_ms", Gauge::LastAnswerUptime, answered),
            ("last_answer_wall_ms", Gauge::LastAnswerWall, answered),
            (
                "last_status",
                Gauge::LastStatus,
                self.get(Gauge::LastStatus) > 0,
            ),
        ] {
            if known {
                put(key, &self.get(gauge));
            } else {
                put(key, &"-");
            }
        }
        let outcome = u8::try_from(self.get(Gauge::LastOutcome)).unwrap_or(0);
        put("last_outcome", &outcome_name(outcome));
        for (key, gauge) in [
            ("posts_failed_in_row", Gauge::PostsFailedInRow),
            ("lost_readings", Gauge::LostReadings),
            ("lost_alerts", Gauge::LostAlerts),
            ("refused_frames", Gauge::RefusedFrames),
            ("ring_refused", Gauge::RingRefused),
        ] {
            put(key, &self.get(gauge));
        }
        match self.get(Gauge::DiskFaultErrno) {
            0 => put("disk_fault_errno", &"-"),
            errno => put("disk_fault_errno", &errno),
        }
        put("disk_faults", &self.get(Gauge::DiskFaults));
        let dropped = self.get(Gauge::LinesDropped);
        put("lines_dropped", &dropped.saturating_add(own.lines_dropped));
        put("restarts_watcher", &own.restarts_watcher);
        put("restarts_forwarder", &own.restarts_forwarder);
        put("restarts_scout", &own.restarts_scout);
        match self.get(Gauge::LeaveUntil) {
            0 => put("leave_until_uptime_ms", &"-"),
            until => put("leave_until_uptime_ms", &until),
        }
        put("leaves_recorded", &self.get(Gauge::LeavesRecorded));
        put("leaves_acknowledged", &self.get(Gauge::LeavesAcknowledged));
        line
    }
}

/// What the keeper itself counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeeperCounts {
    /// Lines that it could not write out.
    pub lines_dropped: u64,
    /// Times that the watcher was started again.
    pub restarts_watcher: u64,
    /// Times that the forwarder was started again because it failed.
    pub restarts_forwarder: u64,
    /// Times that the scout was started again.
    pub restarts_scout: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_over_restarts_and_an_answer_of_the_boot_is_known_to_the_next() {
        let (file, gauges) = Gauges::create().unwrap();
        assert_eq!(gauges.last_answer(BootId(3)), None);
        assert_eq!(
            gauges.line(KeeperCounts::default()),
            "ok last_answer_uptime_ms=- last_answer_wall_ms=- last_status=- last_outcome=- posts_failed_in_row=0 \
             lost_readings=0 lost_alerts=0 refused_frames=0 ring_refused=0 disk_fault_errno=- disk_faults=0 \
             lines_dropped=0 restarts_watcher=0 restarts_forwarder=0 restarts_scout=0 leave_until_uptime_ms=- leaves_recorded=0 leaves_acknowledged=0"
        );
        let answer = LastAnswer {
            boot: BootId(3),
            uptime: Uptime::from_millis(5_000),
            wall: WallTime::from_millis(1_800_000_000_000),
        };
        let first = Progress {
            last_answer: Some(answer),
            last_status: 200,
            last_outcome: 2,
            lost_readings: 7,
            lost_alerts: 2,
            refused_frames: 1,
            ..Progress::default()
        };
        gauges.progress(&Progress::default(), &first);
        gauges.progress(&first, &first);

        // The next forwarder counts from 0 and gets no answer.
        let next = Gauges::of(&file).unwrap();
        assert_eq!(next.last_answer(BootId(3)), Some(answer));
        let failed = Progress {
            last_status: 503,
            last_outcome: 3,
            failed_in_row: 4,
            lost_readings: 1,
            ..Progress::default()
        };
        next.progress(&Progress::default(), &failed);
        next.set(Gauge::DiskFaultErrno, 28);
        next.add(Gauge::DiskFaults, 3);
        next.add(Gauge::LinesDropped, 2);
        next.add(Gauge::RingRefused, 9);
        next.set(Gauge::LeaveUntil, 77);
        next.add(Gauge::LeavesRecorded, 2);
        next.set(Gauge::LeavesAcknowledged, 1);
        assert_eq!(
            gauges.line(KeeperCounts {
                lines_dropped: 5,
                restarts_watcher: 1,
                restarts_forwarder: 6,
                restarts_scout: 8,
            }),
            "ok last_answer_uptime_ms=5000 last_answer_wall_ms=1800000000000 last_status=503 last_outcome=retry \
             posts_failed_in_row=4 lost_readings=8 lost_alerts=2 refused_frames=1 ring_refused=9 disk_fault_errno=28 \
             disk_faults=3 lines_dropped=7 restarts_watcher=1 restarts_forwarder=6 restarts_scout=8 leave_until_uptime_ms=77 leaves_recorded=2 leaves_acknowledged=1"
        );
    }

    #[test]
    fn words_do_not_overlap_and_lie_on_the_page() {
        use Gauge::*;
        let all = [
            WatcherPulse,
            RingRefused,
            LastTickWaited,
            LastTickUptime,
            LastTickWall,
            LeaveUntil,
            LeavesRecorded,
            LeavesAcknowledged,
            ForwarderPulse,
            LastAnswerUptime,
            LastAnswerWall,
            LastStatus,
            LastOutcome,
            PostsFailedInRow,
            LostReadings,
            LostAlerts,
            RefusedFrames,
            DiskFaults,
            DiskFaultErrno,
            LinesDropped,
            WatcherWaited,
            ConfigurationRefused,
            ScoutPulse,
            KernelLogRead,
        ];
        let (_file, gauges) = Gauges::create().unwrap();
        for (value, gauge) in (1..).zip(all) {
            gauges.set(gauge, value);
        }
        for (value, gauge) in (1..).zip(all) {
            assert_eq!(gauges.get(gauge), value, "{gauge:?}");
        }
    }
}
