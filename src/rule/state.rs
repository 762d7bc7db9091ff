//! The state machine of one rule.
//!
//! A reading is *raised* when its value is at or beyond the raise level (both, where two are given), *clear* when it
//! is at or beyond the clear level on the other side and not raised, and neither between them.
//!
//! - **Level.** Inactive becomes pending on a raised reading with the gate holding. Pending ends on a clear reading
//!   only, so that one dip between the levels does not restart the clock. It fires on a reading that is itself raised
//!   with the gate holding, once `raise_after_ms` has passed since pending began (0: on the same reading). While
//!   firing, a reading that is not clear starts the clear time anew; it resolves on the reading on which it has been
//!   clear for `clear_after_ms`.
//! - **Event.** A raised reading with the gate holding fires at once. A further raised reading while firing raises the
//!   count and starts the quiet time anew, whatever the gate says; it is told as [`TransitionKind::Continued`] unless
//!   the alert was told less than [`CONTINUED_MIN_GAP_MS`] ago. It resolves on the first reading without an event once
//!   `clear_after_ms` has passed since the last event.
//! - **Flapping.** Where a firing is the [`FLAP_TRANSITIONS`]th firing or resolved of its identity within
//!   [`FLAP_SPAN_MS`], its clear (or quiet) time is [`FLAP_CLEAR_FACTOR`] times as long; its end empties that history.
//! - **Timers start anew** after a gap, a change between quantity and fallback, and a reboot: pending is inactive
//!   again, and clear or quiet time begins with the next reading. An open alert stays open.

use super::definition::{Definition, Direction, Kind};
use crate::clock::Uptime;
use crate::limit::{CONTINUED_MIN_GAP_MS, FLAP_CLEAR_FACTOR, FLAP_SPAN_MS, FLAP_TRANSITIONS};
use serde::{Deserialize, Serialize};

/// Where a rule stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing.
    #[default]
    Inactive,
    /// Raised, not long enough yet.
    Pending,
    /// Alert open.
    Firing,
}

/// What a transition says. Travels as a byte (docs/FRAME.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    /// The alert opens.
    Firing,
    /// The alert ends.
    Resolved,
    /// The alert is open and said again: the count of an event rose.
    Continued,
}

/// Why. Travels as a byte; never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Raised for its time.
    Held,
    /// An event occurred.
    Event,
    /// The event occurred again.
    Repeated,
    /// Clear for its time.
    Cleared,
    /// No further event for its time.
    Quiet,
    /// Held for its time, for the fifth transition in 30 minutes: it will need three times its clear time.
    Flapping,
    /// The rule was disabled or is no longer configured.
    Withdrawn,
    /// `hansho test`.
    Test,
}

/// A transition of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Place of the rule in its set; the number of rules where it is no longer one of them (withdrawn).
    pub rule: usize,
    /// What.
    pub kind: TransitionKind,
    /// Why.
    pub reason: Reason,
    /// Which episode of this identity, counted from 1.
    pub episode: u32,
    /// Since when raised (firing, continued), or since when clear (resolved): for an event, since the last one.
    pub since: Uptime,
    /// When the alert fired: now, or earlier for resolved and continued; 0 where that was before this boot.
    pub fired: Uptime,
    /// The value judged, in the unit of the quantity in use.
    pub value: Option<u64>,
    /// The total at that time.
    pub total: Option<u64>,
    /// The level that decided, made absolute where a total was known; absent where time or people decided.
    pub level: Option<u64>,
    /// The worst value of the episode so far.
    pub worst: Option<u64>,
    /// Events of the episode: of a quantity that counts, the sum of its values; else the readings on which the event
    /// occurred; 1 for a rule judged by level.
    pub count: u32,
    /// True where the fallback quantity was judged.
    pub fallback: bool,
}

/// One reading as it stands to the levels of its rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged {
    /// The value judged: of the window where there is one.
    pub(super) value: u64,
    /// At or beyond the raise level.
    pub(super) raised: bool,
    /// At or beyond the clear level, and not raised.
    pub(super) clear: bool,
    /// Whether the gate holds; true where there is none.
    pub(super) gate: bool,
    /// How many events the value stands for.
    pub(super) events: u32,
}

/// What a reading changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: TransitionKind,
    pub(super) reason: Reason,
    pub(super) since: Uptime,
}

/// Earlier transitions that matter: with the present one they make [`FLAP_TRANSITIONS`].
pub(super) const FLAP_HISTORY: usize = FLAP_TRANSITIONS - 1;

