//! The store in memory: the model that SQLite is compared with, and the store of simulations. Maps, nothing else.

mod agents;
mod evidence;
mod handling;
mod notify;
mod pages;
mod people;
mod presence;
mod upkeep;
mod victims;

use super::apply;
use super::decode::{readings_of, rules_of, stored_readings};
use super::news;
use super::rows::{AgentRows, ConfigPart, Latest, Rows, StatePart, Watermark};
use super::types::{
    Agent, AgentRule, AlertFilter, AlertId, Boot, Counts, Event, EventKind, FrameHead, FrameKey,
    Identity, JoinToken, KeyEpoch, LostRange, NewAgent, Range, Run, StoredAlert, StoredFrame,
    StoredReading, Totals,
};
use super::{Store, StoreError, Work};
use crate::clock::DAY_MS;
use crate::ingest::AuthenticatedBatch;
use crate::limit::{NAMED_MS, SWEEP_JUMP_DAYS};
use hansho::clock::{Uptime, WallTime};
use hansho::frame::answer::{Answer, RefusedReason};
use hansho::frame::batch::BatchHeader;
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

/// One transaction works on a copy, which takes the place of the original when it ends well.
#[derive(Clone, Debug, Default)]
struct Tables {
    agents: BTreeMap<AgentId, Agent>,
    keys: BTreeMap<(AgentId, u8), KeyEpoch>,
    join_tokens: BTreeMap<u32, JoinToken>,
    key_changes: u64,
    past: BTreeMap<AgentId, BTreeSet<super::types::Past>>,
    runs: BTreeMap<(AgentId, RunId), Run>,
    boots: BTreeMap<(AgentId, BootId), Boot>,
    watermarks: BTreeMap<(AgentId, RunId, Stream), Watermark>,
    frames: BTreeMap<(AgentId, RunId, Stream, u64), StoredFrame>,
    losses: BTreeMap<(AgentId, RunId, Stream, u64), LostRange>,
    refusals: BTreeMap<(AgentId, RunId, Stream), Vec<(u64, RefusedReason)>>,
    counts: BTreeMap<(AgentId, Stream), Counts>,
    alerts: BTreeMap<AlertId, StoredAlert>,
    state_parts: BTreeMap<(AgentId, RunId), Vec<StatePart>>,
    configs: BTreeMap<AgentId, StoredConfig>,
    latest: BTreeMap<AgentId, Latest>,
    events: Vec<Event>,
    told: notify::Told,
    people: people::People,
    presence: presence::PresenceTables,
    evidence: evidence::EvidenceTables,
    victims: victims::VictimTables,
    upkeep: upkeep::UpkeepTables,
    /// Day of the newest batch: as the open day file.
    written: u64,
    handling: handling::HandlingTables,
}

/// Effective rules: hash, number of parts, and the parts that came.
type StoredConfig = (u64, u8, BTreeMap<u8, Vec<u8>>);

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A transaction that panicked worked on a copy.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transaction<T>(
        &self,
        work: impl FnOnce(&mut Tables) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tables = self.lock();
        let mut copy = tables.clone();
        let outcome = work(&mut copy)?;
        *tables = copy;
        Ok(outcome)
    }
}

impl Store for MemoryStore {
    fn accept(
        &self,
        batches: &[&AuthenticatedBatch],
        now: WallTime,
    ) -> Result<Vec<Answer>, StoreError> {
        self.transaction(|tables| {
            tables.written = now.as_millis() / DAY_MS;
            batches
                .iter()
                .map(|batch| apply::accept(tables, batch, now))
                .collect()
        })
    }

    fn alive(&self, heard: &[(BatchHeader, WallTime)]) -> Result<(), StoreError> {
        self.transaction(|tables| {
            heard
                .iter()
                .try_for_each(|(header, now)| apply::alive(tables, header, *now))
        })
    }

    fn is_news(&self, header: &BatchHeader) -> Result<bool, StoreError> {
        news::is_news(&mut *self.lock(), header)
    }

    fn transact(&self, work: Work<'_>) -> Result<(), StoreError> {
        self.transaction(|tables| work(tables))
    }

