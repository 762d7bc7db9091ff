//! What stored frames say, read back.

use super::types::{
    Agent, AgentRule, Boot, ClockQuality, NewAgent, Range, StoredFrame, StoredReading,
};
use crate::limit::CLOCK_STEP_MS;
use hansho::clock::WallTime;
use hansho::frame::body::{self, Body, RuleRecord};
use hansho::frame::kind::RunId;
use hansho::frame::packed::Unpacker;

/// The readings of a Readings frame, dated by the boot of its run; empty for any other frame.
#[must_use]
pub fn readings_of(run: RunId, sequence: u64, frame: &[u8], boot: &Boot) -> Vec<StoredReading> {
    let Ok((uptime, Body::Readings(readings))) = body::decode(frame) else {
        return Vec::new();
    };
    Unpacker::new(&readings, uptime)
        .map_while(Result::ok)
        .map(|mut reading| {
            let dated = boot.date(reading.uptime);
            reading.wall = dated.wall;
            StoredReading {
                run,
                sequence,
                dated,
                reading,
            }
        })
        .collect()
}

/// The readings of a stored frame. What was received cannot have been read later: where a host was rolled back to a snapshot
/// its uptimes came twice, and those of before it are dated by the difference that came after. They are dated so that
/// the last was read when it was received, which is the latest that can be, and said to be not known.
#[must_use]
pub fn stored_readings(frame: &StoredFrame, boot: &Boot) -> Vec<StoredReading> {
    let mut readings = readings_of(frame.run, frame.sequence, &frame.frame, boot);
    let received_ms = frame.received.as_millis();
    let ahead_ms = readings
        .iter()
        .filter(|reading| reading.dated.quality == ClockQuality::Exact)
        .map(|reading| reading.dated.wall.as_millis().saturating_sub(received_ms))
        .max();
    if let Some(ahead_ms) = ahead_ms.filter(|ahead_ms| *ahead_ms > CLOCK_STEP_MS) {
        for reading in &mut readings {
            let wall_ms = reading.dated.wall.as_millis().saturating_sub(ahead_ms);
            reading.dated.wall = WallTime::from_millis(wall_ms);
            reading.dated.quality = ClockQuality::Unknown;
            reading.reading.wall = reading.dated.wall;
        }
    }
    readings
}

/// The rules of one part of a Config.
#[must_use]
pub fn rules_of(part: &[u8]) -> Vec<AgentRule> {
    body::elements::<RuleRecord<'_>>(part)
        .map_while(Result::ok)
        .map(|record| AgentRule {
            code: record.code,
            subject: record.subject.to_owned(),
            enabled: record.flags & 1 != 0,
            quantity: record.quantity,
            raise_permille: record.raise_permille,
            raise_absolute: record.raise_absolute,
            raise_after_ms: record.raise_after_ms,
            clear_permille: record.clear_permille,
            clear_absolute: record.clear_absolute,
            clear_after_ms: record.clear_after_ms,
            event: record.flags & 2 != 0,
            below: record.flags & 4 != 0,
            origin: record.origin.to_owned(),
        })
        .collect()
}

impl Range {
    /// Everything.
    #[must_use]
    pub const fn all(limit: usize) -> Self {
        Self {
            from: WallTime::from_millis(0),
            to: WallTime::from_millis(u64::MAX),
            limit,
        }
    }

    /// The newest of `readings` within the range, by date.
    #[must_use]
    pub fn cut(&self, mut readings: Vec<StoredReading>) -> Vec<StoredReading> {
        readings.retain(|reading| reading.dated.wall >= self.from && reading.dated.wall <= self.to);
        readings.sort_by_key(|reading| {
            (
                reading.dated.wall,
                reading.run,
                reading.sequence,
                reading.reading.uptime,
            )
        });
        let surplus = readings.len().saturating_sub(self.limit);
        readings.drain(..surplus);
        readings
    }
}

impl Agent {
    /// An agent that was never heard.
    #[must_use]
    pub fn new(agent: &NewAgent, now: WallTime) -> Self {
        Self {
            id: agent.id,
            customer: agent.customer.clone(),
            system: agent.system.clone(),
            name: agent.name.clone(),
            created: now,
            current_run: None,
            last_seen: None,
            stated: None,
            inventory: None,
            runs: 0,
            alerts: 0,
            retired: None,
            used_epoch: 0,
        }
    }
}
