//! A script in virtual time: agents that post, a collector that sweeps each second, and what it raised.

use super::{Item, MASTER, Part, at, bytes_at, goodbye, hello_of, state};
use hansho::clock::WallTime;
use hansho::frame::kind::{AgentId, Stream};
use hansho::frame::seal::derive;
use hansho_collector::ingest::AuthenticatedBatch;
use hansho_collector::presence::{Decision, Done, Planned, Policy, Swept, Why, has_work, sweep};
use hansho_collector::store::{
    AlertCause, AlertFilter, EventKind, NewAgent, Standing, Store, StoreError, StoredAlert,
};
use std::collections::BTreeMap;

/// A host with its agent.
#[derive(Clone, Debug)]
pub struct Host {
    pub agent: u64,
    pub run: u64,
    pub boot: u64,
    /// When this boot began, milliseconds of the script's true time.
    pub booted_ms: u64,
    /// Next sequence of stream 0 in this run.
    pub next: u64,
    /// Its clock less the true time.
    pub clock_ms: i64,
    pub machine: u64,
    /// Second within each half minute in which it posts.
    pub phase: u64,
    /// Does it post?
    pub up: bool,
}

impl Host {
    pub fn new(agent: u64) -> Self {
        Self {
            agent,
            run: 5 + agent * 100,
            boot: 1 + agent * 100,
            booted_ms: 0,
            next: 0,
            clock_ms: 0,
            machine: agent,
            phase: agent * 7 % 30,
            up: true,
        }
    }

    /// A new run with its Hello and an empty State; in a new boot if `boot`.
    pub fn restart(&mut self, script: &Script<'_>, boot: bool) {
        self.run += 1;
        self.next = 0;
        if boot {
            self.boot += 1;
            self.booted_ms = script.true_ms;
        }
        self.up = true;
        // The first post of a run comes at once.
        script.post(self, &script.first_words(self));
    }
}

/// A collector and what happens to it.
pub struct Script<'s> {
    pub store: &'s dyn Store,
    /// True time since the beginning.
    pub true_ms: u64,
    /// The collector's clock less the true time.
    pub collector_ms: i64,
    /// Does the collector listen?
    pub listening: bool,
    pub hosts: Vec<Host>,
    /// A window for everybody.
    pub window: Option<(u64, u64)>,
    /// Everything decided, with the second.
    pub told: Vec<(u64, Decision)>,
    pub swept: Swept,
    /// A host whose posts are authentic and cannot be stored: an overloaded collector.
    pub unstored: Option<usize>,
}

impl<'s> Script<'s> {
    pub fn new(store: &'s dyn Store, agents: u64) -> Self {
        for id in 1..=agents {
            let agent = NewAgent {
                id: AgentId(id),
                customer: "みらい商事".to_owned(),
                system: "受注".to_owned(),
                name: format!("web{id:03}"),
                key_epoch: 1,
                master_id: 1,
            };
            store.add_agent(&agent, at(0)).unwrap();
        }
        let mut script = Self::over(store);
        script.hosts = (1..=agents).map(Host::new).collect();
        let mut hosts = script.hosts.clone();
        for host in &mut hosts {
            script.post(host, &script.first_words(host));
            host.next = 2;
        }
        script.hosts = hosts;
        script
    }

    /// Without hosts, over a store that may have some.
    pub fn over(store: &'s dyn Store) -> Self {
        Self {
            store,
            true_ms: 100_000,
            collector_ms: 0,
            listening: true,
            hosts: Vec::new(),
            window: None,
            told: Vec::new(),
            swept: Swept::default(),
            unstored: None,
        }
    }

    /// Hello and an empty State.
    pub fn first_words(&self, host: &Host) -> Vec<Vec<u8>> {
        let uptime = self.true_ms - host.booted_ms;
        vec![hello_of(host.run, host.machine), state(uptime, 0, 1, &[])]
    }

    pub fn now(&self) -> WallTime {
        let ms = self.true_ms.saturating_add_signed(self.collector_ms);
        at(ms)
    }

    pub fn s(&self) -> u64 {
        self.true_ms / 1000
    }

    /// A batch of a host now, with frames of stream 0 from its next sequence on.
    pub fn batch(&self, host: &Host, frames: &[Vec<u8>]) -> AuthenticatedBatch {
        let mut parts = Vec::new();
        if !frames.is_empty() {
            parts.push(Part {
                run: host.run,
                boot: host.boot,
                stream: Stream::Alerts,
                first: host.next,
                items: frames.iter().cloned().map(Item::Frame).collect(),
            });
        }
        let sent = self.true_ms - host.booted_ms;
        let wall = at(self.true_ms.saturating_add_signed(host.clock_ms));
        let bytes = bytes_at(host.agent, host.run, host.boot, sent, wall, &parts);
        let key = derive(&MASTER, AgentId(host.agent), 1);
        AuthenticatedBatch::open(&bytes, &key).unwrap()
    }

    /// Posts, if the collector listens; says what is stored of stream 0.
    pub fn post(&self, host: &Host, frames: &[Vec<u8>]) -> Option<u64> {
        if !self.listening {
            return None;
        }
        let batch = self.batch(host, frames);
        let answers = self.store.accept(&[&batch], self.now()).unwrap();
        answers[0].stored.first().map(|stored| stored.next)
    }

    /// Posts frames of host `index` and counts them.
    pub fn say(&mut self, index: usize, frames: &[Vec<u8>]) {
        let host = self.hosts[index].clone();
        let next = self.post(&host, frames);
        assert_eq!(next, Some(host.next + frames.len() as u64));
        self.hosts[index].next += frames.len() as u64;
    }

