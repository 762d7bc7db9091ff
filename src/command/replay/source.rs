//! Where readings come from: lines of samples, or rings. One after the other, in the order of time.

use super::super::exit::{Exit, Stop};
use super::super::file;
use super::super::output::shown;
use super::readings::RingReadings;
use hansho::clock::Uptime;
use hansho::limit::SAMPLE_LINE_BYTES;
use hansho::sample::{Quantiser, Reading, from_json};
use std::io::{BufRead, Read as _};
use std::path::Path;

/// One reading of the history. Its wall time is 0 where the clock was not set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// As it was recorded.
    pub(super) reading: Reading,
    /// How far it may be from the one before without a gap between them, halved.
    pub(super) interval_ms: u32,
    /// The first one of another boot than the one before.
    pub(super) is_new_boot: bool,
}

/// Where readings come from.
pub(super) enum Source {
    /// Lines of samples.
    Lines(Lines),
    /// One ring, or both of a host.
    Rings(RingReadings),
}

impl Source {
    /// The next reading; `None` at the end.
    ///
    /// # Errors
    /// A line that is no sample, or an input that cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Item>, Stop> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Rings(rings) => Ok(rings.next()),
        }
    }
}

/// Lines as `hansho sample --json` prints them.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    name: String,
    interval_ms: u32,
    lines: u64,
    bytes: Vec<u8>,
    quantiser: Quantiser,
    last: Option<Uptime>,
}

impl Lines {
    /// Over a file, or standard input for `-`.
    ///
    /// # Errors
    /// As open(2).
    pub(super) fn open(path: &Path, interval_ms: u32) -> Result<Self, Stop> {
        Ok(Self {
            input: file::input(path)?,
            name: path.display().to_string(),
            interval_ms,
            lines: 0,
            bytes: Vec::new(),
            quantiser: Quantiser::new(),
            last: None,
        })
    }

    /// How many lines were read.
    pub(super) fn count(&self) -> u64 {
        self.lines
    }

    fn next(&mut self) -> Result<Option<Item>, Stop> {
        let most = u64::try_from(SAMPLE_LINE_BYTES).unwrap_or(u64::MAX);
        loop {
            self.bytes.clear();
            let count = self
                .input
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut self.bytes)
                .map_err(|error| Stop::unreadable(&self.name, &error))?;
            if count == 0 {
                return Ok(None);
            }
            self.lines = self.lines.saturating_add(1);
            let line = core::str::from_utf8(&self.bytes).map_err(|_| self.bad("not UTF-8"))?;
            if count >= SAMPLE_LINE_BYTES && !line.ends_with('\n') {
                return Err(self.bad("longer than any sample"));
            }
            if line.trim().is_empty() {
                continue;
            }
            let sample =
                from_json(line.trim()).map_err(|fault| self.bad(&shown(&fault.to_string())))?;
            let is_new_boot = self.last.is_some_and(|last| sample.uptime < last);
            if is_new_boot {
                // Counters begin anew with a boot, and no rate goes across it.
                self.quantiser = Quantiser::new();
            }
            self.last = Some(sample.uptime);
            return Ok(Some(Item {
                reading: self.quantiser.reading(&sample),
                interval_ms: self.interval_ms,
                is_new_boot,
            }));
        }
    }

    fn bad(&self, why: &str) -> Stop {
        let message = format!("{}:{}: {why}", shown(&self.name), self.lines);
        Stop::failed(Exit::Data, message)
    }
}
