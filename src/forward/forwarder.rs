//! The loop of the forwarder: wait, build, post, take the answer, tell the watcher.

use super::batcher::{self, Built, Frames};
use super::client::{Client, Posted};
use super::cursors::{Cursors, Held};
use super::news::News;
use super::pace::{Next, Outcome, Pace};
use super::trust::LastAnswer;
use crate::clock::{Uptime, WallTime};
use crate::frame::answer::Answer;
use crate::frame::batch::BatchHeader;
use crate::frame::seal::AgentKey;
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{BATCH_BYTES, MAC_BYTES};

/// What the forwarder is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agent.
    pub agent: AgentId,
    /// Which of its keys.
    pub key_epoch: u8,
    /// The key.
    pub key: AgentKey,
    /// This boot.
    pub boot: BootId,
    /// Interval of posts that is promised.
    pub post_interval_ms: u64,
}

/// The rings, as the forwarder needs them.
pub trait Rings: Frames {
    /// Looks for what was written since.
    fn refresh(&mut self);
    /// Every (run, stream) held.
    fn held(&self) -> Vec<Held>;
}

/// The clocks and chance, so that a test can give them.
pub trait Host {
    /// Milliseconds on a clock that never goes back and is not set.
    fn monotonic_ms(&self) -> u64;
    /// Uptime.
    fn uptime(&self) -> Uptime;
    /// Wall time.
    fn wall(&self) -> WallTime;
    /// Any number.
    fn random(&mut self) -> u64;
    /// Tells the watcher; what cannot be told now is dropped and counted there.
    fn tell(&mut self, news: News);
}

/// The forwarder's state between posts.
#[derive(Debug)]
pub struct Forwarder<R, H> {
    settings: Settings,
    client: Client,
    rings: R,
    host: H,
    cursors: Cursors,
    pace: Pace,
    buffer: Vec<u8>,
    told: [Option<(u64, RunId, u64)>; 3],
}

impl<R: Rings, H: Host> Forwarder<R, H> {
    /// A forwarder that posts at once.
    pub fn new(settings: Settings, client: Client, rings: R, host: H) -> Self {
        let pace = Pace::new(settings.post_interval_ms, BATCH_BYTES, host.monotonic_ms());
        let buffer = vec![0; BATCH_BYTES];
        Self {
            settings,
            client,
            rings,
            host,
            cursors: Cursors::default(),
            pace,
            buffer,
            told: [None; 3],
        }
    }

    /// When the next post is due.
    pub fn next(&self) -> Next {
        self.pace.next()
    }

    /// The clocks.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// An alert is in the ring.
    pub fn alert(&mut self) {
        self.pace.alert(self.host.monotonic_ms());
    }

    /// One post, with what is to be said after it. Gives back how it ended.
    pub fn post(&mut self) -> Outcome {
        self.rings.refresh();
        let held = self.rings.held();
        let outcome = match held
            .iter()
            .max_by_key(|held| held.run_number)
            .map(|held| held.run)
        {
            // Nothing was ever written: the watcher is only starting.
            None => Outcome::Done { next_post_ms: 0 },
            Some(running) => {
                self.cursors.observe(held.into_iter());
                self.attempt(running)
            }
        };
        let random = self.host.random();
        let next = self.pace.after(outcome, self.host.monotonic_ms(), random);
        let wait_ms = next.at_ms.saturating_sub(self.host.monotonic_ms());
        log::debug!(
            "{}: {outcome:?}; next post in {wait_ms} ms ({:?})",
            self.client.url(),
            next.why
        );
        outcome
    }

