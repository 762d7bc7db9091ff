//! Who is told what: decisions on what happened to alerts, and the outbox.
//!
//! [`step`] is one transaction of decisions: [`decide`] on events, [`look`] on what is due, [`lists`] on digests and summaries;
//! [`before`] says what people were told before a restore;
//! [`thread`] says which alerts belong together, [`returned`] what tells of a host that is back, [`tell`] fills the [`outbox`]. [`context`] is what they are told beside rows:
//! [`who`] is responsible, who is reached at which [`rank`], what people [`handled`]. What stands open is [`renew`]ed for
//! Alertmanagers; what [`moved`] is another's; after a [`stepped`] clock intervals go on. [`compose`] makes a [`notice`] of a row of the outbox: what a message says, as
//! plain values; [`render`] writes it, or a site's own [`template`] does. [`courier`] takes it to its receiver: [`letter`] makes a mail
//! of it and [`smtp`] hands that over; [`webhook`] and [`alertmanager`] post it by [`http`]. What became of it is an [`outcome`].
//! [`notifier`] is the thread that does all this. docs/NOTIFY.md has the rules and the crash cases.

pub mod alertmanager;
pub mod before;
pub mod compose;
pub mod context;
pub mod courier;
pub mod decide;
pub mod example;
pub mod handled;
pub mod http;
pub mod letter;
pub mod lists;
pub mod look;
pub mod moved;
pub mod notice;
pub mod notifier;
pub mod outbox;
pub mod outcome;
pub mod rank;
pub mod render;
pub mod renew;
pub mod returned;
pub mod smtp;
pub mod step;
pub mod stepped;
pub mod tell;
pub mod template;
pub mod thread;
pub mod trust;
pub mod webhook;
pub mod who;

pub use context::{About, Context, Directory, Handled, Hush, Policy, Receiver, Routing, Taken};
pub use notifier::Notifier;
pub use step::{Stepped, has_work, step};