/// An uptime or none, in the eight bytes of an uptime: there are many of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// No uptime that rules are given comes near it ([`crate::limit::RULE_UPTIME_MAX_MS`]).
const NEVER: u64 = u64::MAX;

impl Moment {
    pub(crate) fn get(self) -> Option<Uptime> {
        (self.0 != NEVER).then_some(Uptime::from_millis(self.0))
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self(NEVER)
    }
}

impl From<Option<Uptime>> for Moment {
    fn from(uptime: Option<Uptime>) -> Self {
        uptime.map_or_else(Self::default, |uptime| Self(uptime.as_millis()))
    }
}

impl core::fmt::Debug for Moment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.get().fmt(f)
    }
}

/// The state of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleState {
    pub(super) phase: Phase,
    /// Needs the longer clear time.
    pub(super) flapping: bool,
    /// The fallback quantity is the one in use.
    pub(super) on_fallback: bool,
    pub(super) episode: u32,
    pub(super) count: u32,
    /// When pending began; of an event, when it fired.
    pub(super) since: Uptime,
    pub(super) fired: Uptime,
    /// Since when clear; of an event, when the quiet time began.
    pub(super) clear_since: Moment,
    /// When the alert was last told.
    pub(super) told: Moment,
    /// When the quantity in use last had a value; `None` after a gap.
    pub(super) seen: Moment,
    /// The last value judged.
    pub(super) value: Option<u64>,
    /// The worst value judged since pending began.
    pub(super) worst: Option<u64>,
    /// Latest firing and resolved transitions, oldest first.
    pub(super) history: [Moment; FLAP_HISTORY],
}

impl RuleState {
    /// Judges one reading.
    pub(super) fn step(
        &mut self,
        rule: &Definition,
        now: Uptime,
        judged: &Judged,
    ) -> Option<Change> {
        self.value = Some(judged.value);
        match rule.kind {
            Kind::Level => self.step_level(rule, now, judged),
            Kind::Event => self.step_event(rule, now, judged),
        }
    }

    fn step_level(&mut self, rule: &Definition, now: Uptime, judged: &Judged) -> Option<Change> {
        match self.phase {
            Phase::Firing => {
                self.note_worst(rule, judged.value);
                if !judged.clear {
                    self.clear_since = Moment::default();
                    return None;
                }
                self.resolve_when_due(rule, now, Reason::Cleared)
            }
            Phase::Pending if judged.clear => {
                self.phase = Phase::Inactive;
                None
            }
            Phase::Inactive | Phase::Pending => {
                let raised = judged.raised && judged.gate;
                if self.phase == Phase::Inactive {
                    if !raised {
                        return None;
                    }
                    self.phase = Phase::Pending;
                    self.since = now;
                    self.worst = None;
                }
                self.note_worst(rule, judged.value);
                let due = now.since(self.since) >= u64::from(rule.raise_after_ms);
                (raised && due).then(|| self.fire(now, 1, Reason::Held))
            }
        }
    }

    fn step_event(&mut self, rule: &Definition, now: Uptime, judged: &Judged) -> Option<Change> {
        let firing = self.phase == Phase::Firing;
        if firing {
            self.note_worst(rule, judged.value);
        }
        if !judged.raised {
            return firing
                .then(|| self.resolve_when_due(rule, now, Reason::Quiet))
                .flatten();
        }
        if !firing {
            if !judged.gate {
                return None;
            }
            self.since = now;
            self.worst = Some(judged.value);
            let change = self.fire(now, judged.events, Reason::Event);
            self.clear_since = Some(now).into();
            return Some(change);
        }
        self.count = self.count.saturating_add(judged.events);
        self.clear_since = Some(now).into();
        if self
            .told
            .get()
            .is_some_and(|told| now.since(told) < CONTINUED_MIN_GAP_MS)
        {
            return None;
        }
        self.told = Some(now).into();
        Some(Change {
            kind: TransitionKind::Continued,
            reason: Reason::Repeated,
            since: self.since,
        })
    }

    fn fire(&mut self, now: Uptime, count: u32, reason: Reason) -> Change {
        let recent = self
            .history
            .iter()
            .filter_map(|earlier| earlier.get())
            .filter(|earlier| now.since(*earlier) <= FLAP_SPAN_MS)
            .count();
        self.flapping = recent >= FLAP_HISTORY;
        self.remember(now);
        self.phase = Phase::Firing;
        self.episode = self.episode.saturating_add(1);
        self.count = count;
        self.fired = now;
        self.told = Some(now).into();
        self.clear_since = Moment::default();
        Change {
            kind: TransitionKind::Firing,
            reason: if self.flapping {
                Reason::Flapping
            } else {
                reason
            },
            since: self.since,
        }
    }

