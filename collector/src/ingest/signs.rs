//! Signs of life of agents whose batches could not be stored: overload of the collector must not look like silence of its
//! agents.

use crate::limit::SIGNS_OF_LIFE;
use hansho::clock::WallTime;
use hansho::frame::batch::BatchHeader;
use hansho::frame::kind::AgentId;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The newest sign of each agent, until the store can note it.
#[derive(Debug, Default)]
pub struct SignsOfLife {
    heard: Mutex<BTreeMap<AgentId, (BatchHeader, WallTime)>>,
}

impl SignsOfLife {
    /// Notes an authenticated batch.
    pub fn heard(&self, header: &BatchHeader, now: WallTime) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() >= SIGNS_OF_LIFE && !heard.contains_key(&header.agent) {
            return;
        }
        let newest = heard.entry(header.agent).or_insert((*header, now));
        let same_run_earlier =
            newest.0.run == header.run && newest.0.sent_uptime > header.sent_uptime;
        if !same_run_earlier && newest.1 <= now {
            *newest = (*header, now);
        }
    }

    /// All that the store has not noted yet.
    #[must_use]
    pub fn pending(&self) -> Vec<(BatchHeader, WallTime)> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.values().copied().collect()
    }

    /// That of one agent, which pages count beside what is stored.
    #[must_use]
    pub fn of(&self, agent: AgentId) -> Option<(BatchHeader, WallTime)> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(&agent).copied()
    }

    /// Forgets what the store has noted; newer signs that came meanwhile stay.
    pub fn noted(&self, noted: &[(BatchHeader, WallTime)]) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        for sign in noted {
            if heard.get(&sign.0.agent) == Some(sign) {
                heard.remove(&sign.0.agent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hansho::clock::Uptime;
    use hansho::frame::kind::{BootId, RunId};

    fn header(agent: u64, sent_ms: u64) -> BatchHeader {
        BatchHeader {
            key_epoch: 1,
            agent: AgentId(agent),
            run: RunId(5),
            boot: BootId(1),
            sent_uptime: Uptime::from_millis(sent_ms),
            sent_wall: WallTime::default(),
        }
    }

    #[test]
    fn a_sign_stays_until_the_store_has_noted_it_and_the_newest_is_kept() {
        let signs = SignsOfLife::default();
        let at = WallTime::from_millis;
        signs.heard(&header(1, 200), at(20));
        signs.heard(&header(1, 100), at(30));
        signs.heard(&header(2, 7), at(40));
        let first = signs.pending();
        assert_eq!(first, [(header(1, 200), at(20)), (header(2, 7), at(40))]);
        // The store could not: nothing is forgotten meanwhile.
        assert_eq!(signs.of(AgentId(1)), Some((header(1, 200), at(20))));
        // A newer one comes while the store notes those before.
        signs.heard(&header(1, 300), at(50));
        signs.noted(&first);
        assert_eq!(signs.pending(), [(header(1, 300), at(50))]);
        assert_eq!(signs.of(AgentId(2)), None);
    }
}
