//! That a host is back, and why.

use super::super::notice::{Back, BackCause, Records};
use super::super::render::boot_words;
use crate::store::{self, AlertCause, BootReason, SilenceCause, StoredAlert};
use hansho::clock::WallTime;
use hansho::code::Language;

/// From the 9001 that ended, and what is stored of why.
pub(super) fn back(
    (silence, now): (&StoredAlert, WallTime),
    cause: &AlertCause,
    language: Language,
) -> Back {
    Back {
        silent_since: cause
            .seen
            .or(silence.occurred.map(|occurred| occurred.wall)),
        back_at: silence.recovered.map_or(now, |recovered| recovered.wall),
        cause: match cause.back {
            Some(store::BackCause::NetworkOnly) => BackCause::NetworkOnly,
            Some(store::BackCause::AgentRestarted) => BackCause::AgentRestarted,
            Some(store::BackCause::OtherMachine) => BackCause::OtherMachine,
            Some(store::BackCause::Rebooted) => BackCause::Rebooted {
                reason: reason(cause, language),
                planned: cause.planned_until.is_some(),
            },
            Some(store::BackCause::Unknown) | None => BackCause::Unknown,
        },
        records: Records::Arriving,
    }
}

/// What is known of why the host went down: the words of whoever announced it, else what the host says.
fn reason(cause: &AlertCause, language: Language) -> Option<String> {
    if cause.planned_until.is_some() && !cause.text.is_empty() {
        return Some(cause.text.clone());
    }
    let stopped = cause.silence == Some(SilenceCause::StoppedInOrder);
    let said = cause.boot.filter(|boot| *boot != BootReason::Unknown);
    let boot = said.or(stopped.then_some(BootReason::Ordered))?;
    boot_words(language, boot).map(str::to_owned)
}
