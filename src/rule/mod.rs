//! Rules: inactive → pending → firing → resolved, on readings as recorded.
//!
//! [`quantity`] names what can be judged, [`definition`] is a rule as plain values, [`window`] the means, minima and
//! maxima in fixed memory, [`state`] the state machine of one rule, [`set`] all rules of an agent, [`checkpoint`] their
//! state as bytes.

pub mod checkpoint;
pub mod definition;
pub mod growth;
mod level;
mod plan;
pub mod quantity;
pub mod set;
pub mod state;
pub mod window;

pub use checkpoint::CheckpointFault;
pub use definition::{
    Aggregate, Definition, Direction, Fallback, Gate, GateTest, Kind, Level, Rule, RuleRef,
    Subject, Window,
};
pub use quantity::{Quantity, Unit, Value, Watched};
pub use set::{Intervals, OpenAlert, RulePhase, RuleSet, RuleSetFault, Values};
pub use state::{Phase, Reason, RecordedTransition, Transition, TransitionKind};
