//! A store that turned out to be damaged while it is used: what was found first, and who waits for it.

use std::sync::OnceLock;
use tokio::sync::Notify;

/// Whether the main file is damaged. A day file is not meant: that is set aside and costs the raw frames of a day.
#[derive(Debug, Default)]
pub struct Damage {
    said: OnceLock<String>,
    found: Notify,
}

impl Damage {
    /// Notes what SQLite said; the first is told.
    pub fn note(&self, said: &str) {
        if self.said.set(said.to_owned()).is_ok() {
            log::error!(
                "the store is damaged: {said}; nothing more is written to it, agents keep what they hold, serve ends"
            );
            self.found.notify_one();
        }
    }

    /// What SQLite said, where it is damaged.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        self.said.get().map(String::as_str)
    }

    /// Waits until it is; one may wait.
    pub async fn found(&self) {
        self.found.notified().await;
    }
}
