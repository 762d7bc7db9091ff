//! Rows of agents as people manage them.

use super::super::StoreError;
use super::super::rows::AgentRows;
use super::super::types::{Agent, JoinToken, KeyEpoch, NewAgent, Past};
use super::Tables;
use crate::limit::PAST_KEPT;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;

impl Tables {
    fn is_named(&self, besides: AgentId, place: (&str, &str, &str)) -> bool {
        self.agents.values().any(|known| {
            known.id != besides
                && (
                    known.customer.as_str(),
                    known.system.as_str(),
                    known.name.as_str(),
                ) == place
        })
    }
}

impl AgentRows for Tables {
    fn insert_agent(&mut self, agent: &NewAgent, now: WallTime) -> Result<(), StoreError> {
        if self.agents.contains_key(&agent.id) {
            return Err(StoreError::IdTaken);
        }
        if self.is_named(agent.id, (&agent.customer, &agent.system, &agent.name)) {
            return Err(StoreError::NameTaken);
        }
        self.agents.insert(agent.id, Agent::new(agent, now));
        let key = KeyEpoch {
            epoch: agent.key_epoch,
            master: agent.master_id,
            created: now,
            used: None,
            ends: None,
        };
        self.put_key_epoch(agent.id, &key)
    }

    fn put_place(
        &mut self,
        agent: AgentId,
        customer: &str,
        system: &str,
        name: &str,
    ) -> Result<(), StoreError> {
        if self.is_named(agent, (customer, system, name)) {
            return Err(StoreError::NameTaken);
        }
        if let Some(known) = self.agents.get_mut(&agent) {
            customer.clone_into(&mut known.customer);
            system.clone_into(&mut known.system);
            name.clone_into(&mut known.name);
        }
        Ok(())
    }

    fn put_retired(&mut self, agent: AgentId, since: Option<WallTime>) -> Result<(), StoreError> {
        if let Some(known) = self.agents.get_mut(&agent) {
            known.retired = since;
        }
        self.key_changes = self.key_changes.saturating_add(1);
        Ok(())
    }

    fn key_epochs(&mut self, agent: AgentId) -> Result<Vec<KeyEpoch>, StoreError> {
        let of = self.keys.range((agent, 0)..=(agent, u8::MAX));
        Ok(of.map(|(_, key)| *key).collect())
    }

    fn put_key_epoch(&mut self, agent: AgentId, key: &KeyEpoch) -> Result<(), StoreError> {
        self.keys.insert((agent, key.epoch), *key);
        self.key_changes = self.key_changes.saturating_add(1);
        Ok(())
    }

    fn past(&mut self, agent: AgentId, since: WallTime) -> Result<Vec<Past>, StoreError> {
        let known = self.past.get(&agent).into_iter().flatten();
        Ok(known.filter(|past| past.at >= since).copied().collect())
    }

    fn put_past(&mut self, agent: AgentId, past: &Past) -> Result<(), StoreError> {
        let known = self.past.entry(agent).or_default();
        known.insert(*past);
        while known.len() > usize::try_from(PAST_KEPT).unwrap_or(usize::MAX) {
            known.pop_first();
        }
        Ok(())
    }

    fn join_token(&mut self, id: u32) -> Result<Option<JoinToken>, StoreError> {
        Ok(self.join_tokens.get(&id).cloned())
    }

    fn join_tokens(&mut self) -> Result<Vec<JoinToken>, StoreError> {
        Ok(self.join_tokens.values().cloned().collect())
    }

    fn put_join_token(&mut self, token: &JoinToken) -> Result<(), StoreError> {
        self.join_tokens.insert(token.id, token.clone());
        Ok(())
    }
}
