//! What a running collector works with, and how it takes over another configuration.

use super::Directory;
use crate::config::{Changes, Config, Mail, Notify, Presence, changes};
use crate::zone::Zone;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// All of a configuration that may change while the collector runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Who owns what, who is told, what was agreed.
    pub directory: Directory,
    /// The mail server.
    pub mail: Option<Mail>,
    /// When absence is told.
    pub presence: Presence,
    /// When and how often alerts are told.
    pub notify: Notify,
}

impl Live {
    /// Of a configuration; `zone` is that of the pages.
    #[must_use]
    pub fn new(config: &Config, zone: Zone) -> Self {
        Self {
            directory: Directory::new(config, zone),
            mail: config.mail.clone(),
            presence: config.presence,
            notify: config.notify.clone(),
        }
    }
}

/// The configuration in force. Whoever works with it takes it once for one piece of work, so that the piece sees one
/// configuration only.
#[derive(Debug)]
pub struct Current {
    zone: Zone,
    running: Mutex<Config>,
    live: RwLock<Arc<Live>>,
}

impl Current {
    /// Of the configuration that the collector starts with; `zone` is that of the pages, and stays.
    #[must_use]
    pub fn new(config: &Config, zone: Zone) -> Self {
        Self {
            live: RwLock::new(Arc::new(Live::new(config, zone.clone()))),
            running: Mutex::new(config.clone()),
            zone,
        }
    }

    /// As it is now.
    #[must_use]
    pub fn get(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over what may change, and says what did and what waits for a restart.
    pub fn take(&self, new: &Config) -> Changes {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = changes(&running, new);
        running.tables = new.tables.clone();
        running.mail = new.mail.clone();
        running.presence = new.presence;
        running.notify = new.notify.clone();
        let live = Arc::new(Live::new(&running, self.zone.clone()));
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
        changed
    }
}
