//! A collector and an agent at work on this machine over TLS, with the processes that they are.

use crate::process::{Failure, io_at};
use crate::site::{Agent, Plan, Programs, Site};
use std::fs;
use std::time::Duration;

/// Name and bytes of the agent's programs.
///
/// # Errors
/// One is not there.
pub(super) fn sizes(programs: &Programs) -> Result<Vec<(String, u64)>, Failure> {
    ["hansho", "hanshod"]
        .into_iter()
        .map(|name| {
            let path = programs.of_agent(name);
            let place = path.display().to_string();
            let bytes = fs::metadata(path).map_err(io_at(place))?.len();
            Ok((name.to_owned(), bytes))
        })
        .collect()
}

/// Starts both, the agent with the default intervals but for how often it posts.
///
/// # Errors
/// Something could not be made or started.
pub(super) fn start(programs: Programs, post: Duration) -> Result<Site, Failure> {
    let plan = Plan {
        tls: true,
        ..Plan::default()
    };
    let mut site = Site::start_collector(programs, &plan)?;
    site.start_agent(&Agent {
        forward: &format!("post_interval = \"{}s\"", post.as_secs()),
        ..Agent::default()
    })?;
    Ok(site)
}

/// The processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pids {
    pub(super) keeper: u32,
    pub(super) watcher: u32,
    pub(super) forwarder: u32,
    pub(super) collector: u32,
}

/// The processes of now.
///
/// # Errors
/// One does not run.
pub(super) fn processes(site: &Site) -> Result<Pids, Failure> {
    let (Some(keeper), Some(collector)) = (site.agent_id(), site.collector_id()) else {
        return Err(Failure::Check("agent and collector do not run".to_owned()));
    };
    let children = children_of(keeper)?;
    let find = |mode: &str| {
        children
            .iter()
            .find(|(_, words)| words.get(1).is_some_and(|word| word == mode))
            .map(|(pid, _)| *pid)
            .ok_or_else(|| site.told(&format!("no `{mode}` process runs"), "agent.log"))
    };
    Ok(Pids {
        keeper,
        watcher: find("watch")?,
        forwarder: find("forward")?,
        collector,
    })
}

/// Children of a process with the words of their command lines.
fn children_of(parent: u32) -> Result<Vec<(u32, Vec<String>)>, Failure> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").map_err(io_at("/proc"))? {
        let path = entry.map_err(io_at("/proc"))?.path();
        let pid = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        let Some(pid) = pid else { continue };
        // A process that ended meanwhile is nobody's child.
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        if parent_of(&stat) != Some(parent) {
            continue;
        }
        let line = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        children.push((
            pid,
            line.split_terminator('\0').map(str::to_owned).collect(),
        ));
    }
    Ok(children)
}

/// The fourth field of /proc/PID/stat; the second may hold spaces and parentheses (proc_pid_stat(5)).
fn parent_of(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_parent_is_found_behind_an_odd_name() {
        assert_eq!(parent_of("12 (a) b) S 7 12 12"), Some(7));
        assert_eq!(parent_of("nonsense"), None);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let children = children_of(std::process::id()).unwrap();
        let found = children.iter().find(|(pid, _)| *pid == child.id()).cloned();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.is_some());
    }
}
