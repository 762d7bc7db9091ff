//! The readings of rings in the order of time: those of every sample (stream 3) where they are held, and the summaries of
//! stream 1 where they are not.
//!
//! Boots follow one another by the numbers of their runs, and the boot of the memory ring comes last, for tmpfs ends with its
//! boot. Within a boot uptime orders everything: a reading that does not come after the one before is left out, so that what both
//! rings hold is played once.

use super::rings::{Located, Rings};
use super::source::Item;
use hansho::clock::{Anchor, AnchorQuality, Uptime, WallTime};
use hansho::frame::body::{Readings, decode};
use hansho::frame::packed::Unpacker;
use hansho::frame::{Body, BootId, RunId};
use hansho::limit::{BLOCK_BYTES, REPORT_INTERVAL_MS, SAMPLE_INTERVAL_MS};
use hansho::sample::Reading;
use std::collections::{BTreeMap, VecDeque};

/// What the configuration says of intervals, for frames that do not tell theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fallback {
    pub(super) sample_ms: u32,
    pub(super) report_ms: u32,
}

/// What was met while reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// Frames that cannot be read.
    pub(super) bad_frames: u64,
    /// Frames that do not tell a possible interval.
    pub(super) without_interval: u64,
    /// Blocks overwritten since they were looked at.
    pub(super) overwritten: u64,
}

/// Readings of rings.
pub(super) struct RingReadings {
    rings: Rings,
    /// Boots still to come, the next one first.
    boots: VecDeque<[Strand; 2]>,
    history: Strand,
    summaries: Strand,
    fallback: Fallback,
    pub(super) met: Met,
    last: Option<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    uptime: Uptime,
    interval_ms: u32,
    is_history: bool,
    /// A boot began after it.
    is_of_boot_before: bool,
}

/// The blocks of one stream in one boot, and the readings of the one that is being read.
#[derive(Default)]
struct Strand {
    blocks: VecDeque<Located>,
    ready: VecDeque<(Reading, u32)>,
    /// The run that is being read, and the sequence that comes next in it.
    run: Option<(RunId, u64)>,
}

impl RingReadings {
    pub(super) fn new(mut rings: Rings, fallback: Fallback) -> Self {
        let blocks = std::mem::take(&mut rings.blocks);
        let boots = in_order(blocks, rings.newest_boot);
        Self {
            rings,
            boots,
            history: Strand::default(),
            summaries: Strand::default(),
            fallback,
            met: Met::default(),
            last: None,
        }
    }

    /// The rings that are read.
    pub(super) fn rings(&self) -> &Rings {
        &self.rings
    }

    /// The next reading.
    pub(super) fn next(&mut self) -> Option<Item> {
        loop {
            for strand in [&mut self.history, &mut self.summaries] {
                strand.fill(&self.rings, self.fallback, &mut self.met);
            }
            let next = |strand: &Strand| strand.ready.front().map(|(reading, _)| reading.uptime);
            let is_history = match (next(&self.history), next(&self.summaries)) {
                (Some(history), Some(summary)) => history <= summary,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => {
                    let [history, summaries] = self.boots.pop_front()?;
                    self.history = history;
                    self.summaries = summaries;
                    if let Some(last) = &mut self.last {
                        last.is_of_boot_before = true;
                    }
                    continue;
                }
            };
            let strand = if is_history {
                &mut self.history
            } else {
                &mut self.summaries
            };
            let (reading, interval_ms) = strand.ready.pop_front()?;
            if let Some(item) = self.item(reading, interval_ms, is_history) {
                return Some(item);
            }
        }
    }

    fn item(&mut self, reading: Reading, interval_ms: u32, is_history: bool) -> Option<Item> {
        let in_boot = self.last.filter(|last| !last.is_of_boot_before);
        if in_boot.is_some_and(|last| reading.uptime <= last.uptime) {
            return None;
        }
        let is_new_boot = self.last.is_some_and(|last| last.is_of_boot_before);
        // Where readings of every sample begin again, the summary before them may be as old as one is.
        let interval_before = in_boot.filter(|last| !last.is_history);
        let interval =
            interval_before.map_or(interval_ms, |last| interval_ms.max(last.interval_ms));
        self.last = Some(Last {
            uptime: reading.uptime,
            interval_ms,
            is_history,
            is_of_boot_before: false,
        });
        Some(Item {
            reading,
            interval_ms: interval,
            is_new_boot,
        })
    }
}

