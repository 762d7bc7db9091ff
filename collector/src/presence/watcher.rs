//! The thread that looks at everybody about each second.

use super::life::Resumed;
use super::{Decision, Done, Planned, Policy, Swept, has_work, sweep, system_of};
use crate::directory::live::Current;
use crate::ingest::{Metrics, SignsOfLife};
use crate::limit::PRESENCE_MS;
use crate::store::rows::AllRows;
use crate::store::window::planned;
use crate::store::{Agent, Place, Store, StoreError};
use hansho::clock::WallTime;
use hansho::code::display;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What the watcher needs.
pub struct Watcher {
    /// The writer's own store.
    pub store: Arc<dyn Store>,
    /// Another connection, on which is looked whether there is anything to do.
    pub reading: Arc<dyn Store>,
    /// Signs of life that the store could not note yet.
    pub signs: Arc<SignsOfLife>,
    /// Counted here: sweeps.
    pub metrics: Arc<Metrics>,
    /// When people are told, and where hosts stand.
    pub current: Arc<Current>,
    /// The clock.
    pub now: fn() -> WallTime,
}

impl Watcher {
    /// Works until the sender of `stop` is gone.
    pub fn run(&self, stop: &Receiver<()>) {
        let mut failing: Option<StoreError> = None;
        let mut own_clock: Option<i64> = None;
        while stop.recv_timeout(Duration::from_millis(PRESENCE_MS))
            == Err(RecvTimeoutError::Timeout)
        {
            match self.once() {
                Ok(None) => {
                    self.metrics.sweeps.fetch_add(1, Ordering::Relaxed);
                    failing = None;
                }
                Ok(Some(swept)) => {
                    self.metrics.sweeps.fetch_add(1, Ordering::Relaxed);
                    failing = None;
                    tell(&swept);
                    if swept.own_clock_off_ms.is_some() && own_clock.is_none() {
                        log::error!(
                            "the clock of this collector seems to be off: most hosts agree on a time that differs by {} ms",
                            swept.own_clock_off_ms.unwrap_or(0)
                        );
                    }
                    own_clock = swept.own_clock_off_ms;
                }
                // Once, not each second.
                Err(error) if failing.as_ref() == Some(&error) => {}
                Err(error) => {
                    log::error!("presence cannot be judged: {error}");
                    failing = Some(error);
                }
            }
        }
    }

    /// One sweep; `None` where it had nothing to do, and nobody was held up.
    ///
    /// # Errors
    /// [`StoreError`]: nothing was judged then.
    pub fn once(&self) -> Result<Option<Swept>, StoreError> {
        let now = (self.now)();
        // One configuration for the whole sweep.
        let live = self.current.get();
        let site = |agent: &Agent| {
            let owner = live
                .directory
                .owner(&agent.customer, &agent.system, &agent.name);
            owner.site.map(|site| site.id)
        };
        let judge = |rows: &mut dyn AllRows, judge: Judge<'_>| {
            let windows = rows.windows(now)?;
            let policy = Policy {
                when: live.presence,
                planned: &|agent, now| {
                    let site = site(agent);
                    let place = Place {
                        customer: &agent.customer,
                        system: &agent.system,
                        site: site.as_deref().unwrap_or(""),
                        agent: &agent.name,
                    };
                    let (window, occurrence) = planned(&windows, &place, now)?;
                    Some(Planned {
                        until: occurrence.until,
                        text: window.texts.ja().to_owned(),
                    })
                },
                site: &|agent| match site(agent) {
                    Some(site) => format!("{}/{site}", agent.customer),
                    None => system_of(agent),
                },
                heard: &|agent| self.signs.of(agent),
            };
            judge(rows, &policy)
        };
        let mut work = false;
        self.reading.view(&mut |rows| {
            judge(rows, &mut |rows, policy| {
                work = has_work(rows, policy, now)?;
                Ok(())
            })
        })?;
        if !work {
            return Ok(None);
        }
        let mut swept = Swept::default();
        self.store.transact(&mut |rows| {
            judge(rows, &mut |rows, policy| {
                swept = sweep(rows, policy, now)?;
                Ok(())
            })
        })?;
        Ok(Some(swept))
    }
}

/// What is done under the policy of one configuration.
type Judge<'j> = &'j mut dyn FnMut(&mut dyn AllRows, &Policy<'_>) -> Result<(), StoreError>;

fn tell(swept: &Swept) {
    match swept.resumed {
        Some(Resumed::Away { away_ms }) => log::warn!(
            "this collector was away, or its clock was set ahead, by {away_ms} ms: silences of agents count from now"
        ),
        Some(Resumed::SetBack { back_ms }) => log::warn!(
            "the clock of this collector was set back by {back_ms} ms: silences of agents count from now"
        ),
        Some(Resumed::First) | None => {}
    }
    for decision in &swept.decisions {
        log_one(decision);
    }
}

fn log_one(decision: &Decision) {
    let Decision {
        agent,
        alert,
        done,
        why,
    } = decision;
    let word = done.word();
    match alert {
        Some((code, alert)) => {
            let shown = display(*code, matches!(done, Done::Raised | Done::Counted));
            log::info!("{shown} {word}: agent={agent} alert={alert} why={why}");
        }
        None => log::info!("{word}: agent={agent} why={why}"),
    }
}
