//! The demo's levels, derived from the memory that this host has and uses now.

use crate::process::{Failure, output};
use serde_json::Value;
use std::process::Command;

/// KiB of a MiB.
const MIB: u64 = 1024;
/// Distance between the demo's levels at most: enough to stand out from what else goes on, quickly filled.
const STEP_MOST_MIB: u64 = 512;
/// And at least: less is the noise of any host.
const STEP_LEAST_MIB: u64 = 24;
/// The distance is this part of what is available, so that the load takes a quarter of that at most.
const STEP_PART: u64 = 16;

/// Times above and below the demo's levels, as agent.toml has them, and in milliseconds.
pub(super) const AFTER: &str = "5s";
pub(super) const AFTER_MS: u64 = 5_000;
/// How long the load holds what it took: longer than the rules' time and two ticks.
pub(super) const HOLD_S: u64 = 12;

/// What the host has now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels {
    /// Memory used (total less available) in MiB.
    pub(super) used_mib: u64,
    /// Memory available in MiB.
    pub(super) available_mib: u64,
    /// Distance between the levels in MiB.
    step_mib: u64,
}

impl Levels {
    /// Asks `hansho sample --json`, so that the demo sees what the agent will see.
    ///
    /// # Errors
    /// It fails, the kernel does not tell, or too little is available to play with.
    pub(super) fn of_this_host(sample: &mut Command) -> Result<Self, Failure> {
        let text = output(sample)?;
        let sample: Option<Value> = serde_json::from_str(&text).ok();
        let kib = |name: &str| sample.as_ref()?.get("memory")?.get(name)?.as_u64();
        let (Some(total), Some(available)) = (kib("total_kib"), kib("available_kib")) else {
            return Err(Failure::Check(
                "this host does not tell how much memory is available".to_owned(),
            ));
        };
        Self::of(total, available)
    }

    fn of(total_kib: u64, available_kib: u64) -> Result<Self, Failure> {
        let available_mib = available_kib / MIB;
        let step_mib = (available_mib / STEP_PART).min(STEP_MOST_MIB);
        if step_mib < STEP_LEAST_MIB {
            return Err(Failure::Check(format!(
                "{available_mib} MiB of memory are available; the demo wants {} MiB so as not to endanger this host",
                STEP_LEAST_MIB.saturating_mul(STEP_PART)
            )));
        }
        Ok(Self {
            used_mib: total_kib.saturating_sub(available_kib) / MIB,
            available_mib,
            step_mib,
        })
    }

    /// Levels at which 1001 and 1002 raise, in MiB used.
    pub(super) fn raise_mib(&self) -> [u64; 2] {
        [1, 2].map(|steps| {
            self.used_mib
                .saturating_add(self.step_mib.saturating_mul(steps))
        })
    }

    /// What the load takes, in MiB: the upper level, and as much again for what others give back meanwhile.
    pub(super) fn load_mib(&self) -> u64 {
        self.step_mib.saturating_mul(4)
    }

    /// The command that puts memory under load. `tail` keeps the last ten lines, and what comes from /dev/zero is a
    /// single line without an end.
    pub(super) fn load_command(&self) -> String {
        format!(
            "(head -c {}m /dev/zero; sleep {HOLD_S}) | tail >/dev/null",
            self.load_mib()
        )
    }

    /// The two rules as agent.toml has them. An alert clears half a step below where it raises.
    pub(super) fn rules(&self) -> String {
        let mut text = String::new();
        for (code, raise_mib) in [1001, 1002].into_iter().zip(self.raise_mib()) {
            let clear_mib = raise_mib.saturating_sub(self.step_mib / 2);
            text.push_str(&format!(
                "\n[[rule]]\ncode = {code}\nraise = \"{raise_mib}MiB\"\nclear = \"{clear_mib}MiB\"\n\
                 raise_after = \"{AFTER}\"\nclear_after = \"{AFTER}\"\ngate = \"none\"\n"
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_crosses_both_levels_and_leaves_most_of_what_is_available() {
        for gib in [1, 2, 4, 24, 512, 4096] {
            let total_kib = gib * MIB * MIB;
            for available_kib in [total_kib / 2, total_kib * 9 / 10, total_kib] {
                let levels = Levels::of(total_kib, available_kib).unwrap();
                let [warning, error] = levels.raise_mib();
                let peak = levels.used_mib + levels.load_mib();
                assert!(levels.used_mib < warning && warning < error && error < peak);
                assert!(levels.load_mib() <= levels.available_mib / 4);
            }
        }
    }

    #[test]
    fn a_host_with_little_memory_is_left_alone() {
        assert_eq!(Levels::of(MIB * MIB, 300 * MIB).unwrap_err().exit_code(), 1);
    }
}