    fn view(&self, work: Work<'_>) -> Result<(), StoreError> {
        let mut copy = self.lock().clone();
        work(&mut copy)
    }

    fn add_agent(&self, agent: &NewAgent, now: WallTime) -> Result<(), StoreError> {
        self.transaction(|tables| tables.insert_agent(agent, now))
    }

    fn master_of(
        &self,
        agent: AgentId,
        epoch: u8,
        now: WallTime,
    ) -> Result<Option<u32>, StoreError> {
        let tables = self.lock();
        let watched = tables.agents.get(&agent);
        let watched = watched.is_some_and(|agent| agent.retired.is_none());
        let key = tables.keys.get(&(agent, epoch));
        let key = key.filter(|key| watched && key.is_good(now));
        Ok(key.map(|key| key.master))
    }

    fn key_changes(&self) -> Result<u64, StoreError> {
        Ok(self.lock().key_changes)
    }

    fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.lock().all_agents()
    }

    fn alerts_before(
        &self,
        filter: &AlertFilter,
        before: Option<(WallTime, AlertId)>,
    ) -> Result<Vec<StoredAlert>, StoreError> {
        let mut alerts: Vec<StoredAlert> = self
            .lock()
            .alerts
            .values()
            .filter(|alert| filter.agent.is_none_or(|agent| agent == alert.agent))
            .filter(|alert| filter.firing.is_none_or(|firing| firing == alert.firing))
            .filter(|alert| before.is_none_or(|before| (alert.stored, alert.id) < before))
            .cloned()
            .collect();
        alerts.sort_by_key(|alert| core::cmp::Reverse((alert.stored, alert.id)));
        alerts.truncate(filter.limit.unwrap_or(usize::MAX));
        Ok(alerts)
    }

    fn alert(&self, id: AlertId) -> Result<Option<StoredAlert>, StoreError> {
        Ok(self.lock().alerts.get(&id).cloned())
    }

    fn readings(&self, agent: AgentId, range: &Range) -> Result<Vec<StoredReading>, StoreError> {
        let mut tables = self.lock();
        let frames: Vec<StoredFrame> = tables
            .frames
            .range((agent, RunId(0), Stream::Alerts, 0)..)
            .take_while(|((of, ..), _)| *of == agent)
            .map(|(_, frame)| frame.clone())
            .filter(|frame| frame.stream == Stream::Readings)
            .collect();
        let mut readings = Vec::new();
        for frame in frames {
            if let Some(boot) = boot_of(&mut tables, agent, frame.run)? {
                readings.extend(stored_readings(&frame, &boot));
            }
        }
        Ok(range.cut(readings))
    }

    fn latest(&self, agent: AgentId) -> Result<Option<StoredReading>, StoreError> {
        let mut tables = self.lock();
        let Some(latest) = tables.latest.get(&agent).cloned() else {
            return Ok(None);
        };
        let boot = boot_of(&mut tables, agent, latest.run)?;
        Ok(boot.and_then(|boot| {
            readings_of(latest.run, latest.sequence, &latest.frame, &boot)
                .into_iter()
                .next_back()
        }))
    }

    fn frames(&self, agent: AgentId) -> Result<Vec<StoredFrame>, StoreError> {
        Ok(self
            .lock()
            .frames
            .iter()
            .filter(|((of, ..), _)| *of == agent)
            .map(|(_, frame)| frame.clone())
            .collect())
    }

    fn frame_heads(
        &self,
        agent: AgentId,
        after: Option<FrameKey>,
        limit: usize,
    ) -> Result<Vec<FrameHead>, StoreError> {
        let head = |frame: StoredFrame| FrameHead {
            run: frame.run,
            stream: frame.stream,
            sequence: frame.sequence,
            received: frame.received,
            kind: frame.frame.first().copied().unwrap_or_default(),
            bytes: u64::try_from(frame.frame.len()).unwrap_or(u64::MAX),
        };
        let mut heads: Vec<FrameHead> = self.frames(agent)?.into_iter().map(head).collect();
        heads.retain(|head| after.is_none_or(|after| head.key() > after));
        heads.sort_by_key(FrameHead::key);
        heads.truncate(limit);
        Ok(heads)
    }

    fn losses(&self, agent: AgentId) -> Result<Vec<LostRange>, StoreError> {
        let mut losses: Vec<LostRange> = self.lock().losses_of(agent).copied().collect();
        losses.sort();
        Ok(losses)
    }

    fn rules(&self, agent: AgentId) -> Result<Vec<AgentRule>, StoreError> {
        let tables = self.lock();
        let Some((_, parts, rules)) = tables.configs.get(&agent) else {
            return Ok(Vec::new());
        };
        if rules.len() != usize::from(*parts) {
            return Ok(Vec::new());
        }
        Ok(rules.values().flat_map(|part| rules_of(part)).collect())
    }

    fn totals(&self) -> Result<Totals, StoreError> {
        let tables = self.lock();
        let mut totals = Totals {
            agents: tables.agents.len() as u64,
            alerts: tables.alerts.len() as u64,
            firing: tables.alerts.values().filter(|alert| alert.firing).count() as u64,
            ..Totals::default()
        };
        for ((_, stream), counts) in &tables.counts {
            if let Some(sum) = totals.streams.get_mut(usize::from(stream.number())) {
                sum.add(counts);
            }
        }
        Ok(totals)
    }

    fn sweep(&self, now: WallTime, retention_days: u32) -> Result<usize, StoreError> {
        self.transaction(|tables| {
            let today = now.as_millis() / DAY_MS;
            let days = tables.frames.values();
            let before = days
                .map(|frame| frame.received.as_millis() / DAY_MS)
                .filter(|day| *day < today);
            if before
                .max()
                .is_some_and(|newest| newest.saturating_add(SWEEP_JUMP_DAYS) < today)
            {
                return Ok(0);
            }
            tables.prune(now, retention_days);
            let oldest = today.saturating_sub(u64::from(retention_days));
            let mut days: Vec<u64> = Vec::new();
            tables.frames.retain(|_, frame| {
                let day = frame.received.as_millis() / DAY_MS;
                if day < oldest && !days.contains(&day) {
                    days.push(day);
                }
                day >= oldest
            });
            Ok(days.len())
        })
    }

    fn ping(&self, _now: WallTime) -> Result<(), StoreError> {
        Ok(())
    }

    fn idle(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn boot_of(tables: &mut Tables, agent: AgentId, run: RunId) -> Result<Option<Boot>, StoreError> {
    match tables.run(agent, run)? {
        Some(run) => tables.boot(agent, run.boot),
        None => Ok(None),
    }
}

impl Tables {
    /// Forgets runs that the current one did not name, though it had a day for it, and that no other named within the
    /// retention.
    fn prune(&mut self, now: WallTime, retention_days: u32) {
        let retention_ms = u64::from(retention_days).saturating_mul(DAY_MS);
        let before = |ms: u64| WallTime::from_millis(now.as_millis().saturating_sub(ms));
        let (old, long_ago) = (before(retention_ms), before(NAMED_MS));
        let runs = self.runs.clone();
        self.runs.retain(|(agent, id), run| {
            let current = self.agents.get(agent).and_then(|agent| agent.current_run);
            let current = current.and_then(|current| runs.get(&(*agent, current)));
            let superseded = current.is_some_and(|current| {
                current.id != *id && run.named_by != current.id && current.since < long_ago
            });
            let shown = self
                .latest
                .get(agent)
                .is_some_and(|latest| latest.run == *id);
            run.named >= old || !superseded || shown
        });
        let runs = &self.runs;
        let known = |agent: AgentId, run: RunId| runs.contains_key(&(agent, run));
        self.watermarks
            .retain(|(agent, run, _), _| known(*agent, *run));
        self.refusals
            .retain(|(agent, run, _), _| known(*agent, *run));
        self.state_parts
            .retain(|(agent, run), _| known(*agent, *run));
        let goodbyes = &mut self.presence.goodbyes;
        goodbyes.retain(|(agent, run), _| known(*agent, *run));
        self.boots.retain(|(of, boot), _| {
            let mut runs = runs.iter();
            runs.any(|((agent, _), run)| agent == of && run.boot == *boot)
        });
        let boots = &self.boots;
        let reasons = &mut self.presence.boot_reasons;
        reasons.retain(|key, _| boots.contains_key(key));
    }

    fn losses_of(&self, agent: AgentId) -> impl Iterator<Item = &LostRange> {
        let of_agent = self.losses.iter().filter(move |((of, ..), _)| *of == agent);
        of_agent.map(|(_, loss)| loss)
    }
}

impl Rows for Tables {
    fn agent(&mut self, agent: AgentId) -> Result<Option<Agent>, StoreError> {
        Ok(self.agents.get(&agent).cloned())
    }

    fn put_agent(&mut self, agent: &Agent) -> Result<(), StoreError> {
        self.agents.insert(agent.id, agent.clone());
        Ok(())
    }

    fn key_used(&mut self, agent: AgentId, epoch: u8, now: WallTime) -> Result<(), StoreError> {
        if let Some(known) = self.agents.get_mut(&agent) {
            known.used_epoch = epoch;
        }
        for ((_, of), key) in self.keys.range_mut((agent, 0)..=(agent, epoch)) {
            if *of == epoch {
                key.used = Some(now);
            } else {
                key.ends = Some(key.ends.map_or(now, |ends| ends.min(now)));
                self.key_changes = self.key_changes.saturating_add(1);
            }
        }
        Ok(())
    }

    fn run(&mut self, agent: AgentId, run: RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.runs.get(&(agent, run)).copied())
    }

    fn put_run(&mut self, agent: AgentId, run: &Run) -> Result<(), StoreError> {
        self.runs.insert((agent, run.id), *run);
        Ok(())
    }

    fn boot(&mut self, agent: AgentId, boot: BootId) -> Result<Option<Boot>, StoreError> {
        Ok(self.boots.get(&(agent, boot)).copied())
    }

    fn put_boot(&mut self, agent: AgentId, boot: &Boot) -> Result<(), StoreError> {
        self.boots.insert((agent, boot.id), *boot);
        Ok(())
    }

    fn watermark(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
    ) -> Result<Watermark, StoreError> {
        let found = self.watermarks.get(&(agent, run, stream));
        Ok(found.copied().unwrap_or_default())
    }

    fn put_watermark(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        self.watermarks.insert((agent, run, stream), watermark);
        Ok(())
    }

    fn put_frame(&mut self, agent: AgentId, frame: &StoredFrame) -> Result<(), StoreError> {
        let key = (agent, frame.run, frame.stream, frame.sequence);
        self.frames.insert(key, frame.clone());
        Ok(())
    }

    fn last_loss(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
    ) -> Result<Option<LostRange>, StoreError> {
        let of = (agent, run, stream);
        let mut range = self
            .losses
            .range((of.0, of.1, of.2, 0)..=(of.0, of.1, of.2, u64::MAX));
        Ok(range.next_back().map(|(_, loss)| *loss))
    }

    fn count_losses(&mut self, agent: AgentId) -> Result<usize, StoreError> {
        Ok(self.losses_of(agent).count())
    }

    fn losses(&mut self, agent: AgentId) -> Result<Vec<LostRange>, StoreError> {
        Ok(self.losses_of(agent).copied().collect())
    }

    fn delete_loss(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        first: u64,
    ) -> Result<(), StoreError> {
        self.losses.remove(&(agent, run, stream, first));
        Ok(())
    }

    fn put_loss(&mut self, agent: AgentId, loss: &LostRange) -> Result<(), StoreError> {
        let key = (agent, loss.run, loss.stream, loss.first);
        self.losses.insert(key, *loss);
        Ok(())
    }

    fn put_refusals(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        refusals: &[(u64, RefusedReason)],
    ) -> Result<(), StoreError> {
        self.refusals
            .insert((agent, run, stream), refusals.to_vec());
        Ok(())
    }

    fn refusal(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        (first, last): (u64, u64),
    ) -> Result<Option<RefusedReason>, StoreError> {
        let refusals = self.refusals.get(&(agent, run, stream));
        Ok(refusals.and_then(|refusals| {
            let within = |(sequence, _): &&(u64, RefusedReason)| (first..=last).contains(sequence);
            refusals.iter().find(within).map(|(_, reason)| *reason)
        }))
    }

    fn count(&mut self, agent: AgentId, stream: Stream, counts: &Counts) -> Result<(), StoreError> {
        self.counts.entry((agent, stream)).or_default().add(counts);
        Ok(())
    }

    fn alert(&mut self, id: AlertId) -> Result<Option<StoredAlert>, StoreError> {
        Ok(self.alerts.get(&id).cloned())
    }

    fn open_alert(
        &mut self,
        agent: AgentId,
        identity: &Identity,
    ) -> Result<Option<StoredAlert>, StoreError> {
        Ok(self
            .alerts
            .values()
            .find(|alert| alert.firing && alert.agent == agent && alert.identity == *identity)
            .cloned())
    }

    fn open_alerts(&mut self, agent: AgentId) -> Result<Vec<StoredAlert>, StoreError> {
        Ok(self
            .alerts
            .values()
            .filter(|alert| alert.firing && alert.agent == agent)
            .cloned()
            .collect())
    }

    fn episode(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        fired: Uptime,
    ) -> Result<Option<StoredAlert>, StoreError> {
        let unknown = Uptime::default();
        Ok(self
            .alerts
            .values()
            .filter(|alert| {
                alert.agent == agent
                    && alert.identity == *identity
                    && alert.episode == episode
                    && (alert.fired == fired || alert.fired == unknown || fired == unknown)
            })
            .max_by_key(|alert| (alert.fired == fired, alert.stored, alert.id))
            .cloned())
    }

    fn put_alert(&mut self, alert: &StoredAlert) -> Result<(), StoreError> {
        self.alerts.insert(alert.id, alert.clone());
        Ok(())
    }

    fn append_event(
        &mut self,
        alert: AlertId,
        kind: EventKind,
        at: WallTime,
    ) -> Result<(), StoreError> {
        let number = self.events.last().map_or(0, |event| event.number);
        self.events.push(Event {
            number: number.saturating_add(1),
            alert,
            kind,
            at,
        });
        Ok(())
    }

    fn events_after(&mut self, number: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let later = self.events.iter().filter(|event| event.number > number);
        Ok(later.take(limit).copied().collect())
    }

    fn newest_event(&mut self) -> Result<u64, StoreError> {
        Ok(self.events.last().map_or(0, |event| event.number))
    }

    fn events_of(&mut self, alert: AlertId) -> Result<Vec<Event>, StoreError> {
        let of = self.events.iter().filter(|event| event.alert == alert);
        Ok(of.copied().collect())
    }

    fn all_agents(&mut self) -> Result<Vec<Agent>, StoreError> {
        let mut agents: Vec<Agent> = self.agents.values().cloned().collect();
        agents.sort_by(|a, b| {
            (&a.customer, &a.system, &a.name).cmp(&(&b.customer, &b.system, &b.name))
        });
        Ok(agents)
    }

    fn state_parts(&mut self, agent: AgentId, run: RunId) -> Result<Vec<StatePart>, StoreError> {
        Ok(self
            .state_parts
            .get(&(agent, run))
            .cloned()
            .unwrap_or_default())
    }

    fn put_state_part(
        &mut self,
        agent: AgentId,
        run: RunId,
        part: &StatePart,
    ) -> Result<(), StoreError> {
        self.state_parts
            .entry((agent, run))
            .or_default()
            .push(part.clone());
        Ok(())
    }

    fn clear_state_parts(&mut self, agent: AgentId, run: RunId) -> Result<(), StoreError> {
        self.state_parts.remove(&(agent, run));
        Ok(())
    }

    fn put_config(&mut self, agent: AgentId, part: &ConfigPart<'_>) -> Result<(), StoreError> {
        let config = self.configs.entry(agent).or_default();
        if (config.0, config.1) != (part.config_hash, part.parts) {
            *config = (part.config_hash, part.parts, BTreeMap::new());
        }
        config.2.insert(part.part, part.rules.to_vec());
        Ok(())
    }

    fn latest(&mut self, agent: AgentId) -> Result<Option<Latest>, StoreError> {
        Ok(self.latest.get(&agent).cloned())
    }

    fn put_latest(&mut self, agent: AgentId, latest: &Latest) -> Result<(), StoreError> {
        self.latest.insert(agent, latest.clone());
        Ok(())
    }
}
