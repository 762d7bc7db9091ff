//! The page of one alert.

use super::Site;
use super::codes;
use super::frame::{self, View};
use super::life;
use super::names;
use super::reason::Ending;
use super::values;
use crate::people::Scope;
use crate::store::{AlertId, StoreError};
use hansho::rule::Quantity;
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
    // What another customer's is does not exist for this viewer; nor does what belongs to no customer, but for those who see all.
    let sees = owner.map_or(view.viewer().scope == Scope::All, |owner| {
        view.viewer().sees(&owner.customer)
    });
    if !sees {
        return Ok(None);
    }
    let silent = match owner {
        Some(owner) => life::of(site, owner, view.now)?.silent,
        None => None,
    };
    let ending = Ending::of(&alert);
    let words = view.words;
    let code = alert.identity.code;
    let content = html! {
        section class=(frame::class(view, &alert, silent)) {
            (frame::headline(view, &alert, owner, silent))
            @if let Some(note) = ending.and_then(|ending| ending.note(words)) { p { (note) } }
            dl {
                dt { (words.since) } dd { (values::dated(view, alert.occurred)) }
                dt { (words.detected) } dd { (values::dated(view, alert.detected)) }
                dt { (words.notified) } dd { (words.nobody_notified) }
                @if ending.is_some_and(Ending::resolved) {
                    dt { (words.recovered) } dd { (values::dated(view, alert.recovered)) }
                    dt { (words.resolved_at) } dd { (values::dated(view, alert.resolved)) }
                } @else if ending.is_some() {
                    dt { (words.ended) } dd { (values::dated(view, alert.resolved)) }
                }
                dt { (words.stored) } dd { (view.time(alert.stored)) }
                @if let Some(quantity) = Quantity::from_number(alert.quantity) {
                    dt { (words.quantity) }
                    dd { (names::quantity(quantity, words.language)) " " code { (quantity.name()) } }
                }
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
