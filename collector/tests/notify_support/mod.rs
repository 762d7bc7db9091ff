//! A world for decisions about notifications: a store, a fixed directory, people who take alerts and silence them, and a clock of
//! its own.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "a test: what goes wrong fails it, as it should"
)]

#[path = "../support/mod.rs"]
pub mod support;

use hansho::clock::{Uptime, WallTime};
use hansho::code::Urgency;
use hansho::frame::kind::{AgentId, RunId};
use hansho_collector::notify::handled::StoredHandling;
use hansho_collector::notify::who::Configured;
use hansho_collector::notify::{
    self, About, Context, Directory, Handled, Hush, Policy, Receiver, Routing, Taken, outbox,
};
use hansho_collector::store::rows::AllRows;
use hansho_collector::store::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use support::{Folder, NOW, new_agent};

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;

/// Sato is on duty, Suzuki second, Tanaka third; the list gets a copy; a hook where the system is `hooked`, an Alertmanager
/// where it is `managed`.
pub struct Team {
    pub repeat_ms: Option<u64>,
    pub escalate_ms: u64,
    pub ceiling: u64,
    pub digest_every_ms: u64,
    pub nobody: bool,
    /// Ranks on duty that have no receiver.
    pub unreachable: Vec<u8>,
    /// Who is told where no rank has a receiver.
    pub fallback: Option<&'static str>,
    /// A receiver that was taken out of the configuration.
    pub gone: Option<&'static str>,
}

impl Default for Team {
    fn default() -> Self {
        Self {
            repeat_ms: Some(HOUR),
            escalate_ms: 5 * MINUTE,
            ceiling: 1000,
            digest_every_ms: 8 * HOUR,
            nobody: false,
            unreachable: Vec::new(),
            fallback: None,
            gone: None,
        }
    }
}

pub fn receiver(name: &str, ceiling: u64) -> Receiver {
    Receiver {
        name: name.to_owned(),
        channel: match name {
            "hook" => Channel::Webhook,
            "manager" => Channel::Alertmanager,
            _ => Channel::Mail,
        },
        shown: name.to_owned(),
        copy: name == "list",
        ceiling,
    }
}

impl Directory for Team {
    fn route(&self, about: &About, rank: u8, _at: WallTime) -> Routing {
        if self.nobody || self.unreachable.contains(&rank) {
            return Routing::default();
        }
        let mut names: Vec<&str> = match rank {
            1 => vec!["sato", "list"],
            2 => vec!["suzuki"],
            3 => vec!["tanaka"],
            _ => Vec::new(),
        };
        if rank == 1 && about.system() == "hooked" {
            names.push("hook");
        }
        if rank == 1 && about.system() == "managed" {
            names.push("manager");
        }
        if about.alert.identity.code == outbox::UNDELIVERED {
            names.push("suzuki");
        }
        Routing {
            receivers: names
                .iter()
                .map(|name| receiver(name, self.ceiling))
                .collect(),
        }
    }

    fn fallback(&self, _about: &About) -> Routing {
        let receivers = self.fallback.iter();
        Routing {
            receivers: receivers.map(|name| receiver(name, self.ceiling)).collect(),
        }
    }

    fn urgency(&self, about: &About) -> Urgency {
        about.registered_urgency()
    }

    fn site(&self, agent: &Agent) -> Option<String> {
        Some(agent.customer.replace("mirai", "dc"))
    }

    fn next_digest(&self, _customer: &str, after: WallTime) -> WallTime {
        let place = (after.as_millis() - NOW) / self.digest_every_ms;
        WallTime::from_millis(NOW + (place + 1) * self.digest_every_ms)
    }

    fn repeat_ms(&self, _about: &About) -> Option<u64> {
        self.repeat_ms
    }

    fn escalate_ms(&self, _about: &About, rank: u8, _at: WallTime) -> Option<u64> {
        (2..=3)
            .contains(&rank)
            .then(|| self.escalate_ms * u64::from(rank - 1))
    }

    fn person(&self, name: &str) -> Option<Receiver> {
        ["sato", "suzuki", "tanaka"]
            .contains(&name)
            .then(|| receiver(name, self.ceiling))
    }

    fn receiver(&self, name: &str) -> Option<Receiver> {
        (self.gone != Some(name)).then(|| receiver(name, self.ceiling))
    }
}

#[derive(Default)]
pub struct People {
    pub taken: Mutex<BTreeMap<AlertId, Taken>>,
    pub hushed: Mutex<BTreeMap<u16, Hush>>,
}

impl Handled for People {
    fn taken(
        &self,
        _rows: &mut dyn AllRows,
        alert: &StoredAlert,
    ) -> Result<Option<Taken>, StoreError> {
        Ok(self.taken.lock().unwrap().get(&alert.id).cloned())
    }

    fn hushed(
        &self,
        _rows: &mut dyn AllRows,
        about: &About,
        now: WallTime,
    ) -> Result<Option<Hush>, StoreError> {
        let hushed = self.hushed.lock().unwrap();
        let hush = hushed.get(&about.alert.identity.code).copied();
        Ok(hush.filter(|hush| hush.until.is_none_or(|until| until > now)))
    }
}

