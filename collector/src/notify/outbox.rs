//! The outbox: who may send a message, and what became of it. Each function is one transaction's work.

use super::decide::later;
use crate::limit::{
    CLAIM_MS, GIVE_UP_MS, GIVE_UP_TRIES, RETRY_MS, SAID_CHARACTERS, TABLE_ROWS, TRIES_TOLD,
};
use crate::store::raise::{self, Raise};
use crate::store::rows::AllRows;
use crate::store::{
    AlertId, COLLECTOR_AGENT, Channel, ClockQuality, Dated, Identity, Outgoing, Reason, Sending,
    StoreError,
};
use hansho::clock::WallTime;

/// HNS9008: messages to a receiver are not delivered; its subject is the receiver.
pub const UNDELIVERED: u16 = 9008;

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The other side took it over.
    Delivered {
        /// What it said.
        said: String,
    },
    /// Not now.
    Later {
        /// What it said, or what went wrong.
        said: String,
    },
    /// Never.
    Refused {
        /// What it said.
        said: String,
    },
    /// There is nothing to say to anybody any more: its alert or its receiver is gone. Nobody hears of that.
    Pointless {
        /// What is gone.
        said: String,
    },
}

/// What became of a try, by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Of all.
    pub tried: Tried,
    /// Addresses that took it.
    pub served: Vec<String>,
    /// Some address refused it for good while others took it.
    pub some_refused: bool,
    /// Its subject, for those of the thread that follow.
    pub subject: String,
}

impl From<Tried> for Attempt {
    fn from(tried: Tried) -> Self {
        Self {
            tried,
            served: Vec::new(),
            some_refused: false,
            subject: String::new(),
        }
    }
}

/// What marking came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It stands there.
    Stands {
        /// Where the message stands now.
        state: Sending,
        /// Somebody else has to hear that the receiver does not.
        raise: bool,
        /// Messages reach the receiver.
        reaches: bool,
    },
    /// Another notifier took the message over meanwhile: what this one says does not count. The message may have gone out twice,
    /// with one Message-ID.
    TakenOver,
}

/// A new notifier begins: claims of all before it are void.
///
/// # Errors
/// [`StoreError`].
pub fn begin(rows: &mut dyn AllRows) -> Result<u64, StoreError> {
    let mut numbers = rows.numbers()?;
    numbers.fence = numbers.fence.saturating_add(1);
    rows.put_numbers(&numbers)?;
    Ok(numbers.fence)
}

/// A message that a worker has in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHand {
    /// The message.
    pub number: u64,
    /// Its receiver.
    pub receiver: String,
    /// The way it goes.
    pub channel: Channel,
}

impl InHand {
    /// As a worker takes it.
    #[must_use]
    pub fn of(outgoing: &Outgoing) -> Self {
        Self {
            number: outgoing.number,
            receiver: outgoing.receiver.clone(),
            channel: outgoing.channel,
        }
    }
}

/// Takes messages in hand whose time has come, at most `free`. One at a time to a receiver: a thread's messages arrive in their
/// order, and many that wait for one hide no other's. One worker is always left to the other channels: a mail server that
/// hangs, whoever it is for, holds up no hook.
///
/// # Errors
/// [`StoreError`].
pub fn claim(
    rows: &mut dyn AllRows,
    fence: u64,
    in_hand: &[InHand],
    free: usize,
    now: WallTime,
) -> Result<Vec<Outgoing>, StoreError> {
    let mut claimed: Vec<Outgoing> = Vec::new();
    if rows.numbers()?.fence != fence {
        // A newer notifier sends now.
        return Ok(claimed);
    }
    let mut taken = in_hand.to_vec();
    let of_channel = in_hand.len().saturating_add(free).saturating_sub(1).max(1);
    for mut outgoing in rows.outgoing_ready(now, fence, READY)? {
        let of_this = taken.iter().filter(|one| one.channel == outgoing.channel);
        let busy = of_this.count() >= of_channel
            || taken.iter().any(|one| one.receiver == outgoing.receiver);
        if busy || claimed.len() >= free {
            continue;
        }
        outgoing.state = Sending::Claimed;
        outgoing.fence = fence;
        outgoing.until = Some(later(now, CLAIM_MS));
        rows.put_outgoing(&outgoing)?;
        taken.push(InHand::of(&outgoing));
        claimed.push(outgoing);
    }
    Ok(claimed)
}

/// Receivers looked at for a claim: as many as there may be.
const READY: usize = TABLE_ROWS;

