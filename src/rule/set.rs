//! All rules of an agent, and one step over all of them.
//!
//! *Unknown*: the quantity in use has had no value for more than [`crate::limit::GAP_INTERVALS`] of its intervals (or
//! never), or its window is not covered. Values that stay away so long start timers anew ([`super::state`]), but not the
//! window, which bridges a gap that is short against its length ([`super::window`]); a shorter absence changes nothing:
//! neither time nor phase. A value without the total that a per cent level needs is absent.
//!
//! A *fallback* is looked at on a reading on which the first quantity is absent. A change of which of the two is in
//! use starts timers, window and worst value anew: values of two quantities are never mixed.

use super::definition::{Definition, Rule, RuleRef, Subject};
use super::plan::Plan;
use super::quantity::{Quantity, Value};
use super::state::{Phase, RecordedTransition, RuleState, Transition};
use super::window::{Shape, WindowState};
use crate::clock::Uptime;
use crate::limit::{DEFINITIONS, RULE_UPTIME_MAX_MS, RULES, SUBJECTS, WINDOWS};
use crate::sample::Reading;

/// Where values come from: a reading, and what the agent knows of itself.
pub trait Values {
    /// The value at this moment; `None` is absent. A quantity that counts occurrences is 0, not absent, where nothing
    /// occurred: an event rule resolves only on a value.
    fn value(&self, quantity: Quantity, subject: &Subject) -> Option<Value>;
}

impl Values for Reading {
    fn value(&self, quantity: Quantity, _: &Subject) -> Option<Value> {
        quantity.in_reading(self)
    }
}

/// How often values come, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intervals {
    /// Those of every reading.
    pub sample_ms: u32,
    /// Those of [`Quantity::is_counter`].
    pub counters_ms: u32,
}

/// Why rules are no rule set; `rule` is the place of the rule at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSetFault {
    /// The number of its quantity is unknown.
    Quantity {
        /// Place of the rule.
        rule: usize,
    },
    /// The number of its gate's quantity is unknown.
    GateQuantity {
        /// Place of the rule.
        rule: usize,
    },
    /// The number of its fallback's quantity is unknown.
    FallbackQuantity {
        /// Place of the rule.
        rule: usize,
    },
    /// Its raise, clear, gate or fallback level holds nothing that its quantity can be compared with: per cent counts
    /// only for quantities with a total, and not for events. It could never fire, or never resolve.
    NoLevel {
        /// Place of the rule.
        rule: usize,
    },
    /// Its window is shorter than [`crate::limit::WINDOW_BUCKETS`] milliseconds.
    WindowTooShort {
        /// Place of the rule.
        rule: usize,
    },
    /// An event with a window: events are seen one by one.
    EventWithWindow {
        /// Place of the rule.
        rule: usize,
    },
    /// An earlier rule has the same code and subject.
    Duplicate {
        /// Place of the rule.
        rule: usize,
        /// Place of the earlier one.
        earlier: usize,
    },
    /// It is the first enabled rule for which no window is left ([`WINDOWS`]).
    TooManyWindows {
        /// Place of the rule.
        rule: usize,
    },
    /// It is the first that differs in more than its subject from [`DEFINITIONS`] others.
    TooManyDefinitions {
        /// Place of the rule.
        rule: usize,
    },
    /// It is the first with a subject beyond [`SUBJECTS`].
    TooManySubjects {
        /// Place of the rule.
        rule: usize,
    },
}

/// An alert that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenAlert<'a> {
    /// The rule that raised it.
    pub rule: RuleRef<'a>,
    /// Which episode of this identity.
    pub episode: u32,
    /// When it fired; 0 where that was before this boot.
    pub fired: Uptime,
    /// Since when raised; 0 where that was before this boot.
    pub since: Uptime,
    /// [`Transition::count`].
    pub count: u32,
    /// The last value judged, in the unit of the quantity in use.
    pub value: Option<u64>,
    /// The worst value of the episode.
    pub worst: Option<u64>,
    /// Held open for longer, because it came and went too often.
    pub flapping: bool,
    /// Unknown, see the module.
    pub unknown: bool,
}

/// Where one rule stands, for `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RulePhase<'a> {
    /// Its place in the set.
    pub place: usize,
    /// The rule.
    pub rule: RuleRef<'a>,
    /// The newest episode: that of the alert that is open, else of the last one; 0 where there was none.
    pub episode: u32,
    /// Where it stands.
    pub phase: Phase,
    /// Since when raised; absent while inactive.
    pub since: Option<Uptime>,
    /// The last value judged, in the unit of the quantity in use.
    pub value: Option<u64>,
    /// True where the fallback quantity is in use.
    pub fallback: bool,
    /// Unknown, see the module.
    pub unknown: bool,
}

