//! What people did about alerts, from the rows of acknowledgements, silences and windows.

use super::context::{About, Handled, Hush, Taken};
use crate::handling::link;
use crate::handling::silence::silenced;
use crate::store::rows::AllRows;
use crate::store::{Facts, Place, Reason, Silence, StoreError, StoredAlert, Window, WindowKind};
use hansho::clock::WallTime;
use std::sync::OnceLock;

/// As stored. Made anew for each step: silences and windows are read once, not for each of its events.
#[derive(Debug, Default)]
pub struct StoredHandling {
    quiet: OnceLock<(Vec<Silence>, Vec<Window>)>,
}

impl StoredHandling {
    fn quiet(
        &self,
        rows: &mut dyn AllRows,
        now: WallTime,
    ) -> Result<&(Vec<Silence>, Vec<Window>), StoreError> {
        if let Some(quiet) = self.quiet.get() {
            return Ok(quiet);
        }
        let quiet = (rows.silences(now)?, rows.windows(now)?);
        Ok(self.quiet.get_or_init(|| quiet))
    }
}

/// The place of an alert, as silences and windows name places.
#[must_use]
pub fn place(about: &About) -> Place<'_> {
    let system = about.system();
    let site = if about.agent.is_none() {
        about.alert.of_site().map_or("", |(_, site)| site)
    } else {
        about.site.as_deref().unwrap_or("")
    };
    Place {
        customer: about.customer(),
        system,
        site,
        agent: about.agent.as_ref().map_or("", |agent| &agent.name),
    }
}

/// The windows of a kind that hold for an alert at a moment, with their ends.
pub fn windows_at<'w>(
    windows: &'w [Window],
    kind: WindowKind,
    about: &About,
    now: WallTime,
) -> impl Iterator<Item = (&'w Window, WallTime)> {
    windows
        .iter()
        .filter(move |window| window.kind == kind && window.scope.fits(&place(about)))
        .filter_map(move |window| Some((window, window.at(now)?.until)))
}

impl Handled for StoredHandling {
    fn taken(
        &self,
        rows: &mut dyn AllRows,
        alert: &StoredAlert,
    ) -> Result<Option<Taken>, StoreError> {
        Ok(rows.acknowledgement(alert.id)?.map(|held| Taken {
            receiver: link::receiver_of(&held).to_owned(),
            by: held.by,
            at: held.at,
            note: Some(held.text).filter(|text| !text.is_empty()),
            recovery_expected: held.expected_recovery,
            next_report: held.next_report,
        }))
    }

    fn hushed(
        &self,
        rows: &mut dyn AllRows,
        about: &About,
        now: WallTime,
    ) -> Result<Option<Hush>, StoreError> {
        let facts = Facts {
            place: place(about),
            code: about.alert.identity.code,
            subject: &about.alert.identity.subject,
        };
        let (silences, windows) = self.quiet(rows, now)?;
        if let Some(silence) = silenced(silences, &facts, now) {
            return Ok(Some(Hush {
                reason: Reason::Silenced {
                    silence: silence.id,
                },
                until: Some(silence.end()),
            }));
        }
        let held = windows_at(windows, WindowKind::Maintenance, about, now)
            .max_by_key(|(window, until)| (*until, core::cmp::Reverse(window.id)));
        Ok(held.map(|(window, until)| Hush {
            reason: Reason::InWindow { window: window.id },
            until: Some(until),
        }))
    }
}
