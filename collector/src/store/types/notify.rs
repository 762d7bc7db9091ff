//! What people are told, as plain values: threads, decisions, outbox, lists.

use super::AlertId;
use hansho::clock::WallTime;
use hansho::frame::kind::AgentId;
use std::collections::{BTreeMap, BTreeSet};

/// Why somebody is told something, or is not. Reaches log, page and message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// First message about the trouble.
    First,
    /// A worse code of the family took over from this one.
    Worsened {
        /// Code before.
        from: u16,
    },
    /// Open and not taken after the repeat interval.
    Repeat {
        /// Which message of the thread this is, from 2.
        nth: u32,
    },
    /// A test: goes the whole way, marked.
    Drill,
    /// It came more than [`crate::limit::LATE_MS`] after it fired.
    Late,
    /// Its urgency goes into the customer's digest.
    Digest,
    /// Many of one system at once: one message.
    Grouped,
    /// More messages than the ceiling of a receiver: one summary.
    Storm,
    /// Nobody took it in time: the next rank is told.
    Escalated {
        /// Rank told, from 2.
        level: u8,
    },
    /// All of the family ended.
    FamilyEnds,
    /// Somebody took it: told in the thread; or it is not repeated because somebody has.
    Acknowledged,
    /// Whoever had taken it gave it back.
    Released,
    /// A silence, window or suppressing code ended while it is open.
    QuietEnded,
    /// Evidence came after the first message.
    Evidence,
    /// The recovery that its taker promised is overdue.
    RecoveryOverdue,
    /// The next report that its taker promised is due.
    ReportDue,
    /// A silence holds.
    Silenced {
        /// Its number.
        silence: u64,
    },
    /// A maintenance window holds.
    InWindow {
        /// Its number.
        window: u64,
    },
    /// Another code explains it.
    Suppressed {
        /// That code.
        by: u16,
    },
    /// Those on duty before have no receiver: the next rank that has one is told at once.
    PassedOver {
        /// Rank told, from 2.
        level: u8,
    },
    /// Nobody on duty and none of the team has a receiver: `[notify] fallback` is told.
    Fallback,
    /// It stands open: an Alertmanager, which ends what it hears nothing of, hears of it again. One message, sent again and again.
    Renewed,
    /// Its agent came from another customer while it is open: told to those who are responsible now.
    MovedHere,
    /// Its agent went to another customer: those who were told until then hear that, and nothing more.
    MovedAway,
    /// Its urgency stays on the page.
    RecordOnly,
    /// Another of the family, told already or still open, stands for it.
    StillOpenInFamily {
        /// That code.
        by: u16,
    },
    /// It ended, and nobody had been told of it.
    NotRaisedToAnyone,
    /// No route leads to a receiver.
    NoReceiver,
    /// People were told of it with the return of its host, in the thread of the silence.
    ToldWithReturn,
    /// The agent counts another event of an open alert: stands in the next message.
    Counted,
    /// Nobody knows whether it still holds.
    BecameUnknown,
    /// Its agent answers for it again.
    KnownAgain,
    /// Somebody wrote a note: on the page.
    Noted,
    /// The daily mail: that it arrives is what it proves.
    Daily,
    /// Changes nothing that people need to hear.
    NoNews,
}

