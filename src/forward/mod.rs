//! Forwarding: what to send next, when to try again, and the only network I/O of the agent.
//!
//! [`pace`] and [`cursors`] decide and do no I/O; [`batcher`] takes frames from the rings into batches; [`client`]
//! posts, through the [`connector`] (TLS) and the [`resolver`] (names) of ours; [`trust`] says which date a certificate
//! is checked against; [`news`] is what the watcher is told; [`forwarder`] is the loop.

pub mod batcher;
pub mod client;
pub mod connector;
pub mod cursors;
pub mod forwarder;
pub mod news;
pub mod pace;
pub mod resolver;
pub mod trust;
