//! The thread that decides on the daily mail and forgets what is past its retention.

use super::daily::{self, Decided};
use super::forget;
use crate::clock::{DAY_MS, Moment};
use crate::config::{DailyMail, Keep};
use crate::directory::Current;
use crate::ingest::tls::Certificates;
use crate::limit::{FORGET_PAUSE_MS, FORGET_ROUNDS, SWEEP_MS, UPKEEP_MS, VOUCH_FAR_MS};
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
    /// The listener's certificates, where it speaks TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// Zone of the daily mail's time.
    pub zone: Zone,
    /// The clock.
    pub now: fn() -> WallTime,
}

/// How far time is vouched for.
#[derive(Default)]
struct Retention {
    /// When that was noted last,
    looked: Option<Moment>,
    /// and what the clock said then.
    seen: Option<WallTime>,
    /// It was told that the clock is far from it.
    off: bool,
}

impl Upkeep {
    /// Works until the sender of `stop` is gone.
    pub fn run(&self, stop: &Receiver<()>) {
        let mut failing: Option<StoreError> = None;
        let (mut done_day, mut seen_day): (Option<u64>, Option<u64>) = (None, None);
        let mut retention = Retention::default();
        while stop.recv_timeout(Duration::from_millis(UPKEEP_MS)) == Err(RecvTimeoutError::Timeout)
        {
            let today = (self.now)().as_millis() / DAY_MS;
            if seen_day != Some(today) {
                seen_day = Some(today);
                self.certificate();
            }
            let mut outcome = self.mail().and_then(|()| self.look(&mut retention));
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

    /// Warns of a certificate before it cuts every agent off.
    fn certificate(&self) {
        let now = (self.now)();
        if let Some(certificates) = &self.certificates {
            for one in certificates.ending(now) {
                log::log!(one.level(), "{}", one.line(&self.zone));
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

    /// Lets time be vouched for: about as often as day files are looked for, and at once where the clock was set.
    fn look(&self, retention: &mut Retention) -> Result<(), StoreError> {
        let now = (self.now)();
        let passed = retention.looked.map(|looked| looked.elapsed());
        let far = |known: WallTime| now.as_millis().abs_diff(known.as_millis()) > VOUCH_FAR_MS;
        let set = retention.seen.is_none_or(far);
        if !set && passed.is_some_and(|passed| passed < Duration::from_millis(SWEEP_MS)) {
            return Ok(());
        }
        let passed_ms = passed.map_or(0, |passed| {
            u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
        });
        let looked = Moment::now();
        let mut vouched = None;
        self.store.transact(&mut |rows| {
            vouched = forget::look(rows, &self.keep, now, passed_ms)?.vouched;
            Ok(())
        })?;
        retention.looked = Some(looked);
        retention.seen = Some(now);
        let off = vouched.filter(|vouched| far(*vouched));
        if let Some(vouched) = off
            && !retention.off
        {
            log::warn!(
                "the clock was set, or no collector ran for long: retention counts as of {} and catches up as time passes",
                self.zone.show(vouched)
            );
        }
        retention.off = off.is_some();
        Ok(())
    }

    /// Says whether all of it is done for this day.
    fn forget(&self, stop: &Receiver<()>) -> Result<bool, StoreError> {
        let now = (self.now)();
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
