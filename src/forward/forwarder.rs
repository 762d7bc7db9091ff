//! The loop of the forwarder: wait, build, post, take the answer, tell the watcher.

use super::batcher::{self, Built, End, Frames, Look, Lost};
use super::client::{Client, Posted};
use super::connector::TrustState;
use super::cursors::{Cursors, Held};
use super::gaps::{Gaps, Place};
use super::news::News;
use super::pace::{LEAST_BATCH_BYTES, Next, Outcome, Pace};
use super::planted::Planted;
use super::progress::{Progress, outcome_number};
use super::telling::Telling;
use super::trust::LastAnswer;
use crate::clock::{Uptime, WallTime};
use crate::frame::answer::Answer;
use crate::frame::batch::BatchHeader;
use crate::frame::seal::AgentKey;
use crate::frame::{AgentId, BootId, RunId, Stream};
use crate::limit::{BATCH_BYTES, MAC_BYTES};

/// Payload too large (RFC 9110): the batch is halved, down to the least.
const TOO_LARGE: u16 = 413;

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

/// What posts a batch: [`Client`], or a test.
pub trait Post {
    /// The URL in use.
    fn url(&self) -> &str;
    /// Which of the URLs the next post goes to; it stays so until [`Post::next_url`].
    fn turn(&mut self) -> usize;
    /// Turns to the next URL; the only one stays.
    fn next_url(&mut self);
    /// Posts one batch.
    fn post(&mut self, batch: &[u8]) -> Posted;
    /// What the verifier of certificates and the loop share.
    fn trust(&self) -> &TrustState;
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
    /// Tells the watcher; false where the link does not take it now.
    fn tell(&mut self, news: News) -> bool;
}

/// The forwarder's state between posts.
#[derive(Debug)]
pub struct Forwarder<R, H, C = Client> {
    settings: Settings,
    client: C,
    rings: R,
    host: H,
    cursors: Cursors,
    gaps: Gaps,
    pace: Pace,
    buffer: Vec<u8>,
    told: [Option<(u64, RunId, u64)>; 3],
    telling: Telling,
    progress: Progress,
    /// The URL whose collector the cursors are from.
    asked_url: usize,
    planted: Planted,
}

