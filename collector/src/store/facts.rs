//! What batches tell of who sends them: the host's clock, its machine id, whether another writer has the same identity, what
//! is missing without a word, and what was said at the end. [`crate::presence`] decides on it.

use super::StoreError;
use super::apply::{Applying, Place};
use super::rows::AllRows;
use super::types::{AgentFacts, BootReason, Rival, StoredGoodbye, signed};
use crate::ingest::Frame;
use crate::limit::{CLOCK_NOTED_MS, GOODBYE_CHARACTERS, MACHINE_RETURN_MS, NUMBER_LIMIT, RIVALS};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::body::{Boot, Goodbye, LAST_BOOT_THIS, LastEnd, Leave, LeaveWhat, StopReason};
use hansho::frame::kind::{Kind, RunId, Stream};

/// `WDIOF_CARDRESET` of linux/watchdog.h: the hardware watchdog reset the host.
const WDIOF_CARDRESET: u32 = 0x20;

impl<R: AllRows> Applying<'_, R> {
    /// The agent's facts, to be changed; kept with [`Self::keep_facts`].
    fn facts(&mut self) -> Result<&mut AgentFacts, StoreError> {
        let facts = match self.facts {
            Some(facts) => facts,
            None => {
                let stored = self.rows.facts(self.agent.id)?;
                (stored, stored)
            }
        };
        Ok(&mut self.facts.insert(facts).0)
    }

    /// Stores the facts where the batch changed them.
    pub(super) fn keep_facts(&mut self) -> Result<(), StoreError> {
        match &self.facts {
            Some((facts, stored)) if facts != stored => self.rows.put_facts(self.agent.id, facts),
            _ => Ok(()),
        }
    }

    /// Notes the host's clock at the sending of a batch that is news.
    pub(super) fn note_clock(&mut self, sent: WallTime) -> Result<(), StoreError> {
        let sent_ms = sent.as_millis().min(NUMBER_LIMIT);
        let clock_ms = signed(sent_ms).saturating_sub(signed(self.now.as_millis()));
        let facts = self.facts()?;
        let steady = facts
            .clock_ms
            .is_some_and(|known| known.abs_diff(clock_ms) < CLOCK_NOTED_MS);
        if !steady {
            facts.clock_ms = Some(clock_ms);
        }
        Ok(())
    }

    /// Notes the machine id that the current run says.
    pub(super) fn note_machine(&mut self, machine: u64) -> Result<(), StoreError> {
        let now = self.now;
        let facts = self.facts()?;
        if machine == 0 || machine == facts.machine {
            return Ok(());
        }
        let soon = facts
            .machine_since
            .is_some_and(|since| now.as_millis().abs_diff(since.as_millis()) <= MACHINE_RETURN_MS);
        if machine == facts.machine_before && soon {
            facts.machine_returned = Some(now);
        }
        facts.machine_before = facts.machine;
        facts.machine = machine;
        facts.machine_since = Some(now);
        Ok(())
    }

    /// Counts frames that are missing though their agent said nothing; of readings the lost range says enough.
    pub(super) fn note_gap(
        &mut self,
        stream: Stream,
        (first, last): (u64, u64),
    ) -> Result<(), StoreError> {
        if stream == Stream::Alerts {
            let facts = self.facts()?;
            let span = last.saturating_sub(first).saturating_add(1);
            facts.alert_gaps = facts.alert_gaps.saturating_add(span).min(NUMBER_LIMIT);
        }
        Ok(())
    }

    /// Compares a frame that came again with the one that is stored. An agent sends what lies in its rings, so other bytes are of
    /// another writer: a snapshot that was rolled back, which stops once it was answered, or a second agent. Only the second
    /// goes on and contradicts what was stored after the first difference.
    pub(super) fn compare(
        &mut self,
        run: RunId,
        stream: Stream,
        frame: &Frame,
    ) -> Result<(), StoreError> {
        let loss = frame.bytes.first() == Some(&Kind::Loss.number());
        if loss || self.compares_left == 0 {
            return Ok(());
        }
        self.compares_left = self.compares_left.saturating_sub(1);
        let sequence = frame.sequence;
        let stored = self
            .rows
            .recent_frame(self.agent.id, run, stream, sequence)?;
        let Some(stored) = stored.filter(|stored| stored.frame != frame.bytes) else {
            return Ok(());
        };
        let now = self.now;
        let facts = self.facts()?;
        match facts.differs {
            Some((known, since)) if known == run => {
                if stored.received > since {
                    facts.doubled = Some(now);
                }
            }
            _ => facts.differs = Some((run, now)),
        }
        Ok(())
    }

    /// Notes that a run sent, later than all before, which does not speak for the agent.
    pub(super) fn rival(&mut self, run: RunId, sent: Uptime) -> Result<(), StoreError> {
        let id = self.agent.id;
        let rivals = self.rows.rivals(id)?;
        let known = rivals.iter().find(|rival| rival.run == run);
        let rival = match known {
            Some(known) if known.sent >= sent => return Ok(()),
            Some(known) => {
                let heard = self.agent.last_seen.filter(|seen| *seen > known.first);
                Rival {
                    sent,
                    batches: known.batches.saturating_add(1),
                    last: self.now,
                    between: heard.or(known.between),
                    ..*known
                }
            }
            None => {
                for surplus in rivals.iter().skip(RIVALS.saturating_sub(1)) {
                    self.rows.delete_rival(id, surplus.run)?;
                }
                Rival {
                    run,
                    sent,
                    batches: 1,
                    first: self.now,
                    last: self.now,
                    between: None,
                }
            }
        };
        self.rows.put_rival(id, &rival)
    }

    pub(super) fn goodbye(
        &mut self,
        place: &Place,
        goodbye: &Goodbye<'_>,
    ) -> Result<(), StoreError> {
        // A byte that is not known stops the agent all the same; 0 is kept for what only announces.
        let reason = goodbye.reason.max(StopReason::Ordered.as_u8());
        self.said(place, reason, goodbye.planned_ms, goodbye.text)
    }

    /// What is announced stands until the Goodbye says it again, or it is ended.
    pub(super) fn leave(&mut self, place: &Place, leave: &Leave<'_>) -> Result<(), StoreError> {
        let planned_ms = match LeaveWhat::from_u8(leave.what) {
            LeaveWhat::Announced => leave.planned_ms,
            LeaveWhat::Ended => 0,
            LeaveWhat::Unknown => return Ok(()),
        };
        let nothing = StopReason::Unknown.as_u8();
        self.said(place, nothing, planned_ms, leave.text)
    }

    fn said(
        &mut self,
        place: &Place,
        reason: u8,
        planned_ms: u64,
        text: &str,
    ) -> Result<(), StoreError> {
        let planned_ms = planned_ms.min(NUMBER_LIMIT);
        let stored = StoredGoodbye {
            run: place.run.id,
            sequence: place.sequence,
            at: place.date(place.uptime.as_millis()),
            reason,
            planned_ms: (planned_ms > 0).then_some(planned_ms),
            text: text.chars().take(GOODBYE_CHARACTERS).collect(),
        };
        self.rows.put_goodbye(self.agent.id, &stored)
    }

    /// What the host says of how this boot began; the first run in it says it.
    pub(super) fn booted(&mut self, place: &Place, told: &Boot) -> Result<(), StoreError> {
        let ordered = LastEnd::from_u8(told.last_end) == LastEnd::Goodbye
            && StopReason::from_u8(told.last_reason) == StopReason::HostStops;
        let reason = if told.kernel_dumps > Some(0) {
            BootReason::Panic
        } else if told.watchdog_bootstatus.unwrap_or(0) & WDIOF_CARDRESET != 0 {
            BootReason::Watchdog
        } else if ordered {
            BootReason::Ordered
        } else {
            return Ok(());
        };
        let (agent, boot) = (self.agent.id, place.run.boot);
        if told.last_boot == LAST_BOOT_THIS || self.rows.boot_reason(agent, boot)?.is_some() {
            return Ok(());
        }
        self.rows.put_boot_reason(agent, boot, reason)
    }
}
