//! The keeper: creates what the workers share, starts them, reaps and restarts them, and alone forks and execs.
//!
//! [`launch`] is what workers are given, [`control`] the local socket, [`restart`] when a worker comes back, [`pulse`]
//! whether it still lives, [`output`] where its lines go, [`supervise`] the loop.

pub mod control;
pub mod launch;
pub mod output;
pub mod pulse;
pub mod restart;
pub mod supervise;
