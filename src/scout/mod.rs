//! What may hang, or takes long, and is therefore not the watcher's: today the table of processes.
//!
//! [`Scanner`] walks `/proc` by steps of a fixed budget and reads into fixed buffers; [`Table`] decides, on plain values
//! with the time given, who has one of its seats; [`Suspects`] are the tops of it; [`image`] is the table as
//! bytes that another process may read while they change, and need not trust. [`KernelLog`] is read for whom the kernel kills for memory;
//! [`ScoutNews`] are the messages to the watcher.

pub mod files;
pub mod image;
pub mod kernel_log;
pub mod news;
pub mod process;
pub mod scanner;
pub mod suspects;
pub mod table;
pub mod users;

pub use kernel_log::KernelLog;
pub use news::ScoutNews;
pub use process::{Growth, Identity, Process, Text};
pub use scanner::{Coverage, Scanner};
pub use suspects::{LISTED, Listed, Suspect, Suspects};
pub use table::{Admission, Look, Particulars, Table};
pub use users::{UserName, Users};
