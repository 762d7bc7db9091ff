//! What an agent wrote, by its own rings: the collector is not asked.

use crate::process::{Failure, io_at};
use hansho::clock::Uptime;
use hansho::frame::body::{decode, transition_from_u8};
use hansho::frame::{Body, Stream};
use hansho::rule::TransitionKind;
use hansho::spool::files::{DISK_FILE, MEMORY_FILE, open_for_reading};
use hansho::spool::heap::HeapMemory;
use hansho::spool::reader::SpoolReader;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

/// What stands in the rings of an agent that began with empty ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Frames of the streams that are sent.
    pub(crate) frames: u64,
    /// Readings in them. Of frames that the rings no longer hold, one each: that is how the agent writes them.
    pub(crate) readings: u64,
    /// Alerts that began to fire: code, and since when raised.
    pub(crate) firings: Vec<(u16, Uptime)>,
}

/// Reads both rings, in use or not. Sequences of a run begin with 0, so that the last tells how many there were.
///
/// # Errors
/// A ring cannot be read, or a frame in it.
pub(crate) fn written(memory_directory: &Path, disk_directory: &Path) -> Result<Written, Failure> {
    let file = memory_directory.join(MEMORY_FILE);
    let memory = fs::read(&file).map_err(io_at(file.display().to_string()))?;
    let disk = open_for_reading(&disk_directory.join(DISK_FILE))
        .map_err(|fault| Failure::Check(format!("{}: {fault}", disk_directory.display())))?;
    let mut reader = SpoolReader::new(Some(HeapMemory::copied(&memory)), Some(disk));
    reader.refresh();
    let mut written = Written::default();
    let mut unreadable = 0_u64;
    for held in reader.runs().to_vec() {
        if !Stream::SENT.contains(&held.stream) {
            continue;
        }
        written.frames = written.frames.saturating_add(held.next_sequence);
        if held.stream == Stream::Readings {
            written.readings = written.readings.saturating_add(held.first_sequence);
        }
        reader.read(held.run, held.stream, 0, &mut |_, frame| {
            match decode(frame) {
                Ok((_, Body::Readings(readings))) => {
                    let count = u64::from(readings.count);
                    written.readings = written.readings.saturating_add(count);
                }
                Ok((_, Body::Alert(alert)))
                    if transition_from_u8(alert.transition) == Some(TransitionKind::Firing) =>
                {
                    let since = Uptime::from_millis(alert.since_ms);
                    written.firings.push((alert.code, since));
                }
                Ok(_) => {}
                Err(_) => unreadable = unreadable.saturating_add(1),
            }
            ControlFlow::Continue(())
        });
    }
    if unreadable > 0 {
        return Err(Failure::Check(format!(
            "{unreadable} frames of the agent's rings cannot be read"
        )));
    }
    Ok(written)
}
