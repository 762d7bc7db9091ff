//! A store whose damage is noticed by whoever uses it: each error passes here.

use super::types::{
    Agent, AgentRule, AlertFilter, AlertId, FrameHead, FrameKey, LostRange, NewAgent, Range,
    StoredAlert, StoredFrame, StoredReading, Totals,
};
use super::{Room, Store, StoreError, Work};
use crate::ingest::{AuthenticatedBatch, Metrics};
use hansho::clock::WallTime;
use hansho::frame::answer::Answer;
use hansho::frame::batch::BatchHeader;
use hansho::frame::kind::AgentId;
use std::sync::Arc;

/// A store. Once damage is known, nothing more is written through it; what can be read is read.
#[derive(Debug)]
pub struct Watched<S> {
    store: S,
    metrics: Arc<Metrics>,
}

impl<S> Watched<S> {
    /// Damage is noted in the metrics, which all that use the store share.
    pub const fn new(store: S, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Corrupt(said)) = &outcome {
            self.metrics.damage.note(said);
        }
        outcome
    }

    fn whole(&self) -> Result<(), StoreError> {
        match self.metrics.damage.said() {
            Some(said) => Err(StoreError::Corrupt(said.to_owned())),
            None => Ok(()),
        }
    }
}
impl<S: Store> Store for Watched<S> {
    fn accept(
        &self,
        batches: &[&AuthenticatedBatch],
        now: WallTime,
    ) -> Result<Vec<Answer>, StoreError> {
        self.whole()?;
        self.noted(self.store.accept(batches, now))
    }

    fn alive(&self, heard: &[(BatchHeader, WallTime)]) -> Result<(), StoreError> {
        self.whole()?;
        self.noted(self.store.alive(heard))
    }

    fn is_news(&self, header: &BatchHeader) -> Result<bool, StoreError> {
        self.noted(self.store.is_news(header))
    }

    fn transact(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.whole()?;
        self.noted(self.store.transact(work))
    }

    fn view(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.noted(self.store.view(work))
    }

    fn add_agent(&self, agent: &NewAgent, now: WallTime) -> Result<(), StoreError> {
        self.whole()?;
        self.noted(self.store.add_agent(agent, now))
    }

    fn master_of(
        &self,
        agent: AgentId,
        epoch: u8,
        now: WallTime,
    ) -> Result<Option<u32>, StoreError> {
        self.noted(self.store.master_of(agent, epoch, now))
    }

    fn key_changes(&self) -> Result<u64, StoreError> {
        self.noted(self.store.key_changes())
    }

    fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.noted(self.store.agents())
    }

    fn alerts_before(
        &self,
        filter: &AlertFilter,
        before: Option<(WallTime, AlertId)>,
    ) -> Result<Vec<StoredAlert>, StoreError> {
        self.noted(self.store.alerts_before(filter, before))
    }

    fn alert(&self, id: AlertId) -> Result<Option<StoredAlert>, StoreError> {
        self.noted(self.store.alert(id))
    }

    fn readings(&self, agent: AgentId, range: &Range) -> Result<Vec<StoredReading>, StoreError> {
        self.noted(self.store.readings(agent, range))
    }

    fn latest(&self, agent: AgentId) -> Result<Option<StoredReading>, StoreError> {
        self.noted(self.store.latest(agent))
    }

    fn frames(&self, agent: AgentId) -> Result<Vec<StoredFrame>, StoreError> {
        self.noted(self.store.frames(agent))
    }

    fn frame_heads(
        &self,
        agent: AgentId,
        after: Option<FrameKey>,
        limit: usize,
    ) -> Result<Vec<FrameHead>, StoreError> {
        self.noted(self.store.frame_heads(agent, after, limit))
    }

    fn losses(&self, agent: AgentId) -> Result<Vec<LostRange>, StoreError> {
        self.noted(self.store.losses(agent))
    }

    fn rules(&self, agent: AgentId) -> Result<Vec<AgentRule>, StoreError> {
        self.noted(self.store.rules(agent))
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        self.noted(self.store.totals())
    }

    fn sweep(&self, now: WallTime, retention_days: u32) -> Result<usize, StoreError> {
        self.whole()?;
        self.noted(self.store.sweep(now, retention_days))
    }

    fn room(&self) -> Room {
        self.store.room()
    }

    fn ping(&self, now: WallTime) -> Result<(), StoreError> {
        self.whole()?;
        self.noted(self.store.ping(now))
    }

    fn leave(&self) -> Result<(), StoreError> {
        self.store.leave()
    }

    fn idle(&self) -> Result<(), StoreError> {
        self.whole()?;
        self.noted(self.store.idle())
    }
}
