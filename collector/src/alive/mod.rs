//! Who watches the collector: what makes progress ([`progress`]), asked for where nothing happens by itself
//! ([`probe`], by its own [`door`]); the dead man's
//! [`signal`]; the daily mail and what is forgotten ([`daily`], [`forget`]), by one thread ([`upkeep`]); another collector's answers
//! ([`peer`]); and what the service manager is told ([`systemd`]).

pub mod daily;
pub mod door;
pub mod forget;
pub mod inspect;
pub mod peer;
pub mod probe;
pub mod progress;
pub mod signal;
pub mod systemd;
pub mod upkeep;

pub use progress::{Marks, Part, Progress};
