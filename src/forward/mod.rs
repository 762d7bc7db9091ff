//! Forwarding: what to send next, when to try again, and the only network I/O of the agent.
//!
//! [`pace`], [`cursors`], [`gaps`] and [`urls`] decide and do no I/O; [`batcher`] takes frames from the rings into
//! batches; [`client`] posts, through the [`connector`] (TLS) and the [`resolver`] (names) of ours; [`trust`] says which
//! date a certificate is checked against; [`news`] is what the watcher is told; [`forwarder`] is the loop. [`planted`]
//! holds a bug on purpose, for the kill test. Waits, log lines and bounds: docs/FORWARD.md.

pub mod batcher;
pub mod certificate;
pub mod client;
pub mod connector;
pub mod cursors;
pub mod forwarder;
pub mod gaps;
pub mod news;
pub mod pace;
pub mod planted;
pub mod progress;
pub mod proxy;
pub mod resolver;
pub mod telling;
pub mod trust;
pub mod urls;
