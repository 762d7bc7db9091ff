//! Rows of what people are told: threads, decisions, outbox, lists.

use super::super::StoreError;
use super::super::rows::NotifyRows;
use super::super::rows::notify::{farthest, longest_claim};
use super::super::types::{
    AlertId, Decision, ListOf, Numbers, Outgoing, Reason, Sending, Strand, Thread, Waiting,
    foldable, needed,
};
use super::Tables;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::{BTreeMap, BTreeSet};

/// What people are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) numbers: Numbers,
    pub(super) threads: BTreeMap<AlertId, Thread>,
    pub(super) decisions: BTreeMap<u64, Decision>,
    pub(super) outbox: BTreeMap<u64, Outgoing>,
    pub(super) waiting: BTreeMap<(ListOf, String, AlertId), Waiting>,
    pub(super) listed: BTreeMap<u64, Vec<AlertId>>,
}

impl NotifyRows for Tables {
    fn numbers(&mut self) -> Result<Numbers, StoreError> {
        Ok(self.told.numbers)
    }

    fn put_numbers(&mut self, numbers: &Numbers) -> Result<(), StoreError> {
        self.told.numbers = *numbers;
        Ok(())
    }

    fn open_thread(&mut self, strand: &Strand) -> Result<Option<Thread>, StoreError> {
        let mut threads = self.told.threads.values();
        let found = threads.find(|thread| thread.ended.is_none() && thread.strand == *strand);
        Ok(found.cloned())
    }

    fn thread(&mut self, root: AlertId) -> Result<Option<Thread>, StoreError> {
        Ok(self.told.threads.get(&root).cloned())
    }

    fn put_thread(&mut self, thread: &Thread) -> Result<(), StoreError> {
        let twice = self.told.threads.values().any(|other| {
            other.root != thread.root
                && other.ended.is_none()
                && thread.ended.is_none()
                && other.strand == thread.strand
        });
        if twice {
            return Err(StoreError::Io("a strand has two open threads".to_owned()));
        }
        self.told.threads.insert(thread.root, thread.clone());
        Ok(())
    }

    fn threads_due(&mut self, now: WallTime, limit: usize) -> Result<Vec<Thread>, StoreError> {
        let threads = self.told.threads.values();
        let mut due: Vec<Thread> = threads
            .filter(|thread| thread.due.is_some_and(|due| due <= now))
            .cloned()
            .collect();
        due.sort_by_key(|thread| (thread.due, thread.root));
        due.truncate(limit);
        Ok(due)
    }

    fn threads_of(&mut self, agent: AgentId) -> Result<Vec<Thread>, StoreError> {
        let threads = self.told.threads.values();
        Ok(threads
            .filter(|thread| thread.strand.agent == agent)
            .cloned()
            .collect())
    }

    fn threads_moved(&mut self, limit: usize) -> Result<Vec<Thread>, StoreError> {
        let threads = self.told.threads.values();
        Ok(threads
            .filter(|thread| thread.moved_from.is_some())
            .take(limit)
            .cloned()
            .collect())
    }

    fn shift_threads(&mut self, by_ms: i64, now: WallTime) -> Result<(), StoreError> {
        let shift = |moment: &mut WallTime| {
            *moment = WallTime::from_millis(moment.as_millis().saturating_add_signed(by_ms));
        };
        let shift_past = |moment: &mut WallTime| {
            shift(moment);
            *moment = (*moment).min(now);
        };
        let threads = self.told.threads.values_mut();
        for thread in threads.filter(|thread| thread.ended.is_none()) {
            thread.last_told.iter_mut().for_each(shift_past);
            thread.untaken.iter_mut().for_each(shift_past);
            thread.due = thread.due.map(|_| now);
        }
        let waiting = self.told.waiting.values_mut();
        for one in waiting.filter(|one| one.list != ListOf::Digest) {
            shift(&mut one.due);
            shift_past(&mut one.since);
        }
        Ok(())
    }

    fn quiet_threads(&mut self, agent: AgentId) -> Result<Vec<Thread>, StoreError> {
        let threads = self.told.threads.values();
        Ok(threads
            .filter(|thread| {
                thread.strand.agent == agent && thread.ended.is_none() && thread.quiet.is_some()
            })
            .cloned()
            .collect())
    }

