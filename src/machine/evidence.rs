//! When the table of processes goes out beside alerts: as it stands once a rule has been pending for a while, when an alert
//! fires and when it is over; and once more when a walk that began after that has come to its end.
//!
//! The machine decides when, and what it belongs to; what is in the table comes as an input, because another process keeps it.

use super::write::Writer;
use super::{Journal, TestAlert};
use crate::clock::Uptime;
use crate::frame::evidence::{
    AboutRecord, Evidence, FLAG_CUT, FLAG_FRESH, FLAG_HIDDEN, FLAG_NO_TABLE, Moment, SuspectRecord,
};
use crate::limit::{
    EVIDENCE_ALERTS, EVIDENCE_AT_PENDING_MS, EVIDENCE_FRESH_MS, EVIDENCE_INTERVAL_MS,
    EVIDENCE_PENDING_INTERVAL_MS, RULES,
};
use crate::rule::state::Moment as When;
use crate::rule::{Phase, Reason, RuleRef, RuleSet, Subject, Transition, TransitionKind};

/// What the table says now.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The last walk that came to its end; absent before the first, and where nobody walks.
    pub walk: Option<Walk>,
    /// The tops of the table; each process once.
    pub suspects: &'a [SuspectRecord<'a>],
}

/// A walk through all processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// When it began.
    pub began: Uptime,
    /// When it ended.
    pub ended: Uptime,
    /// Processes that it saw.
    pub seen: u32,
    /// Of them those that were read.
    pub read: u32,
    /// Of them those that the system refused.
    pub refused: u32,
    /// Of them those that were gone.
    pub gone: u32,
    /// Of them those that could not be read for any other reason.
    pub failed: u32,
    /// Threads of those that were read.
    pub threads: u64,
    /// Processes of others are hidden.
    pub hidden: bool,
    /// It did not come to the end of the folder.
    pub cut: bool,
}

/// An alert that evidence is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct About {
    /// Place of its rule; a test has none.
    rule: Option<u16>,
    code: u16,
    episode: u32,
    moment: Moment,
    /// A walk that begins later is wanted too.
    fresh: bool,
}

/// What was last asked for while a rule was pending.
#[derive(Clone, Copy, Debug, Default)]
struct AtPending {
    /// Since when it was pending then: one that is pending since another moment is another episode.
    since: When,
    /// When.
    at: When,
}

/// What evidence is wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    at_pending: heapless::Vec<AtPending, RULES>,
    waiting: heapless::Vec<About, RULES>,
    /// Wanted of a walk that begins after this.
    fresh: heapless::Vec<About, EVIDENCE_ALERTS>,
    fresh_after: Uptime,
    told: Option<Uptime>,
    number: u32,
}

impl Wanted {
    pub(super) fn new(rules: usize) -> Self {
        let mut wanted = Self::default();
        // As many as rules, of which there is room.
        let _outcome = wanted.at_pending.resize_default(rules);
        wanted
    }

    /// A rule made a transition.
    pub(super) fn transition(&mut self, rule: RuleRef<'_>, transition: &Transition) {
        let moment = match transition.kind {
            TransitionKind::Firing => Moment::Firing,
            TransitionKind::Resolved => Moment::Resolved,
            TransitionKind::Continued => return,
        };
        self.want(About {
            rule: u16::try_from(transition.rule).ok(),
            code: rule.code,
            episode: transition.episode,
            moment,
            // What came without warning has no evidence of before.
            fresh: moment == Moment::Firing && transition.reason == Reason::Event,
        });
    }

    /// A test alert fires.
    pub(super) fn test(&mut self, test: &TestAlert) {
        self.want(About {
            rule: None,
            code: test.code,
            episode: test.episode,
            moment: Moment::Firing,
            fresh: true,
        });
    }

    /// Looks for rules that have been pending for long enough.
    pub(super) fn look(&mut self, now: Uptime, rules: &RuleSet) {
        for stand in rules.phases().filter(|stand| stand.phase == Phase::Pending) {
            let Some(since) = stand
                .since
                .filter(|since| now.since(*since) >= EVIDENCE_AT_PENDING_MS)
            else {
                continue;
            };
            let Some(last) = self.at_pending.get_mut(stand.place) else {
                continue;
            };
            let asked = last.since.get() == Some(since);
            let soon = |at: Uptime| now.since(at) < EVIDENCE_PENDING_INTERVAL_MS;
            if asked || last.at.get().is_some_and(soon) {
                continue;
            }
            *last = AtPending {
                since: Some(since).into(),
                at: Some(now).into(),
            };
            self.want(About {
                rule: u16::try_from(stand.place).ok(),
                code: stand.rule.code,
                episode: stand.episode.saturating_add(1),
                moment: Moment::Pending,
                fresh: true,
            });
        }
    }

