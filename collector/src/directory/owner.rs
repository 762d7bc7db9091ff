//! Whose a host is, and where it stands.

use super::Directory;
use crate::config::{Place, Text};
use crate::zone::Zone;
use hansho::code::Language;

/// An id with the name that people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The id.
    pub id: String,
    /// The name; the id itself where collector.toml gives none.
    pub name: Text,
}

impl Named {
    fn new(id: &str, name: Option<&Text>) -> Self {
        Self {
            id: id.to_owned(),
            name: name.cloned().unwrap_or_else(|| Text::same(id)),
        }
    }
}

/// Why a team owns a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamFrom {
    /// `[[host]] team`.
    Host,
    /// `[[system]] team`.
    System,
    /// `[notify] default_team`.
    Default,
    /// No team does.
    Nobody,
}

impl TeamFrom {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::System => "system",
            Self::Default => "default_team",
            Self::Nobody => "nobody",
        }
    }
}

/// Whose a host is, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The customer.
    pub customer: Named,
    /// The system.
    pub system: Named,
    /// The agent's name.
    pub host: String,
    /// Where it stands.
    pub site: Option<Named>,
    /// `production`, `staging`.
    pub environment: Option<Text>,
    /// The team.
    pub team: Option<Named>,
    /// Why that one.
    pub team_from: TeamFrom,
    /// Language of what is sent about it, where the receiver has none of its own.
    pub language: Language,
    /// Zone of its times.
    pub zone: Zone,
}

impl Directory {
    /// Whose the agent `customer/system/host` is. Where collector.toml does not know one of them, its id is its name.
    #[must_use]
    pub fn owner(&self, customer: &str, system: &str, host: &str) -> Owner {
        let declared = self.customer(customer);
        let of_system = declared.and_then(|declared| declared.systems.get(system));
        let place = of_system.map(|system| &system.place);
        let own = of_system.and_then(|system| system.hosts.get(host));
        let site = of(own, place, |place| place.site.as_ref());
        let sites = declared.map(|declared| &declared.sites);
        let (team, team_from) = self.team_of(own, place);
        Owner {
            customer: Named::new(customer, declared.map(|declared| &declared.name)),
            system: Named::new(system, of_system.map(|system| &system.name)),
            host: host.to_owned(),
            site: site.map(|id| {
                let known = sites.and_then(|sites| sites.get(id));
                Named::new(id, known.map(|site| &site.name))
            }),
            environment: of(own, place, |place| place.environment.as_ref()).cloned(),
            team: team.map(|id| Named::new(id, self.team(id).map(|team| &team.name))),
            team_from,
            language: declared.map_or(Language::Ja, |declared| declared.language),
            zone: self.zone_of(customer).clone(),
        }
    }

    fn team_of<'d>(
        &'d self,
        own: Option<&'d Place>,
        place: Option<&'d Place>,
    ) -> (Option<&'d str>, TeamFrom) {
        let team = |place: Option<&'d Place>| place.and_then(|place| place.team.as_deref());
        if let Some(team) = team(own) {
            return (Some(team), TeamFrom::Host);
        }
        if let Some(team) = team(place) {
            return (Some(team), TeamFrom::System);
        }
        match self.notify.default_team.as_deref() {
            Some(team) => (Some(team), TeamFrom::Default),
            None => (None, TeamFrom::Nobody),
        }
    }

    /// The teams of all that stands at a site of a customer, or of the whole customer: each once, by id.
    pub(super) fn teams_at(&self, customer: &str, site: Option<&str>) -> Vec<String> {
        let mut teams: Vec<String> = Vec::new();
        let systems = self
            .customer(customer)
            .into_iter()
            .flat_map(|declared| declared.systems.values());
        for system in systems {
            let own = system.hosts.values().map(Some);
            for own in core::iter::once(None).chain(own) {
                let at = of(own, Some(&system.place), |place| place.site.as_ref());
                let here = site.is_none() || at.map(String::as_str) == site;
                if let (true, (Some(team), _)) = (here, self.team_of(own, Some(&system.place))) {
                    teams.push(team.to_owned());
                }
            }
        }
        if teams.is_empty() {
            teams.extend(self.notify.default_team.clone());
        }
        teams.sort_unstable();
        teams.dedup();
        teams
    }
}

/// What the host says, else what its system says.
fn of<'p, T>(
    own: Option<&'p Place>,
    system: Option<&'p Place>,
    part: impl Fn(&'p Place) -> Option<&'p T>,
) -> Option<&'p T> {
    own.and_then(&part).or_else(|| system.and_then(&part))
}
