//! SIGHUP: the configuration is read again while the collector runs.

use super::mail;
use crate::clock;
use crate::config;
use crate::directory::Current;
use crate::ingest::tls::Certificates;
use std::path::Path;

/// Reads the configuration again; where it is refused, the one in force stays. It is small and read seldom, so that the
/// runtime may wait for it. The listener's certificate is read again whatever becomes of the rest: whoever renews certificates knows
/// nothing of the rest.
pub(super) fn reload(file: &Path, current: &Current, certificates: Option<&Certificates>) {
    match certificates.map(Certificates::renew) {
        Some(Ok(true)) => {
            log::info!("SIGHUP: [ingest] certificate replaced: new connections see the new one");
        }
        Some(Ok(false)) | None => {}
        Some(Err(said)) => {
            log::error!("SIGHUP: [ingest] certificate refused; the one in force stays: {said}");
        }
    }
    let read = config::read(file).and_then(|new| mail::check(&new).map(|()| new));
    let new = match read {
        Ok(new) => new,
        Err(failure) => {
            log::error!("SIGHUP: the configuration is refused; the one in force stays");
            // A line each: the log has no other ends of lines.
            for line in failure.message.lines() {
                log::error!("{line}");
            }
            return;
        }
    };
    let changes = current.take(&new);
    if changes.taken.is_empty() && changes.restart.is_empty() {
        log::info!("SIGHUP: the configuration is the same");
    }
    for changed in &changes.taken {
        log::info!("SIGHUP: {changed}");
    }
    for changed in &changes.restart {
        log::warn!("SIGHUP: {changed} changed, and needs a restart");
    }
    warn(current);
}

/// Logs what should not stay as it is.
pub(super) fn warn(current: &Current) {
    for warning in current.get().directory.warnings(clock::now()) {
        log::warn!("{warning}");
    }
}
