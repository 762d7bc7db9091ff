//! What a batch changes, decided on single rows: the same code for both stores.
//!
//! **Which run is current.** A run becomes the agent's current one when it sends its first batch, unless that batch is
//! older than what is known: sent in the boot of the current run but not after its last batch, sent in a boot
//! that was left before, or by a run that appeared in another run's batch before. Such a run still becomes the current
//! one with the third batch, each sent later than the one before, that comes while the current run is silent: a snapshot that was
//! rolled back goes on like that. Until it is decided nothing of such a sender is stored: it sends again what it has not been
//! answered, and is then stored as what it is. A run that another followed never comes back. Only the current run moves last-seen and clock offset, and only with a batch sent later than all before.
//!
//! **Which run is older.** The current run is the newest. Of others of one boot the run number of their Hello decides where
//! both are known and differ, else the order in which they were first heard of; the runs whose frames a sender brings
//! along are heard of before the sender. Across boots the number says nothing: it begins again where no ring survived.
//!
//! **Which boot a run is of** its own sections say, and the first with a frame for good. The header of a batch says in which boot it was
//! sent: just after a reboot the newest run in the rings is still the last one of the boot before. Such a batch is stored, and
//! says nothing about the clock of its sender.

use super::news::{bounded, follows};
use super::rows::{ConfigPart, Latest, Rows, Watermark};
use super::types::{Agent, Boot, Counts, Dated, Inventory, LostReason, Run, StoredFrame, signed};
use super::{StoreError, check};
use crate::ingest::{AuthenticatedBatch, Section};
use crate::limit::{BATCH_READINGS, CLAIMS, INVENTORY_CHARACTERS, NAMED_MS, NUMBER_LIMIT};
use crate::planted;
use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::frame::answer::{Answer, Refused, RefusedReason, Stored};
use hansho::frame::batch::BatchHeader;
use hansho::frame::body::{Body, Hello, LossReason};
use hansho::frame::kind::{BootId, RunId, Stream};

/// Applies a batch within an open transaction, and answers it.
///
/// # Errors
/// [`StoreError`]; the transaction must be rolled back.
pub fn accept<R: Rows>(
    rows: &mut R,
    batch: &AuthenticatedBatch,
    now: WallTime,
) -> Result<Answer, StoreError> {
    let header = *batch.header();
    let mut agent = rows.agent(header.agent)?.ok_or(StoreError::NoAgent)?;
    if header.key_epoch > agent.used_epoch {
        agent.used_epoch = header.key_epoch;
        rows.key_used(agent.id, header.key_epoch, now)?;
    }
    let mut applying = Applying {
        rows,
        agent,
        now,
        heard: Heard::Old,
        told: Vec::new(),
        losing: false,
        readings_left: BATCH_READINGS,
    };
    for section in batch.sections() {
        applying.know(section, header.run)?;
    }
    let own = batch
        .sections()
        .iter()
        .map(|section| section.header)
        .find(|section| section.run == header.run);
    // The sender is heard of after those that it brings along.
    applying.heard = applying.hear(&header, own.map(|own| own.boot))?;
    let mut answer = Answer {
        echo: batch.mac(),
        collector_wall: now,
        ..Answer::default()
    };
    for section in batch.sections() {
        applying.note_named(section.header.run, header.run)?;
        if applying.heard == Heard::Undecided {
            applying.unchanged(section, &mut answer)?;
        } else {
            applying.section(section, &mut answer)?;
        }
    }
    if applying.losing {
        applying.bound_losses()?;
    }
    let agent = applying.agent;
    rows.put_agent(&agent)?;
    Ok(answer)
}

/// Notes that a batch with this header came, without storing it.
///
/// # Errors
/// [`StoreError`].
pub fn alive<R: Rows>(rows: &mut R, header: &BatchHeader, now: WallTime) -> Result<(), StoreError> {
    let Some(agent) = rows.agent(header.agent)? else {
        return Ok(());
    };
    let mut applying = Applying {
        rows,
        agent,
        now,
        heard: Heard::Old,
        told: Vec::new(),
        losing: false,
        readings_left: 0,
    };
    applying.hear(header, None)?;
    let agent = applying.agent;
    rows.put_agent(&agent)
}

