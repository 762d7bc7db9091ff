//! Scenarios that need a machine of our own: Debian's kernel under QEMU, the static agent in it, a real collector on this
//! host. `cargo xtask guest` brings what they need and plays them; they are not among the others (Cargo.toml).
//!
//! Each ends by itself, checks what the collector has in the end, and writes down what was seen.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::let_underscore_must_use,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test that fails may panic"
)]

#[path = "../process_support/authority.rs"]
mod authority;
#[path = "../../collector/tests/mail_common/mod.rs"]
mod mail_common;

mod boots;
mod copies;
mod machine;
mod memory;
mod site;

macro_rules! scenario {
    ($name:ident, $play:path) => {
        #[test]
        fn $name() {
            $play();
        }
    };
}

scenario!(reboot, boots::reboot);
scenario!(silent, boots::silent);
scenario!(clock, boots::clock);
scenario!(rollback, copies::rollback);
scenario!(clone, copies::clone);
scenario!(twin, copies::twin);
scenario!(oom, memory::oom);
