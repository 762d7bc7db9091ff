//! A collector that goes by a clock of the test, its mail server, and agents that the test plays.

use super::faketime::Clock;
use super::mail_common::Postfix;
use super::support::{Event, alert, event};
use super::{Played, Serving, log, store};
use hansho_collector::store::Store as _;
use std::path::Path;

/// The configuration that all of them go by.
pub const CONFIG: &str = "collector.toml";

pub struct Site<'h> {
    pub here: &'h Path,
    pub clock: &'h Clock,
    pub postfix: &'h Postfix,
    pub serving: Option<Serving>,
    pub agents: Vec<Played>,
    /// Of the alert that the test raised last for a purpose of its own.
    pub episode: u32,
}

impl<'h> Site<'h> {
    /// Hosts of these names and systems; each promises a post each half minute.
    pub fn start(
        here: &'h Path,
        (clock, postfix): (&'h Clock, &'h Postfix),
        hosts: [(&str, &str); 3],
    ) -> Self {
        let mut agents = hosts.map(|(name, system)| clock.add(CONFIG, name, system));
        let serving = clock.serve(CONFIG);
        for agent in &mut agents {
            let hello = agent.hello_promising("web", 30_000);
            assert!(agent.post(&serving.ingest, &[hello]));
        }
        Self {
            here,
            clock,
            postfix,
            serving: Some(serving),
            agents: agents.to_vec(),
            episode: 0,
        }
    }

    fn address(&self) -> String {
        self.serving.as_ref().unwrap().ingest.clone()
    }

    /// Every agent posts, and has no news.
    pub fn post(&mut self) {
        let address = self.address();
        for agent in &mut self.agents {
            assert!(agent.post(&address, &[]), "{}", log(self.here));
        }
    }

    /// An agent posts a transition of an episode of a code.
    pub fn fire(
        &mut self,
        agent: usize,
        transition: u8,
        (code, episode): (u16, u32),
        subject: &str,
    ) {
        let address = self.address();
        let agent = &mut self.agents[agent];
        let uptime = agent.uptime_ms();
        let told = Event {
            subject,
            ..event(code, transition, episode, uptime, uptime)
        };
        assert!(agent.post(&address, &[alert(told)]));
    }

    /// When the collector proved its life last, by its own clock.
    pub fn proved_ms(&self) -> Option<u64> {
        let mut proved = None;
        store(self.here)
            .view(&mut |rows| {
                proved = rows.collector_life()?.proved;
                Ok(())
            })
            .unwrap();
        proved.map(|proved| proved.as_millis())
    }
}