impl Reason {
    /// The word in JSON, log and store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Worsened { .. } => "worsened",
            Self::Repeat { .. } => "repeat",
            Self::Drill => "drill",
            Self::Late => "late",
            Self::Digest => "digest",
            Self::Grouped => "grouped",
            Self::Storm => "storm",
            Self::Escalated { .. } => "escalated",
            Self::FamilyEnds => "family_ends",
            Self::Acknowledged => "acknowledged",
            Self::Released => "released",
            Self::QuietEnded => "quiet_ended",
            Self::Evidence => "evidence",
            Self::RecoveryOverdue => "recovery_overdue",
            Self::ReportDue => "report_due",
            Self::Silenced { .. } => "silenced",
            Self::InWindow { .. } => "in_window",
            Self::Suppressed { .. } => "suppressed",
            Self::PassedOver { .. } => "passed_over",
            Self::Fallback => "fallback",
            Self::Renewed => "renewed",
            Self::MovedHere => "moved_here",
            Self::MovedAway => "moved_away",
            Self::RecordOnly => "record_only",
            Self::StillOpenInFamily { .. } => "still_open_in_family",
            Self::NotRaisedToAnyone => "not_raised_to_anyone",
            Self::NoReceiver => "no_receiver",
            Self::ToldWithReturn => "told_with_return",
            Self::Counted => "counted",
            Self::BecameUnknown => "became_unknown",
            Self::KnownAgain => "known_again",
            Self::Noted => "noted",
            Self::Daily => "daily",
            Self::NoNews => "no_news",
        }
    }

    /// The number that belongs to it: a code, a count, a level, a silence or window.
    #[must_use]
    pub const fn detail(self) -> Option<u64> {
        match self {
            Self::Worsened { from: code }
            | Self::Suppressed { by: code }
            | Self::StillOpenInFamily { by: code } => Some(code as u64),
            Self::Repeat { nth } => Some(nth as u64),
            Self::Escalated { level } | Self::PassedOver { level } => Some(level as u64),
            Self::Silenced { silence: number } | Self::InWindow { window: number } => Some(number),
            _ => None,
        }
    }

    /// From word and number; `None` for a word of a newer version.
    #[must_use]
    pub fn from_parts(word: &str, detail: Option<u64>) -> Option<Self> {
        let number = detail.unwrap_or(0);
        let code = u16::try_from(number).unwrap_or(0);
        Some(match word {
            "first" => Self::First,
            "worsened" => Self::Worsened { from: code },
            "repeat" => Self::Repeat {
                nth: u32::try_from(number).unwrap_or(0),
            },
            "drill" => Self::Drill,
            "late" => Self::Late,
            "digest" => Self::Digest,
            "grouped" => Self::Grouped,
            "storm" => Self::Storm,
            "escalated" => Self::Escalated {
                level: u8::try_from(number).unwrap_or(0),
            },
            "family_ends" => Self::FamilyEnds,
            "acknowledged" => Self::Acknowledged,
            "released" => Self::Released,
            "quiet_ended" => Self::QuietEnded,
            "evidence" => Self::Evidence,
            "recovery_overdue" => Self::RecoveryOverdue,
            "report_due" => Self::ReportDue,
            "silenced" => Self::Silenced { silence: number },
            "in_window" => Self::InWindow { window: number },
            "suppressed" => Self::Suppressed { by: code },
            "passed_over" => Self::PassedOver {
                level: u8::try_from(number).unwrap_or(0),
            },
            "fallback" => Self::Fallback,
            "renewed" => Self::Renewed,
            "moved_here" => Self::MovedHere,
            "moved_away" => Self::MovedAway,
            "record_only" => Self::RecordOnly,
            "still_open_in_family" => Self::StillOpenInFamily { by: code },
            "not_raised_to_anyone" => Self::NotRaisedToAnyone,
            "no_receiver" => Self::NoReceiver,
            "told_with_return" => Self::ToldWithReturn,
            "counted" => Self::Counted,
            "became_unknown" => Self::BecameUnknown,
            "known_again" => Self::KnownAgain,
            "noted" => Self::Noted,
            "daily" => Self::Daily,
            "no_news" => Self::NoNews,
            _ => return None,
        })
    }
}

/// What a decision leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Messages stand in the outbox.
    Told,
    /// It waits for a list: digest, summary, group.
    Listed,
    /// Nobody is told.
    Quiet,
}

impl Outcome {
    /// The word in JSON and store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Listed => "listed",
            Self::Quiet => "quiet",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "told" => Self::Told,
            "listed" => Self::Listed,
            _ => Self::Quiet,
        }
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Order over all decisions, from 1.
    pub number: u64,
    /// The event that it answers; `None` where time alone asked for it.
    pub event: Option<u64>,
    /// What it is about; `None` for a list.
    pub alert: Option<AlertId>,
    /// The thread; `None` for a list.
    pub thread: Option<AlertId>,
    /// Why.
    pub reason: Reason,
    /// What it leads to.
    pub outcome: Outcome,
    /// When.
    pub at: WallTime,
}

impl Decision {
    /// Whether of an alert that stands open for long a number says as much: nobody was told, or it was said again to those who
    /// knew. When its agent moved is asked for later.
    #[must_use]
    pub const fn folds(&self) -> bool {
        match self.reason {
            Reason::MovedAway => false,
            Reason::Counted | Reason::BecameUnknown | Reason::KnownAgain | Reason::NoNews => true,
            Reason::Repeat { .. }
            | Reason::Digest
            | Reason::Grouped
            | Reason::Storm
            | Reason::QuietEnded
                if self.event.is_none() =>
            {
                true
            }
            _ => matches!(self.outcome, Outcome::Quiet),
        }
    }
}

