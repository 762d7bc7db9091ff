//! A clock that the test sets while the collector runs: libfaketime (Debian's package `faketime`), preloaded into it. Only the wall clock
//! is another; what measures how long something took goes on as ever.

use super::{Played, Serving, add_in, skip};
use hansho_collector::clock::{DAY_MS, Date};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The clock of the collectors of one folder.
pub struct Clock {
    here: PathBuf,
    library: PathBuf,
    offset_s: Cell<i64>,
}

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    let libraries =
        folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    let mut there = libraries.filter(|library| library.exists());
    there.next()
}

fn real_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_millis() as u64
}

impl Clock {
    /// One that is right; `None`, and a line, where libfaketime is not installed. Where everything must run
    /// (`HANSHO_COMMANDS=all`) that is a failure.
    pub fn new(here: &Path) -> Option<Self> {
        let Some(library) = library() else {
            skip("Debian's package faketime is not installed");
            return None;
        };
        let clock = Self {
            here: here.to_owned(),
            library,
            offset_s: Cell::new(0),
        };
        clock.step(0);
        Some(clock)
    }

    /// Sets it ahead, or back, by so many seconds.
    pub fn step(&self, seconds: i64) {
        self.offset_s.set(self.offset_s.get() + seconds);
        // Whoever reads it between the two sees the old one or the new one.
        let new = self.here.join("clock.new");
        fs::write(&new, format!("{:+}\n", self.offset_s.get())).unwrap();
        fs::rename(new, self.here.join("clock")).unwrap();
    }

    /// Sets it to a moment, or less than a second after it.
    pub fn set(&self, wall_ms: u64) {
        let ahead_ms = wall_ms.cast_signed() - self.now_ms().cast_signed();
        self.step((ahead_ms + 999).div_euclid(1000));
    }

    /// What it shows.
    pub fn now_ms(&self) -> u64 {
        real_ms()
            .checked_add_signed(self.offset_s.get() * 1000)
            .unwrap()
    }

    /// What a process needs to see it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.here.join("clock"))),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            // Files keep their own times.
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    /// Starts a collector that sees it, and waits until it listens.
    pub fn serve(&self, config: &str) -> Serving {
        let environment = self.environment();
        Serving::begin_in(&self.here, config, &["serve"], &environment).listening(&self.here)
    }

    /// Adds an agent by a command that sees it.
    pub fn add(&self, config: &str, name: &str, system: &str) -> Played {
        add_in(&self.here, config, name, system, &self.environment())
    }
}

/// The moment at which a clock nine hours ahead of UTC shows this.
pub fn jst(year: u64, month: u64, day: u64, (hour, minute): (u64, u64)) -> u64 {
    let date = Date::new(year, month, day).unwrap();
    date.days() * DAY_MS + (hour * 60 + minute) * 60_000 - 9 * 3_600_000
}
