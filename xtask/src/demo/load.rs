//! The load, and the time from the rule's moment to the page.

use super::levels::{AFTER_MS, Levels};
use crate::process::Failure;
use crate::site::{Running, Site, kill_group};
use hansho::clock::Uptime;
use rustix::time::{ClockId, clock_gettime};
use std::process::{Command, Stdio};

/// The alert that is waited for.
const CODE: u16 = 1002;
/// How the first page shows it while it fires: the link to its own page.
const ON_PAGE: &str = ">HNS1002-E</a>";
/// An alert is on the page within this time of its rule's moment.
const WITHIN_MS: u64 = 2_000;

/// The load, from its start to the alert on the page.
#[derive(Debug)]
pub(super) struct Load {
    shell: Running,
    seen_after_ms: Option<u64>,
}

impl Load {
    /// Starts the command that the demo names.
    ///
    /// # Errors
    /// There is no shell.
    pub(super) fn start(site: &Site, levels: &Levels) -> Result<Self, Failure> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &levels.load_command()])
            .stdout(Stdio::null());
        let shell = Running::start("the load", &mut shell, &site.file("load.log"))?;
        Ok(Self {
            shell,
            seen_after_ms: None,
        })
    }

    /// Looks for the alert on the page until it is there; then tells how long after its rule's moment that is, by the
    /// frame that the agent wrote and by our own clock.
    ///
    /// # Errors
    /// The page does not come, or shows an alert that the agent never wrote.
    pub(super) fn look(&mut self, site: &Site) -> Result<Option<u64>, Failure> {
        if self.seen_after_ms.is_some() || !site.page("/?lang=en")?.contains(ON_PAGE) {
            return Ok(None);
        }
        let seen = uptime();
        let written = site.written()?;
        let since = written.firings.iter().find(|(code, _)| *code == CODE);
        let Some((_, since)) = since else {
            return Err(Failure::Check(format!(
                "the page shows {CODE}, but the agent's rings do not have it"
            )));
        };
        let after_ms = seen.since(since.plus(AFTER_MS));
        self.seen_after_ms = Some(after_ms);
        Ok(Some(after_ms))
    }

    /// What was measured.
    ///
    /// # Errors
    /// The alert never came, or too late.
    pub(super) fn result(&self) -> Result<u64, Failure> {
        match self.seen_after_ms {
            Some(after_ms) if after_ms <= WITHIN_MS => Ok(after_ms),
            Some(after_ms) => Err(Failure::Check(format!(
                "the alert was on the page {after_ms} ms after its rule's time, and not within {WITHIN_MS} ms"
            ))),
            None => Err(Failure::Check(format!(
                "{CODE} never came onto the page: the demo was too short, or the load too small"
            ))),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        kill_group(&self.shell);
    }
}

/// CLOCK_BOOTTIME, which the agent's uptime is.
fn uptime() -> Uptime {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let millis = u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000;
    Uptime::from_millis(seconds.saturating_mul(1000).saturating_add(millis))
}