    fn put_decision(&mut self, decision: &Decision) -> Result<(), StoreError> {
        let twice = decision.event.is_some()
            && self
                .told
                .decisions
                .values()
                .any(|other| other.event == decision.event);
        if twice || self.told.decisions.contains_key(&decision.number) {
            return Err(StoreError::Io("an event is decided on twice".to_owned()));
        }
        self.told
            .decisions
            .insert(decision.number, decision.clone());
        Ok(())
    }

    fn decided_in(&mut self, thread: AlertId) -> Result<usize, StoreError> {
        let decisions = self.told.decisions.values();
        Ok(decisions
            .filter(|decision| decision.thread == Some(thread))
            .count())
    }

    fn fold(&mut self, thread: AlertId, keep: usize) -> Result<usize, StoreError> {
        let messages = self.outgoing_of_thread(thread)?;
        let needed = needed(&messages);
        let mut all = self.decisions_of(thread)?;
        all.retain(|decision| decision.thread == Some(thread));
        let newest = self.events.last().map_or(0, |event| event.number);
        let mut gone = 0_usize;
        for decision in foldable(all, keep) {
            let of_it = || {
                messages
                    .iter()
                    .filter(|one| one.decision == decision.number)
            };
            let mut waiting = self.told.waiting.values();
            if waiting.any(|one| one.decision == decision.number)
                || of_it().any(|one| needed.contains(&one.number))
            {
                continue;
            }
            for one in of_it() {
                self.told.outbox.remove(&one.number);
            }
            self.told.decisions.remove(&decision.number);
            self.events
                .retain(|event| Some(event.number) != decision.event || event.number == newest);
            gone = gone.saturating_add(1);
        }
        Ok(gone)
    }

    fn decisions_of(&mut self, alert: AlertId) -> Result<Vec<Decision>, StoreError> {
        let decisions = self.told.decisions.values();
        Ok(decisions
            .filter(|decision| decision.alert == Some(alert) || decision.thread == Some(alert))
            .cloned()
            .collect())
    }

    fn put_outgoing(&mut self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let twice = self.told.outbox.values().any(|other| {
            other.number != outgoing.number
                && other.decision == outgoing.decision
                && other.receiver == outgoing.receiver
        });
        if twice {
            return Err(StoreError::Io(
                "a decision tells a receiver twice".to_owned(),
            ));
        }
        self.told.outbox.insert(outgoing.number, outgoing.clone());
        Ok(())
    }

    fn outgoing(&mut self, number: u64) -> Result<Option<Outgoing>, StoreError> {
        Ok(self.told.outbox.get(&number).cloned())
    }

    fn outgoing_of_thread(&mut self, thread: AlertId) -> Result<Vec<Outgoing>, StoreError> {
        let outbox = self.told.outbox.values();
        Ok(outbox
            .filter(|outgoing| outgoing.thread == Some(thread))
            .cloned()
            .collect())
    }

    fn outgoing_ready(
        &mut self,
        now: WallTime,
        fence: u64,
        limit: usize,
    ) -> Result<Vec<Outgoing>, StoreError> {
        // In order of their numbers: the first of a thread to a receiver lets the later ones wait.
        let mut first: BTreeMap<(&str, AlertId), u64> = BTreeMap::new();
        let unsettled = self
            .told
            .outbox
            .values()
            .filter(|one| !one.state.is_final() && one.reason != Reason::Renewed);
        for outgoing in unsettled {
            if let Some(thread) = outgoing.thread {
                let place = first.entry((&outgoing.receiver, thread));
                place.or_insert(outgoing.number);
            }
        }
        let waits = |outgoing: &Outgoing| {
            let before = outgoing
                .thread
                .and_then(|thread| first.get(&(outgoing.receiver.as_str(), thread)));
            outgoing.reason != Reason::Renewed
                && before.is_some_and(|before| *before < outgoing.number)
        };
        let outbox = self.told.outbox.values();
        let mut ready: Vec<Outgoing> = outbox
            .filter(|outgoing| match outgoing.state {
                Sending::Queued => outgoing.next_try <= now || outgoing.next_try > farthest(now),
                Sending::Claimed => {
                    outgoing.fence < fence
                        || outgoing
                            .until
                            .is_none_or(|until| until <= now || until > longest_claim(now))
                }
                _ => false,
            })
            .filter(|outgoing| !waits(outgoing))
            .cloned()
            .collect();
        ready.sort_by_key(|outgoing| (outgoing.next_try, outgoing.number));
        let mut seen = BTreeSet::new();
        ready.retain(|outgoing| seen.insert(outgoing.receiver.clone()));
        ready.truncate(limit);
        Ok(ready)
    }

