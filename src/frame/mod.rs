//! The bytes on the wire and in the rings (docs/FRAME.md has every one of them).
//!
//! [`kind`] streams, kinds and identities; [`cursor`] bounded reading and writing; [`body`] the postcard bodies, frozen
//! once released; [`packed`] readings as base and deltas; [`batch`] and [`answer`] what travels; [`seal`] keys and
//! message authentication.

pub mod answer;
pub mod batch;
pub mod body;
pub mod cursor;
pub mod evidence;
pub mod kind;
pub mod packed;
pub mod seal;

pub use body::Body;
pub use cursor::{Cut, Full};
pub use kind::{AgentId, BootId, Kind, RunId, Stream};
