//! Rows of evidence.

use super::super::StoreError;
use super::super::rows::EvidenceRows;
use super::super::types::{
    EvidenceAbout, EvidenceHead, EvidenceKey, Identity, StoredAlert, StoredEvidence, shard,
};
use super::Tables;
use core::cmp::Reverse;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::{BTreeMap, BTreeSet};

/// Agent, run and number as signed numbers, as SQLite orders them.
type Key = (i64, i64, u32);

/// The maps of this subject.
#[derive(Clone, Debug, Default)]
pub(super) struct EvidenceTables {
    rows: BTreeMap<Key, Row>,
}

#[derive(Clone, Debug)]
struct Row {
    head: EvidenceHead,
    about: BTreeSet<EvidenceAbout>,
    parts: BTreeMap<u8, Vec<u8>>,
}

impl Row {
    fn stored(&self) -> StoredEvidence {
        StoredEvidence {
            head: self.head,
            about: self.about.iter().cloned().collect(),
            parts: self
                .parts
                .iter()
                .map(|(part, suspects)| (*part, suspects.clone()))
                .collect(),
        }
    }

    /// It, what it is about, and its parts.
    fn rows(&self) -> usize {
        self.about
            .len()
            .saturating_add(self.parts.len())
            .saturating_add(1)
    }
}

impl EvidenceTables {
    fn newest(&self, agent: AgentId, wanted: impl Fn(&Row) -> bool) -> Vec<&Row> {
        let of = agent.0.cast_signed();
        let mut rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|((agent, ..), row)| *agent == of && wanted(row))
            .map(|(_, row)| row)
            .collect();
        rows.sort_by_key(|row| Reverse(row.head.key()));
        rows
    }
}

impl EvidenceRows for Tables {
    fn put_evidence(
        &mut self,
        agent: AgentId,
        head: &EvidenceHead,
        about: &[EvidenceAbout],
        (part, suspects): (u8, &[u8]),
    ) -> Result<(), StoreError> {
        let key = (agent.0.cast_signed(), head.run.0.cast_signed(), head.number);
        let row = self.evidence.rows.entry(key).or_insert_with(|| Row {
            head: *head,
            about: about.iter().cloned().collect(),
            parts: BTreeMap::new(),
        });
        row.parts.entry(part).or_insert_with(|| suspects.to_vec());
        Ok(())
    }

    fn bound_evidence(&mut self, agent: AgentId, kept: usize) -> Result<(), StoreError> {
        let rows = self.evidence.newest(agent, |_| true);
        let surplus: Vec<EvidenceKey> = rows.iter().skip(kept).map(|row| row.head.key()).collect();
        for (_, run, number) in surplus {
            let key = (agent.0.cast_signed(), run, number);
            self.evidence.rows.remove(&key);
        }
        Ok(())
    }

    fn evidence_of(
        &mut self,
        agent: AgentId,
        before: Option<EvidenceKey>,
        limit: usize,
    ) -> Result<Vec<StoredEvidence>, StoreError> {
        let earlier = |row: &Row| before.is_none_or(|before| row.head.key() < before);
        let rows = self.evidence.newest(agent, earlier);
        Ok(rows.into_iter().take(limit).map(Row::stored).collect())
    }

    fn evidence_about(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        limit: usize,
    ) -> Result<Vec<StoredEvidence>, StoreError> {
        let about = |one: &EvidenceAbout| {
            (one.code, one.episode) == (identity.code, episode) && one.subject == identity.subject
        };
        let rows = self
            .evidence
            .newest(agent, |row| row.about.iter().any(about));
        Ok(rows.into_iter().take(limit).map(Row::stored).collect())
    }

    fn newest_evidence(&mut self) -> Result<Option<WallTime>, StoreError> {
        let rows = self.evidence.rows.values();
        Ok(rows.map(|row| row.head.received).max())
    }

    fn alerts_of_episode(
        &mut self,
        agent: AgentId,
        identity: &Identity,
        episode: u32,
        limit: usize,
    ) -> Result<Vec<StoredAlert>, StoreError> {
        let mut alerts: Vec<StoredAlert> = self
            .alerts
            .values()
            .filter(|alert| {
                let own = &alert.identity;
                alert.agent == agent
                    && alert.episode == episode
                    && (own.code, &own.subject) == (identity.code, &identity.subject)
            })
            .cloned()
            .collect();
        alerts.sort_by_key(|alert| Reverse((alert.stored, alert.id)));
        alerts.truncate(limit);
        Ok(alerts)
    }
}

impl Tables {
    /// What is about an alert that fires stays with it.
    pub(super) fn forget_evidence(&mut self, before: WallTime, limit: usize) -> usize {
        let alerts = &self.alerts;
        let fires = |agent: i64, one: &EvidenceAbout| {
            alerts.values().any(|alert| {
                alert.firing
                    && alert.agent.0.cast_signed() == agent
                    && (alert.identity.code, alert.episode) == (one.code, one.episode)
                    && alert.identity.subject == one.subject
            })
        };
        let mut found: Vec<(WallTime, u8, Key)> = self
            .evidence
            .rows
            .iter()
            .filter(|((agent, ..), row)| {
                row.head.received < before && !row.about.iter().any(|one| fires(*agent, one))
            })
            .map(|(key, row)| {
                (
                    row.head.received,
                    shard(AgentId(key.0.cast_unsigned())),
                    *key,
                )
            })
            .collect();
        found.sort_unstable();
        found.truncate(limit);
        let mut gone = 0_usize;
        for (.., key) in found {
            let row = self.evidence.rows.remove(&key);
            gone = gone.saturating_add(row.map_or(0, |row| row.rows()));
        }
        gone
    }
}