    fn decided_since(
        &mut self,
        receiver: &str,
        since: WallTime,
        until: WallTime,
    ) -> Result<u64, StoreError> {
        let outbox = self.told.outbox.values();
        Ok(outbox
            .filter(|outgoing| {
                outgoing.receiver == receiver
                    && outgoing.created >= since
                    && outgoing.created <= until
                    && outgoing.list.is_none()
            })
            .count() as u64)
    }

    fn undelivered(&mut self, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let outbox = self.told.outbox.values();
        Ok(outbox
            .filter(|outgoing| !outgoing.state.is_final())
            .take(limit)
            .cloned()
            .collect())
    }

    fn troubled(&mut self, receiver: &str, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let outbox = self.told.outbox.values().rev();
        Ok(outbox
            .filter(|one| {
                one.receiver == receiver && one.attempts > 0 && one.state != Sending::Delivered
            })
            .take(limit)
            .cloned()
            .collect())
    }

    fn put_waiting(&mut self, waiting: &Waiting) -> Result<(), StoreError> {
        let key = (waiting.list, waiting.key.clone(), waiting.alert);
        let place = self.told.waiting.entry(key);
        let entry = place.or_insert_with(|| waiting.clone());
        entry.due = entry.due.min(waiting.due);
        Ok(())
    }

    fn move_waiting(&mut self, waiting: &Waiting) -> Result<(), StoreError> {
        self.delete_waiting(waiting.list, &waiting.key, waiting.alert)?;
        self.put_waiting(waiting)
    }

    fn lists(&mut self) -> Result<Vec<(ListOf, String)>, StoreError> {
        self.lists_due(WallTime::from_millis(u64::MAX))
    }

    fn lists_due(&mut self, now: WallTime) -> Result<Vec<(ListOf, String)>, StoreError> {
        let due = self.told.waiting.values().filter(|one| one.due <= now);
        let mut lists: Vec<(ListOf, String)> = due.map(|one| (one.list, one.key.clone())).collect();
        lists.sort_by(|a, b| (a.0.word(), &a.1).cmp(&(b.0.word(), &b.1)));
        lists.dedup();
        Ok(lists)
    }

    fn waiting(&mut self, list: ListOf, key: &str) -> Result<Vec<Waiting>, StoreError> {
        let all = self.told.waiting.values();
        let mut found: Vec<Waiting> = all
            .filter(|one| one.list == list && one.key == key)
            .cloned()
            .collect();
        found.sort_by_key(|one| (one.decision, one.alert));
        Ok(found)
    }

    fn waits(&mut self, alert: AlertId) -> Result<Vec<Waiting>, StoreError> {
        let all = self.told.waiting.values();
        let mut found: Vec<Waiting> = all.filter(|one| one.alert == alert).cloned().collect();
        found.sort_by(|a, b| (a.list.word(), &a.key).cmp(&(b.list.word(), &b.key)));
        Ok(found)
    }

    fn delete_waiting(
        &mut self,
        list: ListOf,
        key: &str,
        alert: AlertId,
    ) -> Result<(), StoreError> {
        self.told.waiting.remove(&(list, key.to_owned(), alert));
        Ok(())
    }

    fn put_listed(&mut self, outgoing: u64, alert: AlertId) -> Result<(), StoreError> {
        let listed = self.told.listed.entry(outgoing).or_default();
        if !listed.contains(&alert) {
            listed.push(alert);
        }
        Ok(())
    }

    fn listed(&mut self, outgoing: u64) -> Result<Vec<AlertId>, StoreError> {
        Ok(self.told.listed.get(&outgoing).cloned().unwrap_or_default())
    }

    fn listings_of(&mut self, alert: AlertId) -> Result<Vec<Outgoing>, StoreError> {
        let listed = &self.told.listed;
        let outbox = self.told.outbox.values();
        Ok(outbox
            .filter(|outgoing| {
                listed
                    .get(&outgoing.number)
                    .is_some_and(|alerts| alerts.contains(&alert))
            })
            .cloned()
            .collect())
    }
}