/// What a batch says about its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// The sender is the current run, and this is the newest that it sent.
    News,
    /// A straggler, a repetition, or a run that another followed.
    Old,
    /// A run that may be the current one, or a straggler: the next batches tell.
    Undecided,
}

/// A batch being applied.
pub(super) struct Applying<'r, R: Rows> {
    pub(super) rows: &'r mut R,
    pub(super) agent: Agent,
    pub(super) now: WallTime,
    /// What the batch says about its sender.
    heard: Heard,
    /// Whose sections began above the watermark and were not taken, in this batch.
    told: Vec<(RunId, Stream)>,
    /// Whether it added a lost range.
    pub(super) losing: bool,
    /// How many readings the frames of the batch may still bring.
    pub(super) readings_left: u32,
}

/// Where a frame stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) run: Run,
    pub(super) boot: Boot,
    pub(super) sequence: u64,
    pub(super) uptime: Uptime,
}

impl Place {
    pub(super) fn date(&self, uptime_ms: u64) -> Dated {
        self.boot.date(Uptime::from_millis(uptime_ms))
    }

    /// Dates when something began; absent where that was in an earlier boot, of which the agent says 0.
    pub(super) fn date_of_begin(&self, uptime_ms: u64) -> Option<Dated> {
        (uptime_ms > 0).then(|| self.date(uptime_ms))
    }
}