    /// It stops in order; announced for `planned_ms` if above 0.
    pub fn stop(&mut self, index: usize, planned_ms: u64) {
        let uptime = self.true_ms - self.hosts[index].booted_ms;
        self.say(index, &[goodbye(uptime, planned_ms, "disk swap")]);
        self.hosts[index].up = false;
    }

    pub fn restart(&mut self, index: usize, boot: bool) {
        let mut host = self.hosts[index].clone();
        host.restart(self, boot);
        host.next = 2;
        self.hosts[index] = host;
    }

    /// Lets time pass, a second a step: posts, then the sweep.
    pub fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.true_ms += 1000;
            let due = self.s() % 30;
            for host in &self.hosts {
                if host.up && host.phase == due {
                    self.post(host, &[]);
                }
            }
            if self.listening {
                self.sweep().unwrap();
            }
        }
    }

    pub fn sweep(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        let window = self.window;
        let second = self.s();
        let planned = |_: &hansho_collector::store::Agent, _: WallTime| {
            let (from, to) = window?;
            (from <= second && second < to).then(|| Planned {
                until: at(to * 1000),
                text: "night work".to_owned(),
            })
        };
        let policy = Policy {
            when: hansho_collector::config::Presence::default(),
            planned: &planned,
            site: &hansho_collector::presence::system_of,
            heard: &|agent| {
                let host = self.unstored?;
                let host = self.hosts.get(host)?;
                let batch = self.batch(host, &[]);
                (host.agent == agent.0).then(|| (*batch.header(), now))
            },
        };
        let mut swept = Swept::default();
        let mut work = false;
        self.store.view(&mut |rows| {
            work = has_work(rows, &policy, now)?;
            Ok(())
        })?;
        let mut changed = false;
        self.store.transact(&mut |rows| {
            let before = (rows.presences()?, rows.newest_event()?);
            swept = sweep(rows, &policy, now)?;
            changed = before != (rows.presences()?, rows.newest_event()?);
            Ok(())
        })?;
        // The look that saves a sweep overlooks nothing.
        assert!(
            work || (!changed && swept.decisions.is_empty()),
            "{swept:?}"
        );
        let told = swept.decisions.iter().map(|decision| (second, *decision));
        self.told.extend(told);
        self.swept = swept;
        Ok(())
    }

    /// What was raised, recorded or resolved: second, code, done.
    pub fn happened(&self) -> Vec<(u64, u16, Done)> {
        let about = |(second, decision): &(u64, Decision)| {
            let (code, _) = decision.alert?;
            Some((*second, code, decision.done))
        };
        self.told.iter().filter_map(about).collect()
    }

    /// The codes that were raised, counted or recorded, in order.
    pub fn codes(&self) -> Vec<u16> {
        let all = self.happened().into_iter();
        all.filter(|(_, _, done)| !matches!(done, Done::Resolved))
            .map(|(_, code, _)| code)
            .collect()
    }

    /// A code was done exactly once, between two seconds.
    #[track_caller]
    pub fn expect(&self, code: u16, done: Done, from: u64, to: u64) {
        let all: Vec<u64> = self
            .happened()
            .into_iter()
            .filter(|(_, known, what)| (*known, *what) == (code, done))
            .map(|(second, ..)| second)
            .collect();
        assert!(
            all.len() == 1 && (from..=to).contains(&all[0]),
            "{code} {done:?} between {from} and {to}: {all:?}, all {:?}",
            self.told
        );
    }

    #[track_caller]
    pub fn nothing(&self) {
        assert_eq!(self.codes(), Vec::<u16>::new(), "{:?}", self.told);
    }

    pub fn whys(&self) -> Vec<Why> {
        self.told.iter().map(|(_, decision)| decision.why).collect()
    }

    pub fn alerts(&self, code: u16) -> Vec<StoredAlert> {
        let mut all = self.store.alerts(&AlertFilter::default()).unwrap();
        all.retain(|alert| alert.identity.code == code);
        all.reverse();
        all
    }

    pub fn cause(&self, alert: &StoredAlert) -> AlertCause {
        let mut cause = None;
        self.store
            .view(&mut |rows| {
                cause = rows.cause(alert.id)?;
                Ok(())
            })
            .unwrap();
        cause.unwrap()
    }

    pub fn standing(&self, agent: u64) -> Standing {
        let mut standing = Standing::Never;
        self.store
            .view(&mut |rows| {
                let known = rows.presence(AgentId(agent))?;
                standing = known.map_or(Standing::Never, |known| known.standing);
                Ok(())
            })
            .unwrap();
        standing
    }

    /// Events of the journal: code and kind.
    pub fn events(&self) -> Vec<(u16, EventKind)> {
        let mut events = Vec::new();
        self.store
            .view(&mut |rows| {
                for event in rows.events_after(0, 100_000)? {
                    let alert = rows.alert(event.alert)?.unwrap();
                    events.push((alert.identity.code, event.kind));
                }
                Ok(())
            })
            .unwrap();
        events
    }
}

/// At most one open alert of an identity, and raised and resolved alternate in the journal.
pub fn one_open_of_each(store: &dyn Store) {
    let mut open = BTreeMap::new();
    for alert in store.alerts(&AlertFilter::default()).unwrap() {
        if alert.firing {
            let key = (alert.agent, alert.identity.clone());
            assert_eq!(open.insert(key, alert.id), None);
        }
    }
}