pub struct World {
    pub store: Box<dyn Store>,
    pub team: Team,
    pub people: People,
    /// In place of team and people, where it is given: a configuration, and what is stored.
    pub configured: Option<Configured>,
    pub policy: Policy,
    pub now_ms: u64,
    pub fence: u64,
    pub next_alert: u64,
    /// (receiver, Message-ID) of what a server took, in order; repetitions included.
    pub taken_by_servers: Vec<(String, String)>,
    _folder: Option<Folder>,
}

/// What somebody was sent: reason's word, receiver, codes named.
pub type Mail = (String, String, Vec<u16>);

pub fn worlds() -> Vec<World> {
    let folder = Folder::new("notify");
    let sqlite = SqliteStore::open_writer(folder.path(), WallTime::from_millis(NOW)).unwrap();
    vec![
        World::of(Box::new(MemoryStore::default()), None),
        World::of(Box::new(sqlite), Some(folder)),
    ]
}

impl World {
    pub fn of(store: Box<dyn Store>, folder: Option<Folder>) -> Self {
        for id in 1..=4 {
            let mut agent = new_agent(id, &format!("web{id:02}"));
            agent.customer = "mirai".to_owned();
            agent.system = match id {
                3 => "hooked",
                4 => "managed",
                _ => "order",
            }
            .to_owned();
            store.add_agent(&agent, WallTime::from_millis(NOW)).unwrap();
        }
        let mut world = Self {
            store,
            team: Team::default(),
            people: People::default(),
            configured: None,
            policy: Policy::of("hansho.example.jp"),
            now_ms: 0,
            fence: 0,
            next_alert: 0,
            taken_by_servers: Vec::new(),
            _folder: folder,
        };
        world.begin();
        world
    }

    pub fn begin(&mut self) {
        let mut fence = 0;
        self.store
            .transact(&mut |rows| {
                fence = outbox::begin(rows)?;
                Ok(())
            })
            .unwrap();
        self.fence = fence;
    }

    pub fn now(&self) -> WallTime {
        WallTime::from_millis(NOW + self.now_ms)
    }

    /// Goes on to a moment, stepping in the first second in which there is anything to do, and the next, and so on.
    pub fn at(&mut self, ms: u64) -> &mut Self {
        assert!(ms >= self.now_ms, "time goes on");
        while self.has_work_at(ms) {
            // Work only grows with time: the first second with any is found by halves.
            let (mut idle, mut busy) = (self.now_ms, ms);
            while busy - idle > SECOND {
                let middle = idle + (busy - idle) / 2;
                if self.has_work_at(middle) {
                    busy = middle;
                } else {
                    idle = middle;
                }
            }
            self.now_ms = busy;
            self.step();
            if self.now_ms == ms {
                break;
            }
        }
        self.now_ms = ms;
        self
    }

    fn has_work_at(&self, ms: u64) -> bool {
        let mut work = false;
        self.store
            .view(&mut |rows| {
                work = notify::has_work(rows, WallTime::from_millis(NOW + ms))?;
                Ok(())
            })
            .unwrap();
        work
    }

    pub fn step(&mut self) -> Vec<Decision> {
        let mut decisions = Vec::new();
        loop {
            let mut stepped = notify::Stepped::default();
            let stored = StoredHandling::default();
            let context = match &self.configured {
                Some(configured) => Context {
                    directory: configured,
                    handled: &stored,
                    policy: &self.policy,
                },
                None => Context {
                    directory: &self.team,
                    handled: &self.people,
                    policy: &self.policy,
                },
            };
            self.store
                .transact(&mut |rows| {
                    stepped = notify::step(rows, &context, self.now())?;
                    Ok(())
                })
                .unwrap();
            decisions.append(&mut stepped.decisions);
            if !stepped.more {
                return decisions;
            }
        }
    }

    pub fn with<T>(&self, mut work: impl FnMut(&mut dyn AllRows) -> Result<T, StoreError>) -> T {
        let mut outcome = None;
        self.store
            .transact(&mut |rows| {
                outcome = Some(work(rows)?);
                Ok(())
            })
            .unwrap();
        outcome.unwrap()
    }

    pub fn put(&mut self, alert: &StoredAlert) {
        let now = self.now();
        self.with(|rows| {
            let before = rows.alert(alert.id)?;
            rows.put_alert(alert)?;
            match EventKind::of_change(before.as_ref(), alert) {
                Some(kind) => rows.append_event(alert.id, kind, now),
                None => Ok(()),
            }
        });
    }