    fn want(&mut self, about: About) {
        // What an alert became counts more than what it was a moment ago.
        let earlier =
            |waiting: &&mut About| (waiting.rule, waiting.code) == (about.rule, about.code);
        match self.waiting.iter_mut().find(earlier) {
            Some(waiting) => {
                *waiting = About {
                    fresh: about.fresh || waiting.fresh,
                    ..about
                }
            }
            // One a rule: there is room for all of them. A fifth test beside all rules has none.
            None => {
                let _outcome = self.waiting.push(about);
            }
        }
    }

    /// Whether evidence is to be recorded now, where the last whole walk began then.
    pub(super) fn is_due(&self, now: Uptime, walk_began: Option<Uptime>) -> bool {
        let soon = |told: Uptime| now >= told && now.since(told) < EVIDENCE_INTERVAL_MS;
        if self.told.is_some_and(soon) {
            return false;
        }
        !self.waiting.is_empty() || self.has_fresh(walk_began)
    }

    fn has_fresh(&self, walk_began: Option<Uptime>) -> bool {
        !self.fresh.is_empty() && walk_began.is_some_and(|began| began >= self.fresh_after)
    }

    /// Whether a walk is wanted that begins now.
    pub(super) fn wants_walk(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Forgets a walk that does not come.
    pub(super) fn give_up(&mut self, now: Uptime) {
        if now.since(self.fresh_after) > EVIDENCE_FRESH_MS {
            self.fresh.clear();
        }
    }

    /// Records what is due.
    pub(super) fn record<J: Journal>(
        &mut self,
        seen: &Seen<'_>,
        rules: &RuleSet,
        writer: &mut Writer<'_, J>,
    ) {
        let now = writer.now;
        let mut about = heapless::Vec::<About, EVIDENCE_ALERTS>::new();
        let mut flags = 0;
        if self.waiting.is_empty() {
            if !self.has_fresh(seen.walk.map(|walk| walk.began)) {
                return;
            }
            flags |= FLAG_FRESH;
            about = core::mem::take(&mut self.fresh);
        } else {
            while !about.is_full() && !self.waiting.is_empty() {
                let first = self.waiting.remove(0);
                if first.fresh {
                    self.fresh_after = now;
                    // Of more than fit, the first: they were there before.
                    let _outcome = self.fresh.push(first);
                }
                let _outcome = about.push(first);
            }
        }
        let Some(walk) = seen.walk else {
            self.write(
                Walk::default(),
                (flags | FLAG_NO_TABLE, &about),
                seen,
                rules,
                writer,
            );
            return;
        };
        for (is_so, flag) in [(walk.hidden, FLAG_HIDDEN), (walk.cut, FLAG_CUT)] {
            if is_so {
                flags |= flag;
            }
        }
        self.write(walk, (flags, &about), seen, rules, writer);
    }

    fn write<J: Journal>(
        &mut self,
        walk: Walk,
        (flags, about): (u8, &[About]),
        seen: &Seen<'_>,
        rules: &RuleSet,
        writer: &mut Writer<'_, J>,
    ) {
        self.told = Some(writer.now);
        self.number = self.number.saturating_add(1);
        let of_host = Subject::new();
        let about = about.iter().map(|about| AboutRecord {
            code: about.code,
            subject: about
                .rule
                .and_then(|place| rules.rule(place.into()))
                .map_or(&of_host, |rule| rule.subject),
            episode: about.episode,
            moment: about.moment.as_u8(),
        });
        let is_there = seen.walk.is_some();
        let evidence = Evidence {
            number: self.number,
            flags,
            walk_began_ms: is_there.then(|| walk.began.as_millis()),
            walk_ended_ms: is_there.then(|| walk.ended.as_millis()),
            seen: walk.seen,
            read: walk.read,
            refused: walk.refused,
            gone: walk.gone,
            failed: walk.failed,
            threads: walk.threads,
            ..Evidence::default()
        };
        writer.evidence(&evidence, about, seen.suspects);
    }
}
