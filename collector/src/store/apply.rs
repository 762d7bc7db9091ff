//! What a batch changes, decided on single rows: the same code for both stores. Here what it says about its sender; its sections
//! are taken in [`super::sections`], their frames in [`super::bodies`].
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

use super::StoreError;
use super::news::{bounded, follows};
use super::rows::AllRows;
use super::types::{Agent, AgentFacts, Boot, Dated, Run, signed};
use crate::ingest::{AuthenticatedBatch, Section};
use crate::limit::{BATCH_READINGS, CLAIMS, FRAME_COMPARES, NAMED_MS, NUMBER_LIMIT};
use hansho::clock::{Anchor, Uptime, WallTime};
use hansho::frame::answer::Answer;
use hansho::frame::batch::BatchHeader;
use hansho::frame::kind::{BootId, RunId, Stream};

/// Applies a batch within an open transaction, and answers it.
///
/// # Errors
/// [`StoreError`]; the transaction must be rolled back.
pub fn accept<R: AllRows>(
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
        facts: None,
        compares_left: FRAME_COMPARES,
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
    applying.keep_facts()?;
    let agent = applying.agent;
    rows.put_agent(&agent)?;
    Ok(answer)
}

/// Notes that a batch with this header came, without storing it.
///
/// # Errors
/// [`StoreError`].
pub fn alive<R: AllRows>(
    rows: &mut R,
    header: &BatchHeader,
    now: WallTime,
) -> Result<(), StoreError> {
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
        facts: None,
        compares_left: 0,
    };
    applying.hear(header, None)?;
    applying.keep_facts()?;
    let agent = applying.agent;
    rows.put_agent(&agent)
}

/// What a batch says about its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The sender is the current run, and this is the newest that it sent.
    News,
    /// A straggler, a repetition, or a run that another followed.
    Old,
    /// A run that may be the current one, or a straggler: the next batches tell.
    Undecided,
}

/// A batch being applied.
pub(super) struct Applying<'r, R: AllRows> {
    pub(super) rows: &'r mut R,
    pub(super) agent: Agent,
    pub(super) now: WallTime,
    /// What the batch says about its sender.
    pub(super) heard: Heard,
    /// Whose sections began above the watermark and were not taken, in this batch.
    pub(super) told: Vec<(RunId, Stream)>,
    /// Whether it added a lost range.
    pub(super) losing: bool,
    /// How many readings the frames of the batch may still bring.
    pub(super) readings_left: u32,
    /// What is known of the agent's identity and clock, once it was looked up, and as it was then.
    pub(super) facts: Option<(AgentFacts, AgentFacts)>,
    /// How many repeated frames of the batch may still be compared with what is stored.
    pub(super) compares_left: u32,
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

impl<R: AllRows> Applying<'_, R> {
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

    pub(super) fn new_run(&mut self, id: RunId, boot: BootId) -> Result<Run, StoreError> {
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
            if run.followed && newer {
                self.rival(run.id, sent_uptime)?;
            }
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
                self.rival(run.id, sent_uptime)?;
                return Ok(Heard::Undecided);
            }
            self.take_over(run.id)?;
        }
        self.agent.last_seen = Some(self.now);
        self.note_clock(header.sent_wall)?;
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
}
