//! The daily mail: decided once a day, into the same outbox as every other message, so that its arrival proves all of the way.

use crate::clock::{DAY_MS, Date};
use crate::config::{Channel, DailyMail};
use crate::directory::Live;
use crate::limit::{DAILIES, DAILY_LATE_MS, NUMBER_LIMIT, UPKEEP_MS};
use crate::notify::tell::message_id;
use crate::notify::who::Configured;
use crate::store::rows::AllRows;
use crate::store::{
    Channel as Way, Daily, Decision, Outcome, Outgoing, Reason, Sending, StoreError,
};
use crate::zone::Zone;
use hansho::clock::WallTime;
use hansho::code::Language;
use std::sync::Arc;

/// Later than any date of a store.
const END_OF_TIME: WallTime = WallTime::from_millis(NUMBER_LIMIT);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Its time of this day has not come.
    NotYet,
    /// This day has its mail.
    Already,
    /// Nobody could decide at its time, and now it would prove nothing: the next day's comes.
    TooLate,
    /// There is no `[mail]`, or none of its receivers is there any more.
    Nobody,
    /// Messages to these receivers stand in the outbox.
    Told(Vec<String>),
}

/// Whether the mail of this day is due: `Err` says why not.
///
/// # Errors
/// [`StoreError`].
pub fn due(
    rows: &mut dyn AllRows,
    daily: &DailyMail,
    zone: &Zone,
    now: WallTime,
) -> Result<Result<u64, Decided>, StoreError> {
    let local_ms = zone.local_ms(now);
    let day = local_ms / DAY_MS;
    let after_ms = (local_ms % DAY_MS).checked_sub(daily.minute.saturating_mul(60_000));
    let Some(after_ms) = after_ms else {
        return Ok(Err(Decided::NotYet));
    };
    if after_ms > DAILY_LATE_MS {
        return Ok(Err(Decided::TooLate));
    }
    // All that are kept: a clock that was ahead for a while decided for later days.
    let kept = usize::try_from(DAILIES).unwrap_or(usize::MAX);
    let known = rows.dailies(END_OF_TIME, kept)?;
    if known.iter().any(|one| one.day == day) {
        return Ok(Err(Decided::Already));
    }
    // The collector that a restored backup is of sent it.
    let sent_ms = (now.as_millis().saturating_sub(after_ms)).saturating_add(UPKEEP_MS);
    let restored = rows.upkeep()?.restored;
    if restored.is_some_and(|restored| sent_ms <= restored.told_until.as_millis()) {
        return Ok(Err(Decided::Already));
    }
    Ok(Ok(day))
}

/// Decides on the mail of this day. `totals`: frames stored and lost until now. To be run in one transaction.
///
/// # Errors
/// [`StoreError`].
pub fn decide(
    rows: &mut dyn AllRows,
    (daily, live): (&DailyMail, &Arc<Live>),
    zone: &Zone,
    (frames, lost): (u64, u64),
    now: WallTime,
) -> Result<Decided, StoreError> {
    let day = match due(rows, daily, zone, now)? {
        Ok(day) => day,
        Err(why) => return Ok(why),
    };
    let receivers: Vec<_> = daily
        .to
        .iter()
        .filter_map(|id| live.directory.receiver(id))
        .filter(|receiver| live.mail.is_some() && matches!(receiver.channel, Channel::Mail(_)))
        .collect();
    rows.put_daily(&Daily {
        day,
        decided: now,
        frames,
        lost,
    })?;
    let configured = Configured {
        live: Arc::clone(live),
    };
    let domain = configured.policy().domain;
    let mut numbers = rows.numbers()?;
    numbers.decision = numbers.decision.saturating_add(1);
    let outcome = if receivers.is_empty() {
        Outcome::Quiet
    } else {
        Outcome::Told
    };
    rows.put_decision(&Decision {
        number: numbers.decision,
        event: None,
        alert: None,
        thread: None,
        reason: Reason::Daily,
        outcome,
        at: now,
    })?;
    let to: Vec<String> = receivers
        .iter()
        .map(|receiver| receiver.name.get(Language::Ja).to_owned())
        .collect();
    for receiver in &receivers {
        numbers.outgoing = numbers.outgoing.saturating_add(1);
        let name = format!("daily-{}", Date::from_days(day));
        rows.put_outgoing(&Outgoing {
            number: numbers.outgoing,
            decision: numbers.decision,
            reason: Reason::Daily,
            alert: None,
            thread: None,
            list: None,
            receiver: receiver.id.clone(),
            channel: Way::Mail,
            to: to.clone(),
            cc: Vec::new(),
            message_id: message_id(&name, 1, &receiver.id, &domain),
            references: Vec::new(),
            nth: 1,
            created: now,
            state: Sending::Queued,
            fence: 0,
            until: None,
            attempts: 0,
            first_try: None,
            next_try: now,
            done: None,
            said: String::new(),
            served: Vec::new(),
            subject: String::new(),
        })?;
    }
    rows.put_numbers(&numbers)?;
    if receivers.is_empty() {
        return Ok(Decided::Nobody);
    }
    let ids = receivers.iter().map(|receiver| receiver.id.clone());
    Ok(Decided::Told(ids.collect()))
}
