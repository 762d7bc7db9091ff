//! Who is told what: decisions on what happened to alerts, and the outbox.
//!
//! [`step`] is one transaction of decisions: [`decide`] on events, [`look`] on what is due, [`lists`] on digests and summaries;
//! [`thread`] says which alerts belong together, [`tell`] fills the [`outbox`]. [`context`] is what they are told beside rows.
//! [`notice`] is what a message says, as plain values; [`render`] writes it. docs/NOTIFY.md has the rules and the crash cases.

pub mod context;
pub mod decide;
pub mod example;
pub mod handled;
pub mod lists;
pub mod look;
pub mod notice;
pub mod outbox;
pub mod render;
pub mod step;
pub mod tell;
pub mod thread;

pub use context::{About, Context, Directory, Handled, Hush, Policy, Receiver, Routing, Taken};
pub use step::{Stepped, has_work, step};
