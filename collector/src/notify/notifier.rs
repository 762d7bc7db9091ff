//! The thread that decides and sends: steps when something was stored or is due, and keeps a few workers at the other sides of
//! the wire, so that a slow mail server holds up nothing else.

use super::compose::Desk;
use super::context::Context;
use super::courier::Courier;
use super::handled::StoredHandling;
use super::outbox::{Attempt, InHand, Marked, Tried, begin, claim, finish};
use super::step::{has_work, step};
use super::stepped;
use super::who::Configured;
use crate::clock::Moment;
use crate::directory::Current;
use crate::ingest::Metrics;
use crate::limit::{NOTIFIER_PAUSE_MS, NOTIFIER_WORKERS, TOLD_QUIET_MS};
use crate::store::{Decision, Outgoing, Store, StoreError};
use hansho::clock::WallTime;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the notifier needs.
pub struct Notifier {
    /// The writer's own store: decisions are made in its transactions.
    pub store: Arc<dyn Store>,
    /// For reading what messages say.
    pub reading: Arc<dyn Store>,
    /// The configuration in force.
    pub current: Arc<Current>,
    /// Counted here: rounds that ended well.
    pub metrics: Arc<Metrics>,
    /// How people reach the pages.
    pub base_url: Option<String>,
    /// The clock.
    pub now: fn() -> WallTime,
}

/// What the thread hears.
pub enum Heard {
    /// A worker is done with a message.
    Sent {
        /// The message.
        number: u64,
        /// What became of it.
        attempt: Attempt,
    },
    /// Stop.
    Stop,
}

/// A message for a worker.
struct Errand {
    outgoing: Outgoing,
    configured: Configured,
    courier: Arc<Courier>,
}

/// The thread's own memory.
#[derive(Default)]
struct Shift {
    fence: u64,
    /// Messages that workers have in hand.
    in_hand: Vec<InHand>,
    courier: Option<(Configured, Arc<Courier>)>,
    /// Both clocks at the round before.
    clocks: Option<(WallTime, Moment)>,
    failing: Option<StoreError>,
    /// What is wrong with `[mail]`, said once.
    refused: Option<String>,
    /// Messages held back as told before a restore, and when the newest: said once where no more come.
    held: Option<(u64, Moment)>,
}

impl Notifier {
    /// Works until it hears [`Heard::Stop`] on the channel whose ends are given.
    pub fn run(&self, heard: &Receiver<Heard>, tell: &Sender<Heard>) {
        let (errands, work) = sync_channel::<Errand>(NOTIFIER_WORKERS);
        let work = Mutex::new(work);
        std::thread::scope(|scope| {
            for _ in 0..NOTIFIER_WORKERS {
                let tell = tell.clone();
                let work = &work;
                scope.spawn(move || self.work(work, &tell));
            }
            self.decide(heard, &errands);
            // The workers end when there are no more errands.
            drop(errands);
        });
    }