impl<R: Rows> Applying<'_, R> {
    /// Makes the run and boot of a section known.
    fn know(&mut self, section: &Section, sender: RunId) -> Result<(), StoreError> {
        let header = &section.header;
        let id = self.agent.id;
        let anchor = Anchor {
            uptime: bounded(header.anchor.uptime),
            wall: WallTime::from_millis(header.anchor.wall.as_millis().min(NUMBER_LIMIT)),
            quality: header.anchor.quality,
        };
        let boot = match self.rows.boot(id, header.boot)? {
            Some(boot) if boot.anchor.uptime >= anchor.uptime => boot,
            Some(boot) => Boot { anchor, ..boot },
            None => Boot {
                anchor,
                ..Boot::new(header.boot)
            },
        };
        self.rows.put_boot(id, &boot)?;
        let (run, boot) = (header.run, header.boot);
        let Some(known) = self.rows.run(id, run)? else {
            // The sender is heard of after those that it brings along.
            if run != sender {
                self.new_run(run, boot)?;
            }
            return Ok(());
        };
        // A boot that only the header of a batch told for the run was a guess.
        if known.boot == boot || self.anything_stored(run)? {
            return Ok(());
        }
        let known = Run {
            boot,
            last_sent: None,
            ..known
        };
        self.rows.put_run(id, &known)
    }

    /// Notes that the current run named a run, so that rows of those that no agent holds any more can go one day.
    fn note_named(&mut self, run: RunId, sender: RunId) -> Result<(), StoreError> {
        if self.heard != Heard::News {
            return Ok(());
        }
        let id = self.agent.id;
        let Some(run) = self.rows.run(id, run)? else {
            return Ok(());
        };
        let age_ms = self.now.as_millis().abs_diff(run.named.as_millis());
        if run.named_by == sender && age_ms < NAMED_MS {
            return Ok(());
        }
        let named = Run {
            named_by: sender,
            named: self.now,
            ..run
        };
        self.rows.put_run(id, &named)
    }

    fn anything_stored(&mut self, run: RunId) -> Result<bool, StoreError> {
        for stream in [
            Stream::Alerts,
            Stream::Readings,
            Stream::Evidence,
            Stream::History,
        ] {
            if self.rows.watermark(self.agent.id, run, stream)?.next > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn new_run(&mut self, id: RunId, boot: BootId) -> Result<Run, StoreError> {
        let run = Run {
            id,
            boot,
            arrival: self.agent.runs,
            number: None,
            last_sent: None,
            followed: false,
            claims: 0,
            claimed_at: None,
            since: self.now,
            named_by: id,
            named: self.now,
        };
        self.agent.runs = self.agent.runs.saturating_add(1);
        self.rows.put_run(self.agent.id, &run)?;
        Ok(run)
    }

    /// Moves current run, last-seen and clock offset, where the batch is news.
    /// `own` is the boot that a section of the sender names.
    fn hear(&mut self, header: &BatchHeader, own: Option<BootId>) -> Result<Heard, StoreError> {
        let id = self.agent.id;
        let sent_uptime = bounded(header.sent_uptime);
        let (mut run, follows) = match self.rows.run(id, header.run)? {
            Some(run) => (run, false),
            None => {
                let follows = follows(self.rows, &self.agent, header)?;
                let boot = own.unwrap_or(header.boot);
                (self.new_run(header.run, boot)?, follows)
            }
        };
        if run.boot != header.boot {
            return Ok(Heard::Old);
        }
        let newer = run.last_sent.is_none_or(|last| sent_uptime > last);
        let current = self.agent.current_run == Some(run.id);
        if run.followed || (current && !newer) {
            return Ok(Heard::Old);
        }
        if !newer {
            return Ok(Heard::Undecided);
        }
        run.last_sent = Some(sent_uptime);
        let claimed = !current && !follows && self.claims(&mut run);
        self.rows.put_run(id, &run)?;
        if !current {
            if !follows && !claimed {
                return Ok(Heard::Undecided);
            }
            self.take_over(run.id)?;
        }
        self.agent.last_seen = Some(self.now);
        let offset_ms =
            signed(self.now.as_millis()).saturating_sub(signed(sent_uptime.as_millis()));
        let boot = self.rows.boot(id, header.boot)?;
        let mut boot = boot.unwrap_or_else(|| Boot::new(header.boot));
        if claimed {
            boot.offsets.roll_back(sent_uptime, offset_ms);
        } else {
            boot.offsets.hear(sent_uptime, offset_ms);
        }
        self.rows.put_boot(id, &boot)?;
        Ok(Heard::News)
    }

    /// Counts the batches that a run, which did not follow the current one when it was first heard, has sent while the
    /// current one was silent; true when they are enough.
    fn claims(&mut self, run: &mut Run) -> bool {
        if run.claimed_at == self.agent.last_seen {
            run.claims = run.claims.saturating_add(1);
        } else {
            run.claimed_at = self.agent.last_seen;
            run.claims = 1;
        }
        run.claims >= CLAIMS
    }

    fn take_over(&mut self, run: RunId) -> Result<(), StoreError> {
        let before = match self.agent.current_run {
            Some(before) => self.rows.run(self.agent.id, before)?,
            None => None,
        };
        if let Some(before) = before {
            let followed = Run {
                followed: true,
                ..before
            };
            self.rows.put_run(self.agent.id, &followed)?;
        }
        self.agent.current_run = Some(run);
        Ok(())
    }

    /// Whether what run `a` says is older than what run `b` says.
    pub(super) fn older(&mut self, a: RunId, b: RunId) -> Result<bool, StoreError> {
        if a == b || self.agent.current_run == Some(a) {
            return Ok(false);
        }
        if self.agent.current_run == Some(b) {
            return Ok(true);
        }
        let (a, b) = (
            self.rows.run(self.agent.id, a)?,
            self.rows.run(self.agent.id, b)?,
        );
        let (Some(a), Some(b)) = (a, b) else {
            return Ok(false);
        };
        Ok(match (a.number, b.number) {
            (Some(number), Some(other)) if a.boot == b.boot && number != other => number < other,
            _ => a.arrival < b.arrival,
        })
    }

    /// Answers a section of which nothing is stored.
    fn unchanged(&mut self, section: &Section, answer: &mut Answer) -> Result<(), StoreError> {
        let (run, stream) = (section.header.run, section.header.stream);
        let next = self.rows.watermark(self.agent.id, run, stream)?.next;
        answer.stored.push(Stored { run, stream, next }).ok();
        Ok(())
    }

    fn section(&mut self, section: &Section, answer: &mut Answer) -> Result<(), StoreError> {
        let id = self.agent.id;
        let (run_id, stream) = (section.header.run, section.header.stream);
        let before = self.rows.watermark(id, run_id, stream)?;
        let mut next = before.next;
        let mut offered = None;
        let mut counts = Counts::default();
        let mut refusing = false;
        let mut named = Vec::new();
        let mut refusals_end = false;
        let place = match section.frames.first() {
            Some(first) => Some(self.place(section, first.sequence)?),
            None => None,
        };
        for frame in &section.frames {
            if frame.last < next && !planted::no_dedup() {
                counts.duplicates = counts.duplicates.saturating_add(1);
                continue;
            }
            // No frame is dated by the clock of a boot that it is not of.
            let other_boot = place.is_some_and(|place| place.run.boot != section.header.boot);
            let left = &mut self.readings_left;
            let checked = if other_boot {
                Err(RefusedReason::Malformed)
            } else {
                check::check(stream, frame.last, &frame.bytes, left)
            };
            let (uptime, body) = match checked {
                Ok(checked) => checked,
                Err(reason) => {
                    refusing = true;
                    counts.refused = counts.refused.saturating_add(1);
                    // Beyond the bound more are named in the next answer.
                    let refused = Refused {
                        run: run_id,
                        stream,
                        sequence: frame.sequence,
                        reason,
                    };
                    if answer.refused.push(refused).is_ok() {
                        named.push((frame.sequence, reason));
                    }
                    continue;
                }
            };
            if refusing {
                // Nothing may pass a refused frame; what follows is only looked through for more of them.
                continue;
            }
            if frame.sequence > next && stream != Stream::History {
                if !self.insists(run_id, stream, before.offered == Some(frame.sequence)) {
                    offered = Some(frame.sequence);
                    break;
                }
                let gap = (next, frame.sequence.saturating_sub(1));
                self.lose(run_id, stream, gap, LostReason::Gap, &mut counts)?;
            }
            let Some(place) = place.map(|place| Place {
                sequence: frame.sequence,
                uptime,
                ..place
            }) else {
                break;
            };
            if let Body::Loss(loss) = &body {
                let range = (frame.sequence.max(next), frame.last);
                refusals_end |= loss.reason == LossReason::Refused.as_u8();
                let reason = self.told_reason(run_id, stream, range, loss.reason)?;
                self.lose(run_id, stream, range, reason, &mut counts)?;
            } else {
                let stored = StoredFrame {
                    run: run_id,
                    stream,
                    sequence: frame.sequence,
                    received: self.now,
                    frame: frame.bytes.clone(),
                };
                self.rows.put_frame(id, &stored)?;
                counts.frames_stored = counts.frames_stored.saturating_add(1);
                self.body(&place, &body, &frame.bytes, &mut counts)?;
            }
            next = next.max(frame.last.saturating_add(1));
        }
        let after = Watermark { next, offered };
        self.move_watermark(run_id, stream, before, after)?;
        if refusals_end || !named.is_empty() {
            self.rows.put_refusals(id, run_id, stream, &named)?;
        }
        if counts != Counts::default() {
            self.rows.count(id, stream, &counts)?;
        }
        // A batch has no more sections than an answer has room for.
        answer
            .stored
            .push(Stored {
                run: run_id,
                stream,
                next,
            })
            .ok();
        Ok(())
    }

    /// Why a Loss says that its range is lost; where it was refused here, why that was.
    fn told_reason(
        &mut self,
        run: RunId,
        stream: Stream,
        range: (u64, u64),
        told: u8,
    ) -> Result<LostReason, StoreError> {
        Ok(match LossReason::from_u8(told) {
            LossReason::Unknown => LostReason::Unknown,
            LossReason::Overwritten => LostReason::Overwritten,
            LossReason::Refused => {
                why_refused(self.rows.refusal(self.agent.id, run, stream, range)?)
            }
        })
    }

    fn move_watermark(
        &mut self,
        run: RunId,
        stream: Stream,
        before: Watermark,
        mut after: Watermark,
    ) -> Result<(), StoreError> {
        if after.offered.is_some() && self.heard == Heard::News {
            self.told.push((run, stream));
        } else if after.offered.is_some() || after.next == before.next {
            // Stragglers and repetitions say nothing about what is offered.
            after.offered = before.offered;
        }
        if after != before {
            self.rows.put_watermark(self.agent.id, run, stream, after)?;
        }
        Ok(())
    }

    /// Whether a section that begins above the watermark is taken. A collector restored from a backup knows less than it told
    /// before: the agent is told so, and sends again what the rings hold, with a Loss for what they do not. Only an agent that
    /// offers the same once more, in a later batch, has nothing else.
    fn insists(&self, run: RunId, stream: Stream, offered_before: bool) -> bool {
        offered_before && self.heard == Heard::News && !self.told.contains(&(run, stream))
    }

    /// Where the frames of a section stand.
    fn place(&mut self, section: &Section, sequence: u64) -> Result<Place, StoreError> {
        let id = self.agent.id;
        let run = match self.rows.run(id, section.header.run)? {
            Some(run) => run,
            None => self.new_run(section.header.run, section.header.boot)?,
        };
        let boot = self.rows.boot(id, run.boot)?;
        let boot = boot.unwrap_or_else(|| Boot::new(run.boot));
        Ok(Place {
            run,
            boot,
            sequence,
            uptime: Uptime::default(),
        })
    }

    fn body(
        &mut self,
        place: &Place,
        body: &Body<'_>,
        bytes: &[u8],
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        match body {
            Body::Hello(hello) => self.hello(place, hello),
            Body::Config(config) if self.speaks(place) => {
                let part = ConfigPart {
                    config_hash: config.config_hash,
                    part: config.part,
                    parts: config.parts,
                    rules: config.rules,
                };
                self.rows.put_config(self.agent.id, &part)
            }
            Body::State(state) => self.state(place, state, counts),
            Body::Alert(alert) => self.alert(place, alert, counts),
            Body::Readings(readings) => {
                let count = u64::from(readings.count);
                counts.readings_stored = counts.readings_stored.saturating_add(count);
                self.newest_readings(place, bytes)
            }
            Body::Unknown(_) => {
                counts.skipped = counts.skipped.saturating_add(1);
                Ok(())
            }
            // Kept raw: a Config of an older run is history, presence reads Boot, Leave and Goodbye, History is read on
            // demand.
            Body::Config(_)
            | Body::Boot(_)
            | Body::Leave(_)
            | Body::Goodbye(_)
            | Body::History(_)
            | Body::Loss(_) => Ok(()),
        }
    }

    /// Whether the run of a frame speaks for the agent as it is now.
    fn speaks(&self, place: &Place) -> bool {
        self.agent.current_run == Some(place.run.id)
    }

    fn hello(&mut self, place: &Place, hello: &Hello<'_>) -> Result<(), StoreError> {
        let run = Run {
            number: Some(hello.run_number),
            ..place.run
        };
        self.rows.put_run(self.agent.id, &run)?;
        if self.speaks(place) || self.agent.inventory.is_none() {
            self.agent.inventory = Some(inventory(hello));
        }
        Ok(())
    }

    fn newest_readings(&mut self, place: &Place, bytes: &[u8]) -> Result<(), StoreError> {
        let id = self.agent.id;
        let newest = match self.rows.latest(id)? {
            Some(latest) if latest.run == place.run.id => place.sequence >= latest.sequence,
            Some(latest) => !self.older(place.run.id, latest.run)?,
            None => true,
        };
        if !newest {
            return Ok(());
        }
        self.rows.put_latest(
            id,
            &Latest {
                run: place.run.id,
                sequence: place.sequence,
                frame: bytes.to_vec(),
            },
        )
    }
}

/// The reason of a lost frame that this collector refused, by what it said then.
const fn why_refused(said: Option<RefusedReason>) -> LostReason {
    match said {
        Some(RefusedReason::Malformed) => LostReason::RefusedMalformed,
        Some(RefusedReason::WrongStream) => LostReason::RefusedWrongStream,
        Some(RefusedReason::Unknown) | None => LostReason::Refused,
    }
}

fn inventory(hello: &Hello<'_>) -> Inventory {
    let kept = |text: &str| text.chars().take(INVENTORY_CHARACTERS).collect();
    Inventory {
        version: kept(hello.version),
        host: kept(hello.host),
        kernel: kept(hello.kernel),
        architecture: kept(hello.architecture),
        cores: hello.cores,
        memory_total_kib: hello.memory_total_kib,
        sample_interval_ms: hello.sample_interval_ms,
        report_interval_ms: hello.report_interval_ms,
        post_interval_ms: hello.post_interval_ms,
        registry_version: hello.registry_version,
        registry_hash: hello.registry_hash,
        config_hash: hello.config_hash,
        machine_id_hash: hello.machine_id_hash,
        flags: hello.flags,
    }
}
