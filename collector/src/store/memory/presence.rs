//! Rows of whether agents are there, and what they said when they left.

use super::super::StoreError;
use super::super::rows::PresenceRows;
use super::super::types::{
    AgentFacts, AlertCause, AlertId, BootReason, CollectorLife, Identity, Presence, Rival,
    SilentSite, StoredAlert, StoredFrame, StoredGoodbye,
};
use super::Tables;
use crate::clock::DAY_MS;
use core::cmp::Reverse;
use hansho::frame::kind::{AgentId, BootId, RunId, Stream};
use std::collections::BTreeMap;

/// The tables of presence.
#[derive(Clone, Debug, Default)]
pub(super) struct PresenceTables {
    life: CollectorLife,
    presences: BTreeMap<AgentId, Presence>,
    facts: BTreeMap<AgentId, AgentFacts>,
    rivals: BTreeMap<(AgentId, RunId), Rival>,
    pub(super) goodbyes: BTreeMap<(AgentId, RunId), StoredGoodbye>,
    pub(super) boot_reasons: BTreeMap<(AgentId, BootId), BootReason>,
    sites: BTreeMap<String, SilentSite>,
    pub(super) causes: BTreeMap<AlertId, AlertCause>,
}

impl PresenceRows for Tables {
    fn collector_life(&mut self) -> Result<CollectorLife, StoreError> {
        Ok(self.presence.life)
    }

    fn put_collector_life(&mut self, life: &CollectorLife) -> Result<(), StoreError> {
        self.presence.life = *life;
        Ok(())
    }

    fn presences(&mut self) -> Result<Vec<Presence>, StoreError> {
        Ok(self.presence.presences.values().cloned().collect())
    }

    fn presence(&mut self, agent: AgentId) -> Result<Option<Presence>, StoreError> {
        Ok(self.presence.presences.get(&agent).cloned())
    }

    fn put_presence(&mut self, presence: &Presence) -> Result<(), StoreError> {
        let known = &mut self.presence.presences;
        known.insert(presence.agent, presence.clone());
        Ok(())
    }

    fn all_facts(&mut self) -> Result<Vec<(AgentId, AgentFacts)>, StoreError> {
        let facts = self.presence.facts.iter();
        Ok(facts.map(|(agent, facts)| (*agent, *facts)).collect())
    }

    fn facts(&mut self, agent: AgentId) -> Result<AgentFacts, StoreError> {
        Ok(self.presence.facts.get(&agent).copied().unwrap_or_default())
    }

    fn put_facts(&mut self, agent: AgentId, facts: &AgentFacts) -> Result<(), StoreError> {
        self.presence.facts.insert(agent, *facts);
        Ok(())
    }

    fn goodbye(&mut self, agent: AgentId, run: RunId) -> Result<Option<StoredGoodbye>, StoreError> {
        Ok(self.presence.goodbyes.get(&(agent, run)).cloned())
    }

    fn put_goodbye(&mut self, agent: AgentId, goodbye: &StoredGoodbye) -> Result<(), StoreError> {
        let goodbyes = &mut self.presence.goodbyes;
        let known = goodbyes.get(&(agent, goodbye.run));
        if known.is_none_or(|known| known.sequence <= goodbye.sequence) {
            goodbyes.insert((agent, goodbye.run), goodbye.clone());
        }
        Ok(())
    }

    fn boot_reason(
        &mut self,
        agent: AgentId,
        boot: BootId,
    ) -> Result<Option<BootReason>, StoreError> {
        Ok(self.presence.boot_reasons.get(&(agent, boot)).copied())
    }

    fn put_boot_reason(
        &mut self,
        agent: AgentId,
        boot: BootId,
        reason: BootReason,
    ) -> Result<(), StoreError> {
        self.presence.boot_reasons.insert((agent, boot), reason);
        Ok(())
    }

    fn rivals(&mut self, agent: AgentId) -> Result<Vec<Rival>, StoreError> {
        let all = self.presence.rivals.iter();
        let of = all.filter(|((known, _), _)| *known == agent);
        let mut rivals: Vec<Rival> = of.map(|(_, rival)| *rival).collect();
        rivals.sort_by_key(|rival| (Reverse(rival.last), rival.run.0.cast_signed()));
        Ok(rivals)
    }

    fn all_rivals(&mut self) -> Result<Vec<(AgentId, Rival)>, StoreError> {
        let all = self.presence.rivals.iter();
        Ok(all.map(|((agent, _), rival)| (*agent, *rival)).collect())
    }

    fn put_rival(&mut self, agent: AgentId, rival: &Rival) -> Result<(), StoreError> {
        self.presence.rivals.insert((agent, rival.run), *rival);
        Ok(())
    }

    fn delete_rival(&mut self, agent: AgentId, run: RunId) -> Result<(), StoreError> {
        self.presence.rivals.remove(&(agent, run));
        Ok(())
    }

    fn silent_sites(&mut self) -> Result<Vec<SilentSite>, StoreError> {
        Ok(self.presence.sites.values().cloned().collect())
    }

    fn put_silent_site(&mut self, site: &SilentSite) -> Result<(), StoreError> {
        let sites = &mut self.presence.sites;
        sites.insert(site.site.clone(), site.clone());
        Ok(())
    }

    fn delete_silent_site(&mut self, site: &str) -> Result<(), StoreError> {
        self.presence.sites.remove(site);
        Ok(())
    }

    fn cause(&mut self, alert: AlertId) -> Result<Option<AlertCause>, StoreError> {
        Ok(self.presence.causes.get(&alert).cloned())
    }

    fn put_cause(&mut self, alert: AlertId, cause: &AlertCause) -> Result<(), StoreError> {
        self.presence.causes.insert(alert, cause.clone());
        Ok(())
    }

    fn open_of_codes(&mut self, codes: &[u16]) -> Result<Vec<StoredAlert>, StoreError> {
        let mut open = Vec::new();
        for code in codes {
            let of = |alert: &&StoredAlert| alert.firing && alert.identity.code == *code;
            open.extend(self.alerts.values().filter(of).cloned());
        }
        Ok(open)
    }

    fn last_episode(&mut self, agent: AgentId, identity: &Identity) -> Result<u32, StoreError> {
        let of = |alert: &&StoredAlert| alert.agent == agent && alert.identity == *identity;
        let episodes = self.alerts.values().filter(of).map(|alert| alert.episode);
        Ok(episodes.max().unwrap_or(0))
    }

    fn recent_frame(
        &mut self,
        agent: AgentId,
        run: RunId,
        stream: Stream,
        sequence: u64,
    ) -> Result<Option<StoredFrame>, StoreError> {
        let found = self.frames.get(&(agent, run, stream, sequence));
        let today = |frame: &&StoredFrame| frame.received.as_millis() / DAY_MS == self.written;
        Ok(found.filter(today).cloned())
    }
}
