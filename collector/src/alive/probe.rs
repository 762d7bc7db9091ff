//! Asks the collector's own listener, where no agent posts; and keeps the counters' judgement for `/healthz`.

use super::door::Door;
use super::progress::{Marks, Part, Progress, bits};
use super::systemd::Manager;
use crate::clock::Moment;
use crate::ingest::{Job, Metrics};
use crate::limit::{ALIVE_ASK_MS, ALIVE_MS, ALIVE_PROBE_MS, ALIVE_STILL_MS, HANDSHAKE_MS};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;
use tokio::sync::oneshot;

/// The thread that looks.
pub struct Look {
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// To ask the writer.
    pub queue: SyncSender<Job>,
    /// To ask the listener.
    pub door: Door,
    /// The service manager, told while the writer turns.
    pub manager: Arc<Manager>,
}

impl Look {
    /// Works until the sender of `stop` is gone.
    pub fn run(&self, stop: &Receiver<()>) {
        let start = Moment::now();
        let now_ms = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut progress = Progress::new(Marks::of(&self.metrics), 0);
        let mut rounds = (Metrics::get(&self.metrics.writer_rounds), 0_u64);
        let mut told: Vec<Part> = Vec::new();
        let mut asked_ms = 0_u64;
        while stop.recv_timeout(Duration::from_millis(ALIVE_MS)) == Err(RecvTimeoutError::Timeout) {
            progress.look(Marks::of(&self.metrics), now_ms());
            if now_ms().saturating_sub(asked_ms) >= ALIVE_ASK_MS {
                asked_ms = now_ms();
                self.ask(&progress.still(now_ms(), ALIVE_ASK_MS));
                progress.look(Marks::of(&self.metrics), now_ms());
            }
            let still = progress.still(now_ms(), ALIVE_STILL_MS);
            self.metrics.still.store(bits(&still), Ordering::Relaxed);
            tell(&told, &still);
            told = still;
            let turned = Metrics::get(&self.metrics.writer_rounds);
            if turned != rounds.0 {
                rounds = (turned, now_ms());
            }
            // A writer that turns but cannot write is not helped by a restart.
            if now_ms().saturating_sub(rounds.1) < ALIVE_STILL_MS {
                self.manager.tell("WATCHDOG=1");
            }
        }
    }

    /// Asks what did nothing by itself. The writer counts its own answer.
    fn ask(&self, still: &[Part]) {
        if still.contains(&Part::Store) {
            let (reply, _) = oneshot::channel();
            if self.queue.try_send(Job::Ping(reply)).is_err() {
                log::debug!("the writer's queue takes nothing");
            }
        }
        if still.contains(&Part::Ingest) {
            match self.door.ask() {
                Ok(()) => {
                    self.metrics.own_probes.fetch_add(1, Ordering::Relaxed);
                }
                Err(said) => log::debug!("the own listener: {said}"),
            }
        }
    }
}

/// A line when a part begins or ends to stand still.
fn tell(before: &[Part], now: &[Part]) {
    for part in Part::ALL {
        match (before.contains(&part), now.contains(&part)) {
            (false, true) => log::error!("{} makes no progress", part.word()),
            (true, false) => log::warn!("{} makes progress again", part.word()),
            _ => {}
        }
    }
}

const _: () =
    assert!(ALIVE_ASK_MS + 2 * ALIVE_PROBE_MS < ALIVE_STILL_MS && ALIVE_PROBE_MS < HANDSHAKE_MS);
