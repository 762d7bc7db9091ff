//! Log lines to stderr: `LEVEL target: text`, one line each. systemd and containers add the time.

use crate::plain::invisible;
use log::{LevelFilter, Log, Metadata, Record};
use std::io::Write as _;

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hansho")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // What an agent or a client sent may be in it: control characters would forge lines, others turn text round.
        let text: String = record
            .args()
            .to_string()
            .chars()
            .map(|c| {
                if c.is_control() || invisible(c) {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect();
        let mut stderr = std::io::stderr().lock();
        // A log that cannot be written cannot be reported either.
        drop(writeln!(
            stderr,
            "{} {}: {text}",
            record.level(),
            record.target()
        ));
    }

    fn flush(&self) {}
}

/// Starts logging at `level`. A second call changes the level only.
pub fn start(level: LevelFilter) {
    static LOGGER: Stderr = Stderr;
    // Refused only where a logger is set already: ours.
    drop(log::set_logger(&LOGGER));
    log::set_max_level(level);
}
