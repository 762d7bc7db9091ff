//! A rule as plain values: what the configuration produces and the machine runs.

use super::quantity::Quantity;
use crate::limit::SUBJECT_BYTES;
use serde::{Deserialize, Serialize};

/// What an alert is about within its host; empty for the host itself.
pub type Subject = heapless::String<SUBJECT_BYTES, u8>;

/// One rule. Its identity is (code, subject).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Number of the code that it raises.
    pub code: u16,
    /// Subject; empty for the host.
    pub subject: Subject,
    /// Whether it judges at all.
    pub enabled: bool,
    /// Level or event.
    pub kind: Kind,
    /// What is judged, as its number ([`Quantity::number`]).
    pub quantity: u8,
    /// Over which time.
    pub window: Window,
    /// Which way is bad.
    pub direction: Direction,
    /// Raise level. For an event: a value at or above `absolute` is one.
    pub raise: Level,
    /// Clear level; not used by events.
    pub clear: Level,
    /// How long raised before firing, milliseconds.
    pub raise_after_ms: u32,
    /// How long clear before resolved, milliseconds; for an event how long without another.
    pub clear_after_ms: u32,
    /// A second quantity that must hold to enter pending and to fire, not to stay.
    pub gate: Option<Gate>,
    /// Another quantity, with levels of its own, used only while the first is absent.
    pub fallback: Option<Fallback>,
}

/// Kind of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Judged by level, with times.
    Level,
    /// Fires at once on each occurrence; a repetition raises the episode's count.
    Event,
}

/// Which way is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// At or above the raise level.
    Above,
    /// At or below the raise level.
    Below,
}

/// A level: per cent of the total (in permille), absolute in the quantity's unit, or both: then both must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Permille of the total.
    pub permille: Option<u16>,
    /// In the unit of the quantity.
    pub absolute: Option<u64>,
}

/// How the values of a window become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregate {
    /// The last value; the window has no length.
    Last,
    /// The mean of the values.
    Mean,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
}

/// A window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// How values become one.
    pub aggregate: Aggregate,
    /// Length in milliseconds; 0 with `Last`.
    pub length_ms: u32,
}

/// The gate of a rule. A gate whose quantity is absent does not hold, but for `Absent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Number of the quantity; its last value is looked at.
    pub quantity: u8,
    /// What must hold.
    pub test: GateTest,
    /// The level; empty with `Absent`.
    pub level: Level,
}

/// What a gate asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GateTest {
    /// At or above the level.
    Above,
    /// Below the level.
    Below,
    /// The kernel does not give the quantity.
    Absent,
}

/// What stands in while the rule's quantity is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// Number of the quantity.
    pub quantity: u8,
    /// Raise level.
    pub raise: Level,
    /// Clear level.
    pub clear: Level,
}

impl Rule {
    /// The quantity.
    #[must_use]
    pub fn quantity(&self) -> Option<Quantity> {
        Quantity::from_number(self.quantity)
    }

    /// All of it but the subject.
    #[must_use]
    pub fn definition(&self) -> Definition {
        Definition {
            code: self.code,
            enabled: self.enabled,
            kind: self.kind,
            quantity: self.quantity,
            window: self.window,
            direction: self.direction,
            raise: self.raise,
            clear: self.clear,
            raise_after_ms: self.raise_after_ms,
            clear_after_ms: self.clear_after_ms,
            gate: self.gate,
            fallback: self.fallback,
        }
    }
}

/// What rules that differ in nothing but their subject have in common: a set keeps it once. The fields are those of [`Rule`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// [`Rule::code`].
    pub code: u16,
    /// [`Rule::enabled`].
    pub enabled: bool,
    /// [`Rule::kind`].
    pub kind: Kind,
    /// [`Rule::quantity`].
    pub quantity: u8,
    /// [`Rule::window`].
    pub window: Window,
    /// [`Rule::direction`].
    pub direction: Direction,
    /// [`Rule::raise`].
    pub raise: Level,
    /// [`Rule::clear`].
    pub clear: Level,
    /// [`Rule::raise_after_ms`].
    pub raise_after_ms: u32,
    /// [`Rule::clear_after_ms`].
    pub clear_after_ms: u32,
    /// [`Rule::gate`].
    pub gate: Option<Gate>,
    /// [`Rule::fallback`].
    pub fallback: Option<Fallback>,
}

impl Definition {
    /// The quantity.
    #[must_use]
    pub fn quantity(&self) -> Option<Quantity> {
        Quantity::from_number(self.quantity)
    }
}

/// A rule as a set keeps it: what it judges, and about what. What is in its definition can be read as of a [`Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRef<'a> {
    /// What it judges.
    pub definition: &'a Definition,
    /// [`Rule::subject`].
    pub subject: &'a Subject,
}

impl RuleRef<'_> {
    /// The same as a value of its own.
    #[must_use]
    pub fn to_rule(&self) -> Rule {
        let Definition {
            code,
            enabled,
            kind,
            quantity,
            window,
            direction,
            raise,
            clear,
            raise_after_ms,
            clear_after_ms,
            gate,
            fallback,
        } = *self.definition;
        Rule {
            code,
            subject: self.subject.clone(),
            enabled,
            kind,
            quantity,
            window,
            direction,
            raise,
            clear,
            raise_after_ms,
            clear_after_ms,
            gate,
            fallback,
        }
    }
}

impl core::ops::Deref for RuleRef<'_> {
    type Target = Definition;

    fn deref(&self) -> &Definition {
        self.definition
    }
}
