//! What is read. Three shapes, from the kernel's files to what the rules see:
//!
//! [`Snapshot`] (cumulative values as the kernel gives them) → [`Sample`] (levels and permille over the interval
//! to the previous snapshot; one JSON line of `hansho sample`) → [`Reading`] (quantised; what is recorded, sent
//! and judged).
//!
//! Every value may be absent: a reading that could not be taken is not zero.

pub mod reading;
pub mod snapshot;
pub mod taken;

pub use reading::{Field, Reading};
pub use snapshot::{Counters, CpuTimes, Memory, PressureTotals, Scope, Snapshot};
pub use taken::{Cpu, Pressure, Sample};
