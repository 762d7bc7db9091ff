//! What `status` says of runs that left the rings before the collector had acknowledged all of them.

use hansho::frame::Stream;
use hansho::spool::{Cursors, Departed};
use serde::Serialize;

/// A (run, stream) of which neither ring holds anything any more.
#[derive(Serialize)]
pub(crate) struct Gone {
    pub(crate) run: String,
    pub(crate) run_number: u64,
    pub(crate) stream: &'static str,
    /// First sequence that was not known to be acknowledged when it was overwritten.
    pub(crate) first_unsent: u64,
    /// Sequence after the last one.
    pub(crate) next: u64,
    /// The collector has answered for it since: it has the records, or has recorded them as lost.
    pub(crate) settled: bool,
}

impl Gone {
    /// How many records.
    pub(crate) fn count(&self) -> u64 {
        self.next.saturating_sub(self.first_unsent)
    }
}

/// The entries of both rings; what a cursor has passed since is settled, for cursors go by the order of runs.
pub(crate) fn gone(departed: &[Departed], cursors: &Cursors) -> Vec<Gone> {
    departed
        .iter()
        .map(|gone| Gone {
            run: gone.run.to_string(),
            run_number: gone.run_number,
            stream: word(gone.stream),
            first_unsent: gone.first_unsent,
            next: gone.next,
            settled: cursors.get(gone.stream).is_some_and(|cursor| {
                cursor.run_number > gone.run_number
                    || (cursor.run == gone.run && cursor.next_sequence >= gone.next)
            }),
        })
        .collect()
}

/// A stream, as JSON and people are told.
pub(crate) const fn word(stream: Stream) -> &'static str {
    match stream {
        Stream::Alerts => "alerts",
        Stream::Readings => "readings",
        Stream::Evidence => "evidence",
        Stream::History => "history",
    }
}
