//! What may hang, or takes long, and is therefore not the watcher's: today the table of processes.
//!
//! [`Scanner`] walks `/proc` by steps of a fixed budget and reads into fixed buffers; [`Table`] decides, on plain values
//! with the time given, who has one of its seats; [`Suspects`] are the tops of it; [`image`] is the table as
//! bytes that another process may read while they change, and need not trust.

pub mod directory;
mod entry;
pub mod files;
pub mod filesystem;
pub mod image;
mod links;
pub mod missing;
pub mod mounts;
pub mod probe;
pub mod process;
pub mod scanner;
pub mod schedule;
pub mod suspects;
pub mod table;

pub use missing::Missing;
pub use process::{Growth, Identity, Process, Text};
pub use scanner::{Coverage, Scanner};
pub use suspects::{Suspect, Suspects};
pub use table::{Admission, Look, Particulars, Table};