impl<R: Rings, H: Host, C: Post> Forwarder<R, H, C> {
    /// A forwarder that posts at once.
    pub fn new(settings: Settings, client: C, rings: R, host: H) -> Self {
        let pace = Pace::new(settings.post_interval_ms, BATCH_BYTES, host.monotonic_ms());
        let buffer = vec![0; BATCH_BYTES];
        Self {
            settings,
            client,
            rings,
            host,
            cursors: Cursors::default(),
            gaps: Gaps::default(),
            pace,
            buffer,
            told: [None; 3],
            telling: Telling::default(),
            progress: Progress::default(),
            asked_url: 0,
            planted: Planted::default(),
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

    /// How forwarding goes.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What posts.
    pub fn client(&self) -> &C {
        &self.client
    }

    /// How far a stream is stored, as the collector has said.
    pub fn wanted(&self, run: RunId, stream: Stream) -> Option<u64> {
        self.cursors.wanted(run, stream)
    }

    /// An alert is in the ring.
    pub fn alert(&mut self) {
        self.pace.alert(self.host.monotonic_ms());
    }

    /// One post, with what is to be said after it. Gives back how it ended.
    pub fn post(&mut self) -> Outcome {
        let outcome = self.attempt();
        // Whoever answers next may be another collector, or this one restored: it is asked what it has, for a section
        // that begins behind what it has would make it record as lost what the rings still hold.
        let asks_again = matches!(
            outcome,
            Outcome::Retry { .. } | Outcome::Unauthentic | Outcome::Configuration
        );
        if asks_again {
            self.cursors.forget();
        }
        let random = self.host.random();
        let smallest = self.pace.batch_bytes() <= LEAST_BATCH_BYTES;
        if outcome == Outcome::TooLarge && smallest {
            self.telling.add(News::PostsRefused { status: TOO_LARGE });
        }
        let host = &mut self.host;
        self.telling.flush(|news| host.tell(news));
        let next = self.pace.after(outcome, self.host.monotonic_ms(), random);
        let wait_ms = next.at_ms.saturating_sub(self.host.monotonic_ms());
        log::debug!(
            "{}: {outcome:?}; next post in {wait_ms} ms ({:?})",
            self.client.url(),
            next.why
        );
        if outcome != Outcome::Empty {
            self.progress.last_outcome = outcome_number(outcome);
            self.progress.failed_in_row = self.pace.failures();
        }
        outcome
    }

    /// Looks at the rings; the run that writes now, where anything was ever written.
    fn look(&mut self) -> Option<RunId> {
        self.rings.refresh();
        let held = self.rings.held();
        // Right after a reboot only runs of earlier boots are held: none of them sends, their boot has another clock.
        let running = held
            .iter()
            .filter(|held| held.boot == self.settings.boot)
            .max_by_key(|held| held.run_number)
            .map(|held| held.run);
        self.cursors.observe(held.into_iter());
        self.planted.insist(&mut self.cursors);
        running
    }

    fn attempt(&mut self) -> Outcome {
        let url = self.client.turn();
        if url != self.asked_url {
            self.asked_url = url;
            self.cursors.forget();
        }
        let Some(mut running) = self.look() else {
            return Outcome::Empty;
        };
        let limit = self.pace.batch_bytes();
        let mut looked_again = false;
        let built = loop {
            let header = BatchHeader {
                key_epoch: self.settings.key_epoch,
                agent: self.settings.agent,
                run: running,
                boot: self.settings.boot,
                sent_uptime: self.host.uptime(),
                sent_wall: self.host.wall(),
            };
            let mut look = Look {
                frames: &mut self.rings,
                gaps: &mut self.gaps,
                now_ms: self.host.monotonic_ms(),
            };
            let built = batcher::build(
                &mut self.buffer,
                limit,
                &header,
                &self.settings.key,
                &self.cursors,
                &mut look,
            );
            let Ok(built) = built else {
                log::error!("a batch of {limit} bytes holds nothing");
                return Outcome::Stuck;
            };
            if looked_again || built.end != End::Waits(Place::Before) {
                break Sent::of(built);
            }
            looked_again = true;
            running = self.look().unwrap_or(running);
        };
        self.send(&built, running)
    }

    fn send(&mut self, sent: &Sent, running: RunId) -> Outcome {
        let bytes = self.buffer.get(..sent.length).unwrap_or_default();
        let Some(echo) = bytes.last_chunk::<MAC_BYTES>().copied() else {
            return Outcome::Stuck;
        };
        if self.planted.handed_over(&sent.reached, &mut self.cursors) {
            tell_cursors(&self.cursors, &mut self.told, &mut self.telling);
        }
        self.cursors.offered(&sent.reached);
        match self.client.post(bytes) {
            Posted::Body(body) => match Answer::open(&body, &self.settings.key, &echo) {
                Ok(answer) => self.answered(&answer, running, sent),
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
        self.progress.last_status = status;
        match status {
            TOO_LARGE => Outcome::TooLarge,
            408 | 429 | 500..=599 => {
                self.client.next_url();
                Outcome::Retry {
                    after_ms: retry_after_ms,
                }
            }
            400..=499 => {
                self.telling.add(News::PostsRefused { status });
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
        let last = LastAnswer {
            boot,
            uptime,
            wall: answer.collector_wall,
        };
        self.client.trust().answered(last);
        self.progress.last_answer = Some(last);
        self.progress.last_status = 200;
        if self.client.trust().take_date_fault() {
            log::warn!(
                "{}: the certificate's dates do not fit, its pin does",
                self.client.url()
            );
        }
        self.telling.add(News::Answered {
            collector_wall: answer.collector_wall,
        });
        let effects = self.cursors.answered(answer, running);
        if effects.run_ahead {
            self.telling.add(News::RunAhead { run: running });
        }
        if effects.refused > 0 {
            self.progress.refused_frames =
                self.progress.refused_frames.saturating_add(effects.refused);
            self.telling.add(News::Refused {
                count: effects.refused,
            });
        }
        self.tell_lost(sent);
        self.planted.insist(&mut self.cursors);
        tell_cursors(&self.cursors, &mut self.told, &mut self.telling);
        let more = self.cursors.unnamed().next().is_some() || self.cursors.work().next().is_some();
        match (more, effects.went_back, effects.moved) {
            (false, ..) => Outcome::Done {
                next_post_ms: answer.next_post_ms,
            },
            (true, true, _) => Outcome::WentBack,
            (true, false, true) => Outcome::More,
            (true, false, false) if sent.waits => Outcome::Waits,
            (true, false, false) => Outcome::Stuck,
        }
    }

    /// Tells what of the declared losses the collector has recorded.
    fn tell_lost(&mut self, sent: &Sent) {
        for stream in Stream::SENT {
            let recorded = sent.lost.iter().filter(|lost| {
                let wanted = self.cursors.wanted(lost.run, lost.stream);
                // What was refused is told as refused.
                lost.overwritten
                    && lost.stream == stream
                    && wanted.is_some_and(|wanted| wanted > lost.last)
            });
            let count = recorded.fold(0_u64, |count, lost| {
                let span = lost.last.saturating_sub(lost.first).saturating_add(1);
                count.saturating_add(span)
            });
            if count > 0 {
                let total = match stream {
                    Stream::Alerts => &mut self.progress.lost_alerts,
                    _ => &mut self.progress.lost_readings,
                };
                *total = total.saturating_add(count);
                self.telling.add(News::Lost { stream, count });
            }
        }
    }
}

/// Tells the watcher how far each stream is stored, where that changed.
fn tell_cursors(
    cursors: &Cursors,
    told: &mut [Option<(u64, RunId, u64)>; 3],
    telling: &mut Telling,
) {
    for (stream, told) in Stream::SENT.into_iter().zip(told) {
        let reached = cursors.reached(stream);
        if let (Some((run_number, run, next)), true) = (reached, reached != *told) {
            telling.add(News::Stored {
                run_number,
                run,
                stream,
                next,
            });
            *told = reached;
        }
    }
}

/// What of a batch is needed after it was built; its bytes stand in the buffer.
#[derive(Debug)]
struct Sent {
    length: usize,
    lost: Vec<Lost>,
    reached: Vec<(RunId, Stream, u64)>,
    waits: bool,
}

impl Sent {
    fn of(built: Built<'_>) -> Self {
        Self {
            length: built.bytes.len(),
            lost: built.lost,
            reached: built.reached,
            waits: matches!(built.end, End::Waits(_)),
        }
    }
}
