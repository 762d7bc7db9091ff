//! The thread that decides on the daily mail and forgets what is past its retention.

use super::daily::{self, Decided};
use super::forget::{self, Looked};
use crate::clock::DAY_MS;
use crate::config::{DailyMail, Keep};
use crate::directory::Current;
use crate::limit::{FORGET_PAUSE_MS, FORGET_ROUNDS, UPKEEP_MS};
use crate::store::{Forget, Store, StoreError};
use crate::zone::Zone;
use hansho::clock::WallTime;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// What the thread needs.
pub struct Upkeep {
    /// The writer's own store.
    pub store: Arc<dyn Store>,
    /// For reading.
    pub reading: Arc<dyn Store>,
    /// The configuration in force.
    pub current: Arc<Current>,
    /// The daily mail, if there is one.
    pub daily: Option<DailyMail>,
    /// How long rows are kept.
    pub keep: Keep,
    /// Zone of the daily mail's time.
    pub zone: Zone,
    /// The clock.
    pub now: fn() -> WallTime,
}

impl Upkeep {
    /// Works until the sender of `stop` is gone.
    pub fn run(&self, stop: &Receiver<()>) {
        let mut failing: Option<StoreError> = None;
        let mut done_day: Option<u64> = None;
        while stop.recv_timeout(Duration::from_millis(UPKEEP_MS)) == Err(RecvTimeoutError::Timeout)
        {
            let today = (self.now)().as_millis() / DAY_MS;
            let mut outcome = self.mail();
            if outcome.is_ok() && done_day != Some(today) {
                outcome = self.forget(stop).map(|all| {
                    if all {
                        done_day = Some(today);
                    }
                });
            }
            match outcome {
                Ok(()) => failing = None,
                // Once, not each time.
                Err(error) if failing.as_ref() == Some(&error) => {}
                Err(error) => {
                    log::error!("the collector cannot look after itself: {error}");
                    failing = Some(error);
                }
            }
        }
    }

    fn mail(&self) -> Result<(), StoreError> {
        let Some(daily) = &self.daily else {
            return Ok(());
        };
        let now = (self.now)();
        let mut due = false;
        // On a view first: the store is not locked for nothing.
        self.reading.view(&mut |rows| {
            due = daily::due(rows, daily, &self.zone, now)?.is_ok();
            Ok(())
        })?;
        if !due {
            return Ok(());
        }
        let all = self.reading.totals()?.all();
        let totals = (all.frames_stored, all.lost);
        let live = self.current.get();
        let mut decided = Decided::NotYet;
        self.store.transact(&mut |rows| {
            decided = daily::decide(rows, (daily, &live), &self.zone, totals, now)?;
            Ok(())
        })?;
        match decided {
            Decided::Told(to) => log::info!("the daily mail goes to {}", to.join(", ")),
            Decided::Nobody => log::error!(
                "the daily mail goes to nobody: there is no [mail], or its receivers are gone"
            ),
            Decided::NotYet | Decided::Already | Decided::TooLate => {}
        }
        Ok(())
    }

    /// Says whether all of it is done for this day.
    fn forget(&self, stop: &Receiver<()>) -> Result<bool, StoreError> {
        let now = (self.now)();
        let mut looked = Looked::Go;
        self.store.transact(&mut |rows| {
            looked = forget::look(rows, now)?;
            Ok(())
        })?;
        if let Looked::Held(until) = looked {
            log::warn!(
                "the clock jumped ahead, or no collector ran for days: nothing is forgotten before {}",
                self.zone.show(until)
            );
            return Ok(true);
        }
        for what in Forget::ALL {
            let mut gone = 0_usize;
            for round in 0..FORGET_ROUNDS {
                let mut some = 0_usize;
                self.store.transact(&mut |rows| {
                    some = forget::some(rows, &self.keep, what, now)?;
                    Ok(())
                })?;
                gone = gone.saturating_add(some);
                if some == 0 {
                    break;
                }
                let more = round.saturating_add(1) < FORGET_ROUNDS;
                let pause = Duration::from_millis(FORGET_PAUSE_MS);
                let stopped = stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
                if stopped || !more {
                    log::info!("{gone} rows forgotten so far: {}", what.word());
                    return Ok(false);
                }
            }
            if gone > 0 {
                log::info!(
                    "{gone} rows past their retention forgotten: {}",
                    what.word()
                );
            }
        }
        Ok(true)
    }
}