/// A rule: places of what it shares with others.
#[derive(Clone, Copy, Debug)]
struct Held {
    definition: u8,
    subject: u8,
    /// Place of its window, where it has one.
    window: Option<u8>,
}

/// What is shared by rules that differ in their subject only.
#[derive(Clone, Debug)]
struct Shared {
    definition: Definition,
    plan: Plan,
}

const _: () = assert!(DEFINITIONS <= 256 && SUBJECTS <= 256 && WINDOWS <= 256);

/// All rules of an agent with their states: about 40 KiB, no heap. A rule of many subjects costs a state for each, and its
/// definition once.
#[derive(Clone, Debug)]
pub struct RuleSet {
    shared: heapless::Vec<Shared, DEFINITIONS>,
    pub(super) subjects: heapless::Vec<Subject, SUBJECTS>,
    held: heapless::Vec<Held, RULES>,
    pub(super) states: heapless::Vec<RuleState, RULES>,
    pub(super) windows: heapless::Vec<WindowState, WINDOWS>,
    pub(super) now: Uptime,
    intervals: Intervals,
}

/// The place of what is in a list, put there where it is not; `None` where there is no room.
fn place_in<T, const N: usize>(
    list: &mut heapless::Vec<T, N>,
    is_it: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> Option<u8> {
    let place = list.iter().position(is_it);
    if place.is_none() && list.push(new()).is_err() {
        return None;
    }
    u8::try_from(place.unwrap_or(list.len().saturating_sub(1))).ok()
}

impl RuleSet {
    /// A set in which every rule is inactive.
    ///
    /// # Errors
    /// See [`RuleSetFault`]; disabled rules are checked as well, but take no window.
    pub fn new(rules: heapless::Vec<Rule, RULES>) -> Result<Self, RuleSetFault> {
        let mut set = Self {
            shared: heapless::Vec::new(),
            subjects: heapless::Vec::new(),
            held: heapless::Vec::new(),
            states: heapless::Vec::new(),
            windows: heapless::Vec::new(),
            now: Uptime::default(),
            intervals: Intervals::default(),
        };
        for (place, rule) in rules.iter().enumerate() {
            if let Some(earlier) = set.find(rule.code, &rule.subject) {
                return Err(RuleSetFault::Duplicate {
                    rule: place,
                    earlier,
                });
            }
            set.add(place, rule)?;
        }
        Ok(set)
    }

    fn add(&mut self, place: usize, rule: &Rule) -> Result<(), RuleSetFault> {
        let definition = rule.definition();
        let plan = Plan::new(&definition, place)?;
        let full = RuleSetFault::TooManyWindows { rule: place };
        let mut window = None;
        if rule.enabled && Shape::of(&rule.window).is_some() {
            window = u8::try_from(self.windows.len()).ok();
            self.windows
                .push(WindowState::default())
                .map_err(|_| full)?;
        }
        let held = Held {
            definition: place_in(
                &mut self.shared,
                |known| known.definition == definition,
                || Shared {
                    definition: definition.clone(),
                    plan,
                },
            )
            .ok_or(RuleSetFault::TooManyDefinitions { rule: place })?,
            subject: place_in(
                &mut self.subjects,
                |known| *known == rule.subject,
                || rule.subject.clone(),
            )
            .ok_or(RuleSetFault::TooManySubjects { rule: place })?,
            window,
        };
        // As many as rules, of which there is room.
        if self.held.push(held).is_err() || self.states.push(RuleState::default()).is_err() {
            return Err(full);
        }
        Ok(())
    }

    /// How many rules.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// True where there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The rules, in their places.
    pub fn rules(&self) -> impl Iterator<Item = RuleRef<'_>> {
        self.held.iter().filter_map(|held| {
            Some(RuleRef {
                definition: &self.shared.get(usize::from(held.definition))?.definition,
                subject: self.subjects.get(usize::from(held.subject))?,
            })
        })
    }

    /// The rule at a place.
    #[must_use]
    pub fn rule(&self, place: usize) -> Option<RuleRef<'_>> {
        self.rules().nth(place)
    }

    /// The place of the rule of an identity.
    pub(super) fn find(&self, code: u16, subject: &str) -> Option<usize> {
        self.rules()
            .position(|rule| rule.code == code && rule.subject.as_str() == subject)
    }

    /// The subjects of all rules, each once, the empty one of the host among them.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// The uptime of the last step or Checkpoint.
    #[must_use]
    pub fn now(&self) -> Uptime {
        self.now
    }

    /// Judges one reading: calls `emit` at most once a rule, in the order of rules. A moment before that of the last
    /// step can only be another clock's: timers and windows start anew, as after a reboot.
    pub fn step(
        &mut self,
        now: Uptime,
        intervals: Intervals,
        values: &impl Values,
        emit: &mut dyn FnMut(RuleRef<'_>, &Transition),
    ) {
        let now = now.min(Uptime::from_millis(RULE_UPTIME_MAX_MS));
        if now < self.now {
            self.restart_with_other_clock();
        }
        self.now = now;
        self.intervals = intervals;
        let Self {
            shared,
            subjects,
            held,
            states,
            windows,
            ..
        } = self;
        for (place, (held, state)) in held.iter().zip(states.iter_mut()).enumerate() {
            let (Some(Shared { definition, plan }), Some(subject)) = (
                shared.get(usize::from(held.definition)),
                subjects.get(usize::from(held.subject)),
            ) else {
                continue;
            };
            if !definition.enabled {
                continue;
            }
            let rule = RuleRef {
                definition,
                subject,
            };
            let window = held
                .window
                .and_then(|place| windows.get_mut(usize::from(place)));
            let Some((change, value)) = plan.step(rule, state, window, (now, intervals), values)
            else {
                continue;
            };
            let transition = Transition {
                rule: place,
                kind: change.kind,
                reason: change.reason,
                episode: state.episode,
                since: change.since,
                fired: state.fired,
                value: Some(value.value),
                total: value.total,
                level: plan.level(definition, change.kind, state.on_fallback, value.total),
                worst: state.worst,
                count: state.count,
                fallback: state.on_fallback,
            };
            emit(rule, &transition);
        }
    }

    /// Moments so far were of another clock: timers and windows start anew, what is open stays open.
    pub(crate) fn restart_with_other_clock(&mut self) {
        self.states
            .iter_mut()
            .for_each(RuleState::restart_with_other_clock);
        self.windows.iter_mut().for_each(WindowState::empty);
    }

    fn stands(&self) -> impl Iterator<Item = (usize, RuleRef<'_>, &RuleState, bool)> {
        let each = self.held.iter().zip(self.rules()).zip(&self.states);
        each.enumerate()
            .filter(|(_, ((_, rule), _))| rule.enabled)
            .filter_map(|(place, ((held, rule), state))| {
                let plan = &self.shared.get(usize::from(held.definition))?.plan;
                let is_open = held.window.is_some_and(|place| {
                    let window = self.windows.get(usize::from(place));
                    let shape = Shape::of(&rule.window);
                    !window
                        .zip(shape)
                        .is_some_and(|(window, shape)| window.is_covered(&shape, self.now))
                });
                let unknown = plan.is_gap(state, self.now, self.intervals) || is_open;
                Some((place, rule, state, unknown))
            })
    }

    /// The alerts that are open, in the order of rules.
    pub fn open_alerts(&self) -> impl Iterator<Item = OpenAlert<'_>> {
        self.stands()
            .filter(|(_, _, state, _)| state.phase == Phase::Firing)
            .map(|(_, rule, state, unknown)| OpenAlert {
                rule,
                episode: state.episode,
                fired: state.fired,
                since: state.since,
                count: state.count,
                value: state.value,
                worst: state.worst,
                flapping: state.flapping,
                unknown,
            })
    }

    /// Where each enabled rule stands, in the order of rules.
    pub fn phases(&self) -> impl Iterator<Item = RulePhase<'_>> {
        self.stands()
            .map(|(place, rule, state, unknown)| RulePhase {
                place,
                rule,
                episode: state.episode,
                phase: state.phase,
                since: (state.phase != Phase::Inactive).then_some(state.since),
                value: state.value,
                fallback: state.on_fallback,
                unknown,
            })
    }

    /// Takes over a transition that was recorded after the Checkpoint that was restored: what was told is true,
    /// whatever folding the readings gave. To be called in the order of recording. A rule that is not in the set, or
    /// disabled, is left alone; gives back whether it was taken.
    pub fn outrank(&mut self, code: u16, subject: &str, recorded: &RecordedTransition) -> bool {
        let Some(place) = self.find(code, subject) else {
            return false;
        };
        let Some(held) = self.held.get(place) else {
            return false;
        };
        let shared = self.shared.get(usize::from(held.definition));
        let Some(definition) = shared
            .map(|shared| &shared.definition)
            .filter(|definition| definition.enabled)
        else {
            return false;
        };
        let Some(state) = self.states.get_mut(place) else {
            return false;
        };
        state.outrank(definition, recorded);
        if recorded.earlier_boot
            && let Some(window) = self
                .window_of(place)
                .and_then(|window| self.windows.get_mut(window))
        {
            window.empty();
        }
        true
    }

    /// The place of a rule's subject.
    pub(super) fn subject_of(&self, rule: usize) -> Option<u8> {
        self.held.get(rule).map(|held| held.subject)
    }

    /// The place of a rule's window.
    pub(super) fn window_of(&self, rule: usize) -> Option<usize> {
        let held = self.held.get(rule)?;
        held.window.map(usize::from)
    }
}
