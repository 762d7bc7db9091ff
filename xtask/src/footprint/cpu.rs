//! CPU time of processes: `/proc/PID/task/*/schedstat`, the first number of each thread, nanoseconds on a processor
//! (Documentation/scheduler/sched-stats.rst). `stat` counts in ticks of 10 ms, too coarse for an agent.

use crate::process::{Failure, io_at};
use std::fs;

/// Nanoseconds that all threads of each process have run so far; threads that have ended are not in it.
///
/// # Errors
/// A process is gone, or the kernel has no schedstat.
pub(super) fn nanoseconds(pids: &[u32]) -> Result<Vec<u64>, Failure> {
    pids.iter().map(|pid| of_process(*pid)).collect()
}

fn of_process(pid: u32) -> Result<u64, Failure> {
    let folder = format!("/proc/{pid}/task");
    let mut sum = 0_u64;
    for thread in fs::read_dir(&folder).map_err(io_at(folder.clone()))? {
        let file = thread
            .map_err(io_at(folder.clone()))?
            .path()
            .join("schedstat");
        match fs::read_to_string(&file) {
            Ok(text) => sum = sum.saturating_add(running(&text).ok_or_else(|| odd(&text))?),
            // A thread that ended since the folder was read.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_at(file.display().to_string())(error)),
        }
    }
    Ok(sum)
}

fn running(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

fn odd(text: &str) -> Failure {
    Failure::Check(format!(
        "schedstat says {text:?}: is CONFIG_SCHED_INFO off?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_time_on_a_processor() {
        assert_eq!(running("123456 789 12\n"), Some(123_456));
        assert_eq!(running(""), None);
    }

    #[test]
    fn work_is_seen() {
        let own = [std::process::id()];
        let before = nanoseconds(&own).unwrap();
        let mut sum = 0_u64;
        for number in 0..5_000_000_u64 {
            sum = std::hint::black_box(sum ^ number);
        }
        assert!(nanoseconds(&own).unwrap() > before);
    }
}