/// Of a thread's decisions, given in order, those that fold: neither among the newest `keep` of all, nor the newest of its alert.
#[must_use]
pub fn foldable(all: Vec<Decision>, keep: usize) -> Vec<Decision> {
    let newest: BTreeMap<Option<AlertId>, u64> =
        all.iter().map(|one| (one.alert, one.number)).collect();
    let old = all.len().saturating_sub(keep);
    let old = all.into_iter().take(old);
    old.filter(|one| one.folds() && newest.get(&one.alert) != Some(&one.number))
        .collect()
}

/// Messages that a thread cannot do without: the first and the newest of each receiver, and what is not settled.
#[must_use]
pub fn needed(messages: &[Outgoing]) -> BTreeSet<u64> {
    let mut ends: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for one in messages {
        let known = ends.entry(&one.receiver);
        known
            .and_modify(|(_, newest)| *newest = one.number)
            .or_insert((one.number, one.number));
    }
    let waits = messages.iter().filter(|one| !one.state.is_final());
    let ends = ends
        .into_values()
        .flat_map(|(first, newest)| [first, newest]);
    ends.chain(waits.map(|one| one.number)).collect()
}

/// What a thread is about: all codes of one family, of one subject of one agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strand {
    /// The agent; 0 for what the collector raises about a site or receiver.
    pub agent: AgentId,
    /// Subject.
    pub subject: String,
    /// The family's word, or the code where it has none.
    pub family: String,
    /// A test never mixes with the real thing.
    pub test: bool,
}

/// A thread: from the first alert of a strand until none of it is open. Its name is its first alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The alert that opened it.
    pub root: AlertId,
    /// What it is about.
    pub strand: Strand,
    /// The worst open alert: the one that it speaks of.
    pub head: AlertId,
    /// When it was opened.
    pub opened: WallTime,
    /// When all of it had ended.
    pub ended: Option<WallTime>,
    /// When the first message was decided.
    pub first_told: Option<WallTime>,
    /// When the newest message that a repeat is counted from was decided.
    pub last_told: Option<WallTime>,
    /// Messages decided.
    pub messages: u32,
    /// The list in which it was, or will be, told last.
    pub listed: Option<ListOf>,
    /// Highest rank told so far: 1 is the first on duty, 0 nobody.
    pub level: u8,
    /// Since when people know of it and nobody has taken it.
    pub untaken: Option<WallTime>,
    /// The promised recovery that its taker was reminded of.
    pub reminded_recovery: Option<WallTime>,
    /// The promised report that its taker was reminded of.
    pub reminded_report: Option<WallTime>,
    /// Why it is kept quiet now.
    pub quiet: Option<Reason>,
    /// When to look at it again.
    pub due: Option<WallTime>,
    /// Messages up to this number went to people of the customer that its agent left: they hear nothing more.
    pub told_from: u64,
    /// `CUSTOMER/SYSTEM/NAME` that its agent left, until that was decided on.
    pub moved_from: Option<String>,
    /// It left that for another place of the same customer.
    pub moved_within: bool,
}

/// How a receiver is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// SMTP.
    Mail,
    /// Signed HTTP POST.
    Webhook,
    /// Alertmanager's API.
    Alertmanager,
}

impl Channel {
    /// The word in JSON, configuration and store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "webhook" => Self::Webhook,
            "alertmanager" => Self::Alertmanager,
            _ => Self::Mail,
        }
    }
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sending {
    /// It waits for its next try.
    Queued,
    /// A notifier has it in hand, until the claim ends.
    Claimed,
    /// A server took it over.
    Delivered,
    /// A server refused it for good.
    Refused,
    /// Tried until [`crate::limit::GIVE_UP_MS`].
    GivenUp,
}

impl Sending {
    /// The word in JSON and store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "claimed" => Self::Claimed,
            "delivered" => Self::Delivered,
            "refused" => Self::Refused,
            "given_up" => Self::GivenUp,
            _ => Self::Queued,
        }
    }

    /// True where nothing more will happen to it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Refused | Self::GivenUp)
    }
}

