//! hansho: the watchdog that goes on while the host burns.
//!
//! The map. Data flows to the right, and a room imports only what stands left of it:
//!
//! `sample → rule → code → frame → spool → forward`
//!
//! All may import [`limit`] and [`clock`]; [`machine`] imports `sample` to `spool`; `config` imports `sample`,
//! `rule`, `code`; only the programs, `keeper` and `scout` import anything. `tests/house.rs` holds this.
//!
//! Without the feature `std` the library neither allocates nor needs an operating system: agent, collector
//! and firmware share it.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(not(feature = "std"), forbid(unsafe_code))]

pub mod clock;
pub mod code;
#[cfg(feature = "std")]
pub mod config;
#[cfg(feature = "std")]
pub mod forward;
pub mod frame;
#[cfg(feature = "std")]
pub mod keeper;
pub mod limit;
pub mod machine;
pub mod rule;
pub mod sample;
#[cfg(feature = "std")]
pub mod scout;
pub mod spool;
#[cfg(feature = "std")]
pub mod sys;
