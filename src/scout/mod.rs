//! What may hang, or takes long, and is therefore not the watcher's: the table of processes, the sizes of directories, file
//! systems, services.
//!
//! [`Scanner`] walks `/proc` by steps of a fixed budget and reads into fixed buffers; [`Table`] decides, on plain values
//! with the time given, who has one of its seats; [`Suspects`] are the tops of it; [`image`] is the table as
//! bytes that another process may read while they change, and need not trust. [`KernelLog`] is read for whom the kernel kills for memory;
//! [`ScoutNews`] are the messages to the watcher.
//!
//! [`directory::Walk`] and [`filesystem::Watched`] may wait for a dead mount for ever. [`probe::Probes`] looks at them by a few threads,
//! and [`schedule::Schedule`] decides which, so that such a mount holds one of these, and says since when. [`service::Service`] reads
//! the kernel's own files and is called as it is; [`mounts::Mounts`] too.

pub mod directory;
mod entry;
pub mod files;
pub mod filesystem;
pub mod groups;
pub mod image;
pub mod kernel_log;
mod links;
pub mod missing;
pub mod mounts;
pub mod named;
pub mod news;
pub mod probe;
pub mod process;
pub mod scanner;
pub mod schedule;
pub mod service;
pub mod suspects;
pub mod table;
pub mod users;

pub use kernel_log::KernelLog;
pub use missing::Missing;
pub use news::ScoutNews;
pub use process::{Growth, Identity, Process, Text};
pub use scanner::{Coverage, Scanner};
pub use suspects::{LISTED, Listed, Suspect, Suspects};
pub use table::{Admission, Look, Particulars, Table};
pub use users::{UserName, Users};
