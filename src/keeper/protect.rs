//! What keeps keeper and watcher alive while the host is out of memory: the score of the out-of-memory killer
//! (proc_pid_oom_score_adj(5)) and locked memory (mlockall(2)). Refused without rights, and then it goes on without.

use crate::sys;
use std::fs;
use std::io;

/// Keeper and watcher: never chosen. They hold a few megabytes that do not grow, and without them nobody tells that the
/// host is out of memory. Lowering needs `CAP_SYS_RESOURCE`, or `OOMScoreAdjust=` of the unit.
const SPARED: &str = "-1000";
/// The forwarder: judged by its size like everybody else; what it has not sent waits in the rings.
const ORDINARY: &str = "0";

/// Spares this process, and what it starts unless [`expose`]d.
///
/// # Errors
/// `EACCES` without the right to lower the score.
pub fn spare() -> io::Result<()> {
    fs::write("/proc/self/oom_score_adj", SPARED)
}

/// Takes the protection that it inherited from a child; one that is worse off already stays so.
///
/// # Errors
/// `ENOENT` where it is gone already.
pub fn expose(child: u32) -> io::Result<()> {
    let path = format!("/proc/{child}/oom_score_adj");
    let inherited: i32 = fs::read_to_string(&path)?.trim().parse().unwrap_or(0);
    if inherited >= 0 {
        return Ok(());
    }
    fs::write(path, ORDINARY)
}

/// Protects the keeper, and says once what is refused.
pub fn protect_keeper() {
    if let Err(error) = spare() {
        log::info!(
            "the out-of-memory killer may choose the agent: {error}; OOMScoreAdjust=-1000 in its unit spares it"
        );
    }
    if let Err(error) = sys::lock_memory() {
        log::info!("the keeper's memory is not locked: {error}");
    }
}
