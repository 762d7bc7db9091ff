//! Lost ranges: adjacent ones are one, and there are at most so many of an agent.

use super::StoreError;
use super::apply::Applying;
use super::rows::AllRows;
use super::types::{Counts, LostRange, LostReason};
use crate::limit::LOSSES;
use hansho::frame::kind::{RunId, Stream};
use std::collections::BTreeMap;

impl<R: AllRows> Applying<'_, R> {
    /// Records a range as lost; it goes on where one ends for the same reason.
    pub(super) fn lose(
        &mut self,
        run: RunId,
        stream: Stream,
        (first, last): (u64, u64),
        reason: LostReason,
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        let span = last.saturating_sub(first).saturating_add(1);
        counts.lost = counts.lost.saturating_add(span);
        let before = self.rows.last_loss(self.agent.id, run, stream)?;
        let before = before.filter(|before| {
            before.reason == reason
                && before.first <= first
                && before.last.saturating_add(1) >= first
        });
        self.losing |= before.is_none();
        let loss = LostRange {
            run,
            stream,
            first: before.map_or(first, |before| before.first),
            last: before.map_or(last, |before| before.last.max(last)),
            reason,
            recorded: self.now,
        };
        self.rows.put_loss(self.agent.id, &loss)
    }

    /// Where there are too many, makes the older half one range a run and stream, marked as such; where that is not enough
    /// (each of another run), the oldest go. The counters keep the exact sum.
    pub(super) fn bound_losses(&mut self) -> Result<(), StoreError> {
        let agent = self.agent.id;
        if self.rows.count_losses(agent)? <= LOSSES {
            return Ok(());
        }
        let mut losses = self.rows.losses(agent)?;
        losses.sort_by_key(|loss| (loss.recorded, loss.run, loss.stream, loss.first));
        let older = losses.len().saturating_sub(LOSSES / 2);
        let mut merged: BTreeMap<(RunId, Stream), LostRange> = BTreeMap::new();
        for loss in losses.iter().take(older) {
            self.rows
                .delete_loss(agent, loss.run, loss.stream, loss.first)?;
            merged
                .entry((loss.run, loss.stream))
                .and_modify(|sum| {
                    sum.first = sum.first.min(loss.first);
                    sum.last = sum.last.max(loss.last);
                    sum.reason = LostReason::Merged;
                    sum.recorded = loss.recorded;
                })
                .or_insert(*loss);
        }
        let mut merged: Vec<LostRange> = merged.into_values().collect();
        merged.sort_by_key(|loss| (loss.recorded, loss.run, loss.stream));
        let surplus = merged.len().saturating_sub(LOSSES / 2);
        if surplus > 0 {
            log::warn!("agent {agent}: {surplus} oldest lost ranges deleted, there were too many");
        }
        for loss in merged.iter().skip(surplus) {
            self.rows.put_loss(agent, loss)?;
        }
        Ok(())
    }
}