/// The strands of each boot (history, summaries), the oldest boot first.
fn in_order(blocks: Vec<Located>, newest: Option<BootId>) -> VecDeque<[Strand; 2]> {
    let mut boots: BTreeMap<BootId, Vec<Located>> = BTreeMap::new();
    for block in blocks {
        boots.entry(block.boot).or_default().push(block);
    }
    let mut boots: Vec<(BootId, Vec<Located>)> = boots.into_iter().collect();
    boots.sort_by_key(|(boot, blocks)| {
        let run_number = blocks.iter().map(|block| block.run_number).max();
        (newest == Some(*boot), run_number, *boot)
    });
    boots
        .into_iter()
        .map(|(_, mut blocks)| {
            let mut began: BTreeMap<RunId, Uptime> = BTreeMap::new();
            for block in &blocks {
                let first = began.entry(block.run).or_insert(block.uptime);
                *first = block.uptime.min(*first);
            }
            blocks.sort_by_key(|block| {
                let began = began.get(&block.run).copied().unwrap_or_default();
                (began, block.run, block.first_sequence)
            });
            let (history, summaries) = blocks.into_iter().partition(|block| block.is_history);
            [history, summaries].map(|blocks: Vec<Located>| Strand {
                blocks: blocks.into(),
                ..Strand::default()
            })
        })
        .collect()
}

impl Strand {
    /// Reads blocks until a reading is there, or none is left.
    fn fill(&mut self, rings: &Rings, fallback: Fallback, met: &mut Met) {
        while self.ready.is_empty() {
            let Some(located) = self.blocks.pop_front() else {
                return;
            };
            let mut buffer = [0; BLOCK_BYTES];
            let Some(block) = rings.read(&located, &mut buffer) else {
                met.overwritten = met.overwritten.saturating_add(1);
                continue;
            };
            let mut next = match self.run {
                Some((run, next)) if run == located.run => next,
                _ => 0,
            };
            for (sequence, frame) in block.frames() {
                // What both rings hold is read once.
                if sequence >= next {
                    next = sequence.saturating_add(1);
                    self.frame(frame, &block.header.anchor, (fallback, met));
                }
            }
            self.run = Some((located.run, next));
        }
    }

    fn frame(&mut self, frame: &[u8], anchor: &Anchor, (fallback, met): (Fallback, &mut Met)) {
        let (first, body, possible, otherwise) = match decode(frame) {
            Ok((first, Body::History(body))) => {
                (first, body, SAMPLE_INTERVAL_MS, fallback.sample_ms)
            }
            Ok((first, Body::Readings(body))) => {
                (first, body, REPORT_INTERVAL_MS, fallback.report_ms)
            }
            // Kinds of a later version may stand here as well.
            Ok((_, Body::Unknown(_))) => return,
            Ok(_) | Err(_) => {
                met.bad_frames = met.bad_frames.saturating_add(1);
                return;
            }
        };
        let mut interval_ms = body.interval_ms;
        if !possible.contains(&u64::from(interval_ms)) {
            met.without_interval = met.without_interval.saturating_add(1);
            interval_ms = otherwise;
        }
        if !self.unpack(&body, first, interval_ms, anchor) {
            met.bad_frames = met.bad_frames.saturating_add(1);
        }
    }

    /// Takes what can be read of a body; false where that is not all of it.
    fn unpack(
        &mut self,
        body: &Readings<'_>,
        first: Uptime,
        interval_ms: u32,
        anchor: &Anchor,
    ) -> bool {
        for reading in Unpacker::new(body, first) {
            let Ok(mut reading) = reading else {
                return false;
            };
            reading.wall = wall(anchor, reading.uptime);
            self.ready.push_back((reading, interval_ms));
        }
        true
    }
}

/// Wall time at a moment, 0 where the clock was not set.
fn wall(anchor: &Anchor, at: Uptime) -> WallTime {
    match anchor.quality {
        AnchorQuality::Host | AnchorQuality::Confirmed => {
            let before = anchor.uptime.since(at);
            let after = at.since(anchor.uptime);
            let wall = anchor.wall.as_millis();
            WallTime::from_millis(wall.saturating_add(after).saturating_sub(before))
        }
        AnchorQuality::Unset | AnchorQuality::Unknown => WallTime::default(),
    }
}