    fn resolve_when_due(
        &mut self,
        rule: &Definition,
        now: Uptime,
        reason: Reason,
    ) -> Option<Change> {
        let since = self.clear_since.get().unwrap_or(now);
        self.clear_since = Some(since).into();
        let factor = if self.flapping { FLAP_CLEAR_FACTOR } else { 1 };
        if now.since(since) < u64::from(rule.clear_after_ms).saturating_mul(factor.into()) {
            return None;
        }
        self.close(now);
        Some(Change {
            kind: TransitionKind::Resolved,
            reason,
            since,
        })
    }

    /// The end of an episode.
    fn close(&mut self, now: Uptime) {
        self.phase = Phase::Inactive;
        self.clear_since = Moment::default();
        if self.flapping {
            self.flapping = false;
            self.history = Default::default();
        } else {
            self.remember(now);
        }
    }

    fn remember(&mut self, now: Uptime) {
        self.history.rotate_left(1);
        if let Some(last) = self.history.last_mut() {
            *last = Some(now).into();
        }
    }

    fn note_worst(&mut self, rule: &Definition, value: u64) {
        let worse = |worst: u64| match (rule.kind, rule.direction) {
            (Kind::Level, Direction::Below) => worst.min(value),
            _ => worst.max(value),
        };
        self.worst = Some(self.worst.map_or(value, worse));
    }

    /// Starts timers anew after a gap; an open alert stays open, and the window, which is not part of this, goes on.
    pub(super) fn restart(&mut self) {
        if self.phase == Phase::Pending {
            self.phase = Phase::Inactive;
        }
        self.clear_since = Moment::default();
        self.seen = Moment::default();
    }

    /// As [`Self::restart`], and the values so far were of something else.
    pub(super) fn restart_with_other_values(&mut self) {
        self.restart();
        self.value = None;
        self.worst = None;
    }

    /// As [`Self::restart`], and moments so far were of another clock.
    pub(super) fn restart_with_other_clock(&mut self) {
        self.restart();
        self.since = Uptime::default();
        self.fired = Uptime::default();
        self.told = Moment::default();
        self.history = Default::default();
    }

    /// Takes over a transition that was recorded; see [`super::set::RuleSet::outrank`].
    pub(super) fn outrank(&mut self, rule: &Definition, recorded: &RecordedTransition) {
        let known = self.episode == recorded.episode;
        let firing = self.phase == Phase::Firing;
        match recorded.kind {
            TransitionKind::Resolved => {
                self.flapping |= recorded.flapping;
                if firing || !known {
                    self.close(recorded.at);
                }
                self.phase = Phase::Inactive;
            }
            TransitionKind::Firing | TransitionKind::Continued => {
                if !(firing && known) {
                    self.remember(recorded.fired);
                    self.clear_since = Moment::default();
                }
                if rule.kind == Kind::Event {
                    self.clear_since = Some(recorded.at).into();
                }
                self.phase = Phase::Firing;
                self.flapping = recorded.flapping;
                self.since = recorded.since;
                self.told = Some(recorded.at).into();
                self.value = recorded.value.or(self.value);
                self.worst = recorded.worst;
            }
        }
        self.episode = recorded.episode;
        self.fired = recorded.fired;
        self.count = recorded.count;
        if recorded.earlier_boot {
            self.restart_with_other_clock();
        }
    }
}

/// A transition as found in the ring, recorded after the Checkpoint that was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedTransition {
    /// What.
    pub kind: TransitionKind,
    /// When it was recorded.
    pub at: Uptime,
    /// True where it was recorded before the present boot: its moments are of another clock.
    pub earlier_boot: bool,
    /// Which episode.
    pub episode: u32,
    /// [`Transition::since`].
    pub since: Uptime,
    /// [`Transition::fired`].
    pub fired: Uptime,
    /// [`Transition::value`].
    pub value: Option<u64>,
    /// [`Transition::worst`].
    pub worst: Option<u64>,
    /// [`Transition::count`].
    pub count: u32,
    /// True where the firing of this episode had [`Reason::Flapping`].
    pub flapping: bool,
}
