//! The page of one alert.

use super::Site;
use super::codes;
use super::frame::{self, View};
use super::values;
use crate::clock::utc;
use crate::store::{AlertId, StoreError};
use maud::{Markup, html};

/// Builds it; `None` where there is no such alert.
///
/// # Errors
/// [`StoreError`].
pub fn page(site: &Site, view: &View, id: &str) -> Result<Option<Markup>, StoreError> {
    let Ok(id) = id.parse::<AlertId>() else {
        return Ok(None);
    };
    let Some(alert) = site.store.alert(id)? else {
        return Ok(None);
    };
    let agents = site.store.agents()?;
    let owner = agents.iter().find(|agent| agent.id == alert.agent);
    let words = view.words;
    let code = alert.identity.code;
    let content = html! {
        section class=(frame::class(&alert)) {
            (frame::headline(view, &alert, owner))
            @if !alert.firing { p { (words.recovery_note) } }
            dl {
                dt { (words.since) } dd { (values::dated(words, alert.occurred)) }
                dt { (words.detected) } dd { (values::dated(words, alert.detected)) }
                dt { (words.notified) } dd { (words.nobody_notified) }
                @if !alert.firing {
                    dt { (words.recovered) } dd { (values::dated(words, alert.recovered)) }
                    dt { (words.resolved_at) } dd { (values::dated(words, alert.resolved)) }
                }
                dt { (words.stored) } dd { (utc(alert.stored.as_millis())) }
                dt { (words.quantity) } dd { (values::quantity(alert.quantity)) }
                (frame::judged(words, &alert))
            }
            (frame::concluded(words, &alert))
        }
        (super::code::texts(view, code))
    };
    let title = format!("{} {}", codes::display(code, alert.firing), alert.id);
    let path = format!("/a/{id}");
    Ok(Some(frame::page(view, &title, &path, true, content)))
}