/// Notes what became of a try by the notifier `fence`.
///
/// # Errors
/// [`StoreError`].
pub fn mark(
    rows: &mut dyn AllRows,
    fence: u64,
    number: u64,
    attempt: &Attempt,
    now: WallTime,
) -> Result<Marked, StoreError> {
    let tried = &attempt.tried;
    let Some(mut outgoing) = rows.outgoing(number)? else {
        return Ok(Marked::TakenOver);
    };
    if outgoing.state != Sending::Claimed || outgoing.fence != fence {
        return Ok(Marked::TakenOver);
    }
    outgoing.until = None;
    outgoing.attempts = outgoing.attempts.saturating_add(1);
    outgoing.first_try.get_or_insert(now);
    let said = match tried {
        Tried::Delivered { said }
        | Tried::Later { said }
        | Tried::Refused { said }
        | Tried::Pointless { said } => said,
    };
    outgoing.said = said
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SAID_CHARACTERS)
        .collect();
    outgoing.served.extend(attempt.served.iter().cloned());
    if !attempt.subject.is_empty() {
        outgoing.subject.clone_from(&attempt.subject);
    }
    settle(&mut outgoing, tried, now);
    if outgoing.state.is_final() {
        outgoing.done = Some(now);
    }
    rows.put_outgoing(&outgoing)?;
    // Nothing waits for what is only said again.
    let given_up = outgoing.state == Sending::GivenUp && outgoing.reason != Reason::Renewed;
    if given_up && matches!(tried, Tried::Later { .. }) {
        pass_on(rows, &outgoing)?;
    }
    let reaches = outgoing.state == Sending::Delivered;
    if reaches {
        note_notified(rows, &outgoing, now)?;
    }
    let about_delivery = match outgoing.alert {
        Some(alert) => rows
            .alert(alert)?
            .is_some_and(|alert| alert.identity.code == UNDELIVERED),
        None => false,
    };
    Ok(Marked::Stands {
        state: outgoing.state,
        // Never about a message that tells of undelivered messages: that would go on for ever.
        raise: !about_delivery
            && !matches!(tried, Tried::Pointless { .. })
            && (attempt.some_refused
                || matches!(outgoing.state, Sending::Refused | Sending::GivenUp)
                || (!reaches && outgoing.attempts >= TRIES_TOLD)),
        reaches: reaches && !attempt.some_refused,
    })
}

fn settle(outgoing: &mut Outgoing, tried: &Tried, now: WallTime) {
    outgoing.state = match tried {
        Tried::Delivered { .. } => Sending::Delivered,
        Tried::Refused { .. } => Sending::Refused,
        Tried::Pointless { .. } => Sending::GivenUp,
        Tried::Later { .. } => {
            // From the first try, not from the decision: what waited while no notifier ran has not been refused by anybody yet.
            let since = outgoing.first_try.unwrap_or(now);
            let tried_ms = now.as_millis().saturating_sub(since.as_millis());
            // And after every wait of the list: a clock that was set ahead, or a collector that stood still for a day between two
            // tries, is no day of trying.
            if tried_ms >= GIVE_UP_MS && outgoing.attempts > GIVE_UP_TRIES {
                Sending::GivenUp
            } else {
                outgoing.next_try = later(now, backoff_ms(outgoing.attempts));
                Sending::Queued
            }
        }
    };
}

/// A message was given up for its age: those behind it in its thread go on from its tries, so that each is tried once more and a
/// day of messages does not take as many days. The newest, which says how it stands, has a day of its own.
fn pass_on(rows: &mut dyn AllRows, given_up: &Outgoing) -> Result<(), StoreError> {
    let Some(thread) = given_up.thread else {
        return Ok(());
    };
    let mut behind = rows.outgoing_of_thread(thread)?;
    behind.retain(|one| {
        one.number > given_up.number
            && one.receiver == given_up.receiver
            && one.state == Sending::Queued
            && one.reason != Reason::Renewed
    });
    behind.pop();
    for one in behind {
        rows.put_outgoing(&Outgoing {
            first_try: given_up.first_try,
            attempts: given_up.attempts,
            ..one
        })?;
    }
    Ok(())
}

/// Wait after a number of tries.
#[must_use]
pub fn backoff_ms(attempts: u32) -> u64 {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    RETRY_MS
        .get(place)
        .or(RETRY_MS.last())
        .copied()
        .unwrap_or(GIVE_UP_MS)
}

/// The first message that a server took is when people were told; a list tells of all that it names.
fn note_notified(
    rows: &mut dyn AllRows,
    outgoing: &Outgoing,
    now: WallTime,
) -> Result<(), StoreError> {
    let mut alerts: Vec<AlertId> = rows.listed(outgoing.number)?;
    alerts.extend(outgoing.alert);
    for id in alerts {
        if let Some(mut alert) = rows.alert(id)?
            && alert.notified.is_none()
        {
            alert.notified = Some(Dated {
                wall: now,
                quality: ClockQuality::Exact,
            });
            rows.put_alert(&alert)?;
        }
    }
    Ok(())
}

/// Notes what became of a try, and raises HNS9008 about the receiver or ends it.
///
/// # Errors
/// [`StoreError`].
pub fn finish(
    rows: &mut dyn AllRows,
    fence: u64,
    number: u64,
    attempt: &Attempt,
    now: WallTime,
) -> Result<Marked, StoreError> {
    let marked = mark(rows, fence, number, attempt, now)?;
    let Marked::Stands { raise, reaches, .. } = marked else {
        return Ok(marked);
    };
    let Some(outgoing) = rows.outgoing(number)? else {
        return Ok(marked);
    };
    let identity = Identity {
        code: UNDELIVERED,
        subject: outgoing.receiver.clone(),
        test: false,
    };
    let open = rows.open_alert(COLLECTOR_AGENT, &identity)?;
    if raise && open.is_none() {
        let told = Raise {
            agent: COLLECTOR_AGENT,
            code: UNDELIVERED,
            subject: outgoing.receiver,
            occurred: outgoing.first_try.map(|wall| Dated {
                wall,
                quality: ClockQuality::Exact,
            }),
            value: None,
            total: None,
            level: None,
            reason: hansho::rule::Reason::Event,
            count: 1,
        };
        raise::raise(rows, &told, now)?;
    } else if reaches && open.is_some() {
        let about = (UNDELIVERED, outgoing.receiver.as_str());
        let cleared = (now, hansho::rule::Reason::Cleared);
        raise::resolve(rows, COLLECTOR_AGENT, about, cleared, now)?;
    }
    Ok(marked)
}
