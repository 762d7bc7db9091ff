//! Two agents with one identity, and frames that are missing without a word.

use super::returned::event;
use super::sweep::{ALERTS_LOST, DOUBLE, One, Sweep};
use super::{Done, Why};
use crate::limit::{CLAIMS, DOUBLE_MS};
use crate::store::raise::{self, Raise, Raised};
use crate::store::{AgentFacts, AlertCause, DoubleSign, Rival, StoreError};
use hansho::clock::WallTime;

/// The newest sign that two agents have this identity.
#[must_use]
pub fn sign(facts: &AgentFacts, rivals: &[Rival]) -> Option<(WallTime, DoubleSign)> {
    // One batch may be a straggler; three in order, with the other run heard in between, are two that live.
    let both = |rival: &&Rival| rival.batches >= CLAIMS && rival.between.is_some();
    let runs = rivals.iter().filter(both).map(|rival| rival.last).max();
    [
        (facts.doubled, DoubleSign::Frames),
        (runs, DoubleSign::Runs),
        (facts.machine_returned, DoubleSign::Machines),
    ]
    .into_iter()
    .filter_map(|(at, sign)| Some((at?, sign)))
    .max_by_key(|(at, _)| *at)
}

impl Sweep<'_> {
    pub(super) fn identity(&mut self, one: &mut One) -> Result<(), StoreError> {
        self.gaps(one)?;
        let Some((at, sign)) = sign(&one.facts, &one.rivals) else {
            return Ok(());
        };
        if one.presence.double_told.is_some_and(|told| at <= told) {
            return Ok(());
        }
        // While it goes on the alert stays open; it need not count each batch.
        let open = self.open.get(&(one.agent.id, DOUBLE));
        let lately = open.is_some_and(|open| {
            at.as_millis().saturating_sub(open.updated.as_millis()) < DOUBLE_MS
        });
        if lately {
            one.presence.double_told = Some(at);
            return Ok(());
        }
        self.double(one, sign, at)
    }

    /// Raises that two agents have one identity.
    pub(super) fn double(
        &mut self,
        one: &mut One,
        sign: DoubleSign,
        at: WallTime,
    ) -> Result<(), StoreError> {
        let agent = one.agent.id;
        one.presence.double_told = Some(at);
        let raise = Raise {
            occurred: Some(raise::exact(at)),
            value: Some(2),
            ..event(one, DOUBLE)
        };
        let raised = raise::raise(self.rows, &raise, self.now)?;
        let mut cause = self.rows.cause(raised.alert())?.unwrap_or_default();
        cause.double = Some(sign);
        self.rows.put_cause(raised.alert(), &cause)?;
        if let Some(stored) = self.rows.alert(raised.alert())? {
            self.open.insert((agent, DOUBLE), stored);
        }
        self.told(one, DOUBLE, raised, Why::Double(sign));
        Ok(())
    }

    /// Frames of stream 0 that are missing though their agent said nothing: only the collector knows.
    fn gaps(&mut self, one: &mut One) -> Result<(), StoreError> {
        let frames = one.facts.alert_gaps.saturating_sub(one.presence.gaps_told);
        if frames == 0 {
            return Ok(());
        }
        one.presence.gaps_told = one.facts.alert_gaps;
        let raise = Raise {
            value: Some(frames),
            count: u32::try_from(frames).unwrap_or(u32::MAX),
            ..event(one, ALERTS_LOST)
        };
        let raised = raise::raise(self.rows, &raise, self.now)?;
        if self.rows.cause(raised.alert())?.is_none() {
            self.rows
                .put_cause(raised.alert(), &AlertCause::default())?;
        }
        self.told(one, ALERTS_LOST, raised, Why::Gap { frames });
        Ok(())
    }

    fn told(&mut self, one: &One, code: u16, raised: Raised, why: Why) {
        let done = match raised {
            Raised::Opened(_) => Done::Raised,
            Raised::Counted(_) => Done::Counted,
        };
        self.decided(one.agent.id, Some((code, raised.alert())), done, why);
    }
}
