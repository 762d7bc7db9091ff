//! The dead man's signal: somebody elsewhere is called while everything makes progress, and notices when nobody calls any more.

use super::progress::{Marks, Part};
use crate::clock::Moment;
use crate::ingest::Metrics;
use crate::limit::SIGNAL_LOG_MS;
use crate::notify::http::Client;
use crate::notify::outcome::Outcome;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Whether to signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Everything made progress since the last time.
    Signal,
    /// This did not.
    Hold(Vec<Part>),
}

/// What to write into the log about a run of failures: the first, one an hour, the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Nothing.
    Nothing,
    /// It fails, and has for so long.
    Fails {
        /// Milliseconds since the first failure.
        for_ms: u64,
    },
    /// It is over.
    Over {
        /// Milliseconds since the first failure.
        after_ms: u64,
    },
}

/// The decision, and what is logged of it.
#[derive(Clone, Debug)]
pub struct Heart {
    marks: Marks,
    failing_since_ms: Option<u64>,
    said_ms: Option<u64>,
    said: String,
}

impl Heart {
    /// At the start.
    #[must_use]
    pub const fn new(marks: Marks) -> Self {
        Self {
            marks,
            failing_since_ms: None,
            said_ms: None,
            said: String::new(),
        }
    }

    /// Whether everything made progress since this was asked last.
    pub fn beat(&mut self, marks: Marks) -> Decision {
        let still = marks.unmoved(&self.marks);
        self.marks = marks;
        if still.is_empty() {
            Decision::Signal
        } else {
            Decision::Hold(still)
        }
    }

    /// What to log of an outcome, `Err` in words. Another failure than the one before is told at once.
    pub fn judge(&mut self, outcome: Result<(), &str>, now_ms: u64) -> Say {
        let Err(said) = outcome else {
            self.said_ms = None;
            return match self.failing_since_ms.take() {
                Some(since) => Say::Over {
                    after_ms: now_ms.saturating_sub(since),
                },
                None => Say::Nothing,
            };
        };
        let since = *self.failing_since_ms.get_or_insert(now_ms);
        let silent = self.said == said
            && self
                .said_ms
                .is_some_and(|at| now_ms.saturating_sub(at) < SIGNAL_LOG_MS);
        if silent {
            return Say::Nothing;
        }
        said.clone_into(&mut self.said);
        self.said_ms = Some(now_ms);
        Say::Fails {
            for_ms: now_ms.saturating_sub(since),
        }
    }
}

/// The thread that signals.
pub struct Signal {
    /// Whom to call.
    pub url: String,
    /// How often.
    pub interval_ms: u64,
    /// Calls.
    pub client: Client,
    /// Progress, and what is counted.
    pub metrics: Arc<Metrics>,
}

impl Signal {
    /// Works until the sender of `stop` is gone.
    pub fn run(&self, stop: &Receiver<()>) {
        let start = Moment::now();
        let mut heart = Heart::new(Marks::of(&self.metrics));
        while stop.recv_timeout(Duration::from_millis(self.interval_ms))
            == Err(RecvTimeoutError::Timeout)
        {
            let outcome = self.once(&mut heart);
            let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
            let said = outcome.as_ref().copied().map_err(String::as_str);
            match heart.judge(said, now_ms) {
                Say::Nothing => {}
                Say::Fails { for_ms } => log::error!(
                    "the dead man's signal is not given, for {} s: {}",
                    for_ms / 1000,
                    outcome.err().unwrap_or_default()
                ),
                Say::Over { after_ms } => log::warn!(
                    "the dead man's signal is given again, after {} s",
                    after_ms / 1000
                ),
            }
        }
    }

    fn once(&self, heart: &mut Heart) -> Result<(), String> {
        if let Decision::Hold(still) = heart.beat(Marks::of(&self.metrics)) {
            self.metrics.signals_held.fetch_add(1, Ordering::Relaxed);
            let still: Vec<&str> = still.into_iter().map(Part::word).collect();
            return Err(format!("held back, no progress of {}", still.join(", ")));
        }
        match self.client.get(&self.url) {
            Outcome::Accepted { .. } => {
                self.metrics.signals.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            outcome => {
                self.metrics.signals_failed.fetch_add(1, Ordering::Relaxed);
                Err(outcome.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(all: u64) -> Marks {
        Marks {
            ingest: all,
            store: all,
            sweep: all,
            outbox: all,
        }
    }

    #[test]
    fn each_must_move_between_two_signals() {
        let mut heart = Heart::new(marks(0));
        assert_eq!(heart.beat(marks(1)), Decision::Signal);
        for (part, stuck) in [
            (
                Part::Ingest,
                Marks {
                    ingest: 1,
                    ..marks(2)
                },
            ),
            (
                Part::Store,
                Marks {
                    store: 1,
                    ..marks(2)
                },
            ),
            (
                Part::Sweep,
                Marks {
                    sweep: 1,
                    ..marks(2)
                },
            ),
            (
                Part::Outbox,
                Marks {
                    outbox: 1,
                    ..marks(2)
                },
            ),
        ] {
            let mut heart = heart.clone();
            assert_eq!(heart.beat(stuck), Decision::Hold(vec![part]));
            // It moves again: the next signal is given.
            assert_eq!(heart.beat(marks(3)), Decision::Signal);
        }
        assert_eq!(heart.beat(marks(1)), Decision::Hold(Part::ALL.to_vec()));
    }

    #[test]
    fn a_failure_is_logged_once_an_hour_and_its_end() {
        let mut heart = Heart::new(marks(0));
        let minute = 60_000;
        assert_eq!(heart.judge(Ok(()), 0), Say::Nothing);
        let mut said = Vec::new();
        for count in 1..=180 {
            match heart.judge(Err("refused"), count * minute) {
                Say::Nothing => {}
                say => said.push((count, say)),
            }
        }
        assert_eq!(
            said,
            [1, 61, 121].map(|count| (
                count,
                Say::Fails {
                    for_ms: (count - 1) * minute
                }
            ))
        );
        let another = heart.judge(Err("another"), 181 * minute);
        assert_eq!(
            another,
            Say::Fails {
                for_ms: 180 * minute
            }
        );
        let over = Say::Over {
            after_ms: 181 * minute,
        };
        assert_eq!(heart.judge(Ok(()), 182 * minute), over);
        assert_eq!(heart.judge(Ok(()), 183 * minute), Say::Nothing);
        assert_eq!(
            heart.judge(Err("another"), 184 * minute),
            Say::Fails { for_ms: 0 }
        );
    }
}
