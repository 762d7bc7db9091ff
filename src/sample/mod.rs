//! What is read. Three shapes, from the kernel's files to what the rules see:
//!
//! [`Snapshot`] (cumulative values as the kernel gives them) → [`Sample`] (levels and permille over the interval
//! to the previous snapshot; one JSON line of `hansho sample`) → [`Reading`] (quantised; what is recorded, sent
//! and judged).
//!
//! Every value may be absent: a reading that could not be taken is not zero.
//!
//! The parsers are pure and work on whatever bytes they get: right or absent, never a panic. One file a subject.
//! Only the readers (`procfs`, `sysinfo_reader`, `inventory`) and `json` need the feature `std`.

pub mod arcstats;
pub mod cgroup;
pub mod interval;
pub mod kernel_log;
pub mod loadavg;
pub mod meminfo;
pub mod mountinfo;
pub mod pressure;
pub mod process;
pub mod process_group;
pub mod quantiser;
pub mod reading;
pub mod service_group;
pub mod snapshot;
pub mod source;
pub mod stat;
pub mod summary;
pub mod taken;
mod text;
pub mod vmstat;
pub mod zoneinfo;

#[cfg(feature = "std")]
pub mod inventory;
#[cfg(feature = "std")]
pub mod json;
#[cfg(feature = "std")]
pub mod procfs;
#[cfg(feature = "std")]
pub mod sysinfo_reader;

#[cfg(feature = "std")]
pub use json::{JsonFault, from_json, to_json};
#[cfg(feature = "std")]
pub use procfs::{OpenFault, ProcReader};
pub use quantiser::Quantiser;
pub use reading::{Field, Reading};
pub use snapshot::{Counters, CpuTimes, Memory, PressureTotals, Scope, Snapshot};
pub use source::{Reader, Source};
pub use summary::Summary;
#[cfg(feature = "std")]
pub use sysinfo_reader::SysinfoReader;
pub use taken::{Cpu, Pressure, Sample};