    pub fn new_alert(&mut self, agent: u64, code: u16, subject: &str) -> StoredAlert {
        self.next_alert += 1;
        let shard = u64::from(shard(AgentId(agent)));
        let dated = Dated {
            wall: self.now(),
            quality: ClockQuality::Exact,
        };
        StoredAlert {
            id: AlertId((shard << 40) | self.next_alert),
            agent: AgentId(agent),
            identity: Identity {
                code,
                subject: subject.to_owned(),
                test: false,
            },
            episode: self.next_alert as u32,
            firing: true,
            run: RunId(1),
            last_run: RunId(1),
            fired: Uptime::from_millis(self.now_ms + 1),
            firing_sequence: Some(self.next_alert),
            resolved_sequence: None,
            occurred: Some(dated),
            detected: Some(dated),
            notified: None,
            recovered: None,
            resolved: None,
            stored: self.now(),
            updated: self.now(),
            quantity: 1,
            value: Some(15_700_000),
            total: Some(16_384_000),
            level: Some(15_564_800),
            worst: Some(15_900_000),
            forecast_ms: None,
            count: 1,
            continuations: 0,
            reason: 1,
            flags: 0,
            by: By::default(),
        }
    }

    pub fn raise(&mut self, agent: u64, code: u16) -> AlertId {
        let alert = self.new_alert(agent, code, "");
        self.put(&alert);
        alert.id
    }

    pub fn alert(&self, id: AlertId) -> StoredAlert {
        self.store.alert(id).unwrap().unwrap()
    }

    pub fn resolve(&mut self, id: AlertId) {
        let mut alert = self.alert(id);
        alert.firing = false;
        alert.resolved = Some(Dated {
            wall: self.now(),
            quality: ClockQuality::Exact,
        });
        self.put(&alert);
    }

    pub fn reopen(&mut self, id: AlertId) {
        let mut alert = self.alert(id);
        alert.firing = true;
        alert.resolved = None;
        self.put(&alert);
    }

    pub fn event(&mut self, id: AlertId, kind: EventKind) {
        let now = self.now();
        self.with(|rows| rows.append_event(id, kind, now));
    }

    pub fn take(&mut self, id: AlertId, by: &str) {
        let taken = Taken {
            by: by.to_owned(),
            receiver: by.to_owned(),
            at: self.now(),
            note: None,
            recovery_expected: None,
            next_report: None,
        };
        self.people.taken.lock().unwrap().insert(id, taken);
        self.event(id, EventKind::Acknowledged);
    }

    pub fn give_back(&mut self, id: AlertId) {
        self.people.taken.lock().unwrap().remove(&id);
        self.event(id, EventKind::Released);
    }

    pub fn hush(&mut self, code: u16, reason: Reason, until: Option<u64>) {
        let until = until.map(|ms| WallTime::from_millis(NOW + ms));
        let hush = Hush { reason, until };
        self.people.hushed.lock().unwrap().insert(code, hush);
    }

    pub fn unhush(&mut self, code: u16) {
        self.people.hushed.lock().unwrap().remove(&code);
    }

    /// Hands over all that may be tried now to a server that takes everything, and says what it was.
    pub fn deliver(&mut self) -> Vec<Mail> {
        let mut mails = Vec::new();
        loop {
            let claimed = self.claim();
            if claimed.is_empty() {
                return mails;
            }
            for outgoing in claimed {
                self.hand_over(&outgoing);
                mails.push(self.mail(&outgoing));
                self.mark(&outgoing, "delivered");
            }
        }
    }

    pub fn claim(&mut self) -> Vec<Outgoing> {
        let (fence, now) = (self.fence, self.now());
        self.with(|rows| outbox::claim(rows, fence, &[], 16, now))
    }

    pub fn hand_over(&mut self, outgoing: &Outgoing) {
        self.taken_by_servers
            .push((outgoing.receiver.clone(), outgoing.message_id.clone()));
    }

    pub fn mark(&mut self, outgoing: &Outgoing, how: &str) -> outbox::Marked {
        let said = how.to_owned();
        let tried = match how {
            "delivered" => outbox::Tried::Delivered { said },
            "later" => outbox::Tried::Later { said },
            _ => outbox::Tried::Refused { said },
        };
        let (fence, now) = (self.fence, self.now());
        self.with(|rows| outbox::finish(rows, fence, outgoing.number, &tried.clone().into(), now))
    }

    pub fn mail(&self, outgoing: &Outgoing) -> Mail {
        let alerts = self.with(|rows| {
            let mut alerts = rows.listed(outgoing.number)?;
            alerts.extend(outgoing.alert);
            Ok(alerts)
        });
        let codes = alerts.iter().map(|id| self.alert(*id).identity.code);
        (
            outgoing.reason.word().to_owned(),
            outgoing.receiver.clone(),
            codes.collect(),
        )
    }

    /// Reasons of the decisions about an alert, in order.
    pub fn reasons(&self, id: AlertId) -> Vec<Reason> {
        let decisions = self.with(|rows| rows.decisions_of(id));
        decisions
            .iter()
            .filter(|decision| decision.alert == Some(id))
            .map(|decision| decision.reason)
            .collect()
    }

    pub fn outbox(&self, thread: AlertId) -> Vec<Outgoing> {
        self.with(|rows| rows.outgoing_of_thread(thread))
    }
}

pub fn mail(reason: &str, receiver: &str, codes: &[u16]) -> Mail {
    (reason.to_owned(), receiver.to_owned(), codes.to_vec())
}
