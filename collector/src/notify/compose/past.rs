//! What stood around an alert: announced windows, boots, changes of the configuration.

use super::super::decide::later;
use super::super::handled::place;
use super::{Desk, Subject};
use crate::clock::DAY_MS;
use crate::store::{Occurrence, Past, PastKind, StoreError, StoredAlert, Window, WindowKind};
use crate::zone::{Local, Zone};
use hansho::clock::WallTime;
use hansho::code::Language;

/// Moments of boots and of changes of the configuration, where they are known.
type Changes = (Option<Vec<WallTime>>, Option<Vec<WallTime>>);

impl Desk<'_> {
    /// Boots and changes of the configuration since a moment; `None` where the agent never told of a boot.
    pub(super) fn changes(
        &self,
        alert: &StoredAlert,
        since: WallTime,
    ) -> Result<Changes, StoreError> {
        let mut past = Vec::new();
        self.store.view(&mut |rows| {
            past = rows.past(alert.agent, WallTime::default())?;
            Ok(())
        })?;
        if past.is_empty() {
            return Ok((None, None));
        }
        past.retain(|past| past.at >= since);
        let (boots, changes): (Vec<Past>, Vec<Past>) = past
            .into_iter()
            .partition(|past| matches!(past.what, PastKind::Boot(_)));
        let moments = |past: Vec<Past>| Some(past.into_iter().map(|past| past.at).collect());
        Ok((moments(boots), moments(changes)))
    }

    /// The windows that held at some time from its beginning to the message, or begin within a day, with their times.
    pub(super) fn windows(
        &self,
        subject: &Subject,
        (began, at): (WallTime, WallTime),
        language: Language,
    ) -> Result<Vec<String>, StoreError> {
        let mut titles = Vec::new();
        let zone = self.zone(subject.about.customer());
        self.store.view(&mut |rows| {
            let windows = rows.windows(began.min(at))?;
            let place = place(&subject.about);
            for kind in [WindowKind::Event, WindowKind::Maintenance] {
                let fit = |window: &&Window| window.kind == kind && window.scope.fits(&place);
                for window in windows.iter().filter(fit) {
                    let mut shown = None;
                    for moment in [began, at] {
                        let near = window
                            .next_occurrence(moment)
                            .filter(|one| one.from <= later(at, DAY_MS) && Some(*one) != shown);
                        if let Some(occurrence) = near {
                            titles.push(title(language, &zone, window, occurrence));
                            shown = Some(occurrence);
                        }
                    }
                }
            }
            Ok(())
        })?;
        Ok(titles)
    }
}

/// `冬の大感謝祭(11-24 00:00〜11-25 00:00)`.
fn title(language: Language, zone: &Zone, window: &Window, occurrence: Occurrence) -> String {
    let moment = |moment| {
        let Local {
            date, hour, minute, ..
        } = zone.local(moment);
        format!("{:02}-{:02} {hour:02}:{minute:02}", date.month, date.day)
    };
    let (from, until) = (moment(occurrence.from), moment(occurrence.until));
    match (language, window.kind) {
        (Language::Ja, WindowKind::Maintenance) => {
            format!("{}(作業、{from}〜{until})", window.texts.ja())
        }
        (Language::Ja, _) => format!("{}({from}〜{until})", window.texts.ja()),
        (Language::En, WindowKind::Maintenance) => {
            format!("{} (maintenance, {from} to {until})", window.texts.en())
        }
        (Language::En, _) => format!("{} ({from} to {until})", window.texts.en()),
    }
}
