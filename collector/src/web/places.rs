//! Places that people type and choose: `CUSTOMER`, `CUSTOMER/SYSTEM`, `CUSTOMER/SYSTEM/HOST`.

use super::Site;
use super::frame::View;
use crate::limit::PAGE_PLACES;
use crate::store::StoreError;
use maud::{Markup, html};

/// A place as it was typed; whether there is such a one, and for this viewer, the decision says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Customer.
    pub customer: Option<String>,
    /// System.
    pub system: Option<String>,
    /// Name of the agent.
    pub agent: Option<String>,
}

/// Reads one.
#[must_use]
pub fn parse(text: &str) -> Typed {
    let mut parts = text.splitn(3, '/').map(|part| {
        let part = part.trim();
        (!part.is_empty()).then(|| part.to_owned())
    });
    Typed {
        customer: parts.next().flatten(),
        system: parts.next().flatten(),
        agent: parts.next().flatten(),
    }
}

/// The customers and systems that the viewer sees, as many as a list offers.
///
/// # Errors
/// [`StoreError`].
pub fn of(site: &Site, view: &View) -> Result<Vec<String>, StoreError> {
    let mut places: Vec<String> = Vec::new();
    for agent in site.store.agents()? {
        if !view.viewer().sees(&agent.customer) {
            continue;
        }
        // Agents come by customer and system: what is new differs from the last one.
        let system = format!("{}/{}", agent.customer, agent.system);
        if !places.contains(&agent.customer) {
            places.push(agent.customer);
        }
        if places.last() != Some(&system) {
            places.push(system);
        }
        if places.len() >= PAGE_PLACES {
            break;
        }
    }
    Ok(places)
}

/// The list that a field offers.
pub fn list(places: &[String]) -> Markup {
    html! { datalist #places { @for place in places { option value=(place) {} } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let of = |text: &str| {
            let typed = parse(text);
            [typed.customer, typed.system, typed.agent].map(Option::unwrap_or_default)
        };
        assert_eq!(of(""), ["", "", ""]);
        assert_eq!(of(" mirai "), ["mirai", "", ""]);
        assert_eq!(of("mirai/order"), ["mirai", "order", ""]);
        assert_eq!(of("mirai/order/web03"), ["mirai", "order", "web03"]);
        assert_eq!(of("mirai//web03"), ["mirai", "", "web03"]);
        assert_eq!(of("a/b/c/d"), ["a", "b", "c/d"]);
    }
}