    fn decide(&self, heard: &Receiver<Heard>, errands: &SyncSender<Errand>) {
        let mut shift = Shift::default();
        let mut stopping = false;
        loop {
            let outcome = self.round(&mut shift, errands, stopping);
            match outcome {
                Ok(()) => {
                    self.metrics.notified.fetch_add(1, Ordering::Relaxed);
                    shift.failing = None;
                }
                // Once, not at every round.
                Err(error) if shift.failing.as_ref() == Some(&error) => {}
                Err(error) => {
                    log::error!("nobody can be notified: {error}");
                    shift.failing = Some(error);
                }
            }
            say_held(&mut shift, stopping);
            if stopping && shift.in_hand.is_empty() {
                return;
            }
            match heard.recv_timeout(Duration::from_millis(NOTIFIER_PAUSE_MS)) {
                Ok(Heard::Sent { number, attempt }) => self.sent(&mut shift, number, &attempt),
                Ok(Heard::Stop) | Err(RecvTimeoutError::Disconnected) => stopping = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn round(
        &self,
        shift: &mut Shift,
        errands: &SyncSender<Errand>,
        stopping: bool,
    ) -> Result<(), StoreError> {
        if stopping {
            return Ok(());
        }
        if shift.fence == 0 {
            self.store.transact(&mut |rows| {
                shift.fence = begin(rows)?;
                Ok(())
            })?;
        }
        let configured = Configured {
            live: self.current.get(),
        };
        // One reading for both: a step back between two readings would be seen twice, and all be shifted twice.
        let now = (self.now)();
        self.go_on_if_stepped(shift, &configured, now)?;
        self.decisions(shift, &configured, now)?;
        self.hand_out(shift, &configured, errands)
    }

    /// Notices a step of the clock since the round before.
    fn go_on_if_stepped(
        &self,
        shift: &mut Shift,
        configured: &Configured,
        wall: WallTime,
    ) -> Result<(), StoreError> {
        let moment = Moment::now();
        let Some((wall_before, before)) = shift.clocks else {
            shift.clocks = Some((wall, moment));
            return Ok(());
        };
        let elapsed_ms = u64::try_from(before.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(by_ms) = stepped::step_of((wall_before, wall), elapsed_ms) {
            log::warn!(
                "the clock stepped by {by_ms} ms: repeats and escalation go on as if it had not"
            );
            let policy = configured.policy();
            let context = Context {
                directory: configured,
                handled: &StoredHandling::default(),
                policy: &policy,
            };
            self.store
                .transact(&mut |rows| stepped::go_on(rows, &context, by_ms, wall))?;
        }
        shift.clocks = Some((wall, moment));
        Ok(())
    }

    fn decisions(
        &self,
        shift: &mut Shift,
        configured: &Configured,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let policy = configured.policy();
        loop {
            let context = Context {
                directory: configured,
                handled: &StoredHandling::default(),
                policy: &policy,
            };
            let mut work = false;
            self.reading.view(&mut |rows| {
                work = has_work(rows, now)?;
                Ok(())
            })?;
            if !work {
                return Ok(());
            }
            let mut stepped = super::Stepped::default();
            self.store.transact(&mut |rows| {
                stepped = step(rows, &context, now)?;
                Ok(())
            })?;
            stepped.decisions.iter().for_each(log_one);
            if stepped.held > 0 {
                let before = shift.held.map_or(0, |(held, _)| held);
                shift.held = Some((before.saturating_add(stepped.held), Moment::now()));
            }
            if !stepped.more {
                return Ok(());
            }
        }
    }

    /// Gives workers that are free what may be sent now.
    fn hand_out(
        &self,
        shift: &mut Shift,
        configured: &Configured,
        errands: &SyncSender<Errand>,
    ) -> Result<(), StoreError> {
        let free = NOTIFIER_WORKERS.saturating_sub(shift.in_hand.len());
        let now = (self.now)();
        let fence = shift.fence;
        let mut ready = false;
        if free > 0 {
            self.reading.view(&mut |rows| {
                ready = !rows.outgoing_ready(now, fence, 1)?.is_empty();
                Ok(())
            })?;
        }
        if !ready {
            return Ok(());
        }
        let Some(courier) = courier_of(shift, configured, self.now) else {
            return Ok(());
        };
        let mut claimed = Vec::new();
        self.store.transact(&mut |rows| {
            claimed = claim(rows, fence, &shift.in_hand, free, now)?;
            Ok(())
        })?;
        for outgoing in claimed {
            let in_hand = InHand::of(&outgoing);
            let errand = Errand {
                outgoing,
                configured: configured.clone(),
                courier: Arc::clone(&courier),
            };
            // There is a place for each worker; where none is left, the claim ends by itself.
            if errands.try_send(errand).is_ok() {
                shift.in_hand.push(in_hand);
            }
        }
        Ok(())
    }

    fn sent(&self, shift: &mut Shift, number: u64, attempt: &Attempt) {
        shift.in_hand.retain(|known| known.number != number);
        let now = (self.now)();
        let fence = shift.fence;
        let mut marked = Marked::TakenOver;
        let outcome = self.store.transact(&mut |rows| {
            marked = finish(rows, fence, number, attempt, now)?;
            Ok(())
        });
        match outcome {
            Ok(()) => log_attempt(number, attempt, marked),
            // The claim ends, and the message is sent again with its Message-ID.
            Err(error) => log::error!("what became of message {number} cannot be noted: {error}"),
        }
    }

    fn work(&self, work: &Mutex<Receiver<Errand>>, tell: &Sender<Heard>) {
        loop {
            let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(errand) = next else {
                return;
            };
            let number = errand.outgoing.number;
            let attempt = self.deliver(&errand);
            if tell.send(Heard::Sent { number, attempt }).is_err() {
                return;
            }
        }
    }

    fn deliver(&self, errand: &Errand) -> Attempt {
        let desk = Desk {
            store: &*self.reading,
            configured: &errand.configured,
            base_url: self.base_url.as_deref(),
        };
        let receiver = desk.receiver(&errand.outgoing);
        match (desk.notice(&errand.outgoing), receiver) {
            (Ok(Some(notice)), Some(receiver)) => {
                errand.courier.take(&notice, &errand.outgoing, receiver)
            }
            (Ok(_), _) => Tried::Pointless {
                said: "its alert or its receiver is gone".to_owned(),
            }
            .into(),
            (Err(error), _) => Tried::Later {
                said: format!("the store: {error}"),
            }
            .into(),
        }
    }
}

/// The courier of the configuration in force, made anew whenever that was taken over, so that its templates and authorities are
/// read again too. Where that fails the one before goes on, which is said once; `None` where there was none.
fn courier_of(
    shift: &mut Shift,
    configured: &Configured,
    now: fn() -> WallTime,
) -> Option<Arc<Courier>> {
    if let Some((known, courier)) = &shift.courier
        && Arc::ptr_eq(&known.live, &configured.live)
    {
        return Some(Arc::clone(courier));
    }
    match Courier::new(configured.live.mail.as_ref(), now) {
        Ok(courier) => {
            let courier = Arc::new(courier);
            shift.courier = Some((configured.clone(), Arc::clone(&courier)));
            shift.refused = None;
            Some(courier)
        }
        Err(said) => {
            let before = shift.courier.as_ref().map(|(_, courier)| courier);
            if shift.refused.as_ref() != Some(&said) {
                let then = match before {
                    Some(_) => "the settings before go on",
                    None => "nothing is sent",
                };
                log::error!("[mail] cannot be used; {then}: {said}");
                shift.refused = Some(said);
            }
            before.map(Arc::clone)
        }
    }
}

/// One line for all that agents sent again, once no more of it comes.
fn say_held(shift: &mut Shift, stopping: bool) {
    let quiet = Duration::from_millis(TOLD_QUIET_MS);
    if let Some((held, newest)) = shift.held
        && (stopping || newest.elapsed() >= quiet)
    {
        shift.held = None;
        log::warn!(
            "after the restore: {held} messages to people are not sent, since what they tell happened before --told-until; \
             the pages of their alerts name them"
        );
    }
}

fn log_one(decision: &Decision) {
    let alert = decision
        .alert
        .map_or_else(|| "-".to_owned(), |alert| alert.to_string());
    log::info!(
        "notify alert={alert} reason={} detail={} outcome={}",
        decision.reason.word(),
        decision
            .reason
            .detail()
            .map_or_else(|| "-".to_owned(), |detail| detail.to_string()),
        decision.outcome.word()
    );
}

fn log_attempt(number: u64, attempt: &Attempt, marked: Marked) {
    let said = match &attempt.tried {
        Tried::Delivered { said }
        | Tried::Later { said }
        | Tried::Refused { said }
        | Tried::Pointless { said } => said,
    };
    match marked {
        Marked::Stands { state, .. } => {
            log::info!("message {number} state={} said={said:?}", state.word());
        }
        Marked::TakenOver => log::warn!(
            "message {number} was taken over by another notifier meanwhile: it may have been sent twice, with one Message-ID"
        ),
    }
}

/// The two ends of the notifier's channel.
#[must_use]
pub fn ears() -> (Sender<Heard>, Receiver<Heard>) {
    channel()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::store::{AlertId, MemoryStore, Strand, Thread};
    use crate::zone::Zone;
    use hansho::frame::kind::AgentId;
    use std::collections::VecDeque;
    use std::path::Path;

    const MINUTE: u64 = 60_000;
    const START: u64 = 30_000_000 * MINUTE;

    /// What the clock shows at its next readings, minutes from the start; the last of them from then on.
    static CLOCK: Mutex<VecDeque<i64>> = Mutex::new(VecDeque::new());

    fn shows(minutes: &[i64]) {
        *CLOCK.lock().unwrap() = minutes.iter().copied().collect();
    }

    fn now() -> WallTime {
        let mut clock = CLOCK.lock().unwrap();
        let minutes = match clock.len() {
            1 => clock.front().copied(),
            _ => clock.pop_front(),
        };
        at(minutes.unwrap())
    }

    fn at(minutes: i64) -> WallTime {
        let ms = i64::try_from(MINUTE).unwrap().saturating_mul(minutes);
        WallTime::from_millis(START.saturating_add_signed(ms))
    }

    fn told() -> Thread {
        let root = AlertId(1);
        Thread {
            root,
            strand: Strand {
                agent: AgentId(1),
                subject: String::new(),
                family: "memory".to_owned(),
                test: false,
            },
            head: root,
            opened: at(-60),
            ended: None,
            first_told: Some(at(-10)),
            last_told: Some(at(-10)),
            messages: 1,
            listed: None,
            level: 1,
            untaken: None,
            reminded_recovery: None,
            reminded_report: None,
            quiet: None,
            due: None,
            told_from: 0,
            moved_from: None,
            moved_within: false,
        }
    }

    /// The clock is set back between two readings of one round: everything goes back once.
    #[test]
    fn a_clock_that_is_set_back_within_a_round_sets_all_back_once() {
        let text = "config_version = 1\n[ingest]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"data\"\n";
        let none = |_: &Path, _: usize| Err(std::io::ErrorKind::NotFound.into());
        let config = parse(text, Path::new("collector.toml"), &none).unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let notifier = Notifier {
            store: Arc::clone(&store),
            reading: Arc::clone(&store),
            current: Arc::new(Current::new(&config, Zone::utc())),
            metrics: Arc::default(),
            base_url: None,
            now,
        };
        let keep = |rows: &mut dyn crate::store::rows::AllRows| {
            let mut numbers = rows.numbers()?;
            numbers.seen = at(0);
            rows.put_numbers(&numbers)?;
            rows.put_thread(&told())
        };
        store.transact(&mut |rows| keep(rows)).unwrap();
        let mut shift = Shift::default();
        let (errands, _work) = sync_channel::<Errand>(1);
        for readings in [&[0][..], &[0, -60], &[-60]] {
            shows(readings);
            notifier.round(&mut shift, &errands, false).unwrap();
        }
        let mut last_told = None;
        let mut read = |rows: &mut dyn crate::store::rows::AllRows| {
            last_told = rows.thread(AlertId(1))?.and_then(|thread| thread.last_told);
            Ok(())
        };
        store.view(&mut read).unwrap();
        // Less what passed while this ran.
        let last_told = last_told.unwrap();
        assert!(last_told <= at(-70) && last_told > at(-80), "{last_told:?}");
    }
}