/// A message to one receiver: a row of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Order over all messages, from 1.
    pub number: u64,
    /// The decision that asked for it.
    pub decision: u64,
    /// Why, as in the decision.
    pub reason: Reason,
    /// The alert; `None` for a list, whose alerts are [`Listed`].
    pub alert: Option<AlertId>,
    /// The thread; `None` for a list.
    pub thread: Option<AlertId>,
    /// Customer and, for a group, system of a list: `mirai`, `mirai/order`; of [`Reason::MovedAway`] where the agent stood before.
    pub list: Option<String>,
    /// Receiver's name in the configuration.
    pub receiver: String,
    /// How the receiver is reached.
    pub channel: Channel,
    /// All who are told by this decision, as shown: To.
    pub to: Vec<String>,
    /// As shown: Cc.
    pub cc: Vec<String>,
    /// Message-ID with its angle brackets: the same at every try.
    pub message_id: String,
    /// Message-IDs of the thread that this receiver got, the first and the newest.
    pub references: Vec<String>,
    /// Which message of the thread this is, from 1.
    pub nth: u32,
    /// When it was decided.
    pub created: WallTime,
    /// Where it stands.
    pub state: Sending,
    /// Fencing number of the notifier that claimed it last.
    pub fence: u64,
    /// When a claim ends.
    pub until: Option<WallTime>,
    /// Tries that ended.
    pub attempts: u32,
    /// When the first try ended.
    pub first_try: Option<WallTime>,
    /// When it may be tried next.
    pub next_try: WallTime,
    /// When a server took it, or nothing more will happen.
    pub done: Option<WallTime>,
    /// What the other side said last.
    pub said: String,
    /// Addresses of the receiver that were served by earlier tries: a receiver may have several.
    pub served: Vec<String>,
    /// Subject under which it was sent; empty before the first try.
    pub subject: String,
}

impl Outgoing {
    /// True where it was never sent: the collector that the restored backup is of had told it. `created` and `done` are then when
    /// what it tells happened.
    #[must_use]
    pub const fn told_before(&self) -> bool {
        matches!(self.state, Sending::Delivered) && self.attempts == 0
    }
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListOf {
    /// A customer's digest; the key is the customer.
    Digest,
    /// What came late and is over; the key is the customer.
    Late,
    /// Many at once; the key is customer/system.
    Group,
    /// Held back by a receiver's ceiling; the key is the receiver.
    Storm,
}

impl ListOf {
    /// The word in the store.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Late => "late",
            Self::Group => "group",
            Self::Storm => "storm",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "digest" => Self::Digest,
            "late" => Self::Late,
            "group" => Self::Group,
            _ => Self::Storm,
        }
    }

    /// The reason of its message.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::Digest => Reason::Digest,
            Self::Late => Reason::Late,
            Self::Group => Reason::Grouped,
            Self::Storm => Reason::Storm,
        }
    }
}

/// An alert that waits for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which list.
    pub list: ListOf,
    /// Whose.
    pub key: String,
    /// The alert.
    pub alert: AlertId,
    /// The decision that put it there.
    pub decision: u64,
    /// Since when.
    pub since: WallTime,
    /// When the list is sent.
    pub due: WallTime,
}

/// Numbers of the notifier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Newest event that was decided on.
    pub cursor: u64,
    /// Newest decision.
    pub decision: u64,
    /// Newest message.
    pub outgoing: u64,
    /// Newest fencing number of a notifier.
    pub fence: u64,
    /// Moment of the newest step: a clock that stands before it was set back.
    pub seen: WallTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_go_there_and_back() {
        let reasons = [
            Reason::First,
            Reason::Worsened { from: 1001 },
            Reason::Repeat { nth: 3 },
            Reason::Drill,
            Reason::Late,
            Reason::Digest,
            Reason::Grouped,
            Reason::Storm,
            Reason::Escalated { level: 2 },
            Reason::FamilyEnds,
            Reason::Acknowledged,
            Reason::Released,
            Reason::QuietEnded,
            Reason::Evidence,
            Reason::RecoveryOverdue,
            Reason::ReportDue,
            Reason::Silenced { silence: 7 },
            Reason::InWindow { window: 8 },
            Reason::Suppressed { by: 9001 },
            Reason::PassedOver { level: 2 },
            Reason::Fallback,
            Reason::Renewed,
            Reason::MovedHere,
            Reason::MovedAway,
            Reason::RecordOnly,
            Reason::StillOpenInFamily { by: 1002 },
            Reason::NotRaisedToAnyone,
            Reason::NoReceiver,
            Reason::Counted,
            Reason::BecameUnknown,
            Reason::KnownAgain,
            Reason::Noted,
            Reason::Daily,
            Reason::NoNews,
        ];
        for reason in reasons {
            assert_eq!(
                Reason::from_parts(reason.word(), reason.detail()),
                Some(reason)
            );
        }
        assert_eq!(Reason::from_parts("later", None), None);
    }
}