    fn attempt(&mut self, running: RunId) -> Outcome {
        let header = BatchHeader {
            key_epoch: self.settings.key_epoch,
            agent: self.settings.agent,
            run: running,
            boot: self.settings.boot,
            sent_uptime: self.host.uptime(),
            sent_wall: self.host.wall(),
        };
        let limit = self.pace.batch_bytes();
        let key = &self.settings.key;
        let built = batcher::build(
            &mut self.buffer,
            limit,
            &header,
            key,
            &self.cursors,
            &mut self.rings,
        );
        let Ok(built) = built else {
            log::error!("a batch of {limit} bytes holds nothing");
            return Outcome::Stuck;
        };
        let Some(echo) = built.bytes.last_chunk::<MAC_BYTES>().copied() else {
            return Outcome::Stuck;
        };
        let posted = self.client.post(built.bytes);
        let sent = Sent::of(&built);
        match posted {
            Posted::Body(body) => match Answer::open(&body, &self.settings.key, &echo) {
                Ok(answer) => self.answered(&answer, running, &sent),
                Err(fault) => {
                    log::warn!(
                        "{}: 200 without an answer of the collector: {fault}",
                        self.client.url()
                    );
                    self.client.next_url();
                    Outcome::Unauthentic
                }
            },
            Posted::Status {
                status,
                retry_after_ms,
            } => self.refused(status, retry_after_ms),
            Posted::Failed(why) => {
                log::warn!("{}: {why}", self.client.url());
                self.client.next_url();
                Outcome::Retry { after_ms: None }
            }
        }
    }

    fn refused(&mut self, status: u16, retry_after_ms: Option<u64>) -> Outcome {
        log::warn!("{}: status {status}", self.client.url());
        match status {
            413 => Outcome::TooLarge,
            408 | 429 | 500..=599 => {
                self.client.next_url();
                Outcome::Retry {
                    after_ms: retry_after_ms,
                }
            }
            400..=499 => {
                self.host.tell(News::Misconfigured { status });
                self.client.next_url();
                Outcome::Configuration
            }
            // A redirect, or a success that is no answer: a portal.
            _ => {
                self.client.next_url();
                Outcome::Unauthentic
            }
        }
    }

    fn answered(&mut self, answer: &Answer, running: RunId, sent: &Sent) -> Outcome {
        let uptime = self.host.uptime();
        let boot = self.settings.boot;
        self.client.trust().answered(LastAnswer {
            boot,
            uptime,
            wall: answer.collector_wall,
        });
        if self.client.trust().take_date_fault() {
            log::warn!(
                "{}: the certificate's dates do not fit, its pin does",
                self.client.url()
            );
        }
        self.host.tell(News::Answered {
            collector_wall: answer.collector_wall,
        });
        let effects = self.cursors.answered(answer, running);
        if effects.run_ahead {
            self.host.tell(News::RunAhead);
        }
        if effects.refused > 0 {
            self.host.tell(News::Refused {
                count: effects.refused,
            });
        }
        if effects.moved {
            for (stream, count) in Stream::SENT.into_iter().zip(sent.lost) {
                if count > 0 {
                    self.host.tell(News::Lost { stream, count });
                }
            }
        }
        self.tell_cursors();
        let more = self.cursors.unnamed().next().is_some() || self.cursors.work().next().is_some();
        match (more, effects.moved || effects.went_back) {
            (false, _) => Outcome::Done {
                next_post_ms: answer.next_post_ms,
            },
            (true, true) => Outcome::More,
            (true, false) => Outcome::Stuck,
        }
    }

    fn tell_cursors(&mut self) {
        for (stream, told) in Stream::SENT.into_iter().zip(&mut self.told) {
            let newest = self.cursors.newest(stream);
            if let (Some((run_number, run, next)), true) = (newest, newest != *told) {
                self.host.tell(News::Stored {
                    run_number,
                    run,
                    stream,
                    next,
                });
                *told = newest;
            }
        }
    }
}

/// What of a batch is needed after it was posted.
#[derive(Debug)]
struct Sent {
    lost: [u64; 3],
}

impl Sent {
    fn of(built: &Built<'_>) -> Self {
        Self { lost: built.lost }
    }
}
