//! The keeper: creates what the workers share, starts them, reaps and restarts them, and alone forks and execs.
//!
//! [`launch`] is what workers are given, [`control`] the local socket, [`restart`] when a worker comes back, [`gauges`]
//! that it still lives and how it goes, [`hung`] whether it hangs, [`output`] where its lines go, [`reload`] what a SIGHUP does, [`kept`] the configuration that was accepted last, [`protect`] what keeps it alive when memory
//! runs out, [`supervise`] the loop.

pub mod control;
pub mod gauges;
pub mod host_stop;
pub mod hung;
pub mod kept;
pub mod launch;
pub mod output;
pub mod protect;
pub mod reload;
pub mod restart;
pub mod supervise;
pub mod wake;
