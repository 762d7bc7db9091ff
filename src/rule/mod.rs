//! Rules: inactive → pending → firing → resolved, on readings as recorded.
//!
//! [`quantity`] names what can be judged, [`definition`] is a rule as plain values, [`window`] the means, minima and
//! maxima in fixed memory, [`state`] the state machine of one rule, [`set`] all rules of an agent.

pub mod definition;
pub mod quantity;
pub mod set;
pub mod state;
pub mod window;

pub use definition::{
    Aggregate, Direction, Fallback, Gate, GateTest, Kind, Level, Rule, Subject, Window,
};
pub use quantity::{Quantity, Unit, Value};
// pub use set::{RuleSet, Values};
pub use state::{Phase, Reason, Transition, TransitionKind};
